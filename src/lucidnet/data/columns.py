"""Describing a column of a table: what it is, what is odd about it, and what to do with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.finite import moments
from ..core.record import Record, record
from ..errors import some
from .dates import FORMS, days
from .durations import CLOCK, WAYS
from .fitting import MANY, is_tick, kind_of
from .form import THOUSANDS
from .frames import Cells, Frame
from .leaks import groups
from .oddities import LIMITS, SEVERAL, odd_texts
from .targets import FEW
from .written import as_text, number_of, unit_of

Array = npt.NDArray[Any]

IDENTITY = re.compile(
    r"(?:^|[_\W])(?i:id|uuid|guid|index|idx|key|nr|no|row|rownames?|name|unnamed: \d+)$"
    r"|(?<=[a-z])(?:Id|ID|No)$"
)
"""Names of columns that identify the rows."""
NINES = re.compile(r"-?9{2,}(\.9+)?")
"""Numbers that often stand for a missing value."""
CODES = frozenset((7, 8, 9, 77, 88, 97, 98, 99, 777, 888, 997, 998, 999))
"""Numbers above a scale that stand in surveys for no answer, and the like."""
SCALE = 12
"""A scale of answers has at most so many numbers."""
STRAY = 2
"""So many different texts among numbers may stand for what is not known."""
ENOUGH = 10
"""With fewer rows, no conclusion is drawn from even steps, or from values that are all different."""
FAR = 10.0
"""Numbers with a larger mean or deviation had better be standardized."""
ASIDE = 3.0
"""So had those whose mean is so many deviations from 0: half of the ReLUs would be 0 for all of them."""


@record
class ColumnSeen(Record):
    """What was found in a column.

    Parameters
    ----------
    name, kind : str
        Its name; ``"number"``, ``"duration"``, ``"category"``, ``"date"``, ``"yes/no"`` or ``"nothing"``.
    holds : str
        A description of its contents.
    plan : str
        How it will be used: ``"target"``, ``"input"``, ``"dropped"``, ``"one-hot"``, ...
    missing : int
        The number of rows in which it is missing.
    """

    name: str
    kind: str
    holds: str
    plan: str
    missing: int = 0


class ColumnTold(NamedTuple):
    """Findings about an input column: why to drop it, what is odd, and whether it is far from 0."""

    seen: ColumnSeen
    drop: str | None = None
    odd: str | None = None
    far: bool = False
    deviation: float | None = None
    tick: bool = False


OF_TARGET = "it is one of those of which just one is 1 in each row, as the target is"
"""Why a column is dropped that belongs to a one-hot target."""


def one_hot_with(target: str, frame: Frame) -> list[str]:
    """Return the columns beside a target of 0 and 1 that are one-hot together with it; for three or more."""
    at, names = frame.names.index(target), frame.names
    right: Array = np.zeros(frame.rows)
    for last in range(at, len(names)):
        if (column := _truths(frame.cells[names[last]])) is None:
            break
        right = together = right + column
        for first in range(at, -1, -1):
            if first < at:
                if (column := _truths(frame.cells[names[first]])) is None:
                    break
                together = together + column
            if together.max() > 1:
                break
            if together.min() == 1 and last - first > 1:
                return [name for name in names[first : last + 1] if name != target]
    return []


def _truths(cells: Cells) -> Array | None:
    """Return a column that holds 0 and 1, both of them; None if it holds others."""
    numbers = cells.numbers
    if numbers is None or cells.missing or not set(numbers[:100].tolist()) <= {0, 1}:
        return None
    return numbers if np.array_equal(np.unique(numbers), [0, 1]) else None


GROUPS = "{} of about {} rows each, as its name says; "
DIVIDED = "rows of one may be both trained on and tested with, so that the test says nothing about new ones"
"""What is said of a column that says which rows belong together, and why it is dropped."""


def in_time(frame: Frame, name: str) -> str:
    """Return a remark on the dates of a series, if they are not in order, or have gaps; else ""."""
    cells = frame.cells[name]
    kind, form = kind_of(cells)
    if kind != "date" or form not in FORMS or cells.missing:
        return ""
    steps = np.diff([days(cells.text(row), form) or 0.0 for row in range(frame.rows)])
    if (steps < 0).any():
        return f"; the dates are not in order: sort the rows by {name!r} first"
    if len(steps) and steps.max() > 1.5 * np.median(steps):
        row = int(steps.argmax())
        return f"; between {cells.text(row)} and {cells.text(row + 1)} some are missing: fill them in first"
    return ""


def told(name: str, frame: Frame) -> ColumnTold:
    """Examine an input column: what it is, and what to do with it."""
    cells = frame.cells[name]
    count = len(cells.missing)
    if count == len(cells):
        return ColumnTold(ColumnSeen(name, "nothing", "", "dropped", count), "it is empty throughout")
    kind, form = kind_of(cells)
    if cells.truths or (cells.texts is not None and kind == "number"):
        seen = ColumnSeen(name, "yes/no", "true and false", "0 and 1", count)
        if is_tick(cells):
            return ColumnTold(seen, None, _told_tick(cells, "0"), tick=True)
        return ColumnTold(seen, _constant(cells))
    if kind == "number":
        return _told_number(name, cells, frame)
    if kind == "date":
        days = "" if form != "?" else ", in which day and month cannot be told apart"
        how = "--dates days makes days since 1970 of its dates" if form != "?" else None
        holds = _extremes(cells, form or "")
        return ColumnTold(ColumnSeen(name, "date", holds, "dropped", count), f"it holds dates{days}", how)
    return _told_text(name, cells, frame)


def _constant(cells: Cells) -> str | None:
    """Say that a column holds the same value in all rows; None if it does not."""
    if len(cells) < 2 or is_tick(cells):
        return None
    there = _there(cells)
    same = len(set(there)) == 1 if isinstance(there, list) else bool(there.min() == there.max())
    first = next(i for i in range(len(cells)) if i not in cells.missing)
    rows = "all rows that have it" if cells.missing else "all rows"
    return f"it is {cells.text(first)[:40]!r} in {rows}" if same else None


def _there(cells: Cells) -> Any:
    """Return the cells of a column that are not missing."""
    if cells.texts is not None:
        return [text for i, text in enumerate(cells.texts) if i not in cells.missing]
    assert cells.numbers is not None  # one of both is there
    return np.delete(cells.numbers, list(cells.missing)) if cells.missing else cells.numbers


def _extremes(cells: Cells, form: str) -> str:
    there = set(_there(cells))
    if form not in FORMS:
        return f"such as {min(there)[:30]}"
    first, last = (pick(there, key=lambda text: (days(text, form) or 0, text)) for pick in (min, max))
    return f"from {first[:30]} to {last[:30]}"


def quantity(cells: Cells) -> tuple[str, str]:
    """Return the kind of a column of numbers, and what stands behind its numbers."""
    return ("duration", " seconds") if cells.mark in WAYS else ("number", "")


def as_written(cells: Cells) -> str:
    """Say how the numbers of a column are written, where that is told."""
    what = "cells are durations, or times of day," if cells.mark in WAYS else "numbers are written"
    return f"its {what} as {cells.written}"


def _told_number(name: str, cells: Cells, frame: Frame) -> ColumnTold:
    there = _there(cells)
    finite = there[np.isfinite(there)]
    if not len(finite):
        return ColumnTold(
            ColumnSeen(name, "number", "no finite number", "dropped", len(cells.missing)),
            "no number is finite",
        )
    low, high = float(finite.min()), float(finite.max())
    whole = bool((finite == np.round(finite)).all())
    holds = f"{'whole numbers ' if whole else ''}{_short(low)} to {_short(high)}"
    kind, unit = quantity(cells)
    holds += unit
    seen = ColumnSeen(name, kind, holds, "input", len(cells.missing))
    drop = _constant(cells)
    steps = np.diff(there) if whole and len(finite) == len(cells) >= ENOUGH else None
    if drop is None and steps is not None and len(steps):
        if (steps == 1).all() and low in (0, 1):
            drop = "it counts the rows"
        elif (count := groups(name, cells)) is not None:
            drop = GROUPS.format(f"its numbers name {count:,} things", f"{len(cells) / count:.3g}") + DIVIDED
        elif (IDENTITY.search(name) or _leads(name, frame, high)) and len(np.unique(there)) == len(there):
            drop = "it is another number in each row, as names of rows are"
    odd = None if len(finite) == len(there) else f"{len(there) - len(finite)} numbers are not finite"
    if whole and _are_dates(finite):
        odd = f"its numbers may be dates, as {as_text(low)}: written as 2021-12-31 they are told from numbers"
    if cells.written and odd is None:
        odd = as_written(cells)
    if odd is None and (stand_in := _stand_in(finite) or _codes(finite)):
        odd = f"{stand_in}: if it stands for what is missing, leave the cells empty, for --missing mean"
    mean, deviation = map(float, moments(finite))
    far = abs(mean) > FAR or deviation > FAR or abs(mean) > max(1.0, ASIDE * deviation)
    if drop:
        return ColumnTold(replace(seen, plan="dropped"), drop, odd)
    if is_tick(cells):
        return ColumnTold(seen, None, _told_tick(cells, "0"), tick=True)
    return ColumnTold(seen, None, odd, far, deviation or None)


def _are_dates(numbers: Array) -> bool:
    """Tell whether whole numbers all are dates, as 20211231."""
    if numbers.min() < 19000101 or numbers.max() > 21001231:
        return False
    texts = (as_text(float(number)) for number in np.unique(numbers))
    return all(days(f"{text[:4]}-{text[4:6]}-{text[6:]}", "iso") is not None for text in texts)


def _stand_in(numbers: Array) -> str | None:
    """Say how often a number of nines, or below 0, stands far from all others, as for what is missing."""
    kinds, counts = np.unique(numbers, return_counts=True)
    if len(kinds) < 3:
        return None
    for number, count, others in ((kinds[0], counts[0], kinds[1:]), (kinds[-1], counts[-1], kinds[:-1])):
        far = abs(number - others).min() > 2 * max(np.abs(others).max(), np.ptp(others))
        alone = number < 0 <= kinds[1]  # the only one below 0
        if far and count > 1 and (alone or NINES.fullmatch(as_text(float(number)))):
            return f"{as_text(float(number))} stands in {count:,} rows, far from all other numbers"
    return None


def _codes(numbers: Array) -> str | None:
    """Say how often 9, 99 or the like stands above all others of a scale, or is by far the most frequent."""
    kinds, counts = np.unique(numbers, return_counts=True)
    if len(kinds) < 4 or not (kinds == np.round(kinds)).all():
        return None
    above = 0
    while above < 3 and kinds[-1 - above] in CODES:
        above += 1
    scale = kinds[: len(kinds) - above]
    if not above or len(scale) < 2:
        return None
    steps = len(scale) <= SCALE and scale[0] in (0, 1) and scale[-1] - scale[0] == len(scale) - 1
    if not steps or kinds[-above] - scale[-1] < 2:  # not the next of the scale
        above = int(kinds[-1] in (99, 999) and counts[-1] >= max(3, 3 * counts[:-1].mean()))
    if not above:
        return None
    named = " and ".join(as_text(float(number)) for number in kinds[-above:])
    return (
        f"{named} stand{'s' * (above == 1)} in {int(counts[-above:].sum()):,} rows, above all other numbers"
    )


def _leads(name: str, frame: Frame, high: float) -> bool:
    """Tell whether a headerless first column has numbers much larger than the number of rows."""
    return name == frame.names[0] and not frame.form.get("header", True) and high > 10 * frame.rows


def _told_text(name: str, cells: Cells, frame: Frame) -> ColumnTold:
    there = _there(cells)
    kinds = sorted(set(there))
    named = some((" ".join(text.split())[:20] for text in kinds), 5)
    holds = f"{len(kinds):,} text{'s' * (len(kinds) > 1)}: {named}"
    odd = odd_texts(cells, frame, there, kinds)
    drop = _constant(cells)
    if drop is None and len(kinds) == len(there) >= ENOUGH:
        drop = "it is another text in each row, as names of rows are"
    elif drop is None and (len(kinds) > MANY or (len(kinds) > FEW and 2 * len(kinds) > len(there))):
        drop = f"it has {len(kinds):,} different texts in {len(there):,} rows"
    if drop is None and odd and len(kinds) > FEW and _are_quantities(kinds, there, frame):
        drop = f"it holds quantities: as texts they would be {len(kinds):,} inputs"
    if (count := groups(name, cells)) is not None:
        told = GROUPS.format(f"it names {count:,} things", f"{len(cells) / count:.3g}") + DIVIDED
        drop, odd = (told, None) if drop or count > FEW else (None, told)
    if is_tick(cells) and not drop:
        seen = ColumnSeen(
            name, "category", f"{kinds[0][:40]} or empty", "one-hot, 2 inputs", len(cells.missing)
        )
        return ColumnTold(seen, None, _told_tick(cells, "another category"), tick=True)
    plan = "dropped" if drop else f"one-hot, {len(kinds)} inputs"
    return ColumnTold(ColumnSeen(name, "category", holds, plan, len(cells.missing)), drop, odd)


def _are_quantities(kinds: Sequence[str], there: Sequence[str], frame: Frame) -> bool:
    """Tell whether texts are quantities that are not written as numbers, such as times."""
    decimal = str(frame.form.get("decimal", "."))
    if 2 * sum(number_of(text, decimal) is not None for text in there) > len(there):
        others = [text for text in kinds if number_of(text, decimal) is None]
        return len(others) <= STRAY or all(text[0] in LIMITS for text in others)  # else they are codes
    shapes = (THOUSANDS, CLOCK, SEVERAL)
    return unit_of(kinds) is not None or any(all(map(shape.fullmatch, kinds)) for shape in shapes)


def _told_tick(cells: Cells, other: str) -> str:
    row = next(row for row in range(len(cells)) if row not in cells.missing)
    held = f"{cells.text(row)[:40]!r} or empty, as a tick is"
    return f"it is {held}: --missing mean takes the empty cells for {other}"


def _short(number: float) -> str:
    return as_text(number) if abs(number) < 1e15 and number.is_integer() else f"{number:.5g}"
