"""Feedback weights: made, and taught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend import Array, Stream, Tree, namespace
from ..core.trees import Path, at, put
from ..errors import SettingError
from ..layers import Layer, Recurrent
from .crossing import TIME, input_shapes, places, plain
from .registry import Rule


def fresh(net: Layer, rule: Rule, params: Tree, x: Any, rng: Stream) -> Tree:
    """Return the first feedback weights of a network: a tree like `params`, where there are any.

    Parameters
    ----------
    net : Layer
        The network.
    rule : Rule
        Its rule; single layers may have their own.
    params : tree
        Its parameters.
    x : array
        An input (of any numbers), for the shapes.
    rng : Stream
        Random numbers of the run.
    """
    if plain(net, rule):
        return {}
    shapes, y = input_shapes(net, params, x)
    outputs = tuple(side_by_side(y).shape[1:])
    made: Tree = {}
    for path, layer, own in places(net, rule):
        stream = rng
        for name in path:
            stream = stream.child(name)
        B: Tree = {}
        if path in shapes:
            B = own.space.feedback(layer, at(params, path), shapes[path], outputs, stream)
        if isinstance(layer, Recurrent) and (inner := own.time.feedback(layer, stream.child(TIME))):
            B = B | {TIME: inner}
        if B:
            made = put(made, path, B)
    return made


def side_by_side(y: Any) -> Array:
    """Return several outputs as one, on the last axis; one as it is."""
    if not isinstance(y, dict):
        return y
    arrays = list(y.values())
    if len({array.shape[:-1] for array in arrays}) > 1:
        raise SettingError(
            "this rule sends the output's error to all layers, but the outputs differ in shape: "
            f"{ {name: array.shape[1:] for name, array in y.items()} }"
        )
    return namespace(arrays[0]).concat(arrays, axis=-1)


def merged(tree: Tree, other: Tree) -> Tree:
    """Return a tree in which some arrays are those of another."""
    if not isinstance(tree, dict):
        return other
    return {name: merged(value, other[name]) if name in other else value for name, value in tree.items()}


def each(net: Layer, rule: Rule, feedback: Tree, function: Callable[[Path, Layer, Rule, Tree], Any]) -> Tree:
    """Return a tree of what a function makes of the feedback weights of each layer; None is left out."""
    made: Tree = {}
    for path, layer, own in places(net, rule):
        if (B := branch(feedback, path)) and (found := function(path, layer, own, B)) is not None:
            made = put(made, path, found)
    return made


def branch(tree: Tree, path: Path) -> Tree:
    """Return the branch of a tree at a path, {} where there is none."""
    for name in path:
        tree = tree.get(name, {})
    return tree
