"""Tables with named columns, from files, pandas, polars, Arrow and plain dicts, in one form."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.settings import shown
from ..core.text import Report, columns, plain
from ..errors import ContentError, DataError, optional
from .durations import FULL, WAYS, seconds_in
from .written import as_text, composed, mark_of, number_of, numbers_in

Array = npt.NDArray[Any]

TRUTHS = {"true": 1.0, "false": 0.0}
EXACT = 1 << 53
"""The largest range in which float64 holds all whole numbers."""
SHOWN = 6
"""The number of rows of a frame that are shown."""


class Cells(NamedTuple):
    """A column of numbers or texts.

    Parameters
    ----------
    numbers : array (n,), optional
        Float64, NaN where one is missing.
    texts : list of str, optional
        The texts in the cells, without surrounding spaces.
    missing : dict
        The rows with a missing cell, with what stands there: ``""``, ``"NA"``.
    truths : bool
        Whether the numbers are 0 and 1 for no and yes.
    exact : tuple of (int, str), optional
        A row with a whole number that float64 cannot tell from the next, and its text.
    large : tuple of (int, str), optional
        A row with a number that is too large for float64, and its text.
    written : str
        How one of the numbers is written, if not plainly, and how it is read.
    original : list of str, optional
        The original texts of all numbers: elsewhere the same column may hold texts.
    mark : str
        The sign of a currency, or ``"%"``, that its numbers have, or how durations are written; empty if they
        have none.
    """

    numbers: Array | None
    texts: list[str] | None
    missing: Mapping[int, str]
    truths: bool = False
    exact: tuple[int, str] | None = None
    large: tuple[int, str] | None = None
    written: str = ""
    original: list[str] | None = None
    mark: str = ""

    def __len__(self) -> int:
        return len(self.texts if self.numbers is None else self.numbers)  # type: ignore[arg-type]

    def text(self, row: int) -> str:
        """Return the cell of a row as text."""
        if row in self.missing:
            return self.missing[row]
        if (texts := self.texts or self.original) is not None:
            return texts[row]
        assert self.numbers is not None  # one of both is there
        for odd in (self.exact, self.large):
            if odd and odd[0] == row:
                return odd[1]
        return str(bool(self.numbers[row])) if self.truths else as_text(float(self.numbers[row]))

    def taken(self, rows: Array) -> Cells:
        """Return the column with only the given rows."""
        some = self.missing or self.exact or self.large
        places = {int(old): new for new, old in enumerate(rows)} if some else {}
        missing = {places[row]: text for row, text in self.missing.items() if row in places}
        numbers = None if self.numbers is None else self.numbers[rows]
        texts, original = (one and [one[row] for row in rows] for one in (self.texts, self.original))
        exact, large = (
            one and ((places[one[0]], one[1]) if one[0] in places else None)
            for one in (self.exact, self.large)
        )
        return Cells(numbers, texts, missing, self.truths, exact, large, self.written, original, self.mark)


class Frame(Report, Mapping[str, Any]):
    """A table of columns by name, each of numbers (float64, NaN where one is missing) or of texts.

    It is a mapping: ``frame["age"]`` is a column, ``pandas.DataFrame(dict(frame))`` a frame of pandas.

    Parameters
    ----------
    names : sequence of str
        The names of the columns, in order.
    cells : sequence of Cells
        The columns.
    source : str
        The file that they come from, for messages.
    lines : sequence of int, optional
        The line of the file in which each row ends.
    """

    def __init__(
        self,
        names: Sequence[str],
        cells: Sequence[Cells],
        source: str = "",
        lines: Sequence[int] | None = None,
        form: Mapping[str, Any] | None = None,
    ) -> None:
        self.names, self.source, self.lines = tuple(names), source, lines
        self.cells = dict(zip(self.names, cells, strict=True))
        self.form = dict(form or {})

    form: dict[str, Any]
    """How the file is written: encoding, separator, decimal sign, header line or not."""

    def __getitem__(self, name: str) -> Any:
        cells = self.cells[name]
        if cells.numbers is not None:
            if cells.truths and not cells.missing:
                return cells.numbers.astype(bool)
            view = cells.numbers.view()
            view.flags.writeable = False  # it is not a copy
            return view
        return [None if i in cells.missing else text for i, text in enumerate(cells.texts or ())]

    # As an object: columns are arrays, which cannot simply be compared.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.cells[self.names[0]]) if self.names else 0

    def row(self, index: int) -> int:
        """Return a row's number for messages: its line in the file, or its index."""
        return int(index if self.lines is None else self.lines[index])

    def error(self, reason: str, remedy: str) -> Exception:
        """Return the error for a problem in this frame."""
        return ContentError(self.source, reason, remedy) if self.source else DataError(f"{reason}; {remedy}")

    def without(self, name: str) -> Frame:
        """Return the frame without a column."""
        names = [one for one in self.names if one != name]
        return Frame(names, [self.cells[one] for one in names], self.source, self.lines, self.form)

    def taken(self, rows: Array) -> Frame:
        """Return some of the rows."""
        lines = None if self.lines is None else [self.lines[row] for row in rows]
        return Frame(
            self.names, [self.cells[name].taken(rows) for name in self.names], self.source, lines, self.form
        )

    def __str__(self) -> str:
        count = min(self.rows, SHOWN)
        cells = [self.cells[name] for name in self.names]
        first = [[one.text(i)[:30] for one in cells] for i in range(count)]
        table = columns([self.names, *first]) if self.names else []
        return plain("\n".join([f"{self.rows:,} rows, {len(self.names):,} columns", *table]))


def as_frame(given: Any, owner: str) -> Frame:
    """Return a table of pandas, polars or Arrow, or a dict of columns, as a `Frame`.

    Raises
    ------
    DataError
        If it is none of these, or its columns differ in length.
    """
    if isinstance(given, Frame):
        return given
    if isinstance(given, np.ndarray) and given.dtype.names:
        given = {name: given[name] for name in given.dtype.names}
    if type(given).__name__ == "RecordBatch":  # of Arrow
        given = given.to_pydict()
    if isinstance(given, Mapping):
        _check_names(list(map(str, given)), owner)
        named = {
            str(name): as_cells(values, f"{owner}: frame: column {str(name)[:60]!r}")
            for name, values in given.items()
        }
    else:
        named = _of_library(given, owner)
    lengths = {len(cells) for cells in named.values()}
    if len(lengths) > 1:
        sizes = ", ".join(f"{name} {len(cells)}" for name, cells in list(named.items())[:5])
        raise DataError(
            f"{owner}: the columns have different lengths ({sizes}); give each a cell for each row"
        )
    if not named:
        raise DataError(f"{owner}: the frame has no columns; give at least one")
    return Frame(list(named), list(named.values()))


def is_frame(given: Any) -> bool:
    """Tell whether something is a frame, without importing any frame library."""
    if isinstance(given, (Frame, Mapping)):
        return True
    kind = type(given)  # a lazy frame would compute its columns
    return hasattr(kind, "columns") and (hasattr(kind, "dtypes") or hasattr(kind, "schema"))


def _of_library(given: Any, owner: str) -> dict[str, Cells]:
    if not is_frame(given):
        kind = type(given).__name__
        raise DataError(
            f"{owner}: expected a frame (of pandas, polars or Arrow, a dict of columns, or "
            f"data.frame(path)), got {kind}"
        )
    if hasattr(type(given), "collect") and not hasattr(given, "iloc"):
        raise DataError(f"{owner}: the frame is lazy: give frame.collect()")
    if hasattr(type(given), "compute"):  # of Dask
        raise DataError(f"{owner}: the frame is lazy: give frame.compute()")
    nw = optional("narwhals", "tables")
    if hasattr(given, "iloc"):  # pandas, whose column names may be other things than texts
        names = [str(name) for name in given.columns]
        series = [nw.from_native(given.iloc[:, i], series_only=True) for i in range(len(names))]
    else:
        try:
            frame = nw.from_native(given, eager_only=True)
            names = [str(name) for name in frame.columns]
            series = [frame[name] for name in names]
        except Exception as error:  # whatever a library raises for a frame it does not accept
            said = " ".join(str(error).split())[:200]
            raise DataError(f"{owner}: the frame cannot be read: {said}") from None
    _check_names(names, owner)
    return {name: _of_series(one, name) for name, one in zip(names, series, strict=True)}


def _check_names(names: list[str], owner: str) -> None:
    """Raise if two columns have the same name (1 and "1" count as the same)."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{owner}: the frame has two columns named {twice!r}; give each its own name")


def _of_series(series: Any, name: str) -> Cells:
    dtype = series.dtype
    if dtype.is_numeric() and not dtype.is_decimal() and not series.null_count():
        values = np.asarray(series.to_numpy())
        if values.dtype.kind in "iuf":
            return _of_numbers(values)
    return as_cells(series.to_list(), f"column {name!r}")


def as_cells(values: Any, what: str = "a column") -> Cells:
    """Convert a column of numbers, booleans, dates or texts to `Cells`, with its missing values marked."""
    if hasattr(values, "to_list") and not isinstance(values, np.ndarray):
        values = values.to_list()  # a series: missing values are None, or NaN
    elif hasattr(values, "to_pylist"):  # of Arrow
        values = values.to_pylist()
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise DataError(f"{what} must be a sequence with a value for each row, got {shown(values)}")
    if isinstance(values, np.ndarray):
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise DataError(f"{what} must have one axis, got an array of shape {values.shape}")
        if values.dtype.kind in "iuf":
            return _of_numbers(values)
        if values.dtype.kind == "m":
            return _of_spans(values, what)
        values = _written_dates(values) if values.dtype.kind == "M" else values.tolist()
    return _of_objects(list(values), what)


def _written_dates(values: Array) -> list[str | None]:
    return [None if text == "NaT" else text for text in values.astype(str).tolist()]


def _in_seconds(values: Array, what: str) -> Array:
    if (unit := np.datetime_data(values.dtype)[0]) in ("Y", "M", "generic"):
        kind = "without a unit" if unit == "generic" else "of years or months, which differ in length"
        raise DataError(f"{what} holds durations {kind}: give days, or seconds")
    return np.asarray(values / np.timedelta64(1, "s"))


def _of_spans(values: Array, what: str) -> Cells:
    """Convert durations to seconds."""
    seconds = _in_seconds(values, what)
    missing = dict.fromkeys(np.flatnonzero(np.isnan(seconds)).tolist(), "")
    return Cells(seconds, None, missing, mark=FULL)


def _of_numbers(values: Array) -> Cells:
    numbers = values.astype(np.float64)
    missing = dict.fromkeys(np.flatnonzero(np.isnan(numbers)).tolist(), "")
    exact = None
    if values.dtype.kind in "iu":
        inexact = np.flatnonzero((values > EXACT) | (values.astype(np.float64) < -EXACT))
        exact = (int(inexact[0]), str(values[inexact[0]])) if len(inexact) else None
    return Cells(numbers, None, missing, exact=exact)


def _of_objects(values: list[Any], what: str) -> Cells:
    missing = {i: "" for i, value in enumerate(values) if _is_missing(value)}
    there = [value for i, value in enumerate(values) if i not in missing]
    kinds = {type(value) for value in there}
    if all(issubclass(kind, (bool, np.bool_)) for kind in kinds) and there:
        numbers = [math.nan if i in missing else float(value) for i, value in enumerate(values)]
        return Cells(np.array(numbers), None, missing, truths=True)
    if there and all(issubclass(kind, (timedelta, np.timedelta64)) for kind in kinds):
        spans = [math.nan if i in missing else _seconds(value, what) for i, value in enumerate(values)]
        return Cells(np.array(spans), None, missing, mark=FULL)
    if all(issubclass(kind, (int, float, np.number)) or kind.__name__ == "Decimal" for kind in kinds):
        try:
            numbers = [math.nan if i in missing else float(value) for i, value in enumerate(values)]
        except OverflowError:
            raise DataError(f"{what} holds whole numbers that no float can hold; rescale them") from None
        large = (
            (i, str(value))
            for i, value in enumerate(values)
            if isinstance(value, (int, np.integer)) and not -EXACT <= value <= EXACT
        )
        return Cells(np.array(numbers, np.float64), None, missing, exact=next(large, None))
    texts = ["" if i in missing else _written(value, what) for i, value in enumerate(values)]
    missing |= {i: text for i, text in enumerate(texts) if not text}
    return as_written(texts, dict.fromkeys(texts), missing)


def _seconds(span: Any, what: str) -> float:
    if isinstance(span, timedelta):
        return span.total_seconds()
    return float(_in_seconds(np.asarray(span), what))


def _written(value: Any, what: str) -> str:
    """Return a value in a text column as text: dates in ISO format."""
    if isinstance(value, str):
        return composed(value.strip())
    if isinstance(value, (timedelta, np.timedelta64)):
        raise DataError(f"{what} holds durations and other things: give durations, or numbers, alone")
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(int(value))  # a float cannot hold all of them
    if isinstance(value, (bool, float, np.generic)):
        return as_text(float(value)) if not isinstance(value, (bool, np.bool_)) else str(bool(value))
    if type(value).__name__ in ("Period", "Interval"):  # of pandas
        return str(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    raise DataError(f"{what} must hold numbers, texts or dates, got {shown(value)}")


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if type(value).__name__ == "Decimal":
        return bool(value.is_nan())  # a signaling one cannot be compared
    if isinstance(value, (np.timedelta64, np.datetime64)):
        return bool(np.isnat(value))
    return isinstance(value, (float, np.floating)) and bool(value != value)


def as_written(
    texts: list[str], kinds: Iterable[str], missing: Mapping[int, str], decimal: str = ".", sure: bool = True
) -> Cells:
    """Convert a column of texts to numbers if all of them are; `kinds` are its distinct texts."""
    there = [text for text in kinds if text]
    found = numbers_in(there, decimal, sure)
    if not found and decimal == ",":  # commas stand between thousands, if there are several in a cell
        found = numbers_in(there, ".", False)
    mark = ""
    if found:
        mark = mark_of(there)
    elif there and (spans := seconds_in(there)):
        found, mark = spans
    if not found:
        return Cells(None, texts, missing)
    made = np.array([found.get(text, math.nan) for text in texts])
    lacking = {int(row): texts[row] for row in np.flatnonzero(np.isnan(made))}
    odd = next((text for text in there if number_of(text, decimal) != found[text] == found[text]), "")
    unit = " seconds" * (mark in WAYS)
    written = f"{odd[:40]!r}, which is taken as {as_text(found[odd])}{unit}" if odd else ""
    return Cells(made, None, {**lacking, **missing}, written=written, original=texts, mark=mark)
