"""What passes through every layer of a network in one forward and one backward pass."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..backend import Tree
from ..core.trees import tree_map
from ..data.batch import Batch
from ..engine.objective import Objective
from ..engine.step import State, Step, Taught
from ..layers import Run
from ..layers.base import INFERENCE
from ..layers.watched import Call
from .watching import watch

if TYPE_CHECKING:
    from ..rules import Rule


@dataclass(frozen=True)
class Trace:
    """One pass of a batch: loss, output and gradients, and the calls of all layers, in their order.

    A container's call stands before those of the layers in it.
    """

    loss: float
    prediction: Any
    grads: Tree
    every_call: tuple[Call, ...]

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of layers that hold no others."""
        return tuple(call for call in self.every_call if not call.layer.children())


def trace(
    objective: Objective,
    params: Tree,
    batch: Batch,
    run: Run = INFERENCE,
    rule: Rule | None = None,
    feedback: Tree = None,
) -> Trace:
    """Run a network with its loss forward and backward, and return what was seen.

    The settings are those of `Objective.gradient`.

    Examples
    --------
    >>> import numpy as np
    >>> from lucidnet import layers, losses
    >>> from lucidnet.engine.step import initial
    >>> net = layers.Sequential([layers.Input(2), layers.Dense(3, "tanh"), layers.Dense(1)])
    >>> objective = Objective.of(net, losses.get("mse"))
    >>> seen = trace(objective, initial(net, (2,)), Batch(np.ones((4, 2), "f"), np.ones((4, 1), "f")))
    >>> [(call.name, call.y.shape) for call in seen.calls]
    [('input0', (4, 2)), ('dense1', (4, 3)), ('dense1', (4, 3)), ('dense2', (4, 1)), ('dense2', (4, 1))]
    """
    with watch(objective.net) as calls:
        made = replace(objective, net=calls.net).gradient(params, *batch[:3], run, rule, feedback)
    return Trace(float(made.loss), made.prediction, made.grads, tuple(calls))


def trace_step(step: Step, state: State, batch: Batch) -> Trace:
    """Return what a training step on a batch sees, and leave the state as it is."""
    batch, state = batch.masked(step.net), state.reset()
    run = step.run(state, batch)
    return trace(step.objective, state.params, batch, run, step.own, state.taught.weights)


def copied(state: State) -> State:
    """Return a state with arrays of its own, which a step may be given away."""
    vector = state.vector.copy()
    taught = Taught(*(tree_map(lambda array: array.copy(), tree) for tree in state.taught))
    params = state.plan.layout.unravel(vector)
    slots = copy.deepcopy(state.slots)
    return replace(state, params=params, vector=vector, slots=slots, spare=None, taught=taught)
