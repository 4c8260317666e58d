"""The layers of a network as the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..backend import Tree
from ..core.text import shape_words
from ..core.trees import Path, at, leaves
from .base import Layer
from .graph import Graph
from .shapes import input_shapes

LONGEST = 72
"""The most characters of a layer's settings in a row."""


class LayerRow(NamedTuple):
    """A row of the table: a layer, an input of a graph, or a place where a graph uses a layer again.

    Parameters
    ----------
    path : tuple of str
        Where it stands in the network.
    layer, output : str
        What it is, and the shape of its output.
    size : int
        How many numbers it holds.
    sources : tuple of str
        In a graph, where its inputs come from.
    """

    path: Path
    layer: str
    output: str
    size: int
    sources: tuple[str, ...] = ()


def layer_rows(net: Layer, params: Tree, shape: Any) -> Iterator[LayerRow]:
    """Yield a row for each layer of a network, containers before the layers inside them.

    Parameters
    ----------
    net : Layer
        The network.
    params : tree
        Its parameters.
    shape : tuple of int, or several by name
        The shape of one input.
    """
    yield from _inside(net, (), params, {(): shape, **input_shapes(net, shape, known_only=True)})


def _inside(net: Layer, path: Path, params: Tree, shapes: Mapping[Path, Any]) -> Iterator[LayerRow]:
    if not isinstance(net, Graph):
        for name, child in net.children():
            yield from _rows(child, (*path, name), params, shapes)
        return
    for name, shape in net.inputs:
        yield LayerRow((*path, name), "input", shape_words(shape), 0)
    outputs = net.node_shapes(shapes[path]) if path in shapes else {}
    for name, owner, inner, sources in net.placed():
        if owner == name:
            yield from _rows(inner, (*path, name), params, shapes, sources)
        else:
            output = shape_words(outputs[name]) if name in outputs else "?"
            yield LayerRow((*path, name), f"{owner}, with its weights", output, 0, sources)


def _rows(
    layer: Layer, path: Path, params: Tree, shapes: Mapping[Path, Any], sources: tuple[str, ...] = ()
) -> Iterator[LayerRow]:
    title = type(layer).__name__ if layer.children() else layer.describe()
    if len(title) > LONGEST:
        title = f"{title[: LONGEST - 1]}…"
    output = shape_words(layer.output_shape(shapes[path])) if path in shapes else "?"
    yield LayerRow(path, title, output, sum(array.size for _, array in leaves(at(params, path))), sources)
    yield from _inside(layer, path, params, shapes)
