"""Dates in texts: which of the usual formats they follow, and how many days they are from 1970."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

FORMS = {"iso": "year, month, day", "dmy": "day, month, year", "mdy": "month, day, year"}
"""The date formats, and the order of their parts."""
SHAPE = re.compile(
    r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?"
    r"(?: ?([AaPp])\.?[Mm]\.?)?)?(?: ?(?:Z|UTC)|([+-])(\d\d)(?::?(\d\d))?)?"
)
"""A date, and perhaps a time of day, and what that is ahead of UTC."""
NAMED = re.compile(r"(\d{1,2})[-/ .]+([A-Za-z]{3,9})[-/ .,]+|([A-Za-z]{3,9})[-/ .]+(\d{1,2})(?:,? +|[-/])")
"""The beginning of a date in which the month has its name: a day and a month, or a month and a day."""
MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october"),
    *("november", "december"),
)
MONTH = re.compile(r"\d{4}([-/])\d{1,2}")
"""A month, which stands for its first day."""


def form_of(texts: Iterable[str]) -> str | None:
    """Detect how the dates of a column are written; None if not all cells are dates, or there are none.

    Where day and month cannot be told apart (``03/04/2021`` throughout), the answer is ``"?"``.

    Examples
    --------
    >>> form_of(["2021-03-04", "2021-12-31"]), form_of(["31.12.2021"]), form_of(["03/04/2021"])
    ('iso', 'dmy', '?')
    """
    possible = set(FORMS)
    for text in texts:
        possible = {form for form in possible if days(text, form) is not None}
        if not possible:
            return None
    if "iso" in possible and len(possible) > 1:  # nothing was looked at
        return None
    return possible.pop() if len(possible) == 1 else "?"


def several_forms(texts: Sequence[str]) -> tuple[str, str] | None:
    """Return two dates that are not written in one way, if most texts of a column are dates; else None.

    Examples
    --------
    >>> several_forms(["2021-03-04", "31.12.2021"]), several_forms(["2021-03-04", "2021-03-05"])
    (('2021-03-04', '31.12.2021'), None)
    """
    ways = {text: {form for form in FORMS if days(text, form) is not None} for text in texts}
    known = [text for text in texts if ways[text]]
    if 2 * len(known) <= len(texts):
        return None
    other = next((text for text in texts if not ways[known[0]] & ways[text]), None)
    return None if other is None else (known[0], other)


def days(text: str, form: str) -> float | None:
    """Return a date as days after 1970-01-01, with the time of day as a fraction; None if it is no date.

    A time zone is taken into account where it is written in hours: ``+02:00``.

    Examples
    --------
    >>> days("1970-01-02 12:00", "iso"), days("02.01.1970", "dmy"), days("soon", "iso")
    (1.5, 1.0, None)
    >>> days("1970-01-02T02:00+02:00", "iso")
    1.0
    >>> days("1970-02", "iso"), days("1-Feb-1970", "dmy"), days("Jan 2, 1970 06:00 PM", "mdy")
    (31.0, 31.0, 1.75)
    """
    text = text.strip()
    if alone := MONTH.fullmatch(text):
        text += f"{alone[1]}1"
    if (named := NAMED.match(text)) is not None:
        if form != ("dmy" if named[1] else "mdy") or (number := _month(named[2] or named[3])) is None:
            return None
        one, two = (named[1], number) if named[1] else (number, named[4])
        text = f"{one}/{two}/{text[named.end() :]}"
    found = SHAPE.fullmatch(text)
    if not found or form not in FORMS or (form == "mdy" and found[2] == "."):  # nobody writes them like that
        return None
    if found[10] and not found[11] and not found[5]:  # "+02" follows times alone
        return None
    one, two, three = found[1], found[3], found[4]
    if form == "iso":
        year, month, day = one, two, three
    else:
        year, (day, month) = three, (one, two) if form == "dmy" else (two, one)
    if len(year) not in (2, 4) or (len(year) == 2 and form == "iso"):
        return None
    full = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < 69 else 1900)
    try:
        hour, minute, second = (int(part or 0) for part in found.group(5, 6, 7))
        if found[8] is not None:  # of two times twelve hours, which begin with 12
            hour = (hour % 12 if 1 <= hour <= 12 else 24) + 12 * (found[8] in "Pp")
        moment = datetime(full, int(month), int(day), hour, minute, second, tzinfo=UTC)
    except ValueError:  # there is no such day
        return None
    ahead = 0 if found[9] is None else int(f"{found[9]}1") * (60 * int(found[10]) + int(found[11] or 0))
    return ((moment - EPOCH).total_seconds() - 60 * ahead) / 86400


def _month(name: str) -> int | None:
    """Return the number of a month, from its name or the first letters of that."""
    given = name.lower()
    found = (i for i, month in enumerate(MONTHS, 1) if given in (month, month[:3], month[:4]))
    return next(found, None)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
