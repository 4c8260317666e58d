"""What is minimized: a network and a loss, joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..backend import Array, Tree
from ..layers import Layer, Run, backprop
from ..layers.base import INFERENCE, Cache, masked
from ..losses import Loss

if TYPE_CHECKING:
    from ..rules import Rule
    from ..rules.crossing import Crossing


class Evaluation(NamedTuple):
    """The mean loss of a batch, the network's output, and the forward pass's cache."""

    loss: Array
    prediction: Array
    cache: Cache


class Gradient(NamedTuple):
    """The mean loss of a batch, the network's output, the parameters' gradients, the forward pass's cache.

    `learned` are feedback weights that have changed on the way.
    """

    loss: Array
    prediction: Array
    grads: Tree
    cache: Cache
    learned: Tree = {}  # noqa: RUF012 - never changed


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
        value, loss_cache = self.loss.forward(y, target, weights, run.mask, run.real)
        return Evaluation(value, self.loss.output(loss_cache) if self.fused else y, cache)

    def gradient(
        self,
        params: Tree,
        x: Array,
        target: Array,
        weights: Array | None = None,
        run: Run = INFERENCE,
        rule: Rule | None = None,
        feedback: Tree = None,
    ) -> Gradient:
        """Return the mean loss of a batch, with all that the forward and the backward pass found.

        Parameters
        ----------
        params, x, target, weights, run
            As for `evaluate`.
        rule : Rule, optional
            By which rule the error travels; plain backpropagation if not given.
        feedback : tree, optional
            The rule's feedback weights.
        """
        run = masked(self.net, x, run)
        if rule is not None and hasattr(rule.space, "estimate"):
            estimated = rule.space.estimate(self.net, self.loss, params, x, target, weights, run)
            value, loss_cache, y, grads, cache = estimated
            return Gradient(value, self.loss.output(loss_cache) if self.fused else y, grads, cache)
        y, cache = self.net.forward(params, x, run)
        value, loss_cache = self.loss.forward(y, target, weights, run.mask, run.real)
        dy = self.loss.backward(loss_cache)
        learned: Tree = {}
        if rule is None:
            _, grads = self.net.route(params, cache, dy, backprop, need_dx=False)
        else:
            crossing = self._crossing(rule, feedback, dy, target, learned)
            _, grads = crossing.cross(self.net, params, cache, dy, need_dx=False)
        y = self.loss.output(loss_cache) if self.fused else y
        return Gradient(value, y, grads, cache, learned)

    def _crossing(self, rule: Rule, feedback: Tree, dy: Any, target: Any, learned: Tree) -> Crossing:
        from ..rules.base import Signals
        from ..rules.crossing import Crossing, through
        from ..rules.feedback import side_by_side

        return Crossing(rule, feedback or {}, Signals(side_by_side(dy), target), through(learned))
