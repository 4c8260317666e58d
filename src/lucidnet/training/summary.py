"""A network as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backend import Tree
from ..layers import Graph, Layer, Sequential
from ..tree import Path, leaves, tree_map
from .step import State


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
    y, _ = net.forward(params, _zeros(shape, dtype, length))
    return tree_map(lambda array: tuple(array.shape[1:]), y)


def _varies(shape: Any) -> bool:
    return isinstance(shape, tuple) and None in shape


def _zeros(shape: Any, dtype: str, length: int) -> Any:
    if isinstance(shape, dict):
        return {name: _zeros(inner, dtype, length) for name, inner in shape.items()}
    if shape and isinstance(shape[0], tuple):
        return tuple(_zeros(inner, dtype, length) for inner in shape)
    return np.zeros((1, *(length if size is None else size for size in shape)), dtype)


def summary_text(net: Layer, state: State, shape: Any) -> str:
    """Return a table of layers, output shapes and numbers of parameters, as text."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="")
    for title, side in (("name", "left"), ("layer", "left"), ("output", "left"), ("parameters", "right")):
        table.add_column(title, justify=side)  # type: ignore[arg-type]
    for row in _rows(net, state.params, shape, (), str(state.vector.dtype)):
        table.add_row(*row)
    trained = sum(group.stop - group.start for group in state.plan.groups)
    return f"{as_text(table)}\n{_totals(state.vector.size, trained, state.vector.nbytes)}"


def as_text(renderable: Any, width: int = 110) -> str:
    """Return what rich would print, as plain text."""
    from rich.console import Console

    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _totals(size: int, trained: int, nbytes: int) -> str:
    return f"{size:,} parameters ({nbytes / 1024:,.1f} KiB), {trained:,} of them trained"


def _rows(net: Layer, params: Tree, shape: Any, path: Path, dtype: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for each layer; the layers inside a container follow it, indented."""
    shapes = inner_shapes(net, params, shape, dtype)
    for name, layer in net.children():
        inner, shape = params[name], shapes[name]
        out = output_shape(layer, inner, shape, dtype)
        size = sum(array.size for _, array in leaves(inner))
        title = type(layer).__name__ if layer.children() else layer.describe()
        yield "  " * len(path) + name, title, _text(out), f"{size:,}"
        yield from _rows(layer, inner, shape, (*path, name), dtype)


def inner_shapes(net: Layer, params: Tree, shape: Any, dtype: str) -> dict[str, Any]:
    """Return the shape of the input of each layer inside a container (where it first stands)."""
    if isinstance(net, Graph):
        return _graph_shapes(net, params, shape, dtype)
    found = {}
    several = iter(shape) if shape and isinstance(shape, tuple) and isinstance(shape[0], tuple) else None
    for name, layer in net.children():
        found[name] = shape = next(several) if several else shape
        if isinstance(net, Sequential):
            shape = output_shape(layer, params[name], shape, dtype)
    return found


def _graph_shapes(net: Graph, params: Tree, shape: Any, dtype: str) -> dict[str, Any]:
    known: dict[str, Any] = dict(net.inputs)
    found: dict[str, Any] = {}
    for name, owner, layer, sources in net.placed():
        taken = known[sources[0]] if len(sources) == 1 else tuple(known[source] for source in sources)
        found.setdefault(owner, taken)
        known[name] = output_shape(layer, params[owner], taken, dtype)
    return found


def _text(shape: Any) -> str:
    if isinstance(shape, dict):
        return ", ".join(f"{name} {_text(inner)}" for name, inner in shape.items())
    return " x ".join("any" if size is None else str(size) for size in shape)
