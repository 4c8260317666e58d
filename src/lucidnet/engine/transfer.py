"""How data reach a compiled program: as batches, or as row numbers of data already on the device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..backend import Array, Tree
from ..backend.xla.device import precision, rows_of
from ..backend.xla.lent import lendable, lent
from ..backend.xla.mesh import Mesh
from ..core.trees import floats, mapped, stacked, tree_map
from ..data.batch import Batch, Data, IndexedBatch, data_of, materialize, nbytes, numbers_of, taken

ON_DEVICE = 1 << 29
"""The bytes of data that may stay on a device of unknown memory size."""
COPIED = 1 << 25
"""Data of up to this many bytes are copied to a CPU device; larger data it reads where they are."""
LENT = COPIED // 4
"""Arrays of larger data that have more bytes than this are read where they are."""
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
        self.alone = mesh.target.processor and len(mesh.devices) == 1
        self.there: list[tuple[Data, Tree]] = []
        self.lends = False
        """Whether data may be read where they are: during a training, after which they are dropped."""

    def fits(self, size: int, whole: bool) -> bool:
        """Tell whether to copy data of so many bytes to each device; `whole` if all rows are needed now."""
        if self.mesh.processes > 1:
            return False  # each process has its own part of each batch
        if self.mesh.target.processor and not whole:  # a full batch is asked for again and again
            return size <= COPIED
        memory = self.mesh.devices[0].memory_stats() or {}
        return size <= (SHARE * memory["bytes_limit"] if "bytes_limit" in memory else ON_DEVICE)

    def prepared(self, steps: Sequence[Batches], dtype: str, size: int = 0) -> Prepared:
        """Put the batches of several steps, all of one shape, on the devices, padded to `size` steps."""
        given, size = steps, max(size, len(steps))
        steps = [*steps, *[steps[-1]] * (size - len(steps))]
        data = data_of(steps)
        if data is None:
            found = stacked([[tuple(materialize(batch)) for batch in step] for step in steps])
            return Prepared(self.mesh.put_rows(floats(found, dtype), 1), None, size, given)
        indexed: Any = steps
        rows = tuple(map(numbers_of, zip(*indexed, strict=True)))
        kept = self._kept(data, dtype, sum(chosen.size for chosen, _ in rows))
        if kept is not None:
            return Prepared(rows if self.alone else self.mesh.put_rows(rows, 1), kept, size, given)
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
        self.there, self.lends = [], False

    def _kept(self, data: Data, dtype: str, rows: int) -> Tree | None:
        """Return data on the devices, from a small cache; None if rows of them are better sent."""
        for known, tree in self.there:
            if known is data:
                return tree
        lends = self.lends and self.alone and data.nbytes > COPIED

        def stays(array: Array) -> bool:
            return lends and array.nbytes > LENT and lendable(array, dtype)

        copied = nbytes(mapped(lambda array: array[:0] if stays(array) else array, data.parts))
        if not self.fits(copied, rows >= len(data)):
            return None
        tree = self.mesh.put(
            mapped(lambda array: lent(array) if stays(array) else floats(array, dtype), data.parts)
        )
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
