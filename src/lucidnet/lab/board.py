"""What is shown during a race: a line for each finished run, and a bar for the current one."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..core.epochs import clock
from ..core.screen import Drawn, Surface, surface
from ..training.history import Result
from ..training.progress import INTERVAL
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
        """Show which run starts."""

    def tell(self, share: float, numbers: Callable[[], Result]) -> None:
        """Show how far the run is, and its numbers so far."""

    def end(self, run: RaceRun, kept: bool = False) -> None:
        """Print the line of a finished run; `kept` marks one that was on disk already."""
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
    """The display of a race that shows nothing."""

    def line(self, text: str) -> None:
        """Do not print the line."""


class LiveBoard(Board):
    """Draws a bar of the whole race below the lines, with the run that goes on and the time left.

    Parameters
    ----------
    runs : int
        How many runs there are.
    where : Surface
        A terminal, or an output of a notebook.
    """

    def __init__(self, runs: int, where: Surface) -> None:
        super().__init__(runs)
        self.where, self.title = where, ""
        self.began, self.drawn, self.kept = time.perf_counter(), 0.0, 0

    def begin(self, name: str, seed: int) -> None:
        """Show the name of the run to the left of the bar."""
        self.title = f"{name}, seed {seed}"
        self._draw(self.done)

    def tell(self, share: float, numbers: Callable[[], Result]) -> None:
        """Redraw the bar, if it was last drawn long enough ago."""
        now = time.perf_counter()
        if now - self.drawn < INTERVAL:
            return
        self.drawn = now
        made = self.done + min(share, 1.0)
        trained = made - self.kept
        left = clock((now - self.began) * (self.runs - made) / trained) if trained > 0 else "..."
        self._draw(made, f"{left:>4} left  {numbers()!r}")

    def _draw(self, made: float, words: str = "") -> None:
        self.where.draw(Drawn(self.title, made / self.runs, words))

    def end(self, run: RaceRun, kept: bool = False) -> None:
        """Print the line of a run above the bar."""
        self.kept += kept
        super().end(run, kept)

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        self.where.say(text)

    def close(self) -> None:
        """Remove the bar from the screen."""
        self.where.close(f"{self.done:,} of {self.runs:,} runs")


def board(verbose: int, runs: int) -> Board:
    """Return the display of a race: nothing for 0, a bar for 1 (if one can be shown), else lines."""
    if verbose == 0:
        return Silent(runs)
    where = surface() if verbose == 1 else None
    return Board(runs) if where is None else LiveBoard(runs, where)
