"""The text format of a table: its encoding, separator, quotes, decimal sign and header."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

from .around import numbers_below, titles, two_lines
from .written import MARK, MISSING, is_number, is_text

SEPARATORS = (",", ";", "\t", "|")
BLANKS = " "
"""Stands for a separator of one or more blanks."""
COMMA = re.compile(r"[+-]?(?:\d*|\d{1,3}(?:\.\d{3})+),\d+(?:[eE][+-]?\d+)?")
"""A number with a decimal comma, and perhaps points between thousands."""
POINT = re.compile(r"^(?![+-]?[1-9]\d{0,2}(?:\.\d{3})+$).*\.")
"""A point that does not separate thousands."""
AROUND = re.compile(rf"^[-+(\s]*{MARK}?\s*|(?<![)\s])\s*+(?:%|{MARK})?[)\s]*+$")
"""What may surround a number; in many blanks it is looked for once."""
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")
"""A number whose commas may separate thousands."""
LED = re.compile(r"0\d+|\d{1,3}[eE]\d+")
"""A whole number with leading zeros, or with an exponent, which both may be names."""
SAID = re.compile(r'"?sep=([^\w\s]|\t)"?\s*')
"""A first line in which spreadsheets declare the separator."""
SINGLE = re.compile(r"(?:^|[,;\t|]) *'[^'\n]*'(?:[,;\t|]|\s*$)", re.MULTILINE)
"""A cell in single quotes."""
BINARY = re.compile("[\0-\b\x0e-\x1f]")
"""Characters that occur in no text."""
HOLDS_DIGIT = re.compile(r"\d").search
LINE = re.compile("[:=-]*")
"""A cell of a line that is drawn below the header, as in Markdown."""
FORMAT = re.compile(r"\d{1,3}[sdn]")
"""What stands below the names in files of the U.S. Geological Survey: the width of a column, and its kind."""
QUOTED = re.compile(r'"(?:[^"]|"")*"\s*')
"""A line that is one cell, in quotes."""
UNIT = re.compile(r"[/%°²³\[\]]")
"""What occurs in units, and hardly in names."""
RULE = re.compile("(?=.*[-=]{2})[-+|=: ]+")
"""A line that is drawn between the rows of a table."""
SAMPLE = 200
"""The number of rows that are inspected."""


class TextForm(NamedTuple):
    """How a table is written."""

    encoding: str
    separator: str
    quote: str = '"'
    decimal: str = "."
    header: bool = False
    skipped: int = 0
    """The number of comment lines at the beginning."""
    names: tuple[str, ...] | None = None
    """The column names, if in the last comment line, or above all columns but that of row names."""
    zeros: tuple[tuple[int, str], ...] = ()
    """Columns with whole numbers that have leading zeros, such as postal codes, with one of them each."""
    second: tuple[str, ...] = ()
    """The cells of a second line of names, or of units, below the header."""
    third: tuple[str, ...] = ()
    """Those of another one."""
    joined: bool = False
    """Whether that line and the header together have the names."""
    titles: tuple[tuple[str, ...], ...] = ()
    """The rows above the table that belong to no column, such as its title."""
    sure: bool = False
    """Whether the decimal sign is certain; else ``1,234`` may be one or a thousand."""
    escaped: bool = False
    r"""Whether quotes in quoted cells are written as ``\"``."""
    framed: str = ""
    """How a table is drawn: with "rules" between lines, or with "bars" at their ends, too."""
    wrapped: bool = False
    """Whether each line is in quotes as a whole, as of lines pasted into one column of a spreadsheet."""
    archived: tuple[str, ...] = ()
    """In an archive: the name of the file that was read, and those of the others."""


def encoding_of(begin: bytes, whole: bool = True) -> str:
    r"""Guess the encoding of a text from its beginning; `whole` says that this is all of it.

    Text that is not UTF-8 is taken for Windows-1252, of which Latin-1 is nearly a part.

    Examples
    --------
    >>> encoding_of("a,\u00e9".encode()), encoding_of("a,\u00e9".encode("latin-1"))
    ('utf-8-sig', 'cp1252')
    >>> encoding_of("a,b".encode("utf-16"))
    'utf-16'
    """
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if begin.count(0) * 3 > len(begin) > 1:
        return "utf-16-le" if begin[1::2].count(0) > begin[::2].count(0) else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begin, whole)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def cut(lines: Iterable[str], form: TextForm) -> Iterable[list[str]]:
    """Split lines of text into rows of cells; the `csv.reader` returned counts the lines."""
    if form.separator == BLANKS:
        lines = (" ".join(line.split("\t")).strip() + "\n" for line in lines)
    if form.framed:
        lines = (_without_frame(line.strip(), form.framed) for line in lines)
    if form.wrapped:
        lines = (f"{row[0] if row else ''}\n" for row in csv.reader(lines))
    how: Any = {"escapechar": "\\", "doublequote": False} if form.escaped else {}
    return csv.reader(lines, delimiter=form.separator, quotechar=form.quote, skipinitialspace=True, **how)


def _without_frame(line: str, framed: str) -> str:
    """Return a line of a drawn table without what is drawn."""
    if RULE.fullmatch(line):
        return "\n"
    return f"{line[1:-1] if framed == 'bars' else line}\n"


def _framed(lines: Iterable[str]) -> str:
    """Tell how a table is drawn, as databases print them, and Markdown has them; see `TextForm.framed`."""
    there = [stripped for line in lines if (stripped := line.strip())][:SAMPLE]
    rows = [line for line in there if not RULE.fullmatch(line)]
    if len(rows) < 2 or sum("|" in line for line in rows) < 0.8 * len(rows):
        return ""
    barred = [line for line in rows if "|" in line]
    if all(line.startswith("|") and line.endswith("|") and len(line) > 1 for line in barred):
        return "bars"
    return "rules" if any(map(RULE.fullmatch, there[:3])) else ""


def _wrapped(lines: Sequence[str]) -> bool:
    """Tell whether each line is in quotes as a whole, and has several cells within them."""
    there = [line for line in lines if line.strip()][:SAMPLE]
    if len(there) < 2 or not all(map(QUOTED.fullmatch, there)):
        return False
    inner = [row[0] for row in csv.reader(there)]
    widths = ({len(row) for row in csv.reader(inner, delimiter=sign)} for sign in SEPARATORS)
    return any(len(found) == 1 and found != {1} for found in widths)


def form_of(text: str, encoding: str, whole: bool, usual: str, separator: str | None) -> TextForm:
    """Detect how a table is written, from its beginning.

    Parameters
    ----------
    text : str
        The beginning.
    encoding : str
        Its encoding.
    whole : bool
        Whether that is all.
    usual : str
        The separator that the file's suffix implies; empty if it implies none.
    separator : str, optional
        The separator, if the user gave one.
    """
    lines = text.splitlines(keepends=True)
    if not whole and len(lines) > 1:
        lines.pop()  # it may end inside a cell
    skipped = _remarks(lines)
    remarks = [line[1:] for line in lines[:skipped]]
    if lines and (said := SAID.fullmatch(lines[0])):
        skipped, remarks, separator = 1, [], separator or said[1]
    lines = lines[skipped:]
    quote = "'" if '"' not in text and SINGLE.search(text) else '"'
    framed = _framed(lines) if separator in (None, "|") else ""
    base = TextForm(encoding, "|", quote, skipped=skipped, framed=framed, wrapped=_wrapped(lines))
    parts = cache(lambda sign: _parts(lines, base._replace(separator=sign), whole))
    form = base._replace(separator=separator or ("|" if framed else _separator(parts, usual)))
    above, rows = parts(form.separator)
    if _is_escaped(lines, form, whole):
        form = form._replace(escaped=True)
        above, rows = _parts(lines, form, whole)
    form = form._replace(titles=tuple(map(tuple, above)), zeros=_zeros(rows))
    if form.separator != "," or (quote in text and _no_points(rows)):
        form = form._replace(decimal=_decimal(rows))
    form = form._replace(sure="," in (form.separator, form.decimal) or _has_points(rows))
    return _named(form, rows, remarks) if rows else form


def _named(form: TextForm, rows: Sequence[Sequence[str]], remarks: Sequence[str]) -> TextForm:
    """Return a form with where the names of the columns stand, and what stands below them."""
    if said := _in_remarks(remarks, form, len(rows[0])):
        return form._replace(names=said)
    if len(rows) > 1 and _lacks_one(rows):
        named = [name.strip() for name in rows[0]]
        ended = all(not row[-1].strip() for row in rows[1:])  # each row ends in a separator
        return form._replace(header=True, names=(*named, "") if ended else ("", *named))
    if len(rows) > 2 and (both := two_lines(rows, form.decimal)) is not None:
        return form._replace(header=True, names=both, second=tuple(rows[1]), joined=True)
    if len(rows) > 2 and all(FORMAT.fullmatch(cell.strip()) for cell in rows[1]):
        return form._replace(header=True, second=tuple(rows[1]))
    if not has_header(rows, form.decimal):
        return form
    if second := _second(rows, form.decimal):
        return form._replace(header=True, second=second)
    third = _second([rows[0], *rows[2:]], form.decimal) if len(rows) > 4 else ()
    if third and not any(is_number(cell.strip(), form.decimal) for cell in rows[1]):
        return form._replace(header=True, second=tuple(rows[1]), third=third)
    return form._replace(header=True)


def _in_remarks(remarks: Sequence[str], form: TextForm, width: int) -> tuple[str, ...]:
    """Return the names of columns, if the last remark above a table has them, or the one above its units."""
    found = [tuple(map(str.strip, next(iter(cut([one], form)), ()))) for one in remarks[-2:]]
    if width < 2 or not found or len(found[-1]) != width:
        return ()
    above, last = found[0], found[-1]
    units = len(set(last)) < width or any(map(UNIT.search, last))
    return above if units and len(set(above)) == len(above) == width else last


def _second(rows: Sequence[Sequence[str]], decimal: str) -> tuple[str, ...]:
    """Return the row below the header if it holds no number where two or more columns hold nothing else."""
    if len(rows) < 4 or any(is_number(cell.strip(), decimal) for cell in rows[1]):
        return ()
    if all(LINE.fullmatch(cell.strip()) for cell in rows[1]):
        return tuple(rows[1])
    named = (cell.strip().lower() not in MISSING for cell in rows[1])
    counts = numbers_below(rows[2:], len(rows[1]), decimal)
    above = sum(name and count > 1 for name, count in zip(named, counts, strict=False))
    return tuple(rows[1]) if above > 1 else ()


def _remarks(lines: Sequence[str]) -> int:
    """Count the comment lines (``# ...``) at the beginning; "#" alone may be a column name."""
    count = 0
    for line in lines:
        if not line.startswith("#") or line[1:2] in (*SEPARATORS, ""):
            break
        count += 1
    return count


def _rows(lines: Sequence[str], form: TextForm, whole: bool) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in cut(lines, form):
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) > SAMPLE:
                return rows[:-1]
    except csv.Error:  # reading all of it reports what is wrong
        pass
    return rows if whole or len(rows) < 3 else rows[:-1]  # the last may be cut off


def _parts(lines: Sequence[str], form: TextForm, whole: bool) -> tuple[list[list[str]], list[list[str]]]:
    """Return the first rows of a file: those above the table, and those of the table."""
    rows = _rows(lines, form, whole)
    signs = "." if form.separator == "," else ".,"  # commas that separate no cells may be decimal ones
    above = max(titles(rows, whole and len(rows) < SAMPLE, decimal) for decimal in signs)
    return rows[:above], rows[above:]


def _is_escaped(lines: Sequence[str], form: TextForm, whole: bool) -> bool:
    """Tell whether more rows are as long as the first if quotes behind a backslash belong to the text."""
    if not any(f"\\{form.quote}" in line for line in lines):
        return False
    plain, escaped = (_rows(lines, form._replace(escaped=way), whole) for way in (False, True))
    alike = [sum(len(row) == len(rows[0]) for row in rows) for rows in (plain, escaped) if rows]
    return alike[-1] > alike[0]


def _separator(parts: Callable[[str], tuple[list[list[str]], list[list[str]]]], usual: str) -> str:
    """Detect the separator: the one that gives most rows the width of the first, and numbers in cells."""
    best, found = (0.0, 0, 0.0, 0, 0, 0.0), usual or ","
    for sign in (*SEPARATORS, BLANKS):
        if sign == BLANKS and usual and best[0]:
            continue  # blanks stand in texts, too
        above, rows = parts(sign)
        widths = Counter(map(len, rows))
        if not widths:
            continue
        width, most = widths.most_common(1)[0]
        if width < 2 or len(rows[0]) not in (width, width - 1):
            continue
        cells = [cell.strip() for row in rows[1:] or rows for cell in row]
        decimal = "," if sign != "," else "."
        numbers = sum(not is_text(cell, decimal) for cell in cells) / len(cells)
        alike = most / len(rows)  # all rows, where another sign stands twice in some
        score = (
            round(alike, 1),
            (not above) + (len(rows[0]) == width),
            round(numbers, 1),
            width,
            int(sign == usual),
            alike,
        )
        if score > best:
            best, found = score, sign
    return found


def _no_points(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether no number has a decimal point, though some cells have commas."""
    cells = [AROUND.sub("", cell.strip()) for row in rows[1:] for cell in row if "," in cell or "." in cell]
    return bool(cells) and not any(is_number(cell) and POINT.search(cell) for cell in cells)


def _has_points(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether a number has a point that does not separate thousands."""
    return any(
        is_number(cell) and POINT.search(cell.strip()) for row in rows[1:] for cell in row if "." in cell
    )


def _decimal(rows: Sequence[Sequence[str]]) -> str:
    """Detect the decimal sign: a comma only if some column cannot be read otherwise."""
    below = rows[1:]
    while len(below) > 1 and not any(map(HOLDS_DIGIT, below[0])):  # a line of units
        below = below[1:]
    for cells in zip(*(row for row in below if len(row) == len(rows[0])), strict=True):
        there = [AROUND.sub("", cell.strip()) for cell in cells if cell.strip().lower() not in MISSING]
        commas = [cell for cell in there if COMMA.fullmatch(cell)]
        plain = all(is_number(cell) and not POINT.search(cell) for cell in there if cell not in commas)
        if commas and plain and not all(THOUSANDS.fullmatch(cell) for cell in commas):
            return ","
    return "."


def _zeros(rows: Sequence[Sequence[str]]) -> tuple[tuple[int, str], ...]:
    """Return in which columns whole numbers begin with a zero, and one of each."""
    found = ((i, cell.strip()) for row in rows for i, cell in enumerate(row) if LED.fullmatch(cell.strip()))
    return tuple({i: cell for i, cell in found}.items())


def _lacks_one(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row has one cell less than all others, which begin with a row name."""
    widths = {len(row) for row in rows[1:]}
    return widths == {len(rows[0]) + 1} and not any(is_number(cell) for cell in rows[0])


def _above_numbers(first: Sequence[str], rows: Sequence[Sequence[str]], decimal: str) -> bool:
    """Tell whether some cells of a first row are no numbers, in columns of nothing else."""
    return any(
        not is_number(cell, decimal) and all(is_number(row[i].strip(), decimal) for row in rows)
        for i, cell in enumerate(first)
    )


def _are_years(row: Sequence[str], places: Sequence[int]) -> bool:
    """Tell whether some cells of a row are three years or more, at equal distances."""
    cells = [row[i].strip() for i in places]
    if len(cells) < 3 or not all(len(cell) == 4 and cell.isdecimal() for cell in cells):
        return False
    years = [int(cell) for cell in cells]
    steps = {later - earlier for earlier, later in pairwise(years)}
    return len(steps) == 1 and 0 not in steps and all(1500 <= year <= 2200 for year in years)


def has_header(rows: Sequence[Sequence[str]], decimal: str = ".") -> bool:
    """Tell whether the first row holds the column names.

    It does if none of its cells is a number, unless half of them occur in their columns again (a table of
    texts without a header). It also does if half of its cells are texts above numbers, or if its numbers
    count the columns (``id,0,1,2``) or are years (``country,1990,1991,1992``).

    Examples
    --------
    >>> has_header([["a", "b"], ["1", "x"]]), has_header([["x", "e"], ["x", "p"]]), has_header([["1", "a"]])
    (True, False, False)
    """
    first = [cell.strip() for cell in rows[0]]
    others = [row for row in rows[1:] if len(row) == len(first)]
    once = [row for row in others if [cell.strip() for cell in row] != first]
    if len(once) < len(others) and once and _above_numbers(first, once, decimal):  # a header that is repeated
        others = once
    numbers = [i for i, cell in enumerate(first) if is_number(cell, decimal)]
    if not numbers:
        again = sum(any(row[i].strip() == cell for row in others) for i, cell in enumerate(first) if cell)
        return not 2 * again >= len(first) or not any(first)
    words = sorted(set(range(len(first))) - set(numbers))
    if words and _are_years(first, numbers) and not any(_are_years(row, numbers) for row in once):
        return True
    above = [i for i in words if all(is_number(row[i].strip(), decimal) for row in others)]
    names = [i for i in above if first[i].lower() not in MISSING]
    if not others or not above:
        return False
    if len(names) > 1 and 2 * len(names) >= len(first):
        return True
    counted = [int(first[i]) for i in numbers if first[i].isdecimal()]
    if len(counted) < max(2, len(numbers)) or counted[0] > 1:
        return False
    # There is a name above numbers, but none above the row numbers.
    return counted == list(range(counted[0], counted[0] + len(counted))) and bool(names or above[0] == 0)
