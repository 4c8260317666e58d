"""Windows of images: what convolution and pooling need besides products.

Arrays are (n, height, width, channels). A `Grid` says which windows there are. On NumPy the windows of a
few images at a time are copied side by side, so that they stay in a core's cache, and multiplied as one
matrix; what a compiler is given is in `convolutions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..core.trees import Array
from .arrays import namespace

BLOCK = 1 << 18
"""Numbers in the windows that are worked on at a time."""
FEW = 16
"""With fewer channels than this whole lines of windows are added at a time, not single pixels."""


class Grid(NamedTuple):
    """Which windows of an image there are: pairs for height and width.

    Parameters
    ----------
    kernel, strides, dilation : pair of int
        Size of a window, distance between windows, distance between the pixels of one.
    before, after : pair of int
        Zeros around the image.
    """

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    after: tuple[int, int]

    def outputs(self, height: int, width: int) -> tuple[int, int]:
        """Return how many windows there are in both directions; less than 1 if none fits."""
        sizes = zip((height, width), *self, strict=True)
        made = [(size + b + a - (k - 1) * d - 1) // s + 1 for size, k, s, d, b, a in sizes]
        return made[0], made[1]

    def around(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of an image with its border."""
        (top, left), (bottom, right) = self.before, self.after
        return height + top + bottom, width + left + right

    def offsets(self) -> Iterator[tuple[int, int]]:
        """Yield the place in the padded image of each pixel of the first window."""
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                yield i * self.dilation[0], j * self.dilation[1]

    def slices(self, offset: tuple[int, int], outputs: tuple[int, int]) -> tuple[slice, slice, slice]:
        """Return where in the padded image the pixels with one offset of all windows lie."""
        pairs = zip(offset, outputs, self.strides, strict=True)
        rows, columns = (slice(o, o + (count - 1) * s + 1, s) for o, count, s in pairs)
        return slice(None), rows, columns


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


def correlate(x: Array, W: Array, grid: Grid) -> Array:
    """Return windows times W: (n, rows, columns, filters), for W (kh, kw, channels, filters)."""
    if not isinstance(x, np.ndarray):
        return _compiled().correlate(x, W, grid)
    x, outputs, flat = padded(x, grid), grid.outputs(*x.shape[1:3]), W.reshape(-1, W.shape[-1])
    y = np.empty((x.shape[0], *outputs, W.shape[-1]), np.result_type(x, W))
    for part, windows in _blocks(x, grid, outputs):
        np.matmul(windows, flat, out=y[part].reshape(-1, W.shape[-1]))
    return y


def correlate_weights(x: Array, dy: Array, grid: Grid) -> Array:
    """Return the gradient of W (kh, kw, channels, filters) of `correlate`: windows^T dy."""
    if not isinstance(x, np.ndarray):
        return _compiled().correlate_weights(x, dy, grid)
    shape = (*grid.kernel, x.shape[-1], dy.shape[-1])
    x, outputs = padded(x, grid), dy.shape[1:3]
    total = np.zeros((shape[0] * shape[1] * shape[2], shape[3]), np.result_type(x, dy))
    for part, windows in _blocks(x, grid, outputs):
        total += windows.T @ dy[part].reshape(-1, shape[-1])
    return total.reshape(shape)


def correlate_back(dy: Array, W: Array, grid: Grid, height: int, width: int) -> Array:
    """Return the gradient of x (n, height, width, channels) of `correlate`.

    It is dy W^T, added up where the windows lie.
    """
    if not isinstance(dy, np.ndarray):
        return _compiled().correlate_back(dy, W, grid, height, width)
    outputs, channels = dy.shape[1:3], W.shape[2]
    flat = W.reshape(-1, W.shape[-1]).T
    sizes = grid.around(height, width)
    dx, count = np.zeros((dy.shape[0], *sizes, channels), dy.dtype), images(grid, outputs, channels)
    for start in range(0, dy.shape[0], count):
        part = slice(start, start + count)
        windows = dy[part].reshape(-1, dy.shape[-1]) @ flat
        windows = windows.reshape(-1, *outputs, grid.kernel[0] * grid.kernel[1], channels)
        _gather(dx[part], windows, grid)
    return unpadded(dx, grid)


def _gather(dx: Array, windows: Array, grid: Grid) -> None:
    """Add windows (images, rows, columns, kh * kw, channels) to dx where they lie."""
    outputs, channels = windows.shape[1:3], windows.shape[-1]
    if 1 < channels < FEW and grid.strides == grid.dilation == (1, 1):
        height, width = grid.kernel
        lines = windows.reshape(*windows.shape[:3], height, width * channels)
        flat = dx.reshape(*dx.shape[:2], -1)
        for i, column in product(range(height), range(outputs[1])):
            begin = column * channels
            flat[:, i : i + outputs[0], begin : begin + width * channels] += lines[:, :, column, i]
        return
    for k, offset in enumerate(grid.offsets()):
        dx[grid.slices(offset, outputs)] += windows[:, :, :, k]


def added(x: Array, where: tuple[slice, ...], part: Array) -> Array:
    """Return x with something added at a place; on NumPy x itself, changed."""
    if not isinstance(x, np.ndarray):
        return x.at[where].add(part)
    x[where] += part
    return x


def images(grid: Grid, outputs: tuple[int, int], channels: int) -> int:
    """Return how many images have windows of about `BLOCK` numbers."""
    each = outputs[0] * outputs[1] * grid.kernel[0] * grid.kernel[1] * channels
    return max(1, BLOCK // max(1, each))


def _compiled() -> Any:
    from .xla import convolutions

    return convolutions


def _blocks(x: Array, grid: Grid, outputs: tuple[int, int]) -> Iterator[tuple[slice, Array]]:
    """Yield the windows of a few images at a time, as rows of a matrix that is used again for the next."""
    n, channels = x.shape[0], x.shape[-1]
    count = min(n, images(grid, outputs, channels))
    fill = _planes if channels == 1 else _rows
    make = fill(x, grid, outputs, count)
    for start in range(0, n, count):
        part = slice(start, min(start + count, n))
        yield part, make(part)


Fill: TypeAlias = Callable[[slice], Array]


def _rows(x: Array, grid: Grid, outputs: tuple[int, int], count: int) -> Fill:
    """Return what copies windows one after the other: long stretches where there are several channels."""
    a, b, c, d = x.strides
    (s, t), (p, q) = grid.strides, grid.dilation
    shape, strides = (x.shape[0], *outputs, *grid.kernel, x.shape[-1]), (a, b * s, c * t, b * p, c * q, d)
    view = np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)
    space = np.empty((count, *shape[1:]), x.dtype)

    def make(part: slice) -> Array:
        used = space[: part.stop - part.start]
        np.copyto(used, view[part])
        return used.reshape(-1, grid.kernel[0] * grid.kernel[1] * x.shape[-1])

    return make


def _planes(x: Array, grid: Grid, outputs: tuple[int, int], count: int) -> Fill:
    """Return what copies, for each pixel of a window, that of all windows: long stretches of one channel."""
    size = grid.kernel[0] * grid.kernel[1]
    space = np.empty((size, count, *outputs), x.dtype)

    def make(part: slice) -> Array:
        used = part.stop - part.start
        for plane, offset in zip(space, grid.offsets(), strict=True):
            np.copyto(plane[:used], x[part][(*grid.slices(offset, outputs), 0)])
        return space[:, :used].reshape(size, -1).T

    return make
