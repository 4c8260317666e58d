"""Convolution as a matrix product with image windows.

On NumPy the windows of a few images at a time are copied side by side, so that they stay in a core's cache,
and multiplied as one matrix; compiled code uses `convolutions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from ..core.trees import Array
from .windows import Grid, images, padded, unpadded

FEW = 16
"""Below this number of channels, pixels are added for several images at a time, not image by image."""


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
    back = _back_by_images if channels < FEW and grid.strides == (1, 1) else _back_by_channels
    dx = np.empty((dy.shape[0], *grid.around(height, width), channels), dy.dtype)
    count = images(grid, outputs, channels)
    for start in range(0, dy.shape[0], count):
        part = slice(start, start + count)
        back(dx[part], dy[part], W.reshape(-1, W.shape[-1]), grid)
    return unpadded(dx, grid)


def _back_by_channels(dx: Array, dy: Array, W: Array, grid: Grid) -> None:
    """Write the gradient of images into dx, adding all channels of a pixel at once."""
    windows = dy.reshape(-1, dy.shape[-1]) @ W.T
    windows = windows.reshape(*dy.shape[:3], -1, dx.shape[-1])
    dx[:] = 0
    for k, where in enumerate(grid.places(dy.shape[1:3])):
        dx[where] += windows[:, :, :, k]


def _back_by_images(dx: Array, dy: Array, W: Array, grid: Grid) -> None:
    """Write the gradient of images with few channels into dx, adding all images at once."""
    deltas = dy.transpose(3, 1, 2, 0)
    windows = W @ deltas.reshape(dy.shape[-1], -1)
    windows = windows.reshape(-1, dx.shape[-1], *deltas.shape[1:])
    total = np.zeros((dx.shape[-1], *dx.shape[1:3], dx.shape[0]), dx.dtype)
    for window, where in zip(windows, grid.places(dy.shape[1:3]), strict=True):
        total[where] += window
    dx[:] = total.transpose(3, 1, 2, 0)


def _compiled() -> Any:
    from .xla import convolutions

    return convolutions


def _blocks(x: Array, grid: Grid, outputs: tuple[int, int]) -> Iterator[tuple[slice, Array]]:
    """Yield the windows of a few images at a time, as rows of a matrix whose memory is reused."""
    n, channels = x.shape[0], x.shape[-1]
    count = min(n, images(grid, outputs, channels))
    fill = _planes if channels == 1 else _rows
    make = fill(x, grid, outputs, count)
    for start in range(0, n, count):
        part = slice(start, min(start + count, n))
        yield part, make(part)


Fill: TypeAlias = Callable[[slice], Array]


def _rows(x: Array, grid: Grid, outputs: tuple[int, int], count: int) -> Fill:
    """Return a function that copies windows one by one; fast where there are several channels."""
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
    """Return a function that copies one pixel of all windows at a time; fast for a single channel.

    A column of the windows is cut out of all lines of the images first: then what each of its rows holds lies
    in one piece, where lines of an image are short.
    """
    size, width, places = grid.kernel[0] * grid.kernel[1], grid.kernel[1], grid.places(outputs)
    space = np.empty((size, count, *outputs), x.dtype)
    column = np.empty((count, x.shape[1], outputs[1]), x.dtype)

    def make(part: slice) -> Array:
        used = part.stop - part.start
        for j in range(width):
            np.copyto(column[:used], x[part, :, places[j][2], 0])
            for plane, (_, rows, _) in zip(space[j::width], places[j::width], strict=True):
                np.copyto(plane[:used], column[:used, rows])
        return space[:, :used].reshape(size, -1).T

    return make
