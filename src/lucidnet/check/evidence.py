"""The numbers against which hypotheses about a wrong gradient are tested."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..backend import Array
from .numeric import slopes
from .subject import Subject


@dataclass(frozen=True)
class WrongGradient:
    """A wrong gradient: the one from backward, and the one from finite differences.

    Parameters
    ----------
    subject : Subject
        What was checked.
    name : str
        The array by which the gradient is wrong.
    analytic, numeric : array
        The two gradients.
    """

    subject: Subject
    name: str
    analytic: Array
    numeric: Array

    @classmethod
    def of(cls, subject: Subject, name: str) -> WrongGradient:
        """Compute both gradients by one array."""
        analytic = np.asarray(subject.gradients()[name], np.float64)
        return cls(subject, name, analytic, numeric(subject, subject.arrays[name]))

    @cached_property
    def factor(self) -> float | None:
        """The constant factor between the analytic and the right gradient; None if there is none."""
        return multiple(self.analytic, self.numeric)


def agree(a: Array, b: Array, tolerance: float = 1e-5) -> bool:
    """Tell whether two arrays are equal up to rounding, and not all zero."""
    if np.shape(a) != np.shape(b) or not np.size(a):
        return False
    scale = max(float(np.abs(a).max()), float(np.abs(b).max()))
    return 1e-9 < scale < np.inf and float(np.abs(a - b).max()) <= tolerance * scale


def multiple(a: Array, b: Array, tolerance: float = 1e-5) -> float | None:
    """Return the number that one array is times another; None if there is none."""
    size = float((b * b).sum())
    times = float((a * b).sum()) / size if size else 0.0
    return times if times and agree(a, times * b, tolerance) else None


def numeric(subject: Subject, array: Array, only: int | None = None) -> Array:
    """Return the gradient by a whole array from finite differences."""
    found = slopes(lambda: subject.value(only), array, range(array.size))
    return np.array([slope.value for slope in found]).reshape(array.shape)
