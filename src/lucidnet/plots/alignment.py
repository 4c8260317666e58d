"""How close a learning rule comes to the chain rule as it learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..errors import DataError
from .colors import LineStyle, line_styles, positive_map, theme
from .figures import (
    WIDE,
    PictureLook,
    angle_axis,
    color_bar,
    ends,
    legend_below,
    panels,
    picture,
    say_left_out,
    tidy,
    whole_steps,
)
from .images import Array, symmetric_limit
from .names import all_shortened, name_ticks, shortened
from .weights import draw_heat_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..engine.protocol import Trainee
    from ..training.history import History

KINDS = {"gradient_alignment": "rule's gradient to the true one", "weight_alignment": "feedback B to W"}
"""The kinds of alignment that are drawn, with the titles of their panels."""
MOST_LAYERS = 12
"""The most layers for which a legend has room; with more, a colour bar identifies them."""
MOST_MATRICES = 8
"""With more feedback weights than this, only the first and the last are drawn."""
LONGEST = 12
"""Longer layer names are shortened beside the colour bar, and in films."""
LEGEND = 36
"""Longer layer names are shortened in the legend."""


@picture
def alignment(
    records: History | Mapping[str, Sequence[tuple[int, float]]], **look: Unpack[PictureLook]
) -> Sequence[Axes]:
    """Plot alignment angles over the training steps: 0° is as backprop, 90° unrelated.

    Parameters
    ----------
    records : History, or mapping of names to pairs (step, cosine)
        The history of ``fit(..., record=["gradient_alignment", "weight_alignment"])``, or its ``steps``.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for gradients and one for weights, if recorded; each layer has one colour in both.

    Raises
    ------
    DataError
        If no alignment was recorded.

    Examples
    --------
    >>> figure = alignment({"gradient_alignment/dense1": [(0, 0.0), (100, 0.5)]})
    >>> figure.axes[0].lines[0].get_ydata().round().tolist()
    [90.0, 60.0]
    """
    steps: Mapping[str, Any] = getattr(records, "steps", records)
    kinds = [kind for kind in KINDS if any(name.startswith(f"{kind}/") for name in steps)]
    if not kinds:
        raise DataError('alignment: none was recorded: fit(..., record=["gradient_alignment"])')
    found = (name.partition("/")[2] for name in steps if name.partition("/")[0] in KINDS)
    layers = list(dict.fromkeys(found))
    places = panels(len(kinds), 2, 3.6 if len(kinds) > 1 else 5.4, 3.4, look)
    lines: dict[str, Any] = {}
    for axes, kind in zip(places, kinds, strict=True):
        lines |= _draw(axes, kind, steps, layer_styles(layers, axes))
        name_depths(axes, layers)
    name_layers(places, look, lines, len(layers))
    return places


def layer_styles(layers: Sequence[str], axes: Axes) -> dict[str, LineStyle]:
    """Return a line style for each layer; if there are many, the colour shows the depth."""
    return (_depth_styles if len(layers) > MOST_LAYERS else line_styles)(layers, axes)


def degrees(cosines: Any) -> np.ndarray[Any, Any]:
    """Convert cosines to angles in degrees; NaN stays NaN.

    Examples
    --------
    >>> degrees([1.0, 0.0, -1.0]).tolist()
    [0.0, 90.0, 180.0]
    """
    angles: np.ndarray[Any, Any] = np.degrees(np.arccos(np.clip(np.asarray(cosines, float), -1, 1)))
    return angles


def _draw(
    axes: Axes, kind: str, steps: Mapping[str, Sequence[tuple[int, float]]], styles: Mapping[str, LineStyle]
) -> dict[str, Any]:
    """Plot one kind of angles; return the lines by what they are."""
    largest, lines = 0.0, {}
    for name, pairs in steps.items():
        if not name.startswith(f"{kind}/") or not len(pairs):
            continue
        at, cosines = np.array(pairs, float).T
        label, angles = name.partition("/")[2], degrees(cosines)
        few = styles[label].marker if np.isfinite(angles).sum() <= 30 else ""
        nothing = "" if np.isfinite(angles).any() else " (zero: no angle)"
        style = styles[label]._replace(marker=few)._asdict()
        (line,) = axes.plot(at, angles, **style, markersize=4, linewidth=1.6, label=label + nothing)
        lines[label + nothing] = line
        largest = max(largest, float(np.nanmax(angles, initial=0.0)))
    angle_axis(axes, largest)
    axes.set_title(KINDS[kind], loc="left", fontsize=11)
    whole_steps(axes)
    tidy(axes)
    return lines


def name_layers(
    places: Sequence[Axes], look: Mapping[str, Any], lines: Mapping[str, Any], count: int
) -> None:
    """Name the layers' lines in a legend below all panels, unless there are so many that colours do."""
    if count <= MOST_LAYERS:
        names = all_shortened(list(lines), LEGEND)
        legend_below(places, look, dict(zip(names, lines.values(), strict=True)))


def _depth_styles(layers: Sequence[str], axes: Axes) -> dict[str, LineStyle]:
    """Return line styles whose colours deepen from the first layer to the last."""
    from matplotlib.colors import to_hex

    shades = positive_map(axes)(_depths(len(layers)))
    return {layer: LineStyle(to_hex(shade), "-", "") for layer, shade in zip(layers, shades, strict=True)}


def _depths(count: int) -> Array:
    return np.linspace(0.25, 1.0, count)


def name_depths(axes: Axes, layers: Sequence[str]) -> None:
    """Add a colour bar that names some of many layers, from the first to the last."""
    if len(layers) <= MOST_LAYERS:
        return
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    shades = ListedColormap(positive_map(axes)(_depths(len(layers))))
    norm = BoundaryNorm(np.arange(len(layers) + 1) - 0.5, len(layers))
    bar = color_bar(axes, ScalarMappable(norm, shades), "layer")
    bar.minorticks_off()
    ticks = np.linspace(0, len(layers) - 1, 5).round().astype(int)
    name_ticks(bar.ax.yaxis, ticks, [shortened(layers[k], LONGEST) for k in ticks], fontsize=8)


@picture
def feedback_weights(model: Trainee, **look: Unpack[PictureLook]) -> Sequence[Axes]:
    """Draw the feedback weights B of each layer beside the forward weights W that they stand for.

    Parameters
    ----------
    model : Trainee
        A compiled model whose rule has feedback weights.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        For each layer W and B on one scale, with the angle between them; B alone if there is no such W. With
        more than 8 layers the first and the last 4 are shown.

    Raises
    ------
    DataError
        If the rule has none.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(4, "tanh"), ln.layers.Dense(3)])
    >>> model.compile("mse", "sgd", rule="fa")
    >>> [axes.get_title(loc="left") for axes in feedback_weights(model).axes[:2]]
    ['dense2.W', 'dense2: feedback B']
    """
    from ..core.trees import dotted, leaves
    from ..inspect.alignment import aligned
    from ..rules.feedback import branch

    found = [(path, np.asarray(B)) for path, B in leaves(model.feedback)]
    if not found:
        from ..rules.registry import short_name

        rule = short_name(model.rule or "backprop")
        raise DataError(
            f"feedback_weights: this model learns by the rule {rule!r}, which has none: compile it with "
            "'fa', 'kp' or another that has"
        )
    own = {path: branch(model.params, path[:-1]).get(path[-1]) for path, _ in found}
    beside = any(W is not None for W in own.values())
    shown, hidden = ends(found, MOST_MATRICES)
    high = 3.0 if len(shown) <= 4 else 2.3  # inches
    places = iter(panels(len(shown) * (1 + beside), 2, WIDE / 2, high, look))
    used: list[Axes] = []
    for number, (path, B) in enumerate(shown):
        W, layer, name = own[path], dotted(path[:-1]), path[-1]
        scale = symmetric_limit(B if W is None else np.concatenate([B.ravel(), np.ravel(W)]))
        if beside:
            used.append(next(places))
            _draw_own(used[-1], None if W is None else np.asarray(W), f"{layer}.{name}", scale)
        used.append(next(places))
        draw_heat_map(
            used[-1],
            _matrix(B),
            f"{layer}: feedback B" + (f" for {name}" if name not in ("B", "W") else ""),
            scale,
        )
        if W is not None and np.shape(W) == B.shape:
            used[-1].set_xlabel(f"unit; B lies {degrees(aligned(B, W).cosine):.0f}° from W")
        if hidden and number == len(shown) // 2:
            say_left_out(used[-1 - beside], f"{hidden} more, not shown")
    return used


def _draw_own(axes: Axes, W: np.ndarray[Any, Any] | None, name: str, scale: float) -> None:
    """Draw the forward weights that B stands for, or a note that there are none."""
    if W is not None:
        draw_heat_map(axes, _matrix(W), name, scale)
        return
    axes.set_axis_off()
    text = f"there is no {name}:\nthis rule sends the\noutput's error directly"
    axes.text(0.5, 0.5, text, ha="center", va="center", color=theme(axes).muted)


def _matrix(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.reshape(-1, array.shape[-1])
