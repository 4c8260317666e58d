"""Optimizer steps on plain arrays, without a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Tree, namespace
from ..core.text import short
from ..core.trees import leaves, tree_map
from ..errors import NonFiniteError, SettingError, ShapeError


def stepped(optimizer: Any, arrays: Any, grads: Any, memory: Any) -> tuple[Any, dict[str, Any]]:
    """Return arrays and optimizer state after a step; see `Optimizer.step`."""
    if optimizer.full_batch:
        raise SettingError(
            f"step: {type(optimizer).__name__} looks at the loss at several points to make a step, and "
            "cannot make one by a gradient alone: take another optimizer"
        )
    params, slopes = _tree(arrays), _tree(grads)
    for path, array in leaves(params):
        if not hasattr(array, "dtype") or array.dtype.kind != "f":
            raise SettingError(f"step: expected arrays of real numbers, got {short(array)}{_at(path)}")
    given = dict(leaves(slopes))
    expected = dict(leaves(params))
    if given.keys() != expected.keys():
        raise ShapeError("step: the gradients must have the form of the arrays, one for each of them")
    for path, array in expected.items():
        if np.shape(given[path]) != array.shape:
            raise ShapeError(
                f"step: the gradient{_at(path)} must have the array's shape {array.shape}, got "
                f"{np.shape(given[path])}"
            )
        if not np.isfinite(np.asarray(given[path])).all():
            raise NonFiniteError(f"step: the gradient{_at(path)} is NaN or infinite; nothing was changed")
    if memory is not None and not (isinstance(memory, dict) and "step" in memory):
        raise SettingError(f"step: memory is what the step before returned, or None, got {short(memory)}")
    near = tree_map(np.asarray, params)
    slopes = tree_map(lambda array, g: np.asarray(g, dtype=array.dtype), near, slopes)
    made, memory = optimizer.update(slopes, optimizer.init(near) if memory is None else memory, near)
    return _like(tree_map(lambda array, given: namespace(given).asarray(array), made, params), arrays), memory


def _tree(arrays: Any) -> Tree:
    """Convert arrays in tuples, lists and dicts to a tree of dicts."""
    if isinstance(arrays, dict):
        return {str(name): _tree(array) for name, array in arrays.items()}
    if isinstance(arrays, (tuple, list)):
        return {str(k): _tree(array) for k, array in enumerate(arrays)}
    return arrays


def _like(tree: Tree, arrays: Any) -> Any:
    """Convert a tree back to the form in which the arrays were given."""
    if isinstance(arrays, dict):
        return {name: _like(tree[str(name)], array) for name, array in arrays.items()}
    if isinstance(arrays, (tuple, list)):
        return type(arrays)(_like(tree[str(k)], array) for k, array in enumerate(arrays))
    return tree


def _at(path: tuple[str, ...]) -> str:
    return f" of {'.'.join(path)}" if path else ""
