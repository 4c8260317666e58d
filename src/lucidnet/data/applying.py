"""Turning the rows of a table into inputs and targets by a `Table`; whatever does not fit is named."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import some
from . import dates, targets
from .column import Column
from .durations import FULL, HOURS, MINUTES, WAYS, seconds_in
from .frames import TRUTHS, Cells, Frame
from .written import is_number, number_of

Array = npt.NDArray[Any]

LARGEST = 3.4028235677973366e38
"""From this size on a number is infinite in float32."""


def applied(table: Any, frame: Frame, target: Cells | None) -> tuple[Array, Array | None]:
    """Return inputs and targets; see `Table.apply`."""
    _check_columns(table, frame)
    target = _target(table, frame, target)
    rows = _kept(table, frame, target)
    if len(rows) < frame.rows:
        frame, target = frame.taken(rows), None if target is None else target.taken(rows)
    del rows  # for many rows it takes as long as a column
    y = None if target is None else _targets(table, frame, target)
    x = np.empty((frame.rows, len(table.inputs)), np.float32)
    at = 0
    for column in table.columns:
        width = len(column.inputs)
        _fill(x[:, at : at + width], column, frame)
        at += width
    return x, y


def kept(table: Any, frame: Frame, target: Cells | None) -> Array:
    """Return the indices of the rows that are used; see `Table.kept`."""
    _check_columns(table, frame)
    return _kept(table, frame, _target(table, frame, target))


def _check_columns(table: Any, frame: Frame) -> None:
    """Raise if a column of the table is missing, or a column is unknown to the table."""
    known = {column.name for column in table.columns}
    lacking = [column.name for column in table.columns if column.name not in frame.cells]
    others = [
        name
        for name in frame.names
        if name not in known and name not in (table.target, *table.dropped) and not _is_blank(name, frame)
    ]
    if not lacking and not others:
        return
    what = []
    if lacking:
        what.append(f"lacks the column{'s' * (len(lacking) > 1)} {_listed(lacking)}")
    if others:
        what.append(f"has the unknown column{'s' * (len(others) > 1)} {_listed(others)}")
    near: list[str] = []
    if lacking and len(others) < 1000:
        near = [name for name in others if name.casefold() == lacking[0].casefold()]
        near = near or difflib.get_close_matches(lacking[0], others, n=1)
    remedy = f"is {near[0]!r} what was {lacking[0]!r}? " if near else ""
    if not frame.form.get("header", True) and not all(name.isdecimal() for name in known):
        remedy = "it has no line with names: write one above the rows; "
    remedy += f"the model knows {_listed([column.name for column in table.columns])}"
    raise frame.error(f"{'' if frame.source else 'the frame '}{' and '.join(what)}", remedy)


def _is_blank(name: str, frame: Frame) -> bool:
    """Tell whether a column has neither a name nor cells, as where each line ends in a separator."""
    return name.startswith("Unnamed: ") and len(frame.cells[name].missing) == frame.rows


def _listed(names: list[str]) -> str:
    return some((repr(name[:60]) for name in names), 10)


def _target(table: Any, frame: Frame, given: Cells | None) -> Cells | None:
    """Return the targets; None if there are none, or if the column is empty throughout."""
    cells = frame.cells.get(table.target) if given is None and table.target is not None else given
    if cells is not None and len(cells) != frame.rows:
        raise frame.error(f"there are {frame.rows} rows, but {len(cells)} targets", "give one for each row")
    if cells is not None and cells.missing and len(cells.missing) == len(cells):
        return None
    return cells


def _kept(table: Any, frame: Frame, target: Cells | None) -> Array:
    """Return the indices of the rows that are used; raise for missing cells that may not be left out."""
    lacking = np.zeros(frame.rows, bool)
    for column in table.columns:
        missing = frame.cells[column.name].missing
        if missing and column.fill is None:
            if table.missing != "drop" or target is None:
                raise missing_cell(frame, column.name, table.missing or "")
            lacking[list(missing)] = True
    if target is not None and target.missing:
        if table.missing != "drop":
            raise missing_target(frame, target, table.target or "target")
        lacking[list(target.missing)] = True
    return np.flatnonzero(~lacking)


def missing_cell(frame: Frame, name: str, missing: str | None) -> Exception:
    """Return the error for a missing input cell; `missing` is the table's setting, None without a table."""
    row, text = next(iter(sorted(frame.cells[name].missing.items())))
    where = f"row {frame.row(row)}, column {name}"
    if missing:
        said = "no cell was missing when the table was fitted" if missing == "mean" else "it has no target"
        return frame.error(
            f"{where}: the cell is missing ({text!r}), and {said}", "write it, or leave out the row"
        )
    count = sum(map(bool, (len(cells.missing) for cells in frame.cells.values())))
    others = f"; cells are missing in {count} columns" if count > 1 else ""
    return frame.error(
        f"{where}: expected a number, got {text!r}: the cell is missing{others}"
        if frame.cells[name].texts is None
        else f"{where}: the cell is missing ({text!r}){others}",
        "missing='drop' (--missing drop) leaves such rows out, missing='mean' (--missing mean) fills them"
        if missing is None
        else WRITE,
    )


WRITE = (
    "write it, or leave out the row; a table fitted with missing='drop' does that, with 'mean' it fills it"
)


def missing_target(frame: Frame, target: Cells, name: str) -> Exception:
    """Return the error for a row without a target."""
    row, text = next(iter(sorted(target.missing.items())))
    known = (target.text(i) for i in range(len(target)) if i not in target.missing)
    like = next(known, "")
    if text and like and target.numbers is not None:
        reason = (
            f"row {frame.row(row)}: the target is missing: {text[:100]!r} is no number, as {like[:100]} is"
        )
    else:
        shown = name.removeprefix("Unnamed: ")
        reason = f"row {frame.row(row)}: the target is missing: column {shown} is empty"
    remedy = "write it there, or leave out the row: missing='drop' (--missing drop) leaves out all such"
    remedy += " in training"
    if frame.names and name == frame.names[-1]:
        remedy += "; where each line ends in a separator, remove that, or name another target"
    return frame.error(reason, remedy)


def _fill(out: Array, column: Column, frame: Frame) -> None:
    """Write the inputs made of one column into `out`."""
    cells = frame.cells[column.name]
    if column.kind == "category":
        out[:] = 0
        out[np.arange(len(cells)), _places(cells, column, frame)] = 1
        return
    cells = _in_known_way(cells, column)
    _check_mark(cells, column, frame)
    numbers = as_numbers(cells, column, frame)
    if cells.missing:
        numbers = numbers.copy()
        numbers[list(cells.missing)] = column.fill
    made = numbers
    if column.mean is not None and column.deviation is not None:
        with np.errstate(over="ignore"):
            made = (numbers - column.mean) / column.deviation
    if (row := _too_large(made, numbers, cells)) is not None:
        reason = (
            f"row {frame.row(row)}, column {column.name}: {cells.text(row)[:100]} is too large for float32"
        )
        raise frame.error(reason, "rescale the numbers")
    out[:, 0] = made


def _check_mark(cells: Cells, column: Column, frame: Frame) -> None:
    """Raise if numbers are per cent, durations or of a currency, and those that a table knows were not.

    Plain numbers are taken for the same as marked ones, but not as durations, and those of a currency for the
    same as plain ones.
    """
    known, mark = column.mark, cells.mark
    if mark == known or column.kind == "date" or (known is None and mark not in WAYS):
        return
    if WAYS & {known, mark}:
        return _check_duration(cells, column, frame)
    if not mark or (not known and mark != "%"):
        return
    row = next(i for i in range(len(cells)) if mark in cells.text(i))
    reason = f"row {frame.row(row)}, column {column.name}: {cells.text(row)[:100]!r} is of {mark}"
    like = f"numbers of {known}" if known else "plain numbers"
    raise frame.error(reason, f"the model was trained on {like}: write such")


def _in_known_way(cells: Cells, column: Column) -> Cells:
    """Read durations as those that a table was fitted to, as a few cells alone may not tell what they are."""
    texts = cells.texts or cells.original
    if column.mark not in WAYS or cells.mark == column.mark or texts is None:
        return cells
    read = seconds_in(filter(None, dict.fromkeys(texts)), column.mark)
    if read is None:
        return cells
    numbers = np.array([read[0].get(text, np.nan) for text in texts])
    lacking = {int(row): texts[row] for row in np.flatnonzero(np.isnan(numbers))}
    if lacking and column.fill is None:
        return cells
    return Cells(numbers, None, {**lacking, **cells.missing}, original=texts, mark=read[1])


def _check_duration(cells: Cells, column: Column, frame: Frame) -> None:
    """Raise if cells are durations, or written as they are, and those that a table was fitted to were not."""
    known, mark = column.mark or "", cells.mark
    if {known, mark} == {FULL, MINUTES}:
        return
    fits = {HOURS} if known == HOURS else {FULL, MINUTES}

    def goes(text: str) -> bool:
        read = seconds_in([text], known) if known in WAYS else None
        return read is not None and read[1] in fits

    row = next((i for i in range(len(cells)) if i not in cells.missing and not goes(cells.text(i))), None)
    if row is None:
        return
    where = f"row {frame.row(row)}, column {column.name}"
    if known not in WAYS:
        like, remedy = f"{known or 'plain'} numbers", "write such"
    elif known == HOURS:
        like, remedy = "hours and minutes, as 08:30", "write such"
    else:
        like, remedy = "durations", "write it with hours, minutes and seconds, as 1:02:30"
    raise frame.error(f"{where}: {cells.text(row)[:100]!r}: the model was trained on {like}", remedy)


def _too_large(made: Array, numbers: Array, cells: Cells) -> int | None:
    """Return the first row with a number too large for float32; "inf" itself is no such number."""
    if cells.large:
        return cells.large[0]
    if len(made) and made.min() > -LARGEST and made.max() < LARGEST:  # not if one is NaN
        return None
    large = (np.abs(made) >= LARGEST) & np.isfinite(numbers)
    return int(np.argmax(large)) if large.any() else None


def _places(cells: Cells, column: Column, frame: Frame) -> Array:
    """Return the category index of each row."""
    places = {name: i for i, name in enumerate(column.categories)}
    if cells.original is not None and not all(map(is_number, column.categories)):
        cells = Cells(None, cells.original, cells.missing)  # texts, from which the categories come
    if cells.numbers is not None and not cells.truths:
        found = targets.numbered(cells, frame, f"column {column.name}: the category", column.categories)
    else:
        found = np.array([places.get(cells.text(row), -1) for row in range(len(cells))], np.int64)
    if cells.missing:
        found[list(cells.missing)] = places.get(str(column.fill), -1)
    if (found < 0).any():
        row = int(np.argmax(found < 0))
        text = cells.text(row)[:100]
        reason = f"row {frame.row(row)}, column {column.name}: the category {text!r} is unknown"
        known = some(map(repr, column.categories), 10)
        raise frame.error(reason, f"known are {known}; leave out the row, or train with it")
    return found


def as_numbers(cells: Cells, column: Column, frame: Frame) -> Array:
    """Return a column as float64 numbers; raise if a cell is no number."""
    if column.kind == "date" and column.form is not None:
        return _as_days(cells, column, frame)
    if cells.numbers is not None:
        return cells.numbers
    assert cells.texts is not None
    made = np.empty(len(cells))
    for row, text in enumerate(cells.texts):
        if row in cells.missing:
            made[row] = np.nan
        elif text.lower() in TRUTHS:
            made[row] = TRUTHS[text.lower()]
        elif (number := number_of(text, frame.form.get("decimal", "."))) is not None:
            made[row] = number
        else:
            reason = f"row {frame.row(row)}, column {column.name}: expected a number, got {text[:100]!r}"
            raise frame.error(reason, "write a number there, or leave out the row")
    return made


def _as_days(cells: Cells, column: Column, frame: Frame) -> Array:
    made = np.empty(len(cells))
    for row in range(len(cells)):
        found = None if row in cells.missing else dates.days(cells.text(row), column.form or "")
        if found is None and row not in cells.missing:
            how, text = dates.FORMS[column.form or "iso"], cells.text(row)[:100]
            reason = f"row {frame.row(row)}, column {column.name}: expected a date ({how}), got {text!r}"
            raise frame.error(reason, "write one there, or leave out the row")
        made[row] = np.nan if found is None else found
    return made


def _targets(table: Any, frame: Frame, cells: Cells) -> Array:
    name = table.target or "target"
    if table.classes is not None:
        return targets.labels(cells, frame, name, table.classes)
    numbers = targets.numbers(cells, frame, name)
    with np.errstate(over="ignore"):
        made: Array = (numbers - table.center) / table.scale
    if (row := _too_large(made, numbers, cells)) is not None:
        reason = f"the target {cells.text(row)[:100]} is too large for float32"
        raise frame.error(reason, "rescale the numbers")
    return made.astype(np.float32)
