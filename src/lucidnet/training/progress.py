"""Progress on the screen: a live bar with the time left, and a line for each epoch (or each few)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from .history import Result
from .history import number as decimal

INTERVAL = 0.2
"""Seconds between two drawings of the bar."""


class Progress:
    """What the training loop tells whoever shows its progress; this one shows nothing."""

    def start(self, batches: int | None) -> None:
        """Begin an epoch of so many batches; None if nobody knows."""

    def batch(self, done: int, result: Callable[[], Result]) -> None:
        """So many batches are done; `result` gives the numbers so far."""

    def epoch(self, number: int, result: Result) -> None:
        """Show that an epoch has ended, with its numbers."""

    def note(self, text: str) -> None:
        """Say something in between."""

    def close(self) -> None:
        """Leave the screen tidy, also after an error."""


class Lines(Progress):
    """Prints one line per epoch: for logs, and where nobody watches."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.began = 0.0

    def start(self, batches: int | None) -> None:
        """Look at the clock."""
        self.began = time.perf_counter()

    def epoch(self, number: int, result: Result) -> None:
        """Print the line that sums the epoch up."""
        if worth_a_line(number, self.epochs):
            spent, wide = duration(time.perf_counter() - self.began), len(str(self.epochs))
            print(f"epoch {number:>{wide}}/{self.epochs}  {spent:>6}  {result}", flush=True)

    def note(self, text: str) -> None:
        """Print a remark on a line of its own."""
        print(text, flush=True)


class Bar(Progress):
    """Draws a live bar of the whole training with the time left, below a table of the epochs (rich)."""

    def __init__(self, epochs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self.epochs, self.finished, self.batches = epochs, 0, 0
        self.first, self.began, self.drawn = 0.0, 0.0, 0.0
        self.bar: Any = RichProgress(
            TextColumn(f"epoch {{task.fields[epoch]}}/{epochs}"),
            BarColumn(bar_width=16),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]:>4} left"),
            TextColumn(" {task.fields[numbers]}"),
            console=Console(soft_wrap=True, highlight=False),
            auto_refresh=False,
            transient=True,
        )
        self.task: Any = None

    def start(self, batches: int | None) -> None:
        """Show the bar, at the first epoch; go on with it at the others."""
        self.began, self.batches = time.perf_counter(), batches or 1  # unknown: a whole epoch at a time
        if self.task is None:
            self.first = self.began
            self.task = self.bar.add_task(
                "", total=self.batches * self.epochs, epoch=1, left="...", numbers=""
            )
            self.bar.start()

    def batch(self, done: int, result: Callable[[], Result]) -> None:
        """Draw the bar anew, if the last drawing is old enough."""
        now = time.perf_counter()
        if now - self.drawn < INTERVAL:
            return
        self.drawn = now
        self._move(done, repr(result()))
        self.bar.refresh()

    def _move(self, done: int, numbers: str) -> None:
        """Set the bar to so many batches of the epoch after those that are finished."""
        overall, total = self.finished * self.batches + min(done, self.batches), self.epochs * self.batches
        left = (time.perf_counter() - self.first) * (total - overall) / overall
        epoch = min(self.finished + 1, self.epochs)
        self.bar.update(self.task, completed=overall, epoch=epoch, left=clock(left), numbers=numbers)

    def epoch(self, number: int, result: Result) -> None:
        """Print the row of the epoch above the bar, and before the first the titles."""
        self.finished += 1
        trained = Result({name: value for name, value in result.items() if not name.startswith("val_")})
        self._move(0, repr(trained))
        if worth_a_line(number, self.epochs):
            row = epoch_cells(number, self.epochs, result, time.perf_counter() - self.began)
            if self.finished == 1:
                self.bar.console.print(aligned(dict(zip(row, row, strict=True))), style="bold")
            self.bar.console.print(aligned(row))

    def note(self, text: str) -> None:
        """Print it above the bar."""
        self.bar.console.print(text, style="dim")

    def close(self) -> None:
        """Take the bar away."""
        self.bar.stop()


def worth_a_line(number: int, epochs: int) -> bool:
    """Tell whether an epoch gets its line: about twenty do, the first and the last among them."""
    return number in (1, epochs) or number % max(1, -(-epochs // 20)) == 0


def epoch_cells(number: int, epochs: int, result: Result, seconds: float) -> dict[str, str]:
    """Return the cells of an epoch's row by their titles."""
    numbers = {name: decimal(value) for name, value in result.items()}
    return {"epoch": f"{number}/{epochs}", "time": duration(seconds)} | numbers


def aligned(cells: Mapping[str, str]) -> str:
    """Return a row of a table, each column as wide as its title, or as the longest number.

    Examples
    --------
    >>> aligned({"epoch": "1/10", "loss": "0.2500"})
    ' 1/10     0.2500'
    """
    widths = {"epoch": 5, "time": 6}
    return "  ".join(f"{cell:>{widths.get(title, max(9, len(title)))}}" for title, cell in cells.items())


def duration(seconds: float) -> str:
    """Write how long an epoch took.

    Examples
    --------
    >>> duration(0.0123), duration(75.21)
    ('12 ms', '75.2 s')
    """
    return f"{seconds:.1f} s" if seconds >= 0.95 else f"{1000 * seconds:.0f} ms"


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
    if verbose == 0 or sys.stdout is None:
        return Progress()
    return Bar(epochs) if verbose == 1 and sys.stdout.isatty() else Lines(epochs)
