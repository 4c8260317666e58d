"""The operations of a program in NumPy: their text is copied into the Python files that are written.

Each function needs NumPy alone, and those of this file that it names. The operators are ONNX's
(https://onnx.ai/onnx/operators/), and so are the names of their settings.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
Sizes: TypeAlias = Sequence[int]


def flat(x: Array) -> Array:
    """Give each example one axis."""
    return x.reshape(len(x), math.prod(x.shape[1:]))


def whole(x: Any) -> Array:
    """Return numbers as whole numbers; raise if they are none."""
    given = np.asarray(x)
    made = given.astype("int64")
    if (made != given).any():
        raise ValueError("expected whole numbers")
    return made


def numbered(rows: Any, cells: Any) -> Array:
    """Return rows of a table, dicts by column, as numbers: texts as 0 and 1 for each category."""
    made = []
    for row in rows:
        numbers = []
        for name, known in cells.items():
            cell, categories = row[name], known.get("categories")
            if cell is None or cell == "" or cell != cell:
                cell = known.get("missing")
            if categories is None:
                try:
                    numbers.append(float("nan" if cell is None else cell))
                except ValueError:
                    unit = f" of {known['unit']}" if "unit" in known else ", as 1234.5"
                    raise ValueError(f"column {name}: expected a number{unit}, got {cell!r}") from None
            elif str(cell) in categories:
                numbers += [float(str(cell) == each) for each in categories]
            else:
                raise ValueError(f"column {name}: expected one of {categories}, got {cell!r}")
        made.append(numbers)
    return np.array(made)


def counted(mask: Any, x: Array) -> Array:
    """Return which time steps of x count, from a mask (n, time), or lengths (n,); all of them by default."""
    n, time = x.shape[:2]
    given = np.full((n, time), True) if mask is None else np.asarray(mask)
    if given.shape == (n,) and given.dtype.kind in "iu" and ((given >= 0) & (given <= time)).all():
        return np.arange(time) < given[:, None]
    if given.shape != (n, time) or not ((given == 0) | (given == 1)).all():
        raise ValueError(f"expected a mask {n, time}, or lengths from 0 to {time}, got shape {given.shape}")
    return given == 1


def rows(x: Array, numbers: Array, axis: int = 0) -> Array:
    """Return the rows of given numbers, from 0; raise if there is none of a number."""
    if np.min(numbers, initial=0) < 0:
        raise ValueError(f"expected numbers of 0 or more, got {np.min(numbers)}")
    return np.take(x, numbers, axis)


def bordered(x: Array, borders: Sizes) -> Array:
    """Surround an array with zeros; the widths are those before all axes, then those behind them."""
    return np.pad(x, list(zip(borders[: x.ndim], borders[x.ndim :], strict=True)))


def softmax(x: Array, axis: int) -> Array:
    """Return exp(x) / sum exp(x)."""
    y = np.exp(x - x.max(axis, keepdims=True))
    return y / y.sum(axis, keepdims=True)


def log_softmax(x: Array, axis: int) -> Array:
    """Return x - log sum exp(x)."""
    y = x - x.max(axis, keepdims=True)
    return y - np.log(np.exp(y).sum(axis, keepdims=True))


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), which is tanh(x / 2) / 2 + 1 / 2."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def leaky_relu(x: Array, slope: Array) -> Array:
    """Return x for x > 0, else slope x."""
    return np.where(x > 0, x, slope * x)


def elu(x: Array, alpha: float, scale: float = 1.0) -> Array:
    """Return x for x > 0, else alpha (exp(x) - 1)."""
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def softplus(x: Array) -> Array:
    """Return log(1 + exp(x))."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softsign(x: Array) -> Array:
    """Return x / (1 + |x|)."""
    return x / (1 + np.abs(x))


def hard_sigmoid(x: Array, alpha: float, beta: float) -> Array:
    """Return alpha x + beta, between 0 and 1."""
    return np.clip(alpha * x + beta, 0, 1)


def mish(x: Array) -> Array:
    """Return x tanh(log(1 + exp(x)))."""
    return x * np.tanh(softplus(x))


def gelu(x: Array) -> Array:
    """Return x times the normal distribution's share below x."""
    share = 0.5 * np.vectorize(math.erfc, otypes=[float])(-x / math.sqrt(2)) if x.size else x
    return x * share.astype(x.dtype)


def windows(
    x: Array,
    kernel_shape: Sizes,
    strides: Sizes = (),
    dilations: Sizes = (),
    pads: Sizes = (),
    auto_pad: str = "",
    fill: float = 0.0,
) -> Array:
    """Return the windows of images with channels first: (n, channels, places..., kernel...)."""
    count = len(kernel_shape)
    strides, dilations = strides or [1] * count, dilations or [1] * count
    reach = [(k - 1) * d + 1 for k, d in zip(kernel_shape, dilations, strict=True)]
    if auto_pad:
        several = zip(x.shape[2:], strides, reach, strict=True)
        total = [max((-(-size // s) - 1) * s + r - size, 0) for size, s, r in several]
        pads = [t // 2 for t in total] + [t - t // 2 for t in total]
    if any(pads):
        borders = zip(pads[:count], pads[count:], strict=True)
        x = np.pad(x, [(0, 0), (0, 0), *borders], constant_values=fill)
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(2, 2 + count)))
    steps = [slice(None, None, step) for step in (*strides, *dilations)]
    return seen[(slice(None), slice(None), *steps)]


def conv(x: Array, W: Array, b: Array = 0.0, *, group: int = 1, **where: Any) -> Array:
    """Convolution, W (filters, channels of a group, kernel...)."""
    seen, count = windows(x, **where), W.ndim - 2
    over = [1, *range(2 + count, 2 + 2 * count)], [1, *range(2, 2 + count)]
    parts = zip(np.split(seen, group, axis=1), np.split(W, group), strict=True)
    y = np.concatenate([np.tensordot(one, own, over) for one, own in parts], axis=-1)
    return np.moveaxis(y + b, -1, 1)


def conv_transpose(
    x: Array,
    W: Array,
    b: Array = None,
    *,
    kernel_shape: Sizes,
    strides: Sizes = (),
    dilations: Sizes = (),
    pads: Sizes = (),
    output_padding: Sizes = (),
) -> Array:
    """Convolution with its directions exchanged, W (channels, filters, kernel...)."""
    count = len(kernel_shape)
    strides, dilations = strides or [1] * count, dilations or [1] * count
    pads, output_padding = pads or [0] * 2 * count, output_padding or [0] * count
    several = zip(x.shape[2:], strides, kernel_shape, dilations, output_padding, strict=True)
    wide = [(n - 1) * s + (k - 1) * d + 1 + more for n, s, k, d, more in several]
    y = np.zeros((x.shape[0], W.shape[1], *wide), x.dtype)
    for offset in np.ndindex(*kernel_shape):
        places = zip(offset, dilations, strides, x.shape[2:], strict=True)
        where = [slice(o * d, o * d + (n - 1) * s + 1, s) for o, d, s, n in places]
        part = np.tensordot(x, W[(slice(None), slice(None), *offset)], ([1], [0]))
        y[(slice(None), slice(None), *where)] += np.moveaxis(part, -1, 1)
    kept = [slice(a, size - z) for a, z, size in zip(pads[:count], pads[count:], wide, strict=True)]
    y = y[(slice(None), slice(None), *kept)]
    return y if b is None else y + b.reshape(-1, *[1] * count)


def max_pool(x: Array, **where: Any) -> Array:
    """Return the largest number of each window."""
    seen = windows(x, fill=-np.inf, **where)
    return seen.max(tuple(range(x.ndim, seen.ndim)))


def average_pool(x: Array, count_include_pad: int = 0, **where: Any) -> Array:
    """Return the mean of each window, over what lies in the image."""
    seen, inside = windows(x, **where), windows(np.ones((1, 1, *x.shape[2:]), x.dtype), **where)
    axes = tuple(range(x.ndim, seen.ndim))
    return seen.sum(axes) / inside.sum(axes)


def resized(x: Array, lengths: Any, factors: Array, mode: str, **how: Any) -> Array:
    """Make images with channels first larger by whole factors."""
    for axis, factor in enumerate(np.asarray(factors).astype(int)):
        if mode == "nearest":
            x = np.repeat(x, factor, axis)
            continue
        size = x.shape[axis]
        place = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
        left = np.floor(place).astype(int)
        share = (place - left).astype(x.dtype).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
        x = x.take(left, axis) * (1 - share) + x.take(np.minimum(left + 1, size - 1), axis) * share
    return x


def over_time(
    step: Callable[..., tuple[Array, ...]],
    states: Sequence[Array],
    arrays: Sequence[Array],
    backwards: bool = False,
) -> tuple[Array, ...]:
    """Repeat a step over arrays (time, n, ...); return the last states, and the outputs of all times."""
    count = len(arrays[0])
    outputs: list[Any] = [None] * count
    for t in reversed(range(count)) if backwards else range(count):
        *states, outputs[t] = step(*states, *(array[t] for array in arrays))
    return (*states, np.stack(outputs))


def array(dtype: str, shape: Sizes, text: str) -> Array:
    """Return the array that a text holds, in base 64."""
    return np.frombuffer(base64.b64decode(text), np.dtype(dtype).newbyteorder("<")).reshape(shape)
