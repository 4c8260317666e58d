"""What is minimized: a network and a loss, joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ..backend import Array, Tree
from ..layers import Layer, Run, backprop
from ..layers.base import INFERENCE, Cache, masked
from ..losses import Loss


class Evaluation(NamedTuple):
    """The mean loss of a batch, the network's output, and the forward pass's cache."""

    loss: Array
    prediction: Array
    cache: Cache


class Gradient(NamedTuple):
    """The mean loss of a batch, the network's output, the parameters' gradients, the forward pass's cache."""

    loss: Array
    prediction: Array
    grads: Tree
    cache: Cache


@dataclass(frozen=True)
class Objective:
    """A network and its loss, as they are trained together.

    Parameters
    ----------
    net : Layer
        The network, without its final activation if the loss has taken that over.
    loss : Loss
        The loss of this network's output.
    fused : bool
        Whether the loss has taken over the final activation.
    """

    net: Layer
    loss: Loss
    fused: bool

    @classmethod
    def of(cls, net: Layer, loss: Loss) -> Objective:
        """Join a network and a loss; raise `SettingError` if they do not fit."""
        return cls(*loss.fuse(net))

    def evaluate(
        self, params: Tree, x: Array, target: Array, weights: Array | None = None, run: Run = INFERENCE
    ) -> Evaluation:
        """Return the mean loss of a batch, and the network's output."""
        run = masked(self.net, x, run)
        y, cache = self.net.forward(params, x, run)
        value, loss_cache = self.loss.forward(y, target, weights, run.mask)
        return Evaluation(value, self.loss.output(loss_cache) if self.fused else y, cache)

    def gradient(
        self, params: Tree, x: Array, target: Array, weights: Array | None = None, run: Run = INFERENCE
    ) -> Gradient:
        """Return the mean loss of a batch, with all that the forward and the backward pass found."""
        run = masked(self.net, x, run)
        y, cache = self.net.forward(params, x, run)
        value, loss_cache = self.loss.forward(y, target, weights, run.mask)
        dy = self.loss.backward(loss_cache)
        _, grads = self.net.route(params, cache, dy, backprop, need_dx=False)
        prediction = self.loss.output(loss_cache) if self.fused else y
        return Gradient(value, prediction, grads, cache)
