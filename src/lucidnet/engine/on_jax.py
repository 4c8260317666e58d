"""The training step as a compiled program: many batches at a time, on JAX.

What a step does is `Step`'s and `Objective`'s, written once. Here stands only what differs: the state is
carried through a loop of the compiler, what follows a schedule comes in as numbers, and a step whose result
is not finite leaves the state as it was, which is found out after the block.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..backend import Array, Tree, finite, namespace
from ..backend.xla.device import either, precision, repeated, select
from ..backend.xla.mesh import Mesh
from ..backend.xla.processes import Watchdog, gathered, together
from ..core.prefetch import ahead
from ..core.signals import defer_interrupt
from ..core.trees import tree_map
from ..data.batch import Batch, Part, Rows, rows, whole
from ..errors import NonFiniteError
from ..inspect.diagnose import non_finite
from ..layers import Run, walk
from ..layers.base import masked
from .carry import Carry, Form, Remote, advanced, arrived, departed, joined, placed, primed, traced
from .device import Where
from .numbers import numbers_of, with_numbers
from .programs import Function, Programs
from .step import Measured, State, Step
from .transfer import Batches, Feed, Sent, bytes_of, floats, mapped, stacked

BYTES = 1 << 25
"""How many bytes of inputs are sent to the device at a time, about."""
MOST = 128
"""How many steps are made at a time, at most."""


class Engine:
    """Makes the steps of a `Step` on devices, as many at a time as are given.

    Parameters
    ----------
    step : Step
        What a step is.
    where : Where
        On which devices, and how precisely.
    """

    def __init__(self, step: Step, where: Where) -> None:
        self.step, self.where, self.mesh = step, where, Mesh(where.kind, where.mesh)
        self.feed = Feed(self.mesh, step.net)
        self.programs = Programs(where.mixed, self.mesh.target)
        self.known: tuple[State, Carry, Form] | None = None
        self.watchdog: Watchdog | None = None

    @property
    def part(self) -> Part:
        """Which part of each batch is this process's."""
        return Part(self.mesh.index, self.mesh.processes, self.mesh.rows, fills(self.step))

    def at_once(self, batches: Batches) -> int:
        """Return how many steps with batches like these are made at a time."""
        return max(1, min(MOST, BYTES // max(1, sum(map(bytes_of, batches)))))

    def ahead(self, blocks: Iterator[Any], state: State) -> Generator[tuple[Any, Sent]]:
        """Yield blocks of steps with their batches on the devices; the next while one is worked on."""
        dtype = self.dtype(state)

        def sent() -> Iterator[tuple[Any, Sent]]:
            largest = 0
            for steps in blocks:
                largest = max(largest, len(steps))
                size = largest if largest <= 2 * len(steps) else len(steps)
                with precision(dtype):
                    yield steps, self.feed.sent(steps, dtype, size)

        yield from ahead(sent(), 1)

    def run(
        self, state: State, steps: Sequence[Batches], sent: Sent | None = None, wanted: bool = True
    ) -> tuple[State, list[Measured]]:
        """Make steps, each of one or several batches, all of one shape.

        Parameters
        ----------
        state : State
            The state before; given away.
        steps : sequence of sequence of Batch or Rows
            The batches of each step.
        sent : Sent, optional
            The same, as `sent` returned it.
        wanted : bool
            Whether anyone looks at the network's outputs; they are None otherwise.

        Raises
        ------
        NonFiniteError
            If a loss or a gradient is not finite; `rescued` gives the state after the last good step.
        """
        if self.step.optimizer.full_batch:
            return self._searched(state, steps)
        dtype = self.dtype(state)
        with precision(dtype):
            sent = self.feed.sent(steps, dtype) if sent is None else sent
            _, carry, form = self._known(state, steps[0])
            xs = (sent.batches, *self._numbers(state, len(steps), sent.size, dtype))
            program = self._program(state, carry, sent.data, xs, wanted)
            with together(self.mesh.processes):
                with defer_interrupt():
                    self.known = None  # given away
                    carry, outs = program(carry, sent.data, xs)
                    self.known = self._after(state, carry, len(steps), form)
                outs = self.mesh.fetch(outs, 1)
            self._beat()
            return self._measured(state, steps, outs, wanted)

    def _beat(self) -> None:
        """Tell the watchdog that this process is not stuck."""
        if self.watchdog is not None:
            self.watchdog.beat()

    def _searched(self, state: State, steps: Sequence[Batches]) -> tuple[State, list[Measured]]:
        """Make steps by an optimizer that searches on the host: each look at the loss is compiled."""
        made: list[Measured] = []
        for batches in steps:
            state, measured = self.step.searched(state, batches, self._looked)
            made += measured
        return state, made

    def _looked(self, state: State, batch: Batch | Rows) -> tuple[Array, Measured]:
        """Return the gradient of a batch as one vector, and what was measured."""
        like, dtype = blank(state), self.dtype(state)

        def look(params: Any, data: Tree, given: Any, count: Array) -> Any:
            seen = placed(like, params, {}, count)
            (made,) = self.feed.batches(_row(given, 0), data, dtype)
            gradient, loss, found = self.step.penalized(seen, made)
            return gradient.arrays, loss, self.step.terms(made, found.prediction), found.prediction

        with precision(dtype):
            sent = self.feed.sent([[batch]], dtype)
            given = (self._params(state), sent.data, sent.batches, self.mesh.put(np.int32(state.step)))
            whole = self.mesh.lying()
            lying = (whole, whole, whole, self.mesh.spread(0))
            program = self.programs.of(("look", id(state.plan)), look, given, lying=lying)
            with together(self.mesh.processes):
                gradient, loss, terms, prediction = self.mesh.fetch(program(*given))
            self._beat()
        vector = joined(gradient, dtype)
        if not np.isfinite(loss) or not finite(vector):
            raise self._error(state, [batch])
        return vector, Measured(float(loss), prediction, float(terms))

    def _measured(
        self, state: State, steps: Sequence[Batches], outs: Any, wanted: bool
    ) -> tuple[State, list[Measured]]:
        """Return the state after a block and what it measured, or raise what went wrong in it."""
        assert self.known is not None
        losses, terms, predictions, good = outs
        made = int(good.sum())
        after, carry, form = self.known
        if made < len(steps):
            fine = self.mesh.put(np.array(True))
            self.known = after, carry, form = self._after(state, carry._replace(fine=fine), made, form)
            raise self._error(after, steps[made])
        return after, [
            Measured(float(losses[k, a]), _row(predictions[a] if wanted else None, k), float(terms[k, a]))
            for k in range(made)
            for a in range(len(steps[0]))
        ]

    def _after(self, state: State, carry: Carry, made: int, form: Form) -> tuple[State, Carry, Form]:
        """Return what is known after some steps: the state lies on the devices until it is read."""
        form = form._replace(spare=form.spare or made > 0)
        count, seed, plan = state.step + made, state.seed, state.plan
        there = self.mesh.whole(carry)

        def fetch() -> State:
            return arrived(self.mesh.fetch(there), count, seed, plan, form)

        return Remote.of(count, seed, plan, fetch), carry, form

    def dtype(self, state: State) -> str:
        """Return the dtype of a state's weights, without bringing them here."""
        return self.known[2].dtype if self.known and self.known[0] is state else state.vector.dtype.name

    def rescued(self, state: State) -> State:
        """Return the state after a program that was interrupted: what it was given is gone."""
        return state if self.known is None else self.known[0]

    def watch(self) -> None:
        """Begin a training; of several processes none may be stuck."""
        if self.mesh.processes > 1:
            self.watchdog = Watchdog()

    def release(self) -> None:
        """End a training; let go of the data on the devices."""
        self.feed.forget()
        if self.watchdog is not None:
            self.watchdog.close()
            self.watchdog = None

    def from_all(self, value: Any) -> list[Any]:
        """Return what each of the processes has."""
        if self.mesh.processes == 1:
            return [value]
        with together(self.mesh.processes):
            return gathered(value)

    def evaluated(self, state: State, batch: Batch, carried: Tree) -> tuple[Measured, Tree]:
        """Return what a batch measures in inference, and the states in which stateful layers stop."""
        like, dtype = blank(state), self.dtype(state)

        def infer(params: Any, data: Tree, given: Any, carried: Tree) -> Any:
            seen = replace(like, params=like.plan.layout.assembled(params))
            (made,) = self.feed.batches(_row(given, 0), data, dtype)
            found, left = self.step.inferred(seen, made, carried)
            return (found.loss, found.terms), found.prediction, left

        with precision(dtype):
            sent = self.feed.sent([[batch]], dtype)
            given = (self._params(state), sent.data, sent.batches, self.mesh.put(floats(carried, dtype)))
            lying = (self.mesh.lying(), self.mesh.spread(0), self.mesh.lying())
            program = self.programs.of(("evaluate", id(state.plan)), infer, given, lying=lying)
            with together(self.mesh.processes):
                (loss, terms), prediction, left = self.mesh.fetch(program(*given))
        return Measured(float(loss), prediction, float(terms)), left

    def predicted(self, state: State, x: Any, mask: Array | None) -> Any:
        """Return the network's output; each process may ask for its own."""
        plan, dtype, count = state.plan, self.dtype(state), rows(x)

        def predict(params: Any, x: Any, mask: Any) -> Any:
            run = masked(self.step.net, x, Run(mask=mask))
            return self.step.net.forward(plan.layout.assembled(params), x, run)[0]

        chosen = self._filled(count)
        with precision(dtype):
            x, mask = (tree if tree is None else tree_map(lambda a: a[chosen], tree) for tree in (x, mask))
            given = self.mesh.near((self._params(state), floats(x, dtype), mask))
            program = self.programs.of(("predict", id(plan)), predict, given, alone=True)
            found = self.mesh.fetch(program(*given))
        return tree_map(lambda array: array[:count], found)

    def _filled(self, count: int) -> Array:
        """Return rows to predict, filled up to a power of two: few sizes, so few programs."""
        size = 1 << (count - 1).bit_length() if self.part.fills else count
        chosen = np.arange(size)
        return np.where(chosen < count, chosen, 0)

    def _params(self, state: State) -> tuple[Array, ...]:
        """Return the parameters on the devices."""
        if self.known is not None and self.known[0] is state:
            return self.known[1].params
        made: tuple[Array, ...] = self._arranged(state.plan.layout.arrays(state.vector))
        return made

    def _arranged(self, tree: Tree) -> Tree:
        """Return arrays like weights on the devices, wide ones spread over the second axis of the mesh."""
        return self.mesh.put(tree, self.mesh.weights(tree))

    def _known(self, state: State, batches: Batches) -> tuple[State, Carry, Form]:
        """Return a state with what is carried of it; it may be on the devices already."""
        if self.known is None or self.known[0] is not state:
            self.known = None
            full = primed(self.step, state, whole(batches[0]))
            self.known = state, self._arranged(departed(self.step, full)), Form.of(full)
        return self.known

    def _numbers(self, state: State, count: int, size: int, dtype: str) -> tuple[Any, Any, Any]:
        """Return what each step is told besides its batches.

        Numbers of the optimizer, its own number, and whether it is made: `count` of `size` are.
        """
        groups, first = state.plan.groups, state.step
        numbers = [numbers_of(self.step.optimizer, groups, first + k + 1) for k in range(size)]
        steps = np.arange(size, dtype=np.int32)
        told = (floats(stacked(numbers), dtype), steps + first, steps < count)
        made: tuple[Any, Any, Any] = self.mesh.put(told)
        return made

    def _program(self, state: State, carry: Carry, data: Tree, xs: Any, wanted: bool) -> Function:
        """Return the compiled loop over the steps of a block."""
        like, dtype, mesh = blank(state), self.dtype(state), self.mesh

        def block(carry: Carry, data: Tree, xs: Any) -> Any:
            return repeated(self._one(like, data, dtype, wanted), carry, xs)

        whole, key = mesh.lying(), ("block", id(state.plan), state.seed, wanted)
        lying = (mesh.weights(carry), (whole, whole, mesh.spread(1), whole))
        return self.programs.of(key, block, (carry, data, xs), (0,), lying)

    def _one(self, like: State, data: Tree, dtype: str, wanted: bool) -> Callable[[Carry, Any], Any]:
        """Return one step, from what is carried and its inputs to what is carried and measured."""

        def one(carry: Carry, xs: Any) -> tuple[Carry, Any]:
            batches, numbers, count, on = xs
            step = copy.copy(self.step)
            optimizer = with_numbers(self.step.optimizer, like.plan.groups, numbers)
            object.__setattr__(step, "optimizer", optimizer)
            before = traced(like, carry, count)
            given = self.feed.batches(batches, data, dtype)
            after, gradient, measured = step.gathered(before, given, step.penalized)
            xp = namespace(gradient)
            losses, terms = (
                xp.stack([xp.asarray(getattr(found, name), dtype=dtype) for found in measured])
                for name in ("loss", "terms")
            )
            sound = xp.isfinite(losses).all() & finite(gradient)
            fine, good = carry.fine & (sound | ~on), carry.fine & sound & on
            # The weights to go back to are chosen out here: under the condition they would be copied twice.
            old = select(good, carry.params, carry.before)
            same, read = carry._replace(before=(), fine=fine), carry._replace(params=old)
            kept = either(
                good, lambda: advanced(step, traced(like, read, count), after, gradient, fine), same
            )
            predictions = [found.prediction for found in measured] if wanted else []
            return kept._replace(before=old), (losses, terms, predictions, good)

        return one

    def _error(self, state: State, batches: Batches) -> NonFiniteError:
        """Return the error that says where a number was not finite: the step is made again on NumPy."""
        with np.errstate(all="ignore"):
            batch = whole(batches[0])
            _, loss, made = self.step.penalized(state, batch)
            given = (self.step.objective, state.params, batch.x, float(loss))
            return non_finite(*given, made.grads, self.step.run(state, batch), state.step)


def fills(step: Step) -> bool:
    """Tell whether batches may be filled up with examples that do not count."""
    layers = [layer for _, layer in walk(step.net)]
    if step.own is None:
        return all(layer.by_example for layer in layers)
    from ..rules.crossing import chosen

    return all(layer.by_example and chosen(layer, step.own).by_example for layer in layers)


def blank(state: State) -> State:
    """Return a state without any arrays, for a program to be traced with."""
    return State({}, None, {}, 0, state.seed, state.plan)


def _row(tree: Any, row: int) -> Any:
    """Return one row of each array of a tree of tuples and dicts."""
    return mapped(lambda array: array[row], tree)
