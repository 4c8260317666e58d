"""Progress on the screen: a live bar with the time left, and a line for each epoch (or each few)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from ..core import screen
from ..core.epochs import aligned, clock, duration, epoch_cells, in_line, worth_a_line
from ..core.screen import Drawn, Surface
from .history import Result

INTERVAL = 0.2
"""Seconds between two drawings of the bar."""


class Progress:
    """What the training loop reports to a progress display; this one shows nothing."""

    def start(self, batches: int | None) -> None:
        """Begin an epoch of `batches` batches; None if their number is unknown."""

    def batch(self, done: int, result: Callable[[], Result]) -> None:
        """Report that `done` batches are done; `result` returns the numbers so far."""

    def epoch(self, number: int, result: Result) -> None:
        """Report that an epoch has ended, with its numbers."""

    def note(self, text: str) -> None:
        """Show a remark during the training."""

    def close(self) -> None:
        """Leave the screen tidy, also after an error."""


class Lines(Progress):
    """Prints one line per epoch: for logs, and where nobody watches."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.began = 0.0

    def start(self, batches: int | None) -> None:
        """Record the time at which an epoch begins."""
        self.began = time.perf_counter()

    def epoch(self, number: int, result: Result) -> None:
        """Print a line that sums up the epoch."""
        if worth_a_line(number, self.epochs):
            spent, wide = duration(time.perf_counter() - self.began), len(str(self.epochs))
            print(f"epoch {number:>{wide}}/{self.epochs}  {spent:>6}  {result}", flush=True)

    def note(self, text: str) -> None:
        """Print a remark on a line of its own."""
        print(text, flush=True)


class Bar(Progress):
    """Draws a live progress bar of the whole training with the time left, and a table of the epochs."""

    def __init__(self, epochs: int, surface: Surface | None = None) -> None:
        self.epochs, self.finished, self.batches, self.done = epochs, 0, 0, 0
        self.first = self.began = self.drawn = 0.0
        self.left, self.numbers, self.last = "...", "", Result()
        self.surface = surface or screen.surface() or screen.Surface()

    @property
    def total(self) -> int:
        """The number of batches in the whole training."""
        return self.epochs * self.batches

    @property
    def now(self) -> int:
        """The number of the current epoch."""
        return min(self.finished + 1, self.epochs)

    def start(self, batches: int | None) -> None:
        """Record the time at which an epoch begins."""
        self.began, self.batches = time.perf_counter(), batches or 1  # unknown: a whole epoch at a time
        self.first = self.first or self.began

    def batch(self, done: int, result: Callable[[], Result]) -> None:
        """Redraw the bar, if the last drawing is old enough."""
        now = time.perf_counter()
        if now - self.drawn >= INTERVAL:
            self.drawn = now
            self._move(done, result())
            words = f"{self.left:>4} left  {self.numbers}"
            self.surface.draw(Drawn(f"epoch {self.now}/{self.epochs}", self.done / self.total, words))

    def _move(self, done: int, result: Result) -> None:
        """Set the bar to the finished epochs plus `done` batches of the next."""
        self.done = self.finished * self.batches + min(done, self.batches)
        spent = time.perf_counter() - self.first
        self.left, self.numbers = clock(spent * (self.total - self.done) / self.done), in_line(result)

    def epoch(self, number: int, result: Result) -> None:
        """Show the row of an epoch, after the column titles if it is the first."""
        self.finished, self.last = self.finished + 1, result
        self._move(0, Result({key: value for key, value in result.items() if not key.startswith("val_")}))
        if worth_a_line(number, self.epochs):
            row = epoch_cells(number, self.epochs, result, time.perf_counter() - self.began)
            if self.finished == 1:
                self.surface.say(aligned(dict(zip(row, row, strict=True))))
            self.surface.say(aligned(row))

    def note(self, text: str) -> None:
        """Show a remark above the bar."""
        self.surface.say(text)

    def close(self) -> None:
        """Replace the bar by a closing summary."""
        spent = time.perf_counter() - self.first if self.first else 0.0
        told = f"{self.finished} of {self.epochs} epochs in {duration(spent)}"
        self.surface.close(f"{told}: {in_line(self.last)}" if self.last else told)


def choose(verbose: int, epochs: int) -> Progress:
    """Return the way to show progress: 0 nothing, 1 a bar (lines without a terminal), 2 lines."""
    if verbose == 0 or sys.stdout is None:
        return Progress()
    surface = screen.surface() if verbose == 1 else None
    return Bar(epochs, surface) if surface else Lines(epochs)
