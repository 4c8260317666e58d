"""Sources of batches: data in memory, larger data sets, iterators, functions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from ..backend import Array, Stream
from ..core.record import Record, record
from ..core.settings import count, is_function, taken
from ..core.trees import leaves
from ..errors import DataError, SettingError, ShapeError
from .batch import Batch, Data, IndexedBatch, Shard, rows

ROWS = 1000
"""The number of rows measured or predicted together."""
MISSING = (
    "y is missing: training and evaluation need targets, fit(x, y); a list of batches (x, y) goes in as "
    "data.Dataset.from_iterator(batches)"
)
TOGETHER = 1 << 18
"""Bytes of batches whose rows are taken at once: for small batches the call costs more than the copy."""
LARGE = 1 << 12
"""The size in bytes of an example from which on no sample is kept."""


class BatchSource(Protocol):
    """A source of batches, whose order is a pure function of the epoch."""

    @property
    def count(self) -> int | None:
        """The number of batches in an epoch, if it is known."""

    def batches(self, epoch: int, start: int = 0, shard: Shard | None = None) -> Iterator[Any]:
        """Yield the batches of an epoch from index `start` on, or a shard of each."""

    def facts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return settings and a fingerprint of the data as plain data, so that changes can be noticed."""


def endless(source: BatchSource, shard: Shard | None = None) -> Iterator[Any]:
    """Yield the batches of a source (or a shard of each), epoch after epoch, until an epoch has none."""
    for epoch in itertools.count():
        batch = None
        for batch in source.batches(epoch, shard=shard):
            yield batch
        if batch is None:
            return


def sample(source: Any) -> Batch | None:
    """Return a copy of up to 500 examples held in memory; None for streams and for large examples."""
    data = getattr(source, "data", None)
    if not isinstance(data, Data):
        return None
    first = data.batch(slice(0, 1))
    if sum(array.nbytes for _, array in leaves({"x": first.x, "y": first.target})) > LARGE:
        return None
    batch: Batch = data.batch(slice(0, 500))
    return batch.copied()


@record
class ArraySource(Record):
    """Batches of data in memory, or memory-mapped."""

    data: Data
    batch_size: int
    seed: int = 0
    shuffle: bool = False

    def __post_init__(self) -> None:
        vars(self)["batch_size"] = taken("batches", "batch_size", self.batch_size, count(1))

    @property
    def count(self) -> int:
        """The number of batches in an epoch; the last may be smaller."""
        return -(-len(self.data) // self.batch_size)

    def batches(self, epoch: int, start: int = 0, shard: Shard | None = None) -> Iterator[Any]:
        """Yield the batches of an epoch; with a shard, as `IndexedBatch`."""
        n = len(self.data)
        size = min(self.batch_size, n)
        if shard is None:
            yield from self._together(epoch, start)
            return
        mine, valid = shard.rows(size, size, whole=n % size == 0)
        for chosen in order(n, self.batch_size, self.seed, epoch, self.shuffle, start):
            numbers = np.arange(*chosen.indices(n)) if isinstance(chosen, slice) else chosen
            if len(numbers) < size:
                mine, valid = shard.rows(len(numbers), size)
            yield IndexedBatch(self.data, numbers[mine], valid)

    def _together(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, gathering the rows of several small batches at once."""
        size = self.batch_size
        each = max(1, self.data.nbytes * size // len(self.data))
        many = size * max(1, TOGETHER // each)
        for chosen in order(len(self.data), size, self.seed, epoch, self.shuffle, start, many):
            some = self.data.batch(chosen)
            for first in range(0, rows(some.x), size):
                yield some.part(slice(first, first + size))

    def facts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return settings and a fingerprint of the data."""
        from .fingerprint import of_data

        return {"batch_size": self.batch_size, "shuffle": self.shuffle}, of_data(self.data)


@record
class DatasetSource(Record):
    """Batches of a `data.Dataset`, checked one at a time.

    Parameters
    ----------
    dataset : Dataset
        Gives batches (x, y, weights) for an epoch.
    check : callable
        From these three to checked `Data`.
    """

    dataset: Any
    check: Callable[[Any, Any, Any], Data]

    @property
    def count(self) -> int | None:
        """The number of batches in an epoch, if it is known."""
        length: int | None = self.dataset.length
        return length

    def batches(self, epoch: int, start: int = 0, shard: Shard | None = None) -> Iterator[Batch]:
        """Yield the batches of an epoch; with a shard, each is padded to the largest size so far."""
        size = 0
        for number, (x, y, weights) in enumerate(self.dataset.batches(epoch, start), start):
            try:
                data = self.check(x, y, weights)
            except (DataError, ShapeError) as error:
                raise type(error)(f"batch {number}: {error}") from error
            if shard is None:
                yield data.batch(slice(None))
                continue
            size = max(size, len(data))
            mine, valid = shard.rows(len(data), size)
            yield data.batch(mine)._replace(valid=valid)

    def facts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return empty settings (they belong to the data set) and a fingerprint of the data set."""
        from .fingerprint import of_dataset

        return {"batch_size": None, "shuffle": None}, of_dataset(self.dataset)


def check_resumable(source: BatchSource) -> None:
    """Raise if epochs are stretches of one iterator: a resumed training could not find where to go on.

    Raises
    ------
    SettingError
        If so.
    """
    if isinstance(source, DatasetSource) and source.dataset.once:
        raise SettingError(
            "resume: each epoch takes the next items of one iterator, and who goes on later would not find "
            "the place: pass a function that returns a fresh one for each epoch, "
            "Dataset.from_iterator(make, length)"
        )


def is_stored(x: Any) -> bool:
    """Tell whether something is an h5py data set."""
    return type(x).__module__.partition(".")[0] == "h5py"


def as_dataset(x: Any, y: Any, wanted: bool = True) -> Any:
    """Convert a user's data set, iterator or loader to a `Dataset`; return None for plain arrays.

    Arrays must come with targets if these are `wanted`.
    """
    if isinstance(x, (np.ndarray, list, tuple, dict)):
        if y is None and wanted and not isinstance(x, dict):  # which may have the target as a column
            raise DataError(MISSING)
        return None
    from .dataset import Dataset

    if isinstance(x, Dataset):
        made = x
    elif hasattr(x, "__next__") or is_function(x) or _only_iterates(x):
        try:
            made = Dataset.from_iterator(x)
        except DataError as error:
            raise DataError(str(error).replace("from_iterator: make", "x")) from None
    elif _by_number(x) and y is None:
        raise DataError(
            f"x gives its items by number, {type(x).__name__}: put those of single examples into batches, "
            "DataLoader(x, batch_size=32), or give a function that yields batches (x, y)"
        )
    else:
        return None
    if y is not None:
        raise SettingError(
            f"y: x is {'a data set' if made is x else 'gone through for its batches'}, which brings its "
            "targets in batches (x, y): leave y out"
        )
    return made


def _only_iterates(x: Any) -> bool:
    """Tell whether something only yields items, such as a DataLoader, and is no array or table."""
    return hasattr(x, "__iter__") and _no_table(x)


def _by_number(x: Any) -> bool:
    """Tell whether something gives items by their numbers alone, such as a data set of PyTorch."""
    return (
        not hasattr(x, "__iter__")
        and all(hasattr(x, f"__{name}__") for name in ("getitem", "len"))
        and _no_table(x)
    )


def _no_table(x: Any) -> bool:
    """Tell whether something is no array, table or text."""
    arrays = ("shape", "__array__", "__dataframe__", "__arrow_c_stream__", "keys", "x_test")
    return not isinstance(x, (str, bytes)) and not any(hasattr(x, name) for name in arrays)


def order(
    n: int, batch_size: int, seed: int, epoch: int, shuffle: bool, start: int = 0, many: int | None = None
) -> Iterator[Array | slice]:
    """Yield the rows of each batch of an epoch (or of `many` rows): a pure function of seed and epoch."""
    many = many or batch_size
    first = range(start * batch_size, n, many)
    if not shuffle:
        yield from (slice(begin, begin + many) for begin in first)
        return
    chosen = Stream(seed, epoch, path=("shuffle",)).permutation(n)
    yield from (chosen[begin : begin + many] for begin in first)
