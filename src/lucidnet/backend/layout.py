"""Where the arrays of a tree lie in one flat vector."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from ..core.record import Record, record
from ..core.settings import shown
from ..core.text import ByName
from ..core.trees import Array, Path, Shape, Tree, dotted, leaves
from ..errors import ShapeError
from .arrays import namespace
from .parts import Parts


@record
class Layout(Record):
    """Where each array of a tree lies in one flat vector.

    Parameters
    ----------
    paths : tuple of Path
        The path of each array, in the tree's order.
    shapes : tuple of Shape
        Their shapes.
    branches : tuple of Path
        The paths of all dicts inside, in order, those without arrays too.

    Examples
    --------
    >>> import numpy as np
    >>> tree = {"W": np.ones((2, 2)), "b": np.zeros(2)}
    >>> layout = Layout.of(tree)
    >>> layout.ravel(tree)
    array([1., 1., 1., 1., 0., 0.])
    >>> layout.unravel(layout.ravel(tree))["b"]
    array([0., 0.])
    """

    paths: tuple[Path, ...]
    shapes: tuple[Shape, ...]
    branches: tuple[Path, ...] = ()

    @classmethod
    def of(cls, tree: Tree, last: Collection[Path] = ()) -> Layout:
        """Return the layout of a tree; the arrays at the paths in `last` come at the end of the vector."""
        found = sorted(leaves(tree), key=lambda leaf: leaf[0] in last)
        return cls(
            tuple(path for path, _ in found),
            tuple(tuple(array.shape) for _, array in found),
            tuple(_branches(tree)),
        )

    def split(self, count: int) -> tuple[Layout, Layout]:
        """Return two layouts: of the first `count` arrays, and of the others."""
        return (
            Layout(self.paths[:count], self.shapes[:count], self.branches),
            Layout(self.paths[count:], self.shapes[count:]),
        )

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """The part of the vector that each array takes."""
        ends = accumulate((math.prod(shape) for shape in self.shapes), initial=0)
        return tuple(slice(start, stop) for start, stop in pairwise(ends))

    @cached_property
    def nested(self) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        """The dicts of the tree by the number of the one above (0 is the root) and name; then its arrays."""
        numbers: dict[Path, int] = {(): 0}
        around = (path[:depth] for path in self.paths for depth in range(1, len(path)))
        for path in (*self.branches, *around):
            numbers.setdefault(path, len(numbers))
        dicts = [(numbers[path[:-1]], path[-1]) for path in numbers if path]
        return dicts, [(numbers[path[:-1]], path[-1]) for path in self.paths]

    @cached_property
    def size(self) -> int:
        """The length of the vector."""
        return sum(math.prod(shape) for shape in self.shapes)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where each array begins, and where the last one ends."""
        return (0, *(part.stop for part in self.slices))

    def zeros(self, dtype: str) -> Array:
        """Return a vector of zeros."""
        return np.zeros(self.size, dtype)

    def ravel(self, tree: Tree) -> Array:
        """Return a new vector with all numbers of a tree, which must have this structure."""
        flat = self.flat(tree)
        return (
            namespace(flat).concat([a.reshape(-1) for a in flat.arrays]) if isinstance(flat, Parts) else flat
        )

    def unravel(self, vector: Array) -> Tree:
        """Return the tree whose arrays are views of a vector."""
        return self.assembled(self.arrays(vector))

    def bind(self, vector: Any) -> Flat:
        """Return a vector, or its `Parts`, as a tree of its arrays by name."""
        return Flat(self, vector, vector.arrays if isinstance(vector, Parts) else self.arrays(vector))

    def arrays(self, vector: Array) -> tuple[Array, ...]:
        """Return the arrays of a vector as views, in order."""
        if vector.shape != (self.size,):
            raise ShapeError(f"expected a vector of {self.size} numbers, got shape {vector.shape}")
        return tuple(
            [vector[part] if len(shape) == 1 else vector[part].reshape(shape) for part, shape in self._places]
        )

    @cached_property
    def _places(self) -> list[tuple[slice, Shape]]:
        """The part of the vector that each array takes, and its shape."""
        return list(zip(self.slices, self.shapes, strict=True))

    def assembled(self, arrays: Iterable[Array]) -> Tree:
        """Return the tree that holds these arrays, which come in the order of the layout."""
        return dict(Flat(self, None, arrays)) if self.paths != ((),) else next(iter(arrays))

    def parts(self, arrays: Iterable[Array]) -> Parts:
        """Return arrays, in the order of the layout, as the `Parts` of one vector."""
        return Parts(arrays, self.starts)

    def flat(self, tree: Tree) -> Any:
        """Flatten a tree as optimizers take it: one new vector on NumPy, `Parts` while compiling."""
        arrays = []
        for path, shape in zip(self.paths, self.shapes, strict=True):
            array = tree
            try:
                for name in path:
                    array = array[name]
                got = array.shape
            except (KeyError, IndexError, TypeError, AttributeError) as error:
                what = "is missing" if isinstance(error, KeyError) else f"lies in, or is, {shown(array)}"
                raise ShapeError(f"{dotted(path)} {what}: expected an array of shape {shape}") from None
            if got != shape:
                raise ShapeError(
                    f"{dotted(path)}: expected an array of shape {shape}, got {got}; a gradient has "
                    "the shape of its parameter"
                )
            arrays.append(array)
        if arrays and not isinstance(arrays[0], np.ndarray):
            return Parts(arrays, self.starts)
        if not arrays:  # what their precision would be only a vector says
            vector = getattr(tree, "vector", None)
            return self.zeros(vector.dtype.name if isinstance(vector, np.ndarray) else "float32")
        return np.concatenate(arrays, axis=None)

    def unflat(self, flat: Any) -> Tree:
        """Return the tree from its flat form; the inverse of `flat`."""
        return self.assembled(flat.arrays) if isinstance(flat, Parts) else self.unravel(flat)


class Flat(ByName):
    """A tree of arrays that lie in one vector: a dict of dicts by name, and all numbers as `vector`.

    Parameters
    ----------
    layout : Layout
        Where each array lies.
    vector : array (n,), or Parts
        All numbers.
    arrays : iterable of array
        The arrays, in order: views of the vector, or its parts.
    """

    __slots__ = ("layout", "vector")

    def __init__(self, layout: Layout, vector: Any, arrays: Iterable[Array]) -> None:
        self.layout, self.vector = layout, vector
        dicts: list[Any] = [self]
        branches, places = layout.nested
        for above, name in branches:
            dicts.append({})
            dicts[above][name] = dicts[-1]
        for (above, name), array in zip(places, arrays, strict=True):
            dicts[above][name] = array

    def __reduce__(self) -> tuple[Any, ...]:
        return Layout.bind, (self.layout, self.vector)

    def __deepcopy__(self, memo: dict[int, Any]) -> Flat:
        return self.layout.bind(self.vector.copy())


def _branches(tree: Tree, path: Path = ()) -> Iterator[Path]:
    for name, branch in tree.items() if isinstance(tree, dict) else ():
        if isinstance(branch, dict):
            yield (*path, name)
            yield from _branches(branch, (*path, name))
