"""LAMB: Adam's direction, scaled to the norm of the weights, for large batches."""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend import Array, namespace
from ..core.settings import finite, scheduled
from ..core.value import value
from .adam import Adam, Moments, moments_step
from .base import Bounds, Optimizer, Setting, Slots
from .clip import Size, norm


@value
class LAMB(Moments, Optimizer):
    """p <- p - rate |p| / |r| r, with r = m' / (sqrt(v') + epsilon) + weight_decay p, for each array.

    (You et al. 2020, "Large batch optimization for deep learning", algorithm 2, with phi(z) = z; m' and v' as
    in `Adam`.) The ratio of the norms is 1 if one of them is 0, as in optax and Keras: the paper does not
    say. No array is left out, neither biases nor scales of a normalization.

    Parameters
    ----------
    learning_rate : float or schedule
        The length of a step, as a share of the norm of each parameter array.
    beta1, beta2 : float or schedule
        As for `Adam`.
    epsilon : float
        Added to the root.
    weight_decay : float or schedule
        The share of the parameters that is added to the direction.
    """

    learning_rate: Setting = scheduled(default=0.001)
    beta1: Any = scheduled(below=1, default=0.9)
    beta2: Any = scheduled(below=1, default=0.999)
    epsilon: float = finite(0, default=1e-6)

    slots: ClassVar[tuple[str, ...]] = Adam.slots
    whole: ClassVar[bool] = True
    schedulable: ClassVar[Bounds] = Adam.schedulable
    constants: ClassVar[tuple[str, ...]] = Adam.constants

    def decayed(self, p: Array, g: Array, rate: float) -> tuple[Array, Array]:
        """Return both unchanged: weight decay is part of the direction."""
        return p, g

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        change, slots = moments_step(self, g, slots, 1.0, step)
        change += self.weight_decay * p
        change *= rate * _trust(norm(p), norm(change))
        return change, slots


def _trust(weights: Size, change: Size) -> Any:
    """Return the ratio of two norms; 1 if either is 0."""
    size, step, scale = weights.size, change.size, weights.scale / change.scale
    if isinstance(size, float):
        return size / step * scale if size and step else 1.0
    xp = namespace(size)
    return xp.where((size > 0) & (step > 0), size / xp.where(step > 0, step, 1) * scale, 1)
