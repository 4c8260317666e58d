"""Learning from a stream as a compiled program: a stretch of it in one loop, on JAX.

What happens at each time is `Tick`'s, written once. Here stands only what differs: weights, traces and the
optimizer's memory stay on the device from call to call, the model fetches its state when it is read, and
a time whose gradient is not finite moves no weights, which is found out after the stretch.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..backend import Array, Parts, Tree, finite, namespace
from ..backend.xla.device import precision, repeated, select
from ..backend.xla.mesh import Mesh
from ..core.trees import at
from .carry import Remote, joined, ordered, placed
from .device import Where
from .numbers import changes, numbers_of, with_numbers
from .programs import Function, Programs
from .step import State, Step
from .stream import Going, Outcome, Stretch, Tick
from .transfer import floats, stacked

if TYPE_CHECKING:
    from ..model import Model


class Weights(NamedTuple):
    """What the optimizer moves: parameters and buffers in the order of the plan, memory, steps so far."""

    params: tuple[Array, ...]
    slots: dict[str, tuple[Array, ...]]
    step: Array


class OnlineEngine:
    """Learns from stretches of a stream on a device.

    Parameters
    ----------
    model : Model
        Whose weights are trained; its state is fetched from here when it is read.
    tick : Tick
        What happens at each time.
    """

    most = 1000
    """How many times are worked through at once, at most; in between, an interruption is heard."""

    def __init__(self, model: Model, tick: Tick) -> None:
        self.model, self.tick, self.step = model, tick, model.step
        where = Where.of(self.step.backend)
        self.mesh = Mesh(where.kind)
        self.programs = Programs(where.mixed, self.mesh.target)
        self.base = self.known = model.state
        self.weights: Weights | None = None
        self.changes = changes(self.step.optimizer, self.known.plan.groups)

    def first(self, feedback: Tree, total: Array | None) -> Going:
        """Return what goes into the first time of all, from feedback weights and a sum of gradients."""
        arrays = None if total is None else self.base.plan.parameters.arrays(total)
        return Going({}, {}, (), *self._put((feedback, arrays)))

    def hosted(self, tree: Tree, like: Tree) -> Tree:
        """Return a tree with NumPy's arrays, its branches in the order of another."""
        return ordered(self.mesh.fetch(tree), like)

    def __call__(self, going: Going, given: Stretch, ready: bool) -> tuple[Going, Outcome]:
        """Work through a stretch; return what goes on, and what was found."""
        with precision(self.model.dtype):
            weights = self._loaded()
            if not going.traces:
                going = self._begun(weights, going, given.x[0])
            start, xs = (weights, going, np.array(True)), (given, self._numbers(weights, given))
            program = self.programs.of(ready, self._stretch(ready), (start, xs))
            (weights, going, _), outs = program(start, xs)
            outcome = Outcome(*self.mesh.fetch(outs))
        self._keep(weights)
        return going, outcome

    def _stretch(self, ready: bool) -> Function:
        """Return the loop over the times of a stretch."""
        one = partial(self._one, self.base, ready)
        return lambda carry, xs: repeated(one, carry, xs)

    def _keep(self, weights: Weights) -> None:
        """Give the model a state that lies on the device until it is read."""
        base, self.weights, step = self.base, weights, int(weights.step)

        def fetch() -> State:
            arrays = self.mesh.fetch(weights)
            vector = joined(arrays.params, self.model.dtype)
            slots = {name: joined(slot, self.model.dtype) for name, slot in arrays.slots.items()}
            params = base.plan.layout.unravel(vector)
            return replace(base, params=params, vector=vector, slots=slots, step=step, spare=None)

        self.model.state = self.known = Remote.of(step, base.seed, base.plan, fetch)

    def _loaded(self) -> Weights:
        """Return the weights on the device, sent there if they have been changed elsewhere."""
        state = self.model.state
        if self.weights is not None and state is self.known:
            return self.weights
        self.base = self.known = state
        arrays, parameters = state.plan.layout.arrays, state.plan.parameters
        slots = {name: parameters.arrays(slot) for name, slot in state.slots.items()}
        self.weights = Weights(*self._put((arrays(state.vector), slots, np.array(state.step, np.int32))))
        return self.weights

    def _put(self, tree: Any) -> Any:
        """Return a tree on the device: copies, as NumPy's arrays may change."""
        with precision(self.model.dtype):
            return self.mesh.put(self.mesh.fetch(tree))

    def _begun(self, weights: Weights, going: Going, x: Array) -> Going:
        """Return what goes into the first time of a sequence."""
        base, given = self.base, (weights, going, x)

        def begun(weights: Weights, going: Going, x: Array) -> Going:
            return self.tick.begun(placed(base, *weights), going, x)

        made: Going = self.programs.of("begun", begun, given)(*given)
        return made

    def _numbers(self, weights: Weights, given: Stretch) -> Any:
        """Return the numbers of the optimizer at each time; None if they do not change."""
        if not self.changes or given.target is None:
            return None
        optimizer, groups, first = self.step.optimizer, self.base.plan.groups, int(weights.step) + 1
        moves = np.ones(len(given.x), int) if given.moves is None else given.moves.astype(int)
        steps = first + np.cumsum(moves) - moves
        return floats(stacked([numbers_of(optimizer, groups, int(step)) for step in steps]), self.model.dtype)

    def _one(self, like: State, ready: bool, carry: Any, xs: tuple[Stretch, Any]) -> tuple[Any, Outcome]:
        """Work through one time, from what is carried and its inputs to what is carried and found."""
        (weights, going, fine), (given, numbers) = carry, xs
        state, total = placed(like, *weights), going.total
        x, target, shares, place, moves = given
        parts = going._replace(total=None if total is None else Parts(total))
        after, found = self.tick(state, parts, x, target, shares, place, ready)
        after = after._replace(total=total)
        if found.total is None:
            return (weights, after, fine), Outcome(found.output)
        fine = fine & finite(found.total)
        moved = _weights(self._with(like, numbers).moved(state, found.total.copy()))
        weights = select(fine if moves is None else fine & moves, moved, weights)
        feedback = select(fine, after.feedback, going.feedback)
        if total is not None:
            summed = tuple(namespace(moves).where(moves, 0, array) for array in found.total.arrays)
            after = after._replace(total=select(fine, summed, total))
        return (weights, after._replace(feedback=feedback), fine), Outcome(found.output, found.loss, fine)

    def _with(self, like: State, numbers: Any) -> Step:
        """Return the step with these numbers in place of its optimizer's schedules."""
        if numbers is None:
            return self.step
        optimizer = with_numbers(self.step.optimizer, like.plan.groups, numbers)
        return replace(self.step, optimizer=optimizer)


def _weights(state: State) -> Weights:
    """Return what is carried of a state."""
    slots = {name: tuple(slot.arrays) for name, slot in state.slots.items()}
    return Weights(tuple(at(state.params, path) for path in state.plan.layout.paths), slots, state.step)
