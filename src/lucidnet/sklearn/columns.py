"""What estimators take as rows of numbers: images and columns of other things are named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.settings import shown
from ..data.named import columns_of
from ..errors import DataError, LucidnetError


@contextmanager
def as_rows(title: str, x: Any) -> Iterator[None]:
    """Raise if examples are images; name the column of a frame that holds no numbers, if they cannot be read.

    scikit-learn and NumPy name a cell of it at most.
    """
    _refuse_images(title, x)
    if (found := next(_of_time(x), None)) is not None:  # polars and Arrow make numbers of some
        raise _named(title, *found)
    try:
        yield
    except (ValueError, TypeError) as error:
        if isinstance(error, LucidnetError) or (found := _no_numbers(x)) is None:
            raise
        raise _named(title, *found) from error


def _named(title: str, name: str, cell: Any) -> DataError:
    return DataError(
        f"{title}: column {name!r} holds {shown(cell)}, which is no number: begin a pipeline with "
        "a ColumnTransformer (OneHotEncoder for texts), or x, y = data.Table.fit(frame, ...).apply(frame)"
    )


def _of_time(x: Any) -> Iterator[tuple[str, Any]]:
    """Yield the columns of a frame that hold dates, times or durations, each with its first cell."""
    names = columns_of(x) or ()
    kinds: Any = getattr(x, "dtypes", None)
    kinds = getattr(getattr(x, "schema", None), "types", ()) if kinds is None else kinds
    for place, (name, kind) in enumerate(zip(names, kinds, strict=False)):
        if str(kind).lower().startswith(("date", "time", "duration")):
            yield name, next(iter(_column(x, place, name)), None)


def _column(x: Any, place: int, name: str) -> Any:
    """Return a column of a frame; of pandas by its place, as names there may be other things than texts."""
    return x.iloc[:, place] if hasattr(x, "iloc") else x[name]


def _refuse_images(title: str, x: Any) -> None:
    """Raise if each example is more than a row, which `layers` may make of it."""
    shape = tuple(getattr(x, "shape", ()))
    if len(shape) > 2:
        raise DataError(
            f"{title}: x has shape {shape}, and should have one row for each example: give "
            f"x.reshape(len(x), -1), and begin with layers=[Reshape({shape[1:]}), ...]"
        )


def _no_numbers(x: Any) -> tuple[str, Any] | None:
    """Return the first column of a frame that is not of numbers, and a cell that is none, if there is one."""
    for place, name in enumerate(columns_of(x) or ()):
        column = np.asarray(_column(x, place, name))
        try:
            column.astype(np.float64)
        except (ValueError, TypeError):
            return name, next(cell for cell in column.astype(object) if not _is_number(cell))
    return None


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (ValueError, TypeError):
        return False
    return True
