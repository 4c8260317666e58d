"""Initializers: the initial weights of layers.

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
from .core.finite import check_finite
from .core.numeric import plain
from .core.own import check_methods, written
from .core.settings import choice, finite, flag, sequence, whole
from .core.value import Value, of_library, value
from .core.value import get as _get
from .errors import SettingError, ShapeError
from .foreign import undefined


class Initializer(Value):
    """A value that makes the first weights: ``initializer(rng, shape)``."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if not of_library(cls) and (call := written(cls, "__call__", Initializer)) is not None:
            check_methods(cls, Initializer)
            cls.__call__ = _checked(call)  # type: ignore[method-assign]

    def __call__(self, rng: Stream, shape: Shape) -> Array:
        """Return an array of the given shape, drawn from the random stream `rng`."""
        raise undefined(self, "__call__(rng, shape)")

    def before(self, scale: float | None) -> Initializer:
        """Return the initializer for an activation of this scale: itself, unless it is `Fitting`."""
        return self

    def kernel(
        self, rng: Stream, shape: Shape, *, groups: int = 1, share: float = 1.0, swapped: bool = False
    ) -> Array:
        """Return weights for a layer whose number of inputs per unit does not follow from the shape.

        An initializer that asks neither how many inputs a unit has nor which weights are one unit's need not
        define this.

        Parameters
        ----------
        rng : Stream
            The random numbers.
        shape : tuple of int
            (..., inputs of one group, outputs of all groups); the last two exchanged if `swapped`.
        groups : int
            Into how many groups the outputs are divided.
        share : float
            Which part of the inputs an output sees at a time: 1 / vocabulary of an embedding, 1 / strides of
            a transposed convolution.
        swapped : bool
            Whether inputs are the last axis and outputs the last but one.
        """
        return self(rng, shape)


def _checked(call: Callable[..., Any]) -> Any:
    """Wrap the call of a user's initializer to check the shape and values of its result."""

    @wraps(call)
    def checked(self: Any, rng: Stream, shape: Shape) -> Array:
        made, what = call(self, rng, shape), f"the initializer {type(self).__name__}"
        if not plain(made):  # blank arrays, which have only a shape, are left alone
            made = returned(made, np.empty(0, rng.dtype), what)
        if made.shape != tuple(shape):
            raise ShapeError(f"{what} must return an array of shape {tuple(shape)}, got shape {made.shape}")
        if plain(made):
            check_finite(made, f"what {what} returns", rng.dtype)
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
        return self.kernel(rng, shape)

    def kernel(
        self, rng: Stream, shape: Shape, *, groups: int = 1, share: float = 1.0, swapped: bool = False
    ) -> Array:
        """Return weights scaled by the effective fan-in and fan-out."""
        fan_in, fan_out = fans(shape, groups=groups, share=share, swapped=swapped)
        fan = {"in": fan_in, "out": fan_out, "average": (fan_in + fan_out) / 2}[self.fan]
        std = math.sqrt(self.scale / (fan or 1))
        if self.distribution == "normal":
            return std * rng.normal(shape)
        return math.sqrt(3) * std * (2 * rng.uniform(shape) - 1)


@value
class Orthogonal(Initializer):
    """Orthonormal rows or columns, whichever are fewer, times `gain` (Saxe et al. 2014).

    Drawn uniformly: Q of the QR decomposition of a normal matrix, with the signs of R's diagonal
    (Mezzadri 2007). A column holds the weights into one unit, whatever the layout of the array; the groups of
    a convolution (each channel of a depthwise one) are matrices of their own.
    """

    gain: float = finite(default=1.0)

    def __call__(self, rng: Stream, shape: Shape) -> Array:
        """Return a matrix with orthogonal rows or columns; all axes but the last count as rows."""
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = rng.normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall.astype("float64"))
        q *= np.sign(np.diag(r))
        return (self.gain * (q if rows >= columns else q.T)).reshape(shape).astype(rng.dtype)

    def kernel(
        self, rng: Stream, shape: Shape, *, groups: int = 1, share: float = 1.0, swapped: bool = False
    ) -> Array:
        """Return orthogonal weights, one matrix from inputs to units for each group."""
        if swapped:
            turned = (*shape[:-2], shape[-1], shape[-2])
            return self.kernel(rng, turned, groups=groups).swapaxes(-1, -2)
        if groups == 1:
            return self(rng, shape)
        one = (*shape[:-1], shape[-1] // groups)
        made = rng.full(shape, 0)
        for k in range(groups if type(made) is np.ndarray else 1):  # for blank ones a single one suffices
            made[..., k * one[-1] : (k + 1) * one[-1]] = self(rng.child(str(k)), one)
        return made


@value
class Identity(Initializer):
    """The identity matrix times `gain`: a recurrent layer begins by keeping its state.

    (Le, Jaitly & Hinton 2015.)
    """

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
    """An initializer that fits the layer's activation: normal, variance ``scale / fan_in``, or Glorot's.

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
        """Return weights for a layer without activation."""
        return self.before(None)(rng, shape)

    def kernel(self, rng: Stream, shape: Shape, **fans: Any) -> Array:
        return self.before(None).kernel(rng, shape, **fans)

    def before(self, scale: float | None) -> Initializer:
        """Return the initializer for an activation of this scale."""
        return VarianceScaling() if scale is None else VarianceScaling(scale, "in", "normal")


@takes(shape=sequence("sizes", whole(0)), groups=whole(1), share=finite(above=0), swapped=flag())
def fans(shape: Shape, *, groups: int = 1, share: float = 1.0, swapped: bool = False) -> tuple[float, float]:
    """Return the numbers of inputs and outputs of one unit, for weights (..., inputs, outputs).

    The parameters are those of `Initializer.kernel`.

    Examples
    --------
    >>> fans((784, 10)), fans((3, 3, 16, 32)), fans((3, 3, 4, 32), groups=4)
    ((784, 10), (144, 288), (36, 72))
    """
    if len(shape) < 2:
        return shape[0], shape[0]
    *field, inputs, outputs = shape
    if swapped:
        inputs, outputs = outputs, inputs
    size = math.prod(field)
    seen = size * inputs if share == 1 else size * inputs * share
    return seen, size * outputs // groups


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
