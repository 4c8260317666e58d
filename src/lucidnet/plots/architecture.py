"""The network itself: its layers, how they are wired, and how errors travel back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from .colors import LineStyle, rule_styles, theme
from .error_ways import ErrorWays, error_ways
from .figures import WIDE, Style, panels, picture, root
from .plan import NetworkPlan, is_sign, plan_of
from .wiring import Box, Wiring, wired

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..engine.protocol import Trainee

SMALLEST = 0.6
"""The smallest scale for a row of many boxes; beyond that the picture becomes wider."""
LEGEND = 0.26
"""The height of a legend line in inches."""
ASIDE = 0.09
"""The distance of an error's arrow from the line of data, in inches."""
EDGES = 0.2, 0.6
"""The space beside and above the network, in inches."""


class Sheet(TypedDict, total=False):
    """The arguments of `PictureLook` apart from those written out."""

    title: str | None
    figsize: tuple[float, float] | None
    style: Style | None


@picture
def architecture(
    model: Trainee,
    path: str | os.PathLike[str] | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    **look: Unpack[Sheet],
) -> Sequence[Axes]:
    """Draw a network: its layers with shapes and weights, its branches, and the ways errors come back.

    Parameters
    ----------
    model : Trainee
        A model that knows the shape of its input.
    path, ax
        A file to write as well; where to draw: see `plots`.
    **look
        ``title``, ``figsize``, ``style``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        Data flow downwards, in several columns if there are many layers. Once compiled, coloured arrows show
        how the learning rule sends errors back past each layer with weights: from layer to layer, by its
        weights or by feedback weights, or from the output to each. Of more than 120 layers in a row the first
        and the last are shown; in a network of more than 150 boxes the containers stay closed.

    Raises
    ------
    NotReadyError
        If the shape of the input is not known yet.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(8, "tanh"), ln.layers.Dense(1)])
    >>> [text.get_text() for text in architecture(model).axes[0].texts][1:4:2]
    ['2', '→ 8   24 weights']
    """
    model.build()
    wiring = wired(model.net, model.params, model.input_shape)
    if model.rule is not None:
        wiring.put(Box("loss", type(model.problem.loss).__name__, "loss"), wiring.ends)
    errors = error_ways(model, wiring)
    for box, rule in errors.times.items():
        wiring.boxes[box] = wiring.boxes[box]._replace(mark=f"↺ {rule}")
    plan = plan_of(wiring, LEGEND * len(errors.said))
    width, height = plan.size
    shrink = max(SMALLEST, min(1.0, (WIDE - EDGES[0]) / width))
    size = look.get("figsize") or (width * shrink + EDGES[0], height * shrink + EDGES[1])
    frame: Any = {**look, "figsize": size, **({"ax": ax} if ax else {})}
    (axes,) = panels(1, 1, 1, 1, frame)
    drawing = Drawing(axes, wiring, plan, _scale(axes, plan, size if "ax" not in frame or not ax else None))
    drawing.draw()
    drawing.draw_errors(errors)
    weights = sum(box.weights for box in wiring.boxes)
    axes.set_title(f"{weights:,} weights" + _learns(model), loc="left", fontsize=11)
    return [axes]


def _learns(model: Trainee) -> str:
    from ..rules.registry import short_name

    return "" if model.rule is None else f", learns by {short_name(model.rule)}"


def _scale(axes: Axes, plan: NetworkPlan, size: tuple[float, float] | None) -> float:
    """Scale the axes to the inches of a plan; return the scale factor.

    Parameters
    ----------
    axes : Axes
    plan : NetworkPlan
    size : (float, float), optional
        The inches of a figure of their own.
    """
    width, height = plan.size
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_aspect("equal")
    axes.set_axis_off()
    if size is None:
        place, figure = axes.get_position(), root(axes)
        inches = [side * share for side, share in zip(figure.get_size_inches(), place.size, strict=True)]
    else:
        inches = [side - edge for side, edge in zip(size, EDGES, strict=True)]
    return float(min(inches[0] / width, inches[1] / height, 1.2))


@dataclass
class Drawing:
    """A network on some axes, in the inches of its plan, with text as large as these are drawn."""

    axes: Axes
    wiring: Wiring
    plan: NetworkPlan
    scale: float
    named: set[Any] = field(default_factory=set)

    def draw(self) -> None:
        """Draw boxes, lines between them, and marks of shared weights."""
        for number, box in enumerate(self.wiring.boxes):
            self._box(number, box)
        for way in self.plan.rows.routes.values():
            self._route(way)
        for one, other in self.wiring.shared:
            self._share(one, other)

    def _box(self, number: int, box: Box) -> None:
        from matplotlib.patches import FancyBboxPatch

        colors, (x, y, _) = theme(self.axes), self.plan.spots[number]
        width, high = self.plan.rows.widths[number], self.plan.high
        face = {"layer": colors.signed[5], "shared": colors.signed[5]} if box.weights else {}
        size = "round,pad=0,rounding_size=0.08" if box.kind != "join" else "round,pad=0,rounding_size=0.16"
        self.axes.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - high / 2),
                width,
                high,
                boxstyle=size,
                facecolor=face.get(box.kind, colors.page),
                edgecolor=colors.muted if box.kind != "loss" else colors.mark,
                linestyle="--" if box.kind in ("loss", "more") else "-",
                linewidth=1.0,
                zorder=3,
            )
        )
        lines = self.plan.lines[number]
        for k, line in enumerate(lines):
            lift = 0.0 if len(lines) == 1 else (-0.09, 0.1)[k]
            how: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 4, "color": colors.ink}
            self.axes.text(x, y + lift, line, fontsize=(self.plan.font, 7.5)[k] * self.scale, **how)
        if is_sign(box):
            how = {"ha": "left", "va": "center", "color": colors.muted, "fontsize": 7.5 * self.scale}
            self.axes.text(x + width / 2 + 0.05, y, box.detail, **how)

    def _route(self, way: list[int]) -> None:
        """Draw the line of data from one box to another."""
        self._path(self._corners(way), LineStyle(theme(self.axes).muted, "-", ""))

    def _corners(self, way: list[int]) -> list[tuple[float, float]]:
        """Return the corners of a line that passes beside the boxes of the rows between."""
        half, points = self.plan.high / 2, list[tuple[float, float]]()
        for number, item in enumerate(way):
            x, y, column = self.plan.spots[item]
            if number and column != self.plan.spots[way[number - 1]].column:
                before = self.plan.spots[way[number - 1]]
                low, between = self.plan.bottom, self.plan.rights[before.column] + self.plan.side - 0.2
                points += [(before.x, low), (between, low), (between, 0.02), (x, 0.02)]
            points += [(x, y - half)] * (number > 0) + [(x, y + half)] * (item != way[-1])
        return points

    def _path(self, points: Sequence[tuple[float, float]], style: LineStyle, curved: bool = False) -> None:
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.path import Path as Way

        self.axes.add_patch(
            FancyArrowPatch(
                path=Way(points, [Way.MOVETO, *[Way.CURVE4] * 3] if curved else None),
                arrowstyle="-|>",
                mutation_scale=8 * self.scale,
                color=style.color,
                linestyle=style.linestyle,
                linewidth=1.1,
                zorder=2,
            )
        )

    def _arc(self, source: int, target: int, style: LineStyle) -> None:
        """Draw an error's arrow: curved on the right of a row of boxes, else beside the line of data.

        Only the line of data is sure to cross no box.
        """
        start, end = self.plan.spots[source], self.plan.spots[target]
        widths = self.plan.rows.widths[source] / 2, self.plan.rows.widths[target] / 2
        if start.column != end.column:
            lane = self.plan.rights[end.column] + self.plan.side - 0.12
            corners = [(lane, start.y), (lane, end.y)]
            self._path([(start.x - widths[0], start.y), *corners, (end.x + widths[1], end.y)], style)
            return
        way = self.plan.rows.routes.get((target, source))
        signs = any(is_sign(self.wiring.boxes[box]) for box in (source, target))
        if way is not None and (signs or len(way) > 2 or abs(start.x - end.x) > 0.05):
            self._path([(x + ASIDE, y) for x, y in reversed(self._corners(way))], style)
            return
        lane = max(start.x + widths[0], end.x + widths[1]) + 0.5 * (start.y - end.y)
        corners = [(lane, start.y), (lane, end.y)]
        self._path([(start.x + widths[0], start.y), *corners, (end.x + widths[1], end.y)], style, curved=True)

    def _share(self, one: int, other: int) -> None:
        """Draw a dotted arrow between two boxes that share a layer."""
        from matplotlib.patches import FancyArrowPatch

        spots, widths = self.plan.spots, self.plan.rows.widths
        side = 1 if spots[one].x < spots[other].x else -1
        ends = [(spots[n].x + sign * side * widths[n] / 2, spots[n].y) for n, sign in ((one, 1), (other, -1))]
        self.axes.add_patch(
            FancyArrowPatch(
                *ends,
                arrowstyle="-|>",
                mutation_scale=8 * self.scale,
                shrinkA=0,
                shrinkB=0,
                color=theme(self.axes).networks[0],
                linestyle=":",
                linewidth=1.4,
                zorder=5,
            )
        )

    def draw_errors(self, errors: ErrorWays) -> None:
        """Draw how errors come back, with a legend below the network."""
        from matplotlib.lines import Line2D

        styles = {
            name: style._replace(linestyle="-") for name, style in rule_styles(errors.said, self.axes).items()
        }
        for rule, target, source in errors.ways:
            if source is None:
                self._bus(target, styles[rule])
            else:
                self._arc(source, target, styles[rule])
        if errors.said:
            lines = [
                Line2D([], [], color=styles[name].color if name else "none", linewidth=1.5)
                for name in errors.said
            ]
            size = max(6.0, 8.5 * min(1.0, self.scale))
            place: dict[str, Any] = {"loc": "lower left", "borderaxespad": 0.0, "borderpad": 0.0}
            self.axes.legend(lines, errors.said.values(), frameon=False, fontsize=size, **place)

    def _bus(self, target: int, style: LineStyle) -> None:
        """Draw the direct way of the output's error to a box, on the right of its column."""
        last = len(self.wiring.boxes) - 1
        loss, spot = self.plan.spots[last], self.plan.spots[target]
        lane, low = self.plan.rights[spot.column] + 0.24, self.plan.bottom - 0.1
        end = (spot.x + self.plan.rows.widths[target] / 2, spot.y)
        if loss.column == spot.column:
            start = (loss.x + self.plan.rows.widths[last] / 2, loss.y)
            points = [start, (lane, loss.y), (lane, spot.y), end]
        else:
            points = [(lane, low), (lane, spot.y), end]
            if (spot.column, style.color) not in self.named:
                self.named.add((spot.column, style.color))
                how: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 7.5 * self.scale}
                self.axes.text(lane, low, "error", color=style.color, **how)
        self._path(points, style)
