"""A flat vector as the arrays that it is made of: what a compiler likes better than slices of one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from ..core.trees import Array, Shape


class Parts:
    """Arrays that follow each other in a vector; each is found and replaced by the slice that it takes.

    Parameters
    ----------
    arrays : iterable of array
        The arrays, of any shapes.

    Examples
    --------
    >>> import numpy as np
    >>> parts = Parts([np.ones((2, 2)), np.zeros(3)])
    >>> parts[slice(4, 7)] = np.arange(3.0)
    >>> parts[slice(4, 7)], parts.shape
    (array([0., 1., 2.]), (7,))
    """

    __slots__ = ("arrays", "starts")

    def __init__(self, arrays: Iterable[Array]) -> None:
        self.arrays = list(arrays)
        self.starts = list(accumulate((math.prod(a.shape) for a in self.arrays), initial=0))

    @property
    def shape(self) -> Shape:
        """The shape of the vector."""
        return (self.starts[-1],)

    @property
    def dtype(self) -> Any:
        """The dtype of the arrays."""
        return self.arrays[0].dtype

    def within(self, start: int, stop: int) -> Iterator[tuple[slice, Shape]]:
        """Yield slice and shape of each array between two places of the vector."""
        for (begin, end), array in zip(pairwise(self.starts), self.arrays, strict=True):
            if start <= begin and end <= stop:
                yield slice(begin, end), array.shape

    def copy(self) -> Parts:
        """Return parts that may be replaced while these stay."""
        return Parts(self.arrays)

    def __getitem__(self, part: slice) -> Array:
        return self.arrays[self.starts.index(part.start)]

    def __setitem__(self, part: slice, array: Array) -> None:
        index = self.starts.index(part.start)
        self.arrays[index] = array.reshape(self.arrays[index].shape)

    def __mul__(self, factor: Any) -> Parts:
        return Parts(array * factor for array in self.arrays)

    def __add__(self, other: Parts) -> Parts:
        return Parts(one + two for one, two in zip(self.arrays, other.arrays, strict=True))

    def __array_namespace__(self) -> Any:
        return self.arrays[0].__array_namespace__()


def finite(flat: Any) -> Any:
    """Tell whether all numbers of a vector, or of its parts, are finite.

    Examples
    --------
    >>> import numpy as np
    >>> finite(np.ones(3)), finite(np.array([1.0, np.inf]))
    (True, False)
    """
    if isinstance(flat, Parts):
        from .xla.device import all_finite

        return all_finite(flat.arrays)
    # The squares show it in one fast pass, unless they overflow.
    return math.isfinite(flat @ flat) or bool(np.isfinite(flat).all())
