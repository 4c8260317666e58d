"""Arrays of any library that follows the array API standard, and trees of them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A NumPy or JAX array. (No type checker knows a common type of the two yet.)"""

Tree: TypeAlias = Any
"""An array, or nested dicts of arrays by name. Parameters and their gradients are trees alike."""

Shape: TypeAlias = tuple[int, ...]
"""Sizes of one example: without the batch axis."""


def namespace(x: Array) -> Any:
    """Return the functions of the library that `x` belongs to (`numpy`, `jax.numpy`)."""
    return np if type(x) is np.ndarray else x.__array_namespace__()  # the short way for the common case


def write_difference(out: Array, part: slice, p: Array, change: Array) -> None:
    """Write p - change to a stretch of a vector; on NumPy in one pass, with nothing allocated."""
    if isinstance(out, np.ndarray):
        np.subtract(p, change, out=out[part].reshape(p.shape))
    else:
        out[part] = p - change


def number(value: Array) -> Any:
    """Return a Python number; an array of JAX as it is, for its value may not be known yet."""
    return float(value) if isinstance(value, (float, int, np.ndarray, np.generic)) else value


def one_hot(labels: Array, classes: int, like: Array) -> Array:
    """Turn labels (...) into rows (..., classes) with a single one, in the dtype of `like`.

    Examples
    --------
    >>> import numpy as np
    >>> one_hot(np.array([1, 0]), 3, like=np.zeros(1))
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    xp = namespace(like)
    return xp.astype(labels[..., None] == xp.arange(classes), like.dtype)
