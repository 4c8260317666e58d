"""Losses for real-valued targets: squared, absolute, Huber, cosine.

Each is a mean over the features of an example (the half-sum is a sum), then over the batch.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..backend import Array, namespace, norm
from ..core.settings import finite
from ..core.value import value
from .base import Cache, Loss, mean_last


@value
class MeanSquaredError(Loss):
    """L = 1/k sum_j (y_j - t_j)^2,  dL/dy = 2/k (y - t), over the k features."""

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        error = prediction - target
        return mean_last(error * error), error

    def slope(self, error: Cache) -> Array:
        return error * (2 / error.shape[-1])


@value
class HalfSquaredError(Loss):
    """L = 1/2 sum_j (y_j - t_j)^2,  dL/dy = y - t: the quadratic loss of textbooks (Nielsen 2015)."""

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        error = prediction - target
        return (error * error).sum(-1) / 2, error

    def slope(self, error: Cache) -> Array:
        return error


@value
class MeanAbsoluteError(Loss):
    """L = 1/k sum_j |y_j - t_j|,  dL/dy = sign(y - t) / k."""

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        error = prediction - target
        return mean_last(namespace(error).abs(error)), error

    def slope(self, error: Cache) -> Array:
        return namespace(error).sign(error) / error.shape[-1]


@value
class Huber(Loss):
    """L = 1/k sum_j h(y_j - t_j): squared near zero, linear far away (Huber 1964).

    h(e) = e^2 / 2 for |e| <= d, else d |e| - d^2 / 2;  h'(e) = e clipped to [-d, d]. So are PyTorch's
    ``HuberLoss`` and Keras' ``Huber``; PyTorch's ``SmoothL1Loss(beta=d)`` is that divided by d.

    Parameters
    ----------
    delta : float
        The distance d at which both parts meet.
    """

    delta: float = finite(above=0, default=1.0)

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        error = prediction - target
        clipped = namespace(error).clip(error, -self.delta, self.delta)
        # With c = clip(e), both branches are c (e - c/2).
        return mean_last(clipped * (error - clipped / 2)), clipped

    def slope(self, clipped: Cache) -> Array:
        return clipped / clipped.shape[-1]

    @classmethod
    def samples(cls) -> Iterator[Loss]:
        yield cls(0.7)


@value
class CosineDistance(Loss):
    """L = 1 - y.t / (|y| |t|),  dL/dy = (cos y/|y| - t/|t|) / |y|.

    It is 0 for equal directions, 1 at right angles, 2 for opposite ones. (Keras' `CosineSimilarity`
    is the same less 1.) An example whose prediction or target is all zero has loss 1 and slope 0.
    """

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        unit, size, scale = _unit(prediction)
        goal, *_ = _unit(target)
        cosine = namespace(unit).sum(unit * goal, axis=-1, keepdims=True)
        return 1 - cosine[..., 0], (unit, size, scale, goal, cosine)

    def slope(self, cache: Cache) -> Array:
        unit, size, scale, goal, cosine = cache
        return (cosine * unit - goal) * (size > 0) / norm_or_one(size) / scale


def _unit(x: Array) -> tuple[Array, Array, Array]:
    """Return normalized rows, and their norms as two factors, so that no square overflows."""
    size, scale = norm(x, -1, keepdims=True)
    return x / scale / norm_or_one(size), size, scale


def norm_or_one(size: Array) -> Array:
    """Return a norm, or 1 where it is 0."""
    return namespace(size).where(size > 0, size, 1)
