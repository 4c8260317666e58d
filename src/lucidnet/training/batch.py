"""Batches, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from ..backend import Array, Stream
from ..errors import DataError, SettingError
from ..layers import Layer
from ..tree import leaves, tree_map


class Batch(NamedTuple):
    """Inputs (n, ...), targets (n, ...), and, where there are any, weights and a mask of time steps.

    Inputs and targets of networks with several of them are dicts of arrays by name.
    """

    x: Any
    target: Any
    weights: Array | None = None
    mask: Array | None = None

    @property
    def terms(self) -> int:
        """How many terms the mean of the loss has, as far as one batch differs from another."""
        return rows(self.target) if self.mask is None else max(int(self.mask.sum()), 1)

    def masked(self, net: Layer) -> Batch:
        """Return the batch with the mask that the network finds in its inputs, if none was given."""
        return self if self.mask is not None else self._replace(mask=net.mask(self.x))


def rows(tree: Any) -> int:
    """Return the number of examples in an array, or in each of several."""
    return next(len(array) for _, array in leaves(tree))


def alike(some: Sequence[Batch], others: Sequence[Batch]) -> bool:
    """Tell whether the arrays of two steps have the same shapes."""
    return len(some) == len(others) and all(
        _shapes(a) == _shapes(b) for a, b in zip(some, others, strict=True)
    )


def _shapes(batch: Batch) -> list[Any]:
    parts = [{"x": batch.x, "target": batch.target}, batch.weights, batch.mask]
    return [None if part is None else [array.shape for _, array in leaves(part)] for part in parts]


class Source(Protocol):
    """Where batches come from, in an order that is a pure function of the epoch."""

    @property
    def count(self) -> int | None:
        """The number of batches in an epoch, if it is known."""

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, from the one with number `start` on."""


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


@dataclass(frozen=True)
class Arrays:
    """Batches of data in memory, or mapped into it."""

    data: Data
    batch_size: int
    seed: int = 0
    shuffle: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise SettingError(f"batch_size must be a whole number of 1 or more, got {self.batch_size!r}")

    @property
    def count(self) -> int:
        """The number of batches in an epoch; the last may be smaller."""
        return -(-len(self.data) // self.batch_size)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch."""
        for chosen in order(len(self.data), self.batch_size, self.seed, epoch, self.shuffle, start):
            yield self.data.batch(chosen)


def order(
    n: int, batch_size: int, seed: int, epoch: int, shuffle: bool, start: int = 0
) -> Iterator[Array | slice]:
    """Yield the rows of each batch of an epoch: a pure function of seed and epoch."""
    first = range(start * batch_size, n, batch_size)
    if not shuffle:
        yield from (slice(begin, begin + batch_size) for begin in first)
        return
    chosen = Stream(seed, epoch, path=("shuffle",)).permutation(n)
    yield from (chosen[begin : begin + batch_size] for begin in first)
