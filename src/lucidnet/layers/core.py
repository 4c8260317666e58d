"""Layers without weights: input, dropout, flatten, reshape."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import reduce
from operator import and_
from typing import Any, ClassVar

import numpy as np

from ..backend import Array, Shape, Tree
from ..core.settings import Check, UnfitError, finite, listed, scheduled, setting, whole
from ..core.value import value
from ..errors import SettingError, ShapeError
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, one_input, several, zeroed


def sizes(given: Any, size: Any) -> tuple[Any, ...]:
    """Convert one size, or several, to a tuple, each checked by a declaration."""
    check: Check = size.metadata["check"]
    several = (given,) if isinstance(given, int) or not isinstance(given, Iterable) else listed(given)
    if not several:
        raise UnfitError
    return tuple(None if one is None and check.optional else check.convert(one, None) for one in several)


def _input_sizes(given: Any, owner: Any) -> tuple[int | None, ...]:
    return sizes(given, whole(1, optional=True))


def _output_sizes(given: Any, owner: Any) -> Shape:
    made = sizes(given, whole(-1))
    if 0 in made or made.count(-1) > 1:
        raise UnfitError
    return made


@value
class Input(Layer):
    """The first layer of a network, which gives the shape of one example: y = x.

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

    shape: int | tuple[int | None, ...] = setting(
        "whole numbers of 1 or more, or None for a size that varies", _input_sizes
    )

    asks: ClassVar[bool] = False
    makes_masks: ClassVar[bool] = False

    def takes(self) -> Any:
        return self.shape

    def output_shape(self, shape: Any) -> Any:
        if not fits(shape, self.takes()):
            raise ShapeError(f"expected input of shape {self.shape} per example, got {shape}")
        return filled(shape, self.takes())

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return mask

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return x, None

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy, {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(5), (5,)


@value
class Masking(Layer):
    """y = x; time steps all of whose features are `value` do not count, for all layers and the loss.

    As in Keras they hold 0 from here on.

    Parameters
    ----------
    value : float
        What fills the steps after the end of a sequence. Data may come in a lower precision than the model's:
        the 0.1 of float32, 0.10000000149, counts as 0.1 in a model of float64, too (and so does that of
        float16).
    """

    value: float = finite(default=0.0)

    makes_masks: ClassVar[bool] = True

    def output_shape(self, shape: Any) -> Any:
        if len(one_input(self, shape)) < 2:
            raise ShapeError(
                f"Masking takes sequences (time, features), got {shape}; for whole numbers there is "
                "Embedding(..., mask_zero=True)"
            )
        return shape

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        other = reduce(and_, (x != value for value in self.fillers()))
        made = other.any(tuple(range(2, x.ndim)))
        return made if mask is None else made & mask

    def fillers(self) -> set[float]:
        """Return `value` in each precision in which data may come."""
        with np.errstate(over="ignore"):
            return {self.value, *(float(np.dtype(kind).type(self.value)) for kind in ("float32", "float16"))}

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return self.flow(params, x, run)[:2]

    def flow(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache, Mask]:
        mask = self.output_mask(x, run.mask)
        filled = mask if self.value else None  # by a number that may be huge, which becomes 0
        return zeroed(x, filled), filled, mask

    def backward(self, params: Tree, filled: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return zeroed(dy, filled), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (3, 2)


@value
class Dropout(Layer):
    """In training each element is dropped with probability `rate`, the others divided by 1 - rate.

    y = x m / (1 - rate),  dx = dy m / (1 - rate),  m = 1 with probability 1 - rate, else 0;
    in inference y = x (Srivastava et al. 2014; "inverted", so that the mean is kept).

    Parameters
    ----------
    rate : float or schedule
        The probability of dropping, at least 0 and below 1.
    """

    rate: Any = scheduled(below=1)

    schedulable: ClassVar[tuple[str, ...]] = ("rate",)

    @property
    def random(self) -> bool:  # type: ignore[override]
        """Whether anything is dropped; a rate that a program is given is not 0."""
        return not isinstance(self.rate, float | int) or self.rate > 0

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        if not run.train:
            return x, None
        rate = self.rate
        if callable(rate):
            rate = self.setting_at("rate", int(run.stream.step))
        if isinstance(rate, float | int) and rate == 0:
            return x, None
        mask = run.stream.bernoulli(x.shape, 1 - rate)
        return x * mask / (1 - rate), (mask, 1 - rate)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        if cache is None:
            return dy, {}
        mask, keep = cache
        return dy * mask / keep, {}

    def setting_at(self, name: str, step: int) -> float:
        rate = super().setting_at(name, step)
        if not 0 <= rate < 1:
            raise SettingError(f"Dropout: rate must be at least 0 and below 1, got {rate!r} at step {step}")
        return rate

    @classmethod
    def samples(cls) -> Samples:
        yield cls(0.4), (5,)


@value
class Flatten(Layer):
    """All axes but the first become one: (n, ...) to (n, features)."""

    def output_shape(self, shape: Any) -> Any:
        if None in one_input(self, shape):
            raise ShapeError(
                f"cannot flatten inputs of shape {shape}, whose size varies; pool over time first"
            )
        return (math.prod(shape),)

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        if mask is not None:
            raise ShapeError(
                f"{self.name or 'Flatten'}: its input has a mask of time steps, and flattened the steps "
                "that do not count would be features like the others; pool over time (GlobalAveragePooling1D)"
            )
        return None

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return x.reshape(x.shape[0], math.prod(x.shape[1:])), x.shape

    def backward(self, params: Tree, shape: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy.reshape(shape), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (2, 3)


@value
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

    shape: Shape = setting("whole numbers of 1 or more, one of which may be -1", _output_sizes)

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
    """Tell whether a shape matches an expected one, in which None stands for any size."""
    pairs = zip(shape, expected, strict=False)
    alike = len(shape) == len(expected) and not several(shape)
    return alike and (shape == expected or all(e is None or s is None or s == e for s, e in pairs))


def filled(shape: Shape, expected: Shape) -> Shape:
    """Fill in the unknown sizes of a shape from an expected one."""
    return tuple(e if s is None else s for s, e in zip(shape, expected, strict=True))
