"""What a target is: classes to tell apart, or numbers to predict."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import some
from .durations import FULL, WAYS
from .frames import EXACT, TRUTHS, Cells, Frame
from .written import MISSING, as_text, is_number, number_of

Array = npt.NDArray[Any]

FEW = 20
"""Whole numbers with no more distinct values, and close together, are classes."""
MOST = 1000
"""With more classes than this, the user must confirm that they are classes."""
ROWS = 10
"""The rows that each class should have if there are many classes, or odd numbers as classes."""

SAY = "task='classification' or 'regression' (--task ...)"


def decided(
    cells: Cells, frame: Frame, name: str, task: str | None, alone: bool = False
) -> tuple[str, tuple[str, ...] | None]:
    """Return the task for a target, and its class names.

    Parameters
    ----------
    cells : Cells
        The target, none of it missing.
    frame : Frame
        Where it stands, for messages.
    name : str
        What it is called.
    task : str, optional
        The task given by the user.
    alone : bool
        Whether one value throughout will do.
    """
    classes: tuple[str, ...] | None
    if cells.mark in WAYS:
        if task != "classification":
            numbers(cells, frame, name)
            return "regression", None
        if cells.original is not None:
            cells = Cells(None, cells.original, cells.missing)
    if cells.texts is not None and len(cells) and all(map(is_number, set(cells.texts))):
        cells = _as_numbers(cells, task)
    if cells.texts is not None and len(kinds := set(cells.texts)) > 2 and _are_truths(kinds):
        return "classification", ("False", "True")
    if cells.texts is not None:
        classes = _of_texts(cells, frame, name, task)
    elif cells.truths and task != "regression":
        assert cells.numbers is not None
        classes = tuple(str(bool(value)) for value in np.unique(cells.numbers))
    else:
        classes = _of_numbers(cells, frame, name, task, alone)
    if classes is None:
        return "regression", None
    if len(classes) == 1 and not alone:
        reason = (
            f"the target, column {name}, is {classes[0][:100]!r} in all {len(cells)} rows: one class only"
        )
        raise frame.error(reason, "there is nothing to tell apart; name another target")
    if len(classes) > MOST and task is None:
        reason = f"the target, column {name}, has {len(classes):,} classes, each an output of the network"
        raise frame.error(reason, f"say that this is meant, {SAY}, or name another target")
    return "classification", classes


def _of_texts(cells: Cells, frame: Frame, name: str, task: str | None) -> tuple[str, ...]:
    assert cells.texts is not None
    kinds = set(cells.texts)
    plain = all(map(is_number, kinds))
    classes = sorted(kinds, key=lambda text: (number_of(text) or 0.0, text)) if plain else sorted(kinds)
    _check_labels(cells.texts, classes, frame)
    if task == "regression":
        row = frame.row(0)
        reason = f"row {row}: the target, column {name}, is {cells.texts[0][:100]!r}, which is no number"
        raise frame.error(reason, "task='classification' (--task classification) tells texts apart")
    if task is None and len(cells) >= 20 and 2 * len(classes) > len(cells):
        reason = f"the target, column {name}, has {len(classes):,} different texts in {len(cells):,} rows"
        remedy = "name another target; or say that these are classes, task='classification' (--task ...)"
        raise frame.error(reason, remedy)
    return tuple(classes)


def _as_numbers(cells: Cells, task: str | None) -> Cells:
    """Convert numeric texts to numbers, if they are not all whole or are to be predicted."""
    assert cells.texts is not None
    numbers = np.array([number_of(text) or 0.0 for text in cells.texts])
    whole = (numbers == np.round(numbers)).all()
    return cells if whole and task != "regression" else Cells(numbers, None, cells.missing)


def _check_labels(cells: list[str], classes: list[str], frame: Frame) -> None:
    """Raise if supposed class names are mostly numbers to predict, apart from a few odd cells."""
    numbers = [name for name in classes if is_number(name) and name.lower() not in MISSING]
    others = set(classes) - set(numbers)
    fractions = [name for name in numbers if not (number_of(name) or 0.0).is_integer()]
    if numbers and others and (fractions or all(name.lower() in MISSING for name in others)):
        k = next(k for k, cell in enumerate(cells) if cell in others)
        other = (fractions or numbers)[0]
        what = f"{cells[k][:100]!r} is no number, as {other[:100]} is"
        lacks = "is missing: " if cells[k].lower() in MISSING else ""
        reason = f"row {frame.row(k)}: the target {lacks}{what}"
        raise frame.error(reason, "write a number there, or leave out the row")


def _of_numbers(
    cells: Cells, frame: Frame, name: str, task: str | None, alone: bool
) -> tuple[str, ...] | None:
    numbers = cells.numbers
    assert numbers is not None
    if not np.isfinite(numbers).all() and cells.large is None:
        row = int(np.flatnonzero(~np.isfinite(numbers))[0])
        reason = f"row {frame.row(row)}: the target, column {name}, is {numbers[row]}, no finite number"
        raise frame.error(reason, "write a number there, or leave out the row")
    if task == "regression":
        return None
    if cells.exact is not None:
        row, text = cells.exact
        reason = f"row {frame.row(row)}: the target {text[:100]} is a whole number above 2**53"
        raise frame.error(reason, "number the labels from 0 on, or write numbers as 1.5e17")
    if task is None and (not are_classes(numbers) or (alone and (numbers == numbers[0]).all())):
        return None
    kinds = np.unique(numbers)
    fractions = kinds[kinds != np.round(kinds)]
    if len(fractions) and 2 * len(kinds) > len(numbers) >= 20:
        reason = f"the target, column {name}, has {len(kinds):,} different numbers in {len(numbers):,} rows"
        raise frame.error(reason, "task='regression' (--task regression) predicts numbers")
    return tuple(as_text(float(kind)) for kind in kinds)


def are_classes(numbers: Array) -> bool:
    """Tell whether numbers are probably class labels: whole, with few distinct values, close together.

    That is: at most 20 distinct values, with no more than half of those between them missing; or two or three
    distinct values with 10 rows each; or all of 0 to k - 1, or 1 to k, up to 1,000, with about as many rows
    of each.

    Examples
    --------
    >>> import numpy as np
    >>> are_classes(np.array([-1, 1])), are_classes(np.array([3, 10, 25])), are_classes(np.array([0.5, 1]))
    (True, False, False)
    """
    if not (numbers == np.round(numbers)).all() or np.abs(numbers).max() > EXACT:
        return False
    kinds, counts = np.unique(numbers, return_counts=True)
    many, span = len(kinds), kinds[-1] - kinds[0] + 1
    if many <= FEW and span <= 2 * many:
        return True
    if many <= 3 and len(numbers) >= ROWS * many:
        return True
    filled = span == many <= MOST and kinds[0] in (0, 1)
    return bool(filled and len(numbers) >= ROWS * many and 5 * counts.min() * many >= len(numbers))


def labels(cells: Cells, frame: Frame, name: str, classes: tuple[str, ...]) -> Array:
    """Return the class number of each row of a target.

    Raises
    ------
    DataError
        If one is unknown; it names the class and the row.
    """
    places = {text: i for i, text in enumerate(classes)}
    if cells.original is not None and not all(map(is_number, classes)):  # texts, where the classes come from
        cells = Cells(None, cells.original, cells.missing)
    if cells.numbers is None:
        assert cells.texts is not None
        named = {text: places.get(text, places.get(_plainer(text), -1)) for text in set(cells.texts)}
        if _are_truths(classes):
            truths = {TRUTHS[name.lower()]: i for name, i in places.items()}
            named |= {text: truths.get(TRUTHS.get(text.lower(), -1), named[text]) for text in named}
        found = np.array([named[text] for text in cells.texts], np.int64)
    elif cells.truths and {"True", "False"} & set(classes):
        found = np.where(cells.numbers > 0, places.get("True", -1), places.get("False", -1))
    else:
        found = numbered(cells, frame, f"column {name}: the class", classes)
    if (found < 0).any():
        row = int(np.argmax(found < 0))
        reason = f"row {frame.row(row)}: the class {cells.text(row)[:100]!r} of column {name} is unknown"
        raise frame.error(
            reason, f"known are {some(map(repr, classes), 10)}; leave out the row, or train with it"
        )
    return found


def numbered(cells: Cells, frame: Frame, what: str, names: tuple[str, ...]) -> Array:
    """Return the index of the name that each number stands for, -1 if unknown.

    Raises
    ------
    DataError
        If a number may stand for two names, as 1 for "1" and "01", or it is not exactly known.
    """
    assert cells.numbers is not None
    if cells.exact is not None:
        row, text = cells.exact
        reason = f"row {frame.row(row)}, {what} {text[:100]} is a whole number above 2**53"
        raise frame.error(reason, "give texts in a frame: such numbers are not told from the next")
    known = sorted((number, i) for i, text in enumerate(names) if (number := number_of(text)) is not None)
    if not known:
        return np.full(len(cells), -1)
    values = np.array([value for value, _ in known])
    at = np.searchsorted(values, cells.numbers)
    at[at == len(values)] = 0
    there = values[at] == cells.numbers
    twice = np.flatnonzero(there & (np.searchsorted(values, cells.numbers, "right") - at > 1))
    if len(twice):
        first = int(at[twice[0]])
        both = " or ".join(repr(names[known[k][1]]) for k in (first, first + 1))
        reason = f"row {frame.row(int(twice[0]))}, {what} {cells.text(int(twice[0]))} may be {both}"
        raise frame.error(reason, "as a number it does not say which: give texts in a frame")
    return np.where(there, np.array([i for _, i in known])[at], -1)


def _are_truths(texts: Iterable[str]) -> bool:
    """Tell whether texts are true and false, in whatever letters."""
    return all(text.lower() in TRUTHS for text in texts)


def _plainer(text: str) -> str:
    """Write a numeric class as a whole number if it is one: "1.0" becomes "1"."""
    return text if (number := number_of(text)) is None else as_text(number)


def numbers(cells: Cells, frame: Frame, name: str) -> Array:
    """Return a numeric target; raise if a cell is no number, or is of hours or of minutes."""
    if cells.mark in WAYS and cells.mark != FULL:
        row = next(row for row in range(len(cells)) if row not in cells.missing)
        reason = f"row {frame.row(row)}: the target, column {name}, is {cells.text(row)[:100]!r}"
        remedy = (
            "write durations with hours, minutes and seconds, as 1:02:30, which are predicted in seconds; "
            "task='classification' (--task classification) takes them for classes"
        )
        raise frame.error(f"{reason}, of hours or of minutes", remedy)
    if cells.numbers is None:
        assert cells.texts is not None
        made = [number_of(text) for text in cells.texts]
        if None not in made:
            return np.array(made, np.float64)
        row = made.index(None)
        text = cells.texts[row]
        reason = f"row {frame.row(row)}: the target, column {name}: expected a number, got {text[:100]!r}"
        raise frame.error(reason, "write a number there, or leave out the row")
    return cells.numbers
