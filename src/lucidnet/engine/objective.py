"""What is minimized: a network and a loss, joined, and the rule that assigns credit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ..backend import Tree
from ..core.record import Record, record
from ..data.batch import Batch
from ..layers import Layer, Run, backprop
from ..layers.base import INFERENCE, Cache, Mask, present
from ..layers.penalties import chain_rule, penalized
from ..losses import Joint

if TYPE_CHECKING:
    from ..rules import Rule


class Evaluation(NamedTuple):
    """A forward pass through network and loss.

    Parameters
    ----------
    loss : array
        The mean loss of the batch.
    prediction : array (n, ...), or several by name
        The network's output.
    cache : Cache
        What the network kept.
    mask : Mask
        Which time steps of the output count; without a time axis, which examples (n,) do: those of sequences
        that are not empty.
    y : array (n, ...), or several by name
        The loss's input: the output before a final activation that the loss has taken over.
    kept : Cache
        What the loss kept.
    parts : tuple of (mean, N)
        The means that the loss is the sum of; see `Loss.parts`.
    """

    loss: Any
    prediction: Any
    cache: Cache
    mask: Mask
    y: Any
    kept: Any
    parts: tuple[tuple[Any, Any], ...]


class Gradient(NamedTuple):
    """The result of a forward and a backward pass: mean loss, network output, gradients and cache.

    `memory` holds what has changed of the learning rule's memory; `mask` and `parts` are those of
    `Evaluation`.
    """

    loss: Any
    prediction: Any
    grads: Tree
    cache: Cache
    memory: Tree = {}  # noqa: RUF012 - never changed
    mask: Mask = None
    parts: tuple[tuple[Any, Any], ...] = ()


@record
class Objective(Record):
    """A network and its loss, as they are trained together.

    Parameters
    ----------
    net : Layer
        The network, without its final activation if the loss has taken that over.
    loss : Loss
        The loss of this network's output; None if gradients are found elsewhere.
    fused : bool
        Whether the loss has taken over the final activation.
    rule : Rule, optional
        By which rule the error travels; None for the chain rule alone.
    """

    net: Layer
    loss: Any
    fused: bool
    rule: Rule | None = None

    @classmethod
    def of(cls, net: Layer, loss: Any, rule: Rule | None = None) -> Objective:
        """Join a network and a loss, if there is one; raise `SettingError` if they do not fit."""
        if loss is None:
            return cls(net, loss, False, rule)
        if rule is None:
            net, loss, fused = loss.fuse(net)
            return cls(net, loss, fused, rule)
        from ..rules.credit import fused_by

        return cls(*fused_by(net, loss, rule), rule)

    def evaluate(self, params: Tree, batch: Batch, run: Run = INFERENCE) -> Evaluation:
        """Return the mean loss of a batch, and the network's output; the mask of the inputs is in `run`."""
        if run.masks is None and (run.mask is not None or self.net.makes_masks):
            run = run.noting()
        y, cache, mask = self.net.flow(params, batch.x, run)
        mask = present(mask, y, run.masks.values()) if run.masks else mask
        value, kept = self.loss.forward(y, batch.target, batch.weights, mask, run.valid)
        parts = self.loss.parts(kept, mask, run.valid)
        value, parts = penalized(self.net, cache, value, parts, run) if self.net.penalizes else (value, parts)
        output = self.loss.output(kept) if self.fused else y
        return Evaluation(value, output, cache, mask, y, kept, parts)

    def gradient(self, params: Tree, batch: Batch, run: Run = INFERENCE, feedback: Tree = None) -> Gradient:
        """Run a forward and a backward pass on a batch; return the mean loss, the output and the gradients.

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
        made = self.evaluate(params, batch, run)
        send = chain_rule(self.net) if self.net.penalizes else backprop
        _, grads = self.net.route(params, made.cache, self.loss.backward(made.kept), send, need_dx=False)
        return Gradient(made.loss, made.prediction, grads, made.cache, {}, made.mask, made.parts)

    def shared(
        self, params: Tree, batches: Sequence[Batch], runs: Iterable[Run], call: Callable[..., Any] = map
    ) -> Sequence[Self]:
        """Return an objective for each of several batches, so that their gradients make the joint one.

        A loss may be a sum of means over different numbers of values, as each output of a network has a mask
        of its own. Since each is to be a mean over all batches together, the values are counted first, by a
        forward pass (`call` works like `map`).
        """
        masked = self.net.makes_masks or any(b.mask is not None for b in batches)
        if not (masked and len(batches) > 1 and isinstance(self.loss, Joint)):
            return [self] * len(batches)
        found = call(partial(self.evaluate, params), batches, list(runs))
        losses = self.loss.shared([[count for _, count in made.parts] for made in found])
        return [replace(self, loss=loss) for loss in losses]

    def absorb(self, params: Tree, cache: Cache) -> Tree:
        """Return the parameters with their buffers updated by the forward pass of `gradient`."""
        return self.net.absorb(params, cache)

    def states(self, cache: Cache) -> Tree:
        """Return the final states of recurrent layers in the forward pass of `gradient`."""
        return self.net.states(cache)
