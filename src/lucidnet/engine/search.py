"""A step that looks at the loss at several points: L-BFGS on all data at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..backend import Array, namespace
from ..optimizers.lbfgs import Pair, minimize
from .step import Measured, State

if TYPE_CHECKING:
    from .step import Step


Look: TypeAlias = Callable[[State, Any], tuple[Array, Measured]]
"""From a state and a batch to the gradient as one vector, and what was measured."""


def search(step: Step, state: State, batch: Any, look: Look) -> tuple[State, Measured]:
    """Return the state after one iteration of L-BFGS; the pairs of its memory are its slots."""
    settings: Any = step.optimizer
    seen: list[Measured] = []

    def function(vector: Array) -> tuple[float, Array]:
        params = state.plan.layout.unravel(namespace(vector).concat([vector, buffers]))
        trial = replace(state, params=params, vector=vector)
        gradient, measured = look(trial, batch)
        seen.append(measured)
        return measured.loss, _trained(state, gradient)

    buffers = state.vector[state.plan.parameters.size :]
    once = replace(settings, iterations=1)
    vector, found = minimize(function, state.parameters, once, _pairs(state))
    whole = namespace(vector).concat([vector, buffers])
    slots = _slots(found.pairs, vector)
    params = state.plan.layout.unravel(whole)
    return replace(state, params=params, vector=whole, slots=slots, step=state.step + 1), seen[0]


def _trained(state: State, gradient: Array) -> Array:
    """Return the gradient of what is trained, 0 for frozen layers."""
    kept = np.zeros_like(gradient)
    for group in state.plan.groups:
        kept[group.start : group.stop] = gradient[group.start : group.stop]
    return kept


def _pairs(state: State) -> tuple[Pair, ...]:
    return tuple(zip(*(state.slots.get(name, ()) for name in ("moves", "changes")), strict=True))


def _slots(pairs: tuple[Pair, ...], like: Array) -> dict[str, Array]:
    if not pairs:
        return {}
    moves, changes = (namespace(like).stack(list(part)) for part in zip(*pairs, strict=True))
    return {"moves": moves, "changes": changes}
