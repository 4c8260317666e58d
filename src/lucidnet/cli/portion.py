"""Examples for a saved model: the test part of its training data, or any file named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import data as sets
from ..data.frames import Frame
from ..data.picture import are_alone
from ..data.table import Table
from ..errors import DataError, some
from ..model import Model
from .aside import Aside, as_shares, divided
from .data import (
    ANYTHING,
    MOST_NAMES,
    STDIN,
    TEST,
    TESTED,
    TRAIN,
    WHOLE,
    data_name,
    in_places,
    is_table,
    open_arrays,
    read_arrays,
    read_frame,
    table_for,
    tells_classes,
)

FAR = 10.0
"""So many deviations from the mean hardly any number is."""
ENOUGH = 5
"""With fewer rows, most of them may be far by chance, as those with a rare 1 among zeros."""


@dataclass(frozen=True)
class Portion:
    """Examples to run a saved model on: their source, inputs, and targets if there are any.

    For a classifier ``classes`` are the names of the classes, or None if these are only numbered; ``rows``
    are the row numbers, and the total, if some rows may have been left out; ``weights`` say how much each
    row counts, and ``weighed`` is what to know of that; ``empty`` are inputs that no row has.
    """

    name: str
    part: str
    x: Any
    y: Any
    sorts: bool
    classes: tuple[str, ...] | None = None
    table: Table | None = None
    rows: Any = None
    of: int = 0
    weights: Any = None
    weighed: str = ""
    empty: tuple[str, ...] = ()

    def warnings(self) -> Iterator[str]:
        """Yield what may be wrong with these examples."""
        if self.empty and len(self.x) >= ENOUGH:
            named = some(self.empty, MOST_NAMES)
            yield f"warning: no row has a cell in {named}: what fills it tells no row from another"
        if self.weighed and self.weights is None:
            yield f"warning: {self.weighed}"
        if far := self.far():
            yield far

    def far(self) -> str | None:
        """Say which standardized columns are far from those of training; None if none is."""
        found, place = list[str](), 0
        for column in self.table.columns if self.table is not None and len(self.x) >= ENOUGH else ():
            scaled = column.mean is not None and column.kind == "number"
            if scaled and float(np.median(np.abs(self.x[:, place]))) > FAR:
                found.append(f"{column.name} ({column.mean:.4g} ± {column.deviation:.2g} in training)")
            place += len(column.inputs)
        if not found:
            return None
        named = some(found, MOST_NAMES)
        return f"warning: most numbers are far from those of training: {named}: are they in another unit?"

    def title(self) -> str:
        """Describe the examples in a few words."""
        if self.part != WHOLE:
            return f"{self.part} of {self.name}"
        count = len(self.x)
        few = f"{count} of {self.of}" if self.of > count else str(count)
        return f"{few} row{'s' * (max(count, self.of) != 1)} of {self.name}"


def open_given(
    model: Model, data: str | None, part: str | None, judged: bool = True, encoding: str | None = None
) -> Portion:
    """Load examples for a model: the test part of its training data, or what is named.

    For a named file without a test part of its own, that is the whole file. If nothing is judged, targets may
    be missing, and rows with missing inputs that the model cannot fill in are left out.
    """
    name = data_name(model, data)
    if not (is_table(name) or name == STDIN):
        replace(ANYTHING, encoding=encoding).refuse(f"{name} is none")
        return _given_arrays(model, name, part, data is not None, judged)
    frame = read_frame(name, model, encoding)
    table = table_for(model, frame)
    frame = in_places(table, frame)
    part = part or (TEST if data is None else WHOLE)
    if part != WHOLE and table.target not in frame.cells:
        raise DataError(f"{name} has no column {table.target!r}, by which it is split: use --part whole")
    aside = Aside.of(model)
    if judged or part != WHOLE:
        needed = aside if part != WHOLE else aside._replace(group=None)
        frame = needed.complete(frame, table.missing == "drop")
    used, rows = _used(table, frame, judged or part != WHOLE)
    if not len(rows):
        raise DataError(f"{frame.source}: cells are missing in all {frame.rows} rows: fill some of them")
    x, y = table.apply(used)
    if judged and y is None:
        raise DataError(f"{frame.source} has no targets to compare with; lucidnet predict does without")
    if part != WHOLE:
        assert y is not None  # or it was an error
        had = model.about.get("rows") if data is None else None
        if had is not None and had != len(y):
            raise DataError(
                f"{name} has {len(y)} rows now, and had {had} when the model was trained: which of them it "
                "knows cannot be told; --part whole takes all"
            )
        train, test = divided(y, aside.groups(frame, rows), TESTED, name)
        chosen = test if part == TEST else train
        x, y, rows = x[chosen], y[chosen], rows[chosen]
    weights, weighed = _weighed(aside, frame, rows) if judged else (None, "")
    name = frame.source if name == STDIN else name
    known = table.classes if model.classes or model.table else None
    sorts = table.task == "classification"
    of = frame.rows if part == WHOLE else 0
    empty = tuple(one.name for one in table.columns if len(frame.cells[one.name].missing) == frame.rows)
    return Portion(name, part, x, y, sorts, known, table, rows, of, weights, weighed, empty)


def _used(table: Table, frame: Frame, judged: bool) -> tuple[Frame, Any]:
    """Return the frame to use, and the numbers of the rows that are used."""
    if judged:
        return frame, table.kept(frame)
    rows = _whole_rows(table, frame)
    used = frame.taken(rows)
    gaps = table.target in used.cells and used.cells[table.target].missing
    return used.without(str(table.target)) if gaps else used, rows


def _weighed(aside: Aside, frame: Frame, rows: Any) -> tuple[Any, str]:
    """Return how much each row counts, None if all alike, and what to know of that."""
    if aside.weight is None:
        return None, ""
    weights = aside.weights(frame, rows)
    if weights is None:
        return None, f"there is no column {aside.weight} of weights: all rows count alike"
    return as_shares(weights, "these rows"), f"rows count as column {aside.weight} says"


def _whole_rows(table: Table, frame: Frame) -> Any:
    """Return the rows without missing inputs if the table drops the others, else all rows."""
    lacking = np.zeros(frame.rows, bool)
    for column in table.columns if table.missing == "drop" else ():
        if column.name in frame.cells:
            lacking[list(frame.cells[column.name].missing)] = True
    return np.flatnonzero(~lacking)


def _given_arrays(model: Model, name: str, part: str | None, named: bool, judged: bool) -> Portion:
    """Load examples of a named data set, or of arrays or pictures in files."""
    sorts, table = tells_classes(model), model.table if isinstance(model.table, Table) else None
    if named and part in (None, WHOLE) and name not in sets.KNOWN and os.path.exists(name):
        if not judged and are_alone(Path(name)):
            x = sets.pictures(name)
            return Portion(name, WHOLE, x.reshape(len(x), -1), None, sorts, model.classes, table)
        found = read_arrays(name, None, model)
        if found.x_test is None:
            return Portion(name, WHOLE, found.x, found.y, sorts, model.classes, table)
    task, part = open_arrays(name, ANYTHING, model), part or TEST
    x, y = (task.x, task.y) if part == TRAIN else (task.x_test, task.y_test)
    if part == WHOLE:
        x, y = np.concatenate([task.x, x]), np.concatenate([task.y, y])
    return Portion(name, part, x, y, sorts, model.classes, table)
