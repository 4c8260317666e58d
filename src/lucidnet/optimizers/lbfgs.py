"""L-BFGS: curvature from the last gradients, for the loss of all data at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, TypeAlias

from ..backend import Array, length, namespace
from ..core.settings import finite, whole
from ..core.value import value
from ..errors import SettingError
from .base import Optimizer

Function: TypeAlias = Callable[[Array], tuple[Any, Array]]
"""A function from a vector to a value and its gradient."""

Pair: TypeAlias = tuple[Array, Array]
"""The move made by one iteration, and the change of the gradient."""

DECREASE, CURVATURE = 1e-4, 0.9
"""The constants c1 and c2 of the strong Wolfe conditions (Nocedal & Wright 2006, section 3.1)."""


@value
class LBFGS(Optimizer):
    """x <- x - t H g, with H from the last pairs of steps and gradients (Liu & Nocedal 1989, algorithm 2.1).

    t satisfies the strong Wolfe conditions. It needs the loss at several points, so it is for the full batch;
    `minimize` is the whole method as a pure function. Against ``torch.optim.LBFGS`` with
    ``line_search_fn="strong_wolfe"``: the same directions and first trials, and other
    interpolated trials when the first is not accepted.

    Parameters
    ----------
    learning_rate : float
        The first t that is tried; 1 is right except at the first iteration, which tries min(1, 1 / sum|g|).
    memory : int
        The number of pairs kept; 10 as in SciPy, where PyTorch keeps 100.
    iterations : int
        The most iterations.
    tolerance : float
        It ends when no entry of the gradient is larger.
    change : float
        It ends when no entry of the vector moves by more, or the value changes by less.
    trials : int
        The most points that a line search may try.
    """

    learning_rate: Any = finite(above=0, default=1.0)
    memory: int = whole(1, default=10)
    iterations: int = whole(1, default=100)
    tolerance: float = finite(0, default=1e-7)
    change: float = finite(0, default=1e-9)
    trials: int = whole(1, default=25)

    full_batch: ClassVar[bool] = True
    schedulable: ClassVar[dict[str, float | None]] = {}
    constants: ClassVar[tuple[str, ...]] = ("tolerance", "change")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight_decay or self.clip:
            raise SettingError("LBFGS takes no weight_decay (use l2 of the layers) or clip")

    def move(self, *args: Any, **kwargs: Any) -> None:
        """Raise, as L-BFGS cannot make a step from one gradient."""
        raise SettingError(
            "LBFGS needs the loss at several points, not one gradient per step: train on the full batch, "
            "or call lucidnet.optimizers.lbfgs.minimize(function, vector)"
        )


class Trial(NamedTuple):
    """A trial point of the line search: step length, value, slope along the line, vector, gradient."""

    t: float
    value: float
    slope: float
    vector: Array
    gradient: Array


class LineMinimum(NamedTuple):
    """The result of `minimize`, and why it ended."""

    value: float
    gradient: Array
    iterations: int
    evaluations: int
    reason: str
    pairs: tuple[Pair, ...]


def minimize(
    function: Function, vector: Array, settings: LBFGS | None = None, pairs: tuple[Pair, ...] = ()
) -> tuple[Array, LineMinimum]:
    """Minimize a function of a vector by L-BFGS. Pure: nothing that was given changes.

    Parameters
    ----------
    function : callable
        A function from a vector to its value and gradient.
    vector : array (n,)
        The vector to begin with.
    settings : LBFGS, optional
        The settings.
    pairs : tuple of (array, array)
        The `pairs` of an earlier call, to continue from there.

    Returns
    -------
    array (n,), LineMinimum
        The vector, and how it was found.

    Examples
    --------
    >>> import numpy as np
    >>> x, found = minimize(lambda x: (((x - 3) ** 2).sum(), 2 * (x - 3)), np.zeros(2))
    >>> x.round(6), found.reason
    (array([3., 3.]), 'the gradient is below the tolerance')
    """
    settings = settings or LBFGS()
    value, gradient = function(vector)
    here, evaluations = Trial(0.0, float(value), 0.0, vector, gradient), 1
    reason = "the gradient is below the tolerance" if largest(gradient) <= settings.tolerance else ""
    iterations = 0
    while not reason and iterations < settings.iterations:
        way = direction(here.gradient, pairs)
        line = Line(function, here._replace(t=0.0, slope=float(here.gradient @ way)), way)
        first = 1.0 if pairs else min(1.0, 1.0 / float(namespace(gradient).abs(gradient).sum()))
        there, count = line.search(first * settings.learning_rate, settings)
        iterations, evaluations = iterations + 1, evaluations + count
        reason = ended(here, there, settings)
        pairs = remembered(pairs, here, there, settings.memory)
        here = there
    made = here.value, here.gradient, iterations, evaluations, reason or "all iterations are done", pairs
    return here.vector, LineMinimum(*made)


def direction(gradient: Array, pairs: tuple[Pair, ...]) -> Array:
    """Return -H g by the two loops (Nocedal & Wright 2006, algorithm 7.4)."""
    q, shares = -gradient, []
    for s, y in reversed(pairs):
        shares.append(float(s @ q) / float(s @ y))
        q = q - shares[-1] * y
    if pairs:
        s, y = pairs[-1]
        q = q * (float(s @ y) / float(y @ y))
    for (s, y), share in zip(pairs, reversed(shares), strict=True):
        q = q + (share - float(y @ q) / float(s @ y)) * s
    return q


def remembered(pairs: tuple[Pair, ...], here: Trial, there: Trial, memory: int) -> tuple[Pair, ...]:
    """Return the pairs with one more added, unless its curvature is not positive."""
    s, y = there.vector - here.vector, there.gradient - here.gradient
    if float(s @ y) > 1e-10 * length(s) * length(y):
        return (*pairs, (s, y))[-memory:]
    return pairs


def ended(here: Trial, there: Trial, settings: LBFGS) -> str:
    """Return why the iteration ended; "" if it goes on."""
    if largest(there.gradient) <= settings.tolerance:
        return "the gradient is below the tolerance"
    if largest(there.vector - here.vector) <= settings.change:
        return "the vector does not change any more"
    if abs(there.value - here.value) < settings.change:
        return "the value does not change any more"
    return ""


def largest(vector: Array) -> float:
    """Return the largest absolute value."""
    return float(namespace(vector).abs(vector).max())


class Line(NamedTuple):
    """A function restricted to a line, from a point in a direction."""

    function: Function
    start: Trial
    way: Array

    def at(self, t: float) -> Trial:
        """Evaluate the function at a distance along the line."""
        vector = self.start.vector + t * self.way
        value, gradient = self.function(vector)
        return Trial(t, float(value), float(gradient @ self.way), vector, gradient)

    def search(self, t: float, settings: LBFGS) -> tuple[Trial, int]:
        """Find a point that satisfies the strong Wolfe conditions; return it, and the number of trials.

        (Nocedal & Wright 2006, algorithm 3.5.) If there is none, the best point so far is returned.
        """
        last = self.start
        for count in range(1, settings.trials + 1):
            trial = self.at(t)
            if self.too_high(trial) or (count > 1 and trial.value >= last.value):
                return self.zoom(last, trial, count, settings)
            if self.flat(trial):
                return trial, count
            if trial.slope >= 0:
                return self.zoom(trial, last, count, settings)
            t = cubic(last, trial, t + 0.01 * (t - last.t), 10 * t)
            last = trial
        return last, settings.trials

    def zoom(self, low: Trial, high: Trial, count: int, settings: LBFGS) -> tuple[Trial, int]:
        """Narrow an interval that contains such points (Nocedal & Wright 2006, algorithm 3.6)."""
        scale = largest(self.way)
        while count < settings.trials and abs(high.t - low.t) * scale > settings.change:
            margin = 0.1 * abs(high.t - low.t)
            ends = sorted((low.t, high.t))
            trial, count = self.at(cubic(low, high, ends[0] + margin, ends[1] - margin)), count + 1
            if self.too_high(trial) or trial.value >= low.value:
                high = trial
                continue
            if self.flat(trial):
                return trial, count
            low, high = trial, low if trial.slope * (high.t - low.t) >= 0 else high
        return low, count

    def too_high(self, trial: Trial) -> bool:
        """Tell whether the value has not decreased enough (or is NaN)."""
        return not trial.value <= self.start.value + DECREASE * trial.t * self.start.slope

    def flat(self, trial: Trial) -> bool:
        """Tell whether the slope has come near enough to 0."""
        return abs(trial.slope) <= -CURVATURE * self.start.slope


def cubic(a: Trial, b: Trial, least: float, most: float) -> float:
    """Return the minimum of the cubic through two points and slopes (Nocedal & Wright 2006, equation 3.59).

    It is clipped to the bounds; if there is no minimum, the middle of the bounds is returned.
    """
    if a.t > b.t:
        a, b = b, a
    bend = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
    square = bend * bend - a.slope * b.slope
    if not 0 <= square < math.inf:
        return (least + most) / 2
    root = math.sqrt(square)
    below = b.slope - a.slope + 2 * root
    t = b.t - (b.t - a.t) * (b.slope + root - bend) / below if below else math.nan
    return min(max(t, least), most) if math.isfinite(t) else (least + most) / 2
