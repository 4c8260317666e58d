"""Learning at each time step, from a stream that need not end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Array, Tree, finite
from ..engine.shapes import zeros
from ..engine.stream import Going, Outcome, Stretch, Tick
from ..errors import NonFiniteError, SettingError, ShapeError
from ..layers import Layer, Recurrent, walk
from ..rules.crossing import chosen
from ..rules.feedback import fresh
from ..rules.registry import Rule, get
from ..rules.time.base import NOT_ONLINE

if TYPE_CHECKING:
    from ..engine.online_compiled import OnlineEngine
    from ..model import Model


class OnlineLearner:
    """A model that predicts, learns and forgets at each time step.

    What weights have done to the states of recurrent layers is carried in traces, which do not grow with
    time; truncated backpropagation keeps the times of its window. All other layers learn by the error of
    the same time. On ``backend="jax"`` a step is one compiled program, and so is a whole stretch given to
    `run`; weights and traces stay on the device, and the model fetches its weights when they are asked for.

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

    Attributes
    ----------
    steps : int
        How many times have been seen.
    loss : float
        The loss at the last time that had a target.
    losses : array (time,)
        The losses of the last `run` or `step`; NaN where nothing was learned.

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

    The same for a stretch of the stream, which is much faster on JAX:

    >>> times = np.arange(100, 1000)[:, None, None] / 10
    >>> online.run(np.sin(times), np.cos(times)).shape
    (900, 1, 1)
    """

    def __init__(self, model: Model, rule: Any, every: int = 1, delay: int = 0) -> None:
        for name, value, least in (("every", every, 1), ("delay", delay, 0)):
            if not isinstance(value, int) or value < least:
                raise SettingError(f"online: {name} must be a whole number of {least} or more, got {value!r}")
        self.model, self.rule, self.every, self.delay = model, get(rule), every, delay
        self.steps = self.learned = self._since = 0
        self.loss, self.losses = float("nan"), np.zeros(0, model.dtype)
        _check(model.net, self.rule)
        shape, state = model.input_shape, model.state
        self._shape, self._runner = shape[1:], self._made()
        net, x = model.step.objective.net, zeros(shape, model.dtype)
        self._feedback = fresh(net, self.rule, state.params, x, state.stream("feedback"))
        total = np.zeros_like(state.parameters) if every > 1 else None
        self._going = self._runner.first(self._feedback, total)

    @property
    def feedback(self) -> Tree:
        """The rule's feedback weights."""
        return self._runner.hosted(self._going.feedback, self._feedback)

    @property
    def states(self) -> Tree:
        """The states of the recurrent layers; none before the first step of a sequence."""
        return self._going.states

    @property
    def traces(self) -> Tree:
        """The traces of the recurrent layers by path; none before the first step of a sequence."""
        return self._going.traces

    def reset(self) -> None:
        """Begin a new sequence: states and traces of 0, no target awaited. What has been learned stays."""
        self._going, self._since = self._going.reset(), 0

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

        Raises
        ------
        NonFiniteError
            If the gradient is not finite. The weights are those of the last good step, and the sequence is
            over: the next step begins a new one.
        """
        x, y, weights = (None if given is None else np.asarray(given)[None] for given in (x, y, weights))
        return self.run(x, y, weights)[0]

    def run(self, xs: Any, ys: Any = None, weights: Any = None) -> Array:
        """Make a step for each time of a stretch; return the outputs (time, n, ...).

        On NumPy this is a loop; on JAX it is compiled, once for each length of a stretch (of at most 1,000
        times: a longer one is worked through in parts).

        Parameters
        ----------
        xs : array-like (time, n, ...)
            The inputs.
        ys : array-like (time, n, ...), optional
            The targets, as `step` takes them; without them nothing is learned at all these times.
        weights : array-like (time, n), optional
            A weight for each time and stream.

        Raises
        ------
        NonFiniteError
            As for `step`; the steps before have been made.
        """
        given = self._given(xs, ys, weights)
        if self._runner.step is not self.model.step:
            self._runner = self._made()
        found = [
            self._through(given if part is None else given.cut(part), ready)
            for part, ready in self._parts(len(given.x))
        ]
        self.losses = together([one.losses for one in found])
        return together([one.output for one in found])

    def _made(self) -> Plain | OnlineEngine:
        """Return what makes the steps."""
        tick = Tick(self.model.step.objective, self.rule, self.delay)
        if self.model.step.engine is None:
            return Plain(self.model, tick)
        from ..engine.online_compiled import OnlineEngine

        return OnlineEngine(self.model, tick)

    def _given(self, xs: Any, ys: Any, weights: Any) -> Stretch:
        """Return a stretch, checked."""
        x = np.asarray(xs, self.model.dtype)
        if x.ndim < 2 or x.shape[2:] != self._shape or not x.size:
            raise ShapeError(
                f"online: expected inputs (n, {self._shape}) of one time, or of several with time first; "
                f"got shape {x.shape[1:] if len(x) == 1 else x.shape}"
            )
        return Stretch(x, None if ys is None else self._targets(ys, x), self._weights(weights, x))

    def _targets(self, ys: Any, x: Array) -> Array:
        """Return targets (time, n, ...) as the loss takes them."""
        given, shape = np.asarray(ys), self.model.output_shape
        if given.shape[:2] != x.shape[:2]:
            raise ShapeError(
                f"online: expected a target for each input, {x.shape[:2]} (time, n), got shape {given.shape}"
            )
        rows = given.reshape(-1, *given.shape[2:])
        if len(shape) > 1:
            rows, shape = rows[:, None], (1, *shape[1:])
        rows = self.model.step.loss.check_target(rows, shape, self.model.dtype)
        return rows.reshape(*x.shape[:2], *rows.shape[1:])

    def _weights(self, weights: Any, x: Array) -> Array | None:
        """Return weights (time, n)."""
        if weights is None:
            return None
        made = np.asarray(weights, self.model.dtype)
        if made.shape != x.shape[:2]:
            raise ShapeError(
                f"online: expected a weight for each input, {x.shape[:2]} (time, n), got shape {made.shape}"
            )
        return made

    def _parts(self, times: int) -> Iterator[tuple[slice | None, bool]]:
        """Yield parts of a stretch (None: all), and whether in them predictions have waited long enough."""
        begin, waited = 0, self._since
        while begin < times:
            missing = self.delay - waited - begin
            end = min(times, begin + (min(missing, self._runner.most) if missing > 0 else self._runner.most))
            yield (slice(begin, end) if end - begin < times else None), missing <= 0
            begin = end

    def _through(self, given: Stretch, ready: bool) -> Outcome:
        """Work through a part of a stretch, and count."""
        self._going, outcome = self._runner(self._going, self._timed(given, ready), ready)
        times = len(given.x)
        good = times if outcome.fine is None else int(np.count_nonzero(outcome.fine))
        self.steps, self._since = self.steps + good, self._since + good
        self.learned += good * ready
        if good and outcome.loss is not None:
            self.loss = float(outcome.loss[good - 1])
        if good < times:
            self.reset()
            raise NonFiniteError(
                f"step {self.model.state.step}: the gradient is not finite; the weights are kept, and the "
                "sequence is over. Try a smaller rate, clip=ClipGlobalNorm(1.0) in the optimizer, or inputs "
                "scaled to about [-1, 1]"
            )
        return outcome

    def _timed(self, given: Stretch, ready: bool) -> Stretch:
        """Return a part of a stretch with all that follows from counting its times."""
        if not ready:
            given = given._replace(target=None, weights=None)
        if self.delay:
            given = given._replace(place=(self._since + np.arange(len(given.x))) % self.delay)
        if self.every > 1 and given.target is not None:
            times = self.learned + 1 + np.arange(len(given.x))
            given = given._replace(moves=times % self.every == 0)
        return given


class Plain:
    """Makes steps on NumPy, one at a time.

    Parameters
    ----------
    model : Model
        Whose weights are trained.
    tick : Tick
        What happens at each time.
    """

    most = 1

    def __init__(self, model: Model, tick: Tick) -> None:
        self.model, self.tick, self.step = model, tick, model.step

    def first(self, feedback: Tree, total: Array | None) -> Going:
        """Return what goes into the first time of all, from feedback weights and a sum of gradients."""
        return Going({}, {}, (), feedback, total)

    def hosted(self, tree: Tree, like: Tree) -> Tree:
        """Return a tree with NumPy's arrays."""
        return tree

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite is found
    def __call__(self, going: Going, given: Stretch, ready: bool) -> tuple[Going, Outcome]:
        """Work through a stretch of one time; return what goes on, and what was found."""
        state = self.model.state
        x, target, weights, place, moves = (None if array is None else array[0] for array in given)
        if not going.traces:
            going = self.tick.begun(state, going, x)
        after, found = self.tick(state, going, x, target, weights, place, ready)
        if (total := found.total) is None:
            return after, Outcome(found.output[None])
        fine = finite(total)
        outcome = Outcome(found.output[None], np.asarray(found.loss)[None], np.array([fine]))
        if not fine:
            return going, outcome
        if moves is None or moves:
            self.model.state = self.step.moved(state, total)
            total = total if going.total is None else np.zeros_like(total)
        return after if going.total is None else after._replace(total=total), outcome


def together(arrays: list[Array]) -> Array:
    """Return arrays one after the other."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


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
