"""Feedback weights: making them, and finding them by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..backend import Array, Shape, Stream, Tree, namespace
from ..core.trees import Path, at, put, tree_map
from ..errors import SettingError
from ..layers import Layer
from ..layers.base import Cache, Send
from ..layers.shapes import input_shapes
from .credit import R, places
from .edge import TIME, Axes, Varying


def fresh(net: Layer, rule: Axes, params: Tree, shapes: Mapping[Any, Shape], rng: Stream) -> Tree:
    """Return a network's initial feedback weights, as a tree like `params` with the layers that have some.

    Parameters
    ----------
    net : Layer
        The network.
    rule : Rule
        Its rule; single layers may have their own.
    params : tree
        Its parameters.
    shapes : mapping of path to shape
        What `edge_shapes` returns.
    rng : Stream
        Random numbers of the run.
    """
    made: Tree = {}
    for path, layer, own in places(net, rule):
        stream = rng
        for name in path:
            stream = stream.child(name)
        B: Tree = {}
        if path in shapes:
            B = own.space.feedback(layer, at(params, path), shapes[path], shapes[None], stream)
        if layer.carried and (inner := own.time.feedback(layer, stream.child(TIME))):
            B = B | {TIME: inner}
        if B:
            made = put(made, path, B)
    return made


def edge_shapes(net: Layer, params: Tree, x: Any, shape: Any = None) -> dict[Any, Shape]:
    """Return, by path, the input shape of each layer that sends an error back to its input.

    The path None has the shape of the network's output, with several outputs side by side. Shapes are found
    by sending an error of zeros down: what comes back from a layer has the shape of its input (a tuple, if it
    has several inputs). Sizes that vary from batch to batch are `Varying`, if `shape`, that of one input of
    the network, says which do.
    """
    y, cache = net.forward(params, x)
    found: dict[Any, Any] = {None: tuple(side_by_side(y).shape[1:])}

    def at(path: Path) -> Send:
        def send(
            name: str, layer: Layer, params: Tree, cache: Cache, dy: Array, need_dx: bool = True
        ) -> tuple[Array, Tree]:
            here = (*path, name)
            dx, grads = layer.route(params, cache, dy, at(here), need_dx)
            if isinstance(dx, tuple):
                found[here] = tuple(tuple(part.shape[1:]) for part in dx)
            elif dx is not None:
                found[here] = tuple(dx.shape[1:])
            return dx, grads

        return send

    net.route(params, cache, tree_map(lambda a: namespace(a).zeros_like(a), y), at(()), False)
    if shape is not None:
        known = input_shapes(net, shape, known_only=True) | {None: net.output_shape(shape)}
        found = {path: varying(sizes, known.get(path)) for path, sizes in found.items()}
    return found


def varying(sizes: Any, known: Any) -> Any:
    """Return a shape with `Varying` sizes wherever the known shape has None; outputs share one shape."""
    if isinstance(known, dict):
        known = next(iter(known.values()))
    if known is None or not sizes:
        return sizes
    if isinstance(sizes[0], tuple):
        return tuple(varying(*pair) for pair in zip(sizes, known, strict=True))
    return (*(Varying(a) if b is None else a for a, b in zip(sizes[:-1], known[:-1], strict=True)), sizes[-1])


def from_paths(found: Mapping[Path, Tree]) -> Tree:
    """Return the tree made of branches given by path."""
    made: Tree = {}
    for path, branch in found.items():
        made = put(made, path, branch)
    return made


def side_by_side(y: Any) -> Array:
    """Return several outputs concatenated on the last axis; a single output is returned unchanged."""
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
    """Return a tree in which the arrays found in the other tree replace its own."""
    if not isinstance(tree, dict):
        return other
    return {name: merged(value, other[name]) if name in other else value for name, value in tree.items()}


def each(net: Layer, rule: R, feedback: Tree, function: Callable[[Path, Layer, R, Tree], Any]) -> Tree:
    """Return the tree of a function's results for each layer's feedback weights, without the Nones."""
    made: Tree = {}
    for path, layer, own in places(net, rule):
        if (B := branch(feedback, path)) and (found := function(path, layer, own, B)) is not None:
            made = put(made, path, found)
    return made


def branch(tree: Tree, path: Path) -> Tree:
    """Return the branch of a tree at a path, {} if there is none."""
    for name in path:
        tree = tree.get(name, {})
    return tree
