"""What stays of a state when what is trained is changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.trees import leaves
from ..errors import NotReadyError
from ..layers import walk
from ..optimizers import Optimizer
from ..optimizers.settings import kind
from .feedback import fresh_memory
from .problem import Problem, remembered
from .state import State


def with_memory(problem: Problem, state: State) -> State:
    """Return a state as an optimizer goes on from it that remembers something else: what both do is kept."""
    fresh = problem.optimizer.init_slots(state.vector[: problem.layout.parameters.size])
    theirs = fresh_memory(problem, state.feedback.weights) if state.feedback.memory else {}
    memory, taught = (
        {name: old.get(name, slot) for name, slot in new.items()}
        for new, old in ((fresh, state.memory), (theirs, state.feedback.memory))
    )
    return state._replace(memory=memory, feedback=state.feedback._replace(memory=taught))


def with_average(optimizer: Any, state: State) -> State:
    """Return a state whose weights are their running average, which goes on from there."""
    if not hasattr(optimizer, "averaged") or not state.step:
        raise NotReadyError(
            f"use_average: there is no average: train with EMA(...) first, not with {optimizer!r}"
        )
    count = len(state.memory["average"])
    mean = optimizer.averaged(state.vector[:count], state.memory, state.step)
    vector = np.concatenate([mean, state.vector[count:]])
    return state._replace(params=state.params.layout.bind(vector), memory={**state.memory, "average": mean})


def recompiled(before: Problem, problem: Problem, state: State) -> tuple[State, bool]:
    """Return a state as another problem of the network goes on from it, and whether memory and step stay.

    They do if the optimizer is of the same kind, and remembers the same things. Feedback weights stay if the
    rules are of the same kind, and would begin with the same ones.
    """
    start, own = problem.start(state.params, state.seed), state.feedback
    if not _alike(before, problem, state):
        own = start.feedback
    kinds = [(kind(each.optimizer), remembered(each.optimizer)) for each in (before, problem)]
    if kinds[0] != kinds[1]:
        return start._replace(feedback=own._replace(memory={})), False
    return state._replace(feedback=own if problem.taught else own._replace(memory={})), True


def anew(optimizer: Optimizer) -> str:
    """Return the warning that an optimizer begins anew."""
    return (
        f"compile: {optimizer!r} remembers other things than the optimizer before it, so its memory "
        "begins anew, and steps are counted from 0; the weights are kept"
    )


def _alike(before: Problem, problem: Problem, state: State) -> bool:
    """Tell whether the rules of two problems are of one kind, and begin with the same feedback weights."""
    if _kinds(before) != _kinds(problem):
        return False
    old, new = (
        dict(leaves(each.start(state.params, state.seed).feedback.weights)) for each in (before, problem)
    )
    return old.keys() == new.keys() and all(np.array_equal(old[path], new[path]) for path in old)


def _kinds(problem: Problem) -> list[Any]:
    """Return the classes of the rules of all layers; none for the plain chain rule."""
    if problem.rule is None:
        return []
    rules = [problem.rule.within(layer) for _, layer in walk(problem.net)]
    return [(type(rule.space), type(rule.time)) for rule in rules]
