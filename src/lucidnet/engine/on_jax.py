"""The executor on devices: the same functions compiled by JAX, many steps at a time.

What a step does is written once, in `update` and `stream`. Only the differences are here: a state passes
through a compiled loop, numbers come in as arguments, and non-finite values are found after the block.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..backend import Array, Tree
from ..backend.config import DeviceConfig
from ..backend.splitmix import Keys
from ..backend.xla.device import keep_programs, precision, repeated
from ..backend.xla.mesh import Mesh
from ..backend.xla.processes import gathered, together, watching
from ..backend.xla.pytrees import register
from ..backend.xla.sizes import noted, shapes_in
from ..backend.xla.target import Target
from ..core.caches import program_folder
from ..core.prefetch import prefetch
from ..core.signals import DeferInterrupt
from ..core.text import Brief
from ..core.trees import floats, part_of, tree_map
from ..data.batch import Batch, Shard, bytes_of, places_in, rows
from ..layers import walk
from .numbers import Numbers, bound, table_of
from .on_numpy import OnNumpy
from .placement import Placement, dressed, dtype_of, stripped
from .problem import Problem
from .programs import Programs
from .protocol import Executor, NotFiniteError, Own, Ran
from .search import advance as search
from .state import Measured, Measurements, State
from .stream import Segment, StreamInput, StreamProblem
from .transfer import Feed, Prepared, batches
from .update import evaluate, measured_gradient, predict

BYTES = 1 << 25
"""The approximate number of bytes of inputs sent to the device at a time."""
SOURCE = frozenset({"source"})
"""What is kept of a step outside of programs."""
FEW, MOST, WORK = 128, 512, 1 << 30
"""The most steps made at a time: MOST if they are short, FEW if they are long, so that Ctrl-C need not wait.

Short are those whose weights times examples (times time steps, pixels or tokens) are at most WORK in all.
"""


class OnJax(Executor, Brief):
    """The executor on devices: runs compiled programs, each for a whole block of steps.

    Programs are shared by all executors of a process: a copy of a model, another seed or another rate
    compiles nothing. A program leaves its arguments unchanged, so that a state is whole in whatever thread it
    is read, and after any interrupt.

    Parameters
    ----------
    config : DeviceConfig
        On which devices, and how precisely.
    """

    most_times, uniform = 1000, True

    def __init__(self, config: DeviceConfig) -> None:
        self.config, self.mesh = config, Mesh(config.kind, config.mesh)
        self.lock = threading.RLock()
        self.main = self.mesh.index == 0
        self.compiler, self.placement = Programs(config.mixed), Placement(self.mesh)
        self.feed = Feed(self.mesh)
        self.single = Mesh(config.kind, whole=True)
        """One device of this process, for streams."""
        self.last: tuple[Any, Callable[[], Any]] = None, lambda: None
        """The state after the last block that made steps, and what returns the one before its last step."""
        register()
        if (folder := program_folder()) is not None:
            keep_programs(folder)

    @property
    def programs(self) -> int:
        """How many programs have been compiled for this executor."""
        return self.compiler.count

    @property
    def compile_seconds(self) -> float:
        """How long compilation took, in seconds."""
        return self.compiler.seconds

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
        if fn is search:  # on the host, which asks for losses and gradients
            steps: Any = blocks.steps if isinstance(blocks, Prepared) else blocks
            return OnNumpy().run(partial(search, look=self._look), problem, self.host(state), steps)
        done: list[Ran[Any]] = []
        try:
            with self.lock, precision(dtype_of(state)), DeferInterrupt():
                stepped = self._streamed if isinstance(blocks, Segment) else self._stepped
                made = partial(fn.compiled, self) if isinstance(fn, Own) else partial(stepped, fn)
                done.append(made(problem, state, blocks, keep))
        except BaseException as error:
            # Ctrl-C has waited for the block.
            return done[0]._replace(error=error) if done else Ran(state, [], error)
        return done[0]

    def _stepped(
        self, fn: Any, problem: Problem, state: State, blocks: Any, keep: frozenset[str]
    ) -> Ran[Any]:
        """Run a block of training steps on batches."""
        dtype = dtype_of(state)
        given = blocks if isinstance(blocks, Prepared) else self.feed.prepared(blocks, dtype)
        send = partial(self.feed.prepared, given.steps, dtype, given.size)
        state = self.placement.put(problem, state, self.mesh, given.steps[0][0])
        moves = np.arange(given.size) < len(given.steps)
        ran = self._block((fn, problem, keep - SOURCE), state, given[:2], moves, len(given.steps), send)
        if keep & SOURCE and self.mesh.processes == 1:  # the gradients themselves do not leave the program
            measured: Any = ran.measured
            measured.source = partial(self._first, given)
        return ran

    def _first(self, given: Prepared) -> Batch:
        """Return the batch of a single step as NumPy arrays, from its copy on the devices."""
        return Batch(*part_of(self.arrays(given.batches[0]), 0))

    def _streamed(self, fn: Any, static: StreamProblem, stream: Any, given: Segment, keep: Any) -> Ran[Any]:
        """Run the time steps of a stream segment."""
        stream = stream._replace(state=self.placement.put(static.own, stream.state, self.single, None))
        every = np.full(len(given), given.target is not None)
        moves = every if given.moves is None else every & given.moves
        inputs = given.arrays, None
        return self._block((fn, static, keep), stream, inputs, moves, len(given), lambda: inputs)

    def _block(
        self, steps: Any, state: Any, given: Any, moves: Array, count: int, send: Callable[[], Any]
    ) -> Ran[Any]:
        """Run the program of a block of steps, which are a function, its problem, and what they keep.

        `moves` tells in which of them the optimizer updates the weights. `send` sends the inputs again, if
        steps must be repeated: those on the devices are not kept for that.
        """
        static, dtype = steps[1], dtype_of(state)
        stream = isinstance(static, StreamProblem)
        mesh, problem = (self.single, static.problem) if stream else (self.mesh, static)
        bare, order = stripped(state), np.arange(len(moves))
        numbers = table_of(problem, (state.step + np.cumsum(moves) - moves).tolist(), dtype)

        def told(n: int) -> Any:
            """Return the rows of numbers, each followed by 1 if its step is among the first n, else 0."""
            rows = np.column_stack([numbers, order < n]).astype(dtype, copy=False)
            return rows if len(mesh.devices) == 1 else mesh.put(rows)

        xs = told(count)
        program = self.compiler.block(
            steps,
            partial(_loop, *steps),
            (bare, given, xs),
            mesh,
            lambda: (mesh.weights(bare), (mesh.sharding(), mesh.spread(1), mesh.spread(1), mesh.sharding())),
        )
        table = self.compiler.table(program, state.seed, mesh)

        def before_last() -> Any:
            if fine == 1:
                return state
            with precision(dtype), together(self.mesh.processes, "training"):
                made = program.function(table, bare, send()[:2], told(fine - 1))[0]
            return dressed(made, state, int(moves[: fine - 1].sum()))

        with together(self.mesh.processes, "training"):
            after, outs = program.function(table, bare, given, xs)
            found, predictions, *others = mesh.fetch(outs, 1)
        each = found.shape[1] // 2
        losses, terms, good = found[:, :each], found[:, each:-1], found[:, -1] > 0
        fine = int(np.cumprod(good[:count]).sum())
        measured = Measurements(losses, terms, predictions, good, *others)
        after = dressed(after, state, int(moves[:fine].sum())) if fine else state
        if fine:  # if no step was made, the block before stays the last
            self.last = after, before_last
        if fine == count:
            return Ran(after, measured.cut(count))
        made, previous = self.last
        ran = Ran(after, measured.cut(fine), NotFiniteError(measured[fine]))
        return ran._replace(previous=previous) if made is after else ran

    def _look(self, problem: Problem, state: State, batches: Any, numbers: Numbers) -> Measured:
        """Return loss and gradient on the batches of a step, as `measured_gradient` finds them."""
        dtype = dtype_of(state)
        with precision(dtype):
            bare = stripped(self.placement.put(problem, state, self.mesh, batches[0]))
            rows = self.mesh.put(table_of(problem, [state.step], dtype))
            given = (bare, self.feed.prepared([batches], dtype)[:2], rows)
            program = self.compiler.block(("look", problem), partial(_looked, problem), given, self.mesh)
            table = self.compiler.table(program, state.seed, self.mesh)
            with together(self.mesh.processes, "training"):
                made = self.mesh.fetch(program.function(table, *given))
        gradient = np.concatenate([a.reshape(-1) for a in made.gradient.arrays])
        losses, terms = (tuple(map(float, values)) for values in (made.losses, made.terms))
        return Measured(losses, terms, made.predictions, gradient, bool(made.good), made.masks, made.parts)

    # --- other functions -------------------------------------------------------------------------------

    def call(self, fn: Callable[..., Any], static: Any, *args: Any) -> Any:
        """Return ``fn(static, *args)``, compiled; see `Executor.call`."""
        with precision(dtype_of(args[0])):
            if isinstance(fn, Own):
                return fn.compiled(self, static, args[0], args[1:], frozenset())
            known: dict[Any, Any] = {predict: self._predicted, evaluate: self._evaluated}
            return known.get(fn, partial(self._begun, fn))(static, *args)

    def _evaluated(self, problem: Problem, params: Any, carried: Tree, batch: Any) -> tuple[Measured, Tree]:
        dtype, mesh = dtype_of(params), self.mesh

        def infer(params: Any, given: Any, carried: Tree, values: Tree) -> Any:
            found, left = evaluate(bound(problem, values), params, carried, *_single(given, dtype))
            told = found.losses, found.terms, found.parts
            return told, (found.predictions, found.masks), left

        arguments = (
            self.placement.params(params, mesh),
            self.feed.prepared([[batch]], dtype)[:2],
            mesh.put(floats(carried, dtype)),
            mesh.put(table_of(problem, [0], dtype)[0]),
        )
        sharding = (mesh.sharding(), mesh.spread(0), mesh.sharding())
        program = self.compiler.function(("evaluate", problem), infer, arguments, mesh.target, sharding)
        with together(mesh.processes, "evaluating"):
            (losses, terms, parts), trees, left = mesh.fetch(program(*arguments))
        told = tuple(map(float, losses)), tuple(map(float, terms))
        return Measured(*told, trees[0], masks=trees[1], parts=parts), left

    def _predicted(self, net: Any, params: Any, x: Any, mask: Any) -> tuple[Any, Tree]:
        """Return a network's outputs; rows are padded to a power of two, so that few programs compile."""
        count = rows(x)
        size = 1 << (count - 1).bit_length() if fills(net, None) else count
        chosen = np.arange(size) * (np.arange(size) < count)
        x, mask = part_of((floats(x, dtype_of(params)), mask), chosen)
        noted(self, "predict", tuple(shape[1:] for shape in shapes_in((x, mask))))
        given = self.placement.params(params, None), *self.mesh.near((x, mask))
        key, target = ("predict", self.compiler.structure(net)), Target(self.mesh.target.kind)
        program = self.compiler.function(key, lambda *given: predict(net, *given)[0], given, target)
        return tree_map(lambda array: array[:count], self.mesh.fetch(program(*given))), {}

    def _begun(self, fn: Any, static: StreamProblem, stream: Any, x: Array) -> Any:
        """Return the state before the first time step of a stream."""
        stream = self.placement.stream(static, stream, self.single)
        given = (stripped(stream), self.single.put(x))
        program = self.compiler.function((fn, static), partial(fn, static), given, self.single.target)
        return dressed(program(*given), stream)

    # --- states ----------------------------------------------------------------------------------------

    def lend(self, reader: Any) -> None:
        """Do nothing, as no state is ever overwritten."""

    def host(self, state: State) -> State:
        """Copy a state to read-only NumPy arrays."""
        return self.placement.host(state)

    def arrays(self, tree: Any) -> Any:
        """Copy a tree of arrays to NumPy."""
        return self.mesh.fetch(tree)

    # --- a training ------------------------------------------------------------------------------------

    def shard(self, problem: Problem) -> Shard:
        """Return the share of each batch that this process works on."""
        mesh, filled = self.mesh, problem.loss.independent and fills(problem.net, problem.rule)
        return Shard(mesh.index, mesh.processes, mesh.rows, filled, bool(problem.layout.stateful))

    def steps_per_call(self, problem: Problem, batches: Sequence[Any]) -> int:
        """Return how many steps with batches like these to run in one call."""
        work = max(1, problem.layout.parameters.size) * sum(map(places_in, batches))
        size = max(1, sum(map(bytes_of, batches)))
        return max(1, min(MOST, max(FEW, WORK // work), BYTES // size))

    @contextmanager
    def training(self) -> Iterator[None]:
        """Return a context for training: watches for stuck processes, frees data on devices at the end."""
        with watching(self.mesh.processes):
            self.feed.lends = True
            try:
                yield
            finally:
                self.feed.forget()

    @contextmanager
    def prefetch(self, blocks: Iterator[Any], state: State) -> Iterator[Iterator[tuple[Any, Any]]]:
        """Yield blocks with their batches on the devices, preparing the next while one is worked on."""
        made = prefetch(self.feed.in_advance(blocks, dtype_of(state)), 1)
        try:
            yield made
        finally:
            made.close()  # type: ignore[attr-defined]

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes."""
        if self.mesh.processes == 1:
            return [value]
        with together(self.mesh.processes, "agreeing"):
            return gathered(value)


def _loop(
    fn: Any,
    static: Any,
    keep: frozenset[str],
    places: Any,
    table: Array,
    state: Any,
    given: Any,
    xs: Any,
) -> Any:
    """The loop over a block's steps inside a program: from a state to the next one, and the measurements."""
    stream = isinstance(static, StreamProblem)
    inputs, data = given
    dtype = dtype_of(state)

    def one(carry: Any, x: Any) -> tuple[Any, Any]:
        state, fine = carry
        mine, row = x
        made = row[-1] > 0
        here: Any = bound(static.problem if stream else static, row[:-1])
        if stream:
            here = replace(static, problem=here)
            read: Any = StreamInput(*mine)
        else:
            read = batches(mine, data, dtype)
        numbers = Numbers(Keys(places, table), fine & made)
        after, found = fn(here, state, read, numbers, keep=keep)
        xp = fine.__array_namespace__()
        numbers_out = (*found.losses, *found.terms, found.good)
        told = xp.stack([xp.asarray(value, dtype=dtype) for value in numbers_out])
        trees = found.predictions, found.masks, found.parts
        return (after, fine & (xp.asarray(found.good) | ~made)), (told, *trees)

    (state, _), outs = repeated(one, (state, xs[0, -1] == xs[0, -1]), (inputs, xs))
    return state, outs


def _looked(problem: Problem, places: Any, table: Array, state: Any, given: Any, xs: Any) -> Measured:
    """Compute loss and gradient of a step inside a program."""
    numbers = Numbers(Keys(places, table))
    return measured_gradient(bound(problem, xs[0]), state, _single(given, dtype_of(state)), numbers)


def _single(given: Any, dtype: str) -> list[Batch]:
    """Return the batches of a single step inside a program, from their prepared form."""
    return batches(part_of(given[0], 0), given[1], dtype)


def fills(net: Any, rule: Any) -> bool:
    """Tell whether batches may be padded with examples that do not count."""
    return all(one.independent and (rule is None or rule.within(one).independent) for _, one in walk(net))
