"""Checks of what a step of one's own gives to a pass; while tracing only shapes and dtypes are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backend import namespace
from ..core.finite import check_some
from ..core.numeric import numeric
from ..core.settings import shown
from ..data.given import check_names, mask_error
from ..errors import DataError, ShapeError
from ..layers.base import Layer, Mask, several
from ..layers.core import fits
from ..layers.turned import misfit
from ..training.checks import as_inputs


def real(given: Any, name: str) -> Any:
    """Convert to an array of real numbers; an array of JAX stays as it is.

    Raises
    ------
    DataError
        If it is no such array: text, complex numbers, values left out.
    """
    if isinstance(given, np.ndarray) or not hasattr(given, "__array_namespace__"):
        return numeric(given, name)
    if given.dtype.kind not in "biufV":
        raise DataError(f"{name}: expected real numbers, got dtype {given.dtype}")
    return given


def fitting(x: Any, shape: Any, like: Any, name: str = "x") -> Any:
    """Check inputs, and convert them to the library and the dtype of the weights.

    Parameters
    ----------
    x : array (n, ...), or several by name
        What was given.
    shape : shape, or several by name
        The shape of one input of the layers.
    like : array
        An array of that library and dtype.
    name : str
        What the inputs are called in errors.

    Raises
    ------
    ShapeError
        If one example does not have the shape that the layers take.
    DataError
        If the data are not numbers, or there are none.
    """
    if isinstance(shape, dict):
        check_names(x, shape, name)
        return {each: fitting(x[each], shape[each], like, f"{name}[{each!r}]") for each in shape}
    if several(shape):
        if not isinstance(x, (tuple, list)) or len(x) != len(shape):
            raise DataError(f"{name}: expected a tuple of {len(shape)} inputs, got {type(x).__name__}")
        return tuple(
            fitting(*pair, like, f"{name}[{i}]") for i, pair in enumerate(zip(x, shape, strict=True))
        )
    if isinstance(x, Mapping):
        raise DataError(f"{name}: the layers have one input: give its array, not a dict")
    given = real(x, name)
    if not fits(tuple(given.shape[1:]), shape):
        raise ShapeError(misfit(tuple(given.shape), shape, name))
    check_some(given, name)
    return namespace(like).asarray(given, dtype=like.dtype)


def checked(x: Any, mask: Any, shape: Any, dtype: str, net: Layer) -> tuple[Any, Mask]:
    """Check inputs and mask as `as_inputs` does, also those of a layer that takes a tuple of inputs.

    Raises
    ------
    DataError
        If there are not as many inputs, or masks, or not as many rows in each.
    """
    if isinstance(shape, dict) or not several(shape):
        return as_inputs(x, shape, dtype, net, mask)[:2]
    masks = (None,) * len(shape) if mask is None else mask
    for name, given in (("x", x), ("mask", masks)):
        if not isinstance(given, (tuple, list)) or len(given) != len(shape):
            raise DataError(
                f"{name}: expected a tuple, one for each of {len(shape)} inputs, got {shown(given)}"
            )
    made = [
        as_inputs(one, own, dtype, None, left)[:2] for one, left, own in zip(x, masks, shape, strict=True)
    ]
    if len(lengths := {len(one) for one, _ in made}) > 1:
        raise DataError(f"x: the inputs differ in length: {sorted(lengths)}")
    return tuple(one for one, _ in made), None if mask is None else tuple(left for _, left in made)


def fitting_mask(mask: Any, x: Any, name: str = "mask") -> Mask:
    """Convert a mask or lengths to a mask of time steps, as `training.checks.as_mask` does for known values.

    Raises
    ------
    ShapeError
        If it is neither a mask of the time steps nor the lengths of the sequences.
    """
    if isinstance(mask, (tuple, list)) and isinstance(x, tuple) and len(mask) == len(x):
        return tuple(
            None if own is None else fitting_mask(own, one) for own, one in zip(mask, x, strict=True)
        )
    if isinstance(mask, Mapping):
        if not isinstance(x, Mapping) or not mask.keys() <= x.keys():
            raise ShapeError(f"{name}: expected a mask for an input, got the names {sorted(map(str, mask))}")
        return {each: fitting_mask(mask[each], x[each], f"{name}[{each!r}]") for each in mask}
    if not hasattr(x, "shape") or len(x.shape) < 2:
        raise ShapeError(f"{name}: there are no time steps to leave out in these inputs")
    given, xp = real(mask, name), namespace(x)
    n, time = x.shape[:2]
    if given.shape == (n,) and given.dtype.kind in "iu":
        return xp.arange(time) < xp.asarray(given)[:, None]
    if given.shape != (n, time):
        raise mask_error(given, x, name)
    return xp.asarray(given) != 0
