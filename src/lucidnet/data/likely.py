"""Guessing which column of a table is the target, from its name and its values."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from .frames import Cells, Frame
from .targets import FEW, ROWS, are_classes
from .written import unit_of

STRONG = frozenset(
    ("target", "targets", "label", "labels", "class", "classes", "y", "species", "diagnosis", "outcome")
)
"""Names that people give to target columns."""
WEAK = frozenset(
    ("price", "saleprice", "medv", "survived", "quality", "rating", "income", "charges", "response", "result",
     "type", "category", "variety", "score", "churn", "default", "sales", "count", "cnt", "mpg", "rings",
     "median_house_value", "output", "value", "digit", "letter", "spam", "status")
)  # fmt: skip
"""Names that target columns have, but others, too."""


def likely_target(frame: Frame, dropped: Collection[str] = ()) -> str | None:
    """Return a column that looks more like the target than the last one; None if there is none.

    That is a column with a telling name (``label``, ``class``, ``target``, ...), or a first column of labels
    if the last one has hardly more than one number, as pixels at the edge do. Without a header line it is the
    only column of texts, or the first column, if that has labels and the last has none; texts of no more
    kinds than the first has are labels, too, however rare some of them are.

    Beside an ``x``, a ``y`` is a coordinate.
    """
    names = [name for name in frame.names if name not in dropped]
    if len(names) < 2:
        return None
    *others, last = names
    strong = STRONG - {"y"} if "x" in map(plain, names) else STRONG
    if plain(last) in strong | WEAK:
        return None
    if len(named := [name for name in others if plain(name) in strong]) == 1:
        return named[0]
    first, end = frame.cells[names[0]], frame.cells[last]
    if frame.form.get("header", True):
        images = _almost_constant(end) and all(frame.cells[name].numbers is not None for name in names[1:])
        return names[0] if images and label_like(first) else None
    if label_like(end):
        return None
    words = [name for name in names if frame.cells[name].texts is not None]
    if len(words) == 1 and label_like(frame.cells[words[0]]):
        return words[0]
    if first.texts is not None and end.texts is not None and 1 < len(set(end.texts)) <= len(set(first.texts)):
        return None
    return names[0] if label_like(first) else None


def best_target(frame: Frame) -> str:
    """Return the column to use as the target if nobody says which."""
    if (found := likely_target(frame)) is not None:
        return found
    last = next((name for name in reversed(frame.names) if not _is_idle(frame.cells[name])), frame.names[-1])
    if plain(last) in STRONG | WEAK:
        return last
    named = [name for name in frame.names if plain(name) in WEAK]
    return named[0] if len(named) == 1 else last


def _is_idle(cells: Cells) -> bool:
    """Tell whether a column is empty, or holds the same text in all rows, or another in each."""
    if cells.texts is not None and len(cells) >= ROWS and len(set(cells.texts)) == 1:
        return True
    if cells.texts is None or len(set(cells.texts)) < len(cells) or len(cells) < ROWS:
        return len(cells.missing) == len(cells)
    return unit_of(cells.texts) is None


def plain(name: str) -> str:
    """Return a name in lower case, its words joined by "_"."""
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split())


def label_like(cells: Cells) -> bool:
    """Tell whether a column looks like class labels: few distinct values, each in many rows."""
    if cells.missing or not len(cells):
        return False
    if cells.numbers is not None and not (np.isfinite(cells.numbers).all() and are_classes(cells.numbers)):
        return False
    values = np.array(cells.texts) if cells.numbers is None else cells.numbers
    kinds, counts = np.unique(values, return_counts=True)
    even = 5 * counts.min() * len(kinds) >= len(cells)
    return 1 < len(kinds) <= FEW and bool(even) and len(cells) >= min(ROWS, 3) * len(kinds)


def _almost_constant(cells: Cells) -> bool:
    if cells.numbers is None or cells.missing or not len(cells):
        return False
    _, counts = np.unique(cells.numbers, return_counts=True)
    return bool(counts.max() >= 0.9 * len(cells))
