"""Layers that rearrange their inputs: repeating a vector over time, permuting axes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..backend import Array, Tree, namespace
from ..core.settings import Check, UnfitError, listed, setting, whole
from ..core.value import value
from ..errors import ShapeError
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, one_input


@value
class RepeatVector(Layer):
    """Repeats each vector at every time step: y_t = x;  dx = sum_t dy_t.

    It turns an encoder's summary of a whole sequence into the input of a decoder: (n, features) becomes (n,
    times, features).

    Parameters
    ----------
    times : int
        The number of time steps.

    Examples
    --------
    >>> RepeatVector(7).output_shape((3,))
    (7, 3)
    """

    times: int = whole(1)

    def output_shape(self, shape: Any) -> Any:
        if len(one_input(self, shape)) != 1:
            raise ShapeError(f"RepeatVector takes one vector (features,) for each example, got {shape}")
        return (self.times, *shape)

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        if mask is not None:
            raise ShapeError(
                f"{self.name or 'RepeatVector'}: its input has a mask of time steps, but is to be one vector "
                "for each example: end time before (a recurrent layer without return_sequences)"
            )
        return None

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return namespace(x).repeat(x[:, None], self.times, axis=1), None

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return (dy.sum(1) if need_dx else None), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(3), (5,)


_AXIS: Check = whole(1).metadata["check"]


def _order(given: Any, owner: Any) -> tuple[int, ...]:
    if not isinstance(given, Iterable):
        raise UnfitError
    axes = tuple(_AXIS.convert(axis, owner) for axis in listed(given))
    if sorted(axes) != list(range(1, len(axes) + 1)) or not axes:
        raise UnfitError
    return axes


@value
class Permute(Layer):
    """Permutes the axes of each example;  dx = dy with its axes permuted back.

    Parameters
    ----------
    axes : sequence of int
        For each place, the axis of the input that moves there; the first after the examples is 1.

    Examples
    --------
    >>> Permute((2, 1)).output_shape((7, 3))
    (3, 7)
    """

    axes: tuple[int, ...] = setting("the axes 1, 2, ... in their new order, such as (2, 1)", _order)

    def output_shape(self, shape: Any) -> Any:
        if len(one_input(self, shape)) != len(self.axes):
            raise ShapeError(
                f"Permute({self.axes}) takes inputs of {len(self.axes)} axes besides the examples, "
                f"got {shape}"
            )
        return tuple(shape[axis - 1] for axis in self.axes)

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        if mask is not None and self.axes[0] != 1:
            raise ShapeError(
                f"{self.name or 'here'}, {self.describe()}: its input has a mask of time steps, and "
                "time does "
                "not stay the first axis of the output"
            )
        return mask

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        self.output_shape(x.shape[1:])
        return namespace(x).permute_dims(x, (0, *self.axes)), None

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        order = (0, *self.axes)
        return namespace(dy).permute_dims(dy, tuple(order.index(axis) for axis in range(dy.ndim))), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls((2, 1)), (2, 3)
