"""Constraints on weights, applied after every step: the setting `constraint` of a layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..backend import Array, Shape, namespace, norm
from ..core.settings import UnfitError, finite, listed, setting, whole
from ..core.value import Value, value
from ..errors import SettingError

AXES = "a whole number, or several"


def _as_axes(given: Any, owner: Any) -> int | tuple[int, ...]:
    one = whole(None).metadata["check"]
    axes = listed(given) if isinstance(given, (tuple, list)) else (given,)
    made = tuple(one.convert(axis, owner) for axis in axes)
    if not made or len(set(made)) < len(made):
        raise UnfitError
    return made if isinstance(given, (tuple, list)) else made[0]


class Constraint(Value):
    """A pure function that maps a weight array to the nearest allowed one (or one near it)."""

    def __call__(self, array: Array) -> Array:
        """Return the constrained array; the given one is not modified."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(array)")


@value
class NonNegative(Constraint):
    """No weight is below 0: w <- max(w, 0)."""

    def __call__(self, array: Array) -> Array:
        """Return the array with negative entries replaced by 0."""
        return namespace(array).clip(array, 0, None)


@value
class MaxNorm(Constraint):
    """The weights into each unit have a Euclidean norm of at most `limit` (Srivastava et al. 2014).

    w <- w min(1, limit / |w|), exactly; Keras divides by |w| + 1e-7.

    Parameters
    ----------
    limit : float
        The largest norm, above 0.
    axis : int or tuple of int, optional
        The axes that a norm is taken over. By default those of a unit's incoming weights, as the layer knows
        them: all but the last, except for (0, 1) in `DepthwiseConv2D` and (0, 1, 3) in `Conv2DTranspose`.
        (Keras' default is 0, which is the same for `Dense` only.)

    Examples
    --------
    >>> import numpy as np
    >>> MaxNorm(1.0)(np.array([[3.0, 0.3], [4.0, 0.4]]))
    array([[0.6, 0.3],
           [0.8, 0.4]])
    """

    limit: float = finite(above=0, default=2.0)
    axis: int | tuple[int, ...] | None = setting(AXES, _as_axes, default=None, optional=True)

    def __call__(self, array: Array) -> Array:
        """Return the array with columns scaled down to at most the limit."""
        xp, (size, scale) = namespace(array), norms(array, self.axis)
        large = size * scale > self.limit
        return xp.where(large, array / scale * (self.limit / xp.where(large, size, 1)), array)


@value
class UnitNorm(Constraint):
    """The weights into each unit have the norm 1: w <- w / |w|; weights that are all 0 stay as they are.

    Parameters
    ----------
    axis : int or tuple of int, optional
        As for `MaxNorm`.
    """

    axis: int | tuple[int, ...] | None = setting(AXES, _as_axes, default=None, optional=True)

    def __call__(self, array: Array) -> Array:
        """Return the array with columns scaled to norm 1."""
        size, scale = norms(array, self.axis)
        return array / scale / namespace(array).where(size == 0, 1, size)


def norms(array: Array, axis: int | tuple[int, ...] | None) -> tuple[Array, Array]:
    """Return norms over some axes, which are kept with size 1, as two factors (see `backend.norm`)."""
    axes = tuple(range(max(array.ndim - 1, 1))) if axis is None else axis
    several = axes if isinstance(axes, tuple) else (axes,)
    there = {each % array.ndim for each in several if -array.ndim <= each < array.ndim}
    if len(there) < len(several):
        raise SettingError(
            f"constraint: axis={axis} are not axes of weights of shape {array.shape}: choose different ones "
            f"from 0 to {array.ndim - 1}, or leave axis out"
        )
    return norm(array, axes, keepdims=True)


def along(constraint: Any, axes: Shape | None) -> Any:
    """Set the axes over which a constraint takes norms, unless it has its own or takes no norms.

    Parameters
    ----------
    constraint : Constraint or callable
        The constraint.
    axes : tuple of int, optional
        The axes of a unit's incoming weights; None for all but the last.
    """
    if axes is None or not isinstance(constraint, (MaxNorm, UnitNorm)) or constraint.axis is not None:
        return constraint
    return replace(constraint, axis=axes)
