"""One time of a stream: what is predicted, whose credit it is, how the traces move on.

Pure functions of arrays of any library: NumPy runs them as they stand, JAX compiles them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..backend import Array, Tree, exchanged, namespace, queue
from ..core.trees import Path, put, tree_map
from ..layers import Layer, Recurrent, Run
from ..layers.base import Send
from ..layers.recurrent.loop import Trip
from ..rules.base import Route, Signals
from ..rules.crossing import TIME, Crossing
from ..rules.feedback import merged, side_by_side
from ..rules.registry import Rule
from ..rules.time.online import immediate, moment
from .objective import Objective
from .step import State

Visit: TypeAlias = Callable[[Rule, Layer, Tree, Trip, Array, Path, Tree], Tree]
"""How a recurrent layer is passed: its gradients, from rule, layer, params, trip, error, path, B."""


class Going(NamedTuple):
    """What goes from time to time, besides the weights.

    Parameters
    ----------
    states : tree
        The states of the recurrent layers.
    traces : dict
        The traces of their rules, by path; none before the first time.
    waiting : tuple
        Predictions whose targets have not come yet, with what their forward pass kept.
    feedback : tree
        The rules' feedback weights.
    total : array (n,), optional
        The sum of the gradients since the weights moved; None if they move each time.
    """

    states: Tree
    traces: dict[Path, Any]
    waiting: tuple[Any, ...]
    feedback: Tree
    total: Array = None

    def reset(self) -> Going:
        """Return what goes on in a new sequence: all that has been learned."""
        return self._replace(states={}, traces={}, waiting=())


class Stretch(NamedTuple):
    """What is given for each time of a stretch; its arrays are by time first.

    Parameters
    ----------
    x : array (time, n, ...)
        The inputs.
    target : array (time, n, ...), optional
        The targets as the loss takes them; without them only states and traces move on.
    weights : array (time, n), optional
        A weight for each stream.
    place : array (time,) of int, optional
        Where a prediction waits for its target, and where that has waited whose target is here.
    moves : array (time,) of bool, optional
        Whether the optimizer moves the weights; always if not given.
    """

    x: Array
    target: Array | None = None
    weights: Array | None = None
    place: Array | None = None
    moves: Array | None = None

    def cut(self, times: slice) -> Stretch:
        """Return a part of it."""
        return Stretch(*(None if array is None else array[times] for array in self))


class Outcome(NamedTuple):
    """What was found in a stretch: outputs (time, n, ...), and with targets losses, and what was finite."""

    output: Array
    loss: Array = None
    fine: Array = None

    @property
    def losses(self) -> Array:
        """The losses; NaN where there were no targets."""
        return np.full(len(self.output), np.nan, self.output.dtype) if self.loss is None else self.loss


class Found(NamedTuple):
    """What was found at a time: the output; and if there was a target, the loss and the sum of gradients."""

    output: Array
    loss: Array = None
    total: Array = None


@dataclass(frozen=True)
class Tick:
    """What happens at each time.

    Parameters
    ----------
    objective : Objective
        The network and its loss.
    rule : Rule
        The learning rule.
    delay : int
        How many times late targets come.
    """

    objective: Objective
    rule: Rule
    delay: int

    def begun(self, state: State, going: Going, x: Array) -> Going:
        """Return what goes into the first time of a sequence, for inputs like these: states of 0, traces."""
        xp, net, traces = namespace(x), self.objective.net, dict(going.traces)
        prediction, cache = made = net.forward(state.params, xp.zeros_like(x)[:, None], Run())

        def begin(
            rule: Rule, layer: Layer, params: Tree, trip: Trip, error: Array, path: Path, B: Tree
        ) -> Tree:
            traces[path] = rule.time.begin(layer, params, trip, B)
            return {}

        nothing = xp.zeros_like(prediction)
        crossing = self._crossing(going.feedback, nothing, nothing, begin)
        crossing.cross(net, state.params, cache, nothing, False)
        states = tree_map(xp.zeros_like, net.states(cache))
        return going._replace(states=states, traces=traces, waiting=queue(made, self.delay))

    def __call__(
        self,
        state: State,
        going: Going,
        x: Array,
        target: Array | None,
        weights: Array | None,
        place: Array | None,
        ready: bool,
    ) -> tuple[Going, Found]:
        """Predict, and find the gradient of the prediction whose target is here.

        Parameters
        ----------
        state : State
            The weights, and how they are trained.
        going : Going
            What has come from the time before.
        x : array (n, ...)
            The inputs.
        target : array (n, ...), optional
            The target as the loss takes it; without one only states and traces move on.
        weights : array (n,), optional
            A weight for each stream.
        place : int, optional
            Where the prediction waits for its target, and where that has waited whose target is here.
        ready : bool
            Whether any prediction has waited long enough.
        """
        net = self.objective.net
        made = net.forward(state.params, x[:, None], Run(states=going.states))
        output = self._output(made[0])
        going = going._replace(states=net.states(made[1]))
        if self.delay:
            waiting, made = exchanged(going.waiting, place, made)
            going = going._replace(waiting=waiting)
        if not ready:
            return going, Found(output)
        return self._credited(state, going, Found(output), made, target, weights)

    def _credited(
        self,
        state: State,
        going: Going,
        found: Found,
        made: tuple[Array, Any],
        target: Array | None,
        weights: Array | None,
    ) -> tuple[Going, Found]:
        """Move the traces on by the time of a prediction; find the gradients if there is a target."""
        (prediction, cache), loss = made, self.objective.loss
        if target is None:
            nothing = namespace(prediction).zeros_like(prediction)
            return self._back(state, going, cache, nothing, nothing)[0], found
        value, kept = loss.forward(prediction, target, weights)
        going, grads = self._back(state, going, cache, loss.backward(kept), target)
        total = state.plan.parameters.flat(grads)
        if going.total is not None:
            total = going.total + total
        return going, found._replace(loss=value, total=total)

    def _output(self, prediction: Array) -> Array:
        """Return the output of this time, with the final activation if the loss has taken that over."""
        if self.objective.fused:
            loss = self.objective.loss
            no_target = namespace(prediction).zeros_like(prediction)
            prediction = loss.output(loss.forward(prediction, no_target)[1])
        return prediction[:, 0] if prediction.ndim > 2 else prediction

    def _back(self, state: State, going: Going, cache: Any, dy: Array, target: Array) -> tuple[Going, Tree]:
        """Pass all layers back at one time; recurrent ones move their traces on."""
        traces = dict(going.traces)
        learned: Tree = {}

        def pass_by(
            rule: Rule, layer: Layer, params: Tree, trip: Trip, error: Array, path: Path, B: Tree
        ) -> Tree:
            traces[path], grads, memory = rule.time.tick(layer, params, traces[path], trip, error, B)
            if memory:
                put(learned, (*path, TIME), memory)
            return grads

        crossing = self._crossing(going.feedback, dy, target, pass_by)
        _, grads = crossing.cross(self.objective.net, state.params, cache, dy, False)
        feedback = merged(going.feedback, learned) if learned else going.feedback
        return going._replace(traces=traces, feedback=feedback), grads

    def _crossing(self, feedback: Tree, dy: Array, target: Array, visit: Visit) -> Crossing:
        """Return what passes the layers at this time."""

        def route_of(rule: Rule, path: Path, B: Tree) -> Route:
            def route(
                layer: Layer, params: Tree, cache: Any, dy: Array, send: Send, need_dx: bool
            ) -> tuple[Any, Tree]:
                if not isinstance(layer, Recurrent):
                    return layer.route(params, cache, dy, send, need_dx)
                error = dy[:, 0] if layer.return_sequences else dy
                grads = visit(rule, layer, params, cache, error, path, B.get(TIME, {}))
                return (_below(layer, params, cache, error) if need_dx else None), grads

            return route

        return Crossing(self.rule, feedback, Signals(side_by_side(dy), target), route_of)


def _below(layer: Recurrent, params: Tree, trip: Trip, error: Array) -> Array:
    """Return the error at the input of the same time."""
    dz = immediate(layer, params, moment(trip), error)[0]
    return (dz @ params["W"].T)[:, None]
