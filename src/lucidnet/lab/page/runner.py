"""A thread that makes steps at a set pace, handles requests between them, and publishes frames."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import SettingError
from .newest import Newest

PATIENCE = 20.0
"""Seconds that a request waits for the thread."""


class Runner(threading.Thread, Newest):
    """A thread that makes training steps, and renders a frame when a viewer wants a newer one.

    A subclass says what a step is (`advance`) and what is shown (`make_frame`, which calls `publish`).
    Everything that changes it is done in this thread, so that nothing needs a lock.

    Attributes
    ----------
    running : bool
        Whether it makes steps by itself.
    speed : float
        How many in a second, if they can be made.
    version : int
        Grows with all that changes what is shown.
    """

    def __init__(self) -> None:
        threading.Thread.__init__(self, name="lucidnet lab", daemon=True)
        Newest.__init__(self)
        self.running, self.speed = False, 400.0
        self.version, self.shown = 1, 0
        self.notes: list[str] = []
        self._asked: queue.SimpleQueue[tuple[Callable[[], Any], Answer]] = queue.SimpleQueue()
        self._due = 0.0

    def advance(self, looked_at: bool = False) -> None:
        """Make one step; `looked_at` says that a frame will be made after it."""
        raise NotImplementedError

    def make_frame(self) -> None:
        """Render the newest frame, and publish it."""
        raise NotImplementedError

    # --- what others ask: from any thread ----------------------------------------------------------

    def ask(self, work: Callable[[], Any]) -> Any:
        """Run `work` in the training thread, between two steps; return its result or raise its error."""
        if not self.is_alive():
            return work()
        answer = Answer()
        self._asked.put((work, answer))
        with self.awake:
            self.awake.notify_all()
        return answer.wait()

    def close(self) -> None:
        """End the thread that makes the steps."""
        self.closed = True
        with self.awake:
            self.awake.notify_all()
        if self.is_alive():
            self.join(PATIENCE)

    # --- the thread --------------------------------------------------------------------------------

    def run(self) -> None:
        """Make steps and frames, and answer requests, until closed."""
        while not self.closed:
            with self.awake:
                while not (self.closed or self._busy()):
                    self.awake.wait(self._pause())
            self._answer()
            try:
                with np.errstate(all="ignore"):  # non-finite values are shown as such
                    self._work()
            except Exception as error:  # the page shows the error, and other settings may work
                self.running, self.shown, self.has_units = False, self.version, True
                self.notes = [f"this could not be shown: {error}"]

    def _work(self) -> None:
        """Make a step and a frame, if they are due."""
        due = self._wants_frame()
        if self.running and time.perf_counter() >= self._due:
            self._paced(due)
        if due or self._wants_frame():
            self.make_frame()

    def _busy(self) -> bool:
        if not self._asked.empty() or self._wants_frame():
            return True
        return self.running and time.perf_counter() >= self._due

    def _pause(self) -> float | None:
        return max(0.0, self._due - time.perf_counter()) if self.running else None

    def _wants_frame(self) -> bool:
        fresh = self.version != self.shown or (self.units and not self.has_units)
        return self.wanted > self.number and fresh

    def _answer(self) -> None:
        while not self._asked.empty():
            work, answer = self._asked.get()
            try:
                with np.errstate(all="ignore"):
                    answer.give(work(), None)
            except Exception as error:  # it belongs to the caller
                answer.give(None, error)

    def _paced(self, looked_at: bool) -> None:
        """Make one step, and schedule the next; a training that lags behind does not catch up."""
        self.advance(looked_at)
        now = time.perf_counter()
        self._due = max(self._due + 1 / self.speed, now - 0.05)

    def play(self, on: bool) -> None:
        """Resume or pause the training."""
        self.running = on
        self._due = time.perf_counter()
        self.version += 1

    def pace(self, speed: float) -> None:
        """Set the number of steps per second."""
        self.speed, self._due = speed, time.perf_counter()
        self.version += 1

    def publish(self, message: bytes, units: bool = False) -> None:
        """Publish a new frame to all who wait for one."""
        self.shown = self.version
        super().publish(message, units)


class Answer:
    """The result of a request to the thread, for its caller to wait for."""

    def __init__(self) -> None:
        self._there = threading.Event()
        self._value: Any = None
        self._error: Exception | None = None

    def give(self, value: Any, error: Exception | None) -> None:
        """Set the result, or the error."""
        self._value, self._error = value, error
        self._there.set()

    def wait(self) -> Any:
        """Wait for the result, and return it or raise its error."""
        if not self._there.wait(PATIENCE):
            raise SettingError("the training is busy: what was asked is done as soon as it can")
        if self._error is not None:
            raise self._error
        return self._value
