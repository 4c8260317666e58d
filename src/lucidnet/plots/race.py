"""Learning rules side by side, over the epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from .figures import PALETTE, panels
from .images import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "osD^vPX*"

Curves: TypeAlias = Mapping[str, Array]
"""For each rule a quantity of all its runs, (seeds, epochs)."""


def race_curves(quantities: Mapping[str, Curves]) -> Figure:
    """Draw each quantity over the epochs: a line for the mean of each rule, a band for its spread.

    Parameters
    ----------
    quantities : mapping of str to mapping of str to array (seeds, epochs)
        For each quantity the curves of each rule, as `Race.curves` returns them.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each quantity; the band is one standard deviation over the seeds to each side.
    """
    figure, places = panels(len(quantities), 3, 4.4, 3.2, margin=1.2)
    for axes, (name, rules) in zip(places, quantities.items(), strict=True):
        _draw(axes, name, rules)
    figure.legend(*places[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    return figure


def _draw(axes: Axes, name: str, rules: Curves) -> None:
    from matplotlib.ticker import MaxNLocator

    for number, (rule, curves) in enumerate(rules.items()):
        epochs, mean, spread = np.arange(1, curves.shape[1] + 1), curves.mean(0), curves.std(0)
        color, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
        axes.plot(epochs, mean, color=color, marker=marker, markersize=4, linewidth=1.6, label=rule)
        axes.fill_between(epochs, mean - spread, mean + spread, color=color, alpha=0.18, linewidth=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_title(name.replace("_", " "), loc="left", fontsize=11)
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
