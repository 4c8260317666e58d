"""Learning at each time step, from a stream that need not end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Array, Tree
from ..errors import SettingError, ShapeError
from ..layers import Layer, Recurrent, Run, walk
from ..layers.base import Send
from ..rules.base import Route, Signals
from ..rules.crossing import chosen, crossing
from ..rules.feedback import fresh, side_by_side
from ..rules.registry import Rule, get
from ..rules.time.online import Moment, Online, gathered, immediate, with_one
from ..tree import Path
from .shapes import zeros
from .step import State

if TYPE_CHECKING:
    from ..model import Model


class OnlineLearner:
    """A model that predicts, learns and forgets at each time step.

    What weights have done to the states of recurrent layers is carried in traces, which do not grow with
    time. All other layers learn by the error of the same time.

    Parameters
    ----------
    model : Model
        A compiled model of sequences (n, time, ...), whose weights are trained.
    rule : str or Rule
        A rule that goes forwards in time: ``"rtrl"``, ``"snap1"``, ``"uoro"``, ``"rflo"``, ``"eprop"``,
        also as ``Rule("fa", "rflo")``.
    every : int
        After how many steps the optimizer moves the weights, by the sum of the gradients since then.

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

    def __init__(self, model: Model, rule: Any, every: int = 1) -> None:
        if not isinstance(every, int) or every < 1:
            raise SettingError(f"online: every must be a whole number of 1 or more, got {every!r}")
        self.model, self.rule, self.every, self.steps = model, get(rule), every, 0
        _check(model.net, self.rule)
        shape, state = model.input_shape, model.state
        rng = state.stream("feedback")
        x = zeros(shape, model.dtype)
        self.feedback = fresh(model.step.objective.net, self.rule, state.params, x, rng)
        self._shape, self._sum = shape[1:], None
        self.loss = float("nan")
        self.reset()

    def reset(self) -> None:
        """Begin a new sequence: states and traces of 0. What has been learned stays."""
        self.states: Tree = {}
        self.traces: dict[Path, Any] = {}

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
        step, state = self.model.step, self.model.state
        objective, params = step.objective, state.params
        prediction, cache = objective.net.forward(params, x[:, None], Run(states=self.states))
        self.states = objective.net.states(cache)
        target = self._target(y, prediction)
        weights = None if weights is None else np.asarray(weights, self.model.dtype)
        value, kept = objective.loss.forward(prediction, target, weights)
        dy = objective.loss.backward(kept)
        _, grads = objective.net.route(params, cache, dy, self._send(dy, target), False)
        if y is not None:
            self.loss = float(value)
            self._learn(state, grads)
        self.steps += 1
        out = objective.loss.output(kept) if objective.fused else prediction
        return out[:, 0] if out.ndim > 2 else out

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

    def _send(self, dy: Array, target: Array) -> Send:
        """Return the rule's `send` for this time; recurrent layers move their traces on."""

        def route_of(rule: Rule, path: Path) -> Route:
            def route(
                layer: Layer, params: Tree, cache: Any, dy: Array, send: Send, need_dx: bool
            ) -> tuple[Any, Tree]:
                if isinstance(layer, Recurrent):
                    return self._pass(rule.time, layer, params, cache, dy, path)
                return layer.route(params, cache, dy, send, need_dx)

            return route

        return crossing(self.rule, self.feedback, Signals(side_by_side(dy), target), route_of)

    def _pass(
        self, rule: Online, layer: Recurrent, params: Tree, trip: Any, dy: Array, path: Path
    ) -> tuple[Array, Tree]:
        """Move a layer's trace on by one time; return dx and the gradients of this time."""
        error = dy[:, 0] if layer.return_sequences else dy
        n = error.shape[0]
        if path not in self.traces:
            self.traces[path] = rule.start(layer, params, n, error)
        now = Moment(with_one(trip.rows), with_one(trip.first[0]), trip.kept[0], None)
        self.traces[path] = trace = rule.advance(self.traces[path], layer, params, now)
        grads = gathered(layer, *rule.gradient(trace, error))
        dz = immediate(layer, params, now, error)[0]
        return (dz @ params["W"].T)[:, None], grads

    def _learn(self, state: State, grads: Tree) -> None:
        gradient = state.plan.parameters.ravel(grads)
        self._sum = gradient if self._sum is None else self._sum + gradient
        if (self.steps + 1) % self.every == 0:
            self.model.state = self.model.step.moved(state, self._sum)
            self._sum = None


def _check(net: Layer, rule: Rule) -> None:
    """Raise if a rule cannot learn at each time step."""
    recurrent = [layer for _, layer in walk(net) if isinstance(layer, Recurrent)]
    if not recurrent:
        raise SettingError("online: the network has no recurrent layer, so each step is a train_step")
    for layer in recurrent:
        time = chosen(layer, rule).time
        if not isinstance(time, Online):
            raise SettingError(
                f"online: {time!r} goes back in time, and cannot learn at each step of a stream: take one of "
                "rtrl, snap1, uoro, rflo, eprop"
            )
        if layer.go_backwards:
            raise SettingError("online: a layer that goes backwards cannot learn from a stream")
