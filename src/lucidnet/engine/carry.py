"""The state of a training as it goes from step to step on devices, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..backend import Array, Parts, Tree
from ..core.trees import at, tree_map
from ..data.batch import Batch
from ..errors import NotReadyError
from .step import State, Step, Taught, only
from .teach import descended, learned, memory

if TYPE_CHECKING:
    from .parameters import Plan


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


class _Fetched:
    """A part of a `Remote` state, which is fetched with all others when one of them is read."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, state: Any, owner: type | None = None) -> Any:
        if state is None:
            return self
        state.fetch()
        return vars(state)[self.name]


class Remote(State):
    """A state whose arrays lie on devices until somebody reads them."""

    params = _Fetched()
    vector = _Fetched()
    slots = _Fetched()
    spare = _Fetched()
    carried = _Fetched()
    taught = _Fetched()

    @classmethod
    def of(cls, step: int, seed: int, plan: Plan, fetch: Callable[[], State]) -> Remote:  # type: ignore[override]
        """Return a state that `fetch` gives whole."""
        state = cls.__new__(cls)
        vars(state).update(step=step, seed=seed, plan=plan, _fetch=fetch)
        if not plan.stateful:
            vars(state)["carried"] = {}
        return state

    def fetch(self) -> None:
        """Bring all arrays here."""
        fetch = vars(self).pop("_fetch", None)
        if fetch is None:
            raise AttributeError("this state has been given away: go on with the one that came back")
        try:
            found = fetch()
        except RuntimeError as error:
            raise NotReadyError(
                "the weights were on a device, and are lost there: go on from a checkpoint "
                f"(fit(..., resume=folder)): {error}"
            ) from error
        vars(self).update({k: v for k, v in vars(found).items() if k not in ("step", "seed", "plan")})


class Form(NamedTuple):
    """What a carry does not tell about its state: the order of the branches, whether a step was made."""

    feedback: Tree
    carried: Tree
    dtype: str
    spare: bool

    @classmethod
    def of(cls, state: State) -> Form:
        """Return the form of a state."""
        feedback, carried = (tree_map(lambda array: None, t) for t in (state.taught.weights, state.carried))
        return cls(feedback, carried, state.vector.dtype.name, state.spare is not None)


def departed(step: Step, state: State) -> Carry:
    """Return what a device needs of a state, as NumPy's arrays; the program is given them for good."""
    plan, taught = state.plan, state.taught
    arrays, before = plan.layout.arrays, state.spare[0] if state.spare else state.vector
    slots = {name: plan.parameters.arrays(slot) for name, slot in state.slots.items()}
    own = {}
    if taught.slots:
        assert step.own is not None
        layout = learned(step.objective.net, step.own, taught.weights)
        own = {name: layout.arrays(slot) for name, slot in taught.slots.items()}
    return Carry(
        arrays(state.vector), arrays(before), slots, taught.weights, own, state.carried, np.array(True)
    )


def arrived(host: Carry, step: int, seed: int, plan: Plan, form: Form) -> State:
    """Return the state that was carried."""
    unravel, dtype = plan.layout.unravel, form.dtype
    vector, last = joined(host.params, dtype), joined(host.before, dtype)
    taught = {name: joined(slot, dtype) for name, slot in host.taught.items()}
    return State(
        unravel(vector),
        vector,
        {name: joined(slot, dtype) for name, slot in host.slots.items()},
        step,
        seed,
        plan,
        (last, unravel(last)) if form.spare else None,
        ordered(host.carried, form.carried),
        Taught(ordered(host.feedback, form.feedback), taught),
    )


def primed(step: Step, state: State, batch: Batch) -> State:
    """Return a state with all branches that it will have after a step: states of 0, memory for feedback."""
    if state.plan.stateful and not state.carried:
        _, cache = step.objective.net.forward(state.params, batch.x, step.run(state, batch))
        found = only(state.plan.stateful, step.objective.net.states(cache))
        state = replace(state, carried=tree_map(np.zeros_like, found))
    if step.own is None or state.taught.slots:
        return state
    slots = memory(step.objective.net, step.own, step.optimizer, state.taught.weights)
    return replace(state, taught=state.taught._replace(slots=slots))


def placed(like: State, params: tuple[Array, ...], slots: dict[str, tuple[Array, ...]], step: Array) -> State:
    """Return a state, while compiling, with these arrays in the order of the plan."""
    return replace(
        like,
        params=like.plan.layout.assembled(params),
        vector=Parts(params[: len(like.plan.parameters.paths)]),
        slots={name: Parts(slot) for name, slot in slots.items()},
        step=step,
    )


def traced(like: State, carry: Carry, count: Array) -> State:
    """Return a state whose arrays are those that are carried."""
    own = {name: Parts(slot) for name, slot in carry.taught.items()}
    state = placed(like, carry.params, carry.slots, count)
    return replace(state, carried=carry.carried, taught=Taught(carry.feedback, own))


def advanced(step: Step, before: State, after: State, gradient: Parts, fine: Array) -> Carry:
    """Return what is carried on, after the optimizer's step, but not the weights before it."""
    plan = before.plan
    made, slots = descended(step.optimizer, before, gradient)
    buffers = [at(after.params, path) for path in plan.buffers.paths]
    return Carry(
        (*made.arrays, *buffers),
        (),
        {name: tuple(slot.arrays) for name, slot in slots.items()},
        after.taught.weights,
        {name: tuple(slot.arrays) for name, slot in after.taught.slots.items()},
        after.carried,
        fine,
    )


def joined(arrays: Sequence[Array], dtype: str) -> Array:
    """Return arrays as one vector."""
    return np.concatenate([array.reshape(-1) for array in arrays]) if arrays else np.zeros(0, dtype)


def ordered(tree: Tree, like: Tree) -> Tree:
    """Return a tree with its branches in the order of another; a compiler sorts them."""
    if not isinstance(tree, dict) or not isinstance(like, dict):
        return tree
    return {name: ordered(tree[name], like[name]) for name in like if name in tree}
