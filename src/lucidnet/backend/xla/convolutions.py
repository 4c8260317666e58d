"""Convolution in compiled programs, by the method measured as fastest for each device and size.

``python -m benchmarks --only primitives`` measures them. On a GPU everything is XLA's own convolution. On a
CPU that is slow, most of all its gradients inside a loop, and the windows of all images overflow the caches.
There a few images at a time are worked through, by each device those that lie on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.trees import Array
from ..arrays import namespace
from ..windows import Grid, added, images, padded, unpadded
from .target import on_each, target


def correlate(x: Array, W: Array, grid: Grid) -> Array:
    """Return windows times W; see `patches.correlate`."""
    if not target().processor:
        return forward(x, W, grid)
    return on_each(lambda x, W: forward_on_processor(x, W, grid), (x,), (W,))


def correlate_weights(x: Array, dy: Array, grid: Grid) -> Array:
    """Return the gradient of W; see `patches.correlate_weights`."""
    if not target().processor:
        return weights(x, dy, grid)
    return on_each(lambda x, dy: weights_on_processor(x, dy, grid), (x, dy), add=True)


def correlate_back(dy: Array, W: Array, grid: Grid, height: int, width: int) -> Array:
    """Return the gradient of x; see `patches.correlate_back`."""
    if not target().processor:
        return back(dy, W, grid, height, width)
    return on_each(lambda dy, W: back_on_processor(dy, W, grid, height, width), (dy,), (W,))


# --- XLA's own --------------------------------------------------------------------------------------


def forward(x: Array, W: Array, grid: Grid) -> Array:
    """Return windows times W by XLA's convolution."""
    return _convolved(x, W, grid.strides, _sides(grid), (1, 1), grid.dilation, ("NHWC", "HWIO", "NHWC"))


def weights(x: Array, dy: Array, grid: Grid) -> Array:
    """Return the gradient of W by XLA's convolution: of x with dy, in which images are channels."""
    # Lines of pixels that no window reaches are cut off: they would belong to a larger kernel.
    sizes = [(k - 1) * d + (o - 1) * s + 1 for k, d, o, s in _each(grid, dy.shape[1:3])]
    x = padded(x, grid)[:, : sizes[0], : sizes[1]]
    names = ("CHWN", "IHWO", "HWNC")
    return _convolved(x, dy, grid.dilation, ((0, 0), (0, 0)), (1, 1), grid.strides, names)


def back(dy: Array, W: Array, grid: Grid, height: int, width: int) -> Array:
    """Return the gradient of x by XLA's convolution of dy, dilated by the strides, with W flipped."""
    sides = []
    each = zip(_each(grid, dy.shape[1:3]), (height, width), grid.before, strict=True)
    for (k, d, o, s), size, b in each:
        reach = (k - 1) * d
        sides.append((reach - b, size - ((o - 1) * s + 1) + b))
    turned = W[::-1, ::-1].swapaxes(2, 3)
    return _convolved(dy, turned, (1, 1), tuple(sides), grid.strides, grid.dilation, ("NHWC", "HWIO", "NHWC"))


def _convolved(
    x: Array, W: Array, strides: Any, sides: Any, between: Any, dilation: Any, names: tuple[str, str, str]
) -> Array:
    from jax import lax

    made: Array = lax.conv_general_dilated(x, W, strides, sides, between, dilation, names)
    return made


def _sides(grid: Grid) -> Any:
    return tuple(zip(grid.before, grid.after, strict=True))


def _each(grid: Grid, outputs: tuple[int, ...]) -> Any:
    """Yield kernel size, dilation, number of outputs and stride for each direction."""
    return zip(grid.kernel, grid.dilation, outputs, grid.strides, strict=True)


# --- on a processor ---------------------------------------------------------------------------------


def forward_on_processor(x: Array, W: Array, grid: Grid) -> Array:
    """Return windows times W: pixel by pixel for one channel, else as one product."""
    x, outputs = padded(x, grid), grid.outputs(*x.shape[1:3])
    flat, count = W.reshape(-1, W.shape[-1]), images(grid, outputs, x.shape[-1])

    def part(x: Array) -> Array:
        if x.shape[-1] == 1:  # which the compiler makes one loop
            return sum(x[where] * w for where, w in zip(grid.places(outputs), flat, strict=True))
        return windows(x, grid, outputs) @ flat

    return _by_images(part, count, x)


def weights_on_processor(x: Array, dy: Array, grid: Grid) -> Array:
    """Return the gradient of W, by one product for each row of the kernel."""
    x, outputs, channels = padded(x, grid), dy.shape[1:3], x.shape[-1]
    line = grid._replace(kernel=(1, grid.kernel[1]), strides=(1, grid.strides[1]))
    lines = [rows for _, rows, _ in grid.places(outputs)[:: grid.kernel[1]]]

    def part(x: Array, dy: Array) -> Array:
        rows, errors = windows(x, line, (x.shape[1], outputs[1])), dy.reshape(-1, dy.shape[-1])
        found = [rows[:, here].reshape(-1, rows.shape[-1]).T @ errors for here in lines]
        return namespace(x).stack(found)

    total = _summed(part, images(grid, outputs, channels), x, dy)
    return total.reshape(*grid.kernel, channels, dy.shape[-1])


def back_on_processor(dy: Array, W: Array, grid: Grid, height: int, width: int) -> Array:
    """Return the gradient of x: dy W^T, added up where the windows lie, a few images at a time."""
    outputs, channels = dy.shape[1:3], W.shape[2]
    flat = W.reshape(-1, W.shape[-1]).T
    sizes = grid.around(height, width)

    def part(dy: Array) -> Array:
        made = (dy.reshape(-1, dy.shape[-1]) @ flat).reshape(len(dy), *outputs, -1, channels)
        dx = namespace(dy).zeros((len(dy), *sizes, channels), dtype=dy.dtype)
        for k, where in enumerate(grid.places(outputs)):
            dx = added(dx, where, made[:, :, :, k])
        return unpadded(dx, grid)

    return _by_images(part, images(grid, outputs, channels), dy)


def windows(x: Array, grid: Grid, outputs: tuple[int, int]) -> Array:
    """Return all windows as rows (n, outputs, outputs, kh * kw * channels)."""
    parts = [x[where] for where in grid.places(outputs)]
    stacked = namespace(x).stack(parts, axis=3)
    return stacked.reshape(*stacked.shape[:3], -1)


def _by_images(work: Callable[[Array], Array], count: int, x: Array) -> Array:
    """Apply `work` to a few images at a time, and return the joined results."""
    from jax import lax

    if (parts := _parts(len(x), count)) == 1:
        return work(x)
    made = lax.map(work, x.reshape(parts, -1, *x.shape[1:]))
    return made.reshape(-1, *made.shape[2:])


def _summed(work: Callable[[Array, Array], Array], count: int, x: Array, dy: Array) -> Array:
    """Apply `work` to a few images at a time, and return the sum of the results."""
    from jax import lax

    if (parts := _parts(len(x), count)) == 1:
        return work(x, dy)
    each = tuple(a.reshape(parts, -1, *a.shape[1:]) for a in (x, dy))
    first = work(*(a[0] for a in each))
    return lax.scan(lambda total, now: (total + work(*now), None), first, tuple(a[1:] for a in each))[0]


def _parts(n: int, count: int) -> int:
    """Return into how many equal parts to divide n images, each of about `count`.

    If n is even there are at least two: the compiler recomputes what is not in a loop wherever it is used.
    """
    least = max(n // count, 1 + (n % 2 == 0))
    return next(parts for parts in range(least, n + 1) if n % parts == 0)
