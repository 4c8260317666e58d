"""Durations and times of day in texts, as seconds: ``01:23:45``, ``1h 20m``, ``PT90S``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from . import dates
from .written import MISSING

FULL, HOURS, MINUTES = "h:m:s", "h:m", "m:s"
"""How durations are written: such that a cell alone can be read; or all of hours and minutes, ``08:30``; or
some of minutes and seconds, ``45:10``, where others have hours, or fractions of a second."""
WAYS = frozenset((FULL, HOURS, MINUTES))
CLOCK = re.compile(
    r"(?P<sign>[+-])?(?:(?P<days>\d{1,6})\s*(?:d|days?)\s*,?\s*\+?)?"
    r"(?P<first>\d{1,5})"
    r"(?::(?P<second>[0-5]\d)(?::(?P<third>[0-5]\d))?(?P<part>[.,]\d{1,9})?|(?=\s?[AaPp]))"
    r"(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
"""A time as clocks show it, perhaps with days in front; before AM and PM hours may stand alone."""
DOTTED = re.compile(r"(?:[01]?\d|2[0-3])\.[0-5]\d\.[0-5]\d")
"""The same with points, as in Italy and Finland, unless it is a date."""
HOUR_OF_TWO = re.compile(r"\d\d\.")
"""An hour of two digits, which a column of times with points has, and one of versions hardly."""
ISO = re.compile(
    r"(?P<sign>[+-])?P(?=\d|T\d)(?:(?P<d>\d+)D)?"
    r"(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:[.,]\d+)?)S)?)?"
)
"""A duration of ISO 8601."""
PART = r"(\d+(?:[.,]\d+)?)\s*([^\W\d_]+)\.?"
PARTS = re.compile(rf"(?P<sign>[+-]\s*)?(?P<parts>{PART}(?:(?:\s*,)?\s*(?:(?:and|und|et|y|e)\s)?\s*{PART})*)")
"""Numbers, each with a unit of time."""
SHORT = re.compile(r"(\d+)\s*[hH]\s*([0-5]\d)")
"""Hours and minutes as in French: ``1h20``."""
LENGTHS = {
    word: length
    for length, words in (
        (86400.0, "d day days tag tage tagen jour jours día días dia dias giorno giorni"),
        (3600.0, "h hr hrs hour hours std stunde stunden heure heures hora horas ora ore"),
        (60.0, "m min mins minute minutes minuten minuto minutos minuti"),
        (1.0, "s sec secs second seconds sek sekunde sekunden seconde secondes segundo segundos secondi"),
        (0.001, "ms msec millisecond milliseconds"),
    )
    for word in words.split()
}
"""The lengths of units of time in seconds; months and years have none."""
LONGEST = 60
"""No duration is written in more signs."""
UNCLEAR = {"m", "d"}
"""Units that may be others if none of time stands in any cell: meters, dimensions."""


def seconds_in(texts: Iterable[str], way: str = "") -> tuple[dict[str, float], str] | None:
    """Return the seconds of a column's distinct texts, and how they are written; None if one is no duration.

    Where ``12:05`` may be hours or minutes, because other cells have both, the answer is None, unless one of
    those without hours is more than a day, or has a fraction. `way` is that of a column that is known, of
    which these are other cells: they are durations, then, in whatever units, and those without hours of
    minutes if some there were.

    Examples
    --------
    >>> seconds_in(["01:23:45", "1h 20m"]), seconds_in(["08:30"])
    (({'01:23:45': 5025.0, '1h 20m': 4800.0}, 'h:m:s'), ({'08:30': 30600.0}, 'h:m'))
    >>> seconds_in(["45:10", "1:02:03"])
    ({'45:10': 2710.0, '1:02:03': 3723.0}, 'm:s')
    >>> seconds_in(["12:05", "1:02:03"]), seconds_in(["5 m"]), seconds_in(["5 m", "1 h"])
    (None, None, ({'5 m': 300.0, '1 h': 3600.0}, 'h:m:s'))
    """
    found: dict[str, float] = {}
    ways: dict[str, list[str]] = {}
    for text in texts:
        if text.lower() in MISSING:
            found[text] = math.nan
        elif (read := _read(text)) is None:
            return None
        else:
            found[text] = read[0]
            ways.setdefault(read[1], []).append(text)
    if not ways or (not way and ways.keys() == {""}):  # nothing, or units that are unclear
        return None
    dotted = list(filter(DOTTED.fullmatch, found))
    if dotted and not way and (dates.form_of(found) or not any(map(HOUR_OF_TWO.match, dotted))):
        return None
    short = ways.get(HOURS, [])
    if way != MINUTES and not short:
        return found, MINUTES if MINUTES in ways else FULL
    if way != MINUTES and len(ways) == 1:
        return found, HOURS
    if MINUTES not in (way, *ways) and max(abs(found[text]) for text in short) < 86400:
        return None
    return found | {text: found[text] / 60 for text in short}, MINUTES


def _read(text: str) -> tuple[float, str] | None:
    """Return the seconds of a text, and how it is written, "" if its unit is unclear; None if it is none."""
    if len(text) > LONGEST:
        return None
    if clock := CLOCK.fullmatch(text.replace(".", ":") if DOTTED.fullmatch(text) else text):
        return _of_clock(clock)
    if iso := ISO.fullmatch(text):
        total = sum(float((iso[name] or "0").replace(",", ".")) * LENGTHS[name] for name in "dhms")
        return (-total if iso["sign"] == "-" else total), FULL
    if short := SHORT.fullmatch(text):
        return 3600.0 * int(short[1]) + 60.0 * int(short[2]), FULL
    if not (words := PARTS.fullmatch(text)):
        return None
    parts = [(float(count.replace(",", ".")), unit) for count, unit in re.findall(PART, words["parts"])]
    units = [unit if len(unit) < 3 else unit.lower() for _, unit in parts]
    if not all(unit in LENGTHS for unit in units):
        return None
    lengths = [LENGTHS[unit] for unit in units]
    if lengths != sorted(set(lengths), reverse=True):
        return None
    total = sum(count * length for (count, _), length in zip(parts, lengths, strict=True))
    clear = len(units) > 1 or units[0] not in UNCLEAR
    return (-total if words["sign"] and words["sign"][0] == "-" else total), FULL if clear else ""


def _of_clock(clock: re.Match[str]) -> tuple[float, str] | None:
    first, second, part = (
        int(clock["first"]),
        int(clock["second"] or 0),
        float((clock["part"] or "0").replace(",", ".")),
    )
    third, half, days = clock["third"], clock["half"], clock["days"]
    if (days and first > 23) or (half and not 1 <= first <= 12) or (days and half):
        return None
    if half:
        first = first % 12 + 12 * (half in "Pp")
    if third is None and clock["part"]:
        total, way = 60 * first + second + part, MINUTES
    else:
        total = 3600 * first + 60 * second + int(third or 0) + part
        way = FULL if third or half or days else HOURS
    negative = clock["sign"] == "-"
    if days:  # whose sign is theirs alone, as programs write it: -1 days +23:59:50
        return (-1 if negative else 1) * 86400.0 * int(days) + total, way
    return (-total if negative else float(total)), way
