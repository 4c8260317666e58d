"""What is shown while a race goes on: a line for each run that is finished, and a bar within a run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from ..training.history import Result
from ..training.progress import INTERVAL, clock
from .outcome import RaceRun


class Board:
    """Prints a line for each finished run.

    Parameters
    ----------
    runs : int
        How many runs there are.
    """

    def __init__(self, runs: int) -> None:
        self.runs, self.done = runs, 0

    def begin(self, name: str, seed: int) -> None:
        """Show which run begins."""

    def tell(self, share: float, numbers: Callable[[], Result]) -> None:
        """Show what share of the run is done, and its numbers so far."""

    def end(self, run: RaceRun, kept: bool = False) -> None:
        """Print the line of a run; kept is one that was on disk already."""
        self.done += 1
        last = {key: values[-1] for key, values in run.history.items() if values}
        said = f"failed: {run.why}" if run.failed else repr(Result(last))
        self.line(f"{run.rule}, seed {run.seed}: {said}{' (kept)' if kept else ''}")

    def line(self, text: str) -> None:
        """Print a line of text."""
        print(text, flush=True)

    def close(self) -> None:
        """Leave the screen tidy, also after an error."""


class Silent(Board):
    """Shows nothing of a race."""

    def line(self, text: str) -> None:
        """Leave the line out."""


class LiveBoard(Board):
    """Draws a live bar of the whole race below the lines, with the run that goes on and the time left."""

    def __init__(self, runs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        super().__init__(runs)
        self.began, self.drawn, self.kept = time.perf_counter(), 0.0, 0
        self.bar: Any = Progress(
            TextColumn("{task.fields[run]}"),
            BarColumn(bar_width=16),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]:>4} left"),
            TextColumn(" {task.fields[numbers]}"),
            console=Console(soft_wrap=True, highlight=False),
            auto_refresh=False,
            transient=True,
        )
        self.task = self.bar.add_task("", total=runs, run="", left="...", numbers="")
        self.bar.start()

    def begin(self, name: str, seed: int) -> None:
        """Name the run at the bar's left."""
        self.bar.update(self.task, run=f"{name}, seed {seed}", completed=self.done, numbers="")
        self.bar.refresh()

    def tell(self, share: float, numbers: Callable[[], Result]) -> None:
        """Draw the bar anew, if the last drawing is old enough."""
        now = time.perf_counter()
        if now - self.drawn < INTERVAL:
            return
        self.drawn = now
        made = self.done + min(share, 1.0)
        trained = made - self.kept
        left = clock((now - self.began) * (self.runs - made) / trained) if trained > 0 else "..."
        self.bar.update(self.task, completed=made, left=left, numbers=repr(numbers()))
        self.bar.refresh()

    def end(self, run: RaceRun, kept: bool = False) -> None:
        """Print the line of a run above the bar."""
        self.kept += kept
        super().end(run, kept)
        self.bar.update(self.task, completed=self.done)
        self.bar.refresh()

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        self.bar.console.print(text, markup=False)

    def close(self) -> None:
        """Take the bar away."""
        self.bar.stop()


def board(verbose: int, runs: int) -> Board:
    """Return what shows a race: nothing for 0, a bar in a terminal for 1, else lines."""
    if verbose == 0:
        return Silent(runs)
    return LiveBoard(runs) if verbose == 1 and sys.stdout is not None and sys.stdout.isatty() else Board(runs)
