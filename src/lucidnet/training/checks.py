"""Data as users bring it, checked once and then never copied as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backend import Array, Shape
from ..core.finite import check_all_finite, check_some, usual
from ..core.numeric import numeric
from ..core.trees import tree_map
from ..data.batch import Data, rows
from ..data.batches import MISSING
from ..data.given import check_names, mask_error, unfilled
from ..data.weights import as_weights, class_weighted
from ..errors import DataError, ShapeError
from ..layers.base import Layer, Mask
from ..layers.core import fits
from ..layers.tables import check_numbers
from ..layers.turned import misfit, no_examples
from ..losses import Loss


def as_inputs(x: Any, shape: Any, dtype: Any = None, net: Any = None, mask: Any = None) -> tuple[Any, ...]:
    """Return inputs as a checked numeric array (n, ...) of the right shape, with their mask.

    Where a network has several inputs, `shape` is a dict of shapes by name, and so is what is
    given and returned.

    Parameters
    ----------
    x : array-like, or several by name
        The inputs that the user gave.
    shape : shape, or several by name
        The shape of one input of the network.
    dtype : str, optional
        The dtype of the model, in which all numbers must be finite.
    net : Layer, optional
        The network: its embeddings say which numbers they take.
    mask : array-like, or several by name, optional
        What `as_mask` takes. Time steps that it leaves out may hold anything, as NaN.

    Returns
    -------
    x, mask
        The inputs, and which of their time steps count.
    shape : shape, or several by name, or None
        The shape of one output for these inputs, if theirs varies.

    Raises
    ------
    ShapeError
        If one example does not have the shape that the network takes.
    DataError
        If the data are not numbers, there are none, or some are NaN, infinite, or no valid row number.
    """
    if mask is None and usual(x, shape, dtype):
        return x if net is None else check_numbers(net, x, dtype), None, None
    x = _several(x, shape) if isinstance(shape, dict) else _one_input(x, shape, "x")
    mask = None if mask is None else as_mask(mask, x)
    x = unfilled(x, mask)
    check_all_finite(x, "x", dtype)
    if net is None:
        return x, mask, None
    varies = _varies(shape)  # what was unknown when the network was made may not fit: it raises
    shape = net.output_shape(tree_map(lambda array: tuple(array.shape[1:]), x)) if varies else None
    return check_numbers(net, x, dtype), mask, shape


def _one_input(x: Any, shape: Any, name: str) -> Array:
    """Return one input as an array of the right shape."""
    if not isinstance(x, np.ndarray) and isinstance(x, Mapping):
        raise DataError(f"{name}: the network has one input: give its array, not a dict")
    x = numeric(x, name)
    if not fits(x.shape[1:], shape):
        raise ShapeError(misfit(x.shape, shape, name))
    check_some(x, name)
    return x


def example_shape(x: Any, title: str = "x") -> Any:
    """Return the shape of one example of the inputs given."""
    if not isinstance(x, np.ndarray) and isinstance(x, Mapping):
        return {name: example_shape(array, f"{title}[{name!r}]") for name, array in x.items()}
    x = numeric(x, title)
    if x.ndim < 2:
        raise DataError(no_examples(x.shape, title))
    check_some(x, title)
    return tuple(x.shape[1:])


def _several(x: Any, shapes: dict[str, Shape]) -> dict[str, Array]:
    """Return several inputs by name, all of one length."""
    check_names(x, shapes, "x")
    made = {key: _one_input(x[key], shape, f"x[{key!r}]") for key, shape in shapes.items()}
    lengths = {key: len(array) for key, array in made.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"x: the inputs differ in length: {lengths}")
    return made


def as_data(
    x: Any,
    y: Any,
    loss: Loss,
    shapes: tuple[Any, Any],
    dtype: str,
    class_weight: Any = None,
    sample_weight: Any = None,
    mask: Any = None,
    net: Layer | None = None,
) -> Data:
    """Return examples with their targets, all checked.

    Parameters
    ----------
    x, y : array-like
        Inputs and targets, or dicts of them by name.
    loss : Loss
        The loss that the targets are for.
    shapes : pair of shapes
        The shapes of one input and one output of the network.
    dtype : str
        The dtype of the model.
    class_weight : mapping of int to float, or "balanced", optional
        A weight for each class, 1 for those left out; time steps have one each.
    sample_weight : array-like (n,) or (n, time), optional
        A weight for each example, or each of its time steps.
    mask : array-like (n, time) or (n,), or several by name, optional
        Which time steps count, or how many of each sequence do; see `as_mask`.
    net : Layer, optional
        The network, which says how many time steps the outputs for these inputs have, if that varies.
    """
    inputs, mask, made = as_inputs(x, shapes[0], dtype, net, mask)
    shape = shapes[1] if made is None else made
    target = as_target(y, loss, shape, dtype, rows(inputs))
    weights = None if sample_weight is None else as_weights(sample_weight, target, shape, dtype)
    data = Data(inputs, target, weights, dtype, mask)
    return data if class_weight is None else class_weighted(data, class_weight, shape)


def _varies(shape: Any) -> bool:
    """Tell whether a shape, or any output's shape, has a size that is not known."""
    return any(map(_varies, shape.values())) if isinstance(shape, dict) else None in shape


def as_target(y: Any, loss: Loss, shape: Any, dtype: str, n: int) -> Any:
    """Return targets as the loss takes them, one for each of n examples."""
    y, empty = loss.with_targets(y, n), y is None
    if y is None:
        raise DataError(MISSING)
    if empty and not isinstance(y, Mapping):
        return y
    several = not isinstance(y, np.ndarray) and isinstance(y, Mapping)
    given: Any = {name: numeric(y[name], f"y[{name!r}]") for name in y} if several else numeric(y, "y")
    for name, array in given.items() if several else [("", given)]:
        title = f"y[{name!r}]" if several else "y"
        if array.ndim == 0 or len(array) != n:
            got = len(array) if array.ndim else "a single number"
            raise DataError(f"x and {title} differ in length: {n} examples, {got} targets")
    return loss.check_target(given, shape, dtype)


def as_mask(mask: Any, x: Any) -> Mask:
    """Return which time steps of inputs count, from a mask or from the lengths of the sequences.

    Parameters
    ----------
    mask : array-like (n, time) of bool (or 0 and 1), or (n,) of whole numbers, or several by name
        Which time steps count, or how many of each sequence, from the first on. If the network has several
        inputs, a dict of masks for those that have one.
    x : array (n, time, ...), or several by name
        The inputs.

    Raises
    ------
    ShapeError
        If it is anything else.
    DataError
        If no time step counts at all.
    """
    if isinstance(x, dict):
        if not isinstance(mask, Mapping) or not mask or not mask.keys() <= x.keys():
            got = f"the names {sorted(map(str, mask))}" if isinstance(mask, Mapping) else type(mask).__name__
            raise ShapeError(f"mask: expected a dict of masks by input ({', '.join(sorted(x))}), got {got}")
        made = {key: _one_mask(mask[key], x[key], f"mask[{key!r}]") for key in mask}
        counts = len(made) < len(x) or any(one.any() for one in made.values())
    else:
        made = _one_mask(mask, x, "mask")
        counts = made.any()
    if not counts:
        raise DataError("mask: no time step counts at all")
    return made


def _one_mask(mask: Any, x: Any, name: str) -> Array:
    """Return which time steps of one input count."""
    if isinstance(mask, Mapping):
        raise ShapeError(f"{name}: expected an array, as the network has one input, got a dict")
    if x.ndim < 2:
        raise ShapeError(f"{name}: there are no time steps to leave out in inputs of shape {x.shape}")
    mask, (n, time) = numeric(mask, name), x.shape[:2]
    if mask.shape == (n,) and mask.dtype.kind in "iu":
        if (wrong := (mask < 0) | (mask > time)).any():
            row = int(wrong.argmax())
            raise ShapeError(f"{name}: lengths are from 0 to {time}, got {mask[row]} for example {row}")
        mask = mask[:, None] > np.arange(time)
    elif mask.shape != (n, time) or not ((mask == 0) | (mask == 1)).all():
        raise mask_error(mask, x, name)
    return mask.astype(bool)
