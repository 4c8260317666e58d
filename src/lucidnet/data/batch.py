"""Batches, and the data sets whose rows they contain."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array
from ..backend.memory import aligned, sealed
from ..core.record import Record, record
from ..core.text import Brief, legible
from ..core.trees import leaves, mapped, stacked, there, tree_map
from ..errors import DataError, outside
from ..layers.base import Mask


@legible
class Batch(NamedTuple):
    """A batch: inputs (n, ...), targets (n, ...), and optionally weights and a mask of time steps.

    For networks with several inputs or outputs, inputs, targets and masks are dicts of arrays by name; the
    mask is that of the inputs. `valid` (n,) tells which examples count, if a batch was padded to a size; all
    do if it is not given.
    """

    x: Any
    target: Any
    weights: Array | None = None
    mask: Mask = None
    valid: Array | None = None

    def part(self, chosen: slice) -> Batch:
        """Return a slice of the examples, as views."""
        return Batch(*[tree if tree is None else _rows(tree, chosen) for tree in self])

    def copied(self) -> Batch:
        """Return the batch with copies of its arrays, as a user may modify the originals."""
        return Batch(*(part if part is None else tree_map(np.array, part) for part in self))

    def lent(self) -> Batch:
        """Return the batch with its arrays read-only, as they may be those of the data set."""
        return Batch(*(mapped(sealed, part) for part in self))


def rows(tree: Any) -> int:
    """Return the number of examples in an array, or in several arrays by name."""
    return len(tree) if type(tree) is np.ndarray else next(len(array) for _, array in leaves(tree))


@record
class Shard(Record):
    """Which examples of each batch a process works on, and to which size batches are padded.

    Parameters
    ----------
    index, count : int
        The number of this process, and the number of processes.
    multiple : int
        The number of devices that a batch is spread over.
    fills : bool
        Whether batches may be padded with examples that do not count.
    even : bool
        Whether all batches must have one size, so that a shorter one must not look like the others.
    """

    index: int = 0
    count: int = 1
    multiple: int = 1
    fills: bool = True
    even: bool = False

    def rows(self, n: int, size: int, whole: bool = False) -> tuple[Array | slice, Array | None]:
        """Return the rows of an n-example batch that belong to this process, and which of them count.

        Batches of one size (`whole`, if all of them have it) yield parts of one size, too. Every process gets
        all of what cannot be divided.
        """
        size = n if self.even else size
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
    """Row indices into data; turned into a `Batch` only on access, as a device may hold the data already.

    Parameters
    ----------
    data : Data
        All rows.
    chosen : array (n,) of int
        The indices of the rows.
    valid : array (n,) of bool, optional
        Which of these count; all of them if not given.
    """

    def __init__(self, data: Data, chosen: Array, valid: Array | None = None) -> None:
        self.data, self.chosen, self.valid = data, chosen, valid

    @cached_property
    def batch(self) -> Batch:
        """The batch of these rows."""
        return self.data.batch(self.chosen)._replace(valid=self.valid)


def nbytes(parts: Iterable[Any]) -> int:
    """Return the total size in bytes of the arrays in several trees; None stands for no tree."""
    given = (part for part in parts if part is not None)
    return sum(
        part.nbytes
        if type(part) is np.ndarray
        else sum(np.asarray(array).nbytes for _, array in leaves(part))
        for part in given
    )


def bytes_of(batch: Batch | IndexedBatch) -> int:
    """Return the approximate size of a batch in bytes."""
    if isinstance(batch, IndexedBatch):
        return max(1, batch.data.nbytes * len(batch.chosen) // len(batch.data))
    return nbytes(batch)


def places_in(batch: Batch | IndexedBatch) -> int:
    """Return how many places a batch has: its examples, or all time steps, pixels or tokens of them.

    Examples
    --------
    >>> [places_in(Batch(np.zeros(shape), None)) for shape in ((10, 784), (10, 28, 28, 1), (10, 100, 65))]
    [10, 7840, 1000]
    """
    if isinstance(batch, IndexedBatch):
        count, x = len(batch.chosen), batch.data.x
    else:
        count, x = rows(batch.x), batch.x
    inside = (a.shape[1:] if a.dtype.kind == "i" else a.shape[1:-1] for _, a in leaves(x))
    return count * max(map(math.prod, inside))


def materialize(batch: Batch | IndexedBatch) -> Batch:
    """Return a `Batch`, gathering its rows if it is an `IndexedBatch`."""
    return batch.batch if isinstance(batch, IndexedBatch) else batch


def form(batches: Sequence[Batch | IndexedBatch]) -> list[Any]:
    """Return the shapes of the arrays of a step's batches: steps of one form can be made in one call."""
    return [
        (len(one.chosen), one.valid is None) if isinstance(one, IndexedBatch) else _shapes(one)
        for one in batches
    ]


def _shapes(batch: Batch) -> list[Any]:
    return [None if part is None else mapped(np.shape, part) for part in batch]


@record
class Data(Record):
    """Inputs, targets, weights and masks of the same length, checked.

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
        """Return the given rows as a batch."""
        x = tree_map(lambda array: array.astype(self.dtype, copy=False), _rows(self.x, chosen))
        return Batch(x, _rows(self.target, chosen), _rows(self.weights, chosen), _rows(self.mask, chosen))

    def split(self, fraction: float) -> tuple[Data, Data]:
        """Split off the last `fraction` of the examples; return both parts as views."""
        cut = len(self) - round(len(self) * fraction)
        if not 0 < cut < len(self):
            raise DataError(
                f"validation_split={fraction:g} of {len(self)} examples leaves {cut} to train on and "
                f"{len(self) - cut} to validate on: both must be at least 1; validation_split=0 does without"
            )
        first, last = self._part(slice(0, cut)), self._part(slice(cut, None))
        _warn_of_new_classes(first.target, last.target)
        return first, last

    def _part(self, part: slice) -> Data:
        x, target, weights, mask = (_rows(tree, part) for tree in self.parts)
        return replace(self, x=x, target=target, weights=weights, mask=mask)


def _warn_of_new_classes(first: Any, last: Any) -> None:
    """Warn if many of the last labels are classes that none of the others is, as in data sorted by class."""
    if not isinstance(last, np.ndarray) or last.ndim != 1 or last.dtype.kind not in "iu" or len(last) < 10:
        return
    new = ~np.isin(last, first)
    if new.mean() > 0.25:
        classes = ", ".join(map(str, np.unique(last[new])[:5]))
        message = (
            f"validation_split takes the last {len(last)} rows, and {new.sum()} of them are of classes that "
            f"no row before them is of ({classes}): are the rows sorted by class? data.split(x, y, "
            "stratify=True) draws some of each"
        )
        warnings.warn(message, stacklevel=outside())


def _rows(tree: Any, chosen: Array | slice) -> Any:
    """Take some rows of each array in a tree; None stays None."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {name: _rows(array, chosen) for name, array in tree.items()}
    return tree[chosen] if isinstance(chosen, slice) else tree.take(chosen, axis=0)


def numbers_of(batches: Sequence[IndexedBatch]) -> tuple[Array, Array | None]:
    """Return the indices of the rows of batches (steps, n), and which of these rows count."""
    chosen = np.concatenate([batch.chosen for batch in batches], dtype=np.int32, casting="same_kind")
    return chosen.reshape(len(batches), -1), stacked([batch.valid for batch in batches])


def data_of(steps: Sequence[Sequence[Batch | IndexedBatch]]) -> Data | None:
    """Return the data set that all batches index; None if they do not share one."""
    found = [batch.data if isinstance(batch, IndexedBatch) else None for step in steps for batch in step]
    return found[0] if all(data is found[0] for data in found) else None


def taken(data: Data, chosen: Array, dtype: str) -> tuple[Any, Any, Any, Any]:
    """Gather inputs, targets, weights and mask of rows (steps, n), converting real numbers to a dtype."""

    def take(array: Array) -> Array:
        out = aligned((*chosen.shape, *array.shape[1:]), there(array.dtype, dtype))
        if out.dtype == array.dtype:
            return array.take(chosen, axis=0, out=out, mode="clip")  # "raise" would copy once more
        out[...] = array[chosen]
        return out

    made: tuple[Any, Any, Any, Any] = mapped(take, data.parts)
    return made
