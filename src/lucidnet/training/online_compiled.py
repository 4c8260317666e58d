"""Learning from a stream as a compiled program: a stretch of it in one loop, on JAX.

What happens at each time is `Tick`'s, written once. Here stands only what differs: weights, traces and the
optimizer's memory stay on the device from call to call, the model fetches its state when it is asked for, and
a time whose gradient is not finite moves no weights, which is found out after the stretch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..backend import Array, Parts, Tree, finite, namespace
from ..backend.device import compiled, device, on_device, on_host, precision, repeated, select
from ..tree import at
from .settings import changes, numbers_of, with_numbers
from .step import State, Step
from .tick import Going, Outcome, Stretch, Tick
from .transit import floats, joined, ordered, stacked

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
        Whose weights are trained; it is told that the newest are here.
    tick : Tick
        What happens at each time.
    """

    most = 1000
    """How many times are worked through at once, at most; in between, an interruption is heard."""

    def __init__(self, model: Model, tick: Tick) -> None:
        self.model, self.tick, self.step = model, tick, model.step
        self.device = device(self.step.backend.partition(":")[2])
        self.known = model.state
        self.weights: Weights | None = None
        self.programs: dict[Any, Callable[..., Any]] = {}
        self.changes = changes(self.step.optimizer, self.known.plan.groups)

    def first(self, feedback: Tree, total: Array | None) -> Going:
        """Return what goes into the first time of all, from feedback weights and a sum of gradients."""
        arrays = None if total is None else self.known.plan.parameters.arrays(total)
        return Going({}, {}, (), *self._put((feedback, arrays)))

    def hosted(self, tree: Tree, like: Tree) -> Tree:
        """Return a tree with NumPy's arrays, its branches in the order of another."""
        return ordered(on_host(tree), like)

    def __call__(self, going: Going, given: Stretch, ready: bool) -> tuple[Going, Outcome]:
        """Work through a stretch; return what goes on, and what was found."""
        with precision(self.model.dtype):
            weights = self._loaded()
            if not going.traces:
                going = self._begun(weights, going, given.x[0])
            start, xs = (weights, going, np.array(True)), (given, self._numbers(weights, given))
            (weights, going, _), outs = self._program(ready)(start, xs)
            outcome = Outcome(*on_host(outs))
        self.model.keeper, self.weights = self, weights
        return going, outcome

    def fetched(self) -> State:
        """Return the newest state, with NumPy's arrays."""
        weights, before = on_host(self.weights), self.known
        vector = joined(weights.params, before.vector)
        slots = {name: joined(slot, before.vector) for name, slot in weights.slots.items()}
        params, step = before.plan.layout.unravel(vector), int(weights.step)
        self.known = replace(before, params=params, vector=vector, slots=slots, step=step, spare=None)
        return self.known

    def _loaded(self) -> Weights:
        """Return the weights on the device, sent there if they have been changed elsewhere."""
        if self.weights is not None and (self.model.keeper is self or self.model.state is self.known):
            return self.weights
        state = self.known = self.model.state
        arrays, parameters = state.plan.layout.arrays, state.plan.parameters
        slots = {name: parameters.arrays(slot) for name, slot in state.slots.items()}
        self.weights = Weights(*self._put((arrays(state.vector), slots, np.array(state.step, np.int32))))
        return self.weights

    def _put(self, tree: Any) -> Any:
        """Return a tree on the device: copies, as NumPy's arrays may change."""
        with precision(self.model.dtype):
            return on_device(on_host(tree), self.device)

    def _begun(self, weights: Weights, going: Going, x: Array) -> Going:
        """Return what goes into the first time of a sequence."""
        if "begun" not in self.programs:
            like = self.known
            self.programs["begun"] = compiled(
                lambda weights, going, x: self.tick.begun(_state(like, weights), going, x)
            )
        made: Going = self.programs["begun"](weights, going, x)
        return made

    def _numbers(self, weights: Weights, given: Stretch) -> Any:
        """Return the numbers of the optimizer at each time; None if they do not change."""
        if not self.changes or given.target is None:
            return None
        optimizer, groups, first = self.step.optimizer, self.known.plan.groups, int(weights.step) + 1
        moves = np.ones(len(given.x), int) if given.moves is None else given.moves.astype(int)
        steps = first + np.cumsum(moves) - moves
        return floats(stacked([numbers_of(optimizer, groups, int(step)) for step in steps]), self.model.dtype)

    def _program(self, ready: bool) -> Callable[..., Any]:
        """Return the compiled loop."""
        if ready not in self.programs:
            one = partial(self._one, self.known, ready)
            self.programs[ready] = compiled(lambda carry, xs: repeated(one, carry, xs))
        return self.programs[ready]

    def _one(self, like: State, ready: bool, carry: Any, xs: tuple[Stretch, Any]) -> tuple[Any, Outcome]:
        """Work through one time, from what is carried and its inputs to what is carried and found."""
        (weights, going, fine), (given, numbers) = carry, xs
        state, total = _state(like, weights), going.total
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


def _state(like: State, weights: Weights) -> State:
    """Return a state whose arrays are those that are carried."""
    plan = like.plan
    return replace(
        like,
        params=plan.layout.assembled(weights.params),
        vector=Parts(weights.params[: len(plan.parameters.paths)]),
        slots={name: Parts(slot) for name, slot in weights.slots.items()},
        step=weights.step,
    )


def _weights(state: State) -> Weights:
    """Return what is carried of a state."""
    slots = {name: tuple(slot.arrays) for name, slot in state.slots.items()}
    return Weights(tuple(at(state.params, path) for path in state.plan.layout.paths), slots, state.step)
