"""Threads that share the work of a step on NumPy, with single-threaded BLAS in each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from importlib import import_module
from threading import RLock
from typing import Any, TypeVar

from ..core.signals import DeferInterrupt
from ..core.text import Brief
from ..errors import SettingError, optional
from .xla.peers import HERE

T = TypeVar("T")

MOST = 256
"""The maximum number of threads."""


class Threads(Brief):
    """A pool of threads that call a function on several items at once; it exists inside ``with held()``.

    Parameters
    ----------
    asked : int or "all"
        The number of threads; "all" for as many as this process has cores.

    Raises
    ------
    MissingExtraError
        If threadpoolctl is not installed.
    SettingError
        If that number of threads cannot be made, or the libraries cannot be limited to one thread.

    Examples
    --------
    >>> threads = Threads(2)
    >>> with threads.held():
    ...     threads.map(pow, [2, 3, 4], [3, 3, 3])
    [8, 27, 64]
    """

    def __init__(self, asked: Any) -> None:
        self.count = cores() if asked == "all" else asked
        if not isinstance(self.count, int) or self.count > MOST:
            raise SettingError(
                f"mesh={asked!r}: on NumPy a batch is divided among threads: expected a number of them, at "
                f"most {MOST}, or 'all'; rows and columns are for backend='jax'"
            )
        if HERE.count > 1:
            raise SettingError(
                f"mesh={asked!r}: several processes train together with backend='jax' only; on NumPy mesh "
                "divides the batches of one process among its threads"
            )
        self.pool: Any = None
        self.libraries = optional("threadpoolctl", "threads").ThreadpoolController()
        if not self.libraries.select(user_api="blas").info():
            raise SettingError(
                f"mesh={asked!r}: threadpoolctl finds no library of NumPy's products that it could hold to "
                "one thread (it knows OpenBLAS, MKL and BLIS); leave mesh out"
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the threads alive, with BLAS limited to one thread each, until the context ends."""
        # Threads of a step only: they cost less than a thousandth of one, and a process may fork between two.
        with _one_thread_each(self.libraries):
            pool = self.pool = ThreadPoolExecutor(max(1, self.count - 1), "lucidnet")
            try:
                yield
            finally:
                with DeferInterrupt():  # a second Ctrl-C leaves no thread behind
                    self.pool = None
                    pool.shutdown()

    def map(self, function: Callable[..., T], *columns: Sequence[Any]) -> list[T]:
        """Call a function on each row of the columns; return the results in order.

        The first row is computed in this thread. An error is raised once no thread is working any more: that
        of the first row that failed.
        """
        first, *others = zip(*columns, strict=True)
        with DeferInterrupt():  # within `submit` a thread may have begun that the pool does not know yet
            waiting = [self.pool.submit(copy_context().run, function, *given) for given in others]
        try:
            made = [function(*first)]
        finally:
            wait(waiting)
        return [*made, *(each.result() for each in waiting)]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parts(rows: int, count: int) -> list[slice]:
    """Divide `rows` rows into at most `count` slices, as evenly as possible; none is empty.

    Examples
    --------
    >>> parts(5, 2), parts(1, 2)
    ([slice(0, 2, None), slice(2, 5, None)], [slice(0, 1, None)])
    """
    count = max(1, min(rows, count))
    return [slice(rows * k // count, rows * (k + 1) // count) for k in range(count)]


LOCK = RLock()
HOLDERS: dict[object, Any] = {}
"""Who limits this process's libraries to one thread: the first sets the limit, the last lifts it."""


@contextmanager
def _one_thread_each(libraries: Any) -> Iterator[None]:
    """Limit BLAS to one thread until the last holder in this process leaves."""
    mine = object()
    try:
        with DeferInterrupt(), LOCK:
            held = next(iter(HOLDERS.values()), None)
            HOLDERS[mine] = held or _set(partial(libraries.limit, limits=1, user_api="blas"))
        yield
    finally:
        with DeferInterrupt(), LOCK:
            limited = HOLDERS.pop(mine, None)
            if limited and not HOLDERS:
                _set(limited.restore_original_limits)


def _set(act: Callable[[], T]) -> T:
    """Set how many threads the libraries have, whichever thread did so before.

    From version 3.8 on threadpoolctl lets one thread do so, as long as that lives, and ignores all others.
    But of two trainings the second may end last, in another thread; and who has once set a number at a prompt
    is that thread for ever.
    """
    libraries = getattr(import_module("threadpoolctl"), "OpenBLASController", None)
    let_go = getattr(libraries, "clear_controlling_thread", lambda force: None)
    let_go(force=True)
    try:
        return act()
    finally:
        let_go(force=True)


def _begin_anew() -> None:
    """Put the libraries back in a process that was just forked: the threads that held them are not there."""
    limited = next(iter(HOLDERS.values()), None)
    HOLDERS.clear()
    if limited:
        _set(limited.restore_original_limits)
    LOCK.release()


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=_begin_anew)
