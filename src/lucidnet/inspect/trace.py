"""What passes through every layer of a network in one forward and one backward pass."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..backend import Array, Tree
from ..core.trees import Path, tree_map
from ..data.batch import Batch
from ..engine.objective import Gradient, Objective
from ..engine.step import State, Step, Taught
from ..layers import Layer, Run
from ..layers.base import INFERENCE
from ..layers.rebuild import rebuilt

if TYPE_CHECKING:
    from ..rules import Rule

INNER = "activation"
"""The last part of the path of an activation inside a layer."""


@dataclass
class Call:
    """One use of a layer: what came in, what went out, and the errors that came back.

    Parameters
    ----------
    path : tuple of str
        Where the layer stands; that of an activation inside a layer ends in ``"activation"``.
    layer : Layer
        The layer.
    params : tree
        Its parameters.
    x, y : array
        Input and output.
    run : Run
        The run it was part of.
    dy, dx : array or None
        The gradients of the loss by output and input; None if they were not asked for.
    grads : tree
        The gradients by its parameters.
    """

    path: Path
    layer: Layer
    params: Tree
    x: Any
    run: Run
    y: Any = None
    dy: Any = None
    dx: Any = None
    grads: Tree = field(default_factory=dict)
    cache: Any = None

    @property
    def name(self) -> str:
        """The path as text, that of the layer around it for an inner activation."""
        path = self.path[:-1] if self.is_inner else self.path
        return ".".join(path) or type(self.layer).__name__

    @property
    def is_inner(self) -> bool:
        """Whether it is the call of an activation inside a layer."""
        return self.path[-1:] == (INNER,)


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
    calls: list[Call] = []
    watched = replace(objective, net=watch(objective.net, calls))
    made: Gradient = watched.gradient(params, *batch[:3], run, rule, feedback)
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


def watch(layer: Layer, calls: list[Call], path: Path = ()) -> Layer:
    """Return a copy of a network whose layers, and the activations in them, note their calls in a list."""
    if children := layer.children():
        made = {id(child): watch(child, calls, (*path, name)) for name, child in children}

        def swap(value: Any) -> Any:
            inside = isinstance(value, Layer) and value.children()  # a container that the path does not name
            return made[id(value)] if id(value) in made else rebuilt(value, swap) if inside else value

        return _spy(rebuilt(layer, swap), calls, path)
    inner = getattr(layer, INNER, None)
    if isinstance(inner, Layer):
        layer = copy.copy(layer)
        object.__setattr__(layer, INNER, _spy(inner, calls, (*path, INNER)))
    return _spy(layer, calls, path)


def _spy(layer: Layer, calls: list[Call], path: Path) -> Layer:
    spy = copy.copy(layer)

    def forward(params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Array, Any]:
        call = Call(path, layer, params, x, run)
        calls.append(call)
        call.y, call.cache = layer.forward(params, x, run)
        return call.y, call.cache

    def backward(params: Tree, cache: Any, dy: Any, need_dx: bool = True) -> tuple[Any, Tree]:
        dx, grads = layer.backward(params, cache, dy, need_dx)
        call = next(
            (c for c in reversed(calls) if c.path == path and c.cache is cache and c.dy is None), None
        )
        if call is not None:
            call.dy, call.dx, call.grads = dy, dx, grads
        return dx, grads

    object.__setattr__(spy, "forward", forward)
    object.__setattr__(spy, "backward", backward)
    return spy
