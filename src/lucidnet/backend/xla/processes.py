"""Several processes that train together, on JAX's own distributed runtime."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from ...errors import SettingError, WorkerError, optional

HEARTBEAT = 10
"""Seconds without a sign of life after which a process counts as dead."""
STUCK = "LUCIDNET_STUCK_SECONDS"
"""The environment variable that says after how many seconds without a step a training is given up."""
PATIENCE = 300.0
EXIT = 70
"""The exit code of a process that gives up (EX_SOFTWARE of sysexits.h)."""


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
    if count is not None and index is not None and not 0 <= index < count:
        raise SettingError(f"several processes: this is number {index} of {count}; expected 0 to {count - 1}")
    jax: Any = optional("jax", "jax")
    try:
        jax.distributed.initialize(
            coordinator, count, index, heartbeat_timeout_seconds=HEARTBEAT, shutdown_timeout_seconds=HEARTBEAT
        )
    except (RuntimeError, ValueError) as error:
        raise SettingError(f"several processes: they could not be joined: {error}") from error


def detected() -> bool:
    """Tell whether this process was started as one of several, by SLURM or what else JAX knows."""
    optional("jax", "jax")
    try:
        clusters: Any = import_module("jax._src.clusters").ClusterEnv._cluster_types
        return any(cluster.is_env_present() for cluster in clusters if not cluster.opt_in_only_method)
    except (ImportError, AttributeError):
        return False


def gathered(value: Any) -> list[Any]:
    """Return what each process has, in their order; all must call it."""
    from jax.experimental import multihost_utils

    gather: Any = multihost_utils.process_allgather
    mine = np.frombuffer(pickle.dumps(value), np.uint8)
    sizes = gather(np.array([len(mine)], np.int32)).reshape(-1)
    padded = np.zeros(int(sizes.max()), np.uint8)
    padded[: len(mine)] = mine
    everything = gather(padded).reshape(len(sizes), -1)
    return [pickle.loads(row[:size].tobytes()) for row, size in zip(everything, sizes, strict=True)]


@contextmanager
def together(count: int) -> Iterator[None]:
    """Say clearly that another process has gone, if work with others breaks off."""
    if count == 1:
        yield
        return
    jax: Any = import_module("jax")
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        raise WorkerError(
            f"process {jax.process_index()} of {count}: another process has gone, or cannot be reached. "
            "Start all of them again, with as many as you like; with --resume (fit(..., resume=folder)) they "
            f"go on from the newest checkpoint. (The runtime says: {str(error).splitlines()[0][:200]})"
        ) from error


class Watchdog:
    """Ends this process when a training makes no step for too long: some process is alive, but stuck.

    Heartbeats never notice that, and whoever waits for the others cannot be interrupted.

    Parameters
    ----------
    seconds : float, optional
        After how long; the environment variable ``LUCIDNET_STUCK_SECONDS`` says it if not given, else 300.
    end : callable, optional
        What is done then, after a message; the process exits if not given.
    """

    def __init__(self, seconds: float | None = None, end: Callable[[int], Any] = os._exit) -> None:
        self.seconds = float(os.environ.get(STUCK, PATIENCE)) if seconds is None else seconds
        self.end, self.last, self.over = end, time.monotonic(), threading.Event()
        self.thread = threading.Thread(target=self._watch, name="lucidnet watchdog", daemon=True)
        self.thread.start()

    def beat(self) -> None:
        """Note that there is progress."""
        self.last = time.monotonic()

    def close(self) -> None:
        """Watch no more."""
        self.over.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.over.wait(min(1.0, self.seconds / 4)):
            if time.monotonic() - self.last > self.seconds:
                self._give_up()
                return

    def _give_up(self) -> None:
        jax: Any = import_module("jax")
        print(
            f"process {jax.process_index()} of {jax.process_count()}: no step for {self.seconds:g} s, so "
            "some process is stuck; this one ends. Start all of them again with --resume to go on from the "
            f"newest checkpoint; {STUCK} sets how long to wait.",
            file=sys.stderr,
            flush=True,
        )
        self.end(EXIT)
