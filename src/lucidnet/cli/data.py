"""What the command line makes of a data set: classes to tell apart, or numbers to predict."""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import data as sets
from .. import living
from ..data.frames import Frame
from ..data.sets import stratified
from ..data.table import Column, Table
from ..errors import DataError, FileError, SettingError
from ..model import Model

TESTED = 0.2
"""Share of the rows of a file that is kept for testing, as `data.load` does it."""


@dataclass(frozen=True)
class Asked:
    """What the options say of a file with a table."""

    target: str | None = None
    task: str | None = None
    drop: str | None = None
    standardize: bool = False
    categories: str | None = None
    missing: str | None = None
    dates: str | None = None

    def fit(self, frame: Frame) -> Table:
        """Return what a table says of the columns of a frame, with these options."""
        names = frame.names
        dropped = next(csv.reader([self.drop or ""], skipinitialspace=True), [])
        return Table.fit(
            frame,
            target=-1 if self.target is None else as_column(self.target, names),
            task=self.task,
            drop=tuple(as_column(name.strip(), names) for name in dropped if name.strip()),
            standardize=self.standardize,
            categories=self.categories,
            missing=self.missing,
            dates=self.dates,
        )

    def refuse(self, why: str) -> None:
        """Raise if anything is said."""
        for field in fields(self):
            if getattr(self, field.name) not in (None, False):
                raise SettingError(f"--{field.name} is for a file with a table: {why}")


def as_column(text: str, names: Sequence[str] = ()) -> str | int:
    """Return a column by its name, or by its number where none has that name."""
    digits = text.removeprefix("-")
    return int(text) if text not in names and digits.isascii() and digits.isdigit() else text


ANYTHING = Asked()


@dataclass(frozen=True)
class Task:
    """A data set, and what to learn from it.

    Of a table that says the table; else whole-number targets are classes, others numbers to predict.
    """

    name: str
    x: Any
    y: Any
    x_test: Any
    y_test: Any
    table: Table | None = None
    note: str = ""

    @property
    def classes(self) -> bool:
        """Whether the targets are classes."""
        return self.table.task == "classification" if self.table else bool(self.y.dtype.kind in "iu")

    @property
    def outputs(self) -> int:
        """How many outputs the network needs."""
        if self.table:
            return self.table.outputs
        if self.classes:
            return int(max(self.y.max(), self.y_test.max())) + 1
        return 1 if self.y.ndim == 1 else int(self.y.shape[1])

    @property
    def activation(self) -> str:
        """The activation of the last layer."""
        return "softmax" if self.classes else "linear"

    @property
    def loss(self) -> str:
        """The loss that fits the task of the data."""
        return "categorical_crossentropy" if self.classes else "mse"

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is measured besides the loss."""
        return ("accuracy",) if self.classes else ("mae", "r2")

    def title(self) -> str:
        """Say what the data are."""
        width = int(np.prod(self.x.shape[1:]))
        sizes = f"{len(self.x)} training and {len(self.x_test)} test examples"
        return f"{self.name}: {sizes}, {width} inputs, {self.kind()}"

    def kind(self) -> str:
        """Say what is learned."""
        return self.note or (f"{self.outputs} classes" if self.classes else "numbers")

    def about(self) -> dict[str, Any]:
        """What a saved model remembers of its data."""
        return {"data": readable(self.name)}


MOST_NAMES = 6
"""So many classes are named in a title."""


def readable(name: str) -> str:
    """Return the name of a file as text, also where the system's own encoding lacks some of its signs."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def as_name(text: str) -> str:
    """Return a text as the system names files: what `readable` was given."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def is_table(name: str) -> bool:
    """Tell whether a name is that of a file with a table."""
    if name in sets.KNOWN or not os.path.isfile(name):
        return False
    return "-idx" not in name and Path(name).suffix.lower() not in (".npz", ".h5", ".hdf5")


def _frame(path):  # TODO(cmd): data.frame
    from ..data.frames import Cells

    with open(path, newline="") as f:
        rows = [r for r in csv.reader(f) if r]
    def num(c):
        try:
            float(c or "nan"); return True
        except ValueError:
            return False
    header = not any(num(c) and c for c in rows[0])
    names = rows[0] if header else [str(i) for i in range(len(rows[0]))]
    body = rows[header:]
    cells = []
    for j in range(len(names)):
        col = [r[j].strip() for r in body]
        missing = {i: c for i, c in enumerate(col) if c in ("", "NA", "?")}
        if all(num(c) or i in missing for i, c in enumerate(col)):
            cells.append(Cells(np.array([float("nan") if i in missing else float(c) for i, c in enumerate(col)]), None, missing))
        else:
            cells.append(Cells(None, col, missing))
    return Frame(names, cells, str(path), list(range(2 if header else 1, len(body) + 2)), {"header": header})


def open_task(name: str, asked: Asked = ANYTHING, model: Model | None = None) -> Task:
    """Load a data set by name, or from a file, with a part for testing; for a model by what it knows of it.

    The means and deviations of a new table are those of the rows for training.
    """
    if not is_table(name):
        return _open_arrays(name, asked, model)
    frame = read_frame(name)
    table = asked.fit(frame) if model is None else table_for(model, frame)
    x, y = table.apply(frame)
    if y is None:
        raise DataError(f"{name} has no column {table.target!r}, the target that the model was trained on")
    train, test = stratified(y, TESTED, seed=0)
    note = _note(table, frame)
    if model is None:
        table = _measured_on(table, frame, x, y, train)
        x, y = table.apply(frame)
        assert y is not None  # it was there before
    return Task(name, x[train], y[train], x[test], y[test], table, note)


def _open_arrays(name: str, asked: Asked, model: Model | None) -> Task:
    """Load a data set that has a name, or arrays in a file."""
    if not name.strip():
        raise SettingError(f"DATA: expected the name of a data set, as in digits, or a file, got {name!r}")
    if name in sets.KNOWN or os.path.exists(name):
        asked.refuse(f"{name} has no columns by name")
        if model is not None and model.table is not None:
            raise DataError(f"{name} has no columns by name; the model expects {listed(model.table)}")
    (x, y), (x_test, y_test) = sets.load(name)
    return Task(name, x, y, x_test, y_test)


def read_frame(name: str) -> Frame:
    """Return the table in a file, or in standard input, which is called -."""
    if name != STDIN:
        return _frame(name)
    if sys.stdin is None:
        raise FileError("standard input", "there is none", "name a file")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "standard input.csv"
        path.write_bytes(sys.stdin.buffer.read())
        try:
            frame = _frame(path)
        except FileError as error:
            raise type(error)("standard input", error.reason, error.remedy) from None
    frame.source = "standard input"
    return frame


def table_for(model: Model, frame: Frame) -> Table:
    """Return the table of a model; of one that was trained on arrays, what its inputs and outputs say."""
    if isinstance(model.table, Table):
        return model.table
    if model.table is not None:
        raise SettingError("the model has several inputs, and a file with a table is one")
    width = int(np.prod(model.input_shape))
    names = frame.names
    if len(names) not in (width, width + 1):
        raise DataError(
            f"{frame.source}: expected {width} columns, as many as the model has inputs, or one more for the "
            f"target, got {len(names)}"
        )
    target = names[width] if len(names) > width else None
    columns = tuple(map(Column, names[:width]))
    if not tells_classes(model):
        return Table(columns, target, "regression")
    classes = model.classes or tuple(map(str, range(max(2, model.output_shape[-1]))))
    return Table(columns, target, "classification", classes)


def tells_classes(model: Model) -> bool:
    """Tell whether a model tells classes apart."""
    return model.classes is not None or living.tells_apart(model)


def _note(table: Table, frame: Frame) -> str:
    """Say what is learned of a target."""
    target = f"target {table.target}, " if table.target else ""
    if table.classes:
        names = ", ".join(table.classes[:MOST_NAMES])
        more = ", ..." if len(table.classes) > MOST_NAMES else ""
        return f"{target}classification: {len(table.classes)} classes ({names}{more})"
    numbers = frame.cells[table.target or ""].numbers
    assert numbers is not None  # it was taken as numbers
    there = numbers[table.kept(frame)]
    whole = "whole " if (there == np.round(there)).all() else ""
    return f"{target}regression: {len(np.unique(there)):,} different {whole}numbers"


def _measured_on(table: Table, frame: Frame, x: Any, y: Any, train: Any) -> Table:
    """Return a table whose means and deviations are those of some rows: the others shall not be known."""
    columns, place, rows = [], 0, table.kept(frame)[train]
    for column in table.columns:
        values = np.asarray(x[train, place], np.float64)
        if column.mean is not None and column.deviation is not None and values.std() > 0:
            mean = column.mean + column.deviation * float(values.mean())
            column = replace(column, mean=mean, deviation=column.deviation * float(values.std()))
        numbers = frame.cells[column.name].numbers
        if isinstance(column.fill, float) and column.kind == "number" and numbers is not None:
            there = numbers[rows][~np.isnan(numbers[rows])]
            column = replace(column, fill=float(there.mean()) if len(there) else column.fill)
        columns.append(column)
        place += len(column.inputs)
    known = replace(table, columns=tuple(columns))
    if table.scale == 1 and table.center == 0:
        return known
    part = np.asarray(y[train], np.float64)
    scale = float(part.std()) or 1.0
    return replace(known, center=table.center + table.scale * float(part.mean()), scale=table.scale * scale)


def listed(table: Any) -> str:
    """Name the first columns of a table."""
    if not isinstance(table, Table):
        return "several inputs"
    names = [column.name for column in table.columns]
    return f"the columns {', '.join(names[:MOST_NAMES])}{', ...' if len(names) > MOST_NAMES else ''}"


@dataclass(frozen=True)
class Given:
    """Examples for a saved model: a part of what, inputs, and targets where there are any.

    Where it tells classes apart ``classes`` are their names, or None if they have numbers only; ``rows`` are
    the numbers of the rows, out of how many, where some may have been left out.
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

    def title(self) -> str:
        """Say what they are."""
        if self.part != WHOLE:
            return f"{self.part} of {self.name}"
        count = len(self.x)
        few = f"{count} of {self.of}" if self.of > count else str(count)
        return f"{few} row{'s' * (max(count, self.of) != 1)} of {self.name}"


def open_given(model: Model, data: str | None, part: str | None, judged: bool = True) -> Given:
    """Load examples for a model: the test part of what it was trained on, or whatever is named.

    Of a file that is named, and has no test part of its own, that is the whole. Where nothing is judged
    targets may be missing, and rows in which inputs are missing that the model cannot fill in are left out.
    """
    name = data_name(model, data)
    if not (is_table(name) or name == STDIN):
        return _given_arrays(model, name, part, data is not None)
    frame = read_frame(name)
    table = table_for(model, frame)
    part = part or (TEST if data is None else WHOLE)
    if part != WHOLE and table.target not in frame.cells:
        raise DataError(f"{name} has no column {table.target!r}, by which it is split: use --part whole")
    rows = np.arange(frame.rows)
    if not judged and part == WHOLE:
        rows = _whole_rows(table, frame)
        used = frame.taken(rows)
        gaps = table.target in used.cells and used.cells[table.target].missing
        used = used.without(table.target) if gaps else used
    else:
        used = frame
        rows = table.kept(frame)
    x, y = table.apply(used)
    if judged and y is None:
        raise DataError(f"{frame.source} has no targets to compare with; lucidnet predict does without")
    if part != WHOLE:
        train, test = stratified(y, TESTED, seed=0)
        chosen = test if part == TEST else train
        x, y, rows = x[chosen], y[chosen], rows[chosen]
    known = table.classes if model.classes or model.table else None
    sorts = table.task == "classification"
    return Given(name, part, x, y, sorts, known, table, rows, frame.rows if part == WHOLE else 0)


def _whole_rows(table: Table, frame: Frame) -> Any:
    """Return the rows without missing inputs, if a table leaves the others out; else all."""
    lacking = np.zeros(frame.rows, bool)
    for column in table.columns if table.missing == "drop" else ():
        if column.name in frame.cells:
            lacking[list(frame.cells[column.name].missing)] = True
    return np.flatnonzero(~lacking)


def _given_arrays(model: Model, name: str, part: str | None, named: bool) -> Given:
    """Load examples of a data set that has a name, or of arrays in a file."""
    task = _open_arrays(name, ANYTHING, model)
    parts = {TEST: (task.x_test, task.y_test), TRAIN: (task.x, task.y)}
    if named and part is None and name not in sets.KNOWN:
        examples = sets.read(name)
        part = WHOLE if examples.x_test is None else TEST
        parts[WHOLE] = examples.x.reshape(len(examples.x), -1), examples.y
    elif part == WHOLE:
        parts[WHOLE] = tuple(np.concatenate(both) for both in zip(*parts.values(), strict=True))
    part = part or TEST
    return Given(name, part, *parts[part], task.classes and tells_classes(model), model.classes)


def data_name(model: Model, data: str | None) -> str:
    """Return the name of the data set: the given one, or that of the training."""
    if data is not None:
        return data
    if not (name := model.about.get("data")):
        raise SettingError("the file does not say what data the model was trained on: name a data set")
    return as_name(str(name))


TEST, TRAIN, WHOLE = "test", "train", "whole"
"""The parts of a data set."""
STDIN = "-"
"""What standard input is called, and standard output."""
