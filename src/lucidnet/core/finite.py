"""Checks that numbers are finite in the precision they are computed in, and where one is not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import DataError
from .numeric import numeric
from .trees import Array

BLOCK = 1 << 18
"""The number of values checked together, so that checking a data set takes little memory."""


def check_finite(x: Array, name: str, dtype: Any = None) -> None:
    """Raise if an array holds NaN or infinity, or a number that becomes infinite in a precision.

    Parameters
    ----------
    x : array (n, ...)
        The numbers.
    name : str
        What they are called in the message, which tells the first place.
    dtype : dtype, optional
        The precision of the model; that of the array if not given.

    Examples
    --------
    >>> check_finite(np.array([[1.0, 1e39]]), "x", "float32")
    Traceback (most recent call last):
        ...
    lucidnet.errors.DataError: x holds 1e+39 at index (0, 1): in float32, the precision of the model, that \
is infinite; scale the data, or take dtype='float64' (row 0, column 1)
    """
    if x.dtype.kind != "f" or not x.size:
        return
    same = dtype is None or x.dtype == dtype
    if same and x.flags.c_contiguous and math.isfinite(np.vdot(x, x)):  # no square is NaN or infinite
        return
    x = np.atleast_1d(x)
    rows = max(1, BLOCK // max(1, x[0].size))
    for start in range(0, len(x), rows):
        block = x[start : start + rows]
        cast = block if same else in_precision(block, dtype)
        if not np.isfinite(cast).all():
            row, *rest = first_bad(cast)
            raise DataError(not_finite(block[(row, *rest)], (start + row, *rest), name, dtype))


def usual(x: Any, shape: Any, dtype: Any) -> bool:
    """Tell whether something is an array (n, ...) of finite numbers of a shape and dtype, quickly.

    What is not (or has numbers whose squares are infinite) has to be looked at in all detail, and so has what
    does not lie in order, as the columns of a frame do: `vdot` would copy it, slowly.
    """
    alike = type(x) is np.ndarray and x.dtype == dtype and x.shape[1:] == shape
    return alike and x.size > 0 and x.flags.c_contiguous and math.isfinite(np.vdot(x, x))


def check_all_finite(x: Any, name: str, dtype: Any = None) -> None:
    """Raise as `check_finite` does, for an array or for several by name."""
    if isinstance(x, dict):
        for key, array in x.items():
            check_finite(array, f"{name}[{key!r}]", dtype)
    else:
        check_finite(x, name, dtype)


def moments(x: Array, over: Any = 0) -> tuple[Array, Array]:
    """Return mean and standard deviation along axes (float64) without overflow or underflow.

    Examples
    --------
    >>> [f"{float(each):g}" for each in moments(np.array([1e300, 3e300]))]
    ['2e+300', '1e+300']
    """
    _, exponent = np.frexp(np.abs(x).max(over, keepdims=True))
    size = np.ldexp(1.0, exponent - 1)
    unit = x / size  # a power of 2 near the largest number: dividing by it is exact
    mean = unit.mean(over, keepdims=True)
    deviation = np.sqrt(((unit - mean) ** 2).mean(over, keepdims=True))
    return np.squeeze(mean * size, over), np.squeeze(deviation * size, over)


def check_some(x: Array, name: str) -> None:
    """Raise if an array is empty: no examples, or no time steps."""
    if not x.size:
        raise DataError(f"{name} is empty: expected at least one example and time step, got shape {x.shape}")


def finite_in(x: Any, name: str, dtype: Any) -> Array:
    """Convert data to a model's dtype; raise as `check_finite` if a number is not finite there."""
    made: Array = numeric(x, name)
    check_finite(made, name, dtype)
    return made.astype(dtype, copy=False)


def in_precision(x: Array, dtype: Any) -> Array:
    """Cast an array to a dtype, without warnings of overflow; None leaves it unchanged."""
    if dtype is None or x.dtype == dtype:
        return x
    with np.errstate(over="ignore"):
        return x.astype(dtype, copy=False)


def not_finite(value: Any, index: tuple[int, ...], name: str, dtype: Any = None) -> str:
    """Return the error message for a number that is not finite, or not finite in a dtype."""
    if np.isfinite(value):
        more = ", or take dtype='float64'" if np.dtype(dtype).itemsize < 8 else ""
        why = f"in {np.dtype(dtype)}, the precision of the model, that is infinite; scale the data{more}"
    else:
        why = "remove or replace such values first"
    shown = str(value) if np.isfinite(value) else f"{value:g}"
    return f"{name} holds {shown} at index {index}: {why}{place(index)}"


def place(index: tuple[int, ...]) -> str:
    """Return " (row i, column j)" for the index of a number, to end a message with.

    Examples
    --------
    >>> place((17, 3)), place((17,))
    (' (row 17, column 3)', ' (row 17)')
    """
    if not index:
        return ""
    return f" (row {index[0]}, column {index[1]})" if len(index) == 2 else f" (row {index[0]})"


def first_bad(array: Array) -> tuple[int, ...]:
    """Return the index of the first entry that is NaN or infinite."""
    return tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
