"""``lucidnet predict``: the names of classes and their probabilities, or numbers, for rows of a file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Array
from ..core import files as atomic
from ..data.named import probabilities
from ..errors import SettingError
from ..model import Model
from . import show
from .data import MOST_NAMES, STDIN
from .portion import Portion, open_given

SHOWN = 10
"""The number of examples shown by default."""


def predict(
    file: Path,
    data: str | None,
    part: str | None,
    rows: int | None,
    out: Path | None,
    encoding: str | None,
    found: dict[str, Any],
) -> None:
    """Print predictions beside the targets, if there are any; write all of them as CSV if asked.

    Rows from standard input are answered in CSV.
    """
    to_stdout = str(out) == STDIN or (out is None and data == STDIN)
    show.check_places(None if to_stdout else out)
    for read in (file, Path(data)) if data and data != STDIN else (file,):
        if out and not to_stdout and out.exists() and read.exists() and out.samefile(read):
            raise SettingError(f"--out {out}: is what is read, and would be lost: name another file")
    model = Model.load(file)
    given = open_given(model, data, part, judged=False, encoding=encoding)
    for told in given.warnings():
        show.complain(told)
    y = probabilities(model, given.x)
    made = Predictions(given, y)
    some = slice(SHOWN if rows is None else rows)
    found |= {"data": given.name, "rows": len(y), "outputs": y[some], **made.figures(some)}
    if to_stdout:
        columns, lines = made.written()
        show.content(_as_csv([columns, *lines[: len(lines) if rows is None else rows]]))
        return
    columns, lines = made.shown(some)
    show.print_table(columns, lines)
    if made.left_out:
        show.line(f"{made.left_out} rows with missing cells have no prediction")
    if out:
        columns, lines = made.written()
        atomic.write(out, [_as_csv([columns, *lines]).encode()])
        show.line(f"{len(lines)} predictions written to {out}")


def _as_csv(lines: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


class Predictions:
    """A model's predictions for some examples, with the names and units of its table."""

    def __init__(self, given: Portion, outputs: Array) -> None:
        self.given = given
        self.outputs = outputs = outputs.reshape(len(outputs), int(np.prod(outputs.shape[1:])))
        if given.sorts and outputs.shape[1] == 1:
            outputs = np.concatenate([1 - outputs, outputs], axis=1)
        self.values = outputs
        if given.table is not None and not given.sorts:
            self.values = given.table.values(outputs)
        self.names = given.classes or tuple(map(str, range(outputs.shape[1])))
        self.rows = np.arange(len(outputs)) if given.rows is None else given.rows
        self.left_out = max(0, given.of - len(self.rows))

    @property
    def predicted(self) -> Array:
        """The predicted classes (names or numbers), or the predicted numbers."""
        if not self.given.sorts:
            return self.values[:, 0] if self.values.shape[1] == 1 else self.values
        best = np.array(self.names)[self.values.argmax(-1)] if len(self.values) else np.array([], str)
        return np.where(np.isnan(self.values).any(-1), "nan", best)  # which is not a class

    @property
    def targets(self) -> Array | None:
        """The targets, with the names and units of `predicted`; None if there are none."""
        given = self.given
        if given.y is None:
            return None
        if given.sorts:
            return np.asarray(given.y if given.classes is None else np.array(given.classes)[given.y])
        return np.asarray(given.table.values(given.y) if given.table is not None else given.y)

    def figures(self, some: slice) -> dict[str, Any]:
        """Return the predictions for some rows as `--json` prints them."""
        told: dict[str, Any] = {} if self.targets is None else {"targets": self.targets[some]}
        if not self.given.sorts:
            return told if self.given.table is None else told | {"predicted": self.predicted[some]}
        if self.given.classes is None:
            return told | {"predicted": self.values[some].argmax(-1)}
        return told | {"predicted": self.predicted[some], "classes": self.names}

    def shown(self, some: slice) -> tuple[list[str], list[list[str]]]:
        """Return columns and lines of a table to print; with few classes, each one's probability."""
        columns, lines = self._lines(some, "{:.6g}".format, "{:.4f}".format)
        if self.given.sorts:
            first = len(columns) - len(self.names)
            if len(self.names) > MOST_NAMES:
                columns, lines = columns[:first], [line[:first] for line in lines]
            else:
                columns[first:] = self.names
        return ["row", *columns], [
            [str(row), *line] for row, line in zip(self.rows[some].tolist(), lines, strict=True)
        ]

    def written(self) -> tuple[list[str], list[list[str]]]:
        """Return columns and lines of a CSV file; rows that were left out have empty cells."""
        columns, lines = self._lines(slice(None), "{:.7g}".format, "{:.6g}".format)
        if not self.left_out:
            return columns, lines
        every = [[""] * len(columns) for _ in range(self.given.of)]
        for row, line in zip(self.rows.tolist(), lines, strict=True):
            every[row] = line
        return columns, every

    def _lines(self, some: slice, value: Any, share: Any) -> tuple[list[str], list[list[str]]]:
        columns, parts = ["predicted"], [_texts(self.predicted[some], value)]
        if self.targets is not None:
            columns.insert(0, "target")
            parts.insert(0, _texts(self.targets[some], value))
        if self.given.sorts:
            columns += ["probability", *(f"probability_{name}" for name in self.names)]
            shares = self.values[some]
            parts += [[share(one) for one in column] for column in (shares.max(-1), *shares.T)]
        return columns, [list(line) for line in zip(*parts, strict=True)]


def _texts(values: Array, write: Any) -> list[str]:
    """Return a text for each row: a name, a number, or several numbers separated by spaces."""
    if values.dtype.kind in "USiu" and values.ndim == 1:
        return list(map(str, values.tolist()))
    return [" ".join(write(float(one)) for one in np.ravel(row)) for row in values]
