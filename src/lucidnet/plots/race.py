"""Learning rules side by side, over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Unpack

import numpy as np

from ..errors import DataError, short
from .alignment import degrees
from .colors import rule_styles, theme
from .curves import is_steep
from .figures import PictureLook, angle_axis, legend_below, log_axis, panels, picture, tidy, whole_steps
from .images import Array
from .names import entitle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curves: TypeAlias = Mapping[str, Array]
"""For each rule, a quantity in all its runs (seeds, epochs)."""

ANGLES = "alignment"
"""A quantity with this word in its name is a cosine, and drawn as an angle."""
ROUNDING = 1e-5
"""The relative difference up to which curves are called equal."""
FEW = 3
"""With more rules than this, bands have edges, so that they can be told apart where they overlap."""
MARKED = 30
"""With more epochs than this, a few of them are marked, each rule's at other places."""


class Field(NamedTuple):
    """The racers in a picture: the rules, which of them are equal, and how many runs ended early."""

    rules: Sequence[str]
    twins: Mapping[str, str]
    ended: Mapping[str, int]


@picture
def race_curves(
    quantities: Mapping[str, Curves], failed: Mapping[str, int] | None = None, **look: Unpack[PictureLook]
) -> Sequence[Axes]:
    """Draw each quantity over the epochs: a line for the mean of each rule, a band for its spread.

    Parameters
    ----------
    quantities : mapping of str to mapping of str to array (seeds, epochs)
        For each quantity the curves of each rule, as `Race.curves` returns them. Cosines between gradients
        are drawn as angles, in degrees.
    failed : mapping of str to int, optional
        How many runs of each rule ended early; those whose numbers stop before the others' if not given.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each quantity; the band is one standard deviation over the seeds to each side. Rules with
        equal curves are reported as equal; the line of one shows through the dashes of the other. From where
        runs are missing on, the mean of the others is dotted, and the legend counts the missing ones.

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
        raise DataError("race_curves: quantities: there is no run with an epoch: call lucidnet.race first")
    rules = list(dict.fromkeys(rule for curves in drawn.values() for rule in curves))
    field = Field(rules, equal_rules(drawn), _ended(drawn, failed))
    places = panels(len(drawn), 2, 3.6 if len(drawn) > 1 else 5.4, 2.9, look)
    lines: dict[str, Any] = {}
    for axes, (name, curves) in zip(places, drawn.items(), strict=True):
        lines |= _draw(axes, name, curves, field)
    legend_below(places, look, lines | _rest(places, drawn))
    return places


def equal_rules(quantities: Mapping[str, Curves]) -> dict[str, str]:
    """Return, for each rule whose results equal an earlier rule's in all quantities, that rule's name.

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
    """Return curves as arrays (seeds, epochs), without empty ones; NaN after a run that ended early."""
    made = {}
    if not isinstance(curves, Mapping):
        raise DataError(f"race_curves: {name}: expected curves of each rule, by name, got {short(curves)}")
    for rule, runs in curves.items():
        of_one = len(runs) > 0 and all(np.ndim(run) == 0 for run in runs)  # plain numbers: one by epoch
        rows = [np.atleast_1d(np.asarray(run, float)) for run in ([runs] if of_one else runs)]
        longest = max((row.size for row in rows), default=0)
        if longest:
            padded = [np.pad(row, (0, longest - row.size), constant_values=np.nan) for row in rows]
            made[rule] = degrees(padded) if ANGLES in name else np.array(padded)
    return made


def _ended(quantities: Mapping[str, Curves], given: Mapping[str, int] | None) -> dict[str, int]:
    """Return how many runs of each rule ended early, as given or by the length of their curves."""
    if given is None:
        lengths: dict[str, list[Array]] = {}
        for curves in quantities.values():
            for rule, runs in curves.items():
                last = (np.isfinite(runs) * np.arange(1, runs.shape[1] + 1)).max(1)
                lengths.setdefault(rule, []).append(last)
        longest = max(last.max() for found in lengths.values() for last in found)
        # A run that continues has numbers to the end in some quantity, if not in all.
        given = {rule: min(int((last < longest).sum()) for last in f) for rule, f in lengths.items()}
    return {rule: count for rule, count in given.items() if count}


def _label(rule: str, runs: Array, field: Field) -> str:
    """Return the legend entry of a rule."""
    label = f"{rule} = {field.twins[rule]}" if rule in field.twins else rule
    ended = field.ended.get(rule, 0)
    return f"{label} ({ended} of {len(runs)} runs ended early)" if ended else label


def _draw(axes: Axes, name: str, curves: Curves, field: Field) -> dict[str, Any]:
    """Plot one quantity; return the lines by their legend entries."""
    styles, largest = rule_styles(field.rules, axes), 0.0
    lines: dict[str, Any] = {}
    alone = all(runs.shape[1] == 1 for runs in curves.values())
    for rule, runs in curves.items():
        epochs, mean, spread, whole = _mean_and_spread(runs)
        if alone:  # the rules beside each other, not on one line
            epochs = epochs + 0.6 * ((field.rules.index(rule) + 0.5) / len(field.rules) - 0.5)
        style: dict[str, Any] = {**styles[rule]._asdict(), "linewidth": 1.7, "markersize": 4}
        style["markevery"] = _marked(len(epochs), field.rules.index(rule), len(field.rules))
        if rule in field.twins:
            style |= {"linewidth": 1.4, "linestyle": (0, (3, 3)), "zorder": 2.5}
        elif rule in field.twins.values():
            style |= {"linewidth": 3.4, "linestyle": "-", "zorder": 1.9}  # below others that it would cover
        (line,) = axes.plot(epochs, np.where(whole, mean, np.nan), **style, label=_label(rule, runs, field))
        lines[str(line.get_label())] = line
        if not whole.all():  # from the last epoch of all on
            left = ~whole | np.append(~whole[1:], False)
            axes.plot(epochs, np.where(left, mean, np.nan), **{**style, "linestyle": ":", "linewidth": 1.2})
        if len(runs) > 1:
            _draw_band(axes, epochs, mean - spread, mean + spread, style["color"], len(field.rules))
        largest = max(largest, float(np.nanmax(mean + spread, initial=0.0)))
    if alone:
        axes.set_xlim(0.5, 1.5)
    if ANGLES in name:
        angle_axis(axes, largest)
    elif is_steep(name, curves.values()):
        log_axis(axes)
    entitle(axes, _title(name))
    whole_steps(axes, "epoch")
    tidy(axes)
    return lines


def _marked(epochs: int, number: int, rules: int) -> tuple[int, int] | None:
    """Return which epochs of a rule are marked: all of a few; of many some, at other places for each rule."""
    if epochs <= MARKED:
        return None
    every = epochs // 10
    return every * number // rules, every


def _draw_band(axes: Axes, epochs: Array, low: Array, high: Array, color: str, count: int) -> None:
    """Draw a band for a rule's spread; with many rules it is fainter, and has thin edges."""
    from matplotlib.colors import to_rgba

    if len(epochs) == 1:  # a band of no width
        axes.vlines(epochs, low, high, colors=to_rgba(color, 0.3), linewidth=6)
        return
    edge = to_rgba(color, 0.5 if count > FEW else 0.0)
    face = to_rgba(color, min(0.16, 0.3 / count))
    axes.fill_between(epochs, low, high, facecolor=face, edgecolor=edge, linewidth=0.6)


def _mean_and_spread(runs: Array) -> tuple[Array, Array, Array, Array]:
    """Return epochs, and over the seeds mean, deviation, and whether all seeds have a number there.

    If no seed has a number, as in epochs without validation, none counts as missing.
    """
    known = np.isfinite(runs)
    count = np.where(known.any(0), known.sum(0), np.nan)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, runs, 0).sum(0) / count
        spread = np.sqrt((np.where(known, runs - mean, 0) ** 2).sum(0) / count)
    whole: Array = np.asarray(known.all(0) | ~known.any(0))
    return np.arange(1, runs.shape[1] + 1), mean, spread, whole


def _title(name: str) -> str:
    if name.startswith("gradient_alignment"):
        return "angle to the true gradient" + name.removeprefix("gradient_alignment").replace("/", ": ", 1)
    return name.replace("_", " ")


def _rest(places: Sequence[Axes], drawn: Mapping[str, Curves]) -> dict[str, Any]:
    """Return the legend entries of dotted lines and bands, if there are any."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    found: dict[str, Any] = {}
    color = theme(places[0]).muted
    if not all(_mean_and_spread(runs)[3].all() for curves in drawn.values() for runs in curves.values()):
        found["dotted: the runs that are left"] = Line2D([], [], color=color, linestyle=":")
    if max(len(runs) for curves in drawn.values() for runs in curves.values()) > 1:
        found["band: ± 1 standard deviation"] = Patch(color=color, alpha=0.3)
    return found
