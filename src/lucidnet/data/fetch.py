"""Getting the files of a data set: from a folder, the cache, or one of several mirrors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import files as atomic
from ..core.caches import cache_folder
from ..core.screen import is_terminal
from ..errors import FileError
from .idx import CHUNK, read_idx

FOLDER_VARIABLE = "LUCIDNET_DATA"
TIMEOUT = 30.0
"""Seconds to wait for a silent mirror."""


@dataclass(frozen=True)
class Download:
    """Where to get the files of a data set, and how to verify them.

    Parameters
    ----------
    name : str
        Name of the data set, and of its folder.
    files : mapping of str to str
        For each file the SHA-256 of its uncompressed content. (How it is compressed differs between mirrors.)
    mirrors : tuple of str
        Addresses of folders that hold the files.
    check : callable
        ``check(path, sha256)`` raises `FileError` if a file is not what it should be; by default it checks
        for an IDX file.
    """

    name: str
    files: Mapping[str, str]
    mirrors: tuple[str, ...]
    check: Callable[[str | Path, str], object] = lambda path, sha256: read_idx(path, sha256=sha256)


def locate(source: Download, file: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Find a file in the given folder or in the cache; else download it from a mirror.

    Parameters
    ----------
    source : Download
        The data set.
    file : str
        The file's name.
    folder : path, optional
        A folder of data sets; by default that of the environment variable ``LUCIDNET_DATA``.
    """
    given = folder or os.environ.get(FOLDER_VARIABLE)
    if given:
        for name in (file, file.removesuffix(".gz")):
            path = Path(given) / source.name / name
            if os.path.exists(path):
                return path
    cached = cache_folder() / source.name / file
    if os.path.exists(cached):
        try:
            source.check(cached, source.files[file])
            return cached
        except FileError:
            with atomic.explained(cached, "it is damaged, and cannot be removed"):
                cached.unlink()
    return download(source, file, cached)


def download(source: Download, file: str, target: Path) -> Path:
    """Download a file from the first mirror that works; it is verified before it is put in place."""
    from http.client import HTTPException

    failures = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the folder {target.parent} cannot be made ({error.strerror})"
        raise FileError(target, reason, _by_hand(source)) from error
    for mirror in source.mirrors:
        try:
            _fetch(mirror + file, target, lambda path: source.check(path, source.files[file]))
            return target
        except (OSError, HTTPException, FileError) as error:
            failures.append(f"  {mirror}{file}: {error}")
    reason = f"{file} could not be downloaded:\n" + "\n".join(failures) + "\n"
    raise FileError(source.name, reason, _by_hand(source))


def _by_hand(source: Download) -> str:
    return f"put the files of {source.name} into a folder DIR/{source.name} and set {FOLDER_VARIABLE}=DIR"


def _fetch(address: str, target: Path, check: Callable[[str], object]) -> None:
    """Download a file; it is put in place only once it is verified."""
    from urllib.request import urlopen  # takes 15 ms to import

    with urlopen(address, timeout=TIMEOUT) as response:
        atomic.write(target, _chunks(response, target.name), check)


def _chunks(response: Any, title: str) -> Iterator[bytes]:
    """Yield a download in chunks, with a progress bar if stderr is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    total = response.headers.get("Content-Length")
    with Progress(
        console=Console(stderr=True), disable=not is_terminal(sys.stderr), transient=True
    ) as progress:
        task = progress.add_task(title, total=int(total) if total else None)
        try:
            while chunk := response.read(CHUNK):
                progress.advance(task, len(chunk))
                yield chunk
        except OSError as error:
            raise FileError(title, f"the download broke off ({error})", "try again") from error
