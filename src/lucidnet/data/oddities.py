"""What is odd about a column of texts, and might be inputs if it were written otherwise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from unicodedata import normalize

from ..errors import some
from .dates import form_of, several_forms
from .durations import CLOCK
from .form import THOUSANDS
from .frames import Cells, Frame
from .targets import FEW
from .written import is_text, mark_of, number_of, unit_of

NAMES = frozenset(("na", "nan", "null"))
"""What stands for a missing cell, and may be a name or its abbreviation: North America, Namibia."""
SEVERAL = re.compile(
    r"[\[(]?\s*+[-+]?[\d.]+(?:e[-+]?\d+)?(?:(?:\s*+[,;/:]\s*+|\s++)[-+]?[\d.]+(?:e[-+]?\d+)?)+\s*+[\])]?",
    re.I,
)
"""Several numbers in a cell, as of a pixel each, a place on a map, a blood pressure, or a score."""
LIMITS = "<>≤≥"
UNITS = frozenset(
    ("kg", "g", "mg", "µg", "t", "lb", "lbs", "oz", "st", "km", "m", "cm", "mm", "mi", "ft", "in", "yd",
     "l", "L", "ml", "mL", "dl", "cl", "W", "kW", "MW", "GW", "Wh", "kWh", "MWh", "Hz", "kHz", "MHz", "GHz",
     "B", "kB", "KB", "MB", "GB", "TB", "K", "M", "k", "Bn", "bn", "mn", "°C", "°F", "°K", "km/h", "mph",
     "m/s", "ha", "m²", "km²", "Pa", "hPa", "kPa", "bar", "V", "mV", "A", "mA")
)  # fmt: skip
"""Units of which several stand in a column; others may be parts of codes."""
SEVERAL_ANSWERS = re.compile("[,;|]")
"""What stands between the answers in a cell, where several may be ticked."""
DEGREES = re.compile(
    r"[NSEWO]? ?[+-]?\d{1,3} ?° ?\d{1,2}(?:[.,]\d{1,6})? ?['′’]"
    r"(?: ?\d{1,2}(?:[.,]\d{1,6})? ?(?:[\"″”]|''))? ?[NSEWO]?"
)
"""A place on a map, in degrees, minutes, and perhaps seconds."""
ZONE = re.compile(r" ?\(?([A-Z]{2,5}|[A-Z][a-z]+/[A-Z]\w+)\)?$")
"""The name of a time zone behind a date."""
YES_NO = frozenset(
    ("yes", "no", "y", "n", "true", "false", "t", "f", "on", "off", "ja", "nein", "oui", "non", "si", "sí",
     "x", "1", "0", "1.0", "0.0")
)  # fmt: skip
"""Words and signs for yes and no."""


def odd_texts(cells: Cells, frame: Frame, there: Sequence[str], kinds: Sequence[str]) -> str | None:
    """Say what a column of texts looks like that might be inputs if they were written otherwise."""
    decimal = str(frame.form.get("decimal", "."))
    numbers = sum(number_of(text, decimal) is not None for text in there)
    if 2 * numbers > len(there):
        others = Counter(text for text in there if is_text(text, decimal))
        odd = next(iter(others), "")
        count = sum(others.values())
        if not count:
            return None
        row = (cells.texts or []).index(odd)
        said = ""
        if odd[0] in LIMITS:
            said = ": as the number of that limit they are inputs"
        elif count > 1 and len(others) == 1:
            said = ": if it stands for what is missing, leave the cells empty"
        return (
            f"most cells are numbers, but {count} {'is' if count == 1 else 'are'} not, "
            f"as {cells.text(row)[:40]!r} in row {frame.row(row)}{said}"
        )
    if unit := in_units(kinds):
        return f"{unit}: they are inputs without the unit"
    if all(map(THOUSANDS.fullmatch, kinds)):
        return (
            f"its numbers may have decimal commas, or commas between thousands, as {kinds[0]!r}: without the "
            "latter, or with decimal points, they are inputs"
        )
    if all(map(CLOCK.fullmatch, kinds)):
        return (
            f"its cells are times, as {kinds[0]!r}, of hours or of minutes: with both, as 0:12:05, they are "
            "inputs, in seconds"
        )
    if ways := several_forms(kinds):
        return (
            f"its dates are written in several ways, as {ways[0][:40]!r} and {ways[1][:40]!r}: if all are as "
            "2021-12-31, --dates days makes inputs of them"
        )
    return (
        _odd_kinds(kinds) or _ticked(kinds, there) or in_other_letters(kinds) or _missing_name(cells, frame)
    )


def _odd_kinds(kinds: Sequence[str]) -> str | None:
    """Say that texts are dates with time zones, several numbers, or yes and no, in whatever words."""
    zoned = [text for text in kinds if (zone := ZONE.search(text)) and zone[1] not in ("AM", "PM")]
    if len(zoned) == len(kinds) and form_of(ZONE.sub("", text) for text in kinds):
        return (
            f"its dates have names of time zones, as {kinds[0][:40]!r}: with +01:00 in the place of a name, "
            "or without it, --dates days makes inputs of them"
        )
    if all(map(DEGREES.fullmatch, kinds)):
        return (
            f"its cells are degrees and minutes, as {kinds[0][:40]!r}: as decimal numbers, 52.52, below 0 in "
            "the south and west, they are inputs"
        )
    if all(map(SEVERAL.fullmatch, kinds)):
        first = min(kinds, key=len)
        return f"its cells hold several numbers, as {first[:40]!r}: they are inputs in columns of one each"
    if len(kinds) > 2 and all(text.lower() in YES_NO for text in kinds):
        return f"it says yes and no in {len(kinds)} ways, as {some(map(repr, kinds), 4)}: two would do"
    return None


def _ticked(kinds: Sequence[str], there: Sequence[str]) -> str | None:
    """Say that cells hold several answers of a few, as forms write them where several may be ticked."""
    several = {text for text in kinds if SEVERAL_ANSWERS.search(text)}
    if 4 * sum(text in several for text in there) < len(there) or len(kinds) < 4:
        return None
    answers = sorted({part.strip() for text in kinds for part in SEVERAL_ANSWERS.split(text)})
    if len(answers) > FEW or len(answers) >= len(kinds):
        return None
    return (
        f"its cells hold several answers each, of {len(answers)} "
        f"({some((one[:20] for one in answers), 5)}): with a column for each, with 1 or nothing in it, they "
        "are inputs"
    )


def _missing_name(cells: Cells, frame: Frame) -> str | None:
    """Say that a text counts as missing which may be a name, unless the file marks missing numbers by it."""
    counted = Counter(text for text in cells.missing.values() if text.lower() in NAMES)
    if not counted:
        return None
    word, count = counted.most_common(1)[0]
    if any(word in one.missing.values() for one in frame.cells.values() if one.numbers is not None):
        return None
    return (
        f"{word!r} in {count:,} row{'s' * (count > 1)} counts as missing: if it is the name of something, "
        "write that out"
    )


def in_units(texts: Sequence[str]) -> str | None:
    """Say that texts are numbers with a unit, or with several units, if they are."""
    if unit := unit_of(texts):
        return f"its cells are numbers of {unit}, as {texts[0][:40]!r}"
    first: dict[str, str] = {}
    for text in texts:
        mark = mark_of([text])
        unit = mark or unit_of([text])
        if unit is None or not (mark or unit in UNITS):
            return None
        first.setdefault(unit, text)
    if len(first) < 2:
        return None
    one, other = list(first.values())[:2]
    return f"its cells have several units, as {one[:40]!r} and {other[:40]!r}, to be brought to one"


def in_other_letters(names: Sequence[str]) -> str | None:
    """Say which texts differ in nothing but capital letters, blanks or the width of letters, if some do."""
    first: dict[str, str] = {}
    for name in names:
        plain = " ".join(normalize("NFKC", name).split()).casefold()
        if (same := first.setdefault(plain, name)) != name:
            how = "capital letters" if same.casefold() == name.casefold() else "blanks, or kinds of letters,"
            return f"{same[:40]!r} and {name[:40]!r} differ in {how} alone, and are two"
    return None
