"""The executor on devices: the same functions compiled by JAX, many steps at a time.

What a step does is written once, in `update` and `stream`. Here stands only what differs: a state goes
through a loop of the compiler, numbers come in as arguments, and what was not finite is found out after
the block.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array, Parts, Tree
from ..backend.layout import Flat
from ..backend.xla.device import compiled, keep_programs, precision, repeated, signature
from ..backend.xla.mesh import Mesh
from ..backend.xla.mixed import with_bfloat16
from ..backend.xla.processes import Watchdog, gathered, together
from ..backend.xla.pytrees import register
from ..backend.xla.target import Target, compiling_for
from ..core.prefetch import prefetch
from ..core.signals import defer_interrupt
from ..core.trees import ordered, tree_map
from ..data.batch import Shard, materialize, rows
from ..layers import walk
from .device import DeviceConfig, program_folder
from .feedback import fresh_memory
from .numbers import Keys, Numbers, Reader, bound, readers, table_of
from .problem import Problem
from .protocol import NotFiniteError, Ran
from .search import advance as search
from .state import FeedbackState, Measured, Measurements, State, read_only
from .stream import Segment, StreamInput, StreamProblem
from .structure import Structure
from .transfer import Feed, Prepared, batches, bytes_of, floats, mapped
from .update import evaluate, measured_gradient, predict

BYTES = 1 << 25
"""How many bytes of inputs are sent to the device at a time, about."""
MOST = 128
"""How many steps are made at a time, at most."""
PLACES = 64
"""For how many places that draw random numbers a program has room at first."""
KEPT = 512
"""How many programs a process keeps; beyond that the one used longest ago goes."""


class Program(NamedTuple):
    """A compiled loop over the steps of a block: function(table, state, given, data, xs).

    `places` are those that draw random numbers, for the table of a seed with so many rows; see `Keys`.
    """

    function: Callable[..., Any]
    places: list[tuple[str, ...]]
    rows: int


PROGRAMS: dict[Any, Any] = {}
"""All programs of this process, by what they do, what that is for, and on which devices."""


class Block(NamedTuple):
    """A block of steps that was made: the state after it, how many they were, and what makes some again."""

    after: Any
    steps: int
    again: Callable[[int], Any]


class OnJax:
    """Makes steps on devices, as many at a time as are given.

    Programs are shared by all executors of a process: a copy of a model, another seed, another rate compile
    nothing. What a program is given it leaves as it is, so that a state is whole in whatever thread it is
    read, and after whatever interrupt.

    Parameters
    ----------
    config : DeviceConfig
        On which devices, and how precisely.
    """

    most_times = 1000

    def __init__(self, config: DeviceConfig) -> None:
        self.config, self.mesh = config, Mesh(config.kind, config.mesh)
        self.lock = threading.RLock()
        self.programs, self.compile_seconds, self.main = 0, 0.0, self.mesh.index == 0
        self.feed = Feed(self.mesh)
        self.watchdog: Watchdog | None = None
        self.single = self.mesh if config.mesh is None else Mesh(config.kind)
        """One device of this process, for what is not spread over several."""
        self.tables: dict[Any, Any] = {}
        self.nets: dict[int, tuple[Any, Structure]] = {}
        self.read: tuple[Any, list[Reader]] = (None, [])
        self.sent: tuple[Any, Any] = (None, None)
        """Parameters of NumPy that were sent to the devices, and the same there."""
        self.orders: tuple[Tree, Tree] = ({}, {})
        """Feedback weights and carried states in the order of the layers; a compiler sorts them."""
        self.last: Block | None = None
        register()
        if (folder := program_folder()) is not None:
            keep_programs(folder)

    # --- steps -----------------------------------------------------------------------------------------

    def run(
        self,
        fn: Callable[..., Any],
        problem: Any,
        state: Any,
        blocks: Any,
        keep: frozenset[str] = frozenset(),
    ) -> Ran[Any]:
        """Make a step for each block; see `Executor.run`."""
        if fn is search:
            return self._searched(problem, state, blocks)
        done: list[Ran[Any]] = []
        try:
            with self.lock, precision(dtype_of(state)), defer_interrupt():
                made = self._streamed if isinstance(blocks, Segment) else self._stepped
                done.append(made(fn, problem, state, blocks, keep))
        except BaseException as error:
            if not done:
                return Ran(state, [], error)
            done[0].error = error  # Ctrl-C has waited for the block
        return done[0]

    def _stepped(
        self, fn: Any, problem: Problem, state: State, blocks: Any, keep: frozenset[str]
    ) -> Ran[Any]:
        """Make steps on batches."""
        given = blocks if isinstance(blocks, Prepared) else self.feed.prepared(blocks, dtype_of(state))
        state = self._sent(problem, state, self.mesh, materialize(given.steps[0][0]).x)
        moves = np.arange(given.size) < len(given.steps)
        read = partial(_batches, problem.objective.net, dtype_of(state))
        return self._block(
            fn, problem, state, (given.batches, given.data), moves, len(given.steps), keep, read
        )

    def _streamed(self, fn: Any, static: StreamProblem, stream: Any, given: Segment, keep: Any) -> Ran[Any]:
        """Make the time steps of a stream."""
        stream = stream._replace(state=self._sent(static.problem, stream.state, self.single, None))
        every = np.full(len(given), given.target is not None)
        moves = every if given.moves is None else every & given.moves
        read = partial(_input, moves=True if given.moves is None else None)
        return self._block(fn, static, stream, (given.arrays, None), moves, len(given), keep, read)

    def _block(
        self, fn: Any, static: Any, state: Any, given: Any, moves: Array, count: int, keep: Any, read: Any
    ) -> Ran[Any]:
        """Run the program of a block; `moves` says at which of its steps the optimizer moves the weights."""
        stream, dtype = isinstance(static, StreamProblem), dtype_of(state)
        mesh, problem = (self.single, static.problem) if stream else (self.mesh, static)
        bare, order = _bare(state), np.arange(len(moves))
        numbers = table_of(self._readers(problem), (state.step + np.cumsum(moves) - moves).tolist(), dtype)

        def told(n: int) -> Any:
            """Return the rows of numbers, and behind each whether its step is among the first n."""
            rows = np.column_stack([numbers, order < n]).astype(dtype, copy=False)
            return rows if len(mesh.devices) == 1 else mesh.put(rows)

        xs = told(count)
        loop = partial(_loop, fn, static, keep, read)
        whole_, spread = mesh.sharding(), mesh.spread(1)
        program = self._program(
            (fn, static, keep, read.keywords.get("moves")),
            loop,
            (bare, given, xs),
            mesh,
            lambda: (mesh.weights(bare), (whole_, spread)),
        )
        table = self._table(program, state.seed, mesh)

        def again(n: int) -> Any:
            if n == 0:
                return state
            return _dressed(program.function(table, bare, given, told(n))[0], state, int(moves[:n].sum()))

        with together(self.mesh.processes):
            after, outs = program.function(table, bare, given, xs)
            found, predictions = mesh.fetch(outs, 1)
        if self.watchdog is not None:
            self.watchdog.beat()
        losses, terms = np.split(found[:, :-1], 2, axis=1)
        good = found[:, -1] > 0
        fine = int(np.cumprod(good[:count]).sum())
        measured = Measurements(losses, terms, predictions, good)
        after = _dressed(after, state, int(moves[:fine].sum())) if fine else state
        before = self.last
        if fine:  # a block of which nothing was made leaves the one before it the last
            self.last = Block(after, fine, again)
        if fine == count:
            return Ran(after, measured.cut(count))

        def previous() -> Any:
            if fine:
                return again(fine - 1)
            return before.again(before.steps - 1) if before is not None and before.after is state else None

        return Ran(after, measured.cut(fine), NotFiniteError(measured[fine]), previous)

    def _searched(self, problem: Problem, state: State, blocks: Any) -> Ran[State]:
        """Make steps by an optimizer that searches on the host: each look at the loss is compiled."""
        measured: list[Measured] = []
        state = self.host(state)
        steps: Any = blocks.steps if isinstance(blocks, Prepared) else blocks
        for given in steps:
            try:
                after, found = search(problem, state, given, Numbers(state.seed), look=self._look)
            except BaseException as error:
                return Ran(state, measured, error)
            if not found.good:
                return Ran(state, measured, NotFiniteError(found))
            state = after
            measured.append(found)
        return Ran(state, measured)

    def _look(self, problem: Problem, state: State, batch: Any, numbers: Numbers) -> Measured:
        """Return loss and gradient of a batch, as `measured_gradient` finds them."""
        dtype = dtype_of(state)
        with precision(dtype):
            given = self.feed.prepared([[batch]], dtype)
            read = partial(_batches, problem.objective.net, dtype)
            bare = _bare(self._sent(problem, state, self.mesh, materialize(batch).x))
            xs = self.mesh.put(table_of(self._readers(problem), [state.step], dtype))
            look = frozenset({"gradient", "predictions"})
            program = self._program(
                ("look", problem),
                partial(_looked, problem, read),
                (bare, (given.batches, given.data), xs),
                self.mesh,
            )
            table = self._table(program, state.seed, self.mesh)
            with together(self.mesh.processes):
                made = self.mesh.fetch(program.function(table, bare, (given.batches, given.data), xs))
        del look
        gradient = np.concatenate([a.reshape(-1) for a in made.gradient.arrays])
        losses, terms = (tuple(map(float, values)) for values in (made.losses, made.terms))
        return Measured(losses, terms, made.predictions, gradient, bool(made.good))

    # --- other functions -------------------------------------------------------------------------------

    def call(self, fn: Callable[..., Any], static: Any, *args: Any, local: bool = False) -> Any:
        """Return ``fn(static, *args)``, compiled; see `Executor.call`."""
        with precision(dtype_of(args[0])):
            if fn is predict:
                return self._predicted(static, *args)
            if fn is evaluate:
                return self._evaluated(static, *args)
            return self._begun(fn, static, *args)

    def _evaluated(self, problem: Problem, params: Any, carried: Tree, batch: Any) -> tuple[Measured, Tree]:
        dtype, mesh = dtype_of(params), self.mesh
        given = self.feed.prepared([[batch]], dtype)
        read = partial(_batches, problem.objective.net, dtype)

        def infer(params: Any, given: Any, carried: Tree, values: Tree) -> Any:
            (made,) = read(_rows(given, 0))
            found, left = evaluate(bound(problem, values), params, carried, made)
            return (found.losses, found.terms), found.predictions, left

        values = mesh.put(table_of(self._readers(problem), [0], dtype)[0])
        arguments = (
            self._on_device(params, mesh),
            (given.batches, given.data),
            mesh.put(floats(carried, dtype)),
            values,
        )
        sharding = (mesh.sharding(), mesh.spread(0), mesh.sharding())
        program = self._compiled(("evaluate", problem), infer, arguments, mesh.target, sharding)
        with together(mesh.processes):
            (losses, terms), predictions, left = mesh.fetch(program(*arguments))
        return Measured(tuple(map(float, losses)), tuple(map(float, terms)), predictions), left

    def _predicted(
        self, net: Any, params: Any, x: Any, mask: Array | None = None, states: Tree = None
    ) -> tuple[Any, Tree]:
        """Return what a network makes of rows, filled up to a power of two: few sizes, so few programs."""
        count = rows(x)
        size = 1 << (count - 1).bit_length() if states is None and fills(net, None) else count
        chosen = np.arange(size)
        chosen = np.where(chosen < count, chosen, 0)
        x, mask = (tree if tree is None else tree_map(lambda a: a[chosen], tree) for tree in (x, mask))
        given = (self._on_device(params, self.mesh), floats(x, dtype_of(params)), mask, states)
        given = self.mesh.near(given)

        def made(params: Any, x: Any, mask: Any, states: Any) -> Any:
            return predict(net, params, x, mask, states)[0]

        key = ("predict", self._structure(net))
        program = self._compiled(key, made, given, Target(self.mesh.target.kind))
        return tree_map(lambda array: array[:count], self.mesh.fetch(program(*given))), {}

    def _begun(self, fn: Any, static: StreamProblem, stream: Any, x: Array) -> Any:
        """Return what goes into the first time step of a stream."""
        problem, put = static.problem, self.single.put
        total = stream.total
        if isinstance(total, np.ndarray):
            total = problem.layout.parameters.parts(put(problem.layout.parameters.arrays(total)))
        stream = stream._replace(
            state=self._sent(problem, stream.state, self.single, None),
            feedback=put(stream.feedback),
            total=total,
        )
        given = (_bare(stream), put(x))
        program = self._compiled((fn, static), partial(fn, static), given, self.single.target)
        return _dressed(program(*given), stream)

    def _readers(self, problem: Problem) -> list[Reader]:
        """Return what finds the numbers of a step of a problem, found once."""
        if self.read[0] is not problem:
            self.read = problem, readers(problem)
        return self.read[1]

    def _structure(self, net: Any) -> Structure:
        """Return what a network is but for its numbers, found once."""
        if id(net) not in self.nets:
            if len(self.nets) >= 16:
                self.nets.clear()
            self.nets[id(net)] = net, Structure(net)
        return self.nets[id(net)][1]

    # --- programs --------------------------------------------------------------------------------------

    def _program(
        self,
        key: Any,
        loop: Callable[..., Any],
        given: Any,
        mesh: Mesh,
        sharding: Callable[[], Any] | None = None,
    ) -> Program:
        """Return the program of a block; with as many rows for random numbers as it needs."""
        key = (key, self.config.mixed, mesh.target, signature(given))
        known: Program | None = PROGRAMS.get(key)
        if known is not None:
            return known
        room, places = PLACES, list[tuple[str, ...]]()
        while True:
            table = mesh.put(np.zeros((room, 4), np.uint32))
            function = self._made(
                partial(loop, places), (table, *given), mesh.target, sharding and sharding()
            )
            if len(places) <= room:
                break
            room, places = 2 * len(places), []
        known = Program(function, places, room)
        _keep(key, known)
        return known

    def _compiled(
        self, key: Any, function: Any, given: Any, target: Target, sharding: Any = None
    ) -> Callable[..., Any]:
        """Return a function compiled for such arguments."""
        key = (key, self.config.mixed, target, signature(given))
        if (known := PROGRAMS.get(key)) is None:
            known = self._made(function, given, target, sharding)
            _keep(key, known)
        made: Callable[..., Any] = known
        return made

    def _made(self, function: Any, given: Any, target: Target, sharding: Any) -> Callable[..., Any]:
        began = time.perf_counter()
        with compiling_for(target):
            made = compiled(with_bfloat16(function) if self.config.mixed else function, given, (), sharding)
        self.programs += 1
        self.compile_seconds += time.perf_counter() - began
        return made

    def _table(self, program: Program, seed: int, mesh: Mesh) -> Any:
        """Return the words of a seed for a program, on the devices."""
        key = (id(program.places), seed, mesh is self.mesh)
        if key not in self.tables:
            if len(self.tables) >= 16:
                self.tables.clear()
            filled = Keys(program.places).filled(seed, program.rows)
            self.tables[key] = program, mesh.put(filled)
        return self.tables[key][1]

    # --- states ----------------------------------------------------------------------------------------

    def _sent(self, problem: Problem, state: State, mesh: Mesh, x: Any) -> State:
        """Return a state on the devices, with all branches that it will have after a step."""
        if isinstance(state.vector, Parts):
            if mesh is self.mesh or _lies_on(state, mesh):
                carried = state.carried or self._carried(problem, state, mesh, x)
                return state if carried is state.carried else state._replace(carried=carried)
            state = self.host(state)
        own, parameters = state.feedback, problem.layout.parameters

        def put(tree: Tree) -> Any:
            return mesh.put(tree, mesh.weights(tree))

        memory = own.memory
        if problem.taught is not None:
            slots = memory or fresh_memory(problem, own.weights)
            theirs = problem.taught.layout
            memory = {name: theirs.parts(put(theirs.arrays(slot))) for name, slot in slots.items()}
        self.orders = (tree_map(lambda array: None, own.weights), self.orders[1])
        slots = {}
        if not problem.optimizer.full_batch:  # it searches on the host, and remembers there
            slots = {n: parameters.parts(put(parameters.arrays(slot))) for n, slot in state.memory.items()}
        return State(
            self._on_device(state.params, mesh),
            slots,
            put(state.carried) if state.carried else self._carried(problem, state, mesh, x),
            FeedbackState(put(own.weights), memory),
            state.step,
            state.seed,
        )

    def _carried(self, problem: Problem, state: State, mesh: Mesh, x: Any) -> Tree:
        """Return states of 0 for stateful layers, which a program must be given."""
        if not problem.layout.stateful or x is None:
            return state.carried
        made = problem.carried_zeros(self.host(state).params, x)
        self.orders = (self.orders[0], tree_map(lambda array: None, made))
        return mesh.put(floats(made, dtype_of(state)))

    def _on_device(self, params: Any, mesh: Mesh) -> Any:
        """Return parameters on the devices; they may be there already."""
        if isinstance(params.vector, Parts):
            return params
        if self.sent[0] is not params:
            layout = params.layout
            arrays = layout.arrays(params.vector)
            self.sent = params, layout.bind(layout.parts(mesh.put(arrays, mesh.weights(arrays))))
        return self.sent[1]

    def hold(self, read: Callable[[], Any]) -> AbstractContextManager[Any]:
        """Read the state that is trained: its arrays never change."""
        return nullcontext(read())

    def host(self, state: State) -> State:
        """Return a state as NumPy's arrays that nobody can write."""
        if not isinstance(state.vector, Parts):
            return read_only(state)
        whole_ = self.mesh.whole(_bare(state))
        try:
            there = self.mesh.fetch(whole_)
        except RuntimeError as error:
            from ..errors import NotReadyError

            raise NotReadyError(
                "the weights were on a device, and are lost there: go on from a checkpoint "
                f"(fit(..., resume=folder)): {error}"
            ) from error
        dtype = dtype_of(state)
        feedback = FeedbackState(
            ordered(there.feedback.weights, self.orders[0]),
            {name: _joined(slot.arrays, dtype) for name, slot in there.feedback.memory.items()},
        )
        made = State(
            state.params.layout.bind(_joined(there.vector.arrays, dtype)),
            {name: _joined(slot.arrays, dtype) for name, slot in there.memory.items()},
            ordered(there.carried, self.orders[1]) if self.orders[1] else there.carried,
            feedback,
            state.step,
            state.seed,
        )
        return read_only(made)

    def arrays(self, tree: Any) -> Any:
        """Return a tree of arrays as NumPy's."""
        return self.mesh.fetch(tree)

    # --- a training ------------------------------------------------------------------------------------

    def shard(self, problem: Problem) -> Shard:
        """Return which part of each batch is this process's."""
        mesh = self.mesh
        return Shard(mesh.index, mesh.processes, mesh.rows, fills(problem.net, problem.rule))

    def steps_per_call(self, batches: Sequence[Any]) -> int:
        """Return how many steps with batches like these are made at a time."""
        return max(1, min(MOST, BYTES // max(1, sum(map(bytes_of, batches)))))

    @contextmanager
    def training(self) -> Iterator[None]:
        """Train: of several processes none may be stuck; data on the devices are let go at the end."""
        if self.mesh.processes > 1:
            self.watchdog = Watchdog()
        try:
            yield
        finally:
            self.feed.forget()
            if self.watchdog is not None:
                self.watchdog.close()
                self.watchdog = None

    @contextmanager
    def prefetch(self, blocks: Iterator[Any], state: State) -> Iterator[Iterator[tuple[Any, Any]]]:
        """Yield blocks with their batches on the devices; the next while one is worked on."""
        dtype = dtype_of(state)

        def prepared() -> Iterator[tuple[Any, Prepared]]:
            largest = 0
            for steps in blocks:
                largest = max(largest, len(steps))
                size = largest if largest <= 2 * len(steps) else len(steps)
                with precision(dtype):
                    yield steps, self.feed.prepared(steps, dtype, size)

        made = prefetch(prepared(), 1)
        try:
            yield made
        finally:
            made.close()  # type: ignore[attr-defined]

    def gather(self, value: Any) -> list[Any]:
        """Return what each of the processes has."""
        if self.mesh.processes == 1:
            return [value]
        with together(self.mesh.processes):
            return gathered(value)


def _loop(
    fn: Any,
    static: Any,
    keep: frozenset[str],
    read: Any,
    places: Any,
    table: Array,
    state: Any,
    given: Any,
    xs: Any,
) -> Any:
    """Make the steps of a block, inside a program: from a state to the one after, and what was measured."""
    stream = isinstance(static, StreamProblem)
    problem = static.problem if stream else static
    inputs, data = given
    dtype = dtype_of(state)

    def one(carry: Any, x: Any) -> tuple[Any, Any]:
        state, fine = carry
        mine, row = x
        here: Any = bound(problem, row[:-1])
        made = row[-1] > 0
        here = StreamProblem(here, static.rule, static.delay) if stream else here
        numbers = Numbers(Keys(places, table), fine & made)
        after, found = fn(here, state, read((mine, data)), numbers, keep=keep)
        xp = fine.__array_namespace__()
        numbers_out = (*found.losses, *found.terms, found.good)
        told = xp.stack([xp.asarray(value, dtype=dtype) for value in numbers_out])
        return (after, fine & (xp.asarray(found.good) | ~made)), (told, found.predictions)

    (state, _), outs = repeated(one, (state, xs[0, -1] == xs[0, -1]), (inputs, xs))
    return state, outs


def _looked(
    problem: Problem, read: Any, places: Any, table: Array, state: Any, given: Any, xs: Any
) -> Measured:
    """Return loss and gradient of a batch, inside a program."""
    (batch,) = read(_rows(given, 0))
    here = bound(problem, xs[0])
    return measured_gradient(here, state, batch, Numbers(Keys(places, table)))


def _batches(net: Any, dtype: str, given: Any) -> Any:
    prepared, data = given
    return batches(prepared, data, dtype, net)


def _input(given: Any, *, moves: Any) -> StreamInput:
    x, target, weights, place, theirs = given[0]
    return StreamInput(x, target, weights, place, theirs if moves is None else moves)


def _rows(given: Any, row: int) -> Any:
    """Return the batches of one step, of what was prepared."""
    return _row(given[0], row), given[1]


def fills(net: Any, rule: Any) -> bool:
    """Tell whether batches may be filled up with examples that do not count."""
    layers = [layer for _, layer in walk(net)]
    if rule is None:
        return all(layer.independent for layer in layers)
    from ..rules.credit import chosen

    return all(layer.independent and chosen(layer, rule).independent for layer in layers)


def dtype_of(state: Any) -> str:
    """Return the dtype of the weights of a state, or of parameters."""
    params = state if isinstance(state, Flat) else getattr(state, "state", state).params
    return str(params.vector.dtype)


def _bare(state: Any) -> Any:
    """Return a state as a program takes it: its step as an array, its seed left out."""
    core = getattr(state, "state", state)._replace(step=np.int32(state.step), seed=None)
    return core if isinstance(state, State) else state._replace(state=core)


def _dressed(state: Any, before: Any, moves: int = 0) -> Any:
    """Return a state that came out of a program, with its step and seed."""
    core = getattr(state, "state", state)._replace(step=before.step + moves, seed=before.seed)
    return core if isinstance(state, State) else state._replace(state=core)


def _joined(arrays: Sequence[Array], dtype: str) -> Array:
    """Return arrays as one vector."""
    return np.concatenate([array.reshape(-1) for array in arrays]) if arrays else np.zeros(0, dtype)


def _row(tree: Any, row: int) -> Any:
    """Return one row of each array of a tree of tuples and dicts."""
    return mapped(lambda array: array[row], tree)


def _lies_on(state: State, mesh: Mesh) -> bool:
    """Tell whether a state lies on the devices of a mesh, and on no others."""
    arrays = state.vector.arrays
    return not arrays or set(arrays[0].devices()) == set(mesh.devices)


def _keep(key: Any, program: Any) -> None:
    """Keep a program for the whole process."""
    while len(PROGRAMS) >= KEPT:
        PROGRAMS.pop(next(iter(PROGRAMS)))
    PROGRAMS[key] = program
