"""The loss surface around the weights of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..backend import Stream
from ..data.batches import ROWS, ArraySource
from ..errors import DataError
from ..training.measure import evaluate
from .colors import positive_map, theme
from .figures import PictureLook, color_bar, panels, picture, tidy
from .images import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..engine.protocol import Trainee
    from ..engine.state import State

LEVELS = 20
STEEP = 10.0
"""The ratio to the smallest loss from which on the levels are geometric."""


@picture
def loss_surface(
    model: Trainee,
    x: Any,
    y: Any,
    directions: int = 2,
    span: float = 1.0,
    points: int = 25,
    seed: int = 0,
    **look: Unpack[PictureLook],
) -> Sequence[Axes]:
    """Draw the loss along one or two random directions through the weights.

    The directions are normal random numbers, scaled for each unit (filter) to the norm of its weights, so
    that flat and sharp do not depend on the scale of the weights; vectors, such as biases, stay as they are
    (Li et al. 2018, "Visualizing the loss landscape of neural nets", section 4).

    Parameters
    ----------
    model : Trainee
        A compiled model; it is not changed.
    x, y : array-like (n, ...)
        The data of the loss; some hundred examples are enough.
    directions : {1, 2}
        The number of directions: 1 for a curve, 2 for a map.
    span : float
        How far to go each way; at 1 the change is as large as the weights.
    points : int
        The number of points along each direction.
    seed : int
        The seed of the directions.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(1), ln.layers.Dense(1)])
    >>> model.compile("mse", "sgd")
    >>> figure = loss_surface(model, [[1.0]], [[2.0]], directions=1, points=5)
    >>> figure.axes[0].lines[0].get_xdata().tolist()
    [-1.0, -0.5, 0.0, 0.5, 1.0]
    """
    steps = np.linspace(-span, span, points)
    losses = loss_grid(model, x, y, directions, steps, seed)
    if not np.isfinite(losses).any():
        raise DataError("loss_surface: no loss around these weights is finite: take a smaller span")
    (axes,) = panels(1, 1, 5.6 if directions == 1 else 6.4, 3.6 if directions == 1 else 4.6, look)
    (_curve if directions == 1 else _map)(axes, steps, losses)
    return [axes]


@np.errstate(over="ignore", invalid="ignore")  # far from the weights the loss may overflow
def loss_grid(model: Trainee, x: Any, y: Any, directions: int, steps: Array, seed: int = 0) -> Array:
    """Return the loss on a grid along random directions: (points,), or (points, points) for two."""
    source = ArraySource(model.checked(x, y), ROWS)
    state = model.state
    ways = [direction(state, seed, k) for k in range(directions)]
    losses = []
    for place in np.ndindex(*(len(steps) for _ in ways)):
        vector = state.vector + sum(steps[k] * way for k, way in zip(reversed(place), ways, strict=True))
        params = state.params.layout.bind(vector.astype(state.vector.dtype))
        losses.append(evaluate(model, source, state=state._replace(params=params), metrics=())["loss"])
    return np.array(losses).reshape([len(steps)] * directions)


def direction(state: State, seed: int, number: int) -> Array:
    """Return a random direction, scaled per unit to the norm of its weights; zero for vectors."""
    layout = state.params.layout
    way = np.zeros(state.vector.shape)
    for path, shape, part in zip(layout.paths, layout.shapes, layout.slices, strict=True):
        if len(shape) > 1:
            axes = tuple(range(len(shape) - 1))
            drawn = Stream(seed, number, "float64", ("surface", *path)).normal(shape)
            size = np.linalg.norm(state.vector[part].reshape(-1, shape[-1]), axis=0)
            own = np.sqrt(np.square(drawn).sum(axes))
            way[part] = (drawn * (size / own)).ravel()
    return way


def _curve(axes: Axes, steps: Array, losses: Array) -> None:
    colors = theme(axes)
    axes.plot(steps, losses, color=colors.lines[0])
    middle = float(np.interp(0.0, steps, losses))
    axes.plot([0], [middle], "o", color=colors.mark, label=f"the weights: {middle:.4g}")
    axes.set_xlabel("step along the direction, in sizes of the weights")
    axes.set_ylabel("loss")
    tidy(axes)
    axes.legend(frameon=False)


def _map(axes: Axes, steps: Array, losses: Array) -> None:
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import MaxNLocator

    shown = np.ma.masked_invalid(losses)
    low, high = float(shown.min()), float(shown.max())
    steep = low > 0 and high > STEEP * low
    levels = np.geomspace(low, high, LEVELS) if steep else np.linspace(low, high + 1e-12, LEVELS)
    colors = theme(axes)
    picture = axes.contourf(
        steps, steps, shown, levels=levels, cmap=positive_map(axes), norm=LogNorm() if steep else None
    )
    axes.contour(steps, steps, shown, levels=levels, colors=colors.muted, linewidths=0.3)
    axes.plot([0], [0], "o", color=colors.mark, markeredgecolor=colors.page, label="the weights")
    bar = color_bar(axes, picture, "loss", ticks=None if steep else MaxNLocator(6))
    if steep:
        some = list(levels[:: LEVELS // 5])
        bar.set_ticks(some, labels=[f"{level:.3g}" for level in some])
    axes.set_xlabel("step along direction 1, in sizes of the weights")
    axes.set_ylabel("step along direction 2")
    axes.set_aspect("equal")
    axes.legend(frameon=True, loc="upper right")
