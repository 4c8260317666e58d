"""The size of each layer's gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..core.trees import dotted
from ..engine.update import measured_gradient
from ..errors import DataError
from ..training.diagnose import non_finite
from .colors import theme
from .figures import WIDE, PictureLook, log_axis, panels, picture, tidy
from .names import name_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..engine.protocol import Trainee
    from .images import Array

MOST_NAMES = 24
"""The most layers whose names all have room; with more, every second or third is named."""


@picture
def gradient_flow(model: Trainee, x: Any, y: Any, **look: Unpack[PictureLook]) -> Sequence[Axes]:
    """Plot the mean and the largest gradient magnitude of each layer, on a logarithmic scale.

    A line that falls or rises by powers of ten from one end to the other shows gradients that vanish or
    explode (Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", section 4.2).

    Parameters
    ----------
    model : Trainee
        A compiled model; it is not changed.
    x, y : array-like (n, ...)
        The batch whose gradient it is.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        A layer without any gradient is marked with a cross at the bottom.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(3, "tanh"), ln.layers.Dense(1)])
    >>> model.compile("mse", "sgd")
    >>> figure = gradient_flow(model, [[1.0, 2.0]], [[0.5]])
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['dense1', 'dense2']
    """
    sizes = gradients_by_layer(model, x, y)
    if not sizes:
        raise DataError("gradient_flow: this network has no weights, so there are no gradients")
    (axes,) = panels(1, 1, min(WIDE, max(4.0, 0.45 * len(sizes) + 2.0)), 3.8, look)
    _draw(axes, sizes)
    return [axes]


def gradients_by_layer(model: Trainee, x: Any, y: Any) -> dict[str, Array]:
    """Return the absolute values of each layer's gradients, as a flat array, in the order of the layers."""
    batch, problem, state = model.checked(x, y).batch(slice(None)), model.problem, model.state.reset()
    with np.errstate(over="ignore", invalid="ignore"):
        made = measured_gradient(problem, state, [batch])
    if not made.good:
        raise non_finite(problem, state, [batch])
    layout = problem.layout.parameters
    found: dict[str, list[Array]] = {}
    for path, part in zip(layout.paths, layout.slices, strict=True):
        found.setdefault(dotted(path[:-1]), []).append(np.abs(made.gradient[part]))
    return {name: np.concatenate(arrays) for name, arrays in found.items()}


def _draw(axes: Axes, sizes: dict[str, Array]) -> None:
    places, colors = np.arange(len(sizes)), theme(axes)
    for label, color, marker, measure in (
        ("largest", colors.lines[1], "s", np.max),
        ("mean", colors.lines[0], "o", np.mean),
    ):
        values = np.array([measure(array) for array in sizes.values()])
        axes.plot(places, np.where(values > 0, values, np.nan), marker + "-", color=color, label=label)
    none = [place for place, array in enumerate(sizes.values()) if not array.any()]
    log_axis(axes)
    if none:
        how: dict[str, Any] = {"color": colors.ink, "transform": axes.get_xaxis_transform()}
        axes.plot(none, np.full(len(none), 0.02), "x", label="no gradient", **how)
    if len(none) == len(sizes):
        axes.set_yticks([])  # there is nothing on this axis
        axes.minorticks_off()
    step = math.ceil(len(sizes) / MOST_NAMES)
    tilted = max(map(len, sizes)) * len(places[::step]) > 50
    name_ticks(
        axes.xaxis,
        places[::step],
        list(sizes)[::step],
        rotation=60 if tilted else 0,
        ha="right" if tilted else "center",
        rotation_mode="anchor" if tilted else "default",
    )
    axes.set_xlim(-0.5, len(sizes) - 0.5)
    axes.set_xlabel("layer, from the input to the output")
    axes.set_ylabel("size of the gradients")
    tidy(axes)
    axes.legend(frameon=False)
