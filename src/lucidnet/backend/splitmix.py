"""Random numbers inside a training step: the same on NumPy and on a device.

Number i of a draw is a function of seed, place, step and i alone, so that a batch with rows added at its end,
or spread over devices, has the same numbers. They are those of SplitMix64 (Steele, Lea & Flood 2014, "Fast
splittable pseudorandom number generators"): words mix(start + i gamma), where gamma and
the start are hashes of seed and place, and the step is mixed into the start.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.trees import Array, Shape
from ..errors import SettingError
from .arrays import namespace
from .random import Stream, key_of

BLOCK = 1 << 15
"""The number of words made at a time on NumPy, so that intermediate values stay in a core's cache."""
GROUP = 64
"""The number of pairs from which normal numbers are made at a time."""


class StepStream(Stream):
    """The random stream of a training step; its step is a one-element array of NumPy or JAX.

    On a device the compiler computes each number where it is used, without memory in between. NumPy and
    devices agree bit by bit on uniform numbers, and up to rounding on normal ones.
    """

    __slots__ = ()

    def bernoulli(self, shape: Shape, probability: float) -> Array:
        limit = round(probability * 2**24)
        return self._drawn(shape, 2, lambda words: words.view("uint32") >> 8 < limit)

    def uniform(self, shape: Shape) -> Array:
        return self._drawn(shape, self._each, lambda words: _floats(words, self._each) - 1)

    def normal(self, shape: Shape) -> Array:
        return self._drawn(shape, self._each, lambda words: _normal(words, self._each))

    def full(self, shape: Shape, value: float) -> Array:
        return namespace(self.step).full(shape, value, dtype=self.dtype)

    @property
    def _each(self) -> int:
        """How many random numbers one 64-bit word gives."""
        return 1 if self.dtype == "float64" else 2

    def _drawn(self, shape: Shape, each: int, make: Callable[[Array], Array]) -> Array:
        """Return an array of random numbers that `make` derives from 64-bit words, `each` from every word."""
        return self._stretch(0, math.prod(shape), each, make).reshape(shape)

    def _stretch(self, first: int, count: int, each: int, make: Callable[[Array], Array]) -> Array:
        """Return numbers `first` to ``first + count - 1`` of a draw; see `_drawn`."""
        group = 2 * GROUP * each  # numbers are made in whole groups
        begin, end = first // group * 2 * GROUP, -(-(first + count) // group) * 2 * GROUP
        with _wide(self.step):
            state, gamma = self._state()
            if isinstance(self.step, np.ndarray):
                numbers = _in_blocks(state, gamma, begin, end, make)
            else:
                numbers = make(_words(state, gamma, begin, end))
            made = numbers[first - begin * each : first - begin * each + count]
            return made if made.dtype == bool else made.astype(self.dtype)

    def _state(self) -> tuple[Array, Any]:
        """Return the first state of this step's sequence, an array of one word, and its increment gamma."""
        if isinstance(self.seed, int):
            start, gamma = map(np.uint64, words_of(self.seed, self.path))
        else:  # in a compiled program the seed is an argument
            start, gamma = self.seed.words(self.path)
        step: Array = self.step
        state = step.reshape(1).astype("uint64") * np.uint64(0x9E3779B97F4A7C15)
        return _mixed(state + start), gamma


class RowStream(StepStream):
    """The random stream of some rows of a batch, on NumPy: it draws the rows that the whole batch would get.

    Parameters
    ----------
    first, count, total : int
        The first of these examples, how many they are, and how many the batch has.
    """

    __slots__ = ("count", "first", "time_first", "total")

    def __init__(
        self, *place: Any, first: int = 0, count: int = 1, total: int = 1, time_first: bool = False
    ) -> None:
        super().__init__(*place)
        self.first, self.count, self.total, self.time_first = first, count, total, time_first

    @classmethod
    def of(cls, stream: Stream, part: slice, total: int) -> RowStream:
        """Return the stream of some rows of a batch of `total` rows, from the stream of the whole batch."""
        place = stream.seed, stream.step, stream.dtype, stream.path
        return cls(*place, first=part.start, count=part.stop - part.start, total=total)

    def but(
        self, seed: int | None = None, dtype: str | None = None, path: tuple[str, ...] | None = None
    ) -> RowStream:
        return self._at(self.of_all().but(seed, dtype, path), self.time_first)

    def of_all(self) -> Stream:
        return StepStream(self.seed, self.step, self.dtype, self.path)

    def by_time(self) -> Stream:
        return self._at(self, True)

    def _at(self, other: Stream, time_first: bool) -> RowStream:
        place = other.seed, other.step, other.dtype, other.path
        rows = {"first": self.first, "count": self.count, "total": self.total}
        return RowStream(*place, **rows, time_first=time_first)

    def _drawn(self, shape: Shape, each: int, make: Callable[[Array], Array]) -> Array:
        """Return the rows that belong to these examples, out of the array drawn for the whole batch.

        The first axis is that of the examples, or of them and whatever else is examples to a layer inside
        (time steps, n * time), each example's together.
        """
        size = math.prod(shape)
        row, left = divmod(size, self.count)
        if left:
            raise SettingError(
                f"{'.'.join(self.path)}: random numbers {shape} are no rows of {self.count} examples, so a "
                "batch cannot be divided among threads: draw from stream.of_all() what all examples share"
            )
        if not self.time_first:
            return self._stretch(self.first * row, size, each, make).reshape(shape)
        times, width = shape[0] // self.count, math.prod(shape[1:])
        whole = self._stretch(0, times * self.total * width, each, make).reshape(times, self.total, width)
        return whole[:, self.first : self.first + self.count].reshape(shape)


class Keys:
    """The seed inside a compiled program: an argument, not a constant.

    Random numbers are a function of seed and place in the network, through a hash that the host computes.
    While a program is traced, each place that draws gets the next row of a table; the host fills the table
    for any seed.

    Parameters
    ----------
    places : list of tuple of str
        The places, in the order in which the program has met them; it grows while tracing.
    table : array (rows, 4) of uint32, optional
        Their words.
    """

    def __init__(self, places: list[tuple[str, ...]], table: Array = None) -> None:
        self.places, self.table = places, table

    def words(self, path: tuple[str, ...]) -> tuple[Array, Array]:
        """Return the two 64-bit words of a place."""
        if path not in self.places:
            self.places.append(path)
        row = self.table[min(self.places.index(path), len(self.table) - 1)].astype("uint64")
        return row[0] << 32 | row[1], row[2] << 32 | row[3]

    def filled(self, seed: int, rows: int) -> Array:
        """Return the table of words for a seed, (rows, 4)."""
        table = np.zeros((rows, 4), np.uint32)
        for k, path in enumerate(self.places):
            table[k] = [half for word in words_of(seed, path) for half in (word >> 32, word & 0xFFFFFFFF)]
        return table


@lru_cache(maxsize=4096)
def words_of(seed: int, path: tuple[str, ...]) -> tuple[int, int]:
    """Return two 64-bit words for a seed and a place: the start of a sequence, and its increment gamma."""
    key = key_of(seed, path)
    gamma = key >> 64 | 1
    if (gamma ^ gamma >> 1).bit_count() < 24:  # too regular; see the paper
        gamma ^= 0xAAAAAAAAAAAAAAAA
    return key & 0xFFFFFFFFFFFFFFFF, gamma


def _in_blocks(state: Array, gamma: Any, begin: int, end: int, make: Callable[[Array], Array]) -> Array:
    first = make(_words(state, gamma, begin, min(end, begin + BLOCK)))
    if end - begin <= BLOCK:
        return first
    numbers = np.empty(len(first) // BLOCK * (end - begin), first.dtype)
    numbers[: len(first)] = first
    for start in range(begin + BLOCK, end, BLOCK):
        made = make(_words(state, gamma, start, min(end, start + BLOCK)))
        place = len(first) // BLOCK * (start - begin)
        numbers[place : place + len(made)] = made
    return numbers


def _words(state: Array, gamma: Any, start: int, stop: int) -> Array:
    words = namespace(state).arange(start, stop, dtype="uint64")
    words *= gamma
    words += state
    return _mixed(words)


def _mixed(z: Array) -> Array:
    """Mix the bits of words by the finalizer of SplitMix64; the given array may be overwritten."""
    z ^= z >> 30
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> 27
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> 31
    return z


def _floats(words: Array, each: int) -> Array:
    """Return floats in [1, 2) whose mantissas are the upper bits of words, or of halves of words."""
    if each == 1:
        return (words >> 12 | np.uint64(0x3FF0000000000000)).view("float64")
    return (words.view("uint32") >> 9 | np.uint32(0x3F800000)).view("float32")


def _normal(words: Array, each: int) -> Array:
    """Return normal numbers r cos t, r sin t, with r^2 = -2 log u (Box & Muller 1958).

    The angle is drawn from a quarter of the circle around 0, by v from -1/2 to 1/2; the lowest bits, which
    v does not use, turn it into the others.
    """
    xp = namespace(words)
    u, v = _paired(_floats(words, each))
    r = xp.sqrt(-2 * xp.log(2 - u))
    sine = _sine(v - 1.5, 5 if each == 2 else 8)
    cosine = xp.sqrt(1 - sine * sine)
    bits = _paired(words.view("uint32") if each == 2 else words)[1]
    cosine *= 1 - (bits & 2).astype(r.dtype)
    return _side_by_side(bits & 1 == 1, cosine, sine, r).reshape(-1)


def _side_by_side(swapped: Array, one: Array, two: Array, r: Array) -> Array:
    """Return r times both arrays in groups (groups, 2, GROUP), swapped where `swapped` is true."""
    xp = namespace(r)
    if not isinstance(r, np.ndarray):  # without a concat, for which everything would be computed twice
        return r * xp.where(swapped ^ xp.asarray([[False], [True]]), two, one)
    made = np.empty((r.shape[0], 2, GROUP), r.dtype)
    np.multiply(np.where(swapped, two, one), r, out=made[:, :1])
    np.multiply(np.where(swapped, one, two), r, out=made[:, 1:])
    return made


def _paired(numbers: Array) -> tuple[Array, Array]:
    """Return the two halves of each group, each (groups, 1, GROUP)."""
    groups = numbers.reshape(-1, 2, GROUP)
    return groups[:, :1], groups[:, 1:]


def _sine(v: Array, terms: int) -> Array:
    """Return sin(pi/2 v) for v from -1/2 to 1/2, by its Taylor series: exact to rounding."""
    square = v * v
    series = [(-1) ** k * (math.pi / 2) ** (2 * k + 1) / math.factorial(2 * k + 1) for k in range(terms)]
    total = square * series[-1]
    for coefficient in series[-2:0:-1]:
        total += coefficient
        total *= square
    total += series[0]
    total *= v
    return total


def _wide(array: Array) -> Any:
    """Return a context in which 64-bit words can be used, which JAX does not allow by default."""
    if isinstance(array, np.ndarray):
        return nullcontext()
    from .xla.device import precision

    return precision("float64")
