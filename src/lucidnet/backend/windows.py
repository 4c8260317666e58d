"""Image windows: where they lie, and the border around an image.

Arrays are (n, height, width, channels).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.trees import Array
from .arrays import namespace

BLOCK = 1 << 18
"""The number of window values worked on at a time."""


class Grid(NamedTuple):
    """The geometry of the windows of a convolution or pooling: pairs for height and width.

    Parameters
    ----------
    kernel, strides, dilation : pair of int
        Size of a window, distance between windows, distance between the pixels of a window.
    before, after : pair of int
        Zeros around the image.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    after: tuple[int, int]

    @property
    def apart(self) -> bool:
        """Whether no pixel lies in two windows."""
        return all((k - 1) * d < s for k, s, d in zip(self.kernel, self.strides, self.dilation, strict=True))

    def outputs(self, height: int, width: int) -> tuple[int, int]:
        """Return how many windows fit vertically and horizontally; less than 1 if none fits."""
        sizes = zip((height, width), *self, strict=True)
        made = [(size + b + a - (k - 1) * d - 1) // s + 1 for size, k, s, d, b, a in sizes]
        return made[0], made[1]

    def around(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of an image with its border."""
        (top, left), (bottom, right) = self.before, self.after
        return height + top + bottom, width + left + right

    def places(self, outputs: tuple[int, int]) -> list[tuple[slice, slice, slice]]:
        """Return the slices of a padded image that hold, for every window, each pixel of it in turn.

        Examples
        --------
        >>> Grid((1, 2), (2, 2), (1, 1), (0, 0), (0, 0)).places((3, 3))[1][1:]
        (slice(0, 5, 2), slice(1, 6, 2))
        """
        rows, columns = (
            [slice(i * d, i * d + (count - 1) * s + 1, s) for i in range(k)]
            for k, s, d, count in zip(self.kernel, self.strides, self.dilation, outputs, strict=True)
        )
        return [(slice(None), row, column) for row in rows for column in columns]


def padded(x: Array, grid: Grid, value: float = 0.0) -> Array:
    """Return an image with a border of zeros, or of another value."""
    sides = list(zip(grid.before, grid.after, strict=True))
    if not any(map(any, sides)):
        return x
    return namespace(x).pad(x, [(0, 0), *sides, (0, 0)], constant_values=value)


def unpadded(x: Array, grid: Grid) -> Array:
    """Return an image without its border."""
    (top, left), (bottom, right) = grid.before, grid.after
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def added(x: Array, where: tuple[slice, ...], part: Array, alone: bool = False) -> Array:
    """Add to part of x, in place on NumPy; if `alone`, x is zero there, and the part is simply written."""
    if not isinstance(x, np.ndarray):
        return x.at[where].add(part)
    if alone:
        x[where] = part
    else:
        x[where] += part
    return x


def in_one_piece(x: Array) -> Array:
    """Return a contiguous copy of a NumPy array, which it works through faster; other arrays unchanged."""
    return x.copy() if isinstance(x, np.ndarray) else x


def images(grid: Grid, outputs: tuple[int, int], channels: int) -> int:
    """Return how many images to take at a time, so that their windows hold about `BLOCK` numbers."""
    each = outputs[0] * outputs[1] * grid.kernel[0] * grid.kernel[1] * channels
    return max(1, BLOCK // max(1, each))
