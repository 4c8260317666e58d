"""Activations over an axis, by default the last: softmax and its logarithm."""

from __future__ import annotations

from typing import Any

from ...backend import Array, Tree, namespace
from ...core.settings import setting
from ...core.value import value
from ...errors import ShapeError
from ..axes import AXIS, as_axis, place
from ..base import INFERENCE, Cache, Mask, Run, Samples
from .base import ActivationLayer


def log_softmax(x: Array, axis: int = -1) -> Array:
    """Return x - log sum exp(x) over an axis, with the maximum shifted out."""
    xp = namespace(x)
    shifted = x - x.max(axis, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis, keepdims=True))


def softmax(x: Array, axis: int = -1) -> Array:
    """Return exp(x) / sum exp(x) over an axis, with the maximum shifted out."""
    y = namespace(x).exp(x - x.max(axis, keepdims=True))
    y /= y.sum(axis, keepdims=True)
    return y


@value
class OverAxis(ActivationLayer):
    """Base class of activations that act on all numbers along an axis.

    Parameters
    ----------
    axis : int
        The axis, counted as in the arrays: 0 is the examples, 1 the time of sequences, -1 the last.
    """

    axis: int = setting(AXIS, as_axis, default=-1)

    def output_shape(self, shape: Any) -> Any:
        if self.axis != -1:
            place(self, self.axis, shape)
        return super().output_shape(shape)

    def counts(self, x: Array, mask: Mask) -> Mask:
        """Return which entries count, (n, time, 1, ...), if `axis` is the masked time axis; else None.

        Raises
        ------
        ShapeError
            If the mask is not that of these time steps.
        """
        if mask is None or x.ndim < 3 or self.axis % x.ndim != 1:
            return None
        if isinstance(mask, (tuple, dict)) or mask.shape != x.shape[:2]:
            raise ShapeError(f"{self.describe()}: the mask is not that of the {x.shape[1]} time steps here")
        return namespace(x).asarray(mask).reshape(*mask.shape, *(1,) * (x.ndim - 2))

    @classmethod
    def samples(cls) -> Samples:
        if cls is not OverAxis:
            yield cls(), (5,)
            yield cls(axis=1), (4, 3)


@value
class Softmax(OverAxis):
    """y_i = exp(x_i) / sum_j exp(x_j),  dx_i = y_i (dy_i - sum_j dy_j y_j).

    Along time only the steps that a mask lets through take part; the others get 0.

    Parameters
    ----------
    axis : int
        The axis, counted as in the arrays: 0 is the examples, 1 the time of sequences, -1 the last.
    """

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        if (counts := self.counts(x, run.mask)) is None:
            y = softmax(x, self.axis)
            return y, y
        xp = namespace(x)
        least = xp.asarray(xp.finfo(x.dtype).min, dtype=x.dtype)
        y = xp.where(counts, softmax(xp.where(counts, x, least), self.axis), xp.asarray(0, dtype=x.dtype))
        return y, y

    def backward(self, params: Tree, y: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        mean = (dy * y).sum(self.axis, keepdims=True)
        return y * (dy - mean), {}


@value
class LogSoftmax(OverAxis):
    """y_i = x_i - log sum_j exp(x_j),  dx_i = dy_i - exp(y_i) sum_j dy_j.

    Parameters
    ----------
    axis : int
        The axis, counted as in the arrays: 0 is the examples, 1 the time of sequences, -1 the last.
    """

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        if self.counts(x, run.mask) is not None:
            raise ShapeError(
                f"{self.name or 'here'}, {self.describe()}: the logarithm at time steps that do not "
                "count would "
                "be that of 0: take Softmax, or set what does not count apart by a layer before"
            )
        y = log_softmax(x, self.axis)
        return y, y

    def backward(self, params: Tree, y: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy - namespace(y).exp(y) * dy.sum(self.axis, keepdims=True), {}
