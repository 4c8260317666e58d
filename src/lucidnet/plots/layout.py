"""Where the boxes of a network are drawn: in rows in data order, or side by side for wide networks.

The method of layers (Sugiyama, Tagawa & Toda 1981, "Methods for visual understanding of hierarchical system
structures"): a box stands below all that it gets its input from; a line that passes rows has a place in each
of them; the order in a row is that of the means of the neighbours' places.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

SWEEPS = 8
GAP = 0.3
"""The space between the boxes of a row, in inches."""
LANE = 0.25
"""The width of a passing line in inches."""


class Spot(NamedTuple):
    """The centre of a box, in inches from the upper left corner, and the column that it is in."""

    x: float
    y: float
    column: int


@dataclass
class NetworkRows:
    """The rows of a network's picture: boxes, and lines that pass a row, numbered after the boxes."""

    rows: list[list[int]]
    widths: list[float]
    links: list[tuple[int, int]]
    """The lines from one row to the next."""
    routes: dict[tuple[int, int], list[int]]
    """For each edge all the places it passes, including both ends."""


def ranked(count: int, edges: list[tuple[int, int]]) -> list[int]:
    """Return the row of each box: below all its sources; inputs just above their first use."""
    ranks = [0] * count
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        ranks[target] = max(ranks[target], ranks[source] + 1)
    fed = {target for _, target in edges}
    for box in range(count):
        needed = [ranks[target] for source, target in edges if source == box]
        if box not in fed and needed:
            ranks[box] = min(needed) - 1
    return ranks


def in_rows(widths: list[float], edges: list[tuple[int, int]]) -> NetworkRows:
    """Arrange boxes, and the lines that pass between them, in rows with few crossings."""
    ranks = ranked(len(widths), edges)
    rows: list[list[int]] = [[] for _ in range(max(ranks) + 1)]
    for box, rank in enumerate(ranks):
        rows[rank].append(box)
    made = NetworkRows(rows, list(widths), [], {})
    for source, target in edges:
        way = [source]
        for rank in range(ranks[source] + 1, ranks[target]):
            made.widths.append(LANE)
            way.append(len(made.widths) - 1)
            rows[rank].append(way[-1])
        way.append(target)
        made.routes[source, target] = way
        made.links += pairwise(way)
    if any(len(row) > 1 for row in rows):
        _order(made)
    return made


def _order(made: NetworkRows) -> None:
    up, down = _neighbours(made)
    for sweep in range(SWEEPS):
        near, rows = (up, made.rows[1:]) if sweep % 2 == 0 else (down, made.rows[-2::-1])
        for row in rows:
            place = {item: k for other in made.rows for k, item in enumerate(other)}
            row.sort(key=lambda item: _mean([place[o] for o in near.get(item, [])], place[item]))


def _neighbours(made: NetworkRows) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    up: dict[int, list[int]] = {}
    down: dict[int, list[int]] = {}
    for source, target in made.links:
        up.setdefault(target, []).append(source)
        down.setdefault(source, []).append(target)
    return up, down


def _mean(values: list[float] | list[int], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def across(made: NetworkRows, gap: float = GAP) -> dict[int, float]:
    """Return the horizontal centre of each box and passing line, in inches from the left edge."""
    x: dict[int, float] = {}
    for row in made.rows:
        left = -sum(made.widths[item] + gap for item in row) / 2
        for item in row:
            x[item] = left + (made.widths[item] + gap) / 2
            left += made.widths[item] + gap
    up, down = _neighbours(made)
    for sweep in range(SWEEPS if any(len(row) > 1 for row in made.rows) else 0):
        near = (up, down)[sweep % 2]
        for row in made.rows[:: 1 if sweep % 2 == 0 else -1]:
            wish = [_mean([x[other] for other in near.get(item, [])], x[item]) for item in row]
            for item, place in zip(row, _apart(wish, [made.widths[item] for item in row], gap), strict=True):
                x[item] = place
    left = min(x[item] - made.widths[item] / 2 for item in x)
    return {item: place - left for item, place in x.items()}


def _apart(wish: list[float], widths: list[float], gap: float = GAP) -> list[float]:
    """Return positions in the given order that do not overlap, close to the wished ones.

    Examples
    --------
    >>> _apart([0.0, 0.0], [1.0, 1.0])
    [-0.65, 0.65]
    """
    right, left = list(wish), list(wish)
    for k in range(1, len(wish)):
        room = (widths[k - 1] + widths[k]) / 2 + gap
        right[k] = max(right[k], right[k - 1] + room)
    for k in reversed(range(len(wish) - 1)):
        room = (widths[k] + widths[k + 1]) / 2 + gap
        left[k] = min(left[k], left[k + 1] - room)
    return [(a + b) / 2 for a, b in zip(right, left, strict=True)]


def cuts(made: NetworkRows, most: int) -> list[int]:
    """Return the rows at which columns begin, where only a single line crosses.

    Parameters
    ----------
    made : NetworkRows
    most : int
        How many rows a column should have at most.
    """
    row_of = {item: k for k, row in enumerate(made.rows) for item in row}
    passing = [0] * len(made.rows)
    for source, _ in made.links:
        passing[row_of[source] + 1] += 1
    begins = [0]
    while len(made.rows) - begins[-1] > most:
        fit = [r for r in range(begins[-1] + 1, begins[-1] + most + 1) if passing[r] == 1]
        later = [r for r in range(begins[-1] + most + 1, len(made.rows)) if passing[r] == 1]
        if not fit and not later:
            break
        begins.append(fit[-1] if fit else later[0])
    return begins
