"""Products over all rows of arrays (..., columns).

On NumPy all axes but the last become one, so that there is one product of matrices. A compiler is given them
as they are: it can divide a sum over an axis whose entries lie on several devices, but not over one that was
joined with it.
"""

from __future__ import annotations

import numpy as np

from .arrays import Array, namespace


def as_rows(x: Array) -> Array:
    """Return an array as rows of a matrix on NumPy; as it is while compiling."""
    return x.reshape(-1, x.shape[-1]) if isinstance(x, np.ndarray) else x


def outer_sum(x: Array, y: Array) -> Array:
    """Return the sum of x_i y_j over all rows, (columns of x, columns of y).

    Examples
    --------
    >>> outer_sum(np.ones((2, 3, 4)), np.ones((2, 3, 5))).shape
    (4, 5)
    """
    if isinstance(x, np.ndarray):
        return as_rows(x).T @ as_rows(y)
    axes = tuple(range(x.ndim - 1))
    return namespace(x).tensordot(x, y, axes=(axes, axes))
