"""Feedback weights that learn, and their update at each step."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from ..backend import StepStream, Tree
from ..core.trees import Path, at
from ..layers import Layer
from ..rules.credit import places
from ..rules.feedback import each, merged
from ..rules.registry import Rule
from .state import FeedbackState, State

if TYPE_CHECKING:
    from .numbers import Numbers
    from .problem import Problem


def update_feedback(
    problem: Problem, state: State, feedback: FeedbackState, gradient: Any, numbers: Numbers
) -> FeedbackState:
    """Return the feedback weights after a step, for rules whose feedback weights learn.

    Parameters
    ----------
    problem : Problem
        What is trained.
    state : State
        The state before the step.
    feedback : FeedbackState
        The feedback weights, as the pass back has left them.
    gradient : array (n,)
        The gradient of the parameters; it stays as it is.
    numbers : Numbers
        The step's numbers.
    """
    if problem.taught is not None:
        feedback = _taught(problem, feedback, gradient, state.step + 1)
    return _mirrored(problem, state, feedback, numbers)


def fresh_memory(problem: Problem, weights: Tree) -> dict[str, Any]:
    """Return the optimizer's initial slots for feedback weights that it trains; {} if there are none."""
    if problem.taught is None:
        return {}
    return problem.optimizer.init_slots(problem.taught.layout.ravel(weights))


def _taught(problem: Problem, feedback: FeedbackState, gradient: Any, step: Any) -> FeedbackState:
    """Let the optimizer train feedback weights by the gradients of the forward weights (Kolen-Pollack)."""
    assert problem.taught is not None
    own, optimizer, net, rule = problem.taught, problem.optimizer, problem.objective.net, problem.rule
    if optimizer.clip is not None:
        gradient = gradient.copy()
        optimizer.clip(gradient, [place.part for place in problem.layout.arrays])
        optimizer = copy.copy(optimizer)
        vars(optimizer)["clip"] = None  # once is enough
    grads = problem.layout.parameters.unflat(gradient)
    theirs = each(
        net, rule, feedback.weights, lambda path, layer, r, B: r.space.taught(layer, B, at(grads, path))
    )
    before = own.layout.flat(feedback.weights)
    memory = feedback.memory or fresh_memory(problem, feedback.weights)
    after, new_memory = before.copy(), {name: slot.copy() for name, slot in memory.items()}
    optimizer.advance(
        before, own.layout.flat(theirs), memory, step, own.groups, own.arrays, after, new_memory
    )
    return FeedbackState(merged(feedback.weights, own.layout.unflat(after)), new_memory)


def _mirrored(problem: Problem, state: State, feedback: FeedbackState, numbers: Numbers) -> FeedbackState:
    """Let feedback weights learn in a phase of their own (weight mirror)."""
    net, rule, edges = problem.objective.net, problem.rule, problem.edges or {}
    if not any(own.space.phase for _, _, own in places(net, rule)):
        return feedback
    rng = StepStream.like(state.params.vector, numbers.seed, state.step, ("mirror",))

    def learned(path: Path, layer: Layer, own: Rule, B: Tree) -> Any:
        if not own.space.phase or path not in edges:
            return None  # what stands there is that of a rule through time alone
        given = at(state.params, path), edges[path]
        return own.space.learn(layer, *given, B, rng.but(path=(*rng.path, *path)))

    return feedback._replace(weights=merged(feedback.weights, each(net, rule, feedback.weights, learned)))
