"""Matrix products over all rows of arrays (..., columns).

All axes but the last are joined, so that there is a single matrix product; but not if rows lie on several
devices: a compiler can divide a sum over an axis that is distributed, but not over one joined with it.
"""

from __future__ import annotations

import numpy as np

from ..core.trees import Array
from .arrays import namespace
from .xla.target import target


def as_rows(x: Array) -> Array:
    """Return an array as the rows of a matrix; unchanged if its rows are spread over several devices."""
    return x.reshape(-1, x.shape[-1]) if _alone(x) else x


def outer_sum(x: Array, y: Array) -> Array:
    """Return the sum of x_i y_j over all rows, (columns of x, columns of y).

    Examples
    --------
    >>> outer_sum(np.ones((2, 3, 4)), np.ones((2, 3, 5))).shape
    (4, 5)
    """
    if _alone(x):
        return as_rows(x).T @ as_rows(y)
    axes = tuple(range(x.ndim - 1))
    return namespace(x).tensordot(x, y, axes=(axes, axes))


def with_one(x: Array) -> Array:
    """Append a 1 to each row, so that a bias becomes one more row of the weights.

    Examples
    --------
    >>> with_one(np.zeros((1, 2)))
    array([[0., 0., 1.]])
    """
    *rows, columns = x.shape
    if not isinstance(x, np.ndarray):
        xp = namespace(x)
        return xp.concat([x, xp.ones((*rows, 1), dtype=x.dtype)], axis=-1)
    made = np.empty((*rows, columns + 1), x.dtype)
    made[..., :columns], made[..., columns] = x, 1
    return made


def plus_row(x: Array, row: Array) -> Array:
    """Add a row (columns,) to each place of x (..., places, columns); in place on NumPy.

    If there are few columns, the row is added at many places at once: NumPy takes as long for a short row as
    for a long one.

    Examples
    --------
    >>> plus_row(np.zeros((1, 2, 2)), np.array([1.0, 2.0]))
    array([[[1., 2.],
            [1., 2.]]])
    """
    if not isinstance(x, np.ndarray):
        return x + row
    whole = x.reshape(-1, x.shape[-2] * x.shape[-1]) if x.flags.c_contiguous else x
    whole += np.tile(row, x.shape[-2]) if x.flags.c_contiguous else row
    return x


def _alone(x: Array) -> bool:
    """Tell whether all rows lie on a single device."""
    return isinstance(x, np.ndarray) or target().devices == 1
