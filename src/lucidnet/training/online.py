"""Learning at each time step of a stream, which may be endless."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..backend import Array, Tree
from ..backend.memory import sealed
from ..core.numeric import numeric
from ..core.settings import count, taken
from ..core.signals import DeferInterrupt
from ..core.text import Brief
from ..core.trees import by_layer, leaves, ordered, tree_map
from ..data.streamed import streamed
from ..engine.build import problem_of
from ..engine.feedback import fresh_memory
from ..engine.problem import Problem
from ..engine.protocol import NotFiniteError, Trainee
from ..engine.state import Measurements
from ..engine.stream import Segment, StreamProblem, StreamState, begin, observe, slopes
from ..errors import NonFiniteError, NotReadyError
from ..rules.defined import check_stream
from ..rules.registry import Rule, get
from ..rules.time.local import RFLO

NOTHING, WAITS = frozenset[str](), frozenset({"waits"})


class OnlineLearner(Brief):
    """A model that predicts, learns and forgets at each time step.

    What weights have done to the states of recurrent layers is carried in traces, which do not grow with
    time; truncated backpropagation keeps the times of its window. All other layers learn by the error of
    the same time. The pass is that of `predict`: nothing is dropped, no noise is added, and running
    statistics stay. On ``backend="jax"`` a step is one compiled program, and so is a whole stretch given to
    `run`; weights and traces stay on the device, and the model fetches its weights when they are asked for.
    A learner can be copied and pickled with its model in the middle of a stream, and goes on from there.

    Parameters
    ----------
    model : Trainee
        A compiled model of sequences (n, time, ...), whose weights are trained.
    rule : str or Rule, optional
        A rule that goes forwards in time: ``"rtrl"``, ``"snap1"``, ``"uoro"``, ``"kernl"``, ``"rflo"``,
        ``"eprop"``, or ``"truncated"``; also as ``Rule("fa", "rflo")``. By default the model's own, with
        ``"rflo"`` in place of what needs whole sequences. It begins with the model's feedback weights if that
        was compiled with this rule, else with those of a model that was; what they become stays here
        (`feedback`; ``model.set_feedback(online.feedback)`` hands them back).
    every : int
        The number of steps with a target after which the optimizer moves the weights, by the sum of the
        gradients since then.
    delay : int
        The delay of targets in steps: ``step(x, y)`` then takes the target of `delay` steps before.

    Raises
    ------
    SettingError
        If the rule cannot learn online, or the network's output at a time depends on other times other than
        through the states of recurrent layers (attention, convolution over time, positions).

    Attributes
    ----------
    steps : int
        The number of times seen.
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

    def __init__(self, model: Trainee, rule: Any = None, every: int = 1, delay: int = 0) -> None:
        own = model.problem.rule or Rule()
        usual = own if own.time.online else replace(own, time=RFLO())
        self.model, self.rule = model, usual if rule is None else get(rule)
        self.every: int = taken("online", "every", every, count(1))
        self.delay: int = taken("online", "delay", delay, count(0))
        self.steps = self.learned = self._since = 0
        self.loss, self.losses = float("nan"), np.zeros(0, model.dtype)
        check_stream(model.net, self.rule, model.state.params, model.input_shape, model.optimizer)
        self._source, joined, state = model.problem, self._joined(), model.state
        self._static = StreamProblem(joined, self.rule, self.delay, model.problem)
        start = state if joined is model.problem else joined.start(state.params, state.seed)
        self._order = start.feedback.weights
        total = joined.layout.parameters.zeros(model.dtype) if self.every > 1 else None
        feedback = start.feedback._replace(memory=fresh_memory(joined, self._order))
        self._stream = StreamState(model.live, feedback, {}, {}, (), total)

    def __getstate__(self) -> dict[str, Any]:
        # A copy leaves the device: on it, numbers would lose their precision in a file.
        executor, stream = self.model.executor, self._stream
        kept = StreamState(executor.host(stream.state), *executor.arrays(stream[1:]))
        return vars(self) | {"_stream": kept}

    def _joined(self) -> Problem:
        """Return the model's problem, its network and loss joined as this rule trains them."""
        of, state = self.model.problem, self.model.state
        given = of.net, of.loss, of.optimizer, self.rule, state.params, of.input_shape
        return of if of.rule == self.rule else problem_of(*given)

    @property
    def feedback(self) -> Tree:
        """The rule's feedback weights."""
        return ordered(self.model.executor.arrays(self._stream.feedback.weights), self._order)

    @property
    def states(self) -> Tree:
        """The states of the recurrent layers, read-only; empty before the first step of a sequence."""
        return tree_map(sealed, self.model.executor.arrays(self._stream.states))

    @property
    def traces(self) -> Tree:
        """The traces of the recurrent layers by path; empty before the first step of a sequence.

        Where a layer is used again in a graph, its path means the last use, and ``(*path, "again")`` the one
        before.
        """
        return self.model.executor.arrays(self._stream.traces)

    def reset(self) -> None:
        """Begin a new sequence with zero states and traces, and no pending targets; weights stay."""
        self._stream, self._since = self._stream.reset(), 0

    def step(self, x: Any, y: Any = None, weights: Any = None) -> Array:
        """Return the output (n, ...) for inputs (n, ...) of the next time; learn if there is a target.

        Parameters
        ----------
        x : array-like (n, ...)
            The inputs of this time, one for each stream.
        y : array-like, optional
            The target; without it the states advance, and nothing is learned.
        weights : array-like (n,), optional
            A weight for each stream: 0 if this time does not count.

        Raises
        ------
        NonFiniteError
            If loss or gradient are not finite. The weights are those of the last good step, and the sequence
            has ended: the next step begins a new one.
        """
        given = self._of_one(x, y, weights)
        found = self._made(given, self._since >= self.delay)
        self.losses = self._losses(found)
        return found.predictions[0][0]

    def run(self, xs: Any, ys: Any = None, weights: Any = None) -> Array:
        """Make a step for each time of a segment; return the outputs (time, n, ...).

        On NumPy this is a loop; on JAX it is compiled, once for each length of a stretch (of at most 1,000
        times: a longer one is worked through in parts).

        Parameters
        ----------
        xs : array-like (time, n, ...)
            The inputs.
        ys : array-like (time, n, ...), optional
            The targets, as `step` takes them; without them nothing is learned at any of these times.
        weights : array-like (time, n), optional
            A weight for each time and stream.

        Raises
        ------
        NonFiniteError
            As for `step`; the steps before have been made.
        """
        given = Segment(*streamed(self.model, xs, ys, weights))
        found = [self._made(given.cut(part), ready) for part, ready in self._parts(len(given))]
        self.losses = np.concatenate([self._losses(one) for one in found])
        return np.concatenate([one.predictions[0] for one in found])

    def gradients(self, x: Any, y: Any, weights: Any = None) -> dict[str, dict[str, Array]]:
        """Return the gradients by which `step` would learn from these, by layer and name; no step is made.

        They are those of this time alone, without penalties. A learner with another rule beside this one, on
        the same model, tells what that rule would say here: ``"rtrl"`` says the true gradient. It follows by
        ``step(x)``, which learns nothing.

        Parameters
        ----------
        x, y, weights
            As for `step`.

        Examples
        --------
        >>> import numpy as np
        >>> import lucidnet as ln
        >>> from lucidnet.layers import Dense, Input, LeakyRNN
        >>> model = ln.Model([Input((None, 1)), LeakyRNN(8, return_sequences=True), Dense(1)], seed=0)
        >>> model.compile("mse", ln.optimizers.SGD(0.01))
        >>> online, exact = model.online("rflo"), model.online("rtrl")
        >>> for t in range(50):
        ...     x, y = [[np.sin(t / 10)]], [[np.cos(t / 10)]]
        ...     made, true = (each.gradients(x, y)["leakyrnn1"]["U"] for each in (online, exact))
        ...     _ = online.step(x, y), exact.step(x)
        >>> round(float((made * true).sum() / np.linalg.norm(made) / np.linalg.norm(true)), 2)
        0.62
        """
        given, executor = self._of_one(x, numeric(y, "y"), weights), self.model.executor
        if self._since < self.delay:
            raise NotReadyError(f"online: no prediction has waited for {self.delay} steps yet: make steps")
        self._count(given, True)
        with executor.lock:
            made = executor.call(slopes, self._static, self._begun(given), next(iter(given)))
            found = executor.arrays(self._static.problem.layout.parameters.unflat(made.total))
        return by_layer(leaves(found))

    def _of_one(self, x: Any, y: Any, weights: Any) -> Segment:
        """Check the inputs of one time step, and return them as a segment of length 1."""
        given = zip(("x", "y", "weights"), (x, y, weights), strict=True)
        arrays = (None if one is None else numeric(one, name)[None] for name, one in given)
        return Segment(*streamed(self.model, *arrays))

    def _begun(self, given: Segment) -> Any:
        """Return the state of the stream before a segment, with the weights as they are now."""
        stream = self._stream._replace(state=self.model.live)  # someone else may have trained it
        if stream.states or stream.traces or stream.waiting:
            return stream
        return self.model.executor.call(begin, self._static, stream, given.x[0])

    def _losses(self, found: Measurements) -> Array:
        """Return the loss at each time; NaN where there was no target."""
        if found.losses.shape[1]:
            return found.losses[:, 0].astype(self.model.dtype)
        return np.full(len(found), np.nan, self.model.dtype)

    def _parts(self, times: int) -> Iterator[tuple[slice, bool]]:
        """Yield parts of a segment, and for each whether its predictions have waited long enough to learn."""
        begin, waited, most = 0, self._since, self.model.executor.most_times
        while begin < times:
            missing = self.delay - waited - begin
            end = min(times, begin + (min(missing, most) if missing > 0 else most))
            yield slice(begin, end), missing <= 0
            begin = end

    def _made(self, given: Segment, ready: bool) -> Measurements:
        """Run one part of a segment and update the counts; completed work is kept, whatever ends it."""
        model, executor = self.model, self.model.executor
        if (before := self._source) is not (now := model.problem):
            joined = replace(self._static.problem, optimizer=now.optimizer)
            joined = joined if now.objective is before.objective else self._joined()
            self._source, self._static = now, StreamProblem(joined, self.rule, self.delay, now)
        self._count(given, ready)
        with executor.lock:
            keep = NOTHING if ready else WAITS
            ran = executor.run(observe, self._static, self._begun(given), given, keep)
            good = len(ran.measured)
            with DeferInterrupt():  # weights, traces and counts are those of one time step
                self._stream, model.live = ran.state, ran.state.state
                self.steps, self._since = self.steps + good, self._since + good
                self.learned += good * (given.target is not None)
        found = Measurements.of(ran.measured) if good else None
        if found is not None and found.losses.shape[1]:
            self.loss = float(found.losses[-1, 0])
        if ran.error is None:
            assert found is not None
            return found
        if not isinstance(ran.error, NotFiniteError):
            raise ran.error
        self.reset()
        value = ran.error.measured.losses[0]
        what = "the loss is infinite" if np.isinf(value) else "the gradient is not finite"
        raise NonFiniteError(
            f"step {ran.state.step}: {what}; the weights are kept, and the "
            "sequence is over. Try a smaller rate, clip=ClipGlobalNorm(1.0) in the optimizer, or inputs "
            "scaled to about [-1, 1]"
        )

    def _count(self, given: Segment, ready: bool) -> None:
        """Set the fields of a segment's part that depend on how many times have been seen."""
        if not ready:
            given.target = given.weights = None
        if self.delay:
            given.place = (self._since + np.arange(len(given))) % self.delay
        if self.every > 1 and given.target is not None:
            given.moves = (self.learned + 1 + np.arange(len(given))) % self.every == 0
