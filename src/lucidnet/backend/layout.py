"""Where the arrays of a tree lie in one flat vector."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from ..core.trees import Array, Path, Shape, Tree, at, leaves, put
from ..errors import ShapeError
from .arrays import namespace
from .parts import Parts


@dataclass(frozen=True)
class Layout:
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
        """Return the layouts of the first arrays, and of the others."""
        return (
            Layout(self.paths[:count], self.shapes[:count], self.branches),
            Layout(self.paths[count:], self.shapes[count:]),
        )

    @property
    def slices(self) -> tuple[slice, ...]:
        """The part of the vector that each array takes."""
        ends = accumulate((math.prod(shape) for shape in self.shapes), initial=0)
        return tuple(slice(start, stop) for start, stop in pairwise(ends))

    @property
    def size(self) -> int:
        """The length of the vector."""
        return sum(math.prod(shape) for shape in self.shapes)

    def ravel(self, tree: Tree) -> Array:
        """Return a new vector with all numbers of a tree, which must have this structure."""
        arrays = [at(tree, path) for path in self.paths]
        if not arrays:
            return np.zeros(0, np.float32)
        return namespace(arrays[0]).concat([array.reshape(-1) for array in arrays])

    def unravel(self, vector: Array) -> Tree:
        """Return the tree whose arrays are views of a vector."""
        if vector.shape != (self.size,):
            raise ShapeError(f"expected a vector of {self.size} numbers, got shape {vector.shape}")
        return self.assembled(vector[part] for part in self.slices)

    def arrays(self, vector: Array) -> tuple[Array, ...]:
        """Return the arrays, in order, as views of a vector."""
        pairs = zip(self.slices, self.shapes, strict=True)
        return tuple(vector[part].reshape(shape) for part, shape in pairs)

    def assembled(self, arrays: Iterable[Array]) -> Tree:
        """Return the tree of arrays given in order."""
        tree: Tree = {}
        for path in self.branches:
            put(tree, path, {})
        for path, shape, array in zip(self.paths, self.shapes, arrays, strict=True):
            tree = put(tree, path, array.reshape(shape))
        return tree

    def flat(self, tree: Tree) -> Any:
        """Return a tree as optimizers take it: as one new vector on NumPy, as its `Parts` while compiling."""
        arrays = [at(tree, path) for path in self.paths]
        return self.ravel(tree) if not arrays or isinstance(arrays[0], np.ndarray) else Parts(arrays)

    def unflat(self, flat: Any) -> Tree:
        """Return the tree that `flat` was made of."""
        return self.assembled(flat.arrays) if isinstance(flat, Parts) else self.unravel(flat)


def _branches(tree: Tree, path: Path = ()) -> Iterator[Path]:
    for name, branch in tree.items() if isinstance(tree, dict) else ():
        if isinstance(branch, dict):
            yield (*path, name)
            yield from _branches(branch, (*path, name))
