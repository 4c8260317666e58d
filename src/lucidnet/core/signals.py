"""What the system or the user asks of a running training: SIGTERM ends it in order, Ctrl-C interrupts; forks.

Python runs signal handlers in the main thread only; in any other thread nothing here has an effect.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from ..errors import Terminated

APART = 0.5
"""Seconds, roughly, between two times that processes ask each other."""


class Termination:
    """Whether this process has been asked to end or to stop; several processes must agree after which step.

    Attributes
    ----------
    requested : bool
        Whether this process has had a SIGTERM.
    wish : str or None
        Why this process would stop.
    alone : bool
        Whether there is no other process.
    always : bool
        Whether processes ask each other at each call of `agree`.
    """

    def __init__(self, alone: bool = True) -> None:
        self.alone, self.requested, self.always = alone, False, False
        self.wish: str | None = None
        self._decided, self._skip, self._skipped = False, 0, 0
        self._last = time.monotonic()

    @property
    def ends(self) -> bool:
        """Whether this process, or another as `agree` has found, was asked to end."""
        return self.requested if self.alone else self._decided

    def agree(self, gather: Callable[[Any], list[Any]], now: bool = False) -> str | None:
        """Let several processes ask each other; return why all of them stop here, if any would.

        All processes call it after each step, and get the same answer. They ask each other only now and then,
        after as many calls as the first of them expects in half a second.

        Parameters
        ----------
        gather : callable
            Returns what each process has, in their order.
        now : bool
            Whether to ask in any case; must be the same in all processes.
        """
        self._skipped += 1
        if self._skipped <= self._skip and not (now or self.always):
            return None
        passed = max(time.monotonic() - self._last, 1e-6)
        answers = gather((self.requested, self.wish, int(self._skipped * APART / passed)))
        self._skip, self._skipped, self._last = answers[0][2], 0, time.monotonic()
        self._decided = any(requested for requested, _, _ in answers)
        wishes = {index: wish for index, (_, wish, _) in enumerate(answers) if wish is not None}
        index, first = next(iter(wishes.items()), (0, None))
        return first if first is None or len(wishes) == len(answers) else f"process {index}: {first}"


@contextmanager
def termination(alone: bool = True) -> Iterator[Termination]:
    """Record SIGTERM instead of ending at once, if this is the main thread and no handler is set.

    The old handler is put back at the end, also after an error. A signal that did not lead to
    `errors.Terminated` then does what it would have done without this.
    """
    asked = Termination(alone)
    if not _free(signal.SIGTERM):
        yield asked
        return

    def note(*_: Any) -> None:
        asked.requested = True

    signal.signal(signal.SIGTERM, note)
    try:
        yield asked
    except Terminated:
        asked.requested = False
        raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if asked.requested:
            signal.raise_signal(signal.SIGTERM)


@contextmanager
def waiting() -> Iterator[None]:
    """Raise `errors.Terminated` on SIGTERM at once, in a context in which others work and this process waits.

    As with `termination`, this must be the main thread, and no handler be set.
    """

    def end(*_: Any) -> None:
        raise Terminated

    if not _free(signal.SIGTERM):
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _free(number: signal.Signals) -> bool:
    """Tell whether a handler can be installed: in the main thread, in place of the default one."""
    main = threading.current_thread() is threading.main_thread()
    return main and signal.getsignal(number) is signal.SIG_DFL


class DeferInterrupt:
    """Delay Ctrl-C until the end of this context, which must not be left half done."""

    # A class, as a generator takes twice the time; and `signal` itself looks up names in an enum. Together
    # they would be a tenth of a small step.
    __slots__ = ("before", "seen")

    def __enter__(self) -> None:
        self.seen: list[Any] = []
        self.before: Any = None
        main = threading.current_thread() is threading.main_thread()
        if main and _signal.getsignal(signal.SIGINT) is not None:
            self.before = _signal.signal(signal.SIGINT, self)

    def __call__(self, *given: Any) -> None:
        """Remember that Ctrl-C came; Python calls this in its place."""
        self.seen.append(given)

    def __exit__(self, *raised: object) -> None:
        if self.before is None:  # in another thread, or that of a program around Python
            return
        _signal.signal(signal.SIGINT, self.before)
        if self.seen and callable(self.before):
            self.before(*self.seen[0])


LOCKS = WeakSet[Any]()
"""The locks that a fork opens."""


def lock() -> Any:
    """Return a lock that one thread may take several times, and that nobody holds in a process forked off.

    There the threads that held it are missing, and who waited for them would wait for ever. What it guards
    must be whole at any moment, as it must be for Ctrl-C.
    """
    made = threading.RLock()
    LOCKS.add(made)
    return made


def _open() -> None:
    for held in LOCKS:
        held._at_fork_reinit()  # as Python's own locks are opened


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_open)
