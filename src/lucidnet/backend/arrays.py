"""What arrays of NumPy and JAX have in common, and what is written for both."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.trees import Array
from .parts import Parts


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


def finite(flat: Any, numbers: Iterable[Any] = ()) -> Any:
    """Tell whether all numbers of a vector, or of its parts, and some numbers beside are finite.

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
    sound = math.isfinite(flat @ flat) or bool(np.isfinite(flat).all())
    return sound and all(map(math.isfinite, numbers))
