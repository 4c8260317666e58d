"""Dates in texts: which of the usual formats they follow, and how many days they are from 1970."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime

FORMS = {"iso": "year, month, day", "dmy": "day, month, year", "mdy": "month, day, year"}
"""The date formats, and the order of their parts."""
SHAPE = re.compile(
    r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?"
    r"(?: ?([AaPp])\.?[Mm]\.?)?)?(?: ?(?:Z|UTC|GMT))?(?: ?([+-])(\d{1,2})(?::?(\d\d))?)?"
)
"""A date, and perhaps a time of day, and what that is ahead of UTC."""
NAMED = re.compile(
    r"(\d{1,2})(?:er|º)?[-/ .]+(?:de )?([^\W\d_]{3,10})[-/ .,]+(?:de )?"
    r"|([^\W\d_]{3,10})[-/ .]+(\d{1,2})(?:,? +|[-/])"
)
"""The beginning of a date in which the month has its name: a day and a month, or a month and a day."""
NAMES = (
    "january januar januari janvier janv enero ene gennaio gen janeiro jänner",
    "february februar februari février févr fevrier fevr febrero febbraio fevereiro fev",
    "march märz mär mars marzo março maart mrt marts",
    "april avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei maj",
    "june juni juin junio giugno giu junho",
    "july juli juillet juil julio luglio lug julho",
    "august août aout agosto ago augustus augusti",
    "september septembre sept septiembre settembre set setembro",
    "october oktober octobre octubre ottobre ott outubro out okt",
    "november novembre noviembre novembro",
    "december dezember décembre déc decembre diciembre dic dicembre dezembro dez desember des",
)
"""The names of the months in Western languages, and their abbreviations."""
MONTHS = {
    word: number
    for number, names in enumerate(NAMES, 1)
    for english in names.split()[:1]
    for word in (*names.split(), english[:3], english[:4])
}
EASTERN = re.compile(r"(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(?:(\d{1,2}) ?[日일])?")
"""The beginning of a date as it is written in China, Japan and Korea."""
WEEKDAY = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*\.?,? +")
"""A day of the week in front of a date."""
PERIOD = re.compile(r"([12]\d{3})[- ]?(?:([QMW])(\d{1,2}))|Q([1-4])[-/ ]([12]\d{3})")
"""A quarter, month or week of a year, which stands for its first day."""
SPACED = re.compile(r"(?<=\d)\. (?=\d)|(?<=\d)\.$")
"""The points of a date that blanks follow."""
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
    >>> days("1970Q2", "iso"), days("1er févr. 1970", "dmy"), days("1970年1月2日", "iso")
    (90.0, 31.0, 1.0)
    """
    text = text.strip()
    found = SHAPE.fullmatch(text)
    if found is None and (usual := _in_numbers(text, form)) is not None:
        found = SHAPE.fullmatch(usual)
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


def _in_numbers(text: str, form: str) -> str | None:
    """Write a date with its parts as numbers, if it may be one that has another form."""
    if day := WEEKDAY.match(text):
        return _in_numbers(text[day.end() :], form)
    if alone := MONTH.fullmatch(text):
        return f"{text}{alone[1]}1"
    if (period := PERIOD.fullmatch(text)) is not None:
        year, kind, count = period[1] or period[5], period[2] or "Q", int(period[3] or period[4])
        if kind == "W":
            return (
                str(date.fromisocalendar(int(year), count, 1)) if 1 <= count <= 52 + _is_long(year) else None
            )
        return f"{year}-{count if kind == 'M' else 3 * count - 2}-1"
    if (eastern := EASTERN.match(text)) is not None:
        return f"{eastern[1]}-{eastern[2]}-{eastern[3] or 1} {text[eastern.end() :].strip()}".strip()
    if (named := NAMED.match(text)) is not None:
        number = MONTHS.get((named[2] or named[3]).lower())
        if number is None or form != ("dmy" if named[1] else "mdy"):
            return None
        one, two = (named[1], number) if named[1] else (number, named[4])
        return f"{one}/{two}/{text[named.end() :]}"
    return SPACED.sub(lambda point: "." if point[0] == ". " else "", text)


def _is_long(year: str) -> bool:
    """Tell whether a year has 53 weeks."""
    return date(int(year), 12, 28).isocalendar().week == 53


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
