"""Optimizer steps on plain arrays, without a network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import Tree, namespace
from ..core.finite import in_precision
from ..core.numeric import numeric
from ..core.own import traced
from ..core.text import short
from ..core.trees import leaves, put, tree_map
from ..errors import NonFiniteError, SettingError, ShapeError

REAL = "fV"
"""The kinds of dtype of real numbers; V is that of bfloat16."""


def stepped(optimizer: Any, arrays: Any, grads: Any, memory: Any) -> tuple[Any, dict[str, Any]]:
    """Return arrays and optimizer state after a step; see `Optimizer.step`."""
    if optimizer.full_batch:
        raise SettingError(
            f"step: {type(optimizer).__name__} looks at the loss at several points to make a step, and "
            "cannot make one by a gradient alone: take another optimizer"
        )
    params, slopes = _tree(arrays), _tree(grads)
    check_real("step", params)
    given, expected = dict(leaves(slopes)), dict(leaves(params))
    known = next((array for array in (*given.values(), *expected.values()) if traced(array)), None)
    if given.keys() != expected.keys():
        raise ShapeError("step: the gradients must have the form of the arrays, one for each of them")
    for path, array in expected.items():
        if np.shape(given[path]) != array.shape:
            raise ShapeError(
                f"step: the gradient{_at(path)} must have the array's shape {array.shape}, got "
                f"{np.shape(given[path])}"
            )
        if known is not None:  # inside of a program of JAX, where no values are known
            xp = namespace(known)
            slopes = put(slopes, path, xp.asarray(given[path], dtype=xp.asarray(array).dtype))
            continue
        slope = in_precision(numeric(given[path], f"step: the gradient{_at(path)}"), array.dtype)
        slopes = put(slopes, path, slope)
        if not np.isfinite(slope).all():
            raise NonFiniteError(f"step: the gradient{_at(path)} is NaN or infinite; nothing was changed")
    near = tree_map(np.asarray if known is None else namespace(known).asarray, params)
    memory = optimizer.init(near) if memory is None else memory
    _check_memory("step: memory", optimizer, memory, near)
    made, memory = optimizer.update(slopes, memory, near)
    if known is not None:
        return _like(made, arrays), memory
    return _like(tree_map(lambda array, given: namespace(given).asarray(array), made, params), arrays), memory


def checked(optimizer: Any, grads: Any, state: Any, params: Any) -> Tree:
    """Check the arguments of `Optimizer.update`, and return the gradients with whole numbers made real.

    Values are not checked, as they may not be known while tracing.

    Raises
    ------
    SettingError
        If parameters are not real numbers, or the state is that of another optimizer.
    ShapeError
        If the state is that of other parameters.
    DataError
        If gradients are no numbers.
    """
    check_real("update", params)
    _check_memory("update: state", optimizer, state, params)
    kinds = dict(leaves(params))

    def real(path: tuple[str, ...], given: Any) -> Any:
        dtype = getattr(given, "dtype", None)
        if dtype is None or dtype.kind in REAL or path not in kinds:
            return given  # a form that is none is told where the gradients are put together
        if dtype.kind not in "biu":
            return numeric(given, f"update: the gradient{_at(path)}")  # raises
        return namespace(given).asarray(given, dtype=kinds[path].dtype)

    made = grads
    for path, given in leaves(grads):
        if (slope := real(path, given)) is not given:
            made = put(tree_map(lambda array: array, made) if made is grads else made, path, slope)
    return made


def check_real(title: str, params: Tree) -> None:
    """Raise unless all leaves are arrays of real numbers."""
    for path, array in leaves(params):
        kind = getattr(getattr(array, "dtype", None), "kind", None)
        if kind is None or kind not in ("f" if title == "step" else REAL):
            raise SettingError(
                f"{title}: expected arrays of real numbers, got {short(array)}{_at(path)}: give an array of "
                "floats, such as array.astype('float32')"
            )


def _check_memory(title: str, optimizer: Any, memory: Any, params: Tree) -> None:
    """Raise unless this is an optimizer's memory for these parameters."""
    size = sum(math.prod(array.shape) for _, array in leaves(params))
    fresh = optimizer.init_slots(np.zeros(size, np.float32))
    expected = {"step", *fresh}
    if not isinstance(memory, dict) or memory.keys() != expected:
        got = f"a dict of {', '.join(map(str, memory))}" if isinstance(memory, dict) else short(memory)
        raise SettingError(
            f"{title} is what the step before returned, for {type(optimizer).__name__} with "
            f"{', '.join(sorted(expected))}, or the first time that of init(params), got {got}"
        )
    for name, slot in fresh.items():
        if np.shape(memory[name]) != slot.shape:
            raise ShapeError(
                f"{title} is that of other arrays, {name} of shape {np.shape(memory[name])}: for these "
                f"{size} numbers it is of {slot.shape}"
            )


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
        made = [_like(tree[str(k)], array) for k, array in enumerate(arrays)]
        return type(arrays)(*made) if hasattr(arrays, "_fields") else type(arrays)(made)  # of names, too
    return tree


def _at(path: tuple[str, ...]) -> str:
    return f" of {'.'.join(path)}" if path else ""
