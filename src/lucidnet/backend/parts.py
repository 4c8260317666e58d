"""A flat vector kept as its separate arrays, which a compiler handles better than slices of one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

from ..core.text import Brief
from ..core.trees import Array, Shape
from ..errors import SettingError

NOTHING_TO_TRAIN = "there is nothing to train: the network has no parameters that are not frozen"


class Parts(Brief):
    """Arrays that follow each other in a vector; each is found and replaced by the slice that it takes.

    Parameters
    ----------
    arrays : iterable of array
        The arrays, of any shapes.
    starts : sequence of int, optional
        Where each begins, and where the last one ends; found from the shapes if not given.

    Examples
    --------
    >>> import numpy as np
    >>> parts = Parts([np.ones((2, 2)), np.zeros(3)])
    >>> parts[slice(4, 7)] = np.arange(3.0)
    >>> parts[slice(4, 7)], parts.shape
    (array([0., 1., 2.]), (7,))
    """

    __slots__ = ("arrays", "starts")

    def __init__(self, arrays: Iterable[Array], starts: Sequence[int] | None = None) -> None:
        self.arrays = list(arrays)
        if starts is None:
            starts = list(accumulate((math.prod(a.shape) for a in self.arrays), initial=0))
        self.starts = starts

    @property
    def shape(self) -> Shape:
        """The shape of the vector."""
        return (self.starts[-1],)

    @property
    def dtype(self) -> Any:
        """The dtype of the arrays."""
        if not self.arrays:
            raise SettingError(NOTHING_TO_TRAIN)
        return self.arrays[0].dtype

    def within(self, start: int, stop: int) -> Iterator[tuple[slice, Shape]]:
        """Yield slice and shape of each array between two places of the vector."""
        for (begin, end), array in zip(pairwise(self.starts), self.arrays, strict=True):
            if start <= begin and end <= stop:
                yield slice(begin, end), array.shape

    def copy(self) -> Parts:
        """Return a copy whose parts can be replaced without changing these."""
        return Parts(self.arrays, self.starts)

    def __getitem__(self, part: slice) -> Any:
        first = self.starts.index(part.start or 0)
        alone = part.stop is None or part.stop == self.starts[first + 1]
        if alone and part.start is not None:  # [:n] is everything up to there, be it one array or several
            return self.arrays[first]
        last = self.starts.index(part.stop)
        return Parts(
            self.arrays[first:last], [start - self.starts[first] for start in self.starts[first : last + 1]]
        )

    def __setitem__(self, part: slice, array: Array) -> None:
        index = self.starts.index(part.start)
        self.arrays[index] = array.reshape(self.arrays[index].shape)

    def __mul__(self, factor: Any) -> Parts:
        return Parts((array * factor for array in self.arrays), self.starts)

    def __add__(self, other: Parts) -> Parts:
        pairs = zip(self.arrays, other.arrays, strict=True)
        return Parts((one + two for one, two in pairs), self.starts)

    def __array_namespace__(self) -> Any:
        return self.arrays[0].__array_namespace__()
