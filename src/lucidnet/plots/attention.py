"""Pictures of where attention looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt

from ..errors import DataError, ShapeError
from ..layers.attention import MultiHeadAttention
from .colors import positive_map
from .figures import WIDE, PictureLook, color_bar, panels, picture, whole_ticks
from .images import real
from .inside import call_of
from .names import name_ticks, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..engine.protocol import Trainee

Array = npt.NDArray[np.float64]
Names = Sequence[Sequence[str] | None]

MARGIN = 0.9
"""The width of the colour bar in inches."""
LONGEST = 16
"""Longer tokens are shortened in the middle."""
LETTER = 0.085
"""The width of a token's letter in inches."""
MOST_TOKENS = 60
"""The most tokens whose names all have room; of more, every second or third is named."""


@picture
def attention_maps(
    model: Trainee,
    x: Any,
    layer: str | None = None,
    tokens: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    **look: Unpack[PictureLook],
) -> Sequence[Axes]:
    """Draw where an attention layer looks for one input: a row for each position, a panel for each head.

    Parameters
    ----------
    model : Trainee
    x : array-like (time, ...)
        One input; of a batch the first is taken.
    layer : str, optional
        The name of the layer, as in ``model.summary()``; the first that attends if not given.
    tokens : sequence of str, optional
        The names of the positions.
    keys : sequence of str, optional
        The names of the positions that are looked at, if these are different ones.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each head, all on one scale.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input((3, 8)), ln.layers.MultiHeadAttention(2)])
    >>> figure = attention_maps(model, np.ones((3, 8)), tokens=["the", "black", "cat"])
    >>> [axes.get_title(loc="left") for axes in figure.axes[:2]]
    ['head 1', 'head 2']
    """
    call = call_of(model, x, layer, "heads", "attention")
    if not isinstance(call.layer, MultiHeadAttention):
        raise ShapeError(f"attention_maps: layer {call.name!r} is no attention but {call.layer!r}")
    weights = np.asarray(call.layer.weights(call.params, call.x, call.run)[0], float)
    return _panels(weights, _names(weights, tokens, keys, "attention_maps"), look)


@picture
def attention_weights(
    weights: npt.ArrayLike,
    tokens: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    **look: Unpack[PictureLook],
) -> Sequence[Axes]:
    """Draw attention weights (heads, queries, keys) or (queries, keys); see `attention_maps`.

    Examples
    --------
    >>> figure = attention_weights(np.full((2, 3, 3), 1 / 3), ["the", "black", "cat"])
    >>> figure.axes[1].get_title(loc="left")
    'head 2'
    """
    array = real(weights, "attention_weights: weights")
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or not array.size:
        raise ShapeError(
            f"attention_weights: expected weights (heads, queries, keys), got shape {array.shape}"
        )
    if (array < 0).any():
        raise DataError(
            f"attention_weights: expected weights of 0 or more, got {np.nanmin(array):g}: of scores take "
            "the softmax"
        )
    return _panels(array, _names(array, tokens, keys, "attention_weights"), look)


def _names(array: Array, tokens: Sequence[str] | None, keys: Sequence[str] | None, what: str) -> Names:
    """Check the names of query and key positions."""
    names = tokens, tokens if keys is None and array.shape[1] == array.shape[2] else keys
    for given, count, kind in zip(names, array.shape[1:], ("tokens", "keys"), strict=True):
        if given is not None and len(given) != count:
            raise ShapeError(f"{what}: {len(given)} {kind} were given for {count} positions")
    return names


def _panels(array: Array, names: Names, look: PictureLook) -> Sequence[Axes]:
    """Draw a panel for each head."""
    rows, columns = (_shown(some) for some in names)
    beside, below = (0.9 + LETTER * max(0, max(map(len, some or [""])) - 4) for some in (rows, columns))
    side = (WIDE - MARGIN) / 2 - beside  # two heads beside each other, where there are no names to read
    most = 5.0 if len(array) == 1 or rows or columns else side
    side = float(np.clip(0.22 * max(array.shape[1:]), 2.2, most))
    side = max(2.2, min(side, WIDE - MARGIN - beside))
    across = max(1, int((WIDE - MARGIN) / (side + beside)))
    places = panels(len(array), across, side + beside, side + below, look, margin=MARGIN)
    largest = float(array[np.isfinite(array)].max(initial=0)) or 1.0
    for head, axes in enumerate(places):
        _draw(axes, array[head], (rows, columns), largest)
        axes.set_title(f"head {head + 1}", loc="left", fontsize=11)
    for last in places[across - 1 :: across] or places[-1:]:
        color_bar(last, last.images[0], "attention weight")
    return places


def _shown(names: Sequence[str] | None) -> list[str] | None:
    """Return names shortened for drawing."""
    return None if names is None else [shortened(str(name), LONGEST) for name in names]


def _draw(axes: Axes, weights: Array, names: Names, most: float) -> None:
    axes.imshow(weights, cmap=positive_map(axes), vmin=0, vmax=most, interpolation="nearest", aspect="auto")
    whole_ticks(axes.xaxis, axes.yaxis)
    for axis, some, turned in ((axes.xaxis, names[1], 90), (axes.yaxis, names[0], 0)):
        if some is not None:
            every = math.ceil(len(some) / MOST_TOKENS)
            size = float(np.clip(300 / len(some), 6, 10))
            name_ticks(axis, range(0, len(some), every), some[::every], rotation=turned, fontsize=size)
    axes.set_xlabel("looks at")
    axes.set_ylabel("position")
