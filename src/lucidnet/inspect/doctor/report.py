"""The doctor's findings, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ...core.text import Report, plain
from ...errors import some

if TYPE_CHECKING:
    from .evidence import Evidence


class Sign(NamedTuple):
    """A measured number, a sentence about it, and the layer that it is about."""

    number: float
    sentence: str
    layer: str = ""


Look: TypeAlias = "Callable[[Evidence], Iterator[Sign]]"
"""A check, which measures and does not judge."""


@dataclass(frozen=True)
class Ailment:
    """Something that can be wrong, and how it shows.

    Parameters
    ----------
    name : str
        What it is called.
    look : function of Evidence
        Yields the numbers that show it.
    healthy : tuple of float
        The least and the largest number of a healthy network.
    advice : str
        What to try.
    explains : tuple of str
        Ailments that are mere consequences of it, and are not reported beside it.
    """

    name: str
    look: Look
    healthy: tuple[float, float]
    advice: str
    explains: tuple[str, ...] = ()

    def judge(self, evidence: Evidence) -> Finding | None:
        """Return the finding for the number furthest outside the healthy range; None if all are healthy."""
        signs = [sign for sign in self.look(evidence) if not self.is_healthy(sign.number)]
        if not signs:
            return None
        worst = max(signs, key=lambda sign: self._distance(sign.number))
        others = tuple(dict.fromkeys(s.layer for s in signs if s.layer and s.layer != worst.layer))
        return Finding(
            self.name, worst.layer, others, worst.number, self.healthy, worst.sentence, self.advice
        )

    def is_healthy(self, number: float) -> bool:
        """Tell whether a number is in the healthy range; NaN, which was not measured, counts as healthy."""
        low, high = self.healthy
        return low <= number <= high or math.isnan(number)

    def _distance(self, number: float) -> float:
        low, high = self.healthy
        return low - number if number < low else number - high


@dataclass(frozen=True, repr=False)
class Finding(Report):
    """One thing that is wrong.

    Parameters
    ----------
    ailment : str
        Its name.
    layer : str
        The layer that shows it most; empty if it is not about one layer.
    others : tuple of str
        Other layers that show it.
    number : float
        The number that shows it.
    healthy : tuple of float
        The least and the largest healthy number.
    sentence : str
        What was seen.
    advice : str
        What to try.
    """

    ailment: str
    layer: str
    others: tuple[str, ...]
    number: float
    healthy: tuple[float, float]
    sentence: str
    advice: str

    def _repr_html_(self) -> str:
        from ...core.page import fragment

        return fragment(_table([self]))

    @property
    def seen(self) -> str:
        """The observation, the healthy range, and the other layers that show it."""
        also = f" The same in {some(self.others, 4)}." if self.others else ""
        return f"{self.sentence} ({_range(self.healthy)}).{also}"

    def __str__(self) -> str:
        return f"{self.ailment}: {self.seen}\n  Try: {self.advice}"


@dataclass(frozen=True, repr=False)
class DoctorReport(Report):
    """All that the doctor found; true if nothing was.

    Parameters
    ----------
    findings : tuple of Finding
        What is wrong, causes before consequences.
    steps : int
        How many training steps were watched.
    examples : int
        The number of examples on which the layers were examined.
    """

    findings: tuple[Finding, ...]
    steps: int
    examples: int

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def ailments(self) -> tuple[str, ...]:
        """The names of what was found."""
        return tuple(finding.ailment for finding in self.findings)

    def __bool__(self) -> bool:
        return self.healthy

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __str__(self) -> str:
        return plain("\n".join([self._first, *(f"- {finding}" for finding in self.findings)]))

    @property
    def _first(self) -> str:
        """The first line: the number of findings, and what they are based on."""
        examples = "1 example" if self.examples == 1 else f"{self.examples} examples"
        seen = f"{self.steps} training steps on a copy, layers looked at on {examples}"
        if self.healthy:
            return f"Nothing suspicious: {seen}."
        count = "1 finding" if len(self) == 1 else f"{len(self)} findings"
        return f"{count} ({seen}):"

    def _repr_html_(self) -> str:
        from ...core import page

        if self.healthy:
            return page.fragment(page.paragraph(self._first))
        return page.fragment(page.heading(self._first), _table(self.findings))


def _table(findings: Iterable[Finding]) -> str:
    from ...core import page

    rows = [(finding.ailment, finding.seen, finding.advice) for finding in findings]
    return page.table(("what", "seen", "try"), rows, {0: "bad", 1: "w", 2: "w"})


def _range(healthy: tuple[float, float]) -> str:
    low, high = healthy
    if low == high:
        return f"healthy: {high:g}"
    if math.isinf(low) or not low:
        return f"healthy: at most {high:g}"
    return f"healthy: at least {low:g}" if math.isinf(high) else f"healthy: {low:g} to {high:g}"
