"""What passes through every layer of a network in one forward and backward pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..backend import Tree
from ..data.batch import Batch
from ..engine.protocol import Trainee
from ..engine.state import State
from ..engine.update import training_run
from ..layers.watched import Call
from .watching import watch


@dataclass(frozen=True)
class Trace:
    """A forward and backward pass on a batch: loss, output, gradients, and all layers' calls in order.

    A container's call stands before those of the layers in it.
    """

    loss: float
    prediction: Any
    grads: Tree
    every_call: tuple[Call, ...]

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of layers without layers inside."""
        return tuple(call for call in self.every_call if not call.layer.children())


def trace_step(model: Trainee, batch: Batch, state: State | None = None) -> Trace:
    """Trace the passes of a model's training step on a batch; the model is not changed.

    Parameters
    ----------
    model : Trainee
        The model.
    batch : Batch
        The batch.
    state : State, optional
        Its state, as it is now if not given.

    Examples
    --------
    >>> import numpy as np
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(3, "tanh"), ln.layers.Dense(1)])
    >>> model.compile("mse")
    >>> seen = trace_step(model, Batch(np.ones((4, 2), "f"), np.ones((4, 1), "f")))
    >>> [(call.name, call.y.shape) for call in seen.calls]
    [('input0', (4, 2)), ('dense1', (4, 3)), ('dense1', (4, 3)), ('dense2', (4, 1)), ('dense2', (4, 1))]
    """
    state = (model.state if state is None else state).reset()
    run, objective = training_run(state, batch), model.problem.objective
    with watch(objective.net) as calls:
        made = replace(objective, net=calls.net).gradient(state.params, batch, run, state.feedback.weights)
    return Trace(float(made.loss), made.prediction, made.grads, tuple(calls))
