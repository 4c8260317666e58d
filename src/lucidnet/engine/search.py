"""A step that evaluates the loss at several points: L-BFGS on all data at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from ..backend import Array, namespace
from ..data.batch import Batch, materialize
from ..errors import SettingError
from ..optimizers.lbfgs import LBFGS, Pair, minimize
from .numbers import Numbers
from .problem import Problem
from .protocol import NotFiniteError
from .state import Measured, State
from .update import measured_gradient, training_run

Look = Callable[[Problem, State, Sequence[Batch], Numbers], Measured]
"""A function from a state and batches to loss and gradient."""


def advance(
    problem: Problem,
    state: State,
    batches: Sequence[Batch],
    numbers: Numbers,
    *,
    into: State | None = None,
    keep: frozenset[str] = frozenset(),
    look: Look = measured_gradient,
) -> tuple[State, Measured]:
    """Make one iteration of L-BFGS, on the host; the pairs of its memory are its slots.

    The arguments are those of `update.advance`; `look` finds loss and gradient, compiled where there is a
    compiler. A point that is not finite ends the search, and the step is not made.
    """
    if len(batches) > 1 or problem.rule is not None:
        raise SettingError(f"{problem.optimizer!r} takes all data as one batch, and the true gradient only")
    layout, settings = problem.layout, cast(LBFGS, problem.optimizer.changed(iterations=1))
    size, seen = layout.parameters.size, list[Measured]()
    buffers = state.vector[size:]

    def function(vector: Array) -> tuple[float, Array]:
        params = layout.layout.bind(namespace(vector).concat([vector, buffers]))
        seen.append(look(problem, state._replace(params=params), batches, numbers))
        if not seen[-1].good:
            raise NotFiniteError(seen[-1])
        return seen[-1].losses[0], _trained(problem, seen[-1].gradient)

    pairs = tuple(zip(*(state.memory.get(name, ()) for name in ("moves", "changes")), strict=True))
    try:
        vector, found = minimize(function, state.vector[:size], settings, pairs)
    except NotFiniteError as error:
        return state, error.measured
    trained = _trained(problem, np.ones_like(vector)) > 0
    vector = np.where(trained, vector, state.vector[:size])  # pairs from before freezing may still move it
    params = layout.layout.bind(namespace(vector).concat([vector, buffers]))
    if layout.buffers.paths:
        batch = materialize(batches[0])
        _, cache, _ = problem.objective.net.flow(params, batch.x, training_run(state, batch, numbers))
        params = layout.layout.bind(layout.layout.ravel(problem.objective.net.absorb(params, cache)))
    after = state._replace(params=params, memory=_slots(found.pairs, vector), step=state.step + 1)
    return after, seen[0]._replace(evaluations=len(seen))


def _trained(problem: Problem, gradient: Array) -> Array:
    """Return the gradient with zeros for frozen layers."""
    kept = np.zeros_like(gradient)
    for group in problem.layout.groups:
        kept[group.start : group.stop] = gradient[group.start : group.stop]
    return kept


def _slots(pairs: tuple[Pair, ...], like: Array) -> dict[str, Array]:
    if not pairs:
        return {}
    moves, changes = (namespace(like).stack(list(part)) for part in zip(*pairs, strict=True))
    return {"moves": moves, "changes": changes}
