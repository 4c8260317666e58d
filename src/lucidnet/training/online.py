"""Learning at each time step, from a stream that need not end."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Array, Tree
from ..errors import SettingError, ShapeError
from ..layers import Layer, Recurrent, Run, walk
from ..layers.base import Send
from ..layers.recurrent.loop import Trip
from ..rules.base import Route, Signals
from ..rules.crossing import TIME, Crossing, chosen
from ..rules.feedback import fresh, side_by_side
from ..rules.registry import Rule, get
from ..rules.time.base import NOT_ONLINE, TimeRule
from ..rules.time.online import Moment, immediate
from ..tree import Path, put
from .shapes import zeros
from .step import State

if TYPE_CHECKING:
    from ..model import Model


class OnlineLearner:
    """A model that predicts, learns and forgets at each time step.

    What weights have done to the states of recurrent layers is carried in traces, which do not grow with
    time; truncated backpropagation keeps the times of its window. All other layers learn by the error of
    the same time. A rule's feedback weights are in ``feedback``.

    Parameters
    ----------
    model : Model
        A compiled model of sequences (n, time, ...), whose weights are trained.
    rule : str or Rule
        A rule that goes forwards in time: ``"rtrl"``, ``"snap1"``, ``"uoro"``, ``"kernl"``, ``"rflo"``,
        ``"eprop"``, or ``"truncated"``; also as ``Rule("fa", "rflo")``.
    every : int
        After how many steps the optimizer moves the weights, by the sum of the gradients since then.
    delay : int
        How many steps late targets come: ``step(x, y)`` then takes the target of `delay` steps before.

    Examples
    --------
    >>> import numpy as np
    >>> import lucidnet as ln
    >>> from lucidnet.layers import Dense, Input, LeakyRNN
    >>> model = ln.Model([Input((None, 1)), LeakyRNN(8, return_sequences=True), Dense(1)])
    >>> model.compile("mse", ln.optimizers.SGD(0.01))
    >>> online = model.online(rule="rflo")
    >>> for t in range(100):
    ...     y = online.step([[np.sin(t / 10)]], [[np.cos(t / 10)]])
    >>> online.steps
    100
    """

    def __init__(self, model: Model, rule: Any, every: int = 1, delay: int = 0) -> None:
        for name, value, least in (("every", every, 1), ("delay", delay, 0)):
            if not isinstance(value, int) or value < least:
                raise SettingError(f"online: {name} must be a whole number of {least} or more, got {value!r}")
        self.model, self.rule, self.every, self.delay = model, get(rule), every, delay
        self.steps = self.learned = 0
        _check(model.net, self.rule)
        shape, state = model.input_shape, model.state
        rng = state.stream("feedback")
        x = zeros(shape, model.dtype)
        self.feedback = fresh(model.step.objective.net, self.rule, state.params, x, rng)
        self._shape, self._sum = shape[1:], None
        self.loss = float("nan")
        self.reset()

    def reset(self) -> None:
        """Begin a new sequence: states and traces of 0, no target awaited. What has been learned stays."""
        self.states: Tree = {}
        self.traces: dict[Path, Any] = {}
        self.waiting: deque[tuple[Array, Any]] = deque()

    def step(self, x: Any, y: Any = None, weights: Any = None) -> Array:
        """Return the output (n, ...) for inputs (n, ...) of the next time; learn if there is a target.

        Parameters
        ----------
        x : array-like (n, ...)
            The inputs of this time, one for each stream.
        y : array-like, optional
            What the output should be; without it the states go on, and nothing is learned.
        weights : array-like (n,), optional
            A weight for each stream: 0 where this time does not count.
        """
        x = np.asarray(x, self.model.dtype)
        if x.shape[1:] != self._shape:
            raise ShapeError(f"step: expected inputs (n, {self._shape}) of one time, got shape {x.shape}")
        objective, params = self.model.step.objective, self.model.state.params
        prediction, cache = objective.net.forward(params, x[:, None], Run(states=self.states))
        self.states = objective.net.states(cache)
        self.waiting.append((prediction, cache))
        if len(self.waiting) > self.delay:
            self._learn(*self.waiting.popleft(), y, weights)
        self.steps += 1
        out = self._output(prediction)
        return out[:, 0] if out.ndim > 2 else out

    def _output(self, prediction: Array) -> Array:
        """Return what the model predicts, with the final activation if the loss has taken that over."""
        objective = self.model.step.objective
        if not objective.fused:
            return prediction
        return objective.loss.output(objective.loss.forward(prediction, self._target(None, prediction))[1])

    def _learn(self, prediction: Array, cache: Any, y: Any, weights: Any) -> None:
        """Move the traces on by the time of a prediction, and learn if there is a target."""
        objective, state = self.model.step.objective, self.model.state
        target = self._target(y, prediction)
        weights = None if weights is None else np.asarray(weights, self.model.dtype)
        value, kept = objective.loss.forward(prediction, target, weights)
        dy = objective.loss.backward(kept)
        _, grads = self._crossing(dy, target).cross(objective.net, state.params, cache, dy, False)
        if y is not None:
            self.loss = float(value)
            self._apply(state, grads)
        self.learned += 1

    def _target(self, y: Any, prediction: Array) -> Array:
        """Return the target as the loss takes it; the prediction itself where there is none."""
        shape = self.model.output_shape
        if y is None:
            return np.zeros(prediction.shape[:-1], int) if self.model.step.objective.fused else prediction
        given = np.asarray(y)
        loss = self.model.step.loss
        if len(shape) > 1:
            given, shape = given[:, None], (1, *shape[1:])
        checked: Array = loss.check_target(given, shape, self.model.dtype)
        return checked

    def _crossing(self, dy: Array, target: Array) -> Crossing:
        """Return what passes the layers at this time; recurrent ones move their traces on."""

        def route_of(rule: Rule, path: Path, B: Tree) -> Route:
            def route(
                layer: Layer, params: Tree, cache: Any, dy: Array, send: Send, need_dx: bool
            ) -> tuple[Any, Tree]:
                if isinstance(layer, Recurrent):
                    error = dy[:, 0] if layer.return_sequences else dy
                    grads = self._pass(rule.time, layer, params, cache, error, path, B.get(TIME, {}))
                    return (_below(layer, params, cache, error) if need_dx else None), grads
                return layer.route(params, cache, dy, send, need_dx)

            return route

        return Crossing(self.rule, self.feedback, Signals(side_by_side(dy), target), route_of)

    def _pass(
        self, rule: TimeRule, layer: Recurrent, params: Tree, trip: Trip, error: Array, path: Path, B: Tree
    ) -> Tree:
        """Move a layer's trace on by one time; return the gradients of this time."""
        trace = self.traces.get(path)
        self.traces[path], grads, memory = rule.tick(layer, params, trace, trip, error, B)
        if memory:
            put(self.feedback, (*path, TIME), memory)
        return grads

    def _apply(self, state: State, grads: Tree) -> None:
        gradient = state.plan.parameters.ravel(grads)
        self._sum = gradient if self._sum is None else self._sum + gradient
        if (self.learned + 1) % self.every == 0:
            self.model.state = self.model.step.moved(state, self._sum)
            self._sum = None


def _below(layer: Recurrent, params: Tree, trip: Trip, error: Array) -> Array:
    """Return the error at the input of the same time."""
    now = Moment(trip.rows, trip.first[0], trip.kept[0], None)
    dz = immediate(layer, params, now, error)[0]
    return (dz @ params["W"].T)[:, None]


def _check(net: Layer, rule: Rule) -> None:
    """Raise if a rule cannot learn at each time step."""
    recurrent = [layer for _, layer in walk(net) if isinstance(layer, Recurrent)]
    if not recurrent:
        raise SettingError("online: the network has no recurrent layer, so each step is a train_step")
    for layer in recurrent:
        time = chosen(layer, rule).time
        if not time.online:
            raise SettingError(NOT_ONLINE.format(time))
        if layer.go_backwards:
            raise SettingError("online: a layer that goes backwards cannot learn from a stream")
