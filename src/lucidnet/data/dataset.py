"""Data as a chain of small steps: taken from somewhere, shuffled, batched, changed, fetched ahead.

Nothing is read before it is needed, and no step changes the one it was made from. The order of an epoch
is a pure function of seed and epoch, so a training that was stopped goes on with the very batch that comes
next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from os import PathLike
from typing import Any

import numpy as np

from ..backend import Array, Stream
from ..core.calls import takes
from ..core.files import reading
from ..core.numeric import numeric
from ..core.settings import between, count, flag, function, path_like, shown, text, whole
from ..core.text import Report, brief, short
from ..core.trees import leaves, mapped, tree_map
from ..errors import DataError, SettingError
from ..foreign import answering

EMPTY = "the data set is empty: there is no batch in it"
Item = tuple[Any, ...]
"""An example or a batch: x, or (x, y), or (x, y, weights)."""


@answering
class Dataset(Report):
    """Examples or batches (x, y) or (x, y, weights), epoch after epoch.

    Make one with `from_arrays`, `from_hdf5` or `from_iterator`; each method returns a new one.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.arange(10.0).reshape(5, 2), np.arange(5)
    >>> dataset = Dataset.from_arrays(x, y).shuffle(seed=0).batch(2).map(lambda x, y: (x / 10, y))
    >>> [len(x) for x, y in dataset]
    [2, 2, 1]
    """

    length: int | None = None
    """The number of items in an epoch, if it is known."""

    indexed = False
    """Whether any rows can be fetched, in any order."""

    def __str__(self) -> str:
        count = "of unknown length" if self.length is None else f"of {self.length:,} items"
        return f"{self.written()}, {count}"

    def written(self) -> str:
        """Return the chain of calls that made this data set, as text."""
        return brief(self)

    @property
    def once(self) -> bool:
        """Whether each epoch takes the next items of one iterator, so that none can be had again."""
        inner = getattr(self, "inner", None)
        return inner is not None and bool(inner.once)

    # --- where they come from -------------------------------------------------------------------------

    @staticmethod
    def from_arrays(x: Any, y: Any = None, weights: Any = None) -> Dataset:
        """Return examples from arrays of one length: NumPy's, memory-mapped ones, or those of h5py.

        Parameters
        ----------
        x, y, weights : array-like (n, ...)
            Inputs, targets and weights; x and y may be dicts of arrays by name.
        """
        if x is None:
            raise DataError("from_arrays: x must be an array, or a dict of arrays by name, got None")
        given = {"x": x, "y": y, "weights": weights}
        return Arrays(tuple(_array(part, name) for name, part in given.items() if part is not None))

    @staticmethod
    @takes(path=path_like(), x=text(), y=text(optional=True), external=flag())
    def from_hdf5(
        path: str | PathLike[str], x: str = "x", y: str | None = "y", *, external: bool = False
    ) -> Dataset:
        """Return examples from two arrays of an HDF5 file, which stays open; rows are read when needed.

        Parameters
        ----------
        path : path
            The file (needs h5py: ``pip install 'lucidnet[hdf5]'``).
        x, y : str
            The names of the arrays in it.
        external : bool
            Whether the arrays may lie in other files, as the file says; see `read`.

        Raises
        ------
        FileError
            If the file is damaged, or the arrays lie elsewhere.
        """
        from .hdf5 import arrays, dataset

        with arrays(path, keep_open=True) as file:
            return Arrays(tuple(dataset(path, file, name, external, None) for name in (x, y) if name))

    @staticmethod
    @takes(length=count(1, optional=True))
    def from_iterator(make: Any, length: int | None = None) -> Dataset:
        """Make a data set from an iterator, or from a function that returns a fresh one for each epoch.

        Parameters
        ----------
        make : callable, iterable or iterator
            ``make()`` or ``make(epoch)``; an iterable is gone through once for each epoch; an iterator gives
            a single epoch, or, with a length, as many as it has items for.
        length : int, optional
            The number of items in an epoch: further items are left for the next epoch, or, if each epoch has
            a fresh iterator, not asked for.
        """
        return Iterated(make, length)

    # --- what may be done with them -------------------------------------------------------------------

    @takes(seed=whole(0), buffer=count(1, optional=True))
    def shuffle(self, seed: int = 0, buffer: int | None = None) -> Dataset:
        """Shuffle the items anew in each epoch: all of them, or those of a stream within a buffer."""
        if self.indexed:
            return Shuffled(self, seed)
        if buffer is None:
            raise SettingError("shuffle: of a stream, say how many items to mix: shuffle(seed, buffer=1000)")
        return Mixed(self, seed, buffer)

    @takes(size=count(1), drop_last=flag())
    def batch(self, size: int, drop_last: bool = False) -> Dataset:
        """Group examples into batches; the last may be smaller, or is dropped."""
        return Batched(self, size, drop_last)

    @takes("map", function=function(), seed=whole(0))
    def map(self, function: Callable[..., Any], seed: int = 0) -> Dataset:
        """Apply a function to each item: to each batch, if called after `batch`.

        Parameters
        ----------
        function : callable
            From x, y to (x, y), or a change of images (`data.augment`), which is made to x. If it
            takes ``rng`` it is given a `Stream`, a pure function of seed, epoch and number of the item:
            ``rng.normal(shape)`` and ``rng.uniform(shape)`` give the same numbers at each call, so take one
            for each purpose, ``rng.child("noise")``.
        seed : int
            The seed of ``rng``.
        """
        return Mapped(self, function, seed)

    @takes(items=count(1))
    def prefetch(self, items: int = 2) -> Dataset:
        """Prepare the next items ahead of time in a background thread."""
        return Prefetched(self, items)

    @takes("take", count=whole(1))
    def take(self, count: int) -> Dataset:
        """Keep the first items only."""
        return Subset(self, 0, count)

    @takes("skip", count=whole(1))
    def skip(self, count: int) -> Dataset:
        """Skip the first items."""
        return Subset(self, count, None)

    @takes("split", fraction=between(0, 1))
    def split(self, fraction: float) -> tuple[Dataset, Dataset]:
        """Split off the last `fraction` of the items; return both parts."""
        if self.length is None or not 0 < round(self.length * fraction) < self.length:
            raise DataError(f"split: fraction={fraction:g} of {self.length} items leaves nothing for a part")
        cut = self.length - round(self.length * fraction)
        return Subset(self, 0, cut), Subset(self, cut, None)

    # --- going through them ---------------------------------------------------------------------------

    def items(self, epoch: int, start: int = 0) -> Iterator[Item]:
        """Yield the items of an epoch, from the one with number `start` on."""
        raise NotImplementedError(f"{type(self).__name__} must define items(epoch, start)")

    def order(self, epoch: int) -> Array:
        """Return the row indices of an epoch in their order, for a data set whose rows can be fetched."""
        raise NotImplementedError(f"{type(self).__name__} is no data set whose rows can be fetched")

    def fetch(self, chosen: Array) -> Item:
        """Return the rows with some indices as a batch."""
        raise NotImplementedError(f"{type(self).__name__} is no data set whose rows can be fetched")

    def __iter__(self) -> Iterator[Item]:
        return self.items(0)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Item]:
        """Yield batches (x, y, weights), as training takes them; weights may be None."""
        if isinstance(self, (Arrays, Shuffled)):
            raise DataError("this data set yields single examples: make batches of them with .batch(32)")
        for item in self.items(epoch, start):
            yield as_batch(item)

    @property
    def sample(self) -> Item:
        """The first batch, for its shapes; an iterator still yields it afterwards."""
        batches: Any = self.batches(0)
        self._peek(True)
        try:
            first: Item | None = next(batches, None)
        finally:
            batches.close()  # with the thread that has worked ahead
            self._peek(False)
        if first is None:
            raise DataError(EMPTY)
        return first

    def _peek(self, on: bool) -> None:
        """Begin or end a look at the first items, which do not count as taken."""
        if (inner := getattr(self, "inner", None)) is not None:
            inner._peek(on)


class Arrays(Dataset):
    """Rows of arrays of one length."""

    indexed = True

    def __init__(self, parts: Item) -> None:
        lengths = {len(array) for part in parts for _, array in leaves(part)}
        if len(lengths) != 1 or not min(lengths):
            raise DataError(
                f"expected arrays of one length (x, y, weights), and not empty, got lengths {sorted(lengths)}"
            )
        self.parts, self.length = parts, lengths.pop()

    def written(self) -> str:
        return f"Dataset.from_arrays({', '.join(short(part) for part in self.parts)})"

    def order(self, epoch: int) -> Array:
        return np.arange(self.length or 0)

    def fetch(self, chosen: Array) -> Item:
        return tuple(tree_map(lambda array: _rows(array, chosen), part) for part in self.parts)

    def items(self, epoch: int, start: int = 0) -> Iterator[Item]:
        yield from _one_by_one(self, epoch, start)


class Shuffled(Dataset):
    """The rows of another data set, shuffled anew in each epoch."""

    indexed = True

    def __init__(self, inner: Dataset, seed: int) -> None:
        self.inner, self.seed, self.length = inner, seed, inner.length

    def written(self) -> str:
        return f"{self.inner.written()}.shuffle({self.seed})"

    def order(self, epoch: int) -> Array:
        rows = self.inner.order(epoch)
        chosen: Array = rows[Stream(self.seed, epoch, path=("dataset",)).permutation(len(rows))]
        return chosen

    def fetch(self, chosen: Array) -> Item:
        return self.inner.fetch(chosen)

    def items(self, epoch: int, start: int = 0) -> Iterator[Item]:
        yield from _one_by_one(self, epoch, start)


class Mixed(Dataset):
    """A stream shuffled within a buffer."""

    def __init__(self, inner: Dataset, seed: int, buffer: int) -> None:
        self.inner, self.seed, self.length = inner, seed, inner.length
        self.buffer = buffer

    def written(self) -> str:
        return f"{self.inner.written()}.shuffle({self.seed}, buffer={self.buffer})"

    def items(self, epoch: int, start: int = 0) -> Iterator[Item]:
        yield from islice(self._mixed(epoch), start, None)

    def _mixed(self, epoch: int) -> Iterator[Item]:
        source, number = self.inner.items(epoch), 0
        while held := list(islice(source, self.buffer)):
            rng = Stream(self.seed, epoch, path=("dataset", str(number)))
            yield from (held[i] for i in rng.permutation(len(held)))
            number += 1


class Batched(Dataset):
    """Examples of a data set, several together as a batch."""

    def __init__(self, inner: Dataset, size: int, drop_last: bool) -> None:
        self.inner, self.size, self.drop_last = inner, size, drop_last
        whole, rest = divmod(inner.length or 0, size)
        self.length = None if inner.length is None else whole + (1 if rest and not drop_last else 0)

    def written(self) -> str:
        return f"{self.inner.written()}.batch({self.size}{', drop_last=True' if self.drop_last else ''})"

    def items(self, epoch: int, start: int = 0) -> Iterator[Item]:
        if not self.inner.indexed:
            yield from self._gathered(epoch, start)
            return
        rows = self.inner.order(epoch)
        for number in range(start, self.length or 0):
            yield self.inner.fetch(rows[number * self.size : (number + 1) * self.size])

    def _gathered(self, epoch: int, start: int) -> Iterator[Item]:
        examples = self.inner.items(epoch, start * self.size)
        while several := list(islice(examples, self.size)):
            if len(several) == self.size or not self.drop_last:
                yield tuple(stacked(part) for part in zip(*several, strict=True))


class Mapped(Dataset):
    """The results of a function applied to each item."""

    def __init__(self, inner: Dataset, function: Callable[..., Any], seed: int) -> None:
        import inspect

        self.inner, self.given, self.seed, self.length = inner, function, seed, inner.length
        self.function = getattr(function, "to_items", function)  # a change of images
        self.random = "rng" in inspect.signature(self.function).parameters

    def written(self) -> str:
        return f"{self.inner.written()}.map({getattr(self.given, '__name__', short(self.given))})"

    def items(self, epoch: int, start: int = 0) -> Iterator[Item]:
        for number, item in enumerate(self.inner.items(epoch, start), start):
            rng = {"rng": Stream(self.seed, epoch, path=("map", str(number)))} if self.random else {}
            made = self.function(*kept(tuple(item)), **rng)
            yield made if isinstance(made, tuple) else (made,)


class Subset(Dataset):
    """A contiguous range of another data set's items."""

    def __init__(self, inner: Dataset, begin: int, end: int | None) -> None:
        if isinstance(inner, Shuffled):
            raise DataError("take, skip and split come before shuffle: else each epoch has other examples")
        self.inner, self.begin, self.end, self.indexed = inner, begin, end, inner.indexed
        stop = inner.length if end is None else end if inner.length is None else min(end, inner.length)
        self.length = None if stop is None else max(0, stop - begin)

    def written(self) -> str:
        last = "" if self.end is None else f".take({self.end - self.begin})"
        return f"{self.inner.written()}{f'.skip({self.begin})' if self.begin else ''}{last}"

    def order(self, epoch: int) -> Array:
        return self.inner.order(epoch)[self.begin : self.end]

    def fetch(self, chosen: Array) -> Item:
        return self.inner.fetch(chosen)

    def items(self, epoch: int, start: int = 0) -> Iterator[Item]:
        first = self.begin + start
        count = None if self.end is None else max(0, self.end - first)
        yield from islice(self.inner.items(epoch, first), count)


def _takes_epoch(make: Callable[..., Any]) -> bool | None:
    """Tell whether to call a function with the epoch; None if it cannot be called with that or nothing.

    A parameter with a default, as in ``lambda rows=rows: iter(rows)``, keeps it, unless it is named epoch.
    """
    import inspect

    try:
        parameters = inspect.signature(make).parameters
    except ValueError:  # a function or class from another language cannot be asked
        return None if isinstance(make, type) else False
    if "epoch" in parameters:
        return True
    needed = [
        one
        for one in parameters.values()
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    by_name = [one for one in needed if one.kind is one.KEYWORD_ONLY]
    if len(needed) > 1 or by_name or (needed and inspect.isbuiltin(make)):
        return None
    return bool(needed)


class Iterated(Dataset):
    """The items of an iterator, or of one made for each epoch."""

    def __init__(self, make: Any, length: int | None) -> None:
        if not isinstance(make, Iterable) and (not callable(make) or _takes_epoch(make) is None):
            raise DataError(
                "from_iterator: make must be a function, of nothing or of the epoch, or something to iterate "
                f"over, got {shown(make)}"
            )
        self.make, self.length, self.used, self.peeks = make, length, False, False
        self.seen: list[Item] = []
        """Items of an iterator that were looked at, and are still to come."""

    def written(self) -> str:
        return f"Dataset.from_iterator({short(self.make)})"

    @property
    def once(self) -> bool:
        return self.length is not None and hasattr(self.make, "__next__")

    def items(self, epoch: int, start: int = 0) -> Iterator[Item]:
        yielded = start
        for item in islice(self._fresh(epoch), start, self.length):
            yield kept(item)  # several wait for their step, and many generators fill the same arrays again
            yielded += 1
        if self.length is not None and yielded < self.length:
            raise DataError(
                f"from_iterator: an epoch has length={self.length} items, and there were only {yielded}"
            )

    def _fresh(self, epoch: int) -> Iterator[Item]:
        if callable(self.make):
            made = self.make(epoch) if _takes_epoch(self.make) else self.make()
            if not isinstance(made, Iterable):
                raise DataError(
                    f"from_iterator: make must return a fresh iterator of batches, got {shown(made)}: write "
                    "it with yield, or return iter(...)"
                )
            return iter(made)
        if hasattr(self.make, "__next__"):
            return self._once()
        return iter(self.make)

    def _once(self) -> Iterator[Item]:
        """Yield the items of an iterator that can be consumed only once; with a length, one epoch's share."""
        if self.used and self.length is None:
            raise DataError(
                "the iterator is used up after one epoch: pass a function that gives a fresh one each time"
            )
        self.used = self.used or not self.peeks
        if self.peeks:
            yield from self.seen[:]
        while self.seen and not self.peeks:
            yield self.seen.pop(0)
        for item in self.make:
            if self.peeks:
                self.seen.append(kept(item))  # many iterators fill the same arrays again
            yield item

    def _peek(self, on: bool) -> None:
        self.peeks = on and hasattr(self.make, "__next__")


class Prefetched(Dataset):
    """Items made ahead of time, by a thread."""

    def __init__(self, inner: Dataset, ahead: int) -> None:
        self.inner, self.ahead, self.length = inner, ahead, inner.length

    def written(self) -> str:
        return f"{self.inner.written()}.prefetch({self.ahead})"

    def items(self, epoch: int, start: int = 0) -> Iterator[Item]:
        from ..core.prefetch import prefetch

        yield from prefetch(self.inner.items(epoch, start), self.ahead)


def as_batch(item: Any) -> Item:
    """Return an item of a data set as a batch (x, y, weights); weights may be None."""
    if not isinstance(item, (tuple, list)) or not 2 <= len(item) <= 3:
        got = f"{len(item)} things" if isinstance(item, (tuple, list)) else type(item).__name__
        if isinstance(item, Mapping):
            got = f"a dict with {', '.join(map(repr, list(item)[:5]))}: give "
            got += "Dataset.from_iterator(lambda: ((b[...], b[...]) for b in batches))"
        raise DataError(f"expected batches (x, y) or (x, y, weights), got {got}")
    return (*item, None) if len(item) == 2 else tuple(item)


def stacked(parts: tuple[Any, ...]) -> Any:
    """Stack single examples into one array, or into one for each name."""
    if isinstance(parts[0], dict):
        return {name: stacked(tuple(part[name] for part in parts)) for name in parts[0]}
    return np.stack([numeric(part, "a data set") for part in parts])


def _copied(array: Any) -> Any:
    if isinstance(array, np.ndarray):
        return array.copy()
    return array.clone() if hasattr(array, "data_ptr") else array  # a tensor of PyTorch's


def kept(item: Any) -> Any:
    """Return an item with copies of its arrays: to write into them changes no data."""
    return mapped(_copied, tuple(item) if isinstance(item, list) else item)


def _one_by_one(dataset: Dataset, epoch: int, start: int) -> Iterator[Item]:
    for row in dataset.order(epoch)[start:]:
        item = dataset.fetch(np.array([row]))
        yield tuple(tree_map(lambda array: array[0], part) for part in item)


def _rows(array: Any, chosen: Array) -> Array:
    """Return some rows; contiguous ones as a view, those of a file read in ascending order."""
    path = getattr(getattr(array, "file", None), "filename", None)
    if path is None:
        return _taken(array, chosen)
    with reading(path, "HDF5", "get it anew"):  # a part of it may be damaged
        return _taken(array, chosen)


def _taken(array: Any, chosen: Array) -> Array:
    first, last = int(chosen[0]), int(chosen[-1])
    if last - first + 1 == len(chosen) and (np.diff(chosen) == 1).all():
        return np.asarray(array[first : last + 1])
    if isinstance(array, np.ndarray):
        return array[chosen]
    order = np.argsort(chosen)  # h5py reads rows in increasing order only
    found = np.asarray(array[chosen[order]])
    return found[np.argsort(order)]


def _array(part: Any, title: str) -> Any:
    """Return an array of numbers; one that lies in a file is not loaded."""
    if isinstance(part, dict):
        if not part:
            raise DataError(f"from_arrays: {title} must be an array, or a dict of arrays by name, got {{}}")
        return {name: _array(array, f"{title}[{name!r}]") for name, array in part.items()}
    stored = isinstance(part, np.memmap) or type(part).__module__.partition(".")[0] == "h5py"
    if stored and not hasattr(part, "ndim"):
        held = ", ".join(list(part)[:10]) or "nothing"
        raise DataError(f"{title}: a group of a file (it holds {held}) is no array: name one, as group['x']")
    made = part if stored and part.ndim else numeric(part, f"from_arrays: {title}")
    if not made.ndim:
        raise DataError(f"from_arrays: {title} must have an entry for each example, got {made}")
    return made
