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


def subtract(p: Array, change: Array, out: Array) -> None:
    """Write p - change to an array that is there already: one pass, nothing allocated."""
    np.subtract(p, change, out=out)


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
