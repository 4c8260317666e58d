"""A user's own function of forward, backward and apply, run on the executor step by step or in blocks."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import get_ident
from typing import Any, NamedTuple

import numpy as np

from ..backend import choose, namespace
from ..backend.memory import sealed
from ..backend.results import UNFOLLOWED
from ..backend.view import read_only
from ..backend.xla.autodiff import instead, not_followed
from ..backend.xla.device import repeated, shapes_of
from ..backend.xla.sizes import MANY, noted, shapes_in
from ..core.own import check_draws, settings_of
from ..core.readers import Readers
from ..core.settings import accepts, flag, shown, taken
from ..core.text import Brief
from ..core.trees import mapped, part_of, stacked, tree_map
from ..engine.numbers import Numbers, bound, table_of
from ..engine.placement import dressed
from ..engine.problem import Problem
from ..engine.protocol import NotFiniteError, Own, Ran
from ..engine.state import Measured, State
from ..errors import DataError, NonFiniteError, SettingError, outside
from ..foreign import answering, uncalled
from ..layers import Layer
from ..layers.base import nothing
from .batches import alike, as_arrays, check_whole, form_of, in_order, numbers, wrong_in
from .copies import blended, share
from .devices import program
from .given import fitting, fitting_mask
from .moves import check_recent, collected, leaving, not_finite, stepped
from .tape import Pass, Tape, taken_in
from .view import View

STRIDE = 1000
"""The gap in numbering between passes before and after an `apply`: each has its own random numbers."""


OWN = (
    "this model is trained by a step of one's own just now, and has the weights of before all its steps: "
    "inside of it call what the step is given in its place, step(model, batch), as in model.forward(x).output"
)
OTHER = (
    "OwnStep: the step calls a model that it is not given, which no program can: give it, too, "
    "OwnStep(step, model, teacher), and call what the step is given in its place, step(model, teacher, batch)"
)
IN_PLACE = re.compile(
    "no attribute '?__i(add|sub|mul|truediv|floordiv|mod|pow|matmul|and|or|xor|lshift|rshift)__"
)
WRITTEN = "an array that it was given: make a new one, x = x - 1 in place of x -= 1"


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


class Spare:
    """A state of a model that a step on NumPy may overwrite: that of two steps ago, if nobody holds it.

    Parameters
    ----------
    problem : Problem
        What is trained.
    begun : State
        The state before all steps, which stays whole.
    """

    def __init__(self, problem: Problem, begun: State) -> None:
        self.begun, self.view = begun, View(problem.net, problem.input_shape)
        self.shown = False
        """Whether arrays of a state were handed out, or weights were copied."""
        self.readers = Readers()
        """Objects that read a state, their `state`; it is not overwritten while they live."""
        self._free: State | None = None

    def offer(self, free: State | None, now: State) -> None:
        """Offer a state to the step that starts from another one."""
        held = self.shown or free is now or free is self.begun or self.readers.have(free)
        self._free = None if held else free

    def taken(self) -> State | None:
        """Return the offered state, once."""
        found, self._free = self._free, None
        return found


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
    spare : Spare, optional
        What may be written over, on NumPy.
    """

    def __init__(
        self,
        problem: Callable[[int], Problem],
        state: State,
        numbers: Numbers,
        name: str = "",
        binds: bool = False,
        spare: Spare | None = None,
    ) -> None:
        self.state, self.good, self.moves, self.copies = state, True, 0, 0
        self.carries = state.carried
        self._problem, self._numbers, self._name, self._binds, self._passes = problem, numbers, name, binds, 0
        self._spare, self._whole = spare, None if spare is None else spare.view

    @property
    def net(self) -> Layer:
        """The network of the model."""
        return self._problem(self.moves).net

    @property
    def params(self) -> Any:
        """The weights by layer and name, as they are now."""
        if self._spare is not None:
            self._spare.shown = True
        params = self.state.params
        return read_only(tree_map(sealed, params) if type(params.vector) is np.ndarray else params)

    @property
    def input_shape(self) -> Any:
        """The shape of one input."""
        return self._problem(self.moves).input_shape

    def forward(self, x: Any, train: bool = False, mask: Any = None, view: View | None = None) -> Tape:
        """Run a forward pass, and return its tape; see `Model.forward`."""
        problem, number = self._problem(self.moves), None
        train = train if type(train) is bool else taken("forward", "train", train, flag())
        if train:
            # A state may be met at the end of a step and at the start of the next, by different passes.
            number, self._passes = STRIDE * self.moves + self._passes, self._passes + 1
        view = view or self._whole or View(problem.net, problem.input_shape)
        x, mask = taken_in(view, x, mask)
        made = Pass(view.bound(problem) if self._binds else view, number)
        vector = self.state.params.vector
        plain = type(x) is np.ndarray is type(vector) and x.dtype == vector.dtype
        if not plain or x.shape[1:] != view.shape or not x.size:
            x = fitting(x, view.shape, vector)
        mask = None if mask is None else fitting_mask(mask, x)
        found = made.forward(self.state, self._numbers, x, mask)
        tape = Tape(made, self.state, x, mask, found, self._numbers)
        tape.of = self
        if self._spare is not None:
            self._spare.readers.add(tape)
        return tape

    def apply(self, grads: Any, tape: Any = None) -> Measured:
        """Make one optimizer step with given gradients; see `Model.apply`."""
        problem, left, vector = self._problem(self.moves), self.state, self.state.params.vector
        spare, like = self._spare, namespace(vector).zeros(0, dtype=vector.dtype)
        found, missing = collected(problem, grads, like, flat=spare is not None)
        for each in leaving(problem, tape, self, missing):
            check_recent(each, self.state)
            left = each.made.left(problem, left, each.cache)
        before = self.state
        if left.carried and not before.carried:  # the alternative, if the step is not made, has the same form
            before = before._replace(carried=nothing(left.carried))
        self.carries = left.carried
        into = None if spare is None else spare.taken()
        self.state, measured = stepped(problem, before, left, found, self._numbers, missing, into)
        if self._name and not measured.good:
            tree = collected(problem, grads, like)[0]
            raise not_finite(int(before.step), tree, f" for {self._name}")
        self.good = self.good & measured.good
        self.moves, self._passes = self.moves + 1, 0
        return measured

    def copy_weights(self, other: Any, parts: Any = None, *, tau: float = 1.0) -> None:
        """Take the weights of another model; see `Model.copy_weights`."""
        if not isinstance(other, Learner):
            raise SettingError(
                "copy_weights: inside a step of one's own other must be one of the models that the step is "
                f"given, got {shown(other)}"
            )
        params = blended(self.state.params, other.state.params, parts, share(tau))
        self.state = self.state._replace(params=params)
        self.copies += 1
        if self._spare is not None:
            self._spare.shown = True  # a state of before has other numbers where nothing is trained

    def part(self, name: Any = None, *, to: Any = None, after: Any = None, outputs: Any = None) -> Any:
        """Return a part of the network; see `Model.part`."""
        from .parts import ModelPart

        whole = self._whole or View(self.net, self.input_shape)
        return ModelPart(self, whole.part(name, to, after, outputs), self.forward)


class _Seen:
    """What an `OwnStep` on devices keeps from call to call, by the shapes of a batch."""

    def __init__(self) -> None:
        self.sizes: dict[Any, set[int]] = {}
        """For how many steps programs were made so far."""
        self.tried: dict[Any, Any] = {}
        """What tracing the step has shown: see `_Running._tried`."""
        self.read: dict[Any, Any] = {}
        """What the step has read by name: numbers, whose change makes another program."""


class _Running(Own):
    """A function for `Executor.run` that calls a user's function of several models.

    Parameters
    ----------
    function : callable
        The user's: function(*learners, x).
    placements : sequence
        What places the state of each model.
    seen : _Seen
        What is known of its programs.
    """

    def __init__(self, function: Callable[..., Any], placements: Sequence[Any], seen: _Seen) -> None:
        self.function, self.placements, self.seen = function, tuple(placements), seen
        self.spares: list[Spare] = []

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
        if not self.spares:
            self.spares = list(map(Spare, problem.problems, state.states))
        learners = []
        for i, (own, one, spare) in enumerate(zip(problem.problems, state.states, self.spares, strict=True)):
            spare.offer(None if into is None else into.states[i], one)
            name = f"model {i}" if strict else ""
            learners.append(Learner(partial(_same, own), one, Numbers(one.seed), name, spare=spare))
            spare.readers.add(learners[i])
        told = as_arrays(self.function(*learners, x))
        good = all([learner.good for learner in learners])
        after = States(tuple([learner.state for learner in learners])) if good else state
        return after, Measured((0.0,), (1,), (mapped(np.array, told),), None, good)

    def compiled(
        self, executor: Any, problem: Any, state: Any, blocks: Sequence[Any], keep: frozenset[str]
    ) -> Ran[Any]:
        """Run a block of steps as one compiled program."""
        problems, count, mesh = problem.problems, len(blocks), executor.mesh
        pairs = zip(self.placements, problems, state.states, strict=True)
        placed = tuple(place.put(p, s, mesh, None) for place, p, s in pairs)
        size = self._size(executor, blocks)
        xs = stacked([*blocks, *[blocks[-1]] * (size - count)])
        read = self._read()
        moves, shapes, form = self._tried_once(problems, placed, blocks[0], read)
        placed = tuple(map(partial(_begun, mesh), self.placements, placed, shapes))
        counts, needed = ([n * each + 1 for each in moves] for n in (size, count))
        given = xs, np.arange(size, dtype="int32"), np.int32(count)
        key, loop = (self.function, "own", read), partial(self._loop, moves)
        after, outs = program(executor, key, loop, problems, placed, counts, given, needed=needed)
        told, good = mesh.fetch(outs)
        fine = int(np.cumprod(good[:count]).sum())
        told = in_order(told, form)
        measured = [Measured((0.0,), (1,), (part_of(told, k),)) for k in range(fine)]
        states = States(
            tuple(dressed(a, b, fine * n) for a, b, n in zip(after, placed, moves, strict=True))
            if fine
            else state.states
        )
        bad = Measured((float("nan"),), (1,), (None,), None, False)
        return Ran(states, measured, None if fine == count else NotFiniteError(bad))

    def _size(self, executor: Any, blocks: Sequence[Any]) -> int:
        """Return the number of steps of the program to use; those beyond the number of blocks are not made.

        So a few programs serve any number of batches.
        """
        shapes, count = shapes_in(blocks[0]), len(blocks)
        noted(executor, f"the step {shown(self.function)}", shapes)
        known = self.seen.sizes.setdefault(shapes, set())
        fitting = [size for size in known if count <= size <= 2 * count]
        near = known and count <= 2 * max(known)  # the first one is taken as it is
        size = min(fitting) if fitting else 1 << (count - 1).bit_length() if near else count
        known.add(size)
        return size

    def _loop(self, moves: Sequence[int], own: Any, states: Any, seeds: Any, given: Any) -> Any:
        """The loop over a block's steps inside a program."""
        xs, order, count = given

        def one(carry: Any, x: Any) -> tuple[Any, Any]:
            before, fine = carry
            mine, number = x
            fine = fine & (number < count)

            def learner(take: Any, n: int, state: State, seed: Any) -> Learner:
                return Learner(lambda k: take(number * n + k), state, Numbers(seed, fine), binds=True)

            learners = list(map(learner, own, moves, before, seeds))
            told = as_arrays(self.function(*learners, mine))
            if [each.moves for each in learners] != moves:
                raise SettingError(
                    "OwnStep: the step makes more or fewer steps than when it was first called: what it "
                    "reads besides its arguments, other than numbers, is read once: make an OwnStep anew"
                )
            good = fine
            for each in learners:
                good = good & each.good
            after = tuple(each.state for each in learners)
            if sum(each.moves + 2 * each.copies for each in learners) > 1:  # one `apply` sees to it itself
                after = choose(good, lambda: after, before)
            return (after, good), (told, good)

        (after, _), outs = repeated(one, (states, order[0] == 0), (xs, order))
        return after, outs

    def _read(self) -> Any:
        """Return the numbers and texts that the function reads by name; warn if they change often."""
        found, known = settings_of(self.function), self.seen.read
        read = tuple(sorted((name, repr(value)) for name, value in found.items()))
        if read not in known:
            if len(known) == MANY - 1:
                last = next(reversed(known.values()))
                changing = ", ".join(name for name in found if found[name] != last.get(name))
                warnings.warn(
                    f"OwnStep: the step {shown(self.function)} has read {MANY} values of {changing}: each is "
                    "a program of its own to compile; give it as a part of the batch",
                    stacklevel=outside(),
                )
            known[read] = found
        return read

    def _tried_once(self, problems: tuple[Problem, ...], states: Sequence[State], x: Any, read: Any) -> Any:
        """Return what `_tried` finds, which is looked for once for all that one program serves."""
        carried = tuple(shapes_in(state.carried) for state in states)
        key = problems, form_of(x), carried, read
        if key not in self.seen.tried:
            self.seen.tried[key] = self._tried(problems, states, x)
        return self.seen.tried[key]

    def _tried(
        self, problems: Sequence[Problem], states: Sequence[State], x: Any
    ) -> tuple[list[int], list[Any], Any]:
        """Trace the function; return the steps that it makes per model, shapes of carried states, names told.

        Nothing is calculated.
        """
        moves: list[int] = []
        carried: list[Any] = []
        form: Any = None

        def tried(vectors: Any, x: Any) -> Any:
            nonlocal form
            learners = [
                Learner(
                    partial(_numbered, p, table_of(p, [0], str(s.params.vector.dtype))),
                    s._replace(params=p.layout.layout.bind(v), seed=None),
                    Numbers(_Zero()),
                    binds=True,
                )
                for p, s, v in zip(problems, states, vectors, strict=True)
            ]
            told = as_arrays(self.function(*learners, x))
            moves[:] = [learner.moves for learner in learners]
            carried[:] = [tree_map(lambda array: array.shape, each.carries) for each in learners]
            form = mapped(lambda _: None, told)
            return told

        check_draws(f"the step {shown(self.function)}", self.function)
        try:
            shapes_of(tried, tuple(state.params.vector for state in states), x)
        except Exception as error:
            if "Cannot apply JAX transformations" in str(error):
                raise SettingError(OTHER) from error
            if isinstance(error, AttributeError) and IN_PLACE.search(str(error)):
                raise SettingError(f"OwnStep: the step writes into {WRITTEN}") from error
            if not_followed(error):
                raise SettingError(
                    UNFOLLOWED.format(f"the step {shown(self.function)}") + instead(error)
                ) from error
            raise
        return moves, carried, form


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
    (``xp = namespace(x)``); of what else it reads, numbers are read at each call, and arrays once. A step in
    which a gradient is not finite is not made, for any of the models.

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
        self._seen = _Seen()

    def __call__(self, batches: Iterable[Any]) -> list[Any]:
        """Make a step with each batch; return what each step returned.

        Parameters
        ----------
        batches : iterable
            The input of each step: arrays, or tuples or dicts of them. All batches are taken before the first
            step; those of a generator are copied, as it may fill the same array again.

        Raises
        ------
        NonFiniteError
            If a gradient is not finite; the steps before that one are made.
        """
        models, dtype = self.models, self.models[0].dtype
        if isinstance(batches, (tuple, dict)):
            kind = type(batches).__name__
            raise DataError(f"OwnStep: expected a list of batches, or the like, got a {kind}: give [batch]")
        iterable = isinstance(batches, Iterable) or hasattr(type(batches), "__getitem__")
        if isinstance(batches, (str, bytes, Mapping)) or not iterable:
            raise DataError(f"OwnStep: expected a list of batches, or another iterable, got {shown(batches)}")
        copies = isinstance(batches, Iterator)
        blocks = [numbers(batch, dtype, copies) for batch in batches]
        if models[0].backend != "numpy" and dtype == "float32":
            for k, block in enumerate(blocks):
                check_whole(block, k)
        if not blocks:
            raise DataError("OwnStep: there are no batches to make steps with")
        problems = Together(tuple(model.problem for model in models))
        placements = [getattr(model.executor, "placement", None) for model in models]
        run, executor = _Running(self.step, placements, self._seen), models[0].executor
        told, error = list[Any](), None
        with ExitStack() as locks:
            for model in models:
                locks.enter_context(model.executor.lock)
                locks.enter_context(_busy(model))
            states = States(tuple(model.live for model in models))
            for group in [blocks] if models[0].backend == "numpy" else alike(blocks):
                ran = executor.run(run, problems, states, group)
                before, states, error = states, ran.state, ran.error
                for model, old, state in zip(models, before.states, states.states, strict=True):
                    if model.live is not old:
                        raise SettingError(f"OwnStep: {OWN}")
                    model.live = state
                told += [measured.prediction for measured in ran.measured]
                if error is not None:
                    break
        if isinstance(error, NotFiniteError):
            raise self._not_finite(run, problems, blocks[len(told)], len(told))
        if isinstance(error, ValueError) and "read-only" in str(error):
            raise SettingError(f"OwnStep: the step writes into {WRITTEN}") from error
        if error is not None:
            raise error
        return [mapped(_number, one) for one in told]

    def _not_finite(self, run: _Running, problems: Together, batch: Any, number: int) -> NonFiniteError:
        """Repeat a bad step on the host, and return the error that says what is not finite."""
        host = States(tuple(model.state for model in self.models))
        found = f"step {number} of these batches: a gradient is not finite"
        try:
            with np.errstate(all="ignore"):
                run(problems, host, batch, Numbers(host.seed), strict=True)
        except NonFiniteError as said:
            found = str(said)
        return NonFiniteError(f"{found}{wrong_in(batch)}")


class _Away:
    """What a model has for an executor while steps run over it: for the step itself none, as it is mistaken.

    All that reads or changes the weights of a model asks for its executor.

    Parameters
    ----------
    executor : Executor
        The executor, which other threads use as before.
    """

    def __init__(self, executor: Any) -> None:
        self._executor, self._thread = executor, get_ident()

    def __getattr__(self, name: str) -> Any:
        if get_ident() == self._thread:
            raise SettingError(OWN)
        return getattr(self._executor, name)


@contextmanager
def _busy(model: Any) -> Iterator[None]:
    """Keep a step from calling its models themselves."""
    executor = model.executor
    model.executor = _Away(executor)
    try:
        yield
    finally:
        model.executor = executor


def _number(told: Any) -> Any:
    """Return a NumPy array without axes as a NumPy number."""
    return told[()] if isinstance(told, np.ndarray) and not told.ndim else told
