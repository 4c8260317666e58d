"""What is minimized: a network and a loss, joined, and the rule by which credit is assigned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..backend import Array, Tree
from ..core.record import Record, record
from ..data.batch import Batch
from ..layers import Layer, Run, backprop
from ..layers.base import INFERENCE, Cache
from ..losses import Loss

if TYPE_CHECKING:
    from ..rules import Rule


class Evaluation(NamedTuple):
    """The mean loss of a batch, the network's output, and the forward pass's cache."""

    loss: Array
    prediction: Any
    cache: Cache


class Gradient(NamedTuple):
    """The mean loss of a batch, the network's output, the parameters' gradients, the forward pass's cache.

    `memory` is what has changed of the learning rule's memory on the way.
    """

    loss: Any
    prediction: Any
    grads: Tree
    cache: Cache
    memory: Tree = {}  # noqa: RUF012 - never changed


@record
class Objective(Record):
    """A network and its loss, as they are trained together.

    Parameters
    ----------
    net : Layer
        The network, without its final activation if the loss has taken that over.
    loss : Loss
        The loss of this network's output.
    fused : bool
        Whether the loss has taken over the final activation.
    rule : Rule, optional
        By which rule the error travels; None for the chain rule alone.
    """

    net: Layer
    loss: Loss
    fused: bool
    rule: Rule | None = None

    @classmethod
    def of(cls, net: Layer, loss: Loss, rule: Rule | None = None) -> Objective:
        """Join a network and a loss; raise `SettingError` if they do not fit."""
        return cls(*loss.fuse(net), rule)

    def output(self, kept: Any, y: Any) -> Any:
        """Return the network's output, from what the loss kept and the output of `net`."""
        return self.loss.output(kept) if self.fused else y

    def evaluate(self, params: Tree, batch: Batch, run: Run = INFERENCE) -> Evaluation:
        """Return the mean loss of a batch, and the network's output; the mask is the run's."""
        y, cache = self.net.forward(params, batch.x, run)
        value, kept = self.loss.forward(y, batch.target, batch.weights, run.mask, run.valid)
        return Evaluation(value, self.output(kept, y), cache)

    def gradient(self, params: Tree, batch: Batch, run: Run = INFERENCE, feedback: Tree = None) -> Gradient:
        """Return the mean loss of a batch, with all that the forward and the backward pass found.

        Parameters
        ----------
        params : tree
            The parameters.
        batch : Batch
            Inputs, targets and weights. (Mask and examples that count are the run's.)
        run : Run
            Training or inference, random numbers, mask, carried states.
        feedback : tree, optional
            The rule's feedback weights.
        """
        if self.rule is not None:
            return Gradient(*self.rule.space.gradient(self, params, feedback or {}, batch, run))
        y, cache = self.net.forward(params, batch.x, run)
        value, kept = self.loss.forward(y, batch.target, batch.weights, run.mask, run.valid)
        _, grads = self.net.route(params, cache, self.loss.backward(kept), backprop, need_dx=False)
        return Gradient(value, self.output(kept, y), grads, cache)
