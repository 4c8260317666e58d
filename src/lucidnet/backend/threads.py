"""Threads that share the work of a step on NumPy, with single-threaded BLAS in each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from threading import Lock
from typing import Any, TypeVar

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
        with (
            _one_thread_each(self.libraries),
            ThreadPoolExecutor(max(1, self.count - 1), "lucidnet") as self.pool,
        ):
            try:
                yield
            finally:
                self.pool = None

    def map(self, function: Callable[..., T], *columns: Sequence[Any]) -> list[T]:
        """Call a function on each row of the columns; return the results in order.

        The first row is computed in this thread. An error is raised once no thread is working any more: that
        of the first row that failed.
        """
        first, *others = zip(*columns, strict=True)
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


LOCK = Lock()
HOLDERS: list[Any] = []
"""Who limits this process's libraries to one thread: the first sets the limit, the last lifts it."""


@contextmanager
def _one_thread_each(libraries: Any) -> Iterator[None]:
    """Limit BLAS to one thread until the last holder in this process leaves."""
    with LOCK:
        HOLDERS.append(HOLDERS[0] if HOLDERS else libraries.limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with LOCK:
            limited = HOLDERS.pop()
            if not HOLDERS:
                limited.restore_original_limits()
