"""A user's own function of forward, backward and apply, run on the executor step by step or in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from ..backend import choose, namespace
from ..backend.results import UNFOLLOWED
from ..backend.xla.autodiff import instead, not_followed
from ..backend.xla.device import repeated, shapes_of
from ..core.finite import check_some
from ..core.numeric import numeric
from ..core.own import check_draws
from ..core.settings import accepts, shown
from ..core.text import Brief
from ..core.trees import floats, mapped, part_of, stacked, tree_map
from ..engine.numbers import Numbers, bound, table_of
from ..engine.placement import dressed
from ..engine.problem import Problem
from ..engine.protocol import NotFiniteError, Own, Ran
from ..engine.state import Measured, State
from ..errors import DataError, NonFiniteError, SettingError
from ..foreign import answering, uncalled
from ..layers import Layer
from ..layers.base import nothing
from .copies import blended
from .devices import program
from .moves import collected, leaving, not_finite, stepped
from .tape import Pass, Tape
from .view import View

STRIDE = 1000
"""The gap in numbering between passes before and after an `apply`: each has its own random numbers."""


class Together(NamedTuple):
    """The problems of several models, for one step over all of them."""

    problems: tuple[Problem, ...]


class States(NamedTuple):
    """The states of several models."""

    states: tuple[State, ...]

    @property
    def seed(self) -> Any:
        """The seed of the first model."""
        return self.states[0].seed

    @property
    def params(self) -> Any:
        """The parameters of the first model; all models have the same dtype."""
        return self.states[0].params


@uncalled
@answering
class Learner(Brief):
    """A model inside a custom step, with `forward`, `apply` and `part` as `Model` has them.

    It is made by `OwnStep`, one for each model and step; the models themselves change when the step is
    complete.

    Parameters
    ----------
    problem : callable
        Returns the problem, with the numbers of the k-th step from here on.
    state : State
        The state at the beginning.
    numbers : Numbers
        The step's numbers.
    name : str
        What it is called in errors, if a gradient that is not finite is one; else such a step is left out.
    binds : bool
        Whether numbers stand in the problem in place of schedules, as in a compiled program.
    """

    def __init__(
        self,
        problem: Callable[[int], Problem],
        state: State,
        numbers: Numbers,
        name: str = "",
        binds: bool = False,
    ) -> None:
        self.state, self.good, self.moves, self.copies = state, True, 0, 0
        self.carries = state.carried
        self._problem, self._numbers, self._name, self._binds, self._passes = problem, numbers, name, binds, 0

    @property
    def net(self) -> Layer:
        """The network of the model."""
        return self._problem(self.moves).net

    @property
    def params(self) -> Any:
        """The weights by layer and name, as they are now."""
        return self.state.params

    @property
    def input_shape(self) -> Any:
        """The shape of one input."""
        return self._problem(self.moves).input_shape

    def forward(self, x: Any, train: bool = False, mask: Any = None, view: View | None = None) -> Tape:
        """Run a forward pass, and return its tape; see `Model.forward`."""
        problem, number = self._problem(self.moves), None
        if train:
            # A state may be met at the end of a step and at the start of the next, by different passes.
            number, self._passes = STRIDE * self.moves + self._passes, self._passes + 1
        view = view or View(problem.net, problem.input_shape)
        made = Pass(view.bound(problem) if self._binds else view, number)
        xp, dtype = namespace(self.state.params.vector), self.state.params.vector.dtype
        x = mapped(lambda array: xp.asarray(array, dtype=dtype), x)
        found = made.forward(self.state, self._numbers, x, mask)
        tape = Tape(made, self.state, x, mask, found, None, self._numbers)
        tape.of = self
        return tape

    def apply(self, grads: Any, tape: Any = None) -> Measured:
        """Make one optimizer step with given gradients; see `Model.apply`."""
        problem, left, vector = self._problem(self.moves), self.state, self.state.params.vector
        like = namespace(vector).zeros(0, dtype=vector.dtype)
        tree, missing = collected(problem, grads, like)
        for each in leaving(problem, tape, self):
            left = each.made.left(problem, left, each.cache)
        before = self.state
        if left.carried and not before.carried:  # the alternative, if the step is not made, has the same form
            before = before._replace(carried=nothing(left.carried))
        self.carries = left.carried
        self.state, measured = stepped(problem, before, left, tree, self._numbers, missing)
        if self._name and not measured.good:
            raise not_finite(int(before.step), tree, f" for {self._name}")
        self.good = self.good & measured.good
        self.moves, self._passes = self.moves + 1, 0
        return measured

    def copy_weights(self, other: Any, parts: Any = None, *, tau: float = 1.0) -> None:
        """Take the weights of another model; see `Model.copy_weights`."""
        theirs = other.state.params
        self.state = self.state._replace(params=blended(self.state.params, theirs, parts, tau))
        self.copies += 1

    def part(self, name: Any = None, *, to: Any = None, after: Any = None, outputs: Any = None) -> Any:
        """Return a part of the network; see `Model.part`."""
        from .parts import ModelPart

        view = View.of(self.net, self.input_shape, name, to, after, outputs)
        return ModelPart(self, view, partial(self.forward, view=view))


class _Running(Own):
    """A function for `Executor.run` that calls a user's function of several models.

    Parameters
    ----------
    function : callable
        The user's: function(*learners, x).
    placements : sequence
        What places the state of each model.
    """

    def __init__(self, function: Callable[..., Any], placements: Sequence[Any] = ()) -> None:
        self.function, self.placements = function, tuple(placements)

    def __call__(
        self,
        problem: Together,
        state: States,
        x: Any,
        numbers: Numbers,
        *,
        into: Any = None,
        keep: frozenset[str] = frozenset(),
        strict: bool = False,
    ) -> tuple[States, Measured]:
        """Make a step: everything that the function applies, or nothing if a gradient is not finite."""
        learners = [
            Learner(partial(_same, own), one, Numbers(one.seed), f"model {i}" if strict else "")
            for i, (own, one) in enumerate(zip(problem.problems, state.states, strict=True))
        ]
        told = _as_arrays(self.function(*learners, x))
        good = all(learner.good for learner in learners)
        after = States(tuple(learner.state for learner in learners)) if good else state
        return after, Measured((0.0,), (1,), (mapped(np.array, told),), None, good)

    def compiled(
        self, executor: Any, problem: Any, state: Any, blocks: Sequence[Any], keep: frozenset[str]
    ) -> Ran[Any]:
        """Run a block of steps as one compiled program."""
        problems, count, mesh = problem.problems, len(blocks), executor.mesh
        pairs = zip(self.placements, problems, state.states, strict=True)
        placed = tuple(place.put(p, s, mesh, None) for place, p, s in pairs)
        xs = stacked(blocks)
        moves, shapes = self._tried(problems, placed, blocks[0])
        placed = tuple(map(partial(_begun, mesh), self.placements, placed, shapes))
        counts = [count * n + 1 for n in moves]
        given = xs, np.arange(count, dtype="int32")
        after, outs = program(
            executor, (self.function, "own"), partial(self._loop, moves), problems, placed, counts, given
        )
        told, good = mesh.fetch(outs)
        fine = int(np.cumprod(good).sum())
        measured = [Measured((0.0,), (1,), (part_of(told, k),)) for k in range(fine)]
        states = States(
            tuple(dressed(a, b, fine * n) for a, b, n in zip(after, placed, moves, strict=True))
            if fine
            else state.states
        )
        bad = Measured((float("nan"),), (1,), (None,), None, False)
        return Ran(states, measured, None if fine == count else NotFiniteError(bad))

    def _loop(self, moves: Sequence[int], own: Any, states: Any, seeds: Any, given: Any) -> Any:
        """The loop over a block's steps inside a program."""
        xs, order = given

        def one(carry: Any, x: Any) -> tuple[Any, Any]:
            before, fine = carry
            mine, number = x

            def learner(take: Any, n: int, state: State, seed: Any) -> Learner:
                return Learner(lambda k: take(number * n + k), state, Numbers(seed, fine), binds=True)

            learners = list(map(learner, own, moves, before, seeds))
            told = _as_arrays(self.function(*learners, mine))
            good = fine
            for each in learners:
                good = good & each.good
            after = tuple(each.state for each in learners)
            if sum(each.moves + each.copies for each in learners) > 1:  # otherwise there is nothing to undo
                after = choose(good, lambda: after, before)
            return (after, good), (told, good)

        (after, _), outs = repeated(one, (states, order[0] == 0), (xs, order))
        return after, outs

    def _tried(
        self, problems: Sequence[Problem], states: Sequence[State], x: Any
    ) -> tuple[list[int], list[Any]]:
        """Trace the function; return how many steps it makes per model, and the shapes of carried states.

        Nothing is calculated.
        """
        moves: list[int] = []
        carried: list[Any] = []

        def tried(vectors: Any, x: Any) -> Any:
            learners = [
                Learner(
                    partial(_numbered, p, table_of(p, [0], str(s.params.vector.dtype))),
                    s._replace(params=p.layout.layout.bind(v), seed=None),
                    Numbers(_Zero()),
                    binds=True,
                )
                for p, s, v in zip(problems, states, vectors, strict=True)
            ]
            told = _as_arrays(self.function(*learners, x))
            moves[:] = [learner.moves for learner in learners]
            carried[:] = [tree_map(lambda array: array.shape, each.carries) for each in learners]
            return told

        check_draws(f"the step {shown(self.function)}", self.function)
        try:
            shapes_of(tried, tuple(state.params.vector for state in states), x)
        except Exception as error:
            if not_followed(error):
                raise SettingError(
                    UNFOLLOWED.format(f"the step {shown(self.function)}") + instead(error)
                ) from error
            raise
        return moves, carried


def _begun(mesh: Any, placement: Any, state: State, shapes: Any) -> State:
    """Return a state with zeros in place of the states that the first step will carry on."""
    if state.carried or not shapes:
        return state
    placement.orders = placement.orders[0], shapes  # in which they are shown
    dtype = str(state.params.vector.dtype)
    return state._replace(carried=mesh.put(tree_map(lambda shape: np.zeros(shape, dtype), shapes)))


class _Zero:
    """The seed used while tracing, when nothing is computed."""

    def words(self, path: Any) -> Any:
        return np.uint64(0), np.uint64(1)


def _same(problem: Problem, step: int) -> Problem:
    return problem


def _numbered(problem: Problem, rows: Any, step: int) -> Problem:
    return bound(problem, rows[0])


class OwnStep(Brief):
    """A custom training step over one or several models, with the same guarantees as a step of `fit`.

    The step is a function ``step(*models, x)``. In place of each model it is given a `Learner`, which has
    `forward`, `apply`, `part` and `copy_weights` as `Model` has them; it returns what it wants to report: a
    number, an array, or a tuple or dict of such. It is called with one batch x after the other, an array or a
    tuple or dict of arrays. On NumPy it is called directly; on JAX it is compiled, with all models in one
    program, as a loop over the batches of a call: the function then has to take its functions from arrays
    (``xp = namespace(x)``), and what else it reads is read once. A step in which a gradient is not finite is
    not made, for any of the models.

    Parameters
    ----------
    step : callable
        The function.
    *models : Model
        The models, compiled (without a loss, if they have none), all of one backend and dtype.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(1), ln.layers.Dense(1)])
    >>> model.compile(optimizer=ln.optimizers.SGD(0.1))
    >>> def step(model, batch):
    ...     x, y = batch
    ...     tape = model.forward(x, train=True)
    ...     error = tape.output - y
    ...     model.apply(tape.backward(2 * error / len(x), need_dx=False)[1], tape)
    ...     return (error**2).mean()
    >>> told = OwnStep(step, model)([([[1.0], [2.0]], [[2.0], [4.0]])] * 50)
    >>> len(told), bool(told[-1] < 0.01 * told[0])
    (50, True)
    """

    def __init__(self, step: Callable[..., Any], *models: Any) -> None:
        if not callable(step):
            raise SettingError(f"OwnStep: expected a function step(*models, x), got {shown(step)}")
        if not models or not all(hasattr(model, "executor") for model in models):
            raise SettingError(
                f"OwnStep: expected one or more models after the function, got {shown(models)}"
            )
        if not accepts(step, len(models) + 1):
            raise SettingError(
                f"OwnStep: step must take {len(models)} of the models, and a batch, got {shown(step)}"
            )
        kinds = {(model.config, model.dtype) for model in models}
        if len(kinds) > 1 or len(set(map(id, models))) < len(models):
            raise SettingError(
                "OwnStep: its models must be different ones, of one backend and dtype, got "
                f"{', '.join(f'{model.backend} {model.dtype}' for model in models)}"
            )
        self.step, self.models = step, models

    def __call__(self, batches: Iterable[Any]) -> list[Any]:
        """Make a step with each batch; return what each step returned.

        Parameters
        ----------
        batches : iterable
            The input of each step: arrays, or tuples or dicts of them. On JAX, consecutive batches of equal
            shapes make one call of one program, which is compiled again for a different number of them, and
            for other shapes, such as a shorter last batch.

        Returns
        -------
        told : list
            What each step returned: arrays, NumPy numbers, or tuples and dicts of them.

        Raises
        ------
        DataError
            If there are no batches, or one batch is given in the place of several.
        NonFiniteError
            If a gradient is not finite; the steps before that one are made.
        """
        if isinstance(batches, (tuple, dict)):
            kind = type(batches).__name__
            raise DataError(
                f"OwnStep: expected batches, as in a list or generator, got a {kind}: give [batch]"
            )
        blocks = [_numbers(batch, self.models[0].dtype) for batch in batches]
        if not blocks:
            raise DataError("OwnStep: there are no batches to make steps with")
        told: list[Any] = []
        for _, alike in groupby(blocks, _shapes):
            told += self._made(list(alike), len(told))
        return told

    def _made(self, blocks: Sequence[Any], before_these: int) -> list[Any]:
        """Make steps with batches of the same shapes; `before_these` were made by this call."""
        models = self.models
        problems = Together(tuple(model.problem for model in models))
        run = _Running(self.step, [getattr(model.executor, "placement", None) for model in models])
        with ExitStack() as locks:
            for model in models:
                locks.enter_context(model.executor.lock)
            before = States(tuple(model.live for model in models))
            ran = models[0].executor.run(run, problems, before, blocks)
            for model, state in zip(models, ran.state.states, strict=True):
                model.live = state
        if isinstance(ran.error, NotFiniteError):
            host = States(tuple(model.state for model in models))
            with np.errstate(all="ignore"):
                run(problems, host, blocks[len(ran.measured)], Numbers(host.seed), strict=True)
            number = before_these + len(ran.measured)
            raise NonFiniteError(f"step {number} of these batches: a gradient is not finite")
        if ran.error is not None:
            raise ran.error
        return [mapped(_number, measured.prediction) for measured in ran.measured]


def _shapes(batch: Any) -> Any:
    """Return the shapes of the arrays of a batch, in the form that it has."""
    if isinstance(batch, dict):
        return tuple((name, _shapes(part)) for name, part in sorted(batch.items()))
    if isinstance(batch, tuple):
        return tuple(map(_shapes, batch))
    return None if batch is None else (batch.shape, str(batch.dtype))


def _number(told: Any) -> Any:
    """Return an array without axes as the number that it is."""
    return told[()] if isinstance(told, np.ndarray) and not told.ndim else told


def _numbers(batch: Any, dtype: str) -> Any:
    """Convert a batch to arrays; real numbers get the dtype of the models."""
    if isinstance(batch, (dict, tuple)):
        parts = batch.items() if isinstance(batch, dict) else enumerate(batch)
        made = {name: _numbers(part, dtype) for name, part in parts}
        return made if isinstance(batch, dict) else tuple(made.values())
    if batch is None:
        return None
    made = numeric(batch, "OwnStep: a batch")
    check_some(made, "OwnStep: a batch")
    return floats(made, dtype)


def _as_arrays(told: Any) -> Any:
    """Check a step's result: tuples and dicts of numbers, arrays and None.

    Raises
    ------
    SettingError
        If it contains anything else, which would be lost in a program.
    """
    if isinstance(told, dict):
        return {name: _as_arrays(one) for name, one in told.items()}
    if isinstance(told, (tuple, list)):
        return tuple(map(_as_arrays, told))
    kind = getattr(getattr(told, "dtype", None), "kind", None)
    if told is None or isinstance(told, (bool, int, float)) or (kind is not None and kind in "biufV"):
        return told
    raise SettingError(
        f"OwnStep: the step returned {shown(told)}: what it tells must be numbers or arrays of numbers, or a "
        "tuple or dict of such"
    )
