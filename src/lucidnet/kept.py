"""What a training has come to, kept where settings, loss, optimizer or rule are others from now on."""

from __future__ import annotations

from typing import Any

import numpy as np

from .backend import Tree
from .core.trees import leaves
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
    """Return a state for a network in which other layers send errors back, as others are frozen.

    Feedback weights that were not needed are drawn as at the start. What was learned of the others, and what
    the optimizer remembers of them, is kept.
    """
    from .engine.feedback import fresh_memory

    weights, learned = problem.start(state.params, state.seed).feedback.weights, state.feedback
    _take_over(weights, learned.weights)
    memory = fresh_memory(problem, weights) if learned.memory else {}
    if before.taught and problem.taught:
        old, new = before.taught.layout, problem.taught.layout
        for name in memory.keys() & learned.memory.keys():
            if memory[name].shape == (new.size,):
                _take_over(new.unravel(memory[name]), old.unravel(learned.memory[name]))
    return state._replace(feedback=FeedbackState(weights, memory))


def _take_over(arrays: Tree, known: Tree) -> None:
    """Write arrays that are known into a tree, in place."""
    found = dict(leaves(known))
    for path, array in leaves(arrays):
        if path in found:
            array[...] = found[path]


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
