"""Schedules that go from one value to another."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any

from ...core.settings import UnfitError, between, choice, finite, listed, real, setting, whole
from ...core.value import value
from .base import Schedule

CURVES = ("constant", "linear", "cosine")


@value
class StepDecay(Schedule):
    """``start * factor ** (step // every)``: a drop now and then (PyTorch's ``StepLR``).

    Parameters
    ----------
    start : float
        The value at step 0.
    every : int
        The number of steps between drops.
    factor : float
        The factor of each drop; at least 0 and at most 1.
    """

    start: float = finite()
    every: int = whole(1)
    factor: float = between(0, 1, default=0.1)

    def __call__(self, step: int) -> float:
        """Return the value at a step."""
        return self.start * self.factor ** (step // self.every)


@value
class ExponentialDecay(Schedule):
    """``start * factor ** (step / every)``: smooth decay (PyTorch's ``ExponentialLR``, with every = 1).

    Parameters
    ----------
    start : float
        The value at step 0.
    factor : float
        The factor for every `every` steps; above 0 and at most 1.
    every : int
        The number of steps that the factor is for.
    """

    start: float = finite()
    factor: float = finite(above=0, most=1)
    every: int = whole(1, default=1)

    def __call__(self, step: int) -> float:
        """Return the value at a step."""
        return self.start * math.pow(self.factor, step / self.every)


@value
class TimeDecay(Schedule):
    """``start / (1 + decay * step)``: decay that slows down, as 1 / step in the end (Robbins & Monro 1951).

    Parameters
    ----------
    start : float
        The value at step 0.
    decay : float
        After 1 / decay steps the value is half of that; 0 or more.
    """

    start: float = finite()
    decay: float = finite(0)

    def __call__(self, step: int) -> float:
        """Return the value at a step."""
        return self.start / (1 + self.decay * step)


@value
class Polynomial(Schedule):
    """``stop + (start - stop) * (1 - step / steps) ** power``, a straight line for power 1.

    With stop = 0 this is PyTorch's ``PolynomialLR``; with power 1 it is its ``LinearLR``.

    Parameters
    ----------
    start, stop : float
        The values at step 0 and from step `steps` on.
    steps : int
        The number of steps between them.
    power : float
        The exponent.
    """

    start: float = finite()
    stop: float = finite()
    steps: int = whole(1)
    power: float = finite(above=0, default=1.0)

    def __call__(self, step: int) -> float:
        """Return the value at a step."""
        left = 1 - min(step / self.steps, 1)
        return self.stop + (self.start - self.stop) * math.pow(left, self.power)


@value
class Cosine(Schedule):
    """``stop + (start - stop) * (1 + cos(pi step / steps)) / 2``, half a wave.

    (Loshchilov & Hutter 2017, "SGDR", equation 5.) PyTorch's ``CosineAnnealingLR`` rises again after `steps`,
    this stays at `stop`.

    Parameters
    ----------
    start, stop : float
        The values at step 0 and from step `steps` on.
    steps : int
        The number of steps between them.
    """

    start: float = finite()
    stop: float = finite()
    steps: int = whole(1)

    def __call__(self, step: int) -> float:
        """Return the value at a step."""
        return blend("cosine", self.start, self.stop, min(step / self.steps, 1))


@value
class CosineRestarts(Schedule):
    """`Cosine` again and again (Loshchilov & Hutter 2017, SGDR).

    PyTorch's ``CosineAnnealingWarmRestarts``, which has no `shrink`; Keras' ``CosineDecayRestarts``.

    Parameters
    ----------
    start, stop : float
        The values between which each wave falls; `stop` itself is never reached.
    steps : int
        The length of the first wave.
    stretch : int
        How many times longer each wave is than the one before.
    shrink : float
        The factor on `start` at each restart; at least 0 and at most 1.
    """

    start: float = finite()
    stop: float = finite()
    steps: int = whole(1)
    stretch: int = whole(1, default=1)
    shrink: float = between(0, 1, default=1.0)

    def __call__(self, step: int) -> float:
        """Return the value at a step."""
        if self.stretch == 1:
            wave, step = divmod(step, self.steps)
            length = self.steps
        else:
            wave, length = 0, self.steps
            while step >= length:
                wave, step, length = wave + 1, step - length, length * self.stretch
        return blend("cosine", self.start * self.shrink**wave, self.stop, step / length)


def _points(given: Any, owner: Any) -> tuple[tuple[float, float], ...]:
    points = tuple(listed(point) for point in listed(given))
    if not points or not all(len(point) == 2 for point in points):
        raise UnfitError
    made = tuple((real(step), real(value)) for step, value in points)
    steps = [step for step, _ in made]
    if steps[0] > 0 or steps != sorted(steps):
        raise UnfitError
    return made


@value
class Piecewise(Schedule):
    """Values that begin at given steps (PyTorch's ``MultiStepLR``, Keras' ``PiecewiseConstantDecay``).

    Each value holds from its step on, to the next; or the way to the next is a line or half a cosine.
    In Keras a value still holds at the step where the next one begins here.

    Parameters
    ----------
    points : sequence of (step, value)
        In order, the first at step 0 (or before it).
    between : {"constant", "linear", "cosine"}
        The transition from each value to the next.

    Examples
    --------
    >>> rate = Piecewise([(0, 0.1), (30, 0.01), (60, 0.001)])
    >>> rate(29), rate(30), rate(100)
    (0.1, 0.01, 0.001)
    """

    points: Any = setting("a sequence of pairs (step, value) in order, the first at step 0", _points)
    between: str = choice(*CURVES, default="constant")

    def __call__(self, step: int) -> float:
        """Return the value at a step."""
        index = bisect_right(self.points, step, key=lambda point: point[0])
        begin, value = self.points[index - 1]
        if index == len(self.points):
            return float(value)
        end, target = self.points[index]
        return blend(self.between, value, target, (step - begin) / (end - begin))


def blend(curve: str, start: float, stop: float, share: float) -> float:
    """Interpolate between start and stop; `share` (0 to 1) is the part of the way."""
    if curve == "cosine":
        share = (1 - math.cos(math.pi * share)) / 2
    return start + (stop - start) * (0.0 if curve == "constant" else share)
