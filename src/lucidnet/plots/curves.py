"""Training curves: each quantity over the epochs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..errors import DataError
from .colors import theme
from .figures import PictureLook, log_axis, panels, picture, tidy, whole_steps
from .names import entitle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

History = Mapping[str, Sequence[float]]
Array = np.ndarray[Any, Any]
VALIDATION = "val_"
MARKERS = {"training": "o", "validation": "s"}
THIN, THICK = 1.2, 2.2
"""The line styles of training and validation."""
STEEP = 100.0
"""The ratio to the smallest value from which on a loss is drawn on a logarithmic axis."""


@picture
def training_curves(history: History, **look: Unpack[PictureLook]) -> Sequence[Axes]:
    """Plot each quantity of a history over the epochs, with training and validation in one panel.

    Parameters
    ----------
    history : mapping of names to one value per epoch
        The validation of ``loss`` is called ``val_loss``, and so on.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    DataError
        If the history has no epoch.

    Examples
    --------
    >>> figure = training_curves({"loss": [0.9, 0.4], "val_loss": [0.8, 0.5]})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['training', 'validation']
    """
    names = quantities(history)
    places = panels(len(names), 2, 3.6 if len(names) > 1 else 5.0, 2.9, look)
    for axes, name in zip(places, names, strict=True):
        draw_curve(axes, name, history)
    return places


def quantities(history: History) -> list[str]:
    """Return the names of the measured quantities, in order, without their validation counterparts."""
    names = dict.fromkeys(name.removeprefix(VALIDATION) for name, values in history.items() if len(values))
    if not names:
        raise DataError("training curves: the history holds no epoch; call fit first")
    return list(names)


def draw_curve(axes: Axes, name: str, history: History, whole: History | None = None) -> None:
    """Plot one quantity and its validation counterpart.

    Parameters
    ----------
    axes : Axes
    name : str
    history : mapping of names to one value per epoch
    whole : mapping of names to one value per epoch, optional
        What the axis is for, if `history` is but the beginning of it.
    """
    seen = history if whole is None else whole
    longest = 0
    for label, key, above in (("training", name, 2.1), ("validation", VALIDATION + name, 2.0)):
        values = np.asarray(history.get(key, ()), float)
        if not values.size:
            continue
        color = getattr(theme(axes), label)
        epochs = np.arange(1, values.size + 1)
        few = MARKERS[label] if values.size <= 30 or not has_lines(values) else ""
        width = THIN if label == "training" else THICK
        how: dict[str, Any] = {"marker": few, "markersize": 4, "linewidth": width, "zorder": above}
        axes.plot(epochs, values, color=color, label=label, **how)  # the thin line above the thick one
        # NaN also stands for epochs without validation.
        unmeasured = np.isnan(values) & (label == "validation")
        mark_missing(axes, epochs, np.where(unmeasured, 0.0, values), color)
        longest = max(longest, values.size)
    margin = max(0.5, 0.02 * longest) if longest < 3 else 0.02 * longest
    axes.set_xlim(1 - margin, longest + margin)
    if is_steep(name, [seen.get(key, ()) for key in (name, VALIDATION + name)]):
        log_axis(axes)
    else:
        axes.ticklabel_format(axis="y", useOffset=False)
    entitle(axes, name.replace("_", " "))
    whole_steps(axes, "epoch")
    tidy(axes)
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend(frameon=False, fontsize=9)


def is_steep(name: str, curves: Iterable[Any]) -> bool:
    """Tell whether a loss goes over so many powers of ten that it needs a logarithmic axis.

    Examples
    --------
    >>> is_steep("loss", [[2.0, 1e-6]]), is_steep("loss", [[2.0, 1.0]]), is_steep("accuracy", [[0.001, 1.0]])
    (True, False, False)
    """
    values = np.concatenate([np.ravel(np.asarray(curve, float)) for curve in curves])
    values = values[np.isfinite(values)]
    return "loss" in name and values.size > 0 and bool(0 < STEEP * values.min() < values.max())


def mark_missing(axes: Axes, places: Array, values: Array, color: str) -> None:
    """Mark where a curve has no numbers: by crosses at the bottom, and by words if it has none at all."""
    missing = ~np.isfinite(values)
    if not missing.any():
        return
    height = np.full(missing.sum(), 0.03)
    axes.plot(
        places[missing],
        height,
        "x",
        color=color,
        transform=axes.get_xaxis_transform(),
        label="not finite" if "not finite" not in axes.get_legend_handles_labels()[1] else None,
    )
    if missing.all():
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", color=theme(axes).muted)


def has_lines(values: Array) -> bool:
    """Tell whether two neighbouring numbers are finite, so that a line can be seen."""
    finite = np.isfinite(values)
    return bool((finite[1:] & finite[:-1]).any())
