"""Rescaling inputs by constants that are not trained: given, or found from data once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from ..backend import Array, Shape, Tree, namespace
from ..core.finite import moments
from ..core.finite import place as told
from ..core.numeric import numeric
from ..core.settings import ANY, Range, UnfitError, finite, listed, real, setting
from ..core.value import value
from ..errors import DataError, SettingError, ShapeError
from .axes import AXES, as_axes, places, sizes
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples


@value
class Rescaling(Layer):
    """y = a x + b with given numbers;  dx = a dy.

    ``Rescaling(1 / 255)`` brings pixels from 0 to 255 to 0 to 1, ``Rescaling(1 / 127.5, -1)`` to -1 to 1.

    Parameters
    ----------
    scale, offset : float
        The numbers a and b.

    Examples
    --------
    >>> import numpy as np
    >>> Rescaling(0.5, -1).forward({}, np.array([[0.0, 4.0]]))[0]
    array([[-1.,  1.]])
    """

    scale: float = finite()
    offset: float = finite(default=0.0)

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return mask

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return self.scale * x + self.offset, None

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return (self.scale * dy if need_dx else None), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(0.5, -1), (5,)


_NUMBERS = "a finite number for each feature, as Normalization().adapt(x) finds them"
_NOT_BELOW_0 = Range(0)


def _numbers(given: Any, owner: Any, allowed: Range = ANY) -> tuple[float, ...]:
    if isinstance(given, np.ndarray):
        given = given.ravel().tolist()
    several = listed(given) if isinstance(given, Iterable) else (given,)
    if not several:
        raise UnfitError
    return tuple(float(real(one, allowed)) for one in several)


def _variances(given: Any, owner: Any) -> tuple[float, ...]:
    return _numbers(given, owner, _NOT_BELOW_0)


def _over(given: Any, owner: Any) -> Any:
    return None if given is None else as_axes(given, owner)


@value
class Normalization(Layer):
    """Each feature gets mean 0 and variance 1, by means and variances found from data before the training.

    ::

        y = (x - m) / sqrt(v)       dx = dy / sqrt(v)

    ``Normalization().adapt(x)`` returns the layer with those of x; layers are values, so the original does
    not change. A file keeps them with the network. A feature that is constant in x is divided by 1.
    (LeCun et al. 1998, "Efficient BackProp", section 4.3.)

    Parameters
    ----------
    axis : int, sequence of int or None
        The axes of the features, counted as in the arrays, where 0 is the examples: each place along them has
        its own mean and variance. None takes one mean and variance for all numbers.
    mean, variance : float or sequence of float, optional
        m and v of each feature, if they are known; else `adapt` finds them.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Normalization().adapt([[1.0, 50.0], [3.0, 70.0]])
    >>> layer.mean, layer.variance
    ((2.0, 60.0), (1.0, 100.0))
    >>> layer.forward({}, np.array([[2.0, 90.0]]))[0]
    array([[0., 3.]])
    """

    axis: int | tuple[int, ...] | None = setting(AXES, _over, default=-1, optional=True)
    mean: Any = setting(_NUMBERS, _numbers, default=None, optional=True)
    variance: Any = setting(_NUMBERS + ", 0 or more", _variances, default=None, optional=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in ("mean", "variance") if getattr(self, name) is not None]
        if len(given) == 1:
            raise SettingError(
                f"Normalization: {given[0]} alone was given: give mean and variance, or neither"
            )
        if given and len(self.mean) != len(self.variance):
            raise SettingError(
                f"Normalization: mean has {len(self.mean)} numbers, variance {len(self.variance)}: "
                "give as many "
                "of both as there are features"
            )

    def adapt(self, x: Any) -> Normalization:
        """Return this layer with the mean and variance of some data.

        Parameters
        ----------
        x : array-like (n, ...)
            The training data, as the layer will receive them.

        Raises
        ------
        DataError
            If they are not finite numbers, or there are none.
        """
        data = numeric(x, "Normalization.adapt: x")
        if not data.ndim or not data.size:
            raise DataError(
                f"Normalization.adapt: x: expected an array of examples (n, ...), got {data.shape}"
            )
        if not np.isfinite(data).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(data))[0])
            raise DataError(
                f"Normalization.adapt: x holds {data[where]} at index {where}{told(where)}: fill or "
                "leave out "
                "such rows first"
            )
        kept = self._places(data.shape[1:])
        over = tuple(axis for axis in range(data.ndim) if axis not in kept)
        mean, deviation = moments(data.astype(np.float64), over)
        with np.errstate(over="ignore"):
            variance = deviation**2
        if not np.isfinite(variance).all():
            raise DataError(
                f"Normalization.adapt: x: the squares of numbers with a deviation of {deviation.max():g} are "
                "too large: rescale them first"
            )
        return replace(self, mean=mean, variance=variance)

    def _places(self, shape: Shape) -> tuple[int, ...]:
        return () if self.axis is None else places(self, self.axis, shape)

    def output_shape(self, shape: Any) -> Any:
        if self.mean is None:
            raise SettingError(
                "Normalization has no means and variances yet: take Normalization().adapt(x) with "
                "the training "
                "data x, or give mean and variance"
            )
        count = 1 if self.axis is None else math.prod(sizes(self, self.axis, shape))
        if count != len(self.mean):
            raise ShapeError(
                f"Normalization has means of {len(self.mean)} features, but inputs {shape} have "
                f"{count} along "
                f"axis={self.axis}"
            )
        return shape

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return mask

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        self.output_shape(x.shape[1:])
        kept = self._places(x.shape[1:])
        shape = tuple(size if axis in kept else 1 for axis, size in enumerate(x.shape))
        mean, factor = (a.reshape(shape) for a in _factors(self.mean, self.variance, x.dtype))
        xp = namespace(x)
        mean, factor = xp.asarray(mean), xp.asarray(factor)
        return (x - mean) * factor, factor

    def backward(self, params: Tree, factor: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return (dy * factor if need_dx else None), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(mean=(0.5, -1.0), variance=(4.0, 0.25)), (3, 2)


@lru_cache(maxsize=64)
def _factors(mean: tuple[float, ...], variance: tuple[float, ...], dtype: Any) -> tuple[Any, Any]:
    """Return the means and the reciprocal standard deviations, as arrays."""
    known = np.array(variance)
    factor = np.where(known > 0, known, 1.0) ** -0.5
    made = np.array(mean).astype(dtype), factor.astype(dtype)
    for array in made:
        array.flags.writeable = False  # they are shared by all calls
    return made
