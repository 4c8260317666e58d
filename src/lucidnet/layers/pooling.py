"""Pooling: many places become one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import repeat
from typing import Any, ClassVar

import numpy as np

from ..backend import Array, Tree, namespace, room_for
from ..backend.windows import Grid, added, in_one_piece, padded, unpadded
from ..core.settings import setting
from ..core.value import value
from ..errors import SettingError
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, zeroed
from .grids import (
    PADDINGS,
    SIZES,
    as_image,
    as_input,
    as_padding,
    both,
    check_windows,
    grid_of,
    outputs,
    pair,
    sides,
    window_mask,
)


@value
class Pooling(Layer):
    """Base class of pooling over windows.

    Parameters
    ----------
    pool_size : int or pair of int
        Size of a window.
    strides : int or pair of int, optional
        Distance between windows; the size of a window if not given.
    padding : {"valid", "same"}, int or pairs of int
        As for `Conv2D`, but smaller than a window; padding takes no part in the result.
    """

    pool_size: Any = setting(SIZES, pair, default=2)
    strides: Any = setting(SIZES, pair, default=None, optional=True)
    padding: Any = setting(PADDINGS, as_padding, default="valid")

    dimensions: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.padding, str):
            return
        borders = sides(both(self.padding, self.dimensions), self.dimensions)
        sizes = both(self.pool_size, self.dimensions)
        if any(max(border) >= size for border, size in zip(borders, sizes, strict=True)):
            raise SettingError(
                f"{type(self).__name__}: padding must be below the size of a window, {self.pool_size}, got "
                f"{self.padding}: a window that lies in the border as a whole has nothing to pool"
            )

    @property
    def kernel_size(self) -> Any:
        """The size of a window, under the name that convolutions use."""
        return self.pool_size

    def output_shape(self, shape: Any) -> Any:
        return (*outputs(self, shape), shape[-1])

    def pool(self, x: Array, grid: Grid, counts: Array | None) -> tuple[Array, Cache]:
        """Pool an image; return the result, and what `parts` needs. `counts` (n, 1, time, 1) is the mask."""
        raise NotImplementedError(f"{type(self).__name__} must define pool(x, grid, counts)")

    def parts(self, cache: Cache, dy: Array, count: int) -> Iterator[Array]:
        """Yield the error at each of the `count` pixels of the windows."""
        raise NotImplementedError(f"{type(self).__name__} must define parts(cache, dy, count)")

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return window_mask(self, mask)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        image = as_image(x, self.dimensions)
        grid = grid_of(self, image.shape[1:])
        check_windows(self, grid.outputs(*image.shape[1:3]), x.shape[1:])
        counts = None if run.mask is None else namespace(x).asarray(run.mask)[:, None, :, None]
        y, cache = self.pool(image, grid, counts)
        return as_input(y, self.dimensions), (cache, image.shape, run.mask)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        if not need_dx:
            return None, {}
        cache, shape, mask = cache
        grid, xp = grid_of(self, shape[1:]), namespace(dy)
        sides = [n + b + a for n, b, a in zip(shape[1:3], grid.before, grid.after, strict=True)]
        dx = xp.zeros((shape[0], *sides, shape[3]), dtype=dy.dtype)
        image = as_image(dy, self.dimensions)
        places = grid.places(image.shape[1:3])
        for where, part in zip(places, self.parts(cache, image, len(places)), strict=True):
            dx = added(dx, where, part, alone=grid.apart)
        dx = unpadded(dx, grid)
        return (dx if self.dimensions == 2 else zeroed(dx[:, 0], mask)), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (*(5, 4)[: cls.dimensions], 2)
        yield cls(3, strides=2, padding="same"), (*(5, 4)[: cls.dimensions], 2)


@value
class MaxPooling2D(Pooling):
    """y = max over the window;  dx = dy at the place of the (first) maximum (Weng et al. 1992).

    The settings are those of `Pooling`. Of a window that holds NaN y is NaN, and dx goes to one place of it,
    which need not be that of the NaN (PyTorch and JAX send it to one place, too, each to another).

    Examples
    --------
    >>> MaxPooling2D(2).output_shape((28, 28, 8))
    (14, 14, 8)
    """

    def pool(self, x: Array, grid: Grid, counts: Array | None) -> tuple[Array, Cache]:
        xp, places = namespace(x), grid.places(grid.outputs(*x.shape[1:3]))
        x = padded(x if counts is None else xp.where(counts, x, -math.inf), grid, -math.inf)
        y = in_one_piece(x[places[0]])
        first = xp.zeros(y.shape, dtype=np.min_scalar_type(len(places)))  # the number of its place
        for k, where in enumerate(places[1:], 1):
            part = in_one_piece(x[where])
            first = xp.maximum(first, xp.astype(part > y, first.dtype) * k)
            y = xp.maximum(y, part)
        if counts is not None:  # if nothing counts there is no maximum
            y = xp.where(y == -math.inf, xp.asarray(0, dtype=x.dtype), y)
        return y, first

    def parts(self, cache: Cache, dy: Array, count: int) -> Iterator[Array]:
        for k in range(count):
            yield dy * (cache == k)


@value
class AveragePooling2D(Pooling):
    """y = mean over the pixels of the window that lie in the image;  dx = dy over their number.

    (LeCun et al. 1990, "Handwritten digit recognition with a back-propagation network", with a learned factor
    besides.) Padding is not counted, as in Keras; PyTorch counts it unless ``count_include_pad=False``. The
    settings are those of `Pooling`.

    Examples
    --------
    >>> AveragePooling2D(2).output_shape((28, 28, 8))
    (14, 14, 8)
    """

    def pool(self, x: Array, grid: Grid, counts: Array | None) -> tuple[Array, Cache]:
        xp, places = namespace(x), grid.places(grid.outputs(*x.shape[1:3]))
        inside = xp.ones((1, *x.shape[1:3], 1), dtype=x.dtype)
        if counts is not None:
            x, inside = xp.where(counts, x, xp.asarray(0, dtype=x.dtype)), xp.astype(counts, x.dtype)
        room = room_for(len(places))  # so that no sum overflows where its mean would not
        inside, x = padded(inside, grid), padded(x, grid) / room
        total = sum(x[where] for where in places)
        count = sum(inside[where] for where in places)
        if counts is not None:
            count = xp.maximum(count, xp.asarray(1, dtype=x.dtype))
        return total / count * room, count

    def parts(self, cache: Cache, dy: Array, count: int) -> Iterator[Array]:
        yield from repeat(dy / cache, count)


@value
class MaxPooling1D(MaxPooling2D):
    """`MaxPooling2D` of sequences (n, time, channels)."""

    dimensions: ClassVar[int] = 1


@value
class AveragePooling1D(AveragePooling2D):
    """`AveragePooling2D` of sequences (n, time, channels)."""

    dimensions: ClassVar[int] = 1
