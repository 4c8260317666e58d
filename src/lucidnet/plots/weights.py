"""Weights as pictures: the first layer as images, any weights as a heat map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import DataError, ShapeError
from .figures import DIVERGING, color_bar, new_figure
from .images import Array, image_shape_of, outline, symmetric_limit, tile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def first_layer_weights(
    W: npt.ArrayLike, image_shape: Sequence[int] | None = None, limit: int = 64
) -> Figure:
    """Draw what each unit of the first layer looks for: its weights, in the places of their pixels.

    Blue is negative, white is zero, red is positive, on one scale for all units. The weights of colour images
    are shown as colours around a middle grey that stands for zero.

    Parameters
    ----------
    W : (inputs, units)
    image_shape : (height, width) or (height, width, channels), optional
        Guessed where the inputs are a square image, grey or in colour.
    limit : int
        How many units are shown at most, the first ones.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ShapeError
        If the inputs cannot be seen as an image.

    Examples
    --------
    >>> figure = first_layer_weights(np.ones((64, 10)))
    >>> figure.axes[0].get_title(loc="left")
    'weights of the first layer: 10 units'
    """
    W = _checked(W, "first_layer_weights")
    columns = _columns(min(limit, W.shape[1]))
    rows = math.ceil(min(limit, W.shape[1]) / columns)
    height, width, _ = image_shape_of(W.shape[0], image_shape, "first_layer_weights")
    figure = new_figure(7.0, max(1.6, 6.0 * rows * height / (columns * width)) + 0.6)
    draw_first_layer(figure.add_subplot(), W, image_shape, limit)
    return figure


def draw_first_layer(axes: Axes, W: Array, image_shape: Sequence[int] | None, limit: int) -> None:
    """Draw the weights of each unit as a tile."""
    height, width, channels = image_shape_of(W.shape[0], image_shape, "first_layer_weights")
    shown = W[:, :limit]
    images = shown.T.reshape(-1, height, width, channels)
    scale = symmetric_limit(shown)
    gap = max(1, round(max(height, width) / 14))
    if channels == 3:
        images = 0.5 + images / (2 * scale)
    tiles = tile(images, _columns(len(images)), (gap, gap), fill=1.0 if channels == 3 else np.nan)
    picture = axes.imshow(tiles.canvas, cmap=DIVERGING, vmin=-scale, vmax=scale, interpolation="nearest")
    outline(axes, tiles, height, width)
    if channels == 1:
        color_bar(axes, picture)
    some = f"{len(images)} of {W.shape[1]}" if len(images) < W.shape[1] else f"{W.shape[1]}"
    axes.set_title(f"weights of the first layer: {some} units", loc="left", fontsize=11)


def heat_map(W: npt.ArrayLike, title: str | None = None) -> Figure:
    """Draw any weights as a heat map: inputs downwards, units to the right, zero in white.

    Parameters
    ----------
    W : (units,), (inputs, units), or (..., units)
        Of convolutions, all axes but the last are taken as inputs.
    title : str, optional

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = heat_map([[1.0, -2.0], [0.5, 0.0]])
    >>> figure.axes[0].images[0].get_clim()
    (-2.0, 2.0)
    """
    array = np.asarray(W, float)
    matrix = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    if not matrix.size:
        raise DataError(f"heat_map: there are no weights in an array of shape {array.shape}")
    rows, columns = matrix.shape
    cell = min(0.4, 6.0 / max(rows, columns))  # inches
    figure = new_figure(max(columns * cell, 1.6) + 1.6, max(rows * cell, 0.6) + 1.0)
    draw_heat_map(figure.add_subplot(), matrix, title)
    return figure


def draw_heat_map(axes: Axes, matrix: Array, title: str | None) -> None:
    """Draw one matrix, with its colour bar."""
    from matplotlib.ticker import MaxNLocator

    scale = symmetric_limit(matrix)
    alike = max(matrix.shape) <= 4 * min(matrix.shape)
    picture = axes.imshow(
        matrix, cmap=DIVERGING, vmin=-scale, vmax=scale, aspect="equal" if alike else "auto"
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.set_xlabel("unit")
    axes.set_ylabel("input")
    if len(matrix) == 1:
        axes.set_yticks([])
        axes.set_ylabel("")
    if title:
        axes.set_title(title, loc="left", fontsize=11)
    color_bar(axes, picture)


def _checked(W: npt.ArrayLike, what: str) -> Array:
    array = np.asarray(W, float)
    if array.ndim == 2 and array.size:
        return array
    raise ShapeError(
        f"{what}: expected weights of shape (inputs, units), got {array.shape}; see heat_map for others"
    )


def _columns(count: int) -> int:
    """As many columns as rows, or a few more."""
    return math.ceil(math.sqrt(count))
