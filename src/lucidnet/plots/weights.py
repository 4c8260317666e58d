"""Weights as pictures: the first layer as images, any weights as a heat map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Unpack, cast

import numpy as np
import numpy.typing as npt

from ..errors import DataError, ShapeError
from .colors import positive_map
from .figures import WIDE, PictureFrame, PictureLook, color_bar, panels, picture, whole_ticks
from .images import Array, draw_numbers, draw_tiles, drawn_ratio, image_shape_of, real, symmetric_limit
from .names import entitle, some_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..engine.protocol import Trainee

TALLEST = 8.0
"""The greatest height of tiles in inches."""


@picture
def first_layer_weights(
    W: npt.ArrayLike | Trainee,
    image_shape: Sequence[int] | None = None,
    limit: int = 64,
    **look: Unpack[PictureLook],
) -> Sequence[Axes]:
    """Draw what each unit of the first layer looks for: its weights, in the places of their pixels.

    Blue is positive, orange negative, zero the page, on one scale for all units. The weights of colour images
    are shown as colours around a middle grey that stands for zero.

    Parameters
    ----------
    W : (inputs, units)
        The weights; or a model, for those of its first layer with weights.
    image_shape : (height, width) or (height, width, channels), optional
        Guessed if the inputs are a square image, grey or in colour.
    limit : int
        The most units shown, the first ones.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ShapeError
        If the inputs cannot be shown as an image.

    Examples
    --------
    >>> figure = first_layer_weights(np.ones((64, 10)))
    >>> figure.axes[0].get_title(loc="left")
    'weights of the first layer: 10 units'
    """
    W = _checked(cast("npt.ArrayLike", W), "first_layer_weights")
    height, width, _ = image_shape_of(W.shape[0], image_shape, "first_layer_weights")
    count, ratio = min(limit, W.shape[1]), drawn_ratio(height, width)
    columns = _columns(count, ratio)
    rows = math.ceil(count / columns)
    (axes,) = panels(1, 1, 7.0, min(max(1.6, 6.0 * rows * ratio / columns), TALLEST) + 0.6, look)
    draw_first_layer(axes, W, image_shape, limit)
    return [axes]


def draw_first_layer(axes: Axes, W: Array, image_shape: Sequence[int] | None, limit: int) -> None:
    """Draw the incoming weights of each unit as a tile."""
    height, width, channels = image_shape_of(W.shape[0], image_shape, "first_layer_weights")
    shown = W[:, :limit]
    images = shown.T.reshape(-1, height, width, channels)
    if picture := draw_tiles(axes, images, _columns(len(images), drawn_ratio(height, width)), 1 / 14):
        color_bar(axes, picture, "weight")
    axes.set_title(f"weights of the first layer: {some_of(shown, W, 'unit')}", loc="left", fontsize=11)


@picture
def heat_map(W: npt.ArrayLike, title: str | None = None, **look: Unpack[PictureFrame]) -> Sequence[Axes]:
    """Draw weights as a heat map: inputs downwards, units to the right, blue positive, orange negative.

    Parameters
    ----------
    W : (units,), (inputs, units), or (..., units)
        Of convolutions, all axes but the last are taken as inputs.
    title : str, optional
    **look
        ``ax``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = heat_map([[1.0, -2.0], [0.5, 0.0]])
    >>> figure.axes[0].images[0].get_clim()
    (-2.0, 2.0)
    """
    array = real(W, "heat_map: W")
    if not array.size:
        raise DataError(f"heat_map: W: there are no weights in an array of shape {array.shape}")
    matrix = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    rows, columns = matrix.shape
    cell = min(0.4, (WIDE - 1.6) / max(rows, columns))  # inches
    (axes,) = panels(1, 1, max(columns * cell, 1.6) + 1.6, max(rows * cell, 0.9) + 1.0, look)
    draw_heat_map(axes, matrix, title)
    return [axes]


def draw_heat_map(
    axes: Axes, matrix: Array, title: str | None, limit: float | None = None, quantity: str = "weight"
) -> None:
    """Draw a matrix of signed numbers with a colour bar, scaled to `limit` or its largest magnitude."""
    picture = draw_numbers(axes, matrix, limit or symmetric_limit(matrix), aspect=_aspect(matrix))
    whole_ticks(axes.xaxis, axes.yaxis)
    axes.set_xlabel("unit")
    axes.set_ylabel("input")
    if len(matrix) == 1:
        axes.set_yticks([])
        axes.set_ylabel("")
    if title:
        entitle(axes, title)
    color_bar(axes, picture, quantity if np.isfinite(matrix).all() else f"{quantity} (grey: not finite)")


@picture
def distance_map(distances: npt.ArrayLike, **look: Unpack[PictureLook]) -> Sequence[Axes]:
    """Draw each unit's distance to its neighbours in a self-organising map: dark ridges part clusters.

    Parameters
    ----------
    distances : (rows, columns)
        See `SelfOrganizingMap.distances`.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        From the page, for no distance, to blue.

    Examples
    --------
    >>> figure = distance_map([[0.5, 1.0], [0.25, 0.0]])
    >>> figure.axes[0].get_xlabel(), figure.axes[0].images[0].get_clim()
    ('column', (0.0, 1.0))
    """
    array = real(distances, "distance_map: distances")
    if array.ndim != 2 or not array.size:
        raise ShapeError(f"distance_map: expected distances (rows, columns), got shape {array.shape}")
    cell = min(0.45, (WIDE - 1.6) / max(array.shape))
    rows, columns = array.shape
    (axes,) = panels(1, 1, max(columns * cell, 1.6) + 1.6, max(rows * cell, 1.2) + 1.0, look)
    largest = float(np.nanmax(array, initial=0.0)) or 1.0
    shown = axes.imshow(array, cmap=positive_map(axes), vmin=0, vmax=largest, aspect=_aspect(array))
    whole_ticks(axes.xaxis, axes.yaxis)
    axes.set_xlabel("column")
    axes.set_ylabel("row")
    axes.set_title("self-organising map", loc="left", fontsize=11)
    color_bar(axes, shown, "mean distance\nto the neighbours")
    return [axes]


def _aspect(matrix: Array) -> Literal["equal", "auto"]:
    return "equal" if max(matrix.shape) <= 4 * min(matrix.shape) else "auto"


def _checked(W: npt.ArrayLike, what: str) -> Array:
    array = real(W, f"{what}: W")
    if array.ndim == 2 and array.size:
        return array
    raise ShapeError(
        f"{what}: expected weights of shape (inputs, units), got {array.shape}; see heat_map for others"
    )


def _columns(count: int, ratio: float) -> int:
    """Return the number of columns that make tiles, of this height for a width of 1, roughly a square."""
    return min(count, math.ceil(math.sqrt(count * ratio)))
