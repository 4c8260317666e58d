"""Trees of arrays: nested dicts by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Array: TypeAlias = Any
"""An array of NumPy or JAX."""

Shape: TypeAlias = tuple[int, ...]
"""The shape of one example, without the batch axis; sizes that may vary are None."""

Tree: TypeAlias = Any
"""Arrays by name, in dicts inside dicts."""

Numbers: TypeAlias = "NDArray[Any]"
"""An array of NumPy, as people get it."""

Params: TypeAlias = "Mapping[str, Mapping[str, NDArray[np.floating[Any]]]]"
"""A tree of arrays, as people get it: by layer and name, in containers by the layers inside first."""

Path: TypeAlias = tuple[str, ...]
"""The names that lead to a place in a tree."""


def leaves(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Array]]:
    """Yield the arrays of a tree with their paths, in order.

    Examples
    --------
    >>> [path for path, _ in leaves({"a": {"W": 1, "b": 2}, "c": {}})]
    [('a', 'W'), ('a', 'b')]
    """
    if isinstance(tree, dict):
        for name, branch in tree.items():
            yield from leaves(branch, (*path, name))
    else:
        yield path, tree


def dotted(path: Path) -> str:
    """Return a path as people read and write it, the name of a layer or an array: ``"block.dense1"``.

    Examples
    --------
    >>> dotted(("block", "dense1", "W"))
    'block.dense1.W'
    """
    return ".".join(path)


def tree_map(function: Callable[..., Array], tree: Tree, *others: Tree) -> Tree:
    """Apply a function to the arrays of trees that have one structure."""
    if isinstance(tree, dict):
        return {
            name: tree_map(function, branch, *(other[name] for other in others))
            for name, branch in tree.items()
        }
    return function(tree, *others)


def at(tree: Tree, path: Path) -> Tree:
    """Return the branch or array at a path."""
    for name in path:
        tree = tree[name]
    return tree


def put(tree: Tree, path: Path, branch: Tree) -> Tree:
    """Return a tree with a branch at a path, put there in place; at the root it takes the tree's place.

    Examples
    --------
    >>> put({"a": {"b": 1}}, ("a", "c"), 2)
    {'a': {'b': 1, 'c': 2}}
    """
    if not path:
        return branch
    inner = tree
    for name in path[:-1]:
        inner = inner.setdefault(name, {})
    inner[path[-1]] = branch
    return tree


def ordered(tree: Tree, like: Tree) -> Tree:
    """Return a tree with its branches in the order of another; a compiler sorts them."""
    if not isinstance(tree, dict) or not isinstance(like, dict):
        return tree
    return {name: ordered(tree[name], like[name]) for name in like if name in tree}
