"""A loss fused with the activation before it: its gradient is by that activation's input."""

from __future__ import annotations

from typing import Any

from ..backend import Array
from ..core.settings import instance
from ..core.value import value
from ..layers import Layer
from ..layers.activations import Linear
from .base import Cache, Loss
from .joint import Joint


@value
class Activated(Loss):
    """L(f(z), t), with dL/dz = f'(z) dL/dy, of a network that ends in z.

    Parameters
    ----------
    activation : Layer
        The final activation f.
    loss : Loss
        The loss L of its output.
    """

    activation: Any = instance(Layer, "a layer without weights")
    loss: Any = instance(Loss, "a loss")

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        y, kept = self.activation.forward({}, prediction)
        values, cache = self.loss.values(y, target)
        return values, (y, kept, cache)

    def slope(self, cache: Cache) -> Array:
        _, kept, inner = cache
        return self.activation.backward({}, kept, self.loss.slope(inner))[0]


def fused_at(net: Layer, loss: Loss, place: str | None) -> tuple[Layer, Loss, bool]:
    """Fuse network and loss, so that the gradient of the loss is the one at a given place at the end.

    Parameters
    ----------
    net : Layer
        The network.
    loss : Loss
        Its loss.
    place : str, optional
        ``"preactivation"``, the input of the final activation; ``"output"``, its output; if not given, as
        `Loss.fuse` chooses.

    Returns
    -------
    tuple
        As of `Loss.fuse`, which says whether the two fit.
    """
    if place is None:
        return loss.fuse(net)
    if isinstance(loss, Joint):  # several outputs, each by itself
        return loss.fuse_by(net, lambda own, ending: fused_at(ending, own, place))
    joined = loss.fuse(net)
    if place == "output":
        return (net, loss, False) if joined[2] else joined
    body, activation = net.split_activation()
    if joined[2] or activation is None or isinstance(activation, Linear):
        return joined
    return body, Activated(activation, joined[1]), True
