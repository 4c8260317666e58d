"""Batches, and the data that they are rows of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array
from ..core.trees import leaves, tree_map
from ..errors import DataError
from ..layers import Layer


class Batch(NamedTuple):
    """Inputs (n, ...), targets (n, ...), and, where there are any, weights and a mask of time steps.

    Inputs and targets of networks with several of them are dicts of arrays by name. `valid` tells which
    examples count, where a batch was filled up to a size (n,); all of them if not given.
    """

    x: Any
    target: Any
    weights: Array | None = None
    mask: Array | None = None
    valid: Array | None = None

    def only(self, prediction: Any) -> tuple[Any, Any, Array | None]:
        """Return target, prediction and mask of the examples that count."""
        if self.valid is None:
            return self.target, prediction, self.mask
        there = np.flatnonzero(self.valid)
        target, prediction = (tree_map(lambda a: a[there], tree) for tree in (self.target, prediction))
        return target, prediction, None if self.mask is None else self.mask[there]

    def copied(self) -> Batch:
        """Return the batch with arrays of its own: those of a user may change."""
        return Batch(*(part if part is None else tree_map(np.array, part) for part in self))

    def masked(self, net: Layer) -> Batch:
        """Return the batch with the mask that the network finds in its inputs, if none was given."""
        return self if self.mask is not None else self._replace(mask=net.mask(self.x))


def rows(tree: Any) -> int:
    """Return the number of examples in an array, or in each of several."""
    return next(len(array) for _, array in leaves(tree))


@dataclass(frozen=True)
class Shard:
    """Which examples of each batch one of several processes works on, and to what size batches are filled up.

    Parameters
    ----------
    index, count : int
        Which process, and of how many.
    multiple : int
        Over how many devices a batch is spread.
    fills : bool
        Whether batches may be filled up, by examples that do not count.
    """

    index: int = 0
    count: int = 1
    multiple: int = 1
    fills: bool = True

    def rows(self, n: int, size: int, whole: bool = False) -> tuple[Array, Array | None]:
        """Return the rows of a batch of n examples that are this process's, and which of them count.

        Batches of one size, which are `whole` if all of them have it, come out as one size, too. What
        cannot be divided every process gets.
        """
        filled = -(-size // self.multiple) * self.multiple if self.fills else n
        chosen = np.arange(filled)
        if filled % self.multiple == 0:
            share = filled // self.count
            chosen = chosen[self.index * share : (self.index + 1) * share]
        valid = None if not self.fills or (whole and filled == size) else chosen < n
        return np.where(chosen < n, chosen, 0), valid


@dataclass(frozen=True)
class IndexedBatch:
    """Some rows of data, which become a `Batch` when somebody looks: a device may have them already."""

    data: Data
    chosen: Array
    valid: Array | None = None
    net: Layer | None = None

    def masked(self, net: Layer) -> IndexedBatch:
        """Return rows that will be masked as the network finds it in its inputs."""
        return replace(self, net=net)

    @cached_property
    def batch(self) -> Batch:
        """The batch."""
        made = self.data.batch(self.chosen)._replace(valid=self.valid)
        return made if self.net is None else made.masked(self.net)

    def only(self, prediction: Any) -> tuple[Any, Any, Array | None]:
        """Return target, prediction and mask of the examples that count."""
        return self.batch.only(prediction)


def nbytes(parts: Iterable[Any]) -> int:
    """Return how many bytes the arrays of several trees have, some of which may be missing."""
    return sum(np.asarray(array).nbytes for part in parts if part is not None for _, array in leaves(part))


def materialize(batch: Batch | IndexedBatch) -> Batch:
    """Return a batch, also of rows that nobody looked at yet."""
    return batch.batch if isinstance(batch, IndexedBatch) else batch


def alike(some: Sequence[Batch], others: Sequence[Batch]) -> bool:
    """Tell whether the arrays of two steps have the same shapes."""
    return len(some) == len(others) and all(
        _shapes(a) == _shapes(b) for a, b in zip(some, others, strict=True)
    )


def _shapes(batch: Batch | IndexedBatch) -> list[Any]:
    if isinstance(batch, IndexedBatch):
        return [batch.chosen.shape, batch.valid is None]
    parts = [{"x": batch.x, "target": batch.target}, batch.weights, batch.mask, batch.valid]
    return [None if part is None else [array.shape for _, array in leaves(part)] for part in parts]


@dataclass(frozen=True)
class Data:
    """Examples, targets, weights and masks, of one length, all checked.

    Parameters
    ----------
    x : array (n, ...), or several by name
        Inputs, in any numeric dtype; batches take that of the model.
    target : array (n, ...), or several by name
        Targets as the loss takes them.
    weights : array (n,) or (n, time), optional
        A weight for each example, or each of its time steps.
    dtype : str
        The dtype of the model.
    mask : array (n, time) of bool, optional
        Which time steps count.
    """

    x: Any
    target: Any
    weights: Array | None
    dtype: str
    mask: Array | None = None

    def __len__(self) -> int:
        return rows(self.x)

    @property
    def parts(self) -> tuple[Any, Any, Array | None, Array | None]:
        """Inputs, targets, weights and mask."""
        return self.x, self.target, self.weights, self.mask

    @property
    def nbytes(self) -> int:
        """How many bytes all arrays have."""
        return nbytes(self.parts)

    def batch(self, chosen: Array | slice) -> Batch:
        """Return inputs, targets, weights and mask of some rows."""

        def inputs(array: Array) -> Array:
            return _take(array, chosen).astype(self.dtype, copy=False)

        weights, mask = (None if a is None else _take(a, chosen) for a in (self.weights, self.mask))
        return Batch(
            tree_map(inputs, self.x), tree_map(lambda a: _take(a, chosen), self.target), weights, mask
        )

    def split(self, fraction: float) -> tuple[Data, Data]:
        """Return the first part and the last `fraction` of the examples, as views."""
        cut = len(self) - round(len(self) * fraction)
        if not 0 < cut < len(self):
            raise DataError(
                f"validation_split={fraction:g} of {len(self)} examples leaves {cut} to train on and "
                f"{len(self) - cut} to validate on: both must be at least 1"
            )
        return self._part(slice(0, cut)), self._part(slice(cut, None))

    def _part(self, part: slice) -> Data:
        x, target = (tree_map(lambda array: array[part], tree) for tree in (self.x, self.target))
        weights, mask = (None if a is None else a[part] for a in (self.weights, self.mask))
        return replace(self, x=x, target=target, weights=weights, mask=mask)


def _take(array: Array, chosen: Array | slice) -> Array:
    return array[chosen] if isinstance(chosen, slice) else array.take(chosen, axis=0)
