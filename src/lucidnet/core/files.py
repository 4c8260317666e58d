"""Writing a file so that it is there whole, or not at all."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import FileError


def write(
    path: str | os.PathLike[str], chunks: Iterable[bytes], check: Callable[[str], object] | None = None
) -> None:
    """Write bytes to a file, atomically and durably.

    They go to a temporary file in the same folder, which is synced to disk and then takes the place of
    the old file in one step; last the folder is synced. A crash at any moment leaves the old file or
    the new one. The file keeps its permissions, a new one has the usual ones; a link is followed.

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
        If it cannot be written; what was there before is still there.
    """
    with explained(Path(path), "what was there before is unchanged"):
        target = _target(path)
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}{target.suffix}")
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
        write(path, [text.getvalue().encode()])
    return text.getvalue()


def _target(path: str | os.PathLike[str]) -> Path:
    """Return the file that a path, or a link, leads to."""
    if "\0" in os.fspath(path):
        raise FileError(f"{os.fspath(path)!r}: a path holds no null character; name another file")
    target = Path(os.path.realpath(path))
    if target.exists() and not (target.is_file() or target.is_dir()):
        raise FileError(f"{path}: is no ordinary file, but a device or a pipe; name a file")
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
    """Turn errors of the system into one that says how things stand, and what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileError(f"{path}: the folder does not exist; make it first") from error
    except (NotADirectoryError, FileExistsError) as error:
        raise FileError(f"{path}: a file stands where a folder should be; choose another place") from error
    except IsADirectoryError as error:
        raise FileError(f"{path}: is a folder; name a file in it") from error
    except PermissionError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
    except OSError as error:
        raise FileError(
            f"{path}: writing failed ({error.strerror or error}); {state}; make room, or choose another place"
        ) from error
