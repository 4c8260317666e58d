"""Training curves: each quantity over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .figures import BLUE, VERMILLION, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

History = Mapping[str, Sequence[float]]
VALIDATION = "val_"
STYLES = {"training": (BLUE, "o"), "validation": (VERMILLION, "s")}


def training_curves(history: History) -> Figure:
    """Draw each quantity of a history over the epochs, training and validation in one panel.

    Parameters
    ----------
    history : mapping of names to one value per epoch
        The validation of ``loss`` is called ``val_loss``, and so on.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If there is no epoch in the history.

    Examples
    --------
    >>> figure = training_curves({"loss": [0.9, 0.4], "val_loss": [0.8, 0.5]})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['training', 'validation']
    """
    names = quantities(history)
    figure, places = panels(len(names), 3, 4.2, 3.2)
    for axes, name in zip(places, names, strict=True):
        draw_curve(axes, name, history)
    return figure


def quantities(history: History) -> list[str]:
    """Return the names of what was measured, in order, without their validation twins."""
    names = dict.fromkeys(name.removeprefix(VALIDATION) for name, values in history.items() if len(values))
    if not names:
        raise DataError("training curves: the history holds no epoch; call fit first")
    return list(names)


def draw_curve(axes: Axes, name: str, history: History) -> None:
    """Draw one quantity and its validation twin."""
    from matplotlib.ticker import MaxNLocator

    longest = 0
    for label, key in (("training", name), ("validation", VALIDATION + name)):
        values = np.asarray(history.get(key, ()), float)
        if not values.size:
            continue
        color, marker = STYLES[label]
        epochs = np.arange(1, values.size + 1)
        few = marker if values.size <= 30 else ""
        axes.plot(epochs, values, color=color, marker=few, markersize=4, linewidth=1.6, label=label)
        longest = max(longest, values.size)
    margin = max(0.5, 0.02 * longest) if longest < 3 else 0.02 * longest
    axes.set_xlim(1 - margin, longest + margin)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.set_title(name.replace("_", " "), loc="left", fontsize=11)
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if len(axes.lines) > 1:
        axes.legend(frameon=False, fontsize=9)
