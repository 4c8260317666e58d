"""What stands around the table in a file: titles and remarks above it, names in two lines, notes below it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .written import MISSING, is_number, is_text

YEAR = re.compile("(?:1[5-9]|20|21)\\d\\d")
"""A number that may be the name of a column."""
PREAMBLE = 30
"""A title and the like stand above a table in fewer lines than these."""

Row = tuple[int, list[str]]
"""The line on which a row ends, and its cells."""


def titles(rows: Sequence[Sequence[str]], whole: bool, decimal: str = ".") -> int:
    """Count the rows above a table that belong to no column, such as a title.

    Such a row has text in at most half of the columns, and either fewer cells than all others, or stands
    above names of columns. The counts and names of classes with which scikit-learn's files begin are one,
    too.

    Parameters
    ----------
    rows : sequence of list of str
        The rows of the file that are not empty, or its first ones.
    whole : bool
        Whether these are all.
    decimal : str
        The decimal sign.

    Examples
    --------
    >>> titles([["Rain in mm"], ["year", "May", "June"], ["1990", "70", "75"], ["1991", "65", "60"]], True)
    1
    >>> titles([["2", "1", "no", "yes"], ["0.5", "0"], ["0.7", "1"]], True)
    1
    """
    cells = [[cell.strip() for cell in row] for row in rows]
    if len(cells) < 3:
        return 0
    width = Counter(map(len, cells)).most_common(1)[0][0]
    if _counts(cells, width, whole):
        return 1
    count = 0
    while count < min(PREAMBLE, len(cells) - 2) and _is_title(
        cells[count], cells[count + 1 :], width, decimal
    ):
        count += 1
    return count if len(cells[count]) in (width, width - 1) else 0


def _counts(rows: Sequence[Sequence[str]], width: int, whole: bool) -> bool:
    """Tell whether a first row has the numbers of rows and inputs, and the names of classes 0, 1, ..."""
    first, others = rows[0], [row for row in rows[1:] if len(row) == width]
    names = first[2:]
    if len(names) < 2 or len(set(names)) < len(names) or not others or first[1] != str(width - 1):
        return False
    count = int(first[0]) if first[0].isdecimal() else 0
    if (count != len(rows) - 1) if whole else (count < len(rows) - 1):
        return False
    classes = {str(number) for number in range(len(names))}
    return {row[-1] for row in others} <= classes and not any(is_number(name) for name in names)


def _is_title(row: Sequence[str], below: Sequence[Sequence[str]], width: int, decimal: str) -> bool:
    there = [cell for cell in row if cell]
    if 2 * len(there) > width or any(is_number(cell, decimal) for cell in there[:1]) or width < 2:
        return False
    short = len(row) < width - 1
    if short and len(there) == 1:
        return True
    names = next((one for one in below if len(one) == width and sum(map(bool, one)) > len(there)), None)
    rest = [one for one in below if len(one) == width and one is not names]
    if names is None or not rest or not (short or len(row) == width):
        return False
    return _are_names(names, rest, decimal) and (short or (all(names) and len(set(names)) == width))


def two_lines(rows: Sequence[Sequence[str]], decimal: str) -> tuple[str, ...] | None:
    """Return the names of columns that stand in two lines: groups, and their parts; None if they do not.

    Examples
    --------
    >>> two_lines([["", "Men", "", "Women", ""], ["age", "h", "w", "h", "w"], ["9", "1", "2", "3", "4"]], ".")
    ('age', 'Men h', 'Men w', 'Women h', 'Women w')
    """
    first, second, *rest = ([cell.strip() for cell in row] for row in rows[:20])
    same = [row for row in rest if len(row) == len(second)]
    if not any(first) or all(first) or not all(second) or len(first) != len(second) or not same:
        return None
    if any(is_number(cell, decimal) and not YEAR.fullmatch(cell) for cell in first) or not _are_names(
        second, same, decimal
    ):
        return None
    if len(set(second)) == len(second):  # they are complete, unless they are units
        return tuple(second) if sum(map(len, second)) > sum(map(len, first)) else None
    joined, group = list[str](), ""
    for cell, part in zip(first, second, strict=True):
        group = cell or group
        joined.append(f"{group} {part}".strip())
    return tuple(joined)


class Body:
    """The rows of a table, without those that are empty, repeat the header, or are notes below the table.

    A note is text in the first cell alone, or in a row that is too short, after an empty line or below
    numbers; all that follows it are notes, too.

    Parameters
    ----------
    rows : iterable of (int, list of str)
        The rows of a file after its header.
    width : int
        The number of columns.
    header : list of str
        The header, if it is left out where it is repeated.
    numeric : bool
        Whether the first column begins with a number.
    """

    def __init__(self, rows: Iterable[Row], width: int, header: Sequence[str], numeric: bool) -> None:
        self.rows, self.width, self.header, self.numeric = rows, width, header, numeric
        self.empty = self.repeated = 0
        self.notes: list[Row] = []

    def __iter__(self) -> Iterator[Row]:
        before, apart, notes = 0, False, self.notes
        for line, row in self.rows:
            if before and line - before > 1:
                apart = apart or line - before > 1 + sum(cell.count("\n") for cell in row)
            before = line
            if not row[0].strip() and not any(map(str.strip, row)):
                self.empty, apart = self.empty + 1, True
            elif row == self.header:
                self.repeated += 1
            elif len(notes) < PREAMBLE and (apart or notes or self.numeric) and self._is_note(row, apart):
                notes.append((line, row))
            else:  # the table goes on
                yield from notes
                notes.clear()
                apart = False
                yield line, row

    def _is_note(self, row: Sequence[str], apart: bool) -> bool:
        if len(row) == self.width and row[-1].strip():  # as nearly all have
            return False
        if self.width < 2 or not is_text(row[0]):
            return False
        if not any(map(str.strip, row[1:])):
            return True
        return apart and len(row) < self.width and (self.numeric or not any(map(is_number, row)))


def _are_names(names: Sequence[str], rows: Sequence[Sequence[str]], decimal: str) -> bool:
    """Tell whether a row of texts stands above rows with a column of numbers."""
    if any(is_number(name, decimal) and not YEAR.fullmatch(name) for name in names):
        return False
    counts = numbers_below(rows, len(names), decimal)
    return any(name and count for name, count in zip(names, counts, strict=True))


def numbers_below(rows: Sequence[Sequence[str]], width: int, decimal: str) -> Iterator[int]:
    """Yield how many numbers each column has, in rows of a width; 0 if it has a text, too."""
    for cells in zip(*(row for row in rows if len(row) == width), strict=True):
        there = [cell for one in cells if (cell := one.strip()).lower() not in MISSING]
        yield len(there) if all(is_number(cell, decimal) for cell in there) else 0
