"""Numbers as people and spreadsheets write them: ``$1,234.50``, ``30%``, ``1.234,50 €``, ``(120)``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from unicodedata import normalize

ABSENT = frozenset(
    ("", "?", "\\n", "na", "n/a", "nan", "-nan", "<na>", "null", "#n/a", "#na", "#n/a n/a", "#div/0!",
     "#value!", "#ref!", "#num!", "#name?", "#null!", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan")
)  # fmt: skip
"""What people and programs write for a missing text, spreadsheets and databases (``\\N``) among them; "none"
may be an answer."""
MISSING = ABSENT | {"none", "nil", "n.a.", "n.a", "n/d", "-", "--", "---", ".", "..", "...", "…", "*", ":"}
"""What they write for a missing number: statistical offices have signs for what is not known, or not told."""

MARK = (
    r"(?:[A-Z]{0,3}\$|[€£¥₹₩₽฿₺₫₪]|Rs\.?|kr\.?|zł|Kč|Ft"
    r"|(?:USD|EUR|GBP|CHF|JPY|INR|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|CNY|KRW|TRY)\b)"
)
"""Currency signs."""
DRESSED = re.compile(
    rf"(?P<left>\()?(?P<sign>[+-])?\s*+(?P<before>{MARK})?\s*+(?P<inner>[+-])?"
    rf"(?P<bare>\d[\d.,'’\s]*+|[.,]\d+)\s*+(?P<after>%|{MARK})?(?P<right>\))?"
)
"""A number with its surroundings; brackets make it negative, as in accounting."""
FORTRAN = re.compile(r"([+-]?\d*\.\d+)[Dd]([+-]\d{2,3})")
"""A number of Fortran's double precision."""
MINUS = "\N{MINUS SIGN}"
"""What typesetters, and statistical offices, write in the place of "-"."""
EASTERN = {
    ord(MINUS): "-",
    **{first + i: str(i) for first in (0x660, 0x6F0, 0x966, 0xFF10) for i in range(10)},
    **dict(zip(map(ord, "٫٬．，－＋％"), ".,.,-+%", strict=True)),
}
"""Signs of numbers outside of the West: Arabic, Persian, Indian, and as wide as Chinese signs."""
BETWEEN = {".": ",", ",": "."}
"""The usual thousands separator for each decimal sign."""


UNIT = re.compile(r"[+-]?\d[\d.,]*\s*(?P<unit>[^\W\d_]{1,12}[²³]?|°[CFK]?|[^\W\d_]+/[^\W\d_]+|[\"'′″])")
"""A number with a unit behind it."""


def composed(text: str) -> str:
    r"""Return a text with one sign for a letter and its accents, and no invisible marks around it.

    Examples
    --------
    >>> len("u\u0308"), len(composed("u\u0308"))
    (2, 1)
    """
    return text if text.isascii() else normalize("NFC", text).strip("\ufeff\u200b\u2060 ")


def as_text(number: float) -> str:
    """Write a number as people write labels: whole ones without a point.

    Examples
    --------
    >>> as_text(3.0), as_text(0.25)
    ('3', '0.25')
    """
    return str(int(number)) if math.isfinite(number) and number.is_integer() else repr(number)


def number_of(text: str, decimal: str = ".") -> float | None:
    """Parse a number; None if the text is none.

    Examples
    --------
    >>> number_of("2.5"), number_of("2,5", ","), number_of("1_000"), number_of("x")
    (2.5, 2.5, None, None)
    """
    if "_" in text:
        return None
    if not text.isascii():
        text = text.translate(EASTERN)
    if decimal != ".":
        text = text.replace(decimal, ".") if "." not in text else text
    try:
        return float(text)
    except ValueError:
        return float(FORTRAN.sub(r"\1e\2", text)) if FORTRAN.fullmatch(text) else None


def is_number(text: str, decimal: str = ".") -> bool:
    """Tell whether a text is a number."""
    return number_of(text, decimal) is not None


def is_text(cell: str, decimal: str = ".") -> bool:
    """Tell whether a cell holds a text: neither a number nor what people write for a missing one."""
    cell = cell.strip()
    return cell.lower() not in MISSING and number_of(cell, decimal) is None


def numbers_in(texts: Iterable[str], decimal: str = ".", sure: bool = True) -> dict[str, float] | None:
    """Parse the distinct texts of a column as numbers; None if one of them is no number.

    Currency and per cent signs are removed (``30%`` is 30), and thousands separators, too. All cells must be
    of one kind: a column of dollars and euros, or of per cent and plain numbers, holds texts. What stands for
    a missing number becomes NaN.

    Parameters
    ----------
    texts : iterable of str
        The texts in the column.
    decimal : str
        The decimal sign.
    sure : bool
        Whether the decimal sign is certain. If not, ``1,234`` alone may be one or a thousand, and stays a
        text.

    Examples
    --------
    >>> numbers_in(["$1,234.50", "-$2"]), numbers_in(["30%", "5%"]), numbers_in(["1.234,50 €"], ",")
    ({'$1,234.50': 1234.5, '-$2': -2.0}, {'30%': 30.0, '5%': 5.0}, {'1.234,50 €': 1234.5})
    >>> numbers_in(["$5", "5 €"]), numbers_in(["1,234"], sure=False)
    (None, None)
    """
    found: dict[str, float] = {}
    bare: dict[str, tuple[str, bool]] = {}
    marks = set[str]()
    for text in texts:
        if text.lower() in MISSING:
            found[text] = math.nan
            continue
        usual = text.translate(EASTERN)
        if usual.isdecimal() or not (match := DRESSED.fullmatch(usual)):
            if (number := number_of(usual, decimal)) is None:
                return None
            found[text] = number
            marks.add("")
            continue
        before, after = match["before"], match["after"]
        if (before and after) or bool(match["left"]) != bool(match["right"]):
            return None
        negative = (match["sign"] == "-") ^ (match["inner"] == "-") ^ bool(match["left"])
        bare[text] = match["bare"].strip(), negative
        marks.add(before or after or "")
    if not bare or len(marks - {""}) > 1 or ("%" in marks and len(marks) > 1):
        return None
    plain = {text for text, _ in bare.values()}
    between = _between(plain, decimal, sure or any(f".{i}" in text for text in plain for i in "0123456789"))
    if between is None:
        return None
    for text, (cell, negative) in bare.items():
        number = number_of(re.sub(between, "", cell) if between else cell, decimal)
        if number is None:
            return None
        found[text] = -number if negative else number
    return found


def mark_of(texts: Iterable[str]) -> str:
    """Return the sign of a currency or of per cent that the numbers of a column have; "" if there is none.

    Examples
    --------
    >>> mark_of(["", "5", "$1,200"]), mark_of(["5%"]), mark_of(["1,200"])
    ('$', '%', '')
    """
    found = (DRESSED.fullmatch(text.translate(EASTERN)) for text in texts)
    return next((mark for match in found if match and (mark := match["before"] or match["after"])), "")


def unit_of(texts: Iterable[str]) -> str | None:
    """Return the unit that stands behind each number of a column; None if there is no such.

    Examples
    --------
    >>> unit_of(["10 kg", "2.5 kg"]), unit_of(["-3°C"]), unit_of(["10 kg", "5 g"]), unit_of(["A1"])
    ('kg', '°C', None, None)
    """
    found = {match["unit"] if (match := UNIT.fullmatch(text)) else None for text in texts}
    return found.pop() if len(found) == 1 else None


def _between(cells: set[str], decimal: str, sure: bool) -> str | None:
    """Return a pattern for the thousands separator, "" if there is none; None if it is unclear."""
    usual = BETWEEN.get(decimal, ",")
    signs = {sign for cell in cells for sign in cell if not sign.isdigit() and sign != decimal}
    if not signs:
        return ""
    blanks = all(sign.isspace() for sign in signs)
    if len(signs) > 1 and not blanks:
        return None
    between = r"\s" if blanks else re.escape(signs.pop())
    groups = rf"[1-9]\d{{0,2}}(?:{between}\d{{3}})+"
    if between == ",":  # in India, those before the last three digits have two: 12,34,567
        groups += r"|[1-9]\d?(?:,\d{2})+,\d{3}"
    grouped = re.compile(rf"(?:{groups})(?:{re.escape(decimal)}\d*)?")
    split = [cell for cell in cells if re.search(between, cell)]
    if all(map(grouped.fullmatch, split)):
        unclear = between == re.escape(usual) and not sure and len(split) == len(cells)
        return None if unclear and not any(len(re.findall(between, cell)) > 1 for cell in split) else between
    return "" if all(number_of(cell, decimal) is not None for cell in cells) else None
