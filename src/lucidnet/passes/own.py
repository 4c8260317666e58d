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

from ..backend import choose
from ..backend.memory import sealed
from ..backend.results import UNFOLLOWED
from ..backend.xla.autodiff import instead, not_followed
from ..backend.xla.device import repeated, shapes_of
from ..backend.xla.sizes import noted, shapes_in
from ..core.own import check_draws
from ..core.owners import locks
from ..core.reads import Reads
from ..core.settings import accepts, shown
from ..core.text import Brief
from ..core.trees import floats, mapped, part_of, stacked, tree_map
from ..engine.numbers import Numbers, bound, table_of
from ..engine.placement import dressed, dtype_of
from ..engine.problem import Problem
from ..engine.protocol import NotFiniteError, Own, Ran
from ..engine.state import Measured, State
from ..errors import DataError, NonFiniteError, SettingError, outside
from .batches import alike, as_arrays, check_whole, form_of, in_order, numbers, wrong_in
from .carried import lasting, place_of_loss, settled, split
from .devices import program
from .learner import Learner, Spare

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
    """The states of several models, and what the step carries on besides."""

    states: tuple[State, ...]
    carried: Any = None

    @property
    def seed(self) -> Any:
        """The seed of the first model."""
        return self.states[0].seed

    @property
    def params(self) -> Any:
        """The parameters of the first model; all models have the same dtype."""
        return self.states[0].params


class _Seen:
    """What an `OwnStep` on devices keeps from call to call, by the shapes of a batch.

    Parameters
    ----------
    step : callable
        The user's function.
    """

    def __init__(self, step: Callable[..., Any]) -> None:
        self.sizes: dict[Any, set[int]] = {}
        """For how many steps programs were made so far."""
        self.tried: dict[Any, Any] = {}
        """What tracing the step has shown: see `_Running._tried`."""
        self.reads = Reads([step], f"OwnStep: the step {shown(step)}", "give it as a part of the batch")
        """What the step reads by name, whose change makes another program."""


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
    carries : bool
        Whether the function takes something that it carries on from step to step.
    """

    def __init__(
        self, function: Callable[..., Any], placements: Sequence[Any], seen: _Seen, carries: bool
    ) -> None:
        self.function, self.placements, self.seen = function, tuple(placements), seen
        self.carries = carries
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
        carried, told, good = self._called(learners, state.carried, x)
        if strict and not good:
            raise NonFiniteError(f"step {int(state.states[0].step)}: {place_of_loss(carried, state.carried)}")
        good = bool(good) and all([learner.good for learner in learners])
        after = States(tuple([learner.state for learner in learners]), mapped(_kept, carried))
        told = mapped(np.array, told)
        return after if good else state, Measured((0.0,), (1,), (told,), None, good)

    def _called(self, learners: Sequence[Learner], carried: Any, x: Any) -> tuple[Any, Any, Any]:
        """Call the function; return what it carries on, what it tells, and whether the former is finite."""
        if not self.carries:
            return None, as_arrays(self.function(*learners, x)), True
        after, told = split(self.function(*learners, carried, x))
        after = settled(after, carried)
        return after, as_arrays(told), lasting(after, carried)

    def compiled(
        self, executor: Any, problem: Any, state: Any, blocks: Sequence[Any], keep: frozenset[str]
    ) -> Ran[Any]:
        """Run a block of steps as one compiled program."""
        problems, count, mesh = problem.problems, len(blocks), executor.mesh
        pairs = zip(self.placements, problems, state.states, strict=True)
        placed = tuple(place.put(p, s, mesh, None) for place, p, s in pairs)
        size = self._size(executor, blocks)
        xs = stacked([*blocks, *[blocks[-1]] * (size - count)])
        carried = mesh.put(floats(state.carried, dtype_of(state)))
        (moves, shapes, form), read = self._tried_once(problems, placed, carried, blocks[0])
        placed = tuple(map(partial(_begun, mesh), self.placements, placed, shapes))
        counts, needed = ([n * each + 1 for each in moves] for n in (size, count))
        given = xs, np.arange(size, dtype="int32"), np.int32(count), carried
        key, loop = (self.function, "own", read), partial(self._loop, moves)
        after, outs = program(executor, key, loop, problems, placed, counts, given, needed=needed)
        (told, good), carried = mesh.fetch(outs)
        fine = int(np.cumprod(good[:count]).sum())
        told, carried = in_order(told, form), mapped(sealed, in_order(carried, state.carried))
        measured = [Measured((0.0,), (1,), (part_of(told, k),)) for k in range(fine)]
        states = States(
            tuple(dressed(a, b, fine * n) for a, b, n in zip(after, placed, moves, strict=True))
            if fine
            else state.states,
            carried,
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
        xs, order, count, carried = given

        def one(carry: Any, x: Any) -> tuple[Any, Any]:
            before, kept, fine = carry
            mine, number = x
            fine = fine & (number < count)

            def learner(take: Any, n: int, state: State, seed: Any) -> Learner:
                return Learner(lambda k: take(number * n + k), state, Numbers(seed, fine), binds=True)

            learners = list(map(learner, own, moves, before, seeds))
            now, told, good = self._called(learners, kept, mine)
            if [each.moves for each in learners] != moves:
                raise SettingError(
                    "OwnStep: the step makes more or fewer steps than when it was first called: what it "
                    "reads besides its arguments changes in itself, as an iterator does: make an OwnStep anew"
                )
            good = fine & good
            for each in learners:
                good = good & each.good
            after = tuple(each.state for each in learners)
            # One `apply` sees to it itself.
            if self.carries or sum(each.moves + 2 * each.copies for each in learners) > 1:
                after, now = choose(good, lambda: (after, now), (before, kept))
            return (after, now, good), (told, good)

        (after, carried, _), outs = repeated(one, (states, carried, order[0] == 0), (xs, order))
        return after, (outs, carried)

    def _note_written(self, read: Any) -> None:
        """Warn of what the function has changed while it was traced."""
        if written := self.seen.reads.traced(read):
            warnings.warn(
                f"OwnStep: the step {shown(self.function)} changes {', '.join(written)}, which a program of "
                "JAX does while it is compiled, and in no step: return what is to be told, and carry on what "
                "the next step needs, OwnStep(..., carried=)",
                stacklevel=outside(),
            )

    def _tried_once(self, problems: tuple[Problem, ...], states: Sequence[State], own: Any, x: Any) -> Any:
        """Return what `_tried` finds, looked for once for all that one program serves, and what is read."""
        carried = tuple(shapes_in(state.carried) for state in states)
        given, read = (problems, form_of(x), form_of(own), carried), self.seen.reads.now()
        if (given, read) not in self.seen.tried:
            made = self._tried(problems, states, own, x)
            self._note_written(read)
            read = self.seen.reads.now()  # without what the function changes itself
            self.seen.tried[given, read] = made
        return self.seen.tried[given, read], read

    def _tried(
        self, problems: Sequence[Problem], states: Sequence[State], own: Any, x: Any
    ) -> tuple[list[int], list[Any], Any]:
        """Trace the function; return the steps that it makes per model, shapes of carried states, names told.

        Nothing is calculated.
        """
        moves: list[int] = []
        carried: list[Any] = []
        form: Any = None

        def tried(vectors: Any, own: Any, x: Any) -> Any:
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
            _, told, _ = self._called(learners, own, x)
            moves[:] = [learner.moves for learner in learners]
            carried[:] = [tree_map(lambda array: array.shape, each.carries) for each in learners]
            form = mapped(lambda _: None, told)
            return told

        check_draws(f"the step {shown(self.function)}", self.function)
        try:
            shapes_of(tried, tuple(state.params.vector for state in states), own, x)
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
    (``xp = namespace(x)``); what else it reads by name, numbers, arrays, attributes of objects, is read at
    each call, and each value of it is a program. A step in which a gradient is not finite is not made, for
    any of the models.

    Parameters
    ----------
    step : callable
        The function.
    *models : Model
        The models, compiled (without a loss, if they have none), all of one backend and dtype.
    carried : array, or tuple or dict of them, optional
        What is carried on from each step to the next and belongs to no model: particles, a codebook, a
        learned number, an optimizer's memory. The step is ``step(*models, carried, x)`` then, and returns two
        things, ``carried`` of the next step, in the same form, and what it reports. It is this object's
        `carried` afterwards.

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

    def __init__(self, step: Callable[..., Any], *models: Any, carried: Any = None) -> None:
        if not callable(step):
            raise SettingError(f"OwnStep: expected a function step(*models, x), got {shown(step)}")
        if not models or not all(hasattr(model, "executor") for model in models):
            raise SettingError(
                f"OwnStep: expected one or more models after the function, got {shown(models)}"
            )
        beside = "" if carried is None else ", what is carried on"
        if not accepts(step, len(models) + 1 + bool(beside)):
            raise SettingError(
                f"OwnStep: step must take {len(models)} of the models{beside}, and a batch, got {shown(step)}"
            )
        kinds = {(model.config, model.dtype) for model in models}
        if len(kinds) > 1 or len(set(map(id, models))) < len(models):
            raise SettingError(
                "OwnStep: its models must be different ones, of one backend and dtype, got "
                f"{', '.join(f'{model.backend} {model.dtype}' for model in models)}"
            )
        self.step, self.models = step, models
        self.carried: Any = None if carried is None else numbers(carried, models[0].dtype, True, "carried")
        """What is carried on: as given, then as the last step of each call left it; it can be set."""
        self._carries, self._seen = carried is not None, _Seen(step)

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
        models, dtype, blocks = self.models, self.models[0].dtype, self._blocks(batches)
        problems = Together(tuple(model.problem for model in models))
        placements = [getattr(model.executor, "placement", None) for model in models]
        run = _Running(self.step, placements, self._seen, self._carries)
        executor, carried = models[0].executor, numbers(self.carried, dtype, True, "carried")
        told, error = list[Any](), None
        with ExitStack() as stack:
            for held in [*locks(*models), *map(_busy, models)]:
                stack.enter_context(held)
            states = States(tuple(model.live for model in models), carried)
            for group in [blocks] if models[0].backend == "numpy" else alike(blocks):
                ran = executor.run(run, problems, states, group)
                before, states, error = states, ran.state, ran.error
                for model, old, state in zip(models, before.states, states.states, strict=True):
                    if model.live is not old:
                        raise SettingError(f"OwnStep: {OWN}")
                    model.live = state
                self.carried = states.carried
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

    def _blocks(self, batches: Iterable[Any]) -> list[Any]:
        """Return all batches as arrays."""
        dtype = self.models[0].dtype
        if isinstance(batches, (tuple, dict)):
            kind = type(batches).__name__
            raise DataError(f"OwnStep: expected a list of batches, or the like, got a {kind}: give [batch]")
        iterable = isinstance(batches, Iterable) or hasattr(type(batches), "__getitem__")
        if isinstance(batches, (str, bytes, Mapping)) or not iterable:
            raise DataError(f"OwnStep: expected a list of batches, or another iterable, got {shown(batches)}")
        copies = isinstance(batches, Iterator)
        blocks = [numbers(batch, dtype, copies) for batch in batches]
        if self.models[0].backend != "numpy" and dtype == "float32":
            for k, block in enumerate(blocks):
                check_whole(block, k)
        if not blocks:
            raise DataError("OwnStep: there are no batches to make steps with")
        return blocks

    def _not_finite(self, run: _Running, problems: Together, batch: Any, number: int) -> NonFiniteError:
        """Repeat a bad step on the host, and return the error that says what is not finite."""
        host = States(tuple(model.state for model in self.models), self.carried)
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


def _kept(array: Any) -> Any:
    """Return a copy that nobody writes into, as a step may have made a view of what it was given."""
    return sealed(np.array(array))


def _number(told: Any) -> Any:
    """Return a NumPy array without axes as a NumPy number."""
    return told[()] if isinstance(told, np.ndarray) and not told.ndim else told
