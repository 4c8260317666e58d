"""The learning-rate finder as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from .figures import BLUE, VERMILLION, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning_rate_finder(
    rates: npt.ArrayLike, losses: npt.ArrayLike, suggestion: float | None = None
) -> Figure:
    """Draw the loss of a range test against the learning rate, and the rate that it suggests.

    (Smith 2017, "Cyclical learning rates for training neural networks", section 3.3.)

    Parameters
    ----------
    rates, losses : (steps,)
        The learning rate of each step and the loss there.
    suggestion : float, optional
        The rate to mark.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If there is no step, or rates and losses differ in number.

    Examples
    --------
    >>> figure = learning_rate_finder([1e-3, 1e-2, 1e-1], [2.0, 1.0, 3.0], 1e-2)
    >>> figure.axes[0].get_xscale()
    'log'
    """
    x, y = np.asarray(rates, float), np.asarray(losses, float)
    if x.ndim != 1 or x.shape != y.shape or not x.size:
        raise DataError(
            f"learning_rate_finder: expected one loss per rate, got {x.size} rates and {y.size} losses"
        )
    figure = new_figure(6.0, 3.6)
    axes = figure.add_subplot()
    axes.plot(x, y, color=BLUE, linewidth=1.6)
    if suggestion is not None and np.isfinite(suggestion):
        there = float(np.interp(np.log(suggestion), np.log(x), y))
        axes.axvline(suggestion, color=VERMILLION, linewidth=1, linestyle="--")
        axes.plot([suggestion], [there], "o", color=VERMILLION, label=f"suggestion: {suggestion:.2g}")
        axes.legend(frameon=False)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
