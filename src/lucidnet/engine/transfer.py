"""How data reach a compiled program: as batches, or as row numbers of data already on the device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array, Tree
from ..backend.memory import aligned
from ..backend.xla.device import precision, rows_of
from ..backend.xla.mesh import Mesh
from ..core.trees import floats, mapped, stacked, there, tree_map
from ..data.batch import Batch, Data, IndexedBatch, materialize

ON_DEVICE = 1 << 29
"""The bytes of data that may stay on a device of unknown memory size."""
COPIED = 1 << 25
"""Data of up to this many bytes are copied to a CPU device; of larger data, rows are taken."""
SHARE = 0.4
"""The share of a device's own memory that data may take."""
KEPT = 2
"""The number of data sets kept there: one to train on, one to validate."""

Batches = Sequence[Batch | IndexedBatch]


class Prepared(NamedTuple):
    """The batches of some steps, on the devices.

    `data` is the data set that their rows belong to, if it lies there as a whole; `size` is the number of
    steps of the program that takes them: those beyond `steps` are not made.
    """

    batches: Any
    data: Tree
    size: int
    steps: Sequence[Batches]


class Feed:
    """Brings batches to the devices.

    Parameters
    ----------
    mesh : Mesh
        The devices.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.there: list[tuple[Data, Tree]] = []

    def fits(self, data: Data, rows: int) -> bool:
        """Tell whether to keep a whole data set, of which `rows` rows are needed now, on each device."""
        if self.mesh.processes > 1:
            return False  # each process has its own part of each batch
        if self.mesh.target.processor and rows < len(data):  # a full batch is asked for again and again
            return data.nbytes <= COPIED
        memory = self.mesh.devices[0].memory_stats() or {}
        return data.nbytes <= (SHARE * memory["bytes_limit"] if "bytes_limit" in memory else ON_DEVICE)

    def prepared(self, steps: Sequence[Batches], dtype: str, size: int = 0) -> Prepared:
        """Put the batches of several steps, all of one shape, on the devices, padded to `size` steps."""
        given, size = steps, max(size, len(steps))
        steps = [*steps, *[steps[-1]] * (size - len(steps))]
        data = _data_of(steps)
        if data is None:
            found = stacked([tuple(map(_parts, step)) for step in steps])
            return Prepared(self.mesh.put_rows(floats(found, dtype), 1), None, size, given)
        indexed: Any = steps
        numbers = stacked([tuple((batch.chosen, batch.valid) for batch in step) for step in indexed])
        rows = tuple((chosen.astype(np.int32), valid) for chosen, valid in numbers)
        if self.fits(data, sum(chosen.size for chosen, _ in rows)):
            return Prepared(self.mesh.put_rows(rows, 1), self._kept(data, dtype), size, given)
        found = tuple((*taken(data, chosen, dtype), valid) for chosen, valid in rows)
        return Prepared(self.mesh.put_rows(found, 1), None, size, given)

    def in_advance(self, blocks: Iterable[Any], dtype: str) -> Iterator[tuple[Any, Prepared]]:
        """Yield blocks of steps with their batches; a short last block is padded to use the same program."""
        largest = 0
        for steps in blocks:
            largest = max(largest, len(steps))
            size = largest if largest <= 2 * len(steps) else len(steps)
            with precision(dtype):
                yield steps, self.prepared(steps, dtype, size)

    def forget(self) -> None:
        """Drop the data on the devices."""
        self.there = []

    def _kept(self, data: Data, dtype: str) -> Tree:
        """Return data on the devices, from a small cache."""
        for known, tree in self.there:
            if known is data:
                return tree
        tree = self.mesh.put(floats(data.parts, dtype))
        self.there = [*self.there[1 - KEPT :], (data, tree)]
        return tree


def batches(given: Any, data: Tree, dtype: Any) -> list[Batch]:
    """Return the batches of a step inside a program, from their prepared form."""
    return [_batch(parts, data, dtype) for parts in given]


def _batch(parts: Any, data: Tree, dtype: Any) -> Batch:
    if data is None:
        x, target, weights, mask, valid = parts
    else:
        chosen, valid = parts
        x, target, weights, mask = mapped(lambda array: rows_of(array, chosen), data)
    return Batch(tree_map(lambda array: array.astype(dtype), x), target, weights, mask, valid)


def _data_of(steps: Sequence[Batches]) -> Data | None:
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


def _parts(batch: Batch | IndexedBatch) -> tuple[Any, ...]:
    return tuple(materialize(batch))
