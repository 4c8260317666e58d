"""Learning rules side by side, over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

import numpy as np

from ..errors import DataError
from .alignment import degrees
from .colors import rule_styles, theme
from .figures import Look, angle_axis, legend_below, panels, picture, tidy
from .images import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curves: TypeAlias = Mapping[str, Array]
"""For each rule a quantity of all its runs, (seeds, epochs)."""

ANGLES = "alignment"
"""A quantity with this word in its name is a cosine, and drawn as an angle."""
ROUNDING = 1e-5
"""What curves may differ by, as a share of their numbers, and still be called equal."""
STEEP = 30.0
"""From so many times the smallest value on, a loss is drawn on a logarithmic axis."""


@picture
def race_curves(quantities: Mapping[str, Curves], **look: Unpack[Look]) -> Sequence[Axes]:
    """Draw each quantity over the epochs: a line for the mean of each rule, a band for its spread.

    Parameters
    ----------
    quantities : mapping of str to mapping of str to array (seeds, epochs)
        For each quantity the curves of each rule, as `Race.curves` returns them. Cosines between gradients
        are drawn as angles, in degrees.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each quantity; the band is one standard deviation over the seeds to each side. Rules whose
        curves are equal are said to be equal; the line of one shows through the dashes of the other.

    Raises
    ------
    DataError
        If there is nothing to draw.

    Examples
    --------
    >>> figure = race_curves({"loss": {"backprop": [[2.0, 1.0]], "fa": [[2.0, 1.5]]}})
    >>> figure.axes[0].lines[1].get_ydata().tolist()
    [2.0, 1.5]
    """
    drawn = {name: _arrays(name, curves) for name, curves in quantities.items()}
    drawn = {name: curves for name, curves in drawn.items() if curves}
    if not drawn:
        raise DataError("race_curves: there is no run with an epoch: call lucidnet.race first")
    rules = list(dict.fromkeys(rule for curves in drawn.values() for rule in curves))
    twins = equal_rules(drawn)
    places = panels(len(drawn), 2, 3.6 if len(drawn) > 1 else 5.4, 2.9, look)
    for axes, (name, curves) in zip(places, drawn.items(), strict=True):
        _draw(axes, name, curves, rules, twins)
    legend_below(places, look, _band(places, drawn))
    return places


def equal_rules(quantities: Mapping[str, Curves]) -> dict[str, str]:
    """Return for each rule that does what an earlier one does, in all quantities, the name of that.

    Examples
    --------
    >>> equal_rules({"loss": {"rflo": np.ones((1, 2)), "bptt": np.zeros((1, 2)), "eprop": np.ones((1, 2))}})
    {'eprop': 'rflo'}
    """
    rules = list(dict.fromkeys(rule for curves in quantities.values() for rule in curves))
    twins: dict[str, str] = {}
    for number, rule in enumerate(rules):
        for other in rules[:number]:
            if other not in twins and all(_alike(c.get(rule), c.get(other)) for c in quantities.values()):
                twins[rule] = other
                break
    return twins


def _alike(one: Array | None, two: Array | None) -> bool:
    if one is None or two is None:
        return one is two
    return one.shape == two.shape and np.allclose(one, two, rtol=ROUNDING, atol=0, equal_nan=True)


def _arrays(name: str, curves: Curves) -> dict[str, Array]:
    """Return the curves as arrays (seeds, epochs), if they have any; NaN follows a run that ended early."""
    made = {}
    for rule, runs in curves.items():
        rows = [np.atleast_1d(np.asarray(run, float)) for run in runs]
        longest = max((row.size for row in rows), default=0)
        if longest:
            padded = [np.pad(row, (0, longest - row.size), constant_values=np.nan) for row in rows]
            made[rule] = degrees(padded) if ANGLES in name else np.array(padded)
    return made


def _draw(axes: Axes, name: str, curves: Curves, rules: Sequence[str], twins: Mapping[str, str]) -> None:
    from matplotlib.ticker import MaxNLocator

    styles, largest = rule_styles(rules, axes), 0.0
    for rule, runs in curves.items():
        epochs, mean, spread = _mean_and_spread(runs)
        style, twin = styles[rule]._asdict(), rule in twins
        wide = {"linewidth": 1.4, "linestyle": (0, (3, 3)), "zorder": 2.5} if twin else {"linewidth": 1.7}
        if rule in twins.values():
            wide = {"linewidth": 3.4, "linestyle": "-"}
        label = f"{rule} = {twins[rule]}" if twin else rule
        axes.plot(epochs, mean, **{**style, **wide}, markersize=4, label=label)
        if len(runs) > 1:
            band: Any = {"color": style["color"], "alpha": 0.16, "linewidth": 0}
            axes.fill_between(epochs, mean - spread, mean + spread, **band)
        largest = max(largest, float(np.nanmax(mean + spread, initial=0.0)))
    if ANGLES in name:
        angle_axis(axes, largest)
    elif _steep(name, curves):
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_title(_title(name), loc="left", fontsize=11)
    axes.set_xlabel("epoch")
    tidy(axes)


def _mean_and_spread(runs: Array) -> tuple[Array, Array, Array]:
    """Return epochs, mean and standard deviation over the seeds that have a number there."""
    known = np.isfinite(runs)
    count = np.where(known.any(0), known.sum(0), np.nan)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, runs, 0).sum(0) / count
        spread = np.sqrt((np.where(known, runs - mean, 0) ** 2).sum(0) / count)
    return np.arange(1, runs.shape[1] + 1), mean, spread


def _steep(name: str, curves: Curves) -> bool:
    values = np.concatenate([runs.ravel() for runs in curves.values()])
    values = values[np.isfinite(values)]
    return "loss" in name and values.size > 0 and values.min() > 0 and values.max() > STEEP * values.min()


def _title(name: str) -> str:
    if name.startswith("gradient_alignment"):
        return "angle to the true gradient" + name.removeprefix("gradient_alignment").replace("/", ": ", 1)
    return name.replace("_", " ")


def _band(places: Sequence[Axes], drawn: Mapping[str, Curves]) -> dict[str, Any]:
    """Return what the legend says of the bands, if there are any."""
    from matplotlib.patches import Patch

    seeds = max(len(runs) for curves in drawn.values() for runs in curves.values())
    if seeds < 2:
        return {}
    return {"band: ± 1 standard deviation": Patch(color=theme(places[0]).muted, alpha=0.3)}
