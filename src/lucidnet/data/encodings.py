"""Text that is neither UTF-8 nor Western European: what it may be, in words for the person who can tell."""

from __future__ import annotations

import codecs
import re
from typing import IO, NamedTuple


class Legacy(NamedTuple):
    """An encoding from before UTF-8: its name in Python, and which of its signs are usual.

    `usual` is a pattern for signs; for encodings of two bytes, `leads` has the first bytes of those that make
    up nearly all text in each of them, as they were ordered by how common they are.
    """

    name: str
    usual: re.Pattern[str] | None = None
    leads: frozenset[int] = frozenset()


ACCENTS = re.compile(r"[ß-öø-ÿœ]|(?<!\w)[À-ÖØ-ÞŒ]")
"""Letters of Western words; capital ones begin them."""
LEGACY = (
    Legacy("cp932", leads=frozenset((0x81, 0x82, 0x83, *range(0x88, 0x98)))),
    Legacy("euc_jp", leads=frozenset((0xA1, 0xA3, 0xA4, 0xA5, *range(0xB0, 0xD0)))),
    Legacy("cp949", leads=frozenset((0xA1, 0xA3, *range(0xB0, 0xC9)))),
    Legacy("gb18030", leads=frozenset((0xA1, 0xA3, *range(0xB0, 0xD8)))),
    Legacy("big5", leads=frozenset((0xA1, 0xA2, *range(0xA4, 0xC7)))),
    Legacy("cp1251", re.compile(r"[а-яё]|(?<!\w)[А-ЯЁІ]|[іїєґ№]")),
    Legacy("koi8_r", re.compile(r"[а-яё]|(?<!\w)[А-ЯЁ]")),
    Legacy("cp1253", re.compile(r"[α-ωά-ώ]|(?<!\w)[Α-ΩΆ-Ώ]")),
    Legacy("cp1255", re.compile(r"[א-ת]")),
    Legacy("cp1256", re.compile(r"[ء-ي]")),
    Legacy("cp874", re.compile(r"[ก-๛]")),
    Legacy("cp850", ACCENTS),
    Legacy("mac_roman", ACCENTS),
)
HIGH = re.compile(rb"[\x80-\xff]+")
"""Bytes that are no ASCII."""
UNUSED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
"""Bytes that Windows-1252 has no sign for."""
SYMBOL = re.compile(rb"[\xa1-\xbf]")
"""Bytes that are symbols in Windows-1252, and the first of two in Chinese."""
VARIED = 8
"""The fewest different signs that make text of two bytes each likely."""
BETWEEN = re.compile(r"[\x00-/:-@\[-`{-\x7f]+")
"""What stands between words."""
RUN = 3
"""So many different letters with accents hardly follow each other in a Western word."""
SHOWN, LIKELY = 4, 0.8
"""The most encodings that are offered, and the share of usual signs from which on one is."""


def foreign(begin: bytes, whole: bool, row: int = 0) -> tuple[str, str] | None:
    r"""Return why bytes that are not UTF-8 cannot be Western text, and what to do; None if they can.

    If `row` is given, it is the first that is not UTF-8.

    Examples
    --------
    >>> foreign("größer, à la carte".encode("latin-1"), True)
    >>> foreign("возраст,город".encode("cp1251"), True)[0]
    'is neither UTF-8 nor Western European (Windows-1252) text'
    """
    known = begin.decode("utf-8", "replace")
    right = sum(not sign.isascii() for sign in known.replace("\ufffd", ""))
    wrong = known.count("\ufffd")
    if right > 3 * wrong:
        row = row or known[: known.index("\ufffd")].count("\n") + 1
        return (
            f"row {row} has bytes that are not UTF-8, which the rest is",
            "write it anew, or say how to read it: data.frame(..., encoding='cp1252') (--encoding cp1252)",
        )
    if _is_western(begin, whole):
        return None
    sure = sorted(_likely(begin, whole), key=lambda one: -one[0])[:SHOWN]
    if not sure:
        return "is neither UTF-8 nor Western European (Windows-1252) text", "save it as text in UTF-8"
    read = ", ".join(f"{name} reads {sample!r}" for _, name, sample in sure)
    name = sure[0][1]
    return (
        "is neither UTF-8 nor Western European (Windows-1252) text",
        f"{read}: say which is right, data.frame(..., encoding={name!r}) (--encoding {name})",
    )


def foreign_below(stream: IO[bytes], most: int) -> tuple[str, str] | None:
    """Return what `foreign` does for a file that begins as UTF-8, by about `most` bytes of it."""
    kept, held, row, number = list[bytes](), 0, 0, 0
    while held <= most and (line := stream.readline(most)):
        number += 1
        if line.isascii():
            continue
        try:
            line.decode()
        except UnicodeDecodeError:
            row = row or number
        if row or not held:  # one line tells that it began as UTF-8
            kept.append(line)
            held += len(line)
    return foreign(b"".join(kept), False, row)


def _is_western(begin: bytes, whole: bool) -> bool:
    """Tell whether text that is not UTF-8 may be Windows-1252: letters with accents, here and there."""
    runs = HIGH.findall(begin)
    long = sum(len(run) for run in runs if len(set(run)) >= RUN)
    many = sum(map(len, runs))
    if UNUSED.search(begin) or 2 * long > many:
        return False
    few = 3 * len(SYMBOL.findall(begin)) < many
    return few or not any(_has_words(one, begin, whole) for one in LEGACY if one.leads)


def _read(one: Legacy, begin: bytes, whole: bool) -> tuple[str, list[str], float]:
    """Return bytes as text in an encoding, its signs that are no ASCII, and the share of usual ones."""
    try:
        text = codecs.getincrementaldecoder(one.name)().decode(begin, whole)
    except UnicodeDecodeError:
        return "", [], 0.0
    signs = [sign for sign in text if not sign.isascii()]
    if one.usual is not None:
        usual = len(one.usual.findall(text))
    else:
        usual = sum(sign.encode(one.name)[0] in one.leads for sign in signs)
    return text, signs, usual / max(1, len(signs))


def _has_words(one: Legacy, begin: bytes, whole: bool) -> bool:
    """Tell whether bytes are text of many different signs in an encoding of two bytes."""
    _, signs, share = _read(one, begin, whole)
    return len(set(signs)) >= VARIED and share >= LIKELY


def _likely(begin: bytes, whole: bool) -> list[tuple[float, str, str]]:
    """Return the encodings in which most signs are usual ones: that share, the name, and the first words."""
    made = []
    for one in LEGACY:
        text, signs, share = _read(one, begin, whole)
        if signs and share >= LIKELY:
            words = [word for word in BETWEEN.split(text) if not word.isascii()]
            made.append((round(share, 2), one.name, " ".join(words[:3])[:40]))
    return made


def symbol_within(text: str) -> str | None:
    """Return a word that has a symbol between its letters, as Polish or Czech read as Windows-1252 has.

    Examples
    --------
    >>> symbol_within("Łódź".encode("cp1250").decode("cp1252")), symbol_within("5 m², l·l, 3 ± 1")
    ('£ódŸ', None)
    """
    found = re.search(r"\w*[^\W\d_][¡-§©¬®¯²³¶¸¹¼-¿][^\W\d_]\w*|£[^\W\d_]{3}\w*", text)
    return found and found[0]
