"""Initializers: how the weights of a layer begin.

The scaled ones choose the variance from the number of inputs (fan_in) and outputs (fan_out) of a
unit, so that signals neither grow nor vanish from layer to layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, Literal

import numpy as np

from .backend import Array, Shape, Stream, returned
from .core.calls import takes
from .core.exports import export
from .core.numeric import plain
from .core.own import check_methods
from .core.settings import choice, finite, sequence, whole
from .core.value import Value, of_library, value
from .core.value import get as _get
from .errors import SettingError, ShapeError


class Initializer(Value):
    """A value that makes the first weights: ``initializer(rng, shape)``."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if not of_library(cls) and "__call__" in vars(cls):
            check_methods(cls, Initializer)
            cls.__call__ = _checked(cls.__call__)  # type: ignore[method-assign]

    def __call__(self, rng: Stream, shape: Shape) -> Array:
        """Return an array of the given shape, from the random numbers of `rng`."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(rng, shape)")

    def before(self, scale: float | None) -> Initializer:
        """Return the initializer before an activation of this scale: itself, if it is not `Fitting`."""
        return self


def _checked(call: Callable[..., Any]) -> Any:
    """Return the call of a user's own initializer, whose result has the shape that was asked for."""

    @wraps(call)
    def checked(self: Any, rng: Stream, shape: Shape) -> Array:
        made, what = call(self, rng, shape), f"the initializer {type(self).__name__}"
        if not plain(made):  # blank arrays, which have only a shape, stay as they are
            made = returned(made, np.empty(0, rng.dtype), what)
        if made.shape != tuple(shape):
            raise ShapeError(f"{what} must return an array of shape {tuple(shape)}, got shape {made.shape}")
        return made.astype(rng.dtype, copy=False)

    return checked


@value
class Constant(Initializer):
    """All entries equal `value`."""

    value: float = finite(default=0.0)

    def __call__(self, rng: Stream, shape: Shape) -> Array:
        """Return the constant array."""
        return rng.full(shape, self.value)


@value
class Uniform(Initializer):
    """Uniform between `low` and `high`."""

    low: float = finite(default=-0.05)
    high: float = finite(default=0.05)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low > self.high:
            raise SettingError(f"Uniform: low must not exceed high, got low={self.low}, high={self.high}")

    def __call__(self, rng: Stream, shape: Shape) -> Array:
        """Return an array of uniform numbers of a shape."""
        return self.low + (self.high - self.low) * rng.uniform(shape)


@value
class Normal(Initializer):
    """Normal with the given mean and standard deviation."""

    mean: float = finite(default=0.0)
    std: float = finite(0, default=0.05)

    def __call__(self, rng: Stream, shape: Shape) -> Array:
        """Return an array of normal numbers of a shape."""
        return self.mean + self.std * rng.normal(shape)


@value
class VarianceScaling(Initializer):
    """Mean 0 and variance ``scale / fan``.

    ======================  =======  =========  ======================================================
    name                    scale    fan        source
    ======================  =======  =========  ======================================================
    glorot_*                1        average    Glorot & Bengio 2010, equations 12 and 16
    he_*                    2        in         He et al. 2015, equation 10
    lecun_*                 1        in         LeCun et al. 1998, "Efficient BackProp", section 4.6
    ======================  =======  =========  ======================================================

    Parameters
    ----------
    scale : float
        Numerator of the variance.
    fan : {"in", "out", "average"}
        Which number of connections divides it.
    distribution : {"normal", "uniform"}
        Shape of the distribution; the uniform one reaches to sqrt(3 scale / fan). The normal one is
        not truncated.
    """

    scale: float = finite(above=0, default=1.0)
    fan: Literal["in", "out", "average"] = choice("in", "out", "average", default="average")
    distribution: Literal["normal", "uniform"] = choice("normal", "uniform", default="uniform")

    def __call__(self, rng: Stream, shape: Shape) -> Array:
        """Return an array scaled by the fans of its shape."""
        fan_in, fan_out = fans(shape)
        fan = {"in": fan_in, "out": fan_out, "average": (fan_in + fan_out) / 2}[self.fan]
        std = math.sqrt(self.scale / max(fan, 1))
        if self.distribution == "normal":
            return std * rng.normal(shape)
        return math.sqrt(3) * std * (2 * rng.uniform(shape) - 1)


@value
class Orthogonal(Initializer):
    """Orthonormal rows or columns, whichever are fewer, times `gain` (Saxe et al. 2014).

    Drawn uniformly: Q of the QR decomposition of a normal matrix, with the signs of R's diagonal
    (Mezzadri 2007). Arrays of more than two axes count as matrices whose columns are the last axis.
    """

    gain: float = finite(default=1.0)

    def __call__(self, rng: Stream, shape: Shape) -> Array:
        """Return a matrix with orthogonal rows or columns."""
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = rng.normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall.astype("float64"))
        q *= np.sign(np.diag(r))
        return (self.gain * (q if rows >= columns else q.T)).reshape(shape).astype(rng.dtype)


@value
class Identity(Initializer):
    """The identity matrix times `gain`: a recurrent layer begins by keeping its state (Le et al. 2015)."""

    gain: float = finite(default=1.0)

    def __call__(self, rng: Stream, shape: Shape) -> Array:
        """Return the identity matrix of a shape, times the gain."""
        if len(shape) != 2:
            raise SettingError(f"Identity: is for matrices, got an array of shape {shape}")
        made = rng.full(shape, 0)
        np.fill_diagonal(made, self.gain)
        return made


@value
class Fitting(Initializer):
    """What fits the activation of the layer: normal with variance ``scale / fan_in``, or Glorot's.

    The default of `Dense`; convolutions take it, too. The scale of an activation
    (`layers.activations.scale`: 2 for relu, as He et al. have it, (5/3)^2 for tanh) keeps a signal at its
    size, so that units begin where their activation bends. Glorot's variance divides by the mean of inputs
    and outputs: behind 2 inputs 32 units of tanh then begin on the straight part of theirs, and the network
    stays linear for a long time. Without an activation, and with one whose scale is not known, it is
    ``glorot_uniform``; also in the last layer of a `Model`, so that its first outputs are small.

    Examples
    --------
    >>> Fitting().before(2.0), Fitting().before(None)
    (VarianceScaling(2.0, 'in', 'normal'), VarianceScaling())
    """

    def __call__(self, rng: Stream, shape: Shape) -> Array:
        """Return an array for a layer without activation."""
        return self.before(None)(rng, shape)

    def before(self, scale: float | None) -> Initializer:
        """Return the initializer before an activation of this scale."""
        return VarianceScaling() if scale is None else VarianceScaling(scale, "in", "normal")


@takes(shape=sequence("sizes", whole(0)))
def fans(shape: Shape) -> tuple[int, int]:
    """Return the numbers of inputs and outputs of one unit, for weights (..., inputs, outputs).

    Examples
    --------
    >>> fans((784, 10)), fans((3, 3, 16, 32))
    ((784, 10), (144, 288))
    """
    if len(shape) < 2:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def _scaled(scale: float, fan: Literal["in", "average"], distribution: Literal["normal", "uniform"]) -> Any:
    return lambda: VarianceScaling(scale, fan, distribution)


KNOWN: dict[str, Callable[[], Initializer]] = {
    "zeros": Constant,
    "ones": lambda: Constant(1.0),
    "constant": Constant,
    "uniform": Uniform,
    "normal": Normal,
    "glorot_uniform": _scaled(1.0, "average", "uniform"),
    "glorot_normal": _scaled(1.0, "average", "normal"),
    "he_uniform": _scaled(2.0, "in", "uniform"),
    "he_normal": _scaled(2.0, "in", "normal"),
    "lecun_uniform": _scaled(1.0, "in", "uniform"),
    "lecun_normal": _scaled(1.0, "in", "normal"),
    "orthogonal": Orthogonal,
    "identity": Identity,
    "fitting": Fitting,
}


def get(given: Any) -> Initializer:
    """Return the initializer with a name; an initializer returns itself.

    Examples
    --------
    >>> get("he_normal")
    VarianceScaling(2.0, 'in', 'normal')
    """
    return _get("initializer", given, KNOWN, Initializer)


export(globals())
