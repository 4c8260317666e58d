"""Training in one picture: the curves, and what the first layer has learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from .curves import History, draw_curve, quantities
from .figures import WIDE, PictureLook, new_figure, panels, picture, settle
from .images import guess_image_shape, real
from .weights import draw_first_layer, draw_heat_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@picture
def overview(
    history: History,
    W: npt.ArrayLike,
    image_shape: Sequence[int] | None = None,
    limit: int = 64,
    **look: Unpack[PictureLook],
) -> Sequence[Axes]:
    """Draw the training curves and the weights of the first layer side by side.

    Weights whose inputs are no image are shown as a heat map; so are those of a convolution.

    Parameters
    ----------
    history : mapping of names to one value per epoch
    W : (inputs, units), or any whose last axis is the units, as of a convolution
    image_shape : (height, width) or (height, width, channels), optional
        Guessed if the inputs are a square image.
    limit : int
        The most units shown as images.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

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
    weights = np.atleast_1d(real(W, "overview: W"))
    if not weights.size:
        raise DataError(f"overview: W: there are no weights in an array of shape {weights.shape}")
    kernel = weights.ndim != 2
    weights = weights.reshape(-1, weights.shape[-1])
    *curves, right = panels(len(names) + 1, 1, 1, 1, look) if "ax" in look else _places(len(names), look)
    for axes, name in zip(curves, names, strict=True):
        draw_curve(axes, name, history)
    if kernel or (image_shape is None and guess_image_shape(len(weights)) is None):
        draw_heat_map(right, weights, "weights of the first layer")
    else:
        draw_first_layer(right, weights, image_shape, limit)
    return [*curves, right]


def _places(count: int, look: PictureLook) -> list[Axes]:
    """Return `count` axes below each other on the left, and one on the right."""
    figure = new_figure(*(look.get("figsize") or (WIDE, max(4.2, 2.2 * count))))
    parts: Any = figure.subfigures(1, 2, width_ratios=(4, 6), wspace=0.04)
    left, right = parts
    made = [*left.subplots(count, 1, squeeze=False).ravel(), right.add_subplot()]
    settle(made)
    return made
