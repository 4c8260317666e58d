"""What the paper scripts share: options, a table of claims and findings, and wrong rules as controls.

Each script takes ``--control``, which replaces the paper's rules by a wrong one: one by which only the last
layer learns ("shallow"), or one whose errors are shuffled ("shuffled"). Then its checks must fail. With
``--short`` it runs a smaller experiment, whose checks hold for the right rules, too.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lucidnet import plots, rules
from lucidnet.rules import Rule, SpaceRule

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def parser(document: str, script: str) -> argparse.ArgumentParser:
    """Return a script's option parser: its figure's file, smaller runs, and a wrong rule as a control."""
    made = argparse.ArgumentParser(description=document.splitlines()[0])
    figure = Path(script).with_suffix(".png").name
    made.add_argument("--figure", type=Path, default=Path(figure), help="where the figure goes")
    made.add_argument("--quick", action="store_true", help="a few steps: runs, checks nothing")
    made.add_argument(
        "--short", action="store_true", help="a smaller experiment of the same kind, checked, too"
    )
    made.add_argument(
        "--control", choices=CONTROLS, help="a wrong rule in the place of those tried: checks must fail"
    )
    return made


CONTROLS = ("shallow", "shuffled", "fa")


@dataclass(frozen=True, repr=False)
class Shuffled(SpaceRule):
    """A rule whose error is shuffled below each layer, differently each time, over all its entries.

    Parameters
    ----------
    inner : SpaceRule
        The rule, whose feedback weights, and how they learn, stay as they are.
    """

    inner: Any

    def __getattribute__(self, name: str) -> Any:
        if name in ("feedback", "taught", "learn", "phase", "counterparts", "broadcasts", "cuts"):
            return getattr(object.__getattribute__(self, "inner"), name)
        return object.__getattribute__(self, name)

    def cross(self, edge: Any, send: Any) -> tuple[Any, Any, Any]:
        """Cross the edge by the inner rule, and shuffle the error at the input."""
        dx, grads, new = self.inner.cross(edge, send)
        if not (edge.need_dx and edge.layer.transport):
            return dx, grads, new
        return tuple(map(shuffled, dx)) if isinstance(dx, tuple) else shuffled(dx), grads, new


def shuffled(array: np.ndarray) -> np.ndarray:
    """Return an array with its numbers in a shuffled order that is a function of the numbers."""
    rng = np.random.default_rng(zlib.crc32(array.tobytes()))
    return rng.permutation(array.reshape(-1)).reshape(array.shape)


def controlled(rule: Any, control: str | None) -> Any:
    """Return a rule, or the wrong rule that replaces it as a control."""
    if control is None:
        return rule
    own: Rule = rules.get(rule)
    space = Shuffled(own.space) if control == "shuffled" else rules.get(control).space
    return Rule(space, own.time)


@dataclass
class Checks:
    """A line for each published effect: the paper's figure, ours, and whether it holds."""

    quick: bool = False
    failed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        print(f"{'what':<58} {'paper':>16} {'ours':>16}")

    def add(self, what: str, paper: str, ours: str, holds: bool | None = None) -> None:
        """Print a line; without `holds` nothing is checked."""
        verdict = "" if holds is None or self.quick else "pass" if holds else "FAIL"
        self.failed |= verdict == "FAIL"
        print(f"{what:<58} {paper:>16} {ours:>16}  {verdict}".rstrip(), flush=True)

    def finish(self, figure: Figure, path: Path) -> None:
        """Save the figure, and exit with status 1 if a check failed.

        Raises
        ------
        ValueError
            If a legend names a line of which nothing is drawn.
        """
        check_legends(figure)
        print(f"figure: {plots.save(figure, path)}")
        if self.quick:
            print("only tried out: nothing was checked")
        sys.exit(self.failed)


def check_legends(figure: Figure) -> None:
    """Raise `ValueError` if a legend would name a line without a number."""
    for axes in figure.axes:
        lines, names = axes.get_legend_handles_labels()
        empty = [
            name for line, name in zip(lines, names, strict=True) if not np.isfinite(line.get_ydata()).any()
        ]
        if empty:
            raise ValueError(f"{axes.get_title()}: nothing is drawn of {', '.join(empty)}")


def plain_ticks(axis: Any) -> None:
    """Let a logarithmic axis say 2 and 10 in place of powers of ten."""
    from matplotlib.ticker import LogLocator, ScalarFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter("")


def row_angle(one: np.ndarray, two: np.ndarray) -> float:
    """Return the mean angle, in degrees, between corresponding rows of two arrays."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    return float(np.degrees(np.arccos(np.clip((one * two).sum(1) / lengths, -1, 1))).mean())
