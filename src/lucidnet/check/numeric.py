"""Slopes by central differences, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from ..backend import Array

EPSILON = 2.0**-52
STEP = 2e-4
SMALL_STEPS = (1e-5, 1e-6, 1e-7, 1e-8)
"""Smaller steps, tried where the function bends too sharply for `STEP`."""
SMALLEST = 1e-6
"""Steps are made for inputs that are not smaller: for those, rounding would hide the slope."""
BEND = 1e-8
"""Estimates that differ by more than this share, and by more than rounding, reveal a bend."""


class Slope(NamedTuple):
    """A numeric slope along one entry, whether there is a kink, and its rounding error (`noise`)."""

    value: float
    kink: bool
    noise: float


class Differences(NamedTuple):
    """Central differences with steps h and 2h, the jump of the slope in between, and the rounding error."""

    near: float
    far: float
    jump: float
    rounding: float

    @property
    def smooth(self) -> bool:
        """Whether the differences are consistent with a smooth function."""
        allowed = BEND * max(abs(self.near), abs(self.far)) + self.rounding
        return max(abs(self.near - self.far), abs(self.jump)) <= allowed


def slopes(function: Callable[[], float], array: Array, entries: Iterable[int]) -> list[Slope]:
    """Return the slopes of a function by some entries of an array that it reads.

    The entries are moved in place and put back. The two central differences D(h) and D(2h) give
    (4 D(h) - D(2h)) / 3, whose error is of order h^4 (Richardson 1911). Where the function is not
    smooth the step is made smaller; where it is not smooth still, it has a kink. That decision looks at
    the function alone, so that a wrong gradient cannot hide behind it.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([2.0, 0.0])
    >>> cubic, absolute = slopes(lambda: x[0] ** 3 + abs(x[1]), x, [0, 1])
    >>> round(cubic.value, 9), cubic.kink, absolute.kink
    (12.0, False, True)
    """
    flat = array.reshape(-1)
    return [_along(function, flat, i) for i in entries]


def _along(function: Callable[[], float], flat: Array, i: int) -> Slope:
    start = float(flat[i])

    def moved(step: float) -> float:
        flat[i] = start + step
        with np.errstate(all="ignore"):  # a step may leave the function's domain, a smaller one is tried then
            return float(function())

    found = slope(moved, max(1.0, abs(start)))
    if found.kink and SMALLEST < abs(start) < 1:  # as of a logarithm near 0
        found = slope(moved, abs(start))
    flat[i] = start
    return found


def slope(function: Callable[[float], float], scale: float = 1.0) -> Slope:
    """Return the slope at 0 of a function of one number; `scale` is the step size of order one."""
    found = _differences(function, STEP * scale)
    if found.smooth:
        return Slope((4 * found.near - found.far) / 3, False, found.rounding)
    for step in SMALL_STEPS:
        found = _differences(function, step * scale)
        if found.smooth:
            return Slope(found.near, False, found.rounding)
    return Slope(found.near, True, found.rounding)


def _differences(function: Callable[[float], float], h: float) -> Differences:
    left2, left, here, right, right2 = values = [function(move) for move in (-2 * h, -h, 0.0, h, 2 * h)]
    bend, bend2 = (right - 2 * here + left) / h, (right2 - 2 * here + left2) / (2 * h)
    # For a smooth function bend2 is twice bend; at a kink both equal the jump of the slope.
    rounding = 64 * EPSILON * max(map(abs, values)) / h
    return Differences((right - left) / (2 * h), (right2 - left2) / (4 * h), 2 * bend - bend2, rounding)
