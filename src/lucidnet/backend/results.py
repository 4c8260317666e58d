"""Results of users' own functions, converted to arrays of the engine that called them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.numeric import numeric, plainly
from ..core.own import run
from ..core.settings import shown
from ..errors import DataError, SettingError, ShapeError
from .arrays import namespace
from .xla.autodiff import instead, not_followed

UNFOLLOWED = (
    "JAX cannot follow {}: take its functions from the array (xp = x.__array_namespace__(), then xp.tanh(x)) "
    "in place of NumPy's, choose by xp.where and not by the values, and change no array in place"
)


def called(function: Callable[..., Any], what: str, *given: Any, like: Any = None, shape: Any = None) -> Any:
    """Call a user's function on arrays; return its result with their array library and dtype.

    Parameters
    ----------
    function : callable
        The function.
    what : str
        What it is, for errors: "this activation".
    *given : array
        The arguments of the call.
    like : array, optional
        The array whose library and dtype the result takes; the first argument if left out.
    shape : tuple of int, optional
        The shape that it must have.

    Raises
    ------
    SettingError
        If the function cannot be followed, or does not return an array of numbers.
    ShapeError
        If the result has another shape.
    """
    return returned(followed(what, function, *given), given[0] if like is None else like, what, shape)


def constrained(constraint: Callable[..., Any], array: Any) -> Any:
    """Apply a weight constraint to an array, and check the shape of the result."""
    return called(constraint, f"the constraint {shown(constraint)}", array, shape=array.shape)


def followed(what: str, function: Callable[..., Any], *given: Any) -> Any:
    """Call a user's function on arrays; where JAX cannot trace it, the error says what to do.

    Raises
    ------
    SettingError
        If it cannot be followed, writes into its arguments, or takes no arrays at all.
    """
    try:
        return run(what, function, *given)
    except Exception as error:
        if not_followed(error):
            raise SettingError(UNFOLLOWED.format(what) + instead(error)) from error
        raise


def returned(made: Any, like: Any, what: str, shape: Any = None) -> Any:
    """Convert the result of a user's function to the array library and dtype of `like`; see `called`."""
    if type(made) is not type(like) or made.dtype != like.dtype:
        made = _brought(made, like, what)
    if shape is not None and made.shape != shape:
        raise ShapeError(f"{what} must return an array of shape {shape}, got shape {made.shape}")
    return made


def _brought(made: Any, like: Any, what: str) -> Any:
    xp = namespace(like)
    if xp is np or not hasattr(made, "aval"):
        try:
            made = numeric(made, "it")
        except DataError as error:
            raise SettingError(f"what {what} returns is of no use: {plainly(error)}") from None
    if made.dtype.kind not in "biuf" and not made.dtype.name.startswith(("bfloat", "float")):
        raise SettingError(f"what {what} returns is of no use: expected real numbers, got {made.dtype}")
    return made.astype(like.dtype) if xp is np else xp.asarray(made, dtype=like.dtype)
