"""How the distribution of activations, weights or gradients changes over training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..errors import DataError
from .colors import positive_map, theme
from .figures import (
    PictureLook,
    ends,
    legend_below,
    panels,
    percent,
    picture,
    say_left_out,
    settle,
    whole_steps,
)
from .images import Array
from .names import entitle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..training.history import History

Records = Mapping[str, Sequence[tuple[int, Any]]]
BINS = 40
MOST_PANELS = 12
"""With more arrays than this, only the first and the last are drawn."""
FAR, STRETCHED = 0.01, 4.0
"""The share of values on either side that may lie beyond the edges, if they would stretch the axis so."""
TICKS = (0, 0.01, 0.05, 0.2, 0.5, 1)
GAMMA = 0.4  # colours grow faster near zero: rare values stay visible beside the zeros of ReLUs


@picture
def activation_histograms(records: History | Records, **look: Unpack[PictureLook]) -> Sequence[Axes]:
    """Draw a histogram of each recorded array for every step: steps to the right, values upwards.

    Parameters
    ----------
    records : History, or mapping of names to pairs (step, array)
        The history of ``fit(..., record=["activations/*"])``, or its ``steps``; single numbers are left out.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each name; with more than 12, for the first and the last 6. The colour is the share of a
        step's values; lines show the median, and the range that holds nine in ten values. Where a few values
        lie far out, the outermost cells hold them, which the panel's title says.

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
    shown, hidden = ends(list(arrays.items()), MOST_PANELS)
    places = panels(len(shown), 2, 3.6 if len(shown) > 1 else 5.4, 2.9, look)
    for axes, (name, pairs) in zip(places, shown, strict=True):
        _draw(axes, name, pairs)
    if hidden:
        say_left_out(places[len(shown) // 2], f"{hidden} more, not shown")
    legend_below(places, look)
    return places


def _draw(axes: Axes, name: str, pairs: Sequence[tuple[int, Any]]) -> None:
    from matplotlib.colors import PowerNorm

    steps, arrays = np.array([step for step, _ in pairs], float), [np.asarray(a, float) for _, a in pairs]
    shares, edges, cut = histograms(arrays)
    shown = np.ma.masked_equal(shares.T, 0)
    most = float(shares.max()) or 1.0
    cmap = positive_map(axes).with_extremes(bad="none")
    picture = axes.pcolormesh(
        _edges(steps), edges, shown, cmap=cmap, norm=PowerNorm(GAMMA, 0, most), rasterized=True
    )
    ticks = [tick for tick in TICKS if tick <= most]
    bar = axes.figure.colorbar(picture, ax=axes, label="share of the values", ticks=ticks, format=percent)
    settle([bar.ax])
    bar.outline.set_visible(False)
    if not any(np.isfinite(array).any() for array in arrays):
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", color=theme(axes).muted)
    _draw_quantiles(axes, steps, arrays)
    entitle(axes, f"{name}\nouter cells: all beyond" if cut else name)
    whole_steps(axes)
    axes.set_ylabel("value")


def _draw_quantiles(axes: Axes, steps: Array, arrays: Sequence[Array]) -> None:
    """Plot the median, and the 5 % and 95 % quantiles."""
    finite = [array[np.isfinite(array)] for array in arrays]
    lines = np.array([np.quantile(a, (0.05, 0.5, 0.95)) if a.size else (np.nan,) * 3 for a in finite]).T
    marker, ink = "." if len(steps) == 1 else "", theme(axes).mark
    axes.plot(steps, lines[1], color=ink, linewidth=1.8, marker=marker, label="median")
    for line, label in ((lines[0], "nine in ten lie between"), (lines[2], None)):
        axes.plot(steps, line, color=ink, linewidth=0.9, linestyle="--", marker=marker, label=label)


def histograms(arrays: Sequence[Array]) -> tuple[Array, Array, bool]:
    """Return each array's share of values per bin (arrays, bins), the bin edges, and whether some lie beyond.

    Values beyond the edges count in the outermost bins.
    """
    finite = [array[np.isfinite(array)] for array in arrays]
    filled = [array for array in finite if array.size]
    low = min((float(array.min()) for array in filled), default=0.0)
    high = max((float(array.max()) for array in filled), default=1.0)
    most = [np.quantile(array, (FAR, 1 - FAR)) for array in filled]
    inner = (min(a for a, _ in most), max(b for _, b in most)) if most else (low, high)
    if cut := high - low > STRETCHED * (inner[1] - inner[0]) > 0:
        low, high = (float(bound) for bound in inner)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    counts = [np.histogram(np.clip(a, low, high), edges)[0] / max(a.size, 1) for a in finite]
    return np.array(counts), edges, cut


def _edges(steps: Array) -> Array:
    """Return the edges of each step's column, half way to its neighbours."""
    if len(steps) == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middle = (steps[1:] + steps[:-1]) / 2
    return np.array([2 * steps[0] - middle[0], *middle, 2 * steps[-1] - middle[-1]])
