"""Feedback weights that learn, step by step."""

from __future__ import annotations

import copy
from typing import Any

from ..backend import Array, Parts, Stream, Tree
from ..backend.layout import Layout
from ..core.trees import Path, at
from ..layers import Layer
from ..optimizers import Optimizer
from ..optimizers.base import Slots
from ..rules.crossing import input_shapes, places
from ..rules.feedback import each, merged
from ..rules.registry import Rule
from .parameters import Plan
from .step import State, Taught


def teach(
    net: Layer, rule: Rule, optimizer: Optimizer, plan: Plan, taught: Taught, gradient: Array, step: int
) -> Taught:
    """Return the feedback weights after a step, of those that learn by the parameters' gradients."""
    layout = learned(net, rule, taught.weights)
    if not layout.paths:
        return taught
    grads = plan.parameters.unflat(_clipped(optimizer, gradient, plan))
    own = each(net, rule, taught.weights, lambda path, layer, r, B: r.space.taught(layer, B, at(grads, path)))
    before, mine = layout.flat(taught.weights), Plan.over(net, layout)
    slots = taught.slots or optimizer.init_slots(before)
    free = copy.copy(optimizer)
    object.__setattr__(free, "clip", None)  # the gradient is clipped as that of the parameters
    after, slots = moved(free, before, layout.flat(own), slots, step, mine.groups, mine.arrays)
    return Taught(merged(taught.weights, layout.unflat(after)), slots)


def learned(net: Layer, rule: Rule, weights: Tree) -> Layout:
    """Return where the feedback weights lie that the optimizer changes, in a vector of their own."""
    return Layout.of(each(net, rule, weights, lambda path, layer, r, B: r.space.taught(layer, B, B)))


def memory(net: Layer, rule: Rule, optimizer: Optimizer, weights: Tree) -> Slots:
    """Return what the optimizer remembers at first of the feedback weights that it changes; {} for none."""
    layout = learned(net, rule, weights)
    return optimizer.init_slots(layout.ravel(weights)) if layout.paths else {}


def moved(
    optimizer: Optimizer, vector: Any, gradient: Any, slots: Slots, step: Any, groups: Any, arrays: Any
) -> tuple[Any, Slots]:
    """Return a vector and the optimizer's memory after a step; gradient and memory are given away."""
    out = vector.copy()
    optimizer.advance(vector, gradient, slots, step, groups, arrays, out)
    return out, slots


def descended(optimizer: Optimizer, state: State, gradient: Parts) -> tuple[Parts, Slots]:
    """Return parameters and the optimizer's memory after a step while compiling.

    The gradient is given away.
    """
    plan, vector = state.plan, state.vector
    made, slots = moved(optimizer, vector, gradient, state.slots, state.step + 1, plan.groups, plan.arrays)
    for limit in plan.limits:
        limit.hold(made)
    return made, slots


def _clipped(optimizer: Optimizer, gradient: Any, plan: Plan) -> Any:
    if optimizer.clip is not None:
        gradient = gradient.copy()
        optimizer.clip(gradient, [place.part for place in plan.arrays])
    return gradient


def mirror(net: Layer, rule: Rule, params: Tree, taught: Taught, x: Array, rng: Stream) -> Taught:
    """Return the feedback weights after a phase of their own, for rules that have one."""
    if not any(own.space.phase for _, _, own in places(net, rule)):
        return taught
    shapes, _ = input_shapes(net, params, x[:1])

    def learned(path: Path, layer: Layer, own: Rule, B: Tree) -> Tree:
        stream = rng
        for name in path:
            stream = stream.child(name)
        return own.space.learn(layer, at(params, path), shapes[path], B, stream)

    return taught._replace(weights=merged(taught.weights, each(net, rule, taught.weights, learned)))
