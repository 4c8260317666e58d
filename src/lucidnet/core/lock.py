"""A lock file that gives a folder to one training at a time, and says to which.

The file is made by `os.link`, which either makes it or fails, on network disks too (or by ``O_EXCL`` where a
disk knows no links; NFS must then be version 3 or newer). It names process and machine, and its time is
renewed every `BEAT` seconds. A lock is left over if its process is gone, which its own machine can tell.
Another machine or container, or the same machine after a restart, cannot tell: there a lock is left over once
its time has not been renewed for `LIMIT` seconds, by the clock of the disk, so that the machines' own clocks
do not matter. A disk that shows another machine's writes only after minutes is not guarded against. A process
that slept for longer, and lost the folder meanwhile, is told so when it next writes (`FolderLock.hold`).
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import FileError
from .files import explained, make_folder, path_fault
from .signals import DeferInterrupt

NAME = ".lucidnet-training.lock"
"""The name of the lock file in the folder."""
BEAT = 30.0
"""Seconds between two heartbeats."""
LIMIT = 600.0
"""Seconds without a heartbeat after which another machine's lock counts as left over."""

ALONE = ("emscripten", "wasi")
"""Platforms of a browser's Python: no threads for heartbeats, and no other process to see them."""
LONGEST = 1 << 16
"""The number of characters of a lock file that are read."""

HELD: weakref.WeakValueDictionary[str, FolderLock] = weakref.WeakValueDictionary()
"""The locks that this process holds, by token; a lock left by an interrupt is held by nobody."""


class FolderLock:
    """The exclusive right to write in a folder, from `take` to `release` or in a ``with`` statement.

    Parameters
    ----------
    folder : path
        The folder; made if it is not there.

    Attributes
    ----------
    note : str or None
        Called with a message if a left-over lock was taken.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.path = self.folder / NAME
        self.token = secrets.token_hex(8)
        self.note: str | None = None
        self._ended = threading.Event()

    def __enter__(self) -> FolderLock:
        try:
            self.take()
        except BaseException:  # Ctrl-C, too, when the file is there already
            self.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with DeferInterrupt():
            self.release()

    def take(self) -> None:
        """Acquire the lock; raise with the name of its holder if it is held.

        Raises
        ------
        FileError
            If another training has it, or the folder cannot be written.
        """
        mine = {
            "pid": os.getpid(),
            "token": self.token,
            "since": time.time(),
            **_machine(),
            **_began(os.getpid()),
        }
        made = self.path.with_name(f"{NAME}.{self.token}")
        with explained(self.folder, "nothing was written there"):
            make_folder(self.folder)
            try:
                made.write_text(json.dumps(mine), encoding="utf-8")
                HELD[self.token] = self  # before other threads can see the file
                with _one_by_one(self.folder):
                    self._clear(made.stat().st_mtime)
                    try:
                        _link(made, self.path)
                    except FileExistsError:
                        raise _refusal(self.path, _read(self.path), 0.0) from None
            except BaseException:
                HELD.pop(self.token, None)
                raise
            finally:
                made.unlink(missing_ok=True)
        self._ended = threading.Event()
        if sys.platform in ALONE:
            return
        given = (self.path, self.token, self._ended)
        threading.Thread(target=_beat, args=given, name="lucidnet lock", daemon=True).start()

    def release(self) -> None:
        """Release the lock, unless somebody else has taken it meanwhile."""
        HELD.pop(self.token, None)
        self._ended.set()
        with suppress(OSError):
            if self._mine():
                self.path.unlink()

    def hold(self) -> None:
        """Check before writing that the lock is still ours; take it again if it has vanished.

        Raises
        ------
        FileError
            If another training has taken it.
        """
        if not self._mine():
            self._ended.set()
            self.take()

    def _mine(self) -> bool:
        found = _read(self.path)
        return (found.get("token"), found.get("pid")) == (self.token, os.getpid())  # not a forked copy's

    def _clear(self, now: float) -> None:
        """Remove a stale lock and left-over temporary files; raise if the lock is in use."""
        for left in self.folder.glob(f"{NAME}.*"):
            with suppress(OSError):
                holder, age = _read(left), now - left.stat().st_mtime
                gone = holder.get("pid") != os.getpid() and _left_over(holder, age)
                if age > BEAT or gone:
                    left.unlink()
        try:
            age = max(0.0, now - self.path.stat().st_mtime)
        except FileNotFoundError:
            return
        holder = _read(self.path)
        reason = _left_over(holder, age)
        if reason is None:
            raise _refusal(self.path, holder, age)
        self.note = f"{self.folder}: took over the lock of {_title(holder)}: {reason}"
        self.path.unlink(missing_ok=True)


@contextmanager
def locked(
    folders: Iterable[Path], gather: Callable[[Any], list[Any]], main: bool, tell: Callable[[str], object]
) -> Iterator[list[FolderLock]]:
    """Hold the locks of several folders, in the main process; all processes raise if that fails.

    Parameters
    ----------
    folders : iterable of Path
        The folders; one may be there twice.
    gather : callable
        Returns what each process has, in their order.
    main : bool
        Whether this is the process that writes.
    tell : callable
        Called with messages about locks that were left over.
    """
    held: list[FolderLock] = []
    refused = None
    with ExitStack() as stack:
        if main:
            try:
                for folder in sorted(set(map(_place, folders))):
                    held.append(stack.enter_context(FolderLock(folder)))
            except FileError as error:
                refused = (error.file, error.reason, error.remedy)
        if said := next(filter(None, gather(refused)), None):
            raise FileError(*said)
        for note in filter(None, (lock.note for lock in held)):
            tell(note)
        yield held


def _beat(path: Path, token: str, ended: threading.Event) -> None:
    """Touch the lock file regularly, as a sign of life, while the lock is held."""
    while not ended.wait(BEAT) and token in HELD:
        with suppress(OSError):
            if _read(path).get("token") == token:
                os.utime(path)


def _place(folder: Path) -> Path:
    """Return the canonical path of a folder, with links resolved."""
    if fault := path_fault(folder):
        raise FileError(repr(str(folder)), fault, "name another folder")
    return Path(os.path.realpath(folder))


def _left_over(holder: dict[str, Any], age: float) -> str | None:
    """Say why a lock is stale; None if it may be in use."""
    silent = f"it gave no sign of life for {span(age)}" if age > LIMIT else None
    if not holder or any(holder.get(name) != value for name, value in _machine().items()):
        return silent
    pid, began = holder.get("pid"), holder.get("began")
    if pid == os.getpid() and began == _began(os.getpid())["began"]:
        return None if str(holder.get("token")) in HELD else "that is this process, which has left it"
    found = _began(pid)["began"]
    if found is None:
        return "that process is gone"
    if found != began:
        return "that process is gone, and another has its number"
    return None if found else silent  # without a start time, another process may have its number


def _refusal(path: Path, holder: dict[str, Any], age: float) -> FileError:
    since = holder.get("since")
    begun = f", for {span(time.time() - since)}" if isinstance(since, float) else ""
    return FileError(
        path.parent,
        f"another training writes there: {_title(holder)}{begun}, last sign of life {span(age)} ago",
        f"wait for it, or choose another folder. If there is no such process any more, remove {path}",
    )


def _title(holder: dict[str, Any]) -> str:
    known = {"pid", "host"} <= holder.keys()
    return f"process {holder['pid']} on {holder['host']}" if known else "an unknown process"


def _machine() -> dict[str, str]:
    """Identify the machine, its boot and the container: process numbers are unique only within these."""
    system = ""
    with suppress(OSError):  # there are such files on Linux only
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        system = f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return {"host": socket.gethostname(), "system": system}


def _began(pid: Any) -> dict[str, str | None]:
    """Return when a process of this machine started: "" if unknown, None if there is no such process."""
    if type(pid) is not int or pid < 1:
        return {"began": None}
    if not Path("/proc/self/stat").exists():
        return {"began": "" if _runs(pid) else None}
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {"began": None}
    state, *rest = text.rpartition(")")[2].split()
    return {"began": None if state in "ZX" else rest[18]}  # a zombie has ended


def _runs(pid: int) -> bool:
    if os.name == "nt":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return True


def _read(path: Path) -> dict[str, Any]:
    """Return the content of a lock file; {} if it cannot be read."""
    try:
        if not path.is_file():  # a pipe would wait forever
            return {}
        with path.open(encoding="utf-8") as file:
            found = json.loads(file.read(LONGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _link(made: Path, path: Path) -> None:
    """Move a finished file to its place; raise `FileExistsError` if there is a file already."""
    try:
        os.link(made, path)
    except FileExistsError:
        raise
    except OSError:  # no links on this disk
        with path.open("x", encoding="utf-8") as file:
            file.write(made.read_text(encoding="utf-8"))


@contextmanager
def _one_by_one(folder: Path) -> Iterator[None]:
    """Let only one process of a machine at a time check for a stale lock and take it."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not all disks support it
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def span(seconds: float) -> str:
    """Format a duration roughly, in seconds, minutes or hours.

    Examples
    --------
    >>> span(5.4), span(150), span(9000)
    ('5 s', '2 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
