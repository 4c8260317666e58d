"""Random numbers as a pure function of (seed, step, path in the network).

No generator state is kept anywhere: the same seed, step and path give the same numbers, so a run
repeats and resumes exactly, and adding a layer does not change the numbers of another.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..core.text import Brief
from ..core.trees import Array, Shape
from .arrays import namespace


class Stream(Brief):
    """A source of random NumPy arrays for one place in the network.

    The numbers are those of the counter-based generator Philox-4x64 (Salmon et al. 2011, "Parallel
    random numbers: as easy as 1, 2, 3"): seed and path are hashed to its key, the step is the upper
    part of its counter.

    Parameters
    ----------
    seed : int
        The seed of the run.
    step : int
        The number of the training step.
    dtype : str
        The dtype of the arrays made.

    Examples
    --------
    >>> Stream(0).child("dense1").child("W").normal((2,))
    array([-0.353035  , -0.76054996], dtype=float32)
    """

    __slots__ = ("dtype", "path", "seed", "step")

    def __init__(
        self, seed: int = 0, step: int = 0, dtype: str = "float32", path: tuple[str, ...] = ()
    ) -> None:
        self.seed, self.step, self.dtype, self.path = seed, step, dtype, path

    @classmethod
    def like(cls, array: Array, seed: int, step: Any, path: tuple[str, ...]) -> Stream:
        """Return the stream of a step for numbers that go with an array, of its library and dtype."""
        return cls(seed, namespace(array).asarray(step), name_of(array.dtype), path)

    def child(self, name: str) -> Stream:
        """Return the stream of a part of this place."""
        return self.but(path=(*self.path, name))

    def but(
        self, seed: int | None = None, dtype: str | None = None, path: tuple[str, ...] | None = None
    ) -> Stream:
        """Return the stream of another seed, dtype or place, at the same step."""
        return type(self)(
            self.seed if seed is None else seed,
            self.step,
            self.dtype if dtype is None else dtype,
            self.path if path is None else path,
        )

    def of_all(self) -> Stream:
        """Return the stream for numbers that all examples of a batch share, and not one row for each."""
        return self

    def by_time(self) -> Stream:
        """Return the stream for numbers (time * n, ...), all examples of one time step, then of the next."""
        return self

    def _generator(self) -> np.random.Generator:
        counter = [0, 0, self.step, 0]
        return np.random.Generator(np.random.Philox(_seed_of(self.seed, self.path), counter=counter))

    def normal(self, shape: Shape) -> Array:
        """Draw from the standard normal distribution."""
        # Drawn in float64 and rounded: both precisions start from the same weights, up to rounding.
        return self._generator().standard_normal(shape).astype(self.dtype)

    def uniform(self, shape: Shape) -> Array:
        """Draw uniformly from [0, 1)."""
        return self._generator().random(shape).astype(self.dtype)

    def bernoulli(self, shape: Shape, probability: float) -> Array:
        """Draw a boolean array that is true with the given probability."""
        return self._generator().random(shape, dtype=np.float32) < probability

    def permutation(self, n: int) -> Array:
        """Draw an order of the numbers 0 to n - 1."""
        return self._generator().permutation(n)

    def full(self, shape: Shape, value: float) -> Array:
        """Return a constant array, in the dtype of the stream."""
        return np.full(shape, value, self.dtype)


name_of = lru_cache(maxsize=64)(str)
"""Returns the name of a dtype; cached, as making it takes a microsecond."""


@lru_cache(maxsize=4096)
def key_of(seed: int, path: tuple[str, ...]) -> int:
    """Return the number of 128 bits that belongs to a seed and a place."""
    from hashlib import blake2b  # importing it takes as long as importing all layers

    return int.from_bytes(blake2b(repr((seed, path)).encode(), digest_size=16).digest(), "little")


class _Key:
    """A key for `numpy.random.Philox`, given as its seed: without one it draws one from the system first."""

    def __init__(self, key: int) -> None:
        self.words = np.array([key % 2**64, key >> 64], np.uint64)

    def generate_state(self, n_words: int, dtype: Any = None) -> Array:
        """Return the key, where NumPy asks a seed for words."""
        return self.words


@lru_cache(maxsize=4096)
def _seed_of(seed: int, path: tuple[str, ...]) -> Any:
    np.random.bit_generator.ISeedSequence.register(_Key)
    return _Key(key_of(seed, path))
