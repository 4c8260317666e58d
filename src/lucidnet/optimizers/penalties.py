"""Penalties of weights, l1 and l2, in the one vector that holds all parameters."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array, add_to, namespace, number

SMALL = 1 << 17
"""Up to how many numbers one pass over several arrays is quicker than one over each."""


class Penalty(NamedTuple):
    """``l1 sum|W| + l2 sum W^2`` for the numbers of one weight array."""

    part: slice
    l1: float
    l2: float

    def value(self, vector: Array, gradient: Array = None) -> Any:
        """Return the penalty, for the vector of all parameters.

        If a gradient is given, l1 sign(W) + 2 l2 W is added to it, in place.
        """
        xp, w = namespace(vector), vector[self.part]
        if gradient is not None:
            slope = 2 * self.l2 * w
            add_to(gradient, self.part, slope if nothing(self.l1) else slope + self.l1 * xp.sign(w))
        squares = 0.0 if nothing(self.l2) else self.l2 * number((flat := w.reshape(-1)) @ flat)  # no 0 x inf
        return squares if nothing(self.l1) else squares + self.l1 * number(xp.sum(xp.abs(w)))


class Penalties(tuple[Penalty, ...]):
    """The penalties of all arrays."""

    def value(self, vector: Any, gradient: Any) -> Any:
        """Return the sum of all penalties, for the vector of all parameters; add its slope to a gradient."""
        if type(vector) is np.ndarray and self.stretch is not None:
            w, factors = vector[self.stretch], self._factors(vector.dtype)
            slope = factors * w  # 2 l2 W of all arrays
            squares = float(slope.dot(w))
            if math.isfinite(squares):  # else it is 0 x inf of what has no penalty, or too large
                stretch = gradient[self.stretch]
                stretch += slope
                return 0.5 * squares
        return sum((penalty.value(vector, gradient) for penalty in self), 0.0)

    @cached_property
    def stretch(self) -> slice | None:
        """From where to where penalized arrays lie, if one pass over all numbers there is the quicker way.

        It is not for a single array or large ones, not where most numbers have no penalty, and not with l1.
        """
        parts = [penalty.part for penalty in self]
        if len(parts) < 2 or any(penalty.l1 for penalty in self):
            return None
        size = parts[-1].stop - parts[0].start
        penalized = sum(part.stop - part.start for part in parts)
        return slice(parts[0].start, parts[-1].stop) if size <= min(SMALL, 2 * penalized) else None

    def _factors(self, dtype: Any) -> Array:
        """Return 2 l2 of each number of the stretch."""
        known = vars(self).setdefault("_known", {})
        if dtype not in known:
            each = np.zeros(self[-1].part.stop, dtype)
            for part, _, l2 in self:
                each[part] = 2 * l2
            known[dtype] = each[self.stretch]
        return known[dtype]

    def __reduce__(self) -> tuple[Any, ...]:
        return Penalties, (tuple(self),)


def nothing(factor: Any) -> bool:
    """Tell whether a penalty can be skipped: its factor is a constant 0, not a program's argument."""
    return isinstance(factor, float | int) and not factor
