"""Several processes that train together, on JAX's own distributed runtime."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from ...core.packing import from_bytes, shaped_like, to_bytes
from ...core.settings import UnfitError, setting, taken, whole
from ...core.text import Brief
from ...errors import FileError, SettingError, WorkerError
from .meetings import ALL_CALL, STUCK, VARIABLE, Meetings
from .peers import EXIT, HERE, begin, client, gone, leave, runtime

HEARTBEAT = 10
"""Seconds without a sign of life after which a process counts as dead."""
PATIENCE, WAITING = 300.0, 1800.0
"""After how many seconds without a step in a training, or of waiting outside of one, a process ends."""
SHORT = 1024
"""The number of bytes sent at once, before the total is known."""
LONGEST = 1 << 30
"""The most bytes that a process sends to others; a longer message must be something else."""
BROKEN = re.compile("UNKNOWN|UNAVAILABLE|INTERNAL|ABORTED|CANCELLED|DEADLINE_EXCEEDED|FAILED_PRECONDITION")
"""How runtime errors begin when collective work breaks off; JAX raises some as ValueError."""
HINTS = {
    "must be called before": "start comes first, and once, before any model on JAX or work by JAX itself. ",
    "Failed to start RPC server": "is there another program at this port? ",
}
"""What stands before JAX's own words."""
VERSIONS = "all must run the same version of lucidnet"
OURS = ("lucidnet", "jax", "jaxlib", "numpy", "contextlib", "functools", "threading", "queue")
"""The packages whose frames are not the user's program."""


def _address(given: Any, owner: Any) -> str:
    host, _, port = given.rpartition(":") if isinstance(given, str) else ("", "", "")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise UnfitError
    return str(given)


ADDRESS = setting("the address of the first process as HOST:PORT, such as '10.0.0.1:1234'", _address)


def join(coordinator: str | None, count: int | None, index: int | None) -> None:
    """Become one of several processes; wait for the others.

    Raises
    ------
    SettingError
        If only some of the three are given, they do not fit, or the others do not come.
    """
    given = (coordinator, count, index)
    if any(value is None for value in given) and any(value is not None for value in given):
        raise SettingError(
            "several processes: give the address of the first as HOST:PORT, how many there are, and which of "
            f"them this is (from 0); got {coordinator!r}, {count!r}, {index!r}"
        )
    if coordinator is not None:
        coordinator = taken("several processes", "coordinator", coordinator, ADDRESS)
        count = taken("several processes", "processes", count, whole(1))
        index = taken("several processes", "index", index, whole(0))
    if count is not None and index is not None and index >= count:
        raise SettingError(f"several processes: this is number {index} of {count}; expected 0 to {count - 1}")
    jax = runtime()
    try:
        begin(
            lambda: jax.distributed.initialize(
                coordinator, count, index, heartbeat_timeout_seconds=HEARTBEAT, shutdown_timeout_seconds=0
            )
        )
    except (RuntimeError, ValueError) as error:
        hint = next((words for said, words in HINTS.items() if said in str(error)), "")
        raise SettingError(f"several processes: they could not be joined: {hint}{error}") from error


def detected() -> bool:
    """Tell whether this process was started as one of several, by SLURM or what else JAX knows."""
    runtime()
    try:
        clusters: Any = import_module("jax._src.clusters").ClusterEnv._cluster_types
        return any(cluster.is_env_present() for cluster in clusters if not cluster.opt_in_only_method)
    except (ImportError, AttributeError):
        return False


def gathered(value: Any, topic: str | None = None) -> list[Any]:
    """Return the values of all processes, in their order; every process must call this.

    Plain data are sent: numbers, texts, None, arrays, and tuples, lists and dicts of them.

    Parameters
    ----------
    value
        What this process has.
    topic : str, optional
        What they tell each other, which must be the same in all; the name of the function that calls
        `Executor.gather` if not given.

    Raises
    ------
    SettingError
        If there is something else in it, or others are somewhere else in the program.
    WorkerError
        If another process sent what cannot be read.
    """
    topic = topic or sys._getframe(2).f_code.co_name
    mine = (topic, place(), value)
    try:
        sent = to_bytes(mine)
    except FileError as error:
        why = str(error).replace("value/2", "value", 1)
        raise SettingError(
            f"several processes: what they tell each other, as states of metrics, must be plain: {why}"
        ) from error
    found = [_read(index, data, mine) for index, data in enumerate(_sent(sent))]
    for index, (theirs, where, _) in enumerate(found):
        if theirs != topic:
            raise SettingError(
                f"several processes: this one is at {mine[1]}, and process {index} at {where}: {ALL_CALL}"
            )
    return [theirs for _, _, theirs in found]


def place(thread: int | None = None) -> str:
    """Return where a thread is in the user's own program, as file and line; this one if none is given."""
    frame: Any = sys._getframe(1) if thread is None else sys._current_frames().get(thread)
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] not in OURS:
            return f"line {frame.f_lineno} of {os.path.basename(frame.f_code.co_filename)}"
        frame = frame.f_back
    return "an unknown place"


def _sent(mine: bytes) -> list[bytes]:
    """Return the bytes that each process sends; each message is preceded by its length."""
    gather: Any = import_module("jax.experimental.multihost_utils").process_allgather
    mine = len(mine).to_bytes(8, "little") + mine
    size = SHORT
    while True:
        padded = np.zeros(size, np.uint8)
        padded[: len(mine)] = np.frombuffer(mine, np.uint8)[:size]
        rows = [row.tobytes() for row in gather(padded).reshape(-1, size)]
        lengths = [8 + int.from_bytes(row[:8], "little") for row in rows]
        if max(lengths) > LONGEST:
            raise WorkerError(f"process {np.argmax(lengths)} sent what cannot be read; {VERSIONS}")
        if max(lengths) <= size:
            return [row[8:length] for row, length in zip(rows, lengths, strict=True)]
        size = 1 << (max(lengths) - 1).bit_length()  # few sizes, so few programs


def _read(index: int, data: bytes, mine: Any) -> Any:
    """Decode what a process sent, with the types that the value has here."""
    try:
        return shaped_like(from_bytes(data), mine)
    except FileError as error:
        raise WorkerError(f"process {index} sent what cannot be read ({error}); {VERSIONS}") from error


@contextmanager
def together(count: int, what: str) -> Iterator[None]:
    """Work with other processes, which do the same; raise a clear `WorkerError` if one of them has gone.

    Parameters
    ----------
    count : int
        How many processes there are.
    what : str
        What they do. If others wait for something else meanwhile, this process ends.
    """
    if count == 1:
        yield
        return
    jax: Any = import_module("jax")
    if HERE.heard.is_set() or HERE.left.is_set():
        message = f"{_here()}: {gone()}"
        leave()
        raise WorkerError(message)
    try:
        with _meetings().at(what):
            yield
        for watchdog in WATCHDOGS:
            watchdog.beat()
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if not BROKEN.match(str(error)):
            raise
        message, why = gone(), str(error).splitlines()[0][:200]
        leave()
        raise WorkerError(f"{_here()}: {message} (The runtime says: {why})") from error


@cache
def _meetings() -> Meetings:
    def end(why: str) -> None:
        _give_up(why, os._exit)

    return Meetings(import_module("jax").process_index(), client(), place, end, _patience(WAITING))


def _here() -> str:
    jax: Any = import_module("jax")
    return f"process {jax.process_index()} of {jax.process_count()}"


def _give_up(why: str, end: Callable[[int], Any]) -> None:
    """Say why this process ends, and end it."""
    print(f"error: {_here()}: {why}", file=sys.stderr, flush=True)
    leave(why)
    end(EXIT)


WATCHDOGS: list[Any] = []
"""Those of the trainings that go on: one may stand within another."""


@contextmanager
def watching(count: int) -> Iterator[None]:
    """Watch over a training of several processes: whatever they do `together` is a sign of life."""
    if count == 1:
        yield
        return
    WATCHDOGS.append(watchdog := Watchdog())
    try:
        yield
    finally:
        WATCHDOGS.remove(watchdog)
        watchdog.close()


def _patience(usual: float = PATIENCE) -> float:
    """Return the seconds after which a process that waits or makes no step ends, as the environment says."""
    given = os.environ.get(VARIABLE)
    try:
        seconds = usual if given is None else float(given)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise SettingError(
            f"the environment variable {VARIABLE} must be a number of seconds above 0, got {given!r}"
        )
    return seconds


class Watchdog(Brief):
    """Ends this process if a training makes no step for too long: some process is alive, but stuck.

    Heartbeats never notice that, and a process that waits for the others cannot be interrupted.

    Parameters
    ----------
    seconds : float, optional
        Seconds without a step; ``LUCIDNET_STUCK_SECONDS`` in the environment if not given, else 300.
    end : callable, optional
        Called then, after a message; if not given, the process exits.
    """

    def __init__(self, seconds: float | None = None, end: Callable[[int], Any] = os._exit) -> None:
        self.seconds = _patience() if seconds is None else seconds
        self.end, self.last, self.over = end, time.monotonic(), threading.Event()
        self.owner = threading.get_ident()
        self.thread = threading.Thread(target=self._watch, name="lucidnet watchdog", daemon=True)
        self.thread.start()

    def beat(self) -> None:
        """Note that there is progress."""
        self.last = time.monotonic()

    def close(self) -> None:
        """Stop the watching thread."""
        self.over.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.over.wait(min(1.0, self.seconds / 4)):
            if time.monotonic() - self.last > self.seconds:
                return _give_up(STUCK.format(f"no step for {self.seconds:g} s", place(self.owner)), self.end)
