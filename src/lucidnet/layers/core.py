"""Layers without weights: input, dropout, flatten, reshape."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..backend import Array, Shape, Tree
from ..core.value import at_step, in_range
from ..errors import SettingError, ShapeError
from .base import INFERENCE, Cache, Layer, Run, Samples, one_input, several


@dataclass(frozen=True, repr=False)
class Input(Layer):
    """The shape of one example; the first layer of a network, y = x.

    Parameters
    ----------
    shape : int or tuple of int
        Sizes of one example, without the batch axis; None for a number of time steps that may vary from
        batch to batch.

    Examples
    --------
    >>> Input(784).shape, Input((None, 65)).shape
    ((784,), (None, 65))
    """

    shape: int | tuple[int | None, ...]

    def __post_init__(self) -> None:
        Layer.__post_init__(self)
        given = tuple(self.shape) if isinstance(self.shape, Iterable) else (self.shape,)
        known = sizes([1 if size is None else size for size in given])
        if not known or -1 in known:
            raise SettingError(f"Input: sizes must be whole numbers of 1 or more, got {self.shape!r}")
        shape = tuple(None if g is None else k for g, k in zip(given, known, strict=True))
        object.__setattr__(self, "shape", shape)

    def takes(self) -> Any:
        return self.shape

    def output_shape(self, shape: Any) -> Any:
        if not fits(shape, self.takes()):
            raise ShapeError(f"expected input of shape {self.shape} per example, got {shape}")
        return filled(shape, self.takes())

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return x, None

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy, {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(5), (5,)


@dataclass(frozen=True, repr=False)
class Masking(Layer):
    """y = x; time steps all of whose features are `value` do not count, for all layers and the loss.

    Parameters
    ----------
    value : float
        What fills the steps behind the end of a sequence.
    """

    value: float = 0.0

    def mask(self, x: Array) -> Array | None:
        return (x != self.value).any(-1)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return x, None

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy, {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (3, 2)


@dataclass(frozen=True, repr=False)
class Dropout(Layer):
    """In training each element is dropped with probability `rate`, the others divided by 1 - rate.

    y = x m / (1 - rate),  dx = dy m / (1 - rate),  m = 1 with probability 1 - rate, else 0;
    in inference y = x (Srivastava et al. 2014; "inverted", so that the mean is kept).

    Parameters
    ----------
    rate : float or schedule
        Probability to drop, at least 0 and below 1.
    """

    rate: Any

    schedulable: ClassVar[tuple[str, ...]] = ("rate",)

    def __post_init__(self) -> None:
        Layer.__post_init__(self)
        if not callable(self.rate):
            self._checked(self.rate)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        if not run.train:
            return x, None
        rate = self.rate
        if callable(rate):
            rate = self._checked(at_step(rate, int(run.stream.step)))
        if isinstance(rate, float | int) and rate == 0:
            return x, None
        mask = run.stream.bernoulli(x.shape, 1 - rate)
        return x * mask / (1 - rate), (mask, 1 - rate)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        if cache is None:
            return dy, {}
        mask, keep = cache
        return dy * mask / keep, {}

    def _checked(self, rate: Any) -> float:
        if not in_range(rate, below=1):
            raise SettingError(f"Dropout: rate must be at least 0 and below 1, got {rate!r}")
        return rate  # type: ignore[no-any-return]

    @classmethod
    def samples(cls) -> Samples:
        yield cls(0.4), (5,)


@dataclass(frozen=True, repr=False)
class Flatten(Layer):
    """All axes but the first become one: (n, ...) to (n, features)."""

    def output_shape(self, shape: Any) -> Any:
        if None in one_input(self, shape):
            raise ShapeError(
                f"cannot flatten inputs of shape {shape}, whose size varies; pool over time first"
            )
        return (math.prod(shape),)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return x.reshape(x.shape[0], math.prod(x.shape[1:])), x.shape

    def backward(self, params: Tree, shape: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy.reshape(shape), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (2, 3)


@dataclass(frozen=True, repr=False)
class Reshape(Layer):
    """Each example takes a new shape.

    Parameters
    ----------
    shape : tuple of int
        Sizes of one output, without the batch axis; one of them may be -1, and is inferred.

    Examples
    --------
    >>> Reshape((28, 28, -1)).output_shape((784,))
    (28, 28, 1)
    """

    shape: Shape

    def __post_init__(self) -> None:
        Layer.__post_init__(self)
        if not (shape := sizes(self.shape)) or shape.count(-1) > 1:
            raise SettingError(
                "Reshape: sizes must be whole numbers of 1 or more, and one of them may be -1, "
                f"got {self.shape!r}"
            )
        object.__setattr__(self, "shape", shape)

    def output_shape(self, shape: Any) -> Any:
        varies = None in one_input(self, shape)
        known, size = math.prod(abs(n) for n in self.shape), math.prod(n for n in shape if n is not None)
        if size % known or ((varies or known != size) and -1 not in self.shape):
            values = "a number of values that varies" if varies else f"{size} values"
            raise ShapeError(f"cannot give inputs of shape {shape} ({values}) the shape {self.shape}")
        rest = None if varies else size // known
        return tuple(rest if n == -1 else n for n in self.shape)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return x.reshape(x.shape[0], *self.shape), x.shape

    def backward(self, params: Tree, shape: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy.reshape(shape), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls((5, 1)), (5,)
        yield cls((3, -1)), (2, 3)


def fits(shape: Shape, expected: Shape) -> bool:
    """Tell whether a shape is the expected one, in which None stands for any size."""
    pairs = zip(shape, expected, strict=False)
    alike = len(shape) == len(expected) and not several(shape)
    return alike and all(e is None or s is None or s == e for s, e in pairs)


def filled(shape: Shape, expected: Shape) -> Shape:
    """Return a shape that fits the expected one, with the sizes that either of them knows."""
    return tuple(e if s is None else s for s, e in zip(shape, expected, strict=True))


def sizes(given: Any) -> Shape:
    """Return one size or several as a tuple; it is empty if one is not a whole number, 1 or more or -1."""
    several = tuple(given) if isinstance(given, Iterable) else (given,)
    whole = all(isinstance(size, (int, np.integer)) and (size > 0 or size == -1) for size in several)
    return tuple(int(size) for size in several) if whole else ()
