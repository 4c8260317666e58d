"""Files: read with care, and written atomically: whole or not at all."""

from __future__ import annotations

import io
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import FileError, LucidnetError

MOST_COMPRESSED = 1032
"""The largest compression ratio of deflate (https://zlib.net/zlib_tech.html)."""
SLACK = 1 << 20
"""A file may claim this many bytes more than it holds, as for parts that were never written."""

POINTER = b"version https://git-lfs.github.com/spec/"
"""How a file begins that Git LFS has not fetched yet (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md)."""


# --- reading ------------------------------------------------------------------------------------------


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[io.BufferedReader]:
    """Open a regular file for reading; devices and pipes, which could block for ever, are refused.

    Raises
    ------
    FileError
        If there is none, or it cannot be read, also later.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "no ordinary file"
            raise FileError(path, f"is {kind}", "name a file in it" if kind == "a folder" else "name one")
        with path.open("rb") as file:
            if file.peek(len(POINTER)).startswith(POINTER):
                raise FileError(path, "is a pointer of Git LFS, not the file", "git lfs pull brings it")
            yield file
    except FileNotFoundError as error:
        address = re.match(r"[A-Za-z][\w+.-]+:/", str(path))  # longer than the letter of a drive
        remedy = "it is an address: download it first" if address else "look for a mistake in its name"
        if str(path) == "-":
            remedy = "standard input is read by evaluate and predict: write it into a file"
        raise FileError(path, "there is no such file", remedy) from error
    except ValueError as error:
        if path_fault(path) is None:
            raise
        raise FileError(
            repr(str(path)), f"is no name of a file ({error})", "look for a mistake in it"
        ) from error
    except OSError as error:
        if error.errno is None:  # what zipfile and gzip raise on bad contents
            raise
        raise FileError(
            path, f"cannot be read ({error.strerror})", "check its place and permissions"
        ) from error


@contextmanager
def reading(path: str | os.PathLike[str], kind: str, remedy: str) -> Iterator[None]:
    """Turn any error that damaged or hostile content causes inside this context into a `FileError`.

    Parameters
    ----------
    path : path
        The file; errors that do not know theirs are given it.
    kind : str
        What it is read as.
    remedy : str
        What to do if it cannot be read.
    """
    with about(path, remedy):
        try:
            yield
        except LucidnetError:
            raise
        except Exception as error:  # what libraries raise on damaged files is documented nowhere
            reason = str(error) or type(error).__name__
            raise FileError(path, f"cannot be read as {kind} ({reason})", remedy) from error


@contextmanager
def about(path: str | os.PathLike[str], remedy: str) -> Iterator[None]:
    """Add the path, and a remedy, to a `FileError` raised inside this context without one."""
    try:
        yield
    except FileError as error:
        if error.file:
            raise
        raise type(error)(path, error.reason, error.remedy or remedy) from error


def check_size(
    path: str | os.PathLike[str], needed: int, held: int, max_bytes: int | None, ratio: int = 1
) -> None:
    """Raise if an array is too large, or larger than the file can hold; called before it is allocated.

    Parameters
    ----------
    path : path
        The file.
    needed : int
        The bytes that the array takes, in the file's own type.
    held : int
        The bytes that the file has for it.
    max_bytes : int, optional
        How many it may take.
    ratio : int
        How much larger than the held bytes it may be.

    Raises
    ------
    FileError
        If it claims more than that.
    """
    if needed > held * ratio + (SLACK if ratio > 1 else 0):
        reason = f"promises {needed:,} bytes of numbers, but holds no more than {held:,} bytes"
        raise FileError(path, reason, "it is damaged: get the file anew")
    if max_bytes is not None and needed > max_bytes:
        raise FileError(
            path,
            f"its numbers would take {needed:,} bytes, more than max_bytes={max_bytes:,}",
            "if you trust the file pass a larger max_bytes",
        )


def path_fault(path: str | os.PathLike[str]) -> str | None:
    r"""Say why a path can be no file name; None if it can be one.

    Examples
    --------
    >>> path_fault("model.safetensors") is None, path_fault("a\0b"), path_fault("a\ud800b")
    (True, 'a path holds no null character', 'a character in it cannot be written in a path')
    """
    text = os.fspath(path)
    if "\0" in text:
        return "a path holds no null character"
    try:
        os.fsencode(text)
    except UnicodeError:
        return "a character in it cannot be written in a path"
    return None


# --- writing ------------------------------------------------------------------------------------------


def write(
    path: str | os.PathLike[str], chunks: Iterable[bytes], check: Callable[[str], object] | None = None
) -> None:
    """Write bytes to a file, atomically and durably.

    They go to a temporary file in the same folder, which is synced to disk and then takes the place of
    the old file in one step; last the folder is synced. A crash at any moment leaves the old file or
    the new one. The file keeps its permissions, a new one has the usual ones; a link is followed. A file
    that is protected from being written stays as it is.

    Parameters
    ----------
    path : path
        The file.
    chunks : iterable of bytes
        What to write.
    check : callable, optional
        Called with the name of the finished temporary file (of the same suffix); if it raises, nothing
        takes the place of the old file.

    Raises
    ------
    FileError
        If it cannot be written; the old file is then still there.
    """
    with explained(Path(path), "what was there before is unchanged"):
        target = _target(path)
        # Not the whole of a long name: 255 bytes are the most that disks take, and a letter may be four.
        temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}{target.suffix[:20]}")
        try:
            with open(temporary, "xb") as file:
                _keep_permissions(target, temporary)
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            if check:
                check(str(temporary))
            os.replace(temporary, target)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise
    with explained(Path(path), "the new file is in place, but may not outlast a power cut"):
        _sync_folder(target.parent)


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder, and those around it, where it is not there; return it.

    Raises
    ------
    FileError
        If it cannot be made.
    """
    if fault := path_fault(path):
        raise FileError(repr(os.fspath(path)), fault, "name another folder")
    with explained(Path(path), "nothing was written there"):
        Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


def csv_text(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], path: str | os.PathLike[str] | None = None
) -> str:
    """Return a table as CSV; write it to a file if a path is given."""
    import csv

    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    if path is not None:
        from .settings import path_like, taken

        path = taken("to_csv", "path", path, path_like())
        write(path, [encoded(path, text.getvalue())])
    return text.getvalue()


def encoded(path: str | os.PathLike[str], text: str) -> bytes:
    """Encode text as UTF-8 for a file; raise `FileError` if it cannot be encoded.

    Raises
    ------
    FileError
        If there is half a character in it, which no file can hold (a lone surrogate, U+D800 to U+DFFF).
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        where = text[max(0, error.start - 20) : error.end + 20]
        reason = f"was not written: {where!r} holds what is no character"
        raise FileError(path, reason, "give what is called so another name") from None


def _target(path: str | os.PathLike[str]) -> Path:
    """Return the file that a path or a symbolic link leads to."""
    if fault := path_fault(path):
        raise FileError(repr(os.fspath(path)), fault, "name another file")
    target = Path(os.path.realpath(path))
    if target.exists() and not (target.is_file() or target.is_dir()):
        raise FileError(path, "is no ordinary file, but a device or a pipe", "name a file")
    if target.is_file() and not os.access(target, os.W_OK):  # which would not keep it from being replaced
        raise FileError(path, "is protected from being written", "take the protection away, or name another")
    return target


def _keep_permissions(target: Path, temporary: Path) -> None:
    with suppress(FileNotFoundError):
        temporary.chmod(target.stat().st_mode & 0o777)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def explained(path: Path, state: str) -> Iterator[None]:
    """Turn an operating system error into a `FileError` that says what has happened and what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileError(path, "the folder does not exist", "make it first") from error
    except (NotADirectoryError, FileExistsError) as error:
        raise FileError(path, "a file stands where a folder should be", "choose another place") from error
    except IsADirectoryError as error:
        raise FileError(path, "is a folder", "name a file in it") from error
    except PermissionError as error:
        raise FileError(path, f"cannot be written ({error.strerror})", "choose another place") from error
    except OSError as error:
        import errno

        reason = f"writing failed ({error.strerror or error}); {state}"
        room = error.errno in [getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG")]
        raise FileError(path, reason, f"{'make room, or ' * room}choose another place") from error
