"""The plan of a network's picture: the text, size and position of its boxes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from .figures import WIDE
from .layout import GAP, NetworkRows, Spot, across, cuts, in_rows
from .names import shortened
from .wiring import LONGEST, Box, Wiring

TALL = 9.5
"""The height in inches above which networks are drawn in several columns, if there is room."""
SHRUNK = 0.82
"""The smallest scale to which text may shrink to make room for more columns."""
NARROW = 5.0
"""The least width of a picture in inches, so that title and legend have room."""
CLOSE = 0.09
"""The space between the boxes of a crowded row, in inches."""


@dataclass
class NetworkPlan:
    """The plan of a network's picture: where all boxes stand, in inches.

    Parameters
    ----------
    rows : NetworkRows
        Boxes and passing lines.
    lines : list of list of str
        What is written in each box.
    spots : dict
        Where each is.
    rights : list of float
        The right edge of each column.
    size : (float, float)
        Width and height of all.
    bottom : float
        Where the boxes end, and room for the legend begins.
    form : Form
        How boxes are drawn.
    """

    rows: NetworkRows
    lines: list[list[str]]
    spots: dict[int, Spot]
    rights: list[float]
    size: tuple[float, float]
    bottom: float
    form: Form

    @property
    def high(self) -> float:
        """The height of a box."""
        return self.form.high

    @property
    def font(self) -> float:
        """The text size of the first line, in points."""
        return self.form.font

    @property
    def side(self) -> float:
        """The room on the right of a column, for the arrows of errors."""
        return self.form.side


@dataclass(frozen=True)
class Form:
    """The form of boxes: height, row distance, text size, room beside a column, lines of text."""

    high: float
    pitch: float
    font: float
    side: float
    lines: int

    def written(self, box: Box, brief: bool) -> list[str]:
        """Return the lines of text in a box; if `brief`, without the layer's kind and number of weights."""
        if is_sign(box):
            return [box.title]
        title, shape = box.title, box.detail
        if brief:
            title, shape = title.split(":")[0], shape.split("   ")[0]
        if self.lines == 1:
            return [shortened("  ".join(filter(None, (title, shape.split("   ")[0], box.mark))), LONGEST)]
        lines = [title, "   ".join(filter(None, (shape, box.mark)))]
        return [shortened(line, LONGEST) for line in lines if line]

    def width(self, box: Box, lines: list[str], gap: float) -> float:
        """Return the width of a box: that of its text, and two thirds of a gap."""
        return 0.34 if is_sign(box) else 0.0086 * self.font * max(map(len, lines)) + gap * 2 / 3


ROOMY = Form(0.42, 0.66, 9, 0.75, 2)
COMPACT = Form(0.25, 0.37, 8, 0.5, 1)


def is_sign(box: Box) -> bool:
    """Tell whether a box is a small one with a symbol in it."""
    return box.kind == "join" and len(box.title) == 1


def plan_of(wiring: Wiring, legend: float) -> NetworkPlan:
    """Plan where the boxes stand, leaving some inches for a legend.

    Boxes have two lines, or one if there are many rows; in rows of many boxes each box says less, and they
    stand close together.
    """
    for form in (ROOMY, COMPACT):
        for brief, gap in ((False, GAP), (True, GAP), (True, CLOSE)):
            lines = [form.written(box, brief) for box in wiring.boxes]
            widths = [form.width(box, text, gap) for box, text in zip(wiring.boxes, lines, strict=True)]
            rows = in_rows(widths, wiring.edges)
            x = across(rows, gap)
            if max(x[item] + rows.widths[item] / 2 for item in x) + form.side <= WIDE:
                break
        if len(rows.rows) * form.pitch <= TALL:
            break
    best = _columns(rows, lines, x, (1, form, legend))
    for columns in (2, 3, 4):
        wider = _columns(rows, lines, x, (columns, form, legend))
        if best.size[1] <= TALL or wider.size[0] > WIDE / SHRUNK:
            break
        best = wider
    return best


def _columns(
    rows: NetworkRows, lines: list[list[str]], x: dict[int, float], how: tuple[int, Form, float]
) -> NetworkPlan:
    """Plan the boxes in about the given number of columns."""
    columns, form, legend = how
    begins = [*cuts(rows, -(-len(rows.rows) // columns)), len(rows.rows)]
    spots, rights, left = {}, [], 0.55
    for column, (first, last) in enumerate(pairwise(begins)):
        inside = [item for row in rows.rows[first:last] for item in row]
        low = min(x[item] - rows.widths[item] / 2 for item in inside)
        top = max(x[item] + rows.widths[item] / 2 for item in inside)
        for k, row in enumerate(rows.rows[first:last]):
            for item in row:
                spots[item] = Spot(left + x[item] - low, form.high / 2 + 0.1 + form.pitch * k, column)
        rights.append(left + top - low)
        left = rights[-1] + form.side
    bottom = form.pitch * max(last - first for first, last in pairwise(begins)) + 0.1
    aside = max(0.0, NARROW - left) / 2
    spots = {item: spot._replace(x=spot.x + aside) for item, spot in spots.items()}
    rights = [right + aside for right in rights]
    return NetworkPlan(rows, lines, spots, rights, (max(left, NARROW), bottom + 0.1 + legend), bottom, form)
