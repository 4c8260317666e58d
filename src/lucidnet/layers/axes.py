"""Axes of arrays as settings, counted as in the arrays, where axis 0 is the examples."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..backend import Array, Shape, namespace
from ..core.settings import Check, UnfitError, listed, whole
from ..errors import ShapeError
from .base import features, one_input

AXIS = "a whole number other than 0, which is the axis of the examples"
AXES = f"{AXIS}, or several"

_ANY: Check = whole(None).metadata["check"]


def as_axis(given: Any, owner: Any) -> int:
    """Check an axis: counted from 1, or from the end as -1, -2 and so on."""
    axis: int = _ANY.convert(given, owner)
    if axis == 0 or abs(axis) > 64:
        raise UnfitError
    return axis


def as_axes(given: Any, owner: Any) -> int | tuple[int, ...]:
    """Check one axis, or several, which become a tuple."""
    if not isinstance(given, Iterable):
        return as_axis(given, owner)
    several = tuple(as_axis(axis, owner) for axis in listed(given))
    if not several or len(set(several)) < len(several):
        raise UnfitError
    return several[0] if len(several) == 1 else several


def place(layer: Any, axis: int, shape: Shape) -> int:
    """Return an axis of a batch, counted from 0, for examples of a shape.

    Raises
    ------
    ShapeError
        If such a batch has no axis of that number, or it is that of the examples.
    """
    count = len(one_input(layer, shape)) + 1
    there = axis + count if axis < 0 else axis
    if not 0 < there < count:
        raise ShapeError(
            f"{layer.describe()}: axis={axis} is none of inputs of shape {shape} per example: with the "
            f"examples as axis 0 they have the axes 1 to {count - 1}"
        )
    return there


def places(layer: Any, axes: int | tuple[int, ...], shape: Shape) -> tuple[int, ...]:
    """Return axes of a batch, counted from 0, in ascending order; see `place`."""
    several = axes if isinstance(axes, tuple) else (axes,)
    found = sorted({place(layer, axis, shape) for axis in several})
    if len(found) < len(several):
        raise ShapeError(f"{layer.describe()}: of axis={axes} two are the same in inputs of shape {shape}")
    return tuple(found)


def sizes(layer: Any, axes: int | tuple[int, ...], shape: Shape) -> Shape:
    """Return the sizes of some axes of an input; raise if one of them can vary."""
    if axes == -1:
        return (features(layer, shape),)
    found = tuple(shape[axis - 1] for axis in places(layer, axes, shape))
    if None in found:
        raise ShapeError(f"{layer.describe()} needs to know the sizes along axis={axes}, got inputs {shape}")
    return found


def is_last(axes: tuple[int, ...], count: int) -> bool:
    """Tell whether axes are just the last of `count` axes."""
    return axes == (count - 1,)


def at_end(x: Array, axes: tuple[int, ...]) -> Array:
    """Merge some axes into one, at the end; unchanged if it is the last axis alone.

    Examples
    --------
    >>> import numpy as np
    >>> at_end(np.zeros((2, 3, 4, 5)), (1, 3)).shape
    (2, 4, 15)
    """
    if is_last(axes, x.ndim):
        return x
    others = tuple(axis for axis in range(x.ndim) if axis not in axes)
    turned = namespace(x).permute_dims(x, (*others, *axes))
    return turned.reshape(*turned.shape[: len(others)], math.prod(turned.shape[len(others) :]))


def back(y: Array, axes: tuple[int, ...], shape: Shape) -> Array:
    """Reverse `at_end`: return the array in its original shape."""
    if is_last(axes, len(shape)):
        return y.reshape(shape)
    order = (*(axis for axis in range(len(shape)) if axis not in axes), *axes)
    turned = y.reshape(*(shape[axis] for axis in order))
    return namespace(y).permute_dims(turned, tuple(order.index(axis) for axis in range(len(shape))))
