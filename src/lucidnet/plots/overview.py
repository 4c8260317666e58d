"""Training in one picture: the curves, and what the first layer has learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .curves import History, draw_curve, quantities
from .figures import new_figure
from .images import guess_image_shape
from .weights import draw_first_layer, draw_heat_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def overview(
    history: History, W: npt.ArrayLike, image_shape: Sequence[int] | None = None, limit: int = 64
) -> Figure:
    """Draw the training curves and the weights of the first layer side by side.

    Weights whose inputs are no image are shown as a heat map.

    Parameters
    ----------
    history : mapping of names to one value per epoch
    W : (inputs, units)
    image_shape : (height, width) or (height, width, channels), optional
        Guessed where the inputs are a square image.
    limit : int
        How many units are shown as images at most.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> figure = overview({"loss": [0.9, 0.4]}, np.ones((64, 10)))
    >>> [axes.get_title(loc="left") for axes in figure.axes[:2]]
    ['loss', 'weights of the first layer: 10 units']
    """
    names = quantities(history)
    weights = np.asarray(W, float)
    figure = new_figure(11.0, max(5.2, 2.3 * len(names)))
    parts: Any = figure.subfigures(1, 2, width_ratios=(4, 6), wspace=0.04)
    left, right = parts
    for axes, name in zip(left.subplots(len(names), 1, squeeze=False).ravel(), names, strict=True):
        draw_curve(axes, name, history)
    if image_shape is None and guess_image_shape(len(weights)) is None:
        draw_heat_map(right.add_subplot(), weights, "weights of the first layer")
    else:
        draw_first_layer(right.add_subplot(), weights, image_shape, limit)
    return figure
