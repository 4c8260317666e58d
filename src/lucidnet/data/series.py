"""Time series as examples: windows of the past, and what comes after them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.calls import takes
from ..core.finite import check_finite
from ..core.numeric import numeric
from ..core.settings import count
from ..errors import DataError, MeaningWarning, lookup
from .column import a_column
from .named import columns_of, values_of

Array = npt.NDArray[Any]
FEW = 0.05
"""Gaps at no more than this share of the steps are no rule."""


@takes(
    history=count(1),
    horizon=count(1),
    stride=count(1),
    target=a_column(optional=True),
)
def windows(
    series: Any, *, history: int, horizon: int = 1, stride: int = 1, target: str | int | None = None
) -> tuple[Array, Array]:
    """Cut a time series into windows and the values that follow each: ``x, y`` for forecasting.

    Window i holds the values from time ``i * stride`` on, `history` of them; its targets are the `horizon`
    values after it. Windows and targets lie wholly in the series; what is left over at its end is not used.

    ======================  =========================  ==============================
    series                  x                          y
    ======================  =========================  ==============================
    (time,)                 (n, history)               (n, horizon)
    (time, features)        (n, history, features)     (n, horizon, features)
    with `target`           (n, history, features)     (n, horizon)
    ======================  =========================  ==============================

    A dense network takes (n, history) directly, and several features after a ``Flatten()``; recurrent layers
    and convolutions take (n, history, features): for a single feature give them ``series[:, None]`` with
    ``target=0``, so that ``Dense(horizon)`` at the end fits y. To split such examples, split the series
    first; otherwise windows of both parts overlap.

    Parameters
    ----------
    series : array-like (time,) or (time, features), or frame
        The values in the order of time.
    history : int
        How many values a window has.
    horizon : int
        How many values after it are to be forecast.
    stride : int
        How many time steps lie between the beginnings of two windows.
    target : str or int, optional
        The feature to forecast: a column name of a frame, or a number; all features if not given.

    Returns
    -------
    x, y : array
        In the dtype of the series, whole numbers as float64. They cannot be written into, as windows share
        the values where they overlap: that takes no more memory than the series.

    Raises
    ------
    DataError
        If the series is too short, a value is missing, or the times in its index (of pandas) go back.

    Warns
    -----
    MeaningWarning
        If a few times are missing in the index, or stand twice, and not at equal distances.

    Examples
    --------
    >>> x, y = windows([1.0, 2.0, 3.0, 4.0, 5.0], history=2)
    >>> x.tolist(), y.tolist()
    ([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]], [[3.0], [4.0], [5.0]])
    """
    _check_order(series)
    values = np.array(numeric(values_of(series), "windows: series"))
    if values.ndim not in (1, 2):
        raise DataError(f"windows: expected a series (time,) or (time, features), got shape {values.shape}")
    column = None if target is None else _column(series, values, target)
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    needed = history + horizon
    if len(values) < needed:
        raise DataError(
            f"windows: history={history} and horizon={horizon} need {needed} time steps or more, and the "
            f"series has {len(values)}"
        )
    check_finite(values, "windows: series")
    both = np.lib.stride_tricks.sliding_window_view(values, needed, axis=0)[::stride]
    both = both if values.ndim == 1 else both.swapaxes(1, 2)
    x, y = both[:, :history], both[:, history:]
    return x, y if column is None else y[..., column]


def _check_order(series: Any) -> None:
    """Raise if a series of pandas has times in its index that are not in order."""
    index: Any = getattr(series, "index", None)
    kind = getattr(getattr(index, "dtype", None), "kind", "")
    timed = kind == "M" or type(index).__name__ == "PeriodIndex"
    if timed and not index.is_monotonic_increasing:
        row = next(i for i in range(1, len(index)) if not index[i - 1] <= index[i])
        raise DataError(
            f"windows: the index of the series goes back in time, from {index[row - 1]} to {index[row]}: "
            "sort it, series.sort_index()"
        )
    if kind == "M" and len(index) > 2:
        _check_gaps(index)


def _check_gaps(index: Any) -> None:
    """Warn if a few times lack in an index, or stand twice: windows would go on across them."""
    steps: Array = np.diff(index.to_numpy("datetime64[ns]").astype(np.int64))
    places: Array = np.flatnonzero((steps > 1.5 * float(np.median(steps))) | (steps == 0))
    apart = np.unique(np.diff(places), return_counts=True)[1]
    regular = len(apart) and 2 * apart.max() > len(places)  # as nights are, when markets close
    if regular or not 0 < len(places) <= max(1, FEW * len(steps)):  # or weekends
        return
    row = int(places[0])
    where = f"{len(places)} places, first" if len(places) > 1 else "one place,"
    kind = "times are missing" if steps[row] else "times stand twice"
    warnings.warn(
        f"windows: {kind} in the index at {where} between {index[row]} and {index[row + 1]}, and windows go "
        "on across that: fill in what is missing (series.asfreq, interpolate), or cut the series there",
        MeaningWarning,
        stacklevel=6,
    )


def _column(series: Any, values: Array, target: str | int) -> int:
    """Return the number of the feature that is forecast."""
    if values.ndim == 1:
        raise DataError(f"windows: target={target!r} has no effect on a series of one feature: leave it out")
    number: int
    features = values.shape[1]
    if isinstance(target, str):
        names = columns_of(series)
        if names is None:
            raise DataError(
                f"windows: the series has no names of columns: give target={target!r} as a number"
            )
        number = lookup("column", target, {name: i for i, name in enumerate(names)})
        return number
    if not -features <= target < features:
        raise DataError(f"windows: target={target} of {features} features: give 0 to {features - 1}")
    number = target % features
    return number
