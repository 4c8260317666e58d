"""What the system or the user asks of a running training: SIGTERM ends it in order, Ctrl-C interrupts.

Python runs signal handlers in the main thread only; in any other thread nothing here has an effect.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import Terminated

APART = 0.5
"""Seconds, roughly, between two times that processes ask each other."""


class Termination:
    """Whether this process has been asked to end; several processes must agree after which step.

    ``requested`` says so for this process; ``alone``, once it is known, that there is no other process.
    """

    def __init__(self) -> None:
        self.requested = self.alone = False
        self._skip = self._skipped = 0
        self._last = time.monotonic()

    def agreed(self, gather: Callable[[Any], list[Any]], now: bool = False) -> bool:
        """Tell whether any process has been asked to end; all processes get the same answer.

        All processes call it after each step; a process on its own answers at once. Several processes ask
        each other only now and then, after as many calls as the first of them expects in half a second.

        Parameters
        ----------
        gather : callable
            Returns what each process has, in their order.
        now : bool
            Whether to ask in any case; must be the same in all processes.
        """
        if self.alone:
            return self.requested
        self._skipped += 1
        if self._skipped <= self._skip and not now:
            return False
        passed = max(time.monotonic() - self._last, 1e-6)
        answers = gather((self.requested, int(self._skipped * APART / passed)))
        self.alone = len(answers) == 1
        self._skip, self._skipped, self._last = answers[0][1], 0, time.monotonic()
        return any(requested for requested, _ in answers)


@contextmanager
def termination() -> Iterator[Termination]:
    """Record SIGTERM instead of ending at once, if this is the main thread and no handler is set.

    The old handler is put back at the end, also after an error. A signal that did not lead to
    `errors.Terminated` then does what it would have done without this.
    """
    asked = Termination()
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


def _free(number: signal.Signals) -> bool:
    """Tell whether a handler can be installed: in the main thread, in place of the default one."""
    main = threading.current_thread() is threading.main_thread()
    return main and signal.getsignal(number) is signal.SIG_DFL


@contextmanager
def defer_interrupt() -> Iterator[None]:
    """Delay Ctrl-C until the end of this context, which must not be left half done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[Any] = []
    # What `signal` adds around this looks up names in an enum, which takes up to a tenth of a small step.
    before = _signal.signal(signal.SIGINT, lambda *given: seen.append(given))
    try:
        yield
    finally:
        _signal.signal(signal.SIGINT, before)
        if seen and callable(before):
            before(*seen[0])
