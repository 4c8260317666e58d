"""Delimited text tables, such as CSV, in whatever separator, quoting and encoding."""

from __future__ import annotations

import gzip
import io
import os
from array import array as numbers_array
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ..core.calls import takes
from ..core.files import check_size, opened, path_fault, reading
from ..core.settings import count, flag, path_like, text
from ..errors import ContentError, FileError
from . import archives
from .around import PREAMBLE, Body, Row
from .encodings import foreign, foreign_below
from .form import BINARY, TextForm, cut, encoding_of, form_of
from .frames import EXACT, Cells, Frame, as_written
from .others import PACKED as SIGNS
from .others import other_form
from .written import ABSENT, MISSING, as_text, composed, is_text, number_of

MOST = 1 << 30
"""The most bytes that a file's numbers may take by default."""
GUESSED = ("cp1252", "utf-16-le", "utf-16-be")
"""The encodings tried for bytes of unknown encoding, which may be no text at all."""
LONGEST = 1 << 22
"""The most characters in a row of a CSV file: its cells become texts of 50 bytes or so each."""
WIDEST = 1 << 17
"""The most columns that a table may have."""
BEGIN = 1 << 18
"""The number of bytes from which the format of a file is guessed."""
CHUNK, TALL, LARGE = 1 << 13, 64, 1 << 17
"""The number of cells converted at a time; for wide tables, the number of rows or of cells."""
TEXT = 100
"""The approximate size in bytes of a text that appears in a column for the first time."""

KINDS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"} | dict.fromkeys(
    (".txt", ".data", ".dat", ".asc", ".test", ".train", ".trn", ".tst", ".tra", ".tes"), ""
)
"""The suffixes of table files (the last ones are those of UCI's), and the separator that each implies."""
PACKED = tuple(SIGNS.values())
REMEDY = "save it as text in UTF-8, with a line for each row"


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Return a path; raise if it can be none."""
    if fault := path_fault(path):
        raise FileError(repr(os.fspath(path)), fault, "look for a mistake in it")
    return Path(path)


def suffixes(path: Path) -> tuple[str, str]:
    """Return a path's suffix without that of its compression, and the suffix of its compression.

    An archive may have any name, and is expected to hold text.

    Examples
    --------
    >>> suffixes(Path("a.csv.gz")), suffixes(Path("b.TXT")), suffixes(Path("c.zip"))
    (('.csv', '.gz'), ('.txt', ''), ('.txt', '.zip'))
    """
    last = path.suffix.lower()
    if last == ".zip" and path.with_suffix("").suffix.lower() not in KINDS:
        return ".txt", last
    return (path.with_suffix("").suffix.lower(), last) if last in PACKED else (last, "")


@takes(
    path=path_like(),
    header=flag(optional=True),
    separator=text(optional=True),
    decimal=text(optional=True),
    encoding=text(optional=True),
    max_bytes=count(1),
)
def frame(
    path: str | os.PathLike[str],
    *,
    header: bool | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    max_bytes: int = MOST,
) -> Frame:
    """Read the table in a text file (CSV and its kin) into a frame of columns by name.

    The format is detected, and kept in ``frame.form``: commas, semicolons, tabs, bars or blanks between the
    cells, quotes, a decimal comma, a header line or none, UTF-8, UTF-16 or Windows-1252 (nearly Latin-1),
    packed by gzip, bzip2 or xz, or alone in a ZIP archive. Columns without a name are named as in pandas,
    ``"Unnamed: 0"``; without a header line, ``"0"``, ``"1"``, ... Rows whose cells are all empty are left
    out.

    The result does not depend on what else is installed: pandas and polars, which differ in details, are not
    used.

    Parameters
    ----------
    path : path
        The file: ``.csv``, ``.tsv``, ``.tab``, ``.txt``, ``.data``, ``.test`` or the like, also with ``.gz``,
        ``.bz2`` or ``.xz``; or ``.zip``.
    header : bool, optional
        Whether the first row has the names of the columns.
    separator : str, optional
        The separator between cells; a blank stands for one or more.
    decimal : str, optional
        The decimal sign.
    encoding : str, optional
        The encoding.
    max_bytes : int
        How many bytes the table may take.

    Raises
    ------
    FileError
        If the file is missing, damaged or too large; with file, reason and remedy.
    ContentError
        If its rows do not have one length.
    """
    path = checked_path(path)
    with opened(path):
        pass
    kind, _ = suffixes(path)
    return read_frame(path, KINDS.get(kind, ""), max_bytes, header, separator, decimal, encoding)


def read_frame(
    path: Path,
    usual: str,
    most: int,
    header: bool | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> Frame:
    """Read the table in a file; `usual` is the separator that its suffix suggests."""
    if separator is not None and (len(separator) > 1 or separator in '"\r\n'):
        raise FileError(path, f"separator={separator!r} is not one sign", "give one, such as ';'")
    if encoding is not None:
        _check_encoding(path, encoding)
    with opened(path) as file, reading(path, "CSV", REMEDY):
        held = path.stat().st_size
        inner = archives.member(file, path, KINDS) if suffixes(path)[1] == ".zip" else None
        if not suffixes(path)[1]:
            check_size(path, held, held, most)
        begin = _unpacked(file, path).read(min(BEGIN, most))
        if other := other_form(begin):
            raise FileError(path, *other)
        whole = len(begin) < BEGIN
        guessed = encoding or encoding_of(begin, whole)
        if guessed == "cp1252" and encoding is None and (doubt := foreign(begin, whole)):
            raise ContentError(path, *doubt)
        form = form_of(begin.decode(guessed, "ignore"), guessed, whole, usual, separator)
        form = form._replace(
            header=form.header if header is None else header,
            second=() if header is False else form.second,
            third=() if header is False else form.third,
            decimal=decimal or form.decimal,
            sure=form.sure or decimal is not None,
            names=form.names if header is None else None,
            archived=() if inner is None else (inner.name, *inner.beside),
        )
        try:
            return _frame(path, file, form, most)
        except UnicodeDecodeError:
            if encoding is not None or form.encoding != "utf-8-sig":
                raise
            if doubt := foreign_below(_unpacked(file, path), BEGIN):
                raise ContentError(path, *doubt) from None
            return _frame(path, file, form._replace(encoding="cp1252"), most)


def is_unicode(path: Path) -> bool:
    """Tell whether a file begins as text in UTF-8 or UTF-16."""
    with opened(path) as file, reading(path, "CSV", REMEDY):
        begin = _unpacked(file, path).read(BEGIN)
    return encoding_of(begin, len(begin) < BEGIN) != "cp1252"


def _check_encoding(path: Path, encoding: str) -> None:
    import codecs

    try:
        if codecs.lookup(encoding)._is_text_encoding:
            return
    except (LookupError, ValueError):
        pass
    raise FileError(
        path, f"encoding={encoding[:50]!r} is not known", "give one that Python knows, as 'latin-1'"
    )


def _unpacked(file: Any, path: Path) -> Any:
    """Return a stream of a file's decompressed bytes, from its beginning."""
    file.seek(0)
    packed = suffixes(path)[1]
    if packed == ".gz":
        return gzip.GzipFile(fileobj=file)
    if packed == ".bz2":
        import bz2

        return bz2.open(file)
    if packed == ".xz":
        import lzma

        return lzma.open(file)
    if packed == ".zip":
        return archives.content(file, path, KINDS)
    return file


def _frame(path: Path, file: Any, form: TextForm, most: int) -> Frame:
    """Read the table; if columns turn out to hold texts, it is read again with those as texts."""
    with_texts: frozenset[int] = frozenset()
    while True:
        names, made, lines, left_out = _read(path, file, form, most, with_texts)
        found = frozenset(i for i, column in enumerate(made) if column.other)
        if not found:
            break
        with_texts |= found
    names = list(map(composed, names))
    told = {**form._asdict(), "names": names, **left_out}
    zeros = {i: f"{cell!r}, which is taken as {as_text(float(cell))}" for i, cell in form.zeros}
    cells = [column.cells(zeros.get(i, "")) for i, column in enumerate(made)]
    return Frame(_unique(names), cells, str(path), lines, told)


def _unique(names: Sequence[str]) -> list[str]:
    """Make column names unique, in the same way as pandas.

    Examples
    --------
    >>> _unique(["a", "", "a"])
    ['a', 'Unnamed: 1', 'a.1']
    """
    written, taken = set(names), set[str]()
    times: dict[str, int] = {}
    made = []
    for i, name in enumerate(names):
        first = new = name or f"Unnamed: {i}"
        while new in taken or (new != name and new in written):
            times[first] = times.get(first, 0) + 1
            new = f"{first}.{times[first]}"
        taken.add(new)
        made.append(new)
    return made


def _read(
    path: Path, file: Any, form: TextForm, most: int, with_texts: frozenset[int]
) -> tuple[list[str], list[_Column], Any, dict[str, Any]]:
    """Return names, columns, the line on which each row ends, and which rows were left out, and why."""
    rows = _below(_rows(path, file, form, most), form)
    first = next(rows, None)
    names = list(form.names) if form.names is not None else None
    header: list[str] = []
    if form.header:
        header = first[1] if first and _all_texts(first[1][:2], form.decimal) else []
        names = names or [cell.strip() for cell in first[1]] if first else None
        lines_below = {*filter(None, (form.second, form.third))}
        rows = (one for one in rows if tuple(one[1]) not in lines_below) if lines_below else rows
        first = next(rows, None)
    if first is None:
        what = "has no rows with numbers"
        if form.encoding.startswith("utf-16"):
            raise FileError(path, f"cannot be read as CSV: as {form.encoding.upper()} it {what}", REMEDY)
        raise ContentError(path, what, "write a row for each example")
    names = names or [str(i) for i in range(len(first[1]))]
    if len(names) > WIDEST:
        raise FileError(path, f"has {len(names):,} columns", "write so many numbers as .npz")
    start = {i for i, cell in enumerate(first[1]) if is_text(cell, form.decimal)} | with_texts
    made = [_Column(i in start, form.decimal, form.sure) for i in range(len(names))]
    lines, chunk = numbers_array("q"), []
    enough = max(CHUNK, min(TALL * len(names), LARGE))
    body = Body(chain([first], rows), len(names), header, 0 not in start)
    for line, row in body:
        if len(row) != len(names):
            raise _ragged(path, line, row, len(names))
        chunk.append(row)
        lines.append(line)
        if len(chunk) * len(names) >= enough:
            _take(path, made, chunk, most, len(lines))
            chunk = []
    _take(path, made, chunk, most, len(lines))
    if not lines:
        raise ContentError(path, "has no rows with numbers", "write a row for each example")
    notes = tuple(tuple(row) for _, row in body.notes)
    return names, made, lines, {"empty": body.empty, "repeated": body.repeated, "notes": notes}


def _ragged(path: Path, line: int, row: Sequence[str], width: int) -> ContentError:
    """Return the error for a row of another length than the others."""
    remedy = "write a cell for each column"
    if row[0].startswith("#"):
        remedy = "remarks are left out at the beginning alone: remove this one"
    elif line < PREAMBLE:
        remedy += "; if other lines stand above the table, remove those"
    cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
    return ContentError(path, f"row {line} has {cells}, expected {width}", remedy)


def _take(path: Path, made: Sequence[_Column], chunk: Sequence[Sequence[str]], most: int, rows: int) -> None:
    """Append rows to the columns, unless they would take too much memory."""
    if not chunk:
        return
    known = any(column.same is not None or column.other or column.decimal != "." for column in made)
    block = None if known else _block(chunk)
    if block is not None:
        for column, values in zip(made, np.ascontiguousarray(block.T), strict=True):
            column.numbers.frombytes(values.tobytes())
    else:
        for column, cells in zip(made, zip(*chunk, strict=True), strict=True):
            column.add(cells)
    texts = sum(len(column.same) for column in made if column.same)
    check_size(path, needed := 8 * rows * len(made) + TEXT * texts, needed, most)


def _block(chunk: Sequence[Sequence[str]]) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """Convert rows to a matrix of numbers; None if a cell is no plain number."""
    made = numbers_array("d")
    try:
        for row in chunk:
            made.extend(map(float, row))
            if "_" in "".join(row):
                return None
    except ValueError:
        return None
    block = np.frombuffer(made, np.float64).reshape(len(chunk), -1)
    return block if block.min() > -EXACT and block.max() < EXACT else None  # not if one is NaN


def _all_texts(cells: Sequence[str], decimal: str) -> bool:
    """Tell whether there are two cells, neither of which is a number or missing."""
    return len(cells) > 1 and all(is_text(cell, decimal) for cell in cells)


class _Column:
    """A growing column: of numbers until a cell holds a text that does not mark a missing value."""

    __slots__ = ("decimal", "exact", "large", "missing", "numbers", "other", "same", "sure", "texts")

    def __init__(self, is_text: bool, decimal: str, sure: bool) -> None:
        self.decimal, self.sure, self.other = decimal, sure, False
        self.texts: list[str] | None = [] if is_text else None
        self.same: dict[str, str] | None = {} if is_text else None
        self.numbers = numbers_array("d")
        self.missing: dict[int, str] | None = None
        self.exact: tuple[int, str] | None = None
        self.large: tuple[int, str] | None = None

    def add(self, cells: Sequence[str]) -> None:
        """Append the cells of more rows."""
        if self.texts is not None and self.same is not None:
            for cell in cells:
                text = composed(cell.strip())
                if text.lower() in ABSENT:
                    self._lacks(len(self.texts), text)
                self.texts.append(self.same.setdefault(text, text))
        elif self.decimal == "." and (block := _block([cells])) is not None:
            self.numbers.frombytes(block.tobytes())
        elif not self.other:
            for cell in cells:
                self._add(cell.strip())

    def _add(self, cell: str) -> None:
        row = len(self.numbers)
        if cell.lower() in MISSING:
            self._lacks(row, cell)
            self.numbers.append(float("nan"))
            return
        number = number_of(cell, self.decimal)
        if number is None or (self.decimal == "," and "." in cell):  # which may stand between thousands
            self.other, number = True, float("nan")
        elif abs(number) >= EXACT and any(map(str.isdigit, cell)):
            if abs(number) == float("inf"):
                self.large = self.large or (row, cell)
            elif cell.lstrip("+-").isdecimal() and abs(int(cell)) > EXACT:
                self.exact = self.exact or (row, cell)
        self.numbers.append(number)

    def _lacks(self, row: int, text: str) -> None:
        if self.missing is None:
            self.missing = {}
        self.missing[row] = text

    def cells(self, written: str = "") -> Cells:
        """Return the column so far: as numbers, if its texts all are numbers."""
        missing = self.missing or {}
        if self.texts is None:
            made = np.frombuffer(self.numbers, np.float64)
            return Cells(made, None, missing, False, self.exact, self.large, written)
        return as_written(self.texts, self.same or {}, missing, self.decimal, self.sure)


def _rows(path: Path, file: Any, form: TextForm, most: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the number of the line on which it ends."""
    stream = io.TextIOWrapper(_unpacked(file, path), form.encoding, newline="")
    try:
        lines = _Lines(stream, path, most)
        for _ in range(form.skipped):
            next(lines, None)
        lines.row = 0
        reader: Any = cut(lines, form)
        for row in reader:
            lines.row = 0
            if row:
                yield form.skipped + reader.line_num, row
    finally:
        if not file.closed:
            stream.detach()  # else the file would be closed with it


def _below(rows: Iterator[Row], form: TextForm) -> Iterator[Row]:
    """Return the rows from the first one below the titles that is not empty."""
    left = len(form.titles)
    for one in rows:
        if any(map(str.strip, one[1])):
            if not left:
                return chain([one], rows)
            left -= 1
    return iter(())


class _Lines:
    """The lines of a text, with limits to the length of a row and to the total size."""

    def __init__(self, stream: io.TextIOWrapper, path: Path, most: int) -> None:
        self.stream, self.path, self.most = stream, path, most
        self.row = self.all = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.stream.readline(LONGEST)
        if not line:
            if self.row:  # requested within a row: of quoted text
                reason = "ends within quotes: one was opened, and everything after it is one cell"
                raise FileError(self.path, reason, "close it, or leave it out")
            raise StopIteration
        if "\0" in line or (self.stream.encoding in GUESSED and BINARY.search(line)):
            raise ValueError("it is neither UTF-8 nor another text")
        self.row += len(line)
        self.all += len(line)
        if self.row >= LONGEST:
            reason = f"has a row of more than {LONGEST:,} characters"
            raise FileError(self.path, reason, "write so many numbers as .npz")
        check_size(self.path, self.all, self.all, self.most)
        return line
