"""What NumPy and JAX arrays have in common, and array functions written for both."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from ..core.trees import Array
from .parts import Parts

ZEROS = {char: np.zeros(1 << 16, char) for char in "fd"}
"""Zeros to compare with, by the letter of their dtype."""


def namespace(x: Array) -> Any:
    """Return the functions of the library that `x` belongs to (`numpy`, `jax.numpy`)."""
    return np if type(x) is np.ndarray else x.__array_namespace__()  # the short way for the common case


def write_difference(out: Array, part: slice, p: Array, change: Array) -> None:
    """Write p - change to a stretch of a vector; on NumPy in one pass, with nothing allocated."""
    if isinstance(out, np.ndarray):
        np.subtract(p, change, out=out[part] if p.ndim == 1 else out[part].reshape(p.shape))
    else:
        out[part] = p - change


def add_to(out: Array, part: slice, change: Array) -> None:
    """Add an array to a slice of a vector; in place on NumPy."""
    if isinstance(out, np.ndarray):
        stretch = out[part]  # out[part] += change would write the sum a second time
        stretch += change
    else:
        out[part] = out[part] + change


def over(given: Array, function: Any, *arguments: Any) -> Array:
    """Call a function of arrays; on NumPy its result overwrites `given`, an array no longer needed.

    Memory that was just in use is still in the cache; new memory may not be.

    Examples
    --------
    >>> import numpy as np
    >>> done_with = np.array([1.0, 2.0])
    >>> over(done_with, np.sqrt, np.array([4.0, 9.0])) is done_with
    True
    """
    return function(*arguments, out=given) if type(given) is np.ndarray else function(*arguments)


def number(value: Array) -> Any:
    """Return a value as a Python float; a JAX array, whose value may be unknown, is left unchanged."""
    return float(value) if isinstance(value, (float, int, np.ndarray, np.generic)) else value


def scalars(like: Array, *values: Any) -> tuple[Any, ...]:
    """Return numbers as arrays without axes in the dtype of an array, which NumPy multiplies by quicker.

    Those of a JAX program come back as they are.

    Examples
    --------
    >>> import numpy as np
    >>> scalars(np.ones(3, "float32"), 0.5, 2)
    (array(0.5, dtype=float32), array(2., dtype=float32))
    """
    return _scalars(like.dtype, values) if type(like) is np.ndarray else values


@lru_cache(maxsize=64)
def _scalars(dtype: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(map(partial(np.asarray, dtype=dtype), values))


def norm(x: Array, axis: Any = None, keepdims: bool = False) -> tuple[Array, Array]:
    """Return Euclidean norms as two factors, |x| = size * scale, so that no square overflows or vanishes.

    The scale is a power of 2 near the largest number in the sum, so that dividing by it is exact, and
    ``size`` lies between 1 and 4 times the root of the number of values. For zeros, and for numbers that are
    not finite, the scale is 1.

    Examples
    --------
    >>> import numpy as np
    >>> size, scale = norm(np.array([3e200, 4e200]))
    >>> f"{size * scale:.6g}"
    '5e+200'
    """
    xp = namespace(x)
    peak = xp.max(xp.abs(x), axis=axis, keepdims=True, initial=0)
    info = xp.finfo(x.dtype)
    usual = (peak >= info.smallest_normal) & (peak <= info.max)
    _, exponent = xp.frexp(xp.where(usual, peak, 1))
    # One over the scale is a normal number, too: compiled code multiplies by it.
    scale = xp.ldexp(xp.ones_like(peak), xp.clip(xp.where(usual, exponent - 1, 0), None, info.maxexp - 2))
    scale = xp.where((peak > 0) & (peak < info.smallest_normal), info.smallest_normal, scale)
    unit = x / scale
    size = xp.sqrt(xp.sum(unit * unit, axis=axis, keepdims=keepdims))
    return size, scale if keepdims else scale.reshape(size.shape)


def length(x: Array) -> float:
    """Return the Euclidean norm of all numbers of an array, as a number of Python.

    Examples
    --------
    >>> import numpy as np
    >>> f"{length(np.array([3e-30, 4e-30], 'float32')):.6g}"
    '5e-30'
    """
    size, scale = norm(x)
    return float(size) * float(scale)


@lru_cache(maxsize=256)
def room_for(count: int) -> float:
    """Return a power of 2, at least `count`; a sum of `count` numbers divided by it cannot overflow.

    Dividing by it is exact. Compare `mean`.
    """
    return 2.0 ** (max(count, 1) - 1).bit_length()


def mean(x: Array, axis: int | None = None) -> Array:
    """Return the mean of an array, or along an axis, without overflow: it is finite wherever the numbers are.

    Examples
    --------
    >>> import numpy as np
    >>> f"{mean(np.full(4, 3e38, 'float32')):.6g}"
    '3e+38'
    """
    count = x.size if axis is None else x.shape[axis]
    room = room_for(count)
    return (x / room).sum(axis) / count * room


def one_hot(labels: Array, classes: int, like: Array) -> Array:
    """Turn labels (...) into one-hot rows (..., classes), in the dtype of `like`.

    Examples
    --------
    >>> import numpy as np
    >>> one_hot(np.array([1, 0]), 3, like=np.zeros(1))
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    xp = namespace(like)
    return xp.astype(labels[..., None] == xp.arange(classes), like.dtype)


def hits(labels: Array, classes: int) -> Array:
    """Turn labels (...) into rows (..., classes) of bool with a single one that is true.

    Examples
    --------
    >>> import numpy as np
    >>> hits(np.array([1, 0]), 3)
    array([[False,  True, False],
           [ True, False, False]])
    """
    numbers = _numbers(classes) if type(labels) is np.ndarray else namespace(labels).arange(classes)
    return labels[..., None] == numbers


_numbers = lru_cache(maxsize=64)(np.arange)
"""Returns the numbers of classes, once made."""


def positive(x: Array) -> Array:
    """Return max(x, 0), elementwise, without a sign at zero, whatever the size of the array.

    With a number NumPy's maximum works element by element. With an array of zeros it is vectorized, and so is
    its clip, which takes more for each call and for each element, and keeps -0.0, which becomes 0.0 when 0.0
    is added.

    Examples
    --------
    >>> import numpy as np
    >>> positive(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    if type(x) is np.ndarray:
        if x.size <= 1024 or (zeros := ZEROS.get(x.dtype.char)) is None:
            return np.maximum(x, 0)
        if x.size <= zeros.size and x.flags.c_contiguous:
            return np.maximum(x, zeros[: x.size].reshape(x.shape))
        made = x.clip(0.0, math.inf)
        made += 0.0
        return made
    return namespace(x).maximum(x, 0)


def row_max(x: Array) -> Array:
    """Return the largest number of each row (..., 1).

    Many short rows are transposed first: along the first axis NumPy compares several at once.

    Examples
    --------
    >>> import numpy as np
    >>> row_max(np.array([[1.0, 3.0], [4.0, 2.0]]))
    array([[3.],
           [4.]])
    """
    if isinstance(x, np.ndarray) and x.ndim == 2 and len(x) > 2 * x.shape[1] > 2:
        return x.T.copy().max(0)[:, None]
    return x.max(-1, keepdims=True)


def only_one(values: Array, hit: Array) -> Array:
    """Return the one value of each row (..., k) at which `hit` is true: (...).

    Examples
    --------
    >>> import numpy as np
    >>> only_one(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[False, True], [True, False]]))
    array([2., 3.])
    """
    if isinstance(values, np.ndarray):
        return values[hit].reshape(hit.shape[:-1])
    return namespace(values).where(hit, values, 0).sum(-1)


def finite(flat: Any, numbers: Iterable[Any] = ()) -> Any:
    """Tell whether all entries of a flat vector (or of its `Parts`), and some further numbers, are finite.

    Examples
    --------
    >>> import numpy as np
    >>> finite(np.ones(3)), finite(np.array([1.0, np.inf]))
    (True, False)
    """
    if isinstance(flat, Parts):
        from .xla.device import all_finite

        return all_finite(flat.arrays, list(numbers))
    # The squares show it in one fast pass, unless they overflow.
    sound = math.isfinite(flat.dot(flat)) or bool(np.isfinite(flat).all())
    return sound and all(map(math.isfinite, numbers))
