"""Fonts for signs that the current font lacks, such as those of Chinese and Japanese names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from matplotlib.font_manager import FontEntry, FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font

NO_LETTERS = ("Last Resort", "Emoji", "Color")
"""Words in the names of fonts that matplotlib cannot draw, or that hold placeholders."""


def with_substitutes(words: str, families: Sequence[str]) -> list[str] | None:
    """Return font families, the given ones first, that have all signs of a text; None if no more are needed.

    Parameters
    ----------
    words : str
    families : sequence of str
        The families that are used now.
    """
    if words.isascii():
        return None
    missing = {ord(sign) for sign in words if not sign.isspace()}
    for family in families:
        missing -= _held(findfont(FontProperties(family=[family])), frozenset(missing))
    found = _substitutes(frozenset(missing)) if missing else ()
    return [*families, *found] if found else None


@cache
def _substitutes(missing: frozenset[int]) -> tuple[str, ...]:
    """Return installed fonts that have as many of the characters as any have, the fewest possible."""
    found: list[str] = []
    for entry in _usable(fontManager.ttflist):
        if held := _held(entry.fname, missing):
            found.append(entry.name)
            missing -= held
            if not missing:
                break
    return tuple(found)


def _usable(fonts: Iterable[FontEntry]) -> list[FontEntry]:
    """Return the fonts that can be drawn, upright ones of ordinary weight first."""
    chosen = [font for font in fonts if not any(word in font.name for word in NO_LETTERS)]
    return sorted(
        chosen, key=lambda font: (font.style != "normal", font.weight not in (400, "normal", "regular"))
    )


@cache
def _held(path: str, characters: frozenset[int]) -> frozenset[int]:
    """Return those of the characters that a font has; none if it cannot be read or drawn."""
    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):
        return frozenset()
    return frozenset(code for code in characters if font.scalable and font.get_char_index(code))
