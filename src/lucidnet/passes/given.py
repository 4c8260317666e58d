"""Checks of what a step of one's own gives to a pass; while tracing only shapes and dtypes are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..backend import Array, Tree, namespace
from ..core.finite import check_some, in_precision
from ..core.numeric import numeric
from ..core.settings import shown
from ..core.trees import Path, dotted, put
from ..data.given import check_names, mask_error
from ..errors import DataError, SettingError, ShapeError, UnknownNameError, suggestion
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


def placed(tree: Any, layout: Any, like: Array, title: str, one: str) -> Iterator[tuple[Path, Array]]:
    """Yield the arrays of a tree by their paths in a network, in the library and the dtype of its weights.

    None stands for no array. Layers inside of others may have one name, "block.dense1".

    Parameters
    ----------
    tree : tree
        Arrays by layer and name.
    layout : Layout
        Where the network's arrays lie.
    like : array
        An array of that library and dtype.
    title, one : str
        What errors begin with: those about the tree, and those about an array in it.

    Raises
    ------
    UnknownNameError
        If the network has no such array.
    ShapeError
        If it has another shape there.
    """
    pairs = zip(layout.paths, layout.shapes, strict=True)
    known = {dotted(path): (path, shape) for path, shape in pairs}
    for called, given in _by_name(tree):
        if called not in known:
            raise UnknownNameError(f"{title}: there is no parameter {called!r}: {suggestion(called, known)}")
        array, (path, shape) = real(given, f"{one}{called}"), known[called]
        if tuple(array.shape) != shape:
            raise ShapeError(f"{one}{called} must have its shape {shape}, got {array.shape}")
        yield path, namespace(like).asarray(in_precision(array, like.dtype), dtype=like.dtype)


def _by_name(tree: Any, path: Path = ()) -> Iterator[tuple[str, Any]]:
    """Yield the arrays of a tree with their dotted names, but for None."""
    if isinstance(tree, Mapping):
        for name, branch in tree.items():
            yield from _by_name(branch, (*path, str(name)))
    elif tree is not None:
        yield dotted(path), tree


def replacing(params: Any, own: Any, like: Array) -> Tree:
    """Return weights for a pass in place of a model's own, as a tree of some of its arrays.

    Raises
    ------
    SettingError
        If they are not weights by layer and name.
    """
    if not isinstance(params, Mapping):
        raise SettingError(
            "forward: params must be weights by layer and name, some of those that model.params has, got "
            f"{shown(params)}"
        )
    made: Tree = {}
    for path, array in placed(params, own.layout, like, "forward: params", "forward: params: "):
        made = put(made, path, array)
    return made


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
