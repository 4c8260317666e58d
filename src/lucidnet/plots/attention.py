"""Where attention looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import ShapeError
from .figures import SEQUENTIAL, color_bar, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_TOKENS = 40
"""Up to so many tokens there is room for their names."""


def attention_maps(
    weights: npt.ArrayLike, tokens: Sequence[str] | None = None, keys: Sequence[str] | None = None
) -> Figure:
    """Draw the weights of attention: each row shows where one position looks.

    Parameters
    ----------
    weights : (heads, queries, keys), or (queries, keys)
        As `MultiHeadAttention.weights` gives them for each example.
    tokens : sequence of str, optional
        The names of the positions.
    keys : sequence of str, optional
        The names of the positions that are looked at, where they are others.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each head, all on one scale.

    Examples
    --------
    >>> figure = attention_maps(np.full((2, 3, 3), 1 / 3), ["the", "black", "cat"])
    >>> [axes.get_title(loc="left") for axes in figure.axes[:2]]
    ['head 1', 'head 2']
    """
    array = np.asarray(weights, float)
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or not array.size:
        raise ShapeError(f"attention_maps: expected weights (heads, queries, keys), got shape {array.shape}")
    names = tokens, tokens if keys is None and array.shape[1] == array.shape[2] else keys
    for given, count, what in zip(names, array.shape[1:], ("tokens", "keys"), strict=True):
        if given is not None and len(given) != count:
            raise ShapeError(f"attention_maps: {len(given)} {what} were given for {count} positions")
    columns = min(len(array), 4)
    rows = math.ceil(len(array) / columns)
    side = float(np.clip(0.22 * max(array.shape[1:]), 2.2, 5.0))
    figure = new_figure(columns * (side + 0.5) + 1.0, rows * (side + 0.6))
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for head, axes in enumerate(panels[: len(array)]):
        _draw(axes, array[head], names, float(array.max()))
        axes.set_title(f"head {head + 1}", loc="left", fontsize=11)
    for axes in panels[len(array) :]:
        axes.remove()
    color_bar(panels[columns - 1], panels[columns - 1].images[0], "weight")
    return figure


def _draw(
    axes: Axes, weights: npt.NDArray[np.float64], names: Sequence[Sequence[str] | None], most: float
) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.imshow(weights, cmap=SEQUENTIAL, vmin=0, vmax=most, interpolation="nearest", aspect="auto")
    rows, columns = names
    if columns is not None and len(columns) <= MOST_TOKENS:
        axes.set_xticks(range(len(columns)), columns, rotation=90)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if rows is not None and len(rows) <= MOST_TOKENS:
        axes.set_yticks(range(len(rows)), rows)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("looks at")
    axes.set_ylabel("position")
