"""Trees of arrays: nested dicts by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import SettingError, some
from .text import ByName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Array: TypeAlias = Any
"""An array of NumPy or JAX."""

Shape: TypeAlias = tuple[int, ...]
"""The shape of one example, without the batch axis; sizes that vary are None."""

Tree: TypeAlias = Any
"""Arrays by name, in nested dicts."""

NumPyArray: TypeAlias = "NDArray[Any]"
"""A NumPy array, as users get it."""

Params: TypeAlias = "Mapping[str, Mapping[str, NDArray[np.floating[Any]]]]"
"""A tree of arrays as users get it: by layer and name, with the layers inside a container first."""

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


def differing(expected: Mapping[Path, Any], given: Mapping[Path, Any]) -> str:
    """Say which arrays have other shapes than expected, by their paths.

    Examples
    --------
    >>> differing({("a", "W"): (2, 3)}, {("a", "W"): (3, 2), ("b",): ()})
    'expected arrays of shapes a.W (2, 3), no b, got a.W (3, 2), b ()'
    """
    paths = [path for path in {**expected, **given} if expected.get(path) != given.get(path)]
    told = (
        some((f"{dotted(p)} {shapes[p]}" if p in shapes else f"no {dotted(p)}" for p in paths), 10)
        for shapes in (expected, given)
    )
    return "expected arrays of shapes {}, got {}".format(*told)


def dotted(path: Path) -> str:
    """Return a path as users write it: ``"block.dense1"``.

    Examples
    --------
    >>> dotted(("block", "dense1", "W"))
    'block.dense1.W'
    """
    return ".".join(map(str, path))  # names as they were given may be no texts


def filled(tree: Tree, whole: Tree) -> Tree:
    """Return a tree with the branches of another that it lacks and that hold no arrays.

    Examples
    --------
    >>> filled({"dense": {"W": 1}}, {"relu": {}, "dense": {"W": 2}, "other": {"W": 3}})
    {'relu': {}, 'dense': {'W': 1}}
    """
    if not (isinstance(tree, dict) and isinstance(whole, dict)):
        return tree
    lacking = {name: branch for name, branch in whole.items() if name not in tree}
    bare = {name: branch for name, branch in lacking.items() if not any(True for _ in leaves(branch))}
    return bare | {name: filled(branch, whole.get(name)) for name, branch in tree.items()}


def _has(branch: Any) -> bool:
    """Tell whether something in a tree is an array, or a branch that is not empty."""
    return not isinstance(branch, dict) or bool(branch)


def tree_map(function: Callable[..., Array], tree: Tree, *others: Tree) -> Tree:
    """Apply a function to the arrays of one or several trees of the same structure.

    Others may lack branches without arrays.

    Examples
    --------
    >>> tree_map(lambda a, b: a + b, {"relu": {}, "dense": {"W": 1}}, {"dense": {"W": 2}})
    {'relu': {}, 'dense': {'W': 3}}
    """
    if isinstance(tree, dict):
        return {
            name: tree_map(function, branch, *(other[name] for other in others)) if _has(branch) else {}
            for name, branch in tree.items()
        }
    return function(tree, *others)


def mapped(function: Callable[..., Array], tree: Any) -> Any:
    """Apply a function to the arrays of a tree of tuples and dicts; None stays None."""
    if isinstance(tree, dict):
        return {name: mapped(function, branch) for name, branch in tree.items()}
    if isinstance(tree, tuple):
        return tuple([mapped(function, branch) for branch in tree])
    return None if tree is None else function(tree)


def by_layer(arrays: Iterable[tuple[Path, Array]]) -> dict[str, dict[str, Array]]:
    """Return arrays given by path, by the dotted name of their layer and their own name."""
    found: dict[str, dict[str, Array]] = ByName()
    for path, array in arrays:
        found.setdefault(dotted(path[:-1]), {})[path[-1]] = array
    return found


def part_of(tree: Any, rows: Any) -> Any:
    """Take some rows of each array in a tree of tuples and dicts; None stays None."""
    return mapped(lambda array: array[rows], tree)


def stacked(trees: Sequence[Any]) -> Any:
    """Stack trees of the same structure into one; each array gets a new first axis."""
    import numpy as np

    return _as_one(lambda arrays: np.stack([np.asarray(array) for array in arrays]), trees)


def joined(trees: Sequence[Any]) -> Any:
    """Concatenate trees of the same structure into one, along the rows of each array.

    Examples
    --------
    >>> import numpy as np
    >>> joined([{"a": np.array([1, 2])}, {"a": np.array([3])}])
    {'a': array([1, 2, 3])}
    """
    import numpy as np

    return _as_one(lambda each: np.concatenate(each) if len(each) > 1 else np.array(each[0]), trees)


def _as_one(join: Callable[[Sequence[Array]], Array], trees: Sequence[Any]) -> Any:
    """Return one tree for several, made by joining the arrays that stand in one place; None stays None."""
    first = trees[0]
    if first is None:
        return None
    if isinstance(first, dict):
        return {name: _as_one(join, [tree[name] for tree in trees]) for name in first}
    if isinstance(first, (tuple, list)):
        return tuple(_as_one(join, [tree[k] for tree in trees]) for k in range(len(first)))
    return join(trees)


def weighted(weights: Sequence[float], trees: Sequence[Tree]) -> Tree:
    """Return the sum of trees of arrays, each times its weight, in their order.

    Examples
    --------
    >>> import numpy as np
    >>> weighted([0.5, 2.0], [{"a": np.array([2.0])}, {"a": np.array([3.0])}])
    {'a': array([7.])}
    """

    def total(*arrays: Array) -> Array:
        made = arrays[0] * weights[0]
        for weight, array in zip(weights[1:], arrays[1:], strict=True):
            made += weight * array
        return made

    return tree_map(total, *trees)


def floats(tree: Any, dtype: Any) -> Any:
    """Cast the real numbers in a tree to a dtype; whole numbers keep theirs."""
    return mapped(lambda array: array.astype(there(array.dtype, dtype), copy=False), tree)


def there(given: Any, dtype: Any) -> Any:
    """Return the dtype that an array gets on the devices: the weights' for real numbers, else its own.

    Its bytes are in the order of this machine, which devices need.
    """
    return dtype if given.kind == "f" else given.newbyteorder("=")


def at(tree: Tree, path: Path) -> Tree:
    """Return the branch or array at a path."""
    for name in path:
        tree = tree[name]
    return tree


def put(tree: Tree, path: Path, branch: Tree) -> Tree:
    """Put a branch into a tree at a path, in place, and return the tree; at the root return the branch.

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


def only(paths: Iterable[Path], tree: Tree) -> Tree:
    """Return a tree with only the branches at some paths of another."""
    made: Tree = {}
    for path in paths:
        made = put(made, path, at(tree, path))
    return made


def ordered(tree: Tree, like: Tree) -> Tree:
    """Return a tree with its branches in the order of another; JAX returns them sorted."""
    if not isinstance(tree, dict) or not isinstance(like, dict):
        return tree
    return {name: ordered(tree[name], like[name]) for name in like if name in tree}


class ReadOnly(ByName):
    """A read-only tree, for the caller to look at: nested dicts by name; copies are plain dicts."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise SettingError(
            "these arrays are what they were when they were asked for, and setting them changes no model: "
            "give a new tree to set_params (or set_feedback), or load_weights(tree)"
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = clear = setdefault = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)

    @classmethod
    def of(cls, tree: Tree) -> Tree:
        """Return a read-only view of a tree, with its vector and layout."""
        if not isinstance(tree, dict):
            return tree
        made = cls({name: cls.of(branch) for name, branch in tree.items()})
        vars(made).update({name: getattr(tree, name) for name in ("layout", "vector") if hasattr(tree, name)})
        return made
