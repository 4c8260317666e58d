"""How the command line treats a data set: as classes to tell apart, or numbers to predict."""

from __future__ import annotations

import csv
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import data as sets
from .. import living
from ..core.finite import moments
from ..data.applying import as_numbers
from ..data.column import Column
from ..data.columns import FAR
from ..data.delimited import KINDS, is_unicode, suffixes
from ..data.durations import WAYS
from ..data.fitting import column_name, is_tick
from ..data.frames import Frame
from ..data.looking import of_form
from ..data.others import PACKED
from ..data.table import Table
from ..errors import ContentError, DataError, FileError, SettingError, some
from ..model import Model
from .aside import Aside, as_shares, divided

TESTED = 0.2
"""The share of a file's rows kept for testing, as in `data.load`."""
TEST, TRAIN, WHOLE = "test", "train", "whole"
"""The parts of a data set."""
STDIN = "-"
"""The name of standard input, and of standard output."""


@dataclass(frozen=True)
class Asked:
    """The options about a file with a table."""

    target: str | None = None
    task: str | None = None
    drop: str | None = None
    standardize: bool = False
    categories: str | None = None
    missing: str | None = None
    dates: str | None = None
    encoding: str | None = None
    group: str | None = None
    weight: str | None = None

    def aside(self, frame: Frame) -> Aside:
        """Return the columns of groups and weights."""
        given = [None if one is None else as_column(one, frame.names) for one in (self.group, self.weight)]
        found = Aside(*(None if one is None else column_name(frame, one, "column") for one in given))
        target = -1 if self.target is None else as_column(self.target, frame.names)
        found.check(frame, column_name(frame, target, "column"))
        return found

    def fit(self, frame: Frame) -> Table:
        """Return the table of a frame's columns, made with these options."""
        return Table.fit(frame, **self.given(frame.names))

    def given(self, names: Sequence[str] = ()) -> dict[str, Any]:
        """Return the arguments of `Table.fit` that differ from its defaults."""
        dropped = [name.strip() for name in next(csv.reader([self.drop or ""], skipinitialspace=True), [])]
        if self.drop is not None and not all(dropped or [""]):
            raise SettingError(f"--drop: expected columns with commas, as in id,name, got {self.drop!r}")
        made: dict[str, Any] = {}
        if self.target is not None:
            made["target"] = as_column(self.target, names)
        aside = [name for name in (self.group, self.weight) if name is not None]
        if dropped or aside:
            made["drop"] = tuple(as_column(name, names) for name in (*dropped, *aside))
        if self.standardize:
            made["standardize"] = True
        words = {name: _word(getattr(self, name)) for name in ("task", "categories", "missing", "dates")}
        return made | {name: word for name, word in words.items() if word is not None}

    def idle(self, table: Table) -> Iterator[str]:
        """Yield a sentence for each option that has no effect on this table."""
        kinds = {column.kind for column in table.columns}
        if self.standardize and kinds == {"category"} and table.scale == 1:
            yield "--standardize has no effect: no column holds numbers"
        if self.categories and "category" not in kinds:
            yield "--categories has no effect: no column holds texts"
        if self.dates and "date" not in kinds:
            yield "--dates has no effect: no column holds dates"

    def refuse(self, why: str) -> None:
        """Raise if any of these options is given."""
        for field in fields(self):
            if getattr(self, field.name) not in (None, False):
                raise SettingError(f"--{field.name} is for a file with a table: {why}")


def _word(given: str | None) -> str | None:
    """Return the text of an enumerated option; None if it is not given."""
    return None if given is None else str(given)


def as_column(text: str, names: Sequence[str] = ()) -> str | int:
    """Return a column's name, or its number where no column has that name."""
    digits = text.removeprefix("-")
    return int(text) if text not in names and digits.isascii() and digits.isdigit() else text


ANYTHING = Asked()


@dataclass(frozen=True)
class Task:
    """A data set and the task on it: by its table, or by the type of its targets.

    The note says it in words; the names are those of classes in arrays; the decimal sign is that of a file,
    and the encoding one that was said; groups and weights are those of the rows, where columns have them.
    """

    name: str
    x: Any
    y: Any
    x_test: Any
    y_test: Any
    table: Table | None = None
    note: str = ""
    names: tuple[str, ...] | None = None
    decimal: str = "."
    encoding: str | None = None
    aside: Aside = Aside()
    groups: Any = None
    weights: Any = None
    weights_test: Any = None

    @property
    def classes(self) -> bool:
        """Whether the targets are classes."""
        return self.table.task == "classification" if self.table else self.y.dtype.kind in "iu"

    @property
    def outputs(self) -> int:
        """The number of outputs that the network needs."""
        if self.table:
            return self.table.outputs
        if self.names:
            return len(self.names)
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
        """The metrics measured besides the loss."""
        return ("accuracy",) if self.classes else ("mae", "r2")

    def far(self) -> list[str]:
        """Return the columns of a table whose numbers are too large to be learned well as they are."""
        if self.table is None:
            return []
        means, deviations = (abs(made) for made in moments(self.x))
        large = np.maximum(means, deviations) > FAR
        found = [name for name, one in zip(self.table.inputs, large, strict=True) if one]
        if not self.classes and max(abs(float(self.y.mean())), float(self.y.std())) > FAR:
            found.append(str(self.table.target))
        return found

    def title(self) -> str:
        """Describe the data in one line."""
        width = int(np.prod(self.x.shape[1:]))
        sizes = f"{len(self.x)} training and {len(self.x_test)} test examples"
        return f"{self.name}: {sizes}, {width} inputs, {self.kind()}"

    def kind(self) -> str:
        """Describe the task: the number of classes, or of different numbers."""
        if self.note or self.classes:
            return self.note or f"{self.outputs} classes"
        return different(np.concatenate([self.y, self.y_test])) if self.y.ndim == 1 else "numbers"

    def about(self) -> dict[str, Any]:
        """Return what a saved model stores about its data."""
        made: dict[str, Any] = {"data": readable(self.name)}
        if self.table:
            made["rows"] = len(self.x) + len(self.x_test)
        made |= {"encoding": self.encoding} if self.encoding else {}
        made |= {name: column for name, column in self.aside._asdict().items() if column is not None}
        return made | ({"decimal": self.decimal} if self.decimal != "." else {})


MOST_NAMES = 6
"""The most classes that a title names."""


def readable(name: str) -> str:
    """Return a file name as printable text, whatever bytes it holds."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def as_name(text: str) -> str:
    """Return a file name from its printable text; the inverse of `readable`."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def is_table(name: str) -> bool:
    """Tell whether a name is that of a file that holds a table."""
    if name in sets.KNOWN or not os.path.isfile(name):
        return False
    return suffixes(Path(name))[0] in KINDS and not re.search("[-.]idx", Path(name).name)


def open_task(name: str, asked: Asked = ANYTHING, model: Model | None = None) -> Task:
    """Load a data set by name or from a file, with a test part; for a model, by the model's own table.

    The means and deviations of a new table come from the training rows.
    """
    if not is_table(name):
        return open_arrays(name, asked, model)
    frame = read_frame(name, model, asked.encoding)
    if model is None:
        aside = asked.aside(frame)
        frame = aside.complete(frame, asked.missing == "drop")
        table = asked.fit(frame)
    else:
        aside, table = Aside.of(model), table_for(model, frame)
        frame = aside.complete(frame, table.missing == "drop")
    x, y = table.apply(frame)
    if y is None:
        raise DataError(f"{name} has no column {table.target!r}, the target that the model was trained on")
    rows = table.kept(frame)
    groups, weights = aside.groups(frame, rows), aside.weights(frame, rows)
    train, test = divided(y, groups, TESTED, name)
    read = []
    if model is None:
        read = [
            *of_form(frame),
            *_of_durations(frame, table),
            *_of_groups(aside, groups, train, test, table, y),
        ]
    note = "\n".join([_note(table, frame), *read, *asked.idle(table)])
    if model is None and (known := _measured_on(table, frame, x, y, train)) != table:
        table = known
        x, y = table.apply(frame)
        assert y is not None  # it was there before
    decimal = str(frame.form["decimal"])
    task = Task(name, x[train], y[train], x[test], y[test], table, note, None, decimal, asked.encoding, aside)
    if groups is not None:
        task = replace(task, groups=groups[train])
    if weights is None:
        return task
    return replace(
        task,
        weights=as_shares(weights[train], "the rows for training"),
        weights_test=as_shares(weights[test], "the rows for testing"),
    )


def _of_durations(frame: Frame, table: Table) -> Iterator[str]:
    """Yield a line for each column that was read as durations: its texts, such as '16:10', may be ratios."""
    names = [name for name in (*(column.name for column in table.columns), table.target) if name is not None]
    found = [(name, frame.cells[name].written) for name in names if frame.cells[name].mark in WAYS]
    for name, written in found[:MOST_NAMES]:
        yield f"column {name} holds durations, {f'or times of day: {written}' if written else 'in seconds'}"
    if len(found) > MOST_NAMES:
        yield f"{len(found) - MOST_NAMES} more columns hold durations, in seconds"


def _of_groups(aside: Aside, groups: Any, train: Any, test: Any, table: Table, y: Any) -> Iterator[str]:
    """Yield lines about how groups were divided, and about weights."""
    if groups is not None:
        counts = [len(np.unique(groups[part])) for part in (train, test)]
        yield f"split by {aside.group}: {counts[0]:,} of them for training, {counts[1]:,} for testing"
        lost = [name for i, name in enumerate(table.classes or ()) if not (y[train] == i).any()]
        if lost:
            yield f"all rows of {some(map(repr, lost), MOST_NAMES)} are for testing, and cannot be learned"
    if aside.weight is not None:
        yield f"rows count as column {aside.weight} says, in the training and in what is measured"


def open_arrays(name: str, asked: Asked, model: Model | None) -> Task:
    """Load a data set by its name, or arrays from a file."""
    if not name.strip():
        raise SettingError(f"DATA: expected the name of a data set, as in digits, or a file, got {name!r}")
    if name in sets.KNOWN or not os.path.exists(name):
        (x, y), (x_test, y_test) = sets.load(name)
        asked.refuse(f"{name} has its own")
        return Task(name, *_by_place(model, x, y), *_by_place(model, x_test, y_test))
    replace(asked, task=None).refuse(f"{name} holds arrays")
    found = read_arrays(name, _word(asked.task), model)
    if found.x_test is None or found.y_test is None:
        train, test = divided(found.y, None, TESTED, name)
        return Task(name, found.x[train], found.y[train], found.x[test], found.y[test], names=found.classes)
    return Task(name, found.x, found.y, found.x_test, found.y_test, names=found.classes)


def read_arrays(name: str, task: str | None, model: Model | None) -> sets.Examples:
    """Read arrays from a file as flat rows; for a model, with the model's numbers of classes."""
    if model is not None:
        task = "classification" if tells_classes(model) else "regression"
    found = sets.read(name, task=task)
    parts: list[Any] = []
    for x, y in ((found.x, found.y), (found.x_test, found.y_test)):
        if x is None or y is None:
            parts += [None, None]
            continue
        if model is not None and found.classes is not None:
            y = _renumbered(y, found.classes, class_names(model), name)
        parts += _by_place(model, x.reshape(len(x), -1), y)
    x, y, x_test, y_test = parts
    return sets.Examples(x, y, x_test, y_test, found.classes)


def _renumbered(y: Any, names: Sequence[str], known: Sequence[str], file: str) -> Any:
    """Convert class numbers of a file to those of a model."""
    for number in np.unique(y).tolist():
        if names[number] not in known:
            there = some(known, MOST_NAMES)
            raise DataError(f"{file}: the class {names[number]!r} is unknown; the model knows {there}")
    return np.array([known.index(one) if one in known else -1 for one in names], np.int64)[y]


def _by_place(model: Model | None, x: Any, y: Any) -> tuple[Any, Any]:
    """Apply a model's table to arrays, whose columns have positions instead of names."""
    table = None if model is None else model.table
    if not isinstance(table, Table) or x.shape[1] != len(table.columns):
        return x, y
    frame = {column.name: x[:, i] for i, column in enumerate(table.columns)}
    return table.apply(frame)[0], y if table.classes else (y - table.center) / table.scale


def read_frame(name: str, model: Model | None = None, encoding: str | None = None) -> Frame:
    """Read the table in a file, or from standard input, which is called -.

    A few rows may not tell how they are written. Then they are read as those that a model was trained on:
    without a line of names, if there was none, with decimal commas, and in the encoding that was said, if it
    is not UTF-8.
    """
    words = set() if model is None else _words_of(model)
    with _path_of(name) as path:
        if encoding is None and model is not None and not is_unicode(path):
            encoding = model.about.get("encoding")
        read = partial(sets.frame, path, encoding=encoding)
        try:
            frame = read()
        except ContentError:
            if not words:
                raise
            frame = read(header=False)  # the only row was taken for names
        if words & {*frame.names}:
            frame = read(header=False)
        form = frame.form
        if model is not None and model.about.get("decimal") == "," != form["decimal"] and not form["sure"]:
            frame = read(header=bool(form["header"]), decimal=",")
    frame.source = "standard input" if name == STDIN else frame.source
    return frame


@contextmanager
def _path_of(name: str) -> Iterator[Path]:
    """Yield the path of a file; for standard input, that of a temporary file with what came in."""
    if name != STDIN:
        yield Path(name)
        return
    if sys.stdin is None:
        raise FileError("standard input", "there is none", "name a file")
    with tempfile.TemporaryDirectory() as folder:
        content = sys.stdin.buffer.read()
        packed = next((end for sign, end in PACKED.items() if content.startswith(sign)), "")
        path = Path(folder) / f"standard input.csv{packed}"
        path.write_bytes(content)
        try:
            yield path
        except FileError as error:
            remedy = "unpack it, and pass on the table in it" if folder in error.remedy else error.remedy
            raise type(error)("standard input", error.reason, remedy) from None


def _words_of(model: Model) -> set[str]:
    """Return the categories that a model knows, if the columns of its file had numbers in place of names."""
    columns = model.table.columns if isinstance(model.table, Table) else ()
    if not all(column.name.isdecimal() for column in columns):
        return set()
    return {category for column in columns for category in column.categories}


def table_for(model: Model, frame: Frame) -> Table:
    """Return a model's table, with a target if the frame has one.

    If the model was trained on arrays, its inputs and outputs say which columns are which, by position.
    """
    if isinstance(model.table, Table) and model.table.target is not None:
        return model.table
    if isinstance(model.table, Table):
        columns = model.table.columns
        known = {column.name for column in columns}
        others = [name for name in frame.names if name not in (*known, *model.table.dropped)]
    elif model.table is None:
        shape = model.input_shape
        if not isinstance(shape, tuple) or not all(isinstance(size, int) for size in shape):
            raise SettingError(f"{frame.source} has rows of numbers, and the model takes inputs of {shape}")
        width = int(np.prod(shape))
        if len(frame.names) not in (width, width + 1):
            raise DataError(
                f"{frame.source}: expected {width} columns, as many as the model has inputs, or one more for "
                f"the target, got {len(frame.names)}"
            )
        columns, others = tuple(map(Column, frame.names[:width])), list(frame.names[width:])
    else:
        raise SettingError("the model has several inputs, and a file with a table is one")
    target = others[0] if len(others) == 1 else None
    if not tells_classes(model):
        return Table(columns, target, "regression")
    return Table(columns, target, "classification", class_names(model))


def in_places(table: Table, frame: Frame) -> Frame:
    """Give a frame without a header line, and without the target, the column names that a table knows.

    The names in such a frame are numbers, and the columns after the target have moved by one.
    """
    known = [*(column.name for column in table.columns), *table.dropped]
    numbered = all(name.isdecimal() for name in (*known, table.target or ""))
    if frame.form.get("header", True) or not numbered or len(frame.names) != len(known):
        return frame
    names = sorted(known, key=int)
    return Frame(names, list(frame.cells.values()), frame.source, frame.lines, frame.form)


def tells_classes(model: Model) -> bool:
    """Tell whether a model is a classifier."""
    return model.classes is not None or living.tells_apart(model)


def class_names(model: Model) -> tuple[str, ...]:
    """Return the names of a model's classes; their numbers if they have no names."""
    return model.classes or tuple(map(str, range(max(2, *model.output_shape[-1:]))))


def _note(table: Table, frame: Frame) -> str:
    """Describe the target and the task."""
    target = f"target {table.target}, " if table.target else ""
    if table.classes:
        names = some(table.classes, MOST_NAMES)
        return f"{target}classification: {len(table.classes)} classes ({names})"
    numbers = frame.cells[table.target or ""].numbers
    assert numbers is not None  # it was read as numbers
    return target + different(numbers[table.kept(frame)])


def different(numbers: Any) -> str:
    """Describe a regression: how many different numbers the target has."""
    whole = "whole " if (numbers == np.round(numbers)).all() else ""
    return f"regression: {len(np.unique(numbers)):,} different {whole}numbers"


def _measured_on(table: Table, frame: Frame, x: Any, y: Any, train: Any) -> Table:
    """Recompute a table's means and deviations from the training rows alone."""
    columns, place, rows = [], 0, table.kept(frame)[train]
    for column in table.columns:
        values = np.asarray(x[train, place], np.float64)
        if column.mean is not None and column.deviation is not None and values.std() > FLAT:
            mean = column.mean + column.deviation * float(values.mean())
            column = replace(column, mean=mean, deviation=column.deviation * float(values.std()))
        if isinstance(column.fill, float):
            numbers = as_numbers(frame.cells[column.name], column, frame)
            there = numbers[rows][~np.isnan(numbers[rows])]
            if len(there) and not is_tick(frame.cells[column.name]):
                column = replace(column, fill=float(there.mean()))
        columns.append(column)
        place += len(column.inputs)
    known = replace(table, columns=tuple(columns))
    if table.scale == 1 and table.center == 0:
        return known
    part = np.asarray(y[train], np.float64)
    scale = float(part.std()) if part.std() > FLAT else 1.0
    return replace(known, center=table.center + table.scale * float(part.mean()), scale=table.scale * scale)


FLAT = 1e-6
"""Standardized numbers with a smaller deviation are constant, but for rounding."""


def listed(table: Any) -> str:
    """Return a text with the first column names of a table."""
    if not isinstance(table, Table):
        return "several inputs"
    return f"the columns {some((column.name for column in table.columns), MOST_NAMES)}"


def data_name(model: Model, data: str | None) -> str:
    """Return the name of the data set: the given one, or the one that the model was trained on."""
    if data is not None:
        return data
    if not (name := model.about.get("data")):
        raise SettingError("the file does not say what data the model was trained on: name a data set")
    return as_name(str(name))
