"""What the scripts about papers share: their options, and a table of what was claimed and found."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lucidnet import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def parser(document: str, script: str) -> argparse.ArgumentParser:
    """Return the options of a script: where its figure goes, and whether it is only tried out."""
    made = argparse.ArgumentParser(description=document.splitlines()[0])
    figure = Path(script).with_suffix(".png").name
    made.add_argument("--figure", type=Path, default=Path(figure), help="where the figure goes")
    made.add_argument("--quick", action="store_true", help="a few steps: runs, checks nothing")
    return made


@dataclass
class Checks:
    """A line for each published effect: the paper's figure, ours, and whether it holds."""

    quick: bool = False
    failed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        print(f"{'what':<58} {'paper':>16} {'ours':>16}")

    def add(self, what: str, paper: str, ours: str, holds: bool | None = None) -> None:
        """Print a line; without `holds` it is for the record only."""
        verdict = "" if holds is None or self.quick else "pass" if holds else "FAIL"
        self.failed |= verdict == "FAIL"
        print(f"{what:<58} {paper:>16} {ours:>16}  {verdict}".rstrip(), flush=True)

    def finish(self, figure: Figure, path: Path) -> None:
        """Save the figure, and leave with status 1 if a check failed."""
        print(f"figure: {plots.save(figure, path)}")
        if self.quick:
            print("only tried out: nothing was checked")
        sys.exit(self.failed)


def row_angle(one: np.ndarray, two: np.ndarray) -> float:
    """Return the angle between two directions in degrees, the mean over the rows of both."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    return float(np.degrees(np.arccos(np.clip((one * two).sum(1) / lengths, -1, 1))).mean())
