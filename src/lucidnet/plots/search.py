"""The learning-rate finder as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from .colors import theme
from .curves import has_lines, is_steep, mark_missing
from .figures import PictureLook, legend_below, log_axis, panels, picture, tidy
from .images import real

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@picture
def learning_rate_finder(
    rates: npt.ArrayLike, losses: npt.ArrayLike, suggestion: float | None = None, **look: Unpack[PictureLook]
) -> Sequence[Axes]:
    """Plot the loss of a range test against the learning rate, and mark the suggested rate.

    (Smith 2017, "Cyclical learning rates for training neural networks", section 3.3, plots the accuracy.)

    Parameters
    ----------
    rates, losses : (steps,)
        The learning rate of each step and the loss there.
    suggestion : float, optional
        The rate to mark.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If there is no step, rates and losses differ in number, or a rate is not above 0.

    Examples
    --------
    >>> figure = learning_rate_finder([1e-3, 1e-2, 1e-1], [2.0, 1.0, 3.0], 1e-2)
    >>> figure.axes[0].get_xscale()
    'log'
    """
    x, y = real(rates, "learning_rate_finder: rates"), real(losses, "learning_rate_finder: losses")
    if x.ndim != 1 or x.shape != y.shape or not x.size:
        raise DataError(
            f"learning_rate_finder: expected one loss per rate, got {x.size} rates and {y.size} losses"
        )
    if not (x > 0).all():
        raise DataError("learning_rate_finder: rates: expected learning rates above 0")
    (axes,) = panels(1, 1, 6.0, 3.6, look)
    colors = theme(axes)
    axes.plot(x, y, color=colors.lines[0], linewidth=1.6, marker="" if has_lines(y) else "o")
    if suggestion is not None and np.isfinite(suggestion):
        there = float(np.interp(np.log(suggestion), np.log(x), y))
        axes.axvline(suggestion, color=colors.mark, linewidth=1, linestyle="--")
        axes.plot([suggestion], [there], "o", color=colors.mark, label=f"suggestion: {suggestion:.2g}")
    log_axis(axes, "x")
    if x.min() == x.max():
        axes.set_xlim(x[0] / 10, x[0] * 10)
    if is_steep("loss", [y]):
        log_axis(axes)
    mark_missing(axes, x, y, colors.lines[0])
    if axes.get_legend_handles_labels()[1]:
        legend_below([axes], look)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    tidy(axes)
    return [axes]
