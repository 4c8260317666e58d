"""How far predictions are from their targets: MAE, MSE, RMSE and R².

Sums are kept in float64, one per column of the targets; the result is the mean over columns.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..core.value import value
from .arrays import Array, Data, Weight, column_pair, weights
from .base import NO_EXAMPLES, Mean, Metric, Sums


def _pair_and_weight(
    name: str, y: Data, prediction: Data, sample_weight: Weight
) -> tuple[Array, Array, Array]:
    target, guess = column_pair(name, y, prediction)
    if sample_weight is None:
        return target, guess, np.ones(len(target))
    return target, guess, weights(name, sample_weight, len(np.asarray(y)), len(target))


def _steps(known: Any, target: Array) -> int:
    """Return how many time steps had columns of their own in a sum of a checkpoint of before; 1 if none."""
    return int(np.size(known)) // target.shape[1] or 1


class _MeanOfErrors(Mean):
    """A mean of errors, computed for each column."""

    better = "min"
    size: ClassVar[np.ufunc]  # how much a single error counts
    scale: ClassVar[np.ufunc] = np.positive  # what is reported for the mean of a column

    def update(self, state: Sums, y: Data, prediction: Data, sample_weight: Weight = None) -> Sums:
        """Add the errors of one batch."""
        target, guess, weight = _pair_and_weight(self.name, y, prediction, sample_weight)
        before, count = state
        if (steps := _steps(before, target)) > 1:
            before, count = np.reshape(before, (steps, -1)).sum(0), count * steps
        return before + weight @ self.size(guess - target), count + float(weight.sum())

    def value(self, state: Sums) -> float:
        """Return the mean over columns."""
        return float(np.mean(self.scale(state[0] / state[1])))


@value
class MAE(_MeanOfErrors):
    """The mean absolute error; see `mae`."""

    name = "mae"
    size = np.abs


@value
class MSE(_MeanOfErrors):
    """The mean squared error; see `mse`."""

    name = "mse"
    size = np.square


@value
class RMSE(_MeanOfErrors):
    """The root of the mean squared error; see `rmse`."""

    name = "rmse"
    size = np.square
    scale = np.sqrt


class R2State(NamedTuple):
    """The state of R²: mean and squared deviations of the targets less `shift`, and squared errors."""

    rows: int
    weight: float
    shift: Any
    mean: Any
    deviations: Any
    errors: Any


@value
class R2(Metric[R2State]):
    """The coefficient of determination; see `r2`.

    Batches are joined by the pairwise formula of Chan, Golub & LeVeque (1983, The American Statistician 37),
    on targets less their first row, so that large offsets cost no digits.
    """

    name = "r2"
    better = "max"

    def start(self) -> R2State:
        """Return the state of no examples."""
        return R2State(0, 0.0, 0.0, 0.0, 0.0, 0.0)

    def update(self, state: R2State, y: Data, prediction: Data, sample_weight: Weight = None) -> R2State:
        """Merge the moments of a batch into the state."""
        target, guess, weight = _pair_and_weight(self.name, y, prediction, sample_weight)
        total = float(weight.sum())
        if not total:
            return state._replace(rows=state.rows + len(target))
        if (steps := _steps(state.mean, target)) > 1:
            parts = zip(*(np.reshape(sums, (steps, -1)) for sums in state[2:]), strict=True)
            state = reduce(self.merge, (R2State(state.rows, state.weight, *part) for part in parts))
        shift = state.shift if state.weight else target[0]
        shifted = target - shift
        mean = weight @ shifted / total
        deviations = weight @ np.square(shifted - mean)
        errors = weight @ np.square(guess - target)
        return self.merge(state, R2State(len(target), total, shift, mean, deviations, errors))

    def merge(self, one: R2State, other: R2State) -> R2State:
        """Merge the moments of two states."""
        if not (one.weight and other.weight):
            return (one if one.weight else other)._replace(rows=one.rows + other.rows)
        joined = one.weight + other.weight
        step = other.mean + (other.shift - one.shift) - one.mean
        return R2State(
            rows=one.rows + other.rows,
            weight=joined,
            shift=one.shift,
            mean=one.mean + step * (other.weight / joined),
            deviations=one.deviations + other.deviations + step**2 * (one.weight * other.weight / joined),
            errors=one.errors + other.errors,
        )

    def value(self, state: R2State) -> float:
        """Return the mean over columns; a constant column counts as 1 if predicted exactly, else as 0."""
        varied = state.deviations > 0
        constant = np.where(state.errors == 0, 0.0, np.where(np.isnan(state.errors), math.nan, 1.0))
        return float(np.mean(1 - np.divide(state.errors, state.deviations, out=constant, where=varied)))

    def undefined(self, state: R2State) -> str | None:
        """Say that one example is too few, as it has no variance."""
        if state.rows < 2:
            return f"at least 2 examples are needed, got {state.rows}"
        return None if state.weight else NO_EXAMPLES


def mae(y: Data, prediction: Data, sample_weight: Weight = None) -> float:
    """Return the mean absolute error, mean |prediction - y|.

    Parameters
    ----------
    y, prediction : (n,) or (n, ..., columns), of the same shape
        The time steps of sequences count as examples do.
    sample_weight : (n,), optional

    Examples
    --------
    >>> mae([1.0, 2.0], [1.5, 1.0])
    0.75
    """
    return MAE()(y, prediction, sample_weight)


def mse(y: Data, prediction: Data, sample_weight: Weight = None) -> float:
    """Return the mean squared error, mean (prediction - y)². Parameters: see `mae`.

    Examples
    --------
    >>> mse([1.0, 2.0], [1.5, 1.0])
    0.625
    """
    return MSE()(y, prediction, sample_weight)


def rmse(y: Data, prediction: Data, sample_weight: Weight = None) -> float:
    """Return the root of the mean squared error, in the unit of the targets. Parameters: see `mae`.

    The root is taken per column of the targets, and then the mean, as in scikit-learn.

    Examples
    --------
    >>> rmse([1.0, 2.0], [4.0, 5.0])
    3.0
    """
    return RMSE()(y, prediction, sample_weight)


def r2(y: Data, prediction: Data, sample_weight: Weight = None) -> float:
    """Return R² = 1 - Σ (y - prediction)² / Σ (y - mean y)²: 1 is perfect, 0 as good as the mean.

    Parameters as for `mae`; several columns count equally. A constant column gives 1 if it is met
    exactly and 0 otherwise, as in scikit-learn.

    Raises
    ------
    DataError
        If there are fewer than two examples.

    Examples
    --------
    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    """
    return R2()(y, prediction, sample_weight)
