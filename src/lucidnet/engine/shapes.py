"""The shapes that flow through a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Tree
from ..core.trees import tree_map
from ..layers import Layer, Sequential


@np.errstate(all="ignore")
def output_shape(net: Layer, params: Tree, shape: Any, dtype: str) -> Any:
    """Return the shape of one output, for inputs of a shape (both without the batch axis).

    Several inputs are a dict of shapes, or a tuple of them where they belong together; so are outputs.
    """
    if not _varies(shape):
        return _shape_for(net, params, shape, dtype, 1)
    # What changes with the length of the input varies too.
    one, two = (_shape_for(net, params, shape, dtype, length) for length in LENGTHS)
    return tuple(a if a == b else None for a, b in zip(one, two, strict=True))


LENGTHS = (16, 32)
"""Numbers of time steps that are tried, where they may vary."""


def _shape_for(net: Layer, params: Tree, shape: Any, dtype: str, length: int) -> Any:
    y, _ = net.forward(params, zeros(shape, dtype, length))
    return tree_map(lambda array: tuple(array.shape[1:]), y)


def _varies(shape: Any) -> bool:
    return isinstance(shape, tuple) and None in shape


def zeros(shape: Any, dtype: str, length: int = LENGTHS[0]) -> Any:
    """Return one input of zeros; `length` stands for sizes that may vary."""
    if isinstance(shape, dict):
        return {name: zeros(inner, dtype, length) for name, inner in shape.items()}
    if shape and isinstance(shape[0], tuple):
        return tuple(zeros(inner, dtype, length) for inner in shape)
    return np.zeros((1, *(length if size is None else size for size in shape)), dtype)


def inner_shapes(net: Layer, params: Tree, shape: Any, dtype: str) -> dict[str, Any]:
    """Return the shape of the input of each layer inside a container (where it first stands)."""
    if hasattr(net, "placed"):
        return _graph_shapes(net, params, shape, dtype)
    found = {}
    several = iter(shape) if shape and isinstance(shape, tuple) and isinstance(shape[0], tuple) else None
    for name, layer in net.children():
        found[name] = shape = next(several) if several else shape
        if isinstance(net, Sequential):
            shape = output_shape(layer, params[name], shape, dtype)
    return found


def _graph_shapes(net: Any, params: Tree, shape: Any, dtype: str) -> dict[str, Any]:
    known: dict[str, Any] = dict(net.inputs)
    found: dict[str, Any] = {}
    for name, owner, layer, sources in net.placed():
        taken = known[sources[0]] if len(sources) == 1 else tuple(known[source] for source in sources)
        found.setdefault(owner, taken)
        known[name] = output_shape(layer, params[owner], taken, dtype)
    return found
