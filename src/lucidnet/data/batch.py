"""Batches, and the data that they are rows of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array
from ..backend.memory import aligned
from ..core.record import Record, record
from ..core.text import Brief, legible
from ..core.trees import leaves, mapped, stacked, there, tree_map
from ..errors import DataError
from ..layers.base import Mask


@legible
class Batch(NamedTuple):
    """Inputs (n, ...), targets (n, ...), and, where there are any, weights and a mask of time steps.

    Inputs, targets and masks of networks with several of them are dicts of arrays by name; the mask is that
    of the inputs. `valid` tells which examples count, where a batch was filled up to a size (n,); all of them
    if not given.
    """

    x: Any
    target: Any
    weights: Array | None = None
    mask: Mask = None
    valid: Array | None = None

    def part(self, chosen: slice) -> Batch:
        """Return some of the examples, as views."""
        return Batch(*[_rows(tree, chosen) for tree in self])

    def copied(self) -> Batch:
        """Return the batch with arrays of its own: those of a user may change."""
        return Batch(*(part if part is None else tree_map(np.array, part) for part in self))


def rows(tree: Any) -> int:
    """Return the number of examples in an array, or in each of several."""
    return next(len(array) for _, array in leaves(tree))


@record
class Shard(Record):
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

    def rows(self, n: int, size: int, whole: bool = False) -> tuple[Array | slice, Array | None]:
        """Return the rows of a batch of n examples that are this process's, and which of them count.

        Batches of one size, which are `whole` if all of them have it, come out as one size, too. What
        cannot be divided every process gets.
        """
        filled = -(-size // self.multiple) * self.multiple if self.fills else n
        if self.count == 1 and filled == n and (whole or not self.fills):
            return slice(None), None
        chosen = np.arange(filled)
        if filled % self.multiple == 0:
            share = filled // self.count
            chosen = chosen[self.index * share : (self.index + 1) * share]
        valid = None if not self.fills or (whole and filled == size) else chosen < n
        return np.where(chosen < n, chosen, 0), valid


class IndexedBatch(Brief):
    """Some rows of data, which become a `Batch` when somebody looks: a device may have them already.

    Parameters
    ----------
    data : Data
        All rows.
    chosen : array (n,) of int
        Which of them.
    valid : array (n,) of bool, optional
        Which of these count; all of them if not given.
    """

    def __init__(self, data: Data, chosen: Array, valid: Array | None = None) -> None:
        self.data, self.chosen, self.valid = data, chosen, valid

    @cached_property
    def batch(self) -> Batch:
        """The batch that these rows make."""
        return self.data.batch(self.chosen)._replace(valid=self.valid)


def nbytes(parts: Iterable[Any]) -> int:
    """Return how many bytes the arrays of several trees have, some of which may be missing."""
    return sum(np.asarray(array).nbytes for part in parts if part is not None for _, array in leaves(part))


def bytes_of(batch: Batch | IndexedBatch) -> int:
    """Return how many bytes a batch has, about."""
    if isinstance(batch, IndexedBatch):
        return max(1, batch.data.nbytes * len(batch.chosen) // len(batch.data))
    return nbytes(batch)


def rows_in(batch: Batch | IndexedBatch) -> int:
    """Return how many examples a batch has."""
    return len(batch.chosen) if isinstance(batch, IndexedBatch) else rows(batch.x)


def materialize(batch: Batch | IndexedBatch) -> Batch:
    """Return a batch, also of rows that nobody looked at yet."""
    return batch.batch if isinstance(batch, IndexedBatch) else batch


def form(batches: Sequence[Batch | IndexedBatch]) -> list[Any]:
    """Return the shapes of the arrays of batches: steps of one form can be made together."""
    return [
        (len(one.chosen), one.valid is None) if isinstance(one, IndexedBatch) else _shapes(one)
        for one in batches
    ]


def _shapes(batch: Batch) -> list[Any]:
    return [None if part is None else mapped(np.shape, part) for part in batch]


@record
class Data(Record):
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
    mask : array (n, time) of bool, or several by name, optional
        Which time steps of the inputs count.
    """

    x: Any
    target: Any
    weights: Array | None
    dtype: str
    mask: Mask = None

    def __len__(self) -> int:
        return rows(self.x)

    @property
    def parts(self) -> tuple[Any, Any, Array | None, Mask]:
        """Inputs, targets, weights and mask."""
        return self.x, self.target, self.weights, self.mask

    @cached_property
    def nbytes(self) -> int:
        """How many bytes all arrays have."""
        return nbytes(self.parts)

    def batch(self, chosen: Array | slice) -> Batch:
        """Return inputs, targets, weights and mask of some rows."""
        x = tree_map(lambda array: array.astype(self.dtype, copy=False), _rows(self.x, chosen))
        return Batch(x, _rows(self.target, chosen), _rows(self.weights, chosen), _rows(self.mask, chosen))

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
        x, target, weights, mask = (_rows(tree, part) for tree in self.parts)
        return replace(self, x=x, target=target, weights=weights, mask=mask)


def _rows(tree: Any, chosen: Array | slice) -> Any:
    """Return some rows of each array of a tree; None of none."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {name: _rows(array, chosen) for name, array in tree.items()}
    return tree[chosen] if isinstance(chosen, slice) else tree.take(chosen, axis=0)


def numbers_of(of: Sequence[IndexedBatch]) -> tuple[Array, Array | None]:
    """Return which rows the batches are, and which of these count (steps, n)."""
    chosen = np.concatenate([batch.chosen for batch in of], dtype=np.int32, casting="same_kind")
    return chosen.reshape(len(of), -1), stacked([batch.valid for batch in of])


def data_of(steps: Sequence[Sequence[Batch | IndexedBatch]]) -> Data | None:
    """Return the data that all batches are rows of."""
    found = [batch.data if isinstance(batch, IndexedBatch) else None for step in steps for batch in step]
    return found[0] if all(data is found[0] for data in found) else None


def taken(data: Data, chosen: Array, dtype: str) -> tuple[Any, Any, Any, Any]:
    """Return inputs, targets, weights and mask of rows (steps, n); numbers that are not whole in a dtype."""

    def take(array: Array) -> Array:
        out = aligned((*chosen.shape, *array.shape[1:]), there(array.dtype, dtype))
        if out.dtype == array.dtype:
            return array.take(chosen, axis=0, out=out, mode="clip")  # "raise" would copy once more
        out[...] = array[chosen]
        return out

    made: tuple[Any, Any, Any, Any] = mapped(take, data.parts)
    return made
