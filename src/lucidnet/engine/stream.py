"""One time step of online learning: predicting, assigning credit, advancing the traces.

Pure functions of arrays of any library, as `update.advance` is: an executor runs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from ..backend import Array, Tree, choose, exchanged, finite, namespace, queue
from ..backend import number as as_number
from ..backend.layout import Layout
from ..core.trees import Path, part_of, tree_map
from ..layers import Recurrent, Run
from ..layers.recurrent.loop import RecurrentCache
from ..rules.credit import Credit
from ..rules.edge import TIME, Signals
from ..rules.feedback import from_paths, merged, side_by_side
from ..rules.registry import Rule
from ..rules.time.online import immediate, time_step
from .numbers import Numbers
from .problem import Problem
from .state import FeedbackState, Measured, State
from .structure import Structure, Structured
from .update import moved


@dataclass(frozen=True, eq=False)
class StreamProblem(Structured):
    """What learns from a stream. Two are equal if one compiled program serves both, as for `Problem`.

    Parameters
    ----------
    problem : Problem
        Network, loss and optimizer.
    rule : Rule
        The rule of the stream.
    delay : int
        How many time steps late targets come.
    own : Problem
        What the model itself is trained by.
    """

    problem: Problem
    rule: Rule
    delay: int
    own: Problem

    @cached_property
    def structure(self) -> tuple[Structure, Structure]:
        """What a program is compiled for: the problem's structure, and the stream's rule and delay."""
        return self.problem.structure, Structure(self.rule, self.delay, once=self.problem.objective)


class StreamState(NamedTuple):
    """The state that is carried from time step to time step.

    Parameters
    ----------
    state : State
        The weights and the optimizer's memory.
    feedback : FeedbackState
        The feedback weights of the stream's rule.
    states : tree
        The states of the recurrent layers.
    traces : dict
        The traces of their rules, by path; those of a layer's other uses by its path and ``"again"``, once
        for each use above. None before the first time step.
    waiting : tuple
        Predictions whose targets have not come yet, with what their forward pass kept.
    total : array (n,), optional
        The sum of the gradients since the weights moved; None if they move each time.
    """

    state: State
    feedback: FeedbackState
    states: Tree
    traces: dict[Path, Any]
    waiting: tuple[Any, ...]
    total: Any = None

    @property
    def step(self) -> Any:
        """How many steps the optimizer has made."""
        return self.state.step

    @property
    def seed(self) -> Any:
        """The seed of the training."""
        return self.state.seed

    def reset(self) -> StreamState:
        """Return the state for a new sequence: everything learned is kept, states and traces are dropped."""
        return self._replace(states={}, traces={}, waiting=())


class StreamInput(NamedTuple):
    """The input of a time step.

    Parameters
    ----------
    x : array (n, ...)
        The inputs.
    target : array (n, ...), optional
        The target as the loss takes it; without one only states and traces move on.
    weights : array (n,), optional
        A weight for each stream.
    place : int, optional
        The place where the prediction waits for its target, and where the prediction lies whose target has
        come.
    moves : bool, optional
        Whether the optimizer moves the weights; None if it does so each time.
    """

    x: Array
    target: Array | None = None
    weights: Array | None = None
    place: Any = None
    moves: Any = None


@dataclass(eq=False)
class Segment:
    """The inputs of consecutive time steps: arrays (time, ...), read as a sequence of `StreamInput`.

    Parameters
    ----------
    x, target, weights, place, moves
        As for `StreamInput`, with an axis for time before all others.
    """

    x: Array
    target: Array | None = None
    weights: Array | None = None
    place: Array | None = None
    moves: Array | None = None

    @property
    def arrays(self) -> tuple[Any, ...]:
        """All arrays, None for each missing one."""
        return self.x, self.target, self.weights, self.place, self.moves

    def cut(self, times: slice) -> Segment:
        """Return the part with the given times."""
        return Segment(*part_of(self.arrays, times))

    def __len__(self) -> int:
        return len(self.x)

    def __iter__(self) -> Iterator[StreamInput]:
        for time in range(len(self.x)):
            given = StreamInput(*part_of(self.arrays, time))
            yield given if given.moves is None else given._replace(moves=bool(given.moves))


def begin(static: StreamProblem, stream: StreamState, x: Array) -> StreamState:
    """Return the state before the first time step of a sequence, for inputs like x."""
    xp, net, params = namespace(x), static.problem.objective.net, stream.state.params
    prediction, cache, _ = made = net.flow(params, xp.zeros_like(x)[:, None], Run())
    nothing = xp.zeros_like(prediction)
    traces, _, _ = _back(static, stream, cache, nothing, Signals(nothing, nothing), begin=True)
    states = tree_map(xp.zeros_like, net.states(cache))
    return stream._replace(states=states, traces=traces, waiting=queue(made, static.delay))


def observe(
    static: StreamProblem,
    stream: StreamState,
    given: StreamInput,
    numbers: Numbers,
    *,
    into: State | None = None,
    keep: frozenset[str] = frozenset(),
) -> tuple[StreamState, Measured]:
    """Predict one time step; learn by the error of the prediction whose target is here, if there is one.

    If loss or gradient are not finite, weights, feedback weights and sums stay as they were.

    Parameters
    ----------
    static : StreamProblem
        What learns.
    stream : StreamState
        What has come from the time step before.
    given : StreamInput
        What this time step brings.
    numbers : Numbers
        The step's numbers.
    into : State, optional
        A state that is no longer in use, whose vectors are overwritten.
    keep : set of str
        ``"waits"`` says that no prediction has waited long enough yet.
    """
    problem, state, feedback, total = static.problem, stream.state, stream.feedback, stream.total
    output, stream, made = _seen(static, stream, given)
    if "waits" in keep:
        return stream, Measured((), (), (output,))
    if given.target is None:
        nothing = namespace(made[0]).zeros_like(made[0])
        traces, taught, _ = _back(static, stream, made[1], nothing, Signals(nothing, nothing))
        if taught is not feedback:
            sound = finite(Layout.of(taught.weights).flat(taught.weights))
            feedback = choose(sound, lambda: taught, feedback, small=True)
        return stream._replace(feedback=feedback, traces=traces), Measured((), (), (output,))
    value, *error = _measured(static, made, given)
    traces, taught, grads = _back(static, stream, made[1], *error)
    gradient = problem.layout.parameters.flat(grads)
    if total is not None:
        gradient = total + gradient
    good = finite(gradient, [value]) & numbers.made

    def learned() -> Any:
        return moves() if total is None else choose(given.moves, moves, (state, taught, gradient), small=True)

    def moves() -> Any:
        given_away = gradient if total is None else gradient.copy()
        problem.layout.penalties.value(state.params.vector, given_away)
        after = moved(problem, state, state._replace(feedback=taught), given_away, numbers, into)
        # The model's own feedback weights stay.
        return after._replace(feedback=state.feedback), after.feedback, None if total is None else total * 0

    state, feedback, total = choose(good, learned, (state, feedback, total), small=True)
    after = stream._replace(state=state, feedback=feedback, traces=traces, total=total)
    return after, Measured((value,), (1.0,), (output,), None, good)


def slopes(static: StreamProblem, stream: StreamState, given: StreamInput) -> StreamState:
    """Return a stream that holds, as its sum, the gradient of one time step, without penalties."""
    _, stream, made = _seen(static, stream, given)
    _, _, grads = _back(static, stream, made[1], *_measured(static, made, given)[1:])
    return stream._replace(total=static.problem.layout.parameters.flat(grads))


def _seen(static: StreamProblem, stream: StreamState, given: StreamInput) -> tuple[Array, StreamState, Any]:
    """Predict one time step; return the output, the stream after it, and the prediction that is due."""
    net = static.problem.objective.net
    made = net.flow(stream.state.params, given.x[:, None], Run(states=stream.states))
    output, stream = _output(static.problem, made[0]), stream._replace(states=net.states(made[1]))
    if static.delay:
        waiting, made = exchanged(stream.waiting, given.place, made)
        stream = stream._replace(waiting=waiting)
    return output, stream, made


def _measured(static: StreamProblem, made: Any, given: StreamInput) -> tuple[Any, Array, Signals]:
    """Return the loss of a prediction that is due, its gradient, and the signals for rules."""
    (prediction, _, mask), loss = made, static.problem.objective.loss
    value, kept = loss.forward(prediction, given.target, given.weights, mask)
    signals = Signals(side_by_side(dy := loss.backward(kept)), given.target, mask, None, given.weights)
    return as_number(value), dy, signals


def _back(
    static: StreamProblem, stream: StreamState, cache: Any, dy: Array, signals: Signals, begin: bool = False
) -> tuple[dict[Path, Any], FeedbackState, Tree]:
    """Run the backward pass of one time step; return the new traces, feedback weights and gradients."""
    traces, changed, seen = dict(stream.traces), dict[Path, Tree](), list[Path]()

    def passage(layer: Any, rule: Any, path: Path, B: Tree, own: Tree) -> Any:
        place = (*path, *("again",) * seen.count(path))  # each use of a layer has traces of its own
        seen.append(path)

        def route(params: Tree, cache: Any, dy: Array, send: Any, need_dx: bool = True) -> tuple[Any, Tree]:
            weights, grads = B.get(TIME, {}), tree_map(namespace(dy).zeros_like, params) if begin else {}
            if begin:
                traces[place] = rule.begin(layer, params, cache, weights)
            else:
                error = _error(layer, dy)
                traces[place], grads, new = rule.tick(layer, params, traces[place], cache, error, weights)
                own.update({TIME: new} if new else {})
            return (_below(layer, params, cache, dy) if need_dx else None), grads

        return route

    feedback = stream.feedback
    credit = Credit(static.rule, feedback.weights, signals, changed, passage)
    _, grads = credit.send("", static.problem.objective.net, stream.state.params, cache, dy, False)
    if changed:
        feedback = feedback._replace(weights=merged(feedback.weights, from_paths(changed)))
    return traces, feedback, grads


def _output(problem: Problem, prediction: Array) -> Array:
    """Return the output of this time step, with the final activation if it was fused with the loss."""
    if (objective := problem.objective).fused:
        no_target = namespace(prediction).zeros_like(prediction)
        prediction = objective.loss.output(objective.loss.forward(prediction, no_target)[1])
    return prediction[:, 0] if prediction.ndim > 2 else prediction


def _error(layer: Recurrent, dy: Array) -> Array:
    return dy[:, 0] if layer.return_sequences else dy


def _below(layer: Recurrent, params: Tree, cache: RecurrentCache, dy: Array) -> Array:
    """Return the error at a recurrent layer's input, from this time step alone."""
    dz = immediate(layer, params, time_step(cache), _error(layer, dy))[0]
    return (dz @ params["W"].T)[:, None]
