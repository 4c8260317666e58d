"""The training step as a compiled program: many batches at a time, on JAX.

What a step does is `Step`'s and `Objective`'s, written once. Here stands only what differs: the state is
carried through a loop of the compiler, what follows a schedule comes in as numbers, and a step whose result
is not finite leaves the state as it was, which is found out after the block.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array, Parts, Tree, namespace
from ..backend.device import compiled, device, on_device, on_host, precision, repeated, select
from ..errors import NonFiniteError, SettingError
from ..layers import Run
from ..layers.base import masked
from ..tree import at, leaves, tree_map
from .batch import Batch
from .diagnose import non_finite
from .settings import numbers_of, with_numbers
from .step import Measured, State, Step, Taught, only, shares
from .teach import advanced, learned, memory
from .transit import floats as _floats
from .transit import joined as _joined
from .transit import ordered as _ordered
from .transit import stacked as _stacked

BYTES = 1 << 25
"""How many bytes of inputs are sent to the device at a time, about."""
MOST = 128
"""How many steps are made at a time, at most."""


class Carry(NamedTuple):
    """What goes from step to step on the device.

    `params` are the parameters and buffers in the order of the plan, `before` those before the last step,
    `fine` is whether all was finite so far.
    """

    params: tuple[Array, ...]
    before: tuple[Array, ...]
    slots: dict[str, tuple[Array, ...]]
    feedback: Tree
    taught: dict[str, tuple[Array, ...]]
    carried: Tree
    fine: Array


class Engine:
    """Makes the steps of a `Step` on a device, as many at a time as are given.

    Parameters
    ----------
    step : Step
        What a step is.
    kind : str
        The kind of device, ``"cpu"`` or ``"gpu"``; JAX's choice if empty.
    """

    def __init__(self, step: Step, kind: str = "") -> None:
        if step.optimizer.full_batch:
            raise SettingError(f"{step.optimizer!r} searches step by step: it runs on backend='numpy' only")
        self.step, self.device = step, device(kind)
        self.programs: dict[Any, Any] = {}
        self.known: tuple[State, Carry] | None = None

    def at_once(self, batches: Sequence[Batch]) -> int:
        """Return how many steps with batches like these are made at a time."""
        return max(1, min(MOST, BYTES // max(1, sum(map(bytes_of, batches)))))

    def run(self, state: State, steps: Sequence[Sequence[Batch]]) -> tuple[State, list[Measured]]:
        """Make steps, each of one or several batches, all of one shape.

        Raises
        ------
        NonFiniteError
            If a loss or a gradient is not finite; see `last`.
        """
        with precision(state.vector.dtype.name):
            start = self._start(state, steps[0])
            xs = self._inputs(start, steps)
            given, self.known = self._carry(start), None  # given away, also if the program is interrupted
            carry, outs = self._program(start)(given, xs)
            losses, predictions, fine = on_host(outs)
        made = int(fine.sum())
        after = self._state(start, carry, made)
        self.known = (after, carry._replace(fine=on_device(np.array(True), self.device)))
        if made < len(steps):
            raise self._error(after, steps[made])
        return after, [
            Measured(float(losses[k, a]), tree_map(lambda array, k=k: array[k], y))
            for k in range(made)
            for a, y in enumerate(predictions)
        ]

    def evaluated(self, state: State, batch: Batch, carried: Tree) -> tuple[float, Any, Tree]:
        """Return loss and output of a batch in inference, and the states in which stateful layers stop."""

        def infer(params: Any, batch: Any, carried: Tree) -> Any:
            traced = replace(state, params=state.plan.layout.assembled(params), spare=None)
            return self.step.inferred(traced, Batch(*batch), carried)

        given = _floats((*batch, carried), state.vector.dtype)
        loss, prediction, left = self._called("evaluate", infer, state, given[:4], given[4])
        return float(loss), prediction, left

    def predicted(self, state: State, x: Any, mask: Array | None) -> Any:
        """Return the network's output."""

        def predict(params: Any, x: Any, mask: Any) -> Any:
            run = masked(self.step.net, x, Run(mask=mask))
            return self.step.net.forward(state.plan.layout.assembled(params), x, run)[0]

        if mask is None:
            mask = self.step.net.mask(x)  # found before, as embeddings look at whole numbers
        return self._called("predict", predict, state, _floats(x, state.vector.dtype), mask)

    def _called(self, name: str, function: Callable[..., Any], state: State, *given: Any) -> Any:
        """Return what a compiled function of the parameters returns, on the host."""
        key = (name, id(state.plan))
        if key not in self.programs:
            self.programs[key] = compiled(function)
        with precision(state.vector.dtype.name):
            there = self._there(state)
            params = there.params if there else on_device(state.plan.layout.arrays(state.vector), self.device)
            return on_host(self.programs[key](params, *on_device(given, self.device)))

    def _there(self, state: State) -> Carry | None:
        """Return what is on the device already of a state."""
        return self.known[1] if self.known is not None and self.known[0] is state else None

    def last(self) -> State:
        """Return the state before the last good step, from which the loss was finite."""
        assert self.known is not None
        return self.known[0].before(self.step.optimizer)

    def _start(self, state: State, batches: Sequence[Batch]) -> State:
        """Return the state with all that is carried from the first step on, also what a step makes anew."""
        return state if self._there(state) else primed(self.step, state, batches[0])

    def _inputs(self, state: State, steps: Sequence[Sequence[Batch]]) -> Any:
        """Return what each step is given: batches, their shares, numbers of the optimizer, its own number."""
        groups, first = state.plan.groups, state.step
        numbers = [numbers_of(self.step.optimizer, groups, first + k + 1) for k in range(len(steps))]
        batches = [tuple(map(tuple, step)) for step in steps]
        parts = [np.asarray(shares(step), state.vector.dtype) for step in steps]
        count = np.arange(first, first + len(steps), dtype=np.int32)
        stacked = (_stacked(batches), np.stack(parts), _stacked(numbers), count)
        return on_device(_floats(stacked, state.vector.dtype), self.device)

    def _carry(self, state: State) -> Carry:
        """Return what the device needs of a state; it may be there already."""
        if there := self._there(state):
            return there
        plan, taught = state.plan, state.taught
        arrays, before = plan.layout.arrays, state.spare[0] if state.spare else state.vector
        slots = {name: plan.parameters.arrays(slot) for name, slot in state.slots.items()}
        memory = (slots, taught.weights, self._in_parts(taught), state.carried)
        host = (arrays(state.vector), arrays(before), *memory, np.array(True))
        return Carry(*on_device(on_host(host), self.device))  # copies: a program is given them for good

    def _in_parts(self, taught: Taught) -> dict[str, tuple[Array, ...]]:
        if not taught.slots:
            return {}
        assert self.step.own is not None
        layout = learned(self.step.objective.net, self.step.own, taught.weights)
        return {name: layout.arrays(slot) for name, slot in taught.slots.items()}

    def _state(self, before: State, carry: Carry, made: int) -> State:
        """Return a state with NumPy's arrays."""
        host = Carry(*on_host(tuple(carry)))
        weights, unravel = _ordered(host.feedback, before.taught.weights), before.plan.layout.unravel
        vector, last = _joined(host.params, before.vector), _joined(host.before, before.vector)
        return replace(
            before,
            params=unravel(vector),
            vector=vector,
            slots={name: _joined(slot, before.vector) for name, slot in host.slots.items()},
            step=before.step + made,
            spare=(last, unravel(last)) if made or before.spare else None,
            carried=_ordered(host.carried, before.carried),
            taught=Taught(weights, {name: _joined(slot, last) for name, slot in host.taught.items()}),
        )

    def _error(self, state: State, batches: Sequence[Batch]) -> NonFiniteError:
        """Return the error that says where a number was not finite: the step is made again on NumPy."""
        with np.errstate(all="ignore"):
            _, loss, made = self.step.penalized(state, batches[0])
            run = self.step.run(state, 0, batches[0].mask)
            given = (self.step.objective, state.params, batches[0].x, float(loss))
            return non_finite(*given, made.grads, run, state.step)

    def _program(self, state: State) -> Callable[..., Any]:
        """Return the compiled loop for a plan."""
        key = (id(state.plan), state.seed)
        if key not in self.programs:
            like = replace(state, spare=None)
            self.programs[key] = compiled(lambda carry, xs: repeated(self._one(like), carry, xs), (0,))
        made: Callable[..., Any] = self.programs[key]
        return made

    def _one(self, like: State) -> Callable[[Carry, Any], tuple[Carry, Any]]:
        """Return one step, from what is carried and its inputs to what is carried and measured."""

        def one(carry: Carry, xs: Any) -> tuple[Carry, Any]:
            batches, parts, numbers, count = xs
            optimizer = with_numbers(self.step.optimizer, like.plan.groups, numbers)
            step = copy.copy(self.step)
            object.__setattr__(step, "optimizer", optimizer)
            before = _traced(like, carry, count)
            given = [Batch(*batch) for batch in batches]
            after, gradient, measured = step.gathered(before, given, parts, step.penalized)
            xp = namespace(gradient)
            losses = xp.stack([xp.asarray(found.loss) for found in measured])
            fine = carry.fine & xp.isfinite(losses).all()
            for array in gradient.arrays:
                fine = fine & xp.isfinite(array).all()
            made = _advanced(step, before, after, gradient, fine)
            kept = Carry(*select(fine, tuple(made), tuple(carry._replace(fine=fine))))
            return kept, (losses, [found.prediction for found in measured], fine)

        return one


def primed(step: Step, state: State, batch: Batch) -> State:
    """Return a state with all branches that it will have after a step: states of 0, memory for feedback."""
    if state.plan.stateful and not state.carried:
        _, cache = step.objective.net.forward(state.params, batch.x, step.run(state, 0, batch.mask))
        found = only(state.plan.stateful, step.objective.net.states(cache))
        state = replace(state, carried=tree_map(np.zeros_like, found))
    if step.own is None or state.taught.slots:
        return state
    slots = memory(step.objective.net, step.own, step.optimizer, state.taught.weights)
    return replace(state, taught=state.taught._replace(slots=slots))


def _traced(like: State, carry: Carry, count: Array) -> State:
    """Return a state whose arrays are those that are carried."""
    own = {name: Parts(slot) for name, slot in carry.taught.items()}
    return replace(
        like,
        params=like.plan.layout.assembled(carry.params),
        vector=Parts(carry.params[: len(like.plan.parameters.paths)]),
        slots={name: Parts(slot) for name, slot in carry.slots.items()},
        step=count,
        carried=carry.carried,
        taught=Taught(carry.feedback, own),
    )


def _advanced(step: Step, before: State, after: State, gradient: Parts, fine: Array) -> Carry:
    """Return what is carried on, after the optimizer's step."""
    plan = before.plan
    made, slots = advanced(step.optimizer, before, gradient)
    buffers = [at(after.params, path) for path in plan.buffers.paths]
    old = [at(before.params, path) for path in plan.layout.paths]
    return Carry(
        (*made.arrays, *buffers),
        tuple(old),
        {name: tuple(slot.arrays) for name, slot in slots.items()},
        after.taught.weights,
        {name: tuple(slot.arrays) for name, slot in after.taught.slots.items()},
        after.carried,
        fine,
    )


def bytes_of(batch: Batch) -> int:
    """Return how many bytes a batch has."""
    arrays = [array for part in batch if part is not None for _, array in leaves(part)]
    return sum(int(np.asarray(array).nbytes) for array in arrays)
