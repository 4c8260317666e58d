"""What a convolution looks for, and what it finds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..core.trees import at, dotted
from ..errors import ShapeError
from .figures import PictureLook, color_bar, panels, picture
from .images import Array, draw_tiles, drawn_ratio
from .inside import call_of, place
from .names import folded, shortened, some_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..engine.protocol import Trainee

LIMIT = 64
INCH_PER_TILE = 0.8
LONGEST = 24
"""Longer layer names are shortened."""


@picture
def convolution_filters(
    model: Trainee, layer: str | None = None, limit: int = LIMIT, **look: Unpack[PictureLook]
) -> Sequence[Axes]:
    """Draw the filters of a convolution: positive weights blue, negative orange, zero in the page's colour.

    Filters of one channel, and of three (as colours around a middle grey), are one tile each; with more
    channels each row is a filter and each column a channel.

    Parameters
    ----------
    model : Trainee
    layer : str, optional
        The name of the layer, as in ``model.summary()``; the first convolution if not given.
    limit : int
        How many filters are shown at most, and how many channels.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input((8, 8, 1)), ln.layers.Conv2D(6, 3)])
    >>> convolution_filters(model).axes[0].get_title(loc="left")
    'conv2d1: 6 filters of 3 x 3'
    """
    name, W = _kernel(model, layer)
    height, width, channels, filters = W.shape
    shown = W[..., : min(channels, limit), : min(filters, limit)]
    if channels in (1, 3):
        images, columns = shown.transpose(3, 0, 1, 2), math.ceil(math.sqrt(shown.shape[3]))
    else:
        images = shown.transpose(3, 2, 0, 1).reshape(-1, height, width, 1)
        columns = shown.shape[2]
    title = f"{shortened(name, LONGEST)}: {some_of(shown, W, 'filter')} of {height} x {width}"
    if channels not in (1, 3):
        title += f"\nrow: filter, column: channel (of {channels})"
    return _tiles(images, columns, title, "weight", look)


@picture
def feature_maps(
    model: Trainee, x: Any, layer: str | None = None, limit: int = LIMIT, **look: Unpack[PictureLook]
) -> Sequence[Axes]:
    """Draw the output of a layer for one image or sequence, one tile per channel.

    Parameters
    ----------
    model : Trainee
    x : array-like (height, width, channels) or (time, channels)
        One input; of a batch the first is taken.
    layer : str, optional
        The name of the layer, as in ``model.summary()``; the first convolution if not given.
    limit : int
        How many channels are shown at most.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input((8, 8, 1)), ln.layers.Conv2D(6, 3, activation="relu")])
    >>> feature_maps(model, np.ones((8, 8, 1))).axes[0].get_title(loc="left")
    'conv2d1: 6 maps of 6 x 6'
    """
    call = call_of(model, x, layer, "kernel_size", "convolution")
    name, output = call.name, np.asarray(call.y[0])
    if output.ndim not in (2, 3):
        raise ShapeError(
            f"feature_maps: layer {name!r} gives {output.shape}, no maps (height, width, channels) or "
            "(time, channels)"
        )
    shown = output[..., :limit]
    size = " x ".join(map(str, output.shape[:-1])) + (" time steps" if output.ndim == 2 else "")
    images = np.moveaxis(shown, -1, 0).reshape(shown.shape[-1], -1, shown.shape[-2], 1)
    columns = math.ceil(math.sqrt(len(images))) if output.ndim == 3 else 1
    title = f"{shortened(name, LONGEST)}: {some_of(shown, output, 'map')} of {size}"
    return _tiles(images, columns, title, "activation", look)


def _tiles(images: Array, columns: int, title: str, quantity: str, look: PictureLook) -> Sequence[Axes]:
    """Draw images (n, height, width, channels) as tiles; three channels as colours."""
    count, height, width, _ = images.shape
    rows = math.ceil(count / columns)
    ratio = drawn_ratio(height, width)
    inch = min(INCH_PER_TILE / min(1.0, ratio), 5.2 / columns, 9 / (rows * ratio))
    size = max(3.6, inch * columns + 2.0), max(1.8, inch * rows * ratio + 0.9)
    (axes,) = panels(1, 1, *size, look)
    if picture := draw_tiles(axes, images, columns, 1 / 8):
        color_bar(axes, picture, quantity)
    axes.set_title(folded(title, axes), loc="left", fontsize=11)
    return [axes]


def _kernel(model: Trainee, layer: str | None) -> tuple[str, Array]:
    """Return a layer's name, and its kernel (height, width, channels, filters)."""
    model.build()
    path, _ = place(model, layer, "kernel_size", "convolution")
    name = dotted(path)
    W = np.asarray(at(model.params, path).get("W", 0.0))
    if W.ndim == 3:
        W = W[None]
    if W.ndim != 4:
        raise ShapeError(f"convolution_filters: layer {name!r} is no convolution, its W has shape {W.shape}")
    return name, W
