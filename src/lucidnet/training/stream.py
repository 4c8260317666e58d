"""Batches that come one after the other: data sets larger than memory, iterators, functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .batch import Batch, Data, Part


@dataclass(frozen=True)
class Streamed:
    """Batches of a `data.Dataset`, each checked when it comes.

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

    def batches(self, epoch: int, start: int = 0, part: Part | None = None) -> Iterator[Batch]:
        """Yield the batches of an epoch; with a part, each filled up to the size of the first."""
        size = 0
        for x, y, weights in self.dataset.batches(epoch, start):
            data = self.check(x, y, weights)
            if part is None:
                yield data.batch(slice(None))
                continue
            size = max(size, len(data))
            mine, real = part.rows(len(data), size)
            yield data.batch(mine)._replace(real=real)


def as_dataset(x: Any, y: Any, batch_size: int) -> Any:
    """Return what was brought as a `Dataset`; None if it is arrays."""
    if y is not None and not type(x).__module__.startswith("h5py"):
        return None
    from ..data.dataset import Dataset

    if isinstance(x, Dataset):
        return x
    if y is not None:
        return Dataset.from_arrays(x, y).batch(batch_size)
    if hasattr(x, "__next__") or callable(x):
        return Dataset.from_iterator(x)
    return None
