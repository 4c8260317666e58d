"""How the distribution of activations, weights or gradients changes over training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .figures import SEQUENTIAL, panels
from .images import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..training.history import History

Records = Mapping[str, Sequence[tuple[int, Any]]]
BINS = 50
GAMMA = 0.4  # colours grow faster near zero: rare values stay visible beside the zeros of ReLUs


def activation_histograms(records: History | Records) -> Figure:
    """Draw a histogram of each recorded array for every step: steps to the right, values upwards.

    Parameters
    ----------
    records : History, or mapping of names to pairs (step, array)
        The history of ``fit(..., record=["activations/*"])``, or its ``steps``; single numbers are left out.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each name. The colour is the share of the values of that step.

    Raises
    ------
    DataError
        If nothing was recorded.

    Examples
    --------
    >>> records = {"activations/dense1": [(0, np.zeros(8)), (10, np.linspace(-1, 1, 8))]}
    >>> figure = activation_histograms(records)
    >>> figure.axes[0].get_title(loc="left")
    'activations/dense1'
    """
    steps: Records = getattr(records, "steps", records)
    arrays = {name: pairs for name, pairs in steps.items() if any(np.size(a) > 1 for _, a in pairs)}
    if not arrays:
        raise DataError('activation_histograms: no arrays were recorded: fit(..., record=["activations/*"])')
    figure, places = panels(len(arrays), 3, 4.4, 3.2)
    for axes, (name, pairs) in zip(places, arrays.items(), strict=True):
        _draw(axes, name, pairs)
    return figure


def _draw(axes: Axes, name: str, pairs: Sequence[tuple[int, Any]]) -> None:
    from matplotlib.colors import PowerNorm

    steps = np.array([step for step, _ in pairs], float)
    shares, edges = histograms([np.asarray(array, float) for _, array in pairs])
    shown = np.ma.masked_equal(shares.T, 0)
    picture = axes.pcolormesh(
        _edges(steps), edges, shown, cmap=SEQUENTIAL, norm=PowerNorm(GAMMA, 0), rasterized=True
    )
    bar = axes.figure.colorbar(picture, ax=axes, label="share of the values")
    bar.outline.set_visible(False)
    axes.set_title(name, loc="left", fontsize=11)
    axes.set_xlabel("step")
    axes.set_ylabel("value")


def histograms(arrays: Sequence[Array]) -> tuple[Array, Array]:
    """Return the share of each array's values in each bin (arrays, bins), and the edges of the bins."""
    finite = [array[np.isfinite(array)] for array in arrays]
    low = min((float(array.min()) for array in finite if array.size), default=0.0)
    high = max((float(array.max()) for array in finite if array.size), default=1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    counts = [np.histogram(array, edges)[0] / max(array.size, 1) for array in finite]
    return np.array(counts), edges


def _edges(steps: Array) -> Array:
    """Return where the column of each step begins and ends: half way to its neighbours."""
    if len(steps) == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middle = (steps[1:] + steps[:-1]) / 2
    return np.array([2 * steps[0] - middle[0], *middle, 2 * steps[-1] - middle[-1]])
