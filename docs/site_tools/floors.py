"""Draw the floors of the package: `python docs/site_tools/floors.py`, into `_static/floors.svg`.

They are taken from the contracts in `pyproject.toml`, which import-linter holds; a test holds the drawing.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent
DRAWING = DOCS / "_static" / "floors.svg"
HEIGHT, GAP, WIDTH, MARGIN, LETTER = 30, 10, 760, 20, 8.2
INK, PAPER, BOX, MARKED, AGAINST = "#1f2328", "#ffffff", "#e8f0f8", "#fbe3d0", "#a3520a"


def contracts() -> dict[str, Any]:
    """Return the contracts of import-linter, by their ids."""
    settings = tomllib.loads((DOCS.parent / "pyproject.toml").read_text("utf-8"))
    return {one["id"]: one for one in settings["tool"]["importlinter"]["contracts"]}


def drawing(found: dict[str, Any]) -> str:
    """Return the drawing as SVG: a row for each floor; where JAX may be imported is marked."""
    rows = [row.split(" | ") for row in found["floors"]["layers"]]
    jax = {one.split(" -> ")[0].split(".")[1] for one in found["jax"]["ignore_imports"]}
    places: dict[str, tuple[float, float, float]] = {}
    shapes: list[str] = []
    for number, row in enumerate(rows):
        top = MARGIN + number * (HEIGHT + GAP)
        widths = [LETTER * len(name) + 34 for name in row]
        left = (WIDTH - sum(widths) - GAP * (len(row) - 1)) / 2
        for name, width in zip(row, widths, strict=True):
            places[name] = left, top, width
            shapes += box(name, left, top, width, MARKED if name in jax else BOX)
            left += width + GAP
    against = [one.split(" -> ") for one in found["floors"]["ignore_imports"]]
    edges = dict.fromkeys((above.split(".")[1], below.split(".")[1]) for above, below in against)
    shapes += [edge(places[above], places[below]) for above, below in edges]
    bottom = MARGIN + len(rows) * (HEIGHT + GAP)
    legend = [
        ("what stands on a floor imports only from the floors below it, not from its neighbours", INK),
        (f"JAX is imported in {' and '.join(sorted(jax))} only", AGAINST),
        *([("dashed: imports against the floors that are still there", AGAINST)] if edges else []),
    ]
    for number, (words, color) in enumerate(legend):
        shapes.append(text(words, WIDTH / 2, bottom + 14 + 20 * number, color, 13))
    height = bottom + 20 * len(legend) + MARGIN / 2
    shapes += [
        f'<path d="M 24 {MARGIN} V {bottom - GAP - 8}" stroke="{INK}" fill="none"/>',
        f'<path d="M 18 {bottom - GAP - 12} L 24 {bottom - GAP} L 30 {bottom - GAP - 12} Z" fill="{INK}"/>',
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
            'font-family="system-ui, sans-serif" role="img">',
            "<title>The floors of lucidnet, from the top</title>",
            f'<rect width="{WIDTH}" height="{height:g}" fill="{PAPER}"/>',
            *shapes,
            "</svg>\n",
        ]
    )


def box(name: str, left: float, top: float, width: float, color: str) -> list[str]:
    """Return a box with a name."""
    frame = f'x="{left:g}" y="{top:g}" width="{width:g}" height="{HEIGHT}" rx="5"'
    return [
        f'<rect {frame} fill="{color}" stroke="{INK}"/>',
        text(name, left + width / 2, top + HEIGHT / 2 + 5, INK, 14),
    ]


def text(words: str, x: float, y: float, color: str, size: int) -> str:
    """Return words around a place."""
    return f'<text x="{x:g}" y="{y:g}" fill="{color}" font-size="{size}" text-anchor="middle">{words}</text>'


def edge(above: tuple[float, float, float], below: tuple[float, float, float]) -> str:
    """Return a dashed line between the right sides of two boxes, outside of what lies between."""
    starts, ends = ((left + width, top + HEIGHT / 2) for left, top, width in (above, below))
    out = WIDTH - 60
    way = f"M {starts[0]:g} {starts[1]:g} C {out} {starts[1]:g} {out} {ends[1]:g} {ends[0]:g} {ends[1]:g}"
    return f'<path d="{way}" stroke="{AGAINST}" stroke-dasharray="5 4" fill="none"/>'


if __name__ == "__main__":
    DRAWING.write_text(drawing(contracts()), encoding="utf-8")
