"""Arrays stored in a file, such as those of h5py, of which only the rows needed are read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from ..backend import Array, Stream
from ..core.trees import leaves, tree_map
from .batches import ROWS
from .dataset import Arrays, Dataset, Item
from .given import order_of

BLOCK = 1 << 20
"""The number of bytes of a file's rows read at once (or one row, if that is more)."""
WINDOW = 64
"""How many such blocks are in memory at once, with their rows mixed."""


def stored(x: Any, y: Any, weights: Any = None) -> Dataset:
    """Return a data set of the examples in stored arrays."""
    return Dataset.from_arrays(x, y, weights)


def batches_of(
    examples: Dataset, problem: Any, seed: int, batch_size: int | None, shuffle: Any, split: float
) -> tuple[Dataset, Dataset | None]:
    """Return batches of stored examples to train on and, with a split, batches of the last to validate on.

    Parameters
    ----------
    examples : Dataset
        The examples.
    problem : Problem
        What is trained, and how.
    seed : int
        The seed of their order.
    batch_size, shuffle, split
        As for `Model.fit`.
    """
    first, last = examples.split(split) if split else (examples, None)
    size, mixed = order_of(problem, first.length or 0, batch_size, shuffle)
    batches = Blocks(first, size, seed) if mixed else first.batch(size)
    return batches, None if last is None else last.batch(ROWS)


class Blocks(Dataset):
    """Batches of rows of a file, in another order each epoch, though the file is read in long stretches.

    The blocks of the file come in random order. Several of them are in memory at once, with their rows mixed,
    so that data of less than `BLOCK` times `WINDOW` bytes are mixed as a whole. The order is a pure function
    of seed and epoch.

    Parameters
    ----------
    inner : Dataset
        The rows, which any can be fetched of.
    size : int
        Rows in a batch; the last one may be smaller.
    seed : int
        The seed of the order.
    """

    def __init__(self, inner: Dataset, size: int, seed: int) -> None:
        self.inner, self.size, self.seed = inner, size, seed
        self.rows = inner.length or 0
        self.batch_count = -(-self.rows // size)
        self.length = self.batch_count
        self.block = max(1, BLOCK // max(1, _bytes_of_row(inner)))

    def items(self, epoch: int, start: int = 0) -> Iterator[Item]:
        yield from islice(self._from(epoch, start * self.size), self.batch_count - start)

    def _from(self, epoch: int, begin: int) -> Iterator[Item]:
        """Yield the batches from a row index on."""
        left: Item | None = None
        for chosen, order in self._windows(epoch):
            if begin >= len(order):
                begin -= len(order)
                continue
            parts = [self.inner.fetch(block) for block in chosen]
            window = tuple(_joined(part, order[begin:]) for part in zip(*parts, strict=True))
            window, begin = window if left is None else _after(left, window), 0
            count = _count(window)
            whole = count - count % self.size
            for first in range(0, whole, self.size):
                yield _cut(window, slice(first, first + self.size))
            left = _cut(window, slice(whole, None)) if whole < count else None
        if left is not None:
            yield left

    def _windows(self, epoch: int) -> Iterator[tuple[list[Array], Array]]:
        """Yield the rows of blocks that are in memory together, with a shuffled order of all these rows."""
        rows, stream = self.inner.order(epoch), Stream(self.seed, epoch, path=("blocks",))
        blocks = stream.permutation(-(-self.rows // self.block))
        for number, first in enumerate(range(0, len(blocks), WINDOW)):
            now = sorted(blocks[first : first + WINDOW])
            chosen = [rows[k * self.block : (k + 1) * self.block] for k in now]
            mixed = Stream(self.seed, epoch, path=("rows", str(number)))
            yield chosen, mixed.permutation(sum(map(len, chosen)))


def _bytes_of_row(dataset: Any) -> int:
    """Return how many bytes a row takes, in all arrays together."""
    while not isinstance(dataset, Arrays):
        dataset = dataset.inner
    return sum(
        int(np.prod(array.shape[1:])) * np.dtype(array.dtype).itemsize
        for part in dataset.parts
        for _, array in leaves(part)
    )


def _joined(parts: Any, order: Array) -> Any:
    if isinstance(parts[0], dict):
        return {name: _joined([part[name] for part in parts], order) for name in parts[0]}
    return np.concatenate(parts)[order]


def _after(left: Item, window: Item) -> Item:
    count = _count(left) + _count(window)
    return tuple(_joined(pair, np.arange(count)) for pair in zip(left, window, strict=True))


def _count(item: Item) -> int:
    return len(next(leaves(item[0]))[1])


def _cut(item: Item, part: slice) -> Item:
    return tuple(tree_map(lambda array: array[part], tree) for tree in item)
