"""Deciding what the columns of a table are, and asking the user where that is unclear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from shlex import quote
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.finite import moments
from ..errors import lookup
from . import dates, targets
from .applying import as_numbers, missing_cell, missing_target
from .column import Column
from .frames import TRUTHS, Cells, Frame, as_cells
from .likely import likely_target
from .written import composed, is_number

Array = npt.NDArray[Any]

MANY = 1000
"""The most categories of a text column."""


class Words(NamedTuple):
    """The settings of a table; see `Table.fit`."""

    task: str | None = None
    drop: tuple[str | int, ...] = ()
    standardize: bool = False
    categories: str | None = None
    missing: str | None = None
    dates: str | None = None


def fitted(frame: Frame, target: Any, words: Words, alone: bool = False) -> dict[str, Any]:
    """Return the fields of the table; see `Table.fit`. With `alone`, a constant target is allowed."""
    dropped = tuple(dict.fromkeys(column_name(frame, one, "column to drop") for one in words.drop))
    name, cells, rest = _target(frame, target, dropped)
    called = name or "target"
    inputs = [one for one in rest.names if one not in dropped]
    if not inputs:
        if dropped:
            raise frame.error("all columns but the target are dropped", "leave one for the inputs")
        reason = "expected one column for the target and others for the inputs, found one"
        raise frame.error(reason, "is another sign between the columns?")
    if not frame.rows:
        raise frame.error("has no rows", "give one for each example")
    rows = _rows(rest, cells, inputs, called, words.missing, frame)
    if not len(rows):
        raise frame.error("has no rows without missing cells", "fill them: missing='mean' (--missing mean)")
    if len(rows) < frame.rows:
        rest, cells = rest.taken(rows), cells.taken(rows)
    task, classes = targets.decided(cells, rest, called, words.task, alone)
    center, scale = 0.0, 1.0
    if classes is None:
        center, scale = _scaled(targets.numbers(cells, rest, called), words.standardize)
    return {
        "columns": tuple(_column(one, rest, words) for one in inputs),
        "target": name,
        "task": task,
        "classes": classes,
        "missing": words.missing,
        "dropped": dropped,
        "center": center,
        "scale": scale,
    }


def _target(frame: Frame, target: Any, dropped: tuple[str, ...]) -> tuple[str | None, Cells, Frame]:
    """Return name and cells of the target, and the other columns."""
    if isinstance(target, tuple) and str(target) in frame.cells:  # of a frame of pandas with several levels
        target = str(target)
    if not isinstance(target, (str, int, np.integer)) or isinstance(target, bool):
        cells, given = as_cells(target, "Table.fit: target"), getattr(target, "name", None)
        if len(cells) != frame.rows:
            reason = f"target: there are {frame.rows} rows, but {len(cells)} targets"
            raise frame.error(reason, "give one for each row")
        return given if isinstance(given, str) and given not in frame.cells else None, cells, frame
    if target == -1 and (likely := likely_target(frame, dropped)) is not None:
        last = frame.names[-1]
        reason = f"which column is the target? {likely!r} looks like it, the last is {last!r}"
        raise frame.error(reason, f"say target={likely!r} or {last!r} (--target ...)")
    name = column_name(frame, target if isinstance(target, str) else int(target), "column")
    if name in dropped:
        raise frame.error(f"column {name!r} is the target, and to be dropped", "leave one of them out")
    return name, frame.cells[name], frame.without(name)


def column_name(frame: Frame, given: str | int, kind: str) -> str:
    """Return the name of a column from its name or number."""
    width = len(frame.names)
    if not isinstance(given, str):
        if not -width <= given < width:
            what = f"there is no column {given}, the {'file' if frame.source else 'frame'} has {width}"
            raise frame.error(what, "give another target" if kind == "column" else "give another number")
        return frame.names[int(given)]
    given = given if given in frame.cells else composed(given)
    if not frame.form.get("header", True) and given not in frame.cells:
        reason = f"has no header line, so the target must be given by index, not {given!r}"
        raise frame.error(reason, "target=-1 is the last")
    written = list(frame.form.get("names", frame.names))
    if written.count(given) > 1:
        reason = f"has {written.count(given)} columns named {given!r}"
        raise frame.error(reason, "give the index of the one that is meant")
    return lookup(kind, given, dict(zip(frame.names, frame.names, strict=True)))


def _rows(
    rest: Frame, target: Cells, inputs: list[str], name: str, missing: str | None, frame: Frame
) -> Array:
    """Return the indices of the rows that are used."""
    lacking = np.zeros(rest.rows, bool)
    if target.missing:
        if missing != "drop" or len(target.missing) == len(target):
            raise missing_target(frame, target, name)
        lacking[list(target.missing)] = True
    for one in inputs:
        cells = rest.cells[one]
        if len(cells.missing) == len(cells) > 0:
            reason = f"column {one} is empty throughout"
            raise frame.error(reason, f"leave it out: {_dropped(one)}")
        if cells.missing and missing is None:
            raise missing_cell(rest, one, None)
        if missing == "drop":
            lacking[list(cells.missing)] = True
    return np.flatnonzero(~lacking)


def kind_of(cells: Cells) -> tuple[str, str | None]:
    """Return the kind of a column (number, category or date), and how its dates are written.

    Truths are numbers, 0 and 1.
    """
    if cells.texts is None:
        return "number", None
    there = {text for i, text in enumerate(cells.texts) if i not in cells.missing}
    if there and all(map(is_number, there)):
        return "number", None
    if there and all(text.lower() in TRUTHS for text in there):
        return "number", None
    if form := dates.form_of(sorted(there)):
        return "date", form
    return "category", None


def is_tick(cells: Cells) -> bool:
    """Tell whether each cell holds 1, or the same text, or nothing: then empty cells say something."""
    if not 0 < len(cells.missing) < len(cells):
        return False
    if cells.texts is None:
        return int(np.sum(cells.numbers == 1)) + len(cells.missing) == len(cells)
    there = {text for row, text in enumerate(cells.texts) if row not in cells.missing}
    return len(there) == 1 and dates.form_of(there) is None and there.pop().lower() != "false"


def _column(name: str, frame: Frame, words: Words) -> Column:
    cells = frame.cells[name]
    kind, form = kind_of(cells)
    if kind == "category":
        return _category(name, cells, frame, words)
    if kind == "date":
        _check_dates(name, cells, frame, words, form)
    column = Column(name, kind, form=form)
    numbers = as_numbers(cells, column, frame)
    known = np.delete(numbers, list(cells.missing)) if cells.missing else numbers
    fill = mean = deviation = None
    if words.standardize or words.missing == "mean":
        if not np.isfinite(known).all():
            row = int(np.flatnonzero(~np.isfinite(numbers) & ~_mask(cells))[0])
            reason = f"row {frame.row(row)}, column {name}: {numbers[row]} is no finite number"
            raise frame.error(reason, "write one there, or leave out the row")
        if words.missing == "mean":
            if is_tick(cells):
                known, fill = np.where(_mask(cells), 0.0, numbers), 0.0
            else:
                fill = float(moments(known)[0])
        if words.standardize:
            mean, deviation = _scaled(known, True)
    return Column(name, kind, (), mean, deviation, fill, form, cells.mark if kind == "number" else None)


def _mask(cells: Cells) -> Array:
    mask = np.zeros(len(cells), bool)
    mask[list(cells.missing)] = True
    return mask


def _scaled(numbers: Array, standardize: bool) -> tuple[float, float]:
    """Return mean and standard deviation; for a constant column the deviation is 1."""
    if not standardize:
        return 0.0, 1.0
    with np.errstate(over="ignore", invalid="ignore"):  # non-finite values are refused where they are used
        mean, deviation = map(float, moments(numbers))
    # Rounding gives a constant a deviation such as 1e-17, and dividing by that would blow up rounding errors.
    flat = not np.isfinite(deviation) or deviation <= 1e-12 * abs(mean)
    return mean, 1.0 if flat else deviation


def _category(name: str, cells: Cells, frame: Frame, words: Words) -> Column:
    assert cells.texts is not None
    row = next(i for i in range(len(cells)) if i not in cells.missing)
    if words.categories is None:
        odd = next(
            (
                i
                for i in range(len(cells))
                if i not in cells.missing and not is_number(cells.texts[i], frame.form.get("decimal", "."))
            ),
            row,
        )
        reason = f"row {frame.row(odd)}, column {name}: expected a number, got {cells.texts[odd][:100]!r}"
        raise frame.error(
            reason,
            "categories='one-hot' (--categories one-hot) makes columns of 0 and 1 of texts, "
            f"{_dropped(name)} leaves it out; or write a number there, or leave out the row",
        )
    there = [text for i, text in enumerate(cells.texts) if i not in cells.missing]
    counted = Counter(there)  # in an array of texts each cell would be as wide as the longest
    kinds = sorted(counted)
    if len(kinds) > MANY or (len(kinds) > targets.FEW and 2 * len(kinds) > len(there)):
        reason = f"column {name} has {len(kinds):,} different texts in {len(there):,} rows, too many"
        raise frame.error(reason, f"leave it out: {_dropped(name)}")
    if words.missing == "mean" and is_tick(cells):
        return Column(name, "category", ("", *kinds), fill="")
    fill = max(kinds, key=counted.__getitem__) if words.missing == "mean" else None
    return Column(name, "category", tuple(kinds), fill=fill)


def _dropped(name: str) -> str:
    """Return how to say that a column is left out, in Python and on the command line."""
    return f"drop={name!r} (--drop {quote(listed([name]))})"


def listed(names: Sequence[str | int]) -> str:
    """Write names with commas between them, as a row of CSV."""
    from csv import writer
    from io import StringIO

    text = StringIO()
    writer(text, lineterminator="").writerow(names)
    return text.getvalue()


def _check_dates(name: str, cells: Cells, frame: Frame, words: Words, form: str | None) -> None:
    row = next(i for i in range(len(cells)) if i not in cells.missing)
    what = f"row {frame.row(row)}, column {name}: expected a number, got the date {cells.text(row)[:100]!r}"
    leave = f"{_dropped(name)} leaves it out"
    if words.dates is None:
        raise frame.error(what, f"{leave}, dates='days' makes of it the number of days since 1970")
    if form == "?":
        reason = f"{what}, in which day and month cannot be told apart"
        raise frame.error(reason, f"write dates as 2021-12-31; {leave}")
