"""HTML pieces for notebooks, and whole pages: self-contained, and fit for light and dark themes.

Text and lines take the colour of the page around them, be it light or dark; colours of their own (`SERIES`)
are visible on both. The class name of a piece is derived from its style sheet, so that it clashes neither
with the styles of a page nor with those of another version; nothing has an id.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

SERIES = ("#2f7fc1", "#d9731a", "#2e9e6b", "#a86bc9", "#c2517a", "#8a8a3c")
"""Colours of curves, each with a contrast of at least 3 to white and to nearly black pages."""

STYLE = """
.NAME.NAME{font:14px/1.45 system-ui,sans-serif;color:inherit;background:transparent;max-width:100%;
  overflow-x:auto;margin:.3em 0}
.NAME.NAME h3,.NAME.NAME h4{font:600 1em/1.4 system-ui,sans-serif;color:inherit;margin:.7em 0 .25em;
  padding:0;border:0}
.NAME.NAME h3:first-child{margin-top:0}
.NAME.NAME p{margin:.15em 0;color:inherit;overflow-wrap:anywhere}
.NAME.NAME table{border-collapse:collapse;margin:.3em 0 .6em;width:auto;max-width:none;font-size:.93em;
  color:inherit;background:transparent;border:0;table-layout:auto;display:table}
.NAME.NAME tr,.NAME.NAME tbody tr:nth-child(n),.NAME.NAME tbody tr:hover{background:transparent;
  border:0}
.NAME.NAME th,.NAME.NAME td{padding:.15em .75em;border:0;border-bottom:1px solid rgba(128,128,128,.28);
  text-align:left;vertical-align:top;white-space:nowrap;color:inherit;background:transparent;
  font-weight:400;max-width:none}
.NAME.NAME th{font-weight:600;border-bottom:1px solid rgba(128,128,128,.7)}
.NAME.NAME .n{text-align:right;font-variant-numeric:tabular-nums}
.NAME.NAME .v{text-align:right;white-space:normal;font-variant-numeric:tabular-nums}
.NAME.NAME .m{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.93em}
.NAME.NAME .w{white-space:normal;min-width:14em;overflow-wrap:anywhere}
.NAME.NAME .q{opacity:.72}
.NAME.NAME sub,.NAME.NAME sup{line-height:0;font-size:.75em}
.NAME.NAME .plain td{border:0;padding:.1em .5em}
.NAME.NAME .bad{font-weight:600;text-decoration:underline 2px #d9731a;text-underline-offset:.2em}
.NAME.NAME pre{font:13px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;color:inherit;
  background:transparent;border:0;margin:.2em 0;padding:0;white-space:pre;overflow-x:auto}
.NAME.NAME figure{display:inline-block;margin:.2em 1em .4em 0;padding:0;width:17em;max-width:100%;
  vertical-align:top}
.NAME.NAME figcaption{font-size:.86em;color:inherit;text-align:left}
.NAME.NAME svg{display:block;width:100%;height:auto;max-width:100%;background:transparent;
  overflow:visible}
.NAME.NAME summary{cursor:pointer}
.NAME.NAME .bar{display:inline-block;width:9em;max-width:40%;height:.62em;border-radius:.31em;
  background:rgba(128,128,128,.3);overflow:hidden;vertical-align:middle}
.NAME.NAME .bar b{display:block;height:100%;background:#2f7fc1}
@media (max-width:30em){.NAME.NAME th,.NAME.NAME td{padding:.15em .4em}
  .NAME.NAME .w{min-width:7em}.NAME.NAME .bad{white-space:normal}}
@media print{.NAME.NAME{overflow:visible}}
"""

NO_FORMULAS = "tex2jax_ignore mathjax_ignore"
"""The classes of elements that MathJax passes over, in its versions 2 and 3."""

MOST_ROWS = 30
"""The most rows of a table that are shown; rows in the middle of a longer one are left out."""

LEFT, RIGHT, TOP, BOTTOM = 46, 252, 6, 92
"""The edges of a curve's picture, which is 258 wide and 112 high."""

POINTS = 240
"""The most points of a curve that are drawn; of a longer one the extremes of each stretch."""


@cache
def style() -> tuple[str, str]:
    """Return the CSS class of all HTML pieces, and the style sheet."""
    from zlib import crc32

    name = f"lucidnet-{crc32(STYLE.encode()):08x}"
    return name, "".join(line.strip() for line in STYLE.replace("NAME", name).splitlines())


def fragment(*parts: str) -> str:
    """Return parts as one piece of HTML that carries its own styles; dollars in it are no formulas.

    Notebooks would else set what stands between two, as in names of columns, by MathJax.
    """
    name, sheet = style()
    return f'<div class="{name} {NO_FORMULAS}"><style>{sheet}</style>{"".join(parts)}</div>'


def whole(title: str, body: str) -> str:
    """Return a complete HTML page that follows the reader's light or dark mode and the screen's width."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title>"
        "<style>:root{color-scheme:light dark}body{margin:1.2em auto;padding:0 1em;max-width:72em;"
        "background:Canvas;color:CanvasText}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )


def escaped(text: Any) -> str:
    """Escape a text for HTML."""
    written = str.__str__(text) if isinstance(text, str) else str(text)
    for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        written = written.replace(sign, name)
    return written.encode("utf-8", "backslashreplace").decode()  # lone surrogates are no text


def heading(text: str) -> str:
    """Return a heading as HTML."""
    return f"<h3>{escaped(text)}</h3>"


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph, of a class such as ``"q"`` (quiet) if one is given."""
    return f'<p class="{kind}">{escaped(text)}</p>' if kind else f"<p>{escaped(text)}</p>"


def preformatted(text: str) -> str:
    """Return a text as it stands, in letters of one width."""
    return f"<pre>{escaped(text)}</pre>"


def table(
    titles: Sequence[str], rows: Sequence[Sequence[Any]], kinds: Mapping[int, str] | None = None
) -> str:
    """Return a table as HTML, with its titles above.

    Parameters
    ----------
    titles : sequence of str
        The column titles; none for a table without titles.
    rows : sequence of sequences
        The cells. The middle of a long table is left out, and the page says so.
    kinds : mapping of int to str
        The classes of columns: ``"n"`` numbers, ``"v"`` numbers with their errors, which may wrap, ``"m"``
        letters of one width, ``"w"`` words that may wrap.
    """
    kinds = kinds or {}

    def line(cells: Sequence[Any], tag: str) -> str:
        made = []
        for i, cell in enumerate(cells):
            given = kinds.get(i) if tag == "td" or kinds.get(i) in ("n", "v") else None
            kind = f' class="{given}"' if given else ""
            made.append(f"<{tag}{kind}>{escaped(cell)}</{tag}>")
        return f"<tr>{''.join(made)}</tr>"

    left = len(rows) - MOST_ROWS
    shown = [line(row, "td") for row in (rows if left <= 0 else [*rows[:20], *rows[-10:]])]
    if left > 0:
        width = max(len(titles), len(rows[0]))
        shown.insert(20, f'<tr><td class="q" colspan="{width}">... {left:,} rows more ...</td></tr>')
    head = f"<thead>{line(titles, 'th')}</thead>" if titles else ""
    return f"<table>{head}<tbody>{''.join(shown)}</tbody></table>"


def curves(
    title: str,
    series: Mapping[str, Sequence[Any]],
    xs: Sequence[float] | None = None,
    *,
    mark: float | None = None,
    log: bool = False,
    across: str = "epoch",
) -> str:
    """Return a small picture of curves (SVG), its axes from the least to the largest finite number.

    Parameters
    ----------
    title : str
        The quantity.
    series : mapping of str to numbers
        The curves by name; values that are not finite leave a gap.
    xs : numbers, optional
        The positions of the values, from left to right; 1, 2, ... if not given.
    mark : float, optional
        A place on the axis to mark with a line.
    log : bool
        Whether places are drawn by their logarithms.
    across : str
        The name of the horizontal axis.
    """
    lines = {name: _points(values, xs, log) for name, values in series.items()}
    shown = [point for points in lines.values() for point in points if math.isfinite(point[1])]
    if not shown:
        return f"<figure><figcaption>{escaped(title)}: nothing finite to draw</figcaption></figure>"
    (left, right), (low, high) = _range(x for x, _ in shown), _range(y for _, y in shown)
    drawn = [
        _frame(left, right, low, high, log, across),
        *(
            _path(points, (left, right, low, high), SERIES[i % len(SERIES)])
            for i, points in enumerate(lines.values())
        ),
    ]
    if mark is not None and math.isfinite(mark):
        x = _place(math.log10(mark) if log else mark, left, right, LEFT, RIGHT)
        drawn.append(f'<path d="M{x} {TOP}V{BOTTOM}" stroke="currentColor" stroke-dasharray="3 3"/>')
    names = [_key(name, SERIES[i % len(SERIES)]) for i, name in enumerate(lines)]
    caption = " &ensp;".join(names) if len(names) > 1 else escaped(next(iter(lines)))
    said = f"{title}: from {_text(low)} to {_text(high)}"
    return (
        f"<figure><figcaption>{caption}</figcaption>"
        f'<svg viewBox="0 0 258 112" role="img" aria-label="{escaped(said)}">{"".join(drawn)}</svg></figure>'
    )


def grid(rows: Sequence[Sequence[float]], title: str) -> str:
    """Return a small picture of a matrix (SVG): the larger a number, the stronger its square."""
    numbers = [_number(value) for row in rows for value in row]
    largest = max((value for value in numbers if math.isfinite(value)), default=0.0) or 1.0
    width = max(map(len, rows))
    squares = (
        f'<rect x="{x}" y="{y}" width="1" height="1" fill-opacity="{max(0.0, value / largest):.2f}"/>'
        for y, row in enumerate(rows)
        for x, value in enumerate(map(_number, row))
        if math.isfinite(value)
    )
    said, look = escaped(f"{title}, {largest:.3g}"), f'shape-rendering="crispEdges" fill="{SERIES[0]}"'
    return (
        f'<figure><figcaption>{said}</figcaption><svg viewBox="0 0 {width} {len(rows)}" role="img" '
        f'aria-label="{said}" {look}>{"".join(squares)}</svg></figure>'
    )


def _key(name: str, colour: str) -> str:
    return f'<span style="white-space:nowrap"><b style="color:{colour}">&#9473;</b> {escaped(name)}</span>'


def _points(values: Sequence[Any], xs: Sequence[float] | None, log: bool) -> list[tuple[float, float]]:
    """Return the points of a curve, few enough to be drawn."""
    places = np.arange(1.0, len(values) + 1) if xs is None else np.asarray(xs, float)
    numbers = _as_numbers(values)[: len(places)]
    chosen = _few(numbers)
    return list(
        zip((np.log10(places) if log else places)[chosen].tolist(), numbers[chosen].tolist(), strict=True)
    )


def _few(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return the indices of the points to draw: of many, the minimum and maximum of each stretch."""
    if len(numbers) <= POINTS:
        return np.arange(len(numbers))
    stretches = np.array_split(np.where(np.isfinite(numbers), numbers, np.nan), POINTS // 2)
    chosen, start = set[int](), 0
    for stretch in stretches:
        known = np.isfinite(stretch)
        ends = (np.nanargmin(stretch), np.nanargmax(stretch)) if known.any() else (0,)
        chosen.update(start + int(end) for end in ends)
        start += len(stretch)
    return np.array(sorted(chosen))


def _as_numbers(values: Sequence[Any]) -> NDArray[Any]:
    try:
        return np.asarray(values, float).reshape(len(values))
    except (TypeError, ValueError):  # a metric may be an array
        return np.array([_number(value) for value in values])


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):  # a metric may be an array
        return math.nan


def _range(numbers: Iterable[float]) -> tuple[float, float]:
    """Return the limits of an axis for some numbers; they always differ."""
    some = list(numbers)
    low, high = min(some), max(some)
    return (low, high) if high > low else (low - (abs(low) / 10 or 0.5), high + (abs(high) / 10 or 0.5))


def _place(value: float, low: float, high: float, start: float, stop: float) -> float:
    # Halves: the difference of the largest numbers is not finite.
    return round(start + (value / 2 - low / 2) / (high / 2 - low / 2) * (stop - start), 1)


def _frame(left: float, right: float, low: float, high: float, log: bool, across: str) -> str:
    """Return the axes as SVG, labelled at their ends."""
    first, last = (_text(10**x) if log else f"{x:,.0f}" for x in (left, right))
    axes = f'<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
    words = [
        (LEFT - 4, TOP + 6, "end", _text(high)),
        (LEFT - 4, BOTTOM, "end", _text(low)),
        (LEFT, BOTTOM + 14, "start", first),
        ((LEFT + RIGHT) // 2, BOTTOM + 14, "middle", escaped(across)),
        (RIGHT, BOTTOM + 14, "end", last),
    ]
    texts = (f'<text x="{x}" y="{y}" text-anchor="{side}">{word}</text>' for x, y, side, word in words)
    font = 'font-size="10" font-family="system-ui,sans-serif" fill="currentColor"'
    return f"{axes}<g {font}>{''.join(texts)}</g>"


def _path(points: list[tuple[float, float]], ends: tuple[float, float, float, float], colour: str) -> str:
    """Draw a curve, with a gap where a number is not finite; single points as dots."""
    left, right, low, high = ends
    pieces: list[list[str]] = [[]]
    for x, y in points:
        if not math.isfinite(y):
            pieces.append([])
            continue
        pieces[-1].append(f"{_place(x, left, right, LEFT, RIGHT)} {_place(y, low, high, BOTTOM, TOP)}")
    lines = "".join(f"M{'L'.join(piece)}" for piece in pieces if len(piece) > 1)
    dots = "".join(f"M{piece[0]}h.01" for piece in pieces if len(piece) == 1)
    drawn = f'<path d="{lines}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-linejoin="round"/>'
    return (drawn if lines else "") + (
        f'<path d="{dots}" fill="none" stroke="{colour}" stroke-width="5" stroke-linecap="round"/>'
        if dots
        else ""
    )


def _text(value: float) -> str:
    """Write a number at the end of an axis."""
    return f"{value:.3g}"
