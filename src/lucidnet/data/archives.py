"""ZIP archives with one table in them."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from shlex import join
from typing import IO, Any, NamedTuple

from ..errors import ContentError, FileError, some
from .others import of_archive

SHOWN = 10
"""How many members of an archive a message names."""
READ = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
"""The ways of packing that are read."""
TEXTS = frozenset((".txt", ".asc"))
"""Suffixes of tables, and of descriptions that lie beside them."""


class Member(NamedTuple):
    """The table in an archive: its name, and those of the other members."""

    name: str
    beside: tuple[str, ...]


def member(file: Any, path: Path, suffixes: Collection[str]) -> Member:
    """Find the one table in a ZIP archive.

    Folders, and what macOS adds, do not count; a text file does only if there is no other table.

    Parameters
    ----------
    file : binary file
        The archive, opened.
    path : Path
        Where it lies, for messages.
    suffixes : collection of str
        The suffixes of tables.

    Raises
    ------
    FileError
        If it is none, is locked, or holds no table, or several; it names them.
    """
    try:
        infos = zipfile.ZipFile(file).infolist()
    except zipfile.BadZipFile as error:
        raise FileError(path, f"is no ZIP archive ({error})", "get the file anew") from error
    there = [one for one in infos if not one.is_dir() and not _is_hidden(one.filename)]
    names = [one.filename for one in there]
    listed = some(names, SHOWN) or "nothing"
    if remark := of_archive([one.filename for one in infos]):
        raise FileError(path, *remark)
    tables = [one for one in there if PurePosixPath(one.filename).suffix.lower() in suffixes]
    plain = [one for one in tables if PurePosixPath(one.filename).suffix.lower() not in TEXTS]
    found = plain or tables
    folder = path.with_suffix("")
    unpacked = f"{join(['python', '-m', 'zipfile', '-e', str(path), str(folder)])} unpacks it"
    if not found:
        raise ContentError(path, f"holds no table in text, but {listed}", f"{unpacked}; name a file in it")
    if len(found) > 1:
        first = folder / found[0].filename
        reason = f"holds {len(found)} tables: {some([one.filename for one in found], SHOWN)}"
        raise ContentError(path, reason, f"{unpacked}; name one of them, as {first}")
    if found[0].compress_type not in READ:  # of others `zipfile` unpacks a block whole, whatever its size
        reason = f"is not packed by deflate, as is usual: {found[0].filename}"
        raise FileError(path, reason, "unpack it, and name the file")
    if found[0].flag_bits & 1:
        raise FileError(
            path, f"is locked with a password: {found[0].filename}", "unpack it, and name the file"
        )
    return Member(found[0].filename, tuple(name for name in names if name != found[0].filename))


def content(file: Any, path: Path, suffixes: Collection[str]) -> IO[bytes]:
    """Return a stream of the bytes of the one table in an archive."""
    return zipfile.ZipFile(file).open(member(file, path, suffixes).name)


def _is_hidden(name: str) -> bool:
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith(".")
