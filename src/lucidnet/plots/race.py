"""Learning rules side by side, over the epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .figures import PALETTE, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..lab.racing import Race

MARKERS = "osD^vPX*"


def race_curves(race: Race) -> Figure:
    """Draw each quantity over the epochs: a line for the mean of each rule, a band for its spread.

    Parameters
    ----------
    race : Race
        What `lucidnet.race` returned.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each quantity; the band is one standard deviation over the seeds to each side.
    """
    names = race.quantities
    figure, places = panels(len(names), 3, 4.4, 3.2, margin=1.2)
    for axes, name in zip(places, names, strict=True):
        _draw(axes, race, name)
    figure.legend(*places[0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    return figure


def _draw(axes: Axes, race: Race, name: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for number, rule in enumerate(race.rules):
        curves = race.curves(rule, name)
        epochs, mean, spread = np.arange(1, curves.shape[1] + 1), curves.mean(0), curves.std(0)
        color, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
        axes.plot(epochs, mean, color=color, marker=marker, markersize=4, linewidth=1.6, label=rule)
        axes.fill_between(epochs, mean - spread, mean + spread, color=color, alpha=0.18, linewidth=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_title(name.replace("_", " "), loc="left", fontsize=11)
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
