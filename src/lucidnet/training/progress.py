"""Progress on the screen: a live bar with the time left, and a line for each epoch (or each few)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from .history import Result

INTERVAL = 0.2
"""Seconds between two drawings of the bar."""


class Progress(Protocol):
    """What the training loop tells whoever shows its progress."""

    def start(self, batches: int) -> None:
        """Begin an epoch of so many batches."""

    def batch(self, done: int, result: Callable[[], Result]) -> None:
        """So many batches are done; `result` gives the numbers so far."""

    def epoch(self, number: int, result: Result) -> None:
        """Finish an epoch."""

    def close(self) -> None:
        """Leave the screen tidy, also after an error."""


class Silent:
    """Shows nothing."""

    def start(self, batches: int) -> None:
        """Show nothing."""

    def batch(self, done: int, result: Callable[[], Result]) -> None:
        """Show nothing."""

    def epoch(self, number: int, result: Result) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Show nothing."""


class Lines:
    """Prints one line per epoch: for logs, and where nobody watches."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.began = 0.0

    def start(self, batches: int) -> None:
        """Look at the clock."""
        self.began = time.perf_counter()

    def batch(self, done: int, result: Callable[[], Result]) -> None:
        """Show nothing."""

    def epoch(self, number: int, result: Result) -> None:
        """Print the line."""
        if worth_a_line(number, self.epochs):
            print(epoch_line(number, self.epochs, result, time.perf_counter() - self.began), flush=True)

    def close(self) -> None:
        """Nothing is left to tidy."""


class Bar:
    """Draws a live bar of the whole training with loss, metrics and the time left (rich)."""

    def __init__(self, epochs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self.epochs, self.began, self.drawn, self.batches, self.done = epochs, 0.0, 0.0, 0, 0
        self.bar: Any = RichProgress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left {task.fields[left]}"),
            TextColumn("{task.fields[numbers]}"),
            console=Console(soft_wrap=True),
            auto_refresh=False,
            transient=True,
        )
        self.task: Any = None
        self.finished = 0

    def start(self, batches: int) -> None:
        """Show the bar, at the first epoch; go on with it at the others."""
        if self.task is None:
            fields = {"epoch": 1, "epochs": self.epochs, "left": "...", "numbers": ""}
            self.task = self.bar.add_task("", total=batches * self.epochs, **fields)
            self.bar.start()
            self.first = time.perf_counter()
        self.began, self.batches = time.perf_counter(), batches

    def batch(self, done: int, result: Callable[[], Result]) -> None:
        """Draw the bar anew, if the last drawing is old enough."""
        now = time.perf_counter()
        if now - self.drawn < INTERVAL:
            return
        self.drawn = now
        total = self.batches * self.epochs
        overall = self.finished * self.batches + done
        left = (now - self.first) * (total - overall) / overall
        self.bar.update(
            self.task, completed=overall, epoch=self.finished + 1, left=clock(left), numbers=repr(result())
        )
        self.bar.refresh()

    def epoch(self, number: int, result: Result) -> None:
        """Print the line of the epoch above the bar."""
        self.finished += 1
        seconds = time.perf_counter() - self.began
        if worth_a_line(number, self.epochs):
            self.bar.console.print(epoch_line(number, self.epochs, result, seconds), highlight=False)

    def close(self) -> None:
        """Take the bar away."""
        self.bar.stop()


def worth_a_line(number: int, epochs: int) -> bool:
    """Tell whether an epoch gets its line: about twenty do, the first and the last among them."""
    return number in (1, epochs) or number % max(1, -(-epochs // 20)) == 0


def epoch_line(number: int, epochs: int, result: Result, seconds: float) -> str:
    """Return the line that sums an epoch up."""
    return f"epoch {number:>{len(str(epochs))}}/{epochs}  {seconds:5.1f} s  {result}"


def clock(seconds: float) -> str:
    """Write a time as minutes and seconds.

    Examples
    --------
    >>> clock(75.2), clock(3700)
    ('1:15', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def choose(verbose: int, epochs: int) -> Progress:
    """Return the way to show progress: 0 nothing, 1 a bar (lines if no terminal is there), 2 lines."""
    if verbose == 0:
        return Silent()
    return Bar(epochs) if verbose == 1 and sys.stdout.isatty() else Lines(epochs)
