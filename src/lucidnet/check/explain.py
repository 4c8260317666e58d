"""From wrong numbers to the likely mistake, in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..backend import Stream
from ..errors import LucidnetError
from .compare import DIRECTION, compare
from .derivatives import derivative_mistakes
from .evidence import WrongGradient
from .hypotheses import HYPOTHESES
from .resembles import right_in_part
from .steps import step_mistakes
from .subject import LayerSubject, Subject, example

MOST_ENTRIES = 2000
"""Larger arrays are explained on a smaller input: their full numeric gradient would take too long."""

UNKNOWN = "no known mistake gives these numbers; compare the formula"

ALSO = "wrong, too, in a way that is not known: perhaps for the same reason"

SMALL = 5
"""The size of the axes of a smaller input."""


def explain(subject: Subject, failed: list[str]) -> Iterator[str]:
    """Yield the likely mistakes behind wrong gradients."""
    arrays = [name for name in failed if name != DIRECTION]
    if failed and not arrays:
        yield "entries are wrong that were not among those compared: give a larger entries="
        return
    mistakes, place = derivative_mistakes(subject) if isinstance(subject, LayerSubject) else ({}, None)
    mistakes = {name: sentence for name, sentence in mistakes.items() if name in arrays}
    for sentence in dict.fromkeys(mistakes.values()):
        names = [name for name in arrays if mistakes.get(name) == sentence]
        yield sentence if len(names) == len(subject.arrays) else f"{', '.join(names)}: {sentence}"
    step = step_mistakes(subject) if isinstance(subject, LayerSubject) else None
    if step:
        yield step
        return
    others = {name: _mistake(subject, name, place) for name in arrays if name not in mistakes}
    told = sorted(dict.fromkeys(others.values()), key=lambda sentence: sentence == UNKNOWN)
    for sentence in told:
        wrong = ", ".join(name for name in others if others[name] == sentence)
        yield f"{wrong}: {ALSO if sentence == UNKNOWN and (mistakes or len(told) > 1) else sentence}"


def _mistake(subject: Subject, name: str, place: str | None) -> str:
    if subject.arrays[name].size > MOST_ENTRIES:
        smaller = _smaller(subject)
        if smaller is None or not _still_wrong(smaller, name):
            return "its gradient is wrong, but it is too large to look for the mistake; check a smaller layer"
        subject = smaller
    evidence = WrongGradient.of(subject, name)
    known = next(filter(None, (hypothesis(evidence) for hypothesis in HYPOTHESES)), None)
    return known or place or right_in_part(evidence.analytic, evidence.numeric, {}, 1e-5) or UNKNOWN


def _smaller(subject: Subject) -> LayerSubject | None:
    """Return a subject of the same layer with small inputs, if it accepts them."""
    if not isinstance(subject, LayerSubject):
        return None
    shape = tuple(min(size, SMALL) for size in subject.x.shape[1:])
    try:
        small = LayerSubject.of(
            subject.layer, example(Stream(0, dtype="float64"), 4, shape), 0, subject.run.train
        )
    except (LucidnetError, ValueError, IndexError):
        return None
    return small if all(array.size <= MOST_ENTRIES for array in small.arrays.values()) else None


def _still_wrong(subject: LayerSubject, name: str) -> bool:
    return any(entry.name == name and 1e-6 < entry.error < np.inf for entry in compare(subject, 50, 0))
