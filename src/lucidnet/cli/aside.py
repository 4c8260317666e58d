"""Columns of a table that are no inputs: which rows belong together, and how much each counts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..data.frames import Frame
from ..data.looking import LEAST
from ..data.prepare import group_numbers, parted_by
from ..data.sets import stratified
from ..errors import DataError
from ..model import Model


class Aside(NamedTuple):
    """The names of the columns of groups and of weights; None where there is none."""

    group: str | None = None
    weight: str | None = None

    @classmethod
    def of(cls, model: Model) -> Aside:
        """Return the columns that a model was trained with."""
        found = (model.about.get(name) for name in cls._fields)
        return cls(*(name if isinstance(name, str) else None for name in found))

    def check(self, frame: Frame, target: str) -> None:
        """Raise if one of the columns is the target, or both are the same."""
        if self.group is not None and self.group == self.weight:
            raise frame.error(
                f"column {self.group!r} is named by --group and by --weight", "name two columns"
            )
        for option, name in zip(self._fields, self, strict=True):
            if name == target:
                raise frame.error(
                    f"column {name!r} is the target, and named by --{option}",
                    "name another one, or another --target",
                )

    def complete(self, frame: Frame, drop: bool) -> Frame:
        """Return the rows that have a group and a weight; raise where one lacks, unless such are dropped."""
        lacking = np.zeros(frame.rows, bool)
        for name in filter(None, self):
            if name in frame.cells and (missing := frame.cells[name].missing):
                if not drop:
                    row = frame.row(min(missing))
                    remedy = "write it, or leave out the row; --missing drop leaves out all such in training"
                    raise frame.error(f"row {row}, column {name}: the cell is missing", remedy)
                lacking[list(missing)] = True
        return frame.taken(np.flatnonzero(~lacking)) if lacking.any() else frame

    def groups(self, frame: Frame, rows: Any) -> Any:
        """Return the number of the group of each of some rows; None if nobody named such a column."""
        if self.group is None:
            return None
        if self.group not in frame.cells:
            reason = f"has no column {self.group!r}, by which it is split"
            raise frame.error(reason, "--part whole takes all rows, where they are measured or predicted")
        return group_numbers(self.group, frame, frame.rows)[rows]

    def weights(self, frame: Frame, rows: Any) -> Any:
        """Return how much each of some rows counts; None if the frame does not say it."""
        if self.weight is None or self.weight not in frame.cells:
            return None
        cells, where = frame.cells[self.weight], f"column {self.weight}"
        if cells.numbers is None:
            row = next(row for row in range(frame.rows) if row not in cells.missing)
            reason = f"row {frame.row(row)}, {where}: expected a weight, got {cells.text(row)[:100]!r}"
            raise frame.error(reason, "write numbers of 0 or more, or name another column")
        wrong = np.flatnonzero(~(np.isfinite(cells.numbers) & (cells.numbers >= 0)))
        if len(wrong):
            reason = (
                f"row {frame.row(int(wrong[0]))}, {where}: {cells.text(int(wrong[0]))[:100]} is no weight"
            )
            raise frame.error(reason, "write numbers of 0 or more, or name another column")
        return cells.numbers[rows]


def as_shares(weights: Any, what: str) -> Any:
    """Return weights divided by their mean, so that a loss stays as large as without them."""
    if not weights.any():
        raise DataError(f"--weight: {what} all weigh 0: name another column, or leave it out")
    return weights / weights.mean()


def divided(y: Any, groups: Any, share: float, name: str) -> tuple[Any, Any]:
    """Return the rows of two parts, of which the second has about a share; the division is always the same.

    Classes keep their shares; with groups, which are not divided, if each has rows of one class, and each
    class two groups or more.
    """
    if len(y) < LEAST:
        raise DataError(
            f"{name}: {len(y)} rows are too few to train on, and to keep some of them for testing"
        )
    if groups is None:
        return stratified(y, share, seed=0)
    groups = np.unique(groups, return_inverse=True)[1]
    if not groups.max():
        remedy = "leave --group out, or say --validation 0 where some of them are left for validation"
        raise DataError(f"{name}: {len(y)} rows of one group cannot be divided by groups: {remedy}")
    labels = None
    if y.dtype.kind in "iu":
        pairs = np.unique(np.stack([groups, y]), axis=1)
        alone = len(pairs[0]) == groups.max() + 1
        if alone and np.unique(pairs[1], return_counts=True)[1].min() > 1:
            labels = np.unique(y, return_inverse=True)[1]
    return parted_by(groups, labels, round(share * len(y)), seed=0)
