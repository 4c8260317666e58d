"""Upsampling of images and sequences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

from ..backend import Array, Shape, Tree, namespace
from ..core.settings import choice, setting
from ..core.value import value
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, zeroed
from .grids import SIZES, both, no_mask, pair
from .images import axes


@value
class UpSampling(Layer):
    """Base class of layers that turn each place into several."""

    size: Any = setting(SIZES, pair, default=2)

    dimensions: ClassVar[int] = 2

    def output_shape(self, shape: Any) -> Any:
        axes(self, shape)
        blocks = zip(shape[:-1], both(self.size, self.dimensions), strict=True)
        return (*(None if n is None else n * k for n, k in blocks), shape[-1])

    def repeated(self, x: Array) -> Array:
        """Repeat each place into a block."""
        for axis, count in enumerate(both(self.size, self.dimensions), 1):
            x = namespace(x).repeat(x, count, axis=axis)
        return x

    def gathered(self, dy: Array, shape: Shape) -> Array:
        """Sum over each block."""
        sizes = both(self.size, self.dimensions)
        inner = (part for pair in zip(shape[1:-1], sizes, strict=True) for part in pair)
        blocks = dy.reshape(shape[0], *inner, shape[-1])
        return blocks.sum(tuple(range(2, 2 * self.dimensions + 1, 2)))


@value
class UpSampling1D(UpSampling):
    """Each time step becomes several equal ones;  dx = the sum of dy over them.

    Parameters
    ----------
    size : int
        How many.

    Examples
    --------
    >>> UpSampling1D(3).output_shape((7, 8))
    (21, 8)
    """

    dimensions: ClassVar[int] = 1

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return None if mask is None else namespace(mask).repeat(mask, both(self.size, 1)[0], axis=1)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return self.repeated(zeroed(x, run.mask)), (x.shape, run.mask)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        shape, mask = cache
        return zeroed(self.gathered(dy, shape), mask), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (3, 2)


@value
class UpSampling2D(UpSampling):
    """Each pixel becomes a block of equal ones, or of means between it and its neighbours.

    ``"nearest"``: dx = the sum of dy over the block. ``"bilinear"``: with pixels as points in the middle of
    their squares, along one axis that is k times as long::

        y_o = (1 - w) x_j + w x_(j+1),   j + w = (o + 1/2) / k - 1/2      dx_j = sum_o dy_o (1 - w) + ...

    and at the borders the outermost pixel goes on; both axes one after the other. (These are
    ``F.interpolate(..., align_corners=False)`` of PyTorch and Keras' layer.)

    Parameters
    ----------
    size : int or pair of int
        Height and width of a block.
    interpolation : {"nearest", "bilinear"}
        How values between the pixels are found.

    Examples
    --------
    >>> UpSampling2D(2).output_shape((7, 7, 8))
    (14, 14, 8)
    >>> import numpy as np
    >>> UpSampling2D((1, 2), "bilinear").forward({}, np.array([[[[0.0], [4.0]]]]))[0].ravel()
    array([0., 1., 3., 4.])
    """

    interpolation: str = choice("nearest", "bilinear", default="nearest")

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return no_mask(self, mask)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        if self.interpolation == "nearest":
            return self.repeated(x), x.shape
        y = x
        for axis, count in enumerate(both(self.size), 1):
            y = stretched(y, count, axis)
        return y, x.shape

    def backward(self, params: Tree, shape: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        if not need_dx:
            return None, {}
        if self.interpolation == "nearest":
            return self.gathered(dy, shape), {}
        for axis, count in enumerate(both(self.size), 1):
            dy = shrunk(dy, count, axis)
        return dy, {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (3, 2, 2)
        yield cls((2, 3)), (3, 2, 2)
        yield cls((2, 3), "bilinear"), (3, 2, 2)


def _phases(count: int) -> Iterator[tuple[int, float]]:
    """Yield, for each part of a block, the pixel to its left (-1 or 0) and the weight of the right one."""
    for part in range(count):
        position = (part + 0.5) / count - 0.5
        left = math.floor(position)
        yield left, position - left


def stretched(x: Array, count: int, axis: int) -> Array:
    """Stretch an array along an axis, `count` times, by linear interpolation; see `UpSampling2D`."""
    xp, size = namespace(x), x.shape[axis]
    ends = xp.concat([_at(x, axis, 0, 1), x, _at(x, axis, size - 1, size)], axis=axis)
    parts = []
    for left, share in _phases(count):
        one, other = (_at(ends, axis, begin, begin + size) for begin in (left + 1, left + 2))
        parts.append((1 - share) * one + share * other)
    joined = xp.stack(parts, axis=axis + 1)
    return joined.reshape(*x.shape[:axis], size * count, *x.shape[axis + 1 :])


def shrunk(dy: Array, count: int, axis: int) -> Array:
    """Return the gradient of `stretched` by x."""
    xp, size = namespace(dy), dy.shape[axis] // count
    blocks = dy.reshape(*dy.shape[:axis], size, count, *dy.shape[axis + 1 :])
    total: Any = 0  # for the pixels and one more at either end, which repeat the outermost
    for part, (left, share) in enumerate(_phases(count)):
        here = blocks[(*(slice(None),) * (axis + 1), part)]
        for begin, factor in ((left + 1, 1 - share), (left + 2, share)):
            sides = [(0, 0)] * here.ndim
            sides[axis] = (begin, 2 - begin)
            total = total + xp.pad(factor * here, sides)
    inner = _at(total, axis, 1, size + 1)
    first, last = ([(0, 0)] * inner.ndim for _ in range(2))
    first[axis], last[axis] = (0, size - 1), (size - 1, 0)
    return inner + xp.pad(_at(total, axis, 0, 1), first) + xp.pad(_at(total, axis, size + 1, size + 2), last)


def _at(x: Array, axis: int, begin: int, end: int) -> Array:
    return x[(*(slice(None),) * axis, slice(begin, end))]
