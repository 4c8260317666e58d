"""Feedback weights that learn, step by step."""

from __future__ import annotations

from dataclasses import replace

from ..backend import Array, Stream, Tree
from ..layers import Layer
from ..optimizers import Optimizer
from ..rules.crossing import input_shapes, places
from ..rules.feedback import each, merged
from ..rules.registry import Rule
from ..tree import Layout, Path, at
from .plan import Plan
from .step import Taught


def teach(
    net: Layer, rule: Rule, optimizer: Optimizer, plan: Plan, taught: Taught, gradient: Array, step: int
) -> Taught:
    """Return the feedback weights after a step, of those that learn by the parameters' gradients."""
    grads = plan.parameters.unravel(_clipped(optimizer, gradient, plan))
    own = each(net, rule, taught.weights, lambda path, layer, r, B: r.space.taught(layer, B, at(grads, path)))
    layout = Layout.of(own)
    if not layout.paths:
        return taught
    before = layout.ravel(taught.weights)
    slots = taught.slots or optimizer.init_slots(before)
    after, mine = before.copy(), Plan.over(net, layout)
    free = replace(optimizer, clip=None)
    free.advance(before, layout.ravel(own), slots, step, mine.groups, mine.arrays, after)
    return Taught(merged(taught.weights, layout.unravel(after)), slots)


def _clipped(optimizer: Optimizer, gradient: Array, plan: Plan) -> Array:
    gradient = gradient.copy()
    if optimizer.clip is not None:
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
