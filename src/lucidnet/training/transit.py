"""Trees on their way to a device and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array, Tree


def joined(arrays: Sequence[Array], like: Array) -> Array:
    """Return arrays as one vector."""
    return np.concatenate([array.reshape(-1) for array in arrays]) if arrays else np.zeros(0, like.dtype)


def stacked(trees: Sequence[Any]) -> Any:
    """Return trees of tuples, dicts and arrays as one, each array with a first axis for their number."""
    first = trees[0]
    if first is None:
        return None
    if isinstance(first, dict):
        return {name: stacked([tree[name] for tree in trees]) for name in first}
    if isinstance(first, (tuple, list)):
        return tuple(stacked([tree[k] for tree in trees]) for k in range(len(first)))
    return np.array(trees) if isinstance(first, float) else np.stack([np.asarray(tree) for tree in trees])


def floats(tree: Any, dtype: Any) -> Any:
    """Return a tree with all numbers that are not whole in the dtype of the weights."""
    if isinstance(tree, dict):
        return {name: floats(branch, dtype) for name, branch in tree.items()}
    if isinstance(tree, tuple):
        return tuple(floats(branch, dtype) for branch in tree)
    return tree if tree is None or tree.dtype.kind != "f" else tree.astype(dtype, copy=False)


def ordered(tree: Tree, like: Tree) -> Tree:
    """Return a tree with its branches in the order of another; a compiler sorts them."""
    if not isinstance(tree, dict) or not isinstance(like, dict):
        return tree
    return {name: ordered(tree[name], like[name]) for name in like if name in tree}
