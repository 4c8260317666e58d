"""What a training has come to, kept where settings, loss, optimizer or rule are others from now on."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core.trees import leaves, put
from .engine.problem import Problem, remembered
from .engine.state import FeedbackState, State
from .layers import walk
from .optimizers.settings import kind


def with_memory(problem: Problem, state: State) -> State:
    """Return a state for an optimizer with other slots; the slots that both have are kept."""
    fresh = problem.optimizer.init_slots(state.vector[: problem.layout.parameters.size])
    theirs: dict[str, Any] = {}
    if state.feedback.memory:
        from .engine.feedback import fresh_memory

        theirs = fresh_memory(problem, state.feedback.weights)
    memory, taught = (
        {name: old.get(name, slot) for name, slot in new.items()}
        for new, old in ((fresh, state.memory), (theirs, state.feedback.memory))
    )
    return state._replace(memory=memory, feedback=state.feedback._replace(memory=taught))


def with_feedback(before: Problem, problem: Problem, state: State) -> State:
    """Return a state for a network in which other layers are frozen, and so others send errors back.

    Feedback weights that were not needed are drawn as at the start, and those not needed now are kept, as
    they may have learned. What the optimizer remembers of those that both need is kept.
    """
    start, own = problem.start(state.params, state.seed).feedback, state.feedback
    weights, memory = start.weights, own.memory
    for path, array in leaves(own.weights):
        weights = put(weights, path, array)
    if memory and problem.taught != before.taught:
        from .engine.feedback import fresh_memory

        memory = fresh_memory(problem, weights)
        for name, slot in memory.items():
            if not (problem.taught and before.taught and name in own.memory):
                continue
            if slot.shape == (problem.taught.layout.size,):
                old = dict(leaves(before.taught.layout.unravel(own.memory[name])))
                for path, array in leaves(problem.taught.layout.unravel(slot)):
                    array[...] = old.get(path, array)
    return state._replace(feedback=FeedbackState(weights, memory))


def recompiled(before: Problem, problem: Problem, state: State) -> tuple[State, bool]:
    """Return the state for a newly compiled problem, and whether the optimizer's memory and step are kept.

    They are kept if the optimizer is of the same kind, and remembers the same things. Feedback weights are
    kept if the rules are of the same kind, and would start with the same ones.
    """
    start, own = problem.start(state.params, state.seed), state.feedback
    if not _alike(before, problem, state):
        own = start.feedback
    kinds = [(kind(each.optimizer), remembered(each.optimizer)) for each in (before, problem)]
    if kinds[0] != kinds[1]:
        return start._replace(feedback=own._replace(memory={})), False
    return state._replace(feedback=own if problem.taught else own._replace(memory={})), True


def _alike(before: Problem, problem: Problem, state: State) -> bool:
    """Tell whether two problems have rules of the same kinds and the same initial feedback weights."""
    if _kinds(before) != _kinds(problem):
        return False
    starts = (each.start(state.params, state.seed) for each in (before, problem))
    old, new = (dict(leaves(start.feedback.weights)) for start in starts)
    return old.keys() == new.keys() and all(np.array_equal(old[path], new[path]) for path in old)


def _kinds(problem: Problem) -> list[Any]:
    """Return the classes of all layers' rules; [] for the plain chain rule."""
    if problem.rule is None:
        return []
    rules = [problem.rule.within(layer) for _, layer in walk(problem.net)]
    return [(type(rule.space), type(rule.time)) for rule in rules]
