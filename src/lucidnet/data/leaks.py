"""What makes a test say too much: the target among the inputs, rows that stand twice, groups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import some
from .frames import Cells, Frame
from .targets import FEW

Array = npt.NDArray[Any]

ENOUGH = 20
"""With fewer rows, no conclusion is drawn from columns that go together."""
SAME = 1 - 1e-6
"""The squared correlation from which on two columns hold the same in different units, but for rounding."""
CHANCE = 5
"""So many times as many pairs of rows as would be the same if columns had nothing to do with each other."""
LARGE = 1 << 24
"""In tables of more cells no rows are compared: it would take seconds."""
IDS = re.compile(r"(?:^|[_\W])(?i:id|uuid|guid)$|(?<=[a-z])(?:Id|ID)$")
"""Names of columns that name things, which may have several rows each."""


def copies(frame: Frame, target: str, names: Sequence[str]) -> Iterator[str]:
    """Yield a remark for inputs that may be the target under another name, or be known no earlier."""
    found = [(name, told) for name in names if (told := _copy(name, frame, target, len(names) > 1))]
    for told, pairs in groupby(sorted(found, key=lambda one: one[1]), key=lambda one: one[1]):
        alike = [name for name, _ in pairs]
        if len(alike) == 1:
            yield f"column {alike[0]!r}: {told}"
        else:
            yield f"{len(alike)} columns ({some(alike, 6)}): {told.replace('it ', 'each ', 1)}"


def _copy(name: str, frame: Frame, target: str, others: bool) -> str | None:
    """Return a remark on a column that goes with the target."""
    one, cells = frame.cells[name], frame.cells[target]
    if tells(one, cells):
        return f"each value goes with one of {target!r}: if it is the target in other words, --drop it"
    if others and _in_a_line(one, cells):
        return f"it goes with {target!r} in a straight line: if it is the target in another unit, --drop it"
    if (kind := _missing_with(one, cells)) is not None:
        return (
            f"it is missing where {target!r} is {kind[:40]!r}, and nowhere else: if it is known only when "
            "the target is, --drop it"
        )
    return None


def tells(cells: Cells, target: Cells) -> bool:
    """Tell whether a column names the classes of the target in other words, or is the target itself.

    Each of its values goes with one class, and each class with one value, in every row.
    """
    if len(cells) < ENOUGH or cells.missing or target.missing:
        return False
    if cells.numbers is not None and len(np.unique(cells.numbers[: 10 * FEW])) > FEW:  # as most have
        return False
    one, other = _values(cells), _values(target)
    kinds = set(one)
    return 1 < len(kinds) <= FEW and len(kinds) == len(set(other)) == len(set(zip(one, other, strict=True)))


def _values(cells: Cells) -> Any:
    return cells.texts if cells.numbers is None else cells.numbers.tolist()


def _in_a_line(cells: Cells, target: Cells) -> bool:
    """Tell whether a column is the numbers of the target times a factor, plus a constant."""
    if cells.numbers is None or target.numbers is None:
        return False
    both = np.isfinite(cells.numbers) & np.isfinite(target.numbers)
    if both.sum() < ENOUGH or len(set(target.numbers[both][: 2 * FEW].tolist())) < FEW:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        one, other = (made - made.mean() for made in (cells.numbers[both], target.numbers[both]))
        return bool((one @ other) ** 2 > SAME * (one @ one) * (other @ other) > 0)


def _missing_with(cells: Cells, target: Cells) -> str | None:
    """Return the class in whose rows a column is missing, if it is in all of them and in no other."""
    count = len(cells.missing)
    if len(cells) < ENOUGH or target.missing or not 0 < count < len(cells):
        return None
    values = _values(target)
    first = next(iter(cells.missing))
    if any(values[row] != values[first] for row in cells.missing):
        return None
    return target.text(first) if sum(value == values[first] for value in values) == count else None


def repeated(frame: Frame) -> str | None:
    """Say how many rows are copies of others; None if there are none, or they may be so by chance.

    Columns that are another in each row, as numbers of rows are, do not count.
    """
    n, marks = frame.rows, np.zeros(frame.rows, np.uint64)
    pairs = n * (n - 1) / 2
    if n < 2 or len(frame.names) * n > LARGE:
        return None
    for name in frame.names:
        column = _marks(frame.cells[name])
        counts = np.unique(column, return_counts=True)[1]
        if len(counts) == n:
            continue
        pairs *= float((counts * (counts - 1.0)).sum()) / (n * (n - 1.0))
        marks = marks * np.uint64(0x9E3779B97F4A7C15) ^ column
        marks ^= marks >> np.uint64(29)
    first: Array
    places: Array
    _, first, places = np.unique(marks, return_index=True, return_inverse=True)
    count = n - len(first)
    if count <= CHANCE * pairs:
        return None
    copy = int(np.flatnonzero(first[places] != np.arange(frame.rows))[0])
    pair = f"row {frame.row(copy)} holds the same as row {frame.row(int(first[places[copy]]))}"
    more = f", and so on: {count:,} rows" if count > 1 else ""
    return f"{pair}{more}: a test with copies of what was trained on says too much; leave out what is one"


def _marks(cells: Cells) -> Array:
    """Return a number for each cell, the same for the same."""
    if cells.numbers is not None:
        bits: Array = np.where(np.isnan(cells.numbers), np.nan, cells.numbers + 0.0).view(np.uint64)
        bits ^= bits >> np.uint64(32)
        return bits
    places: dict[str, int] = {}
    return np.array([places.setdefault(text, len(places)) for text in cells.texts or ()], np.uint64)


DIVISIBLE = 10
"""With fewer groups they are not divided: few would be left for testing, and for validation."""
WEIGHTS = frozenset(
    ("sample_weight", "sample_weights", "sampling_weight", "survey_weight", "case_weight", "person_weight",
     "instance_weight", "row_weight", "fnlwgt", "final_weight", "finalwt", "wtfinl", "perwt", "asecwt",
     "pwgtp", "pweight", "pwght", "anweight", "pspwght", "dweight", "wtssall")
)  # fmt: skip
"""Names of columns that say how much each row counts, in surveys and elsewhere."""


def weighs(name: str, cells: Cells) -> bool:
    """Tell whether a column says how much each row counts, by its name and its numbers."""
    plain = "_".join(name.lower().replace("-", " ").replace("_", " ").split())
    numbers = cells.numbers
    if plain not in WEIGHTS or numbers is None or cells.missing or not len(numbers):
        return False
    return bool(np.isfinite(numbers).all() and numbers.min() >= 0 and len(set(numbers[:100].tolist())) > 1)


def divides(cells: Cells) -> bool:
    """Tell whether rows can be divided by the things that a column names: many, and none has most rows."""
    if cells.missing:
        return False
    counts = np.unique(np.array(_values(cells), object), return_counts=True)[1]
    return len(counts) >= DIVISIBLE and 4 * int(counts.max()) <= len(cells)


def groups(name: str, cells: Cells) -> int | None:
    """Return how many things a column names that have several rows each, as its name says; else None."""
    if not IDS.search(name) or len(cells) < ENOUGH:
        return None
    kinds = len(set(_values(cells)))
    return kinds if 1 < kinds <= len(cells) // 2 else None
