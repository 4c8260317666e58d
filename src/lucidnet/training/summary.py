"""A network as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backend import Shape, Tree
from ..layers import Layer, Sequential
from ..tree import Path, leaves
from .step import State


@np.errstate(all="ignore")
def output_shape(net: Layer, params: Tree, shape: Shape, dtype: str) -> Shape:
    """Return the shape of one output, for inputs of a shape (both without the batch axis)."""
    y, _ = net.forward(params, np.zeros((1, *shape), dtype))
    return tuple(y.shape[1:])


def summary_text(net: Layer, state: State, shape: Shape) -> str:
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


def _rows(net: Layer, params: Tree, shape: Shape, path: Path, dtype: str) -> Iterator[tuple[str, ...]]:
    """Yield a row for each layer; the layers inside a container follow it, indented."""
    for name, layer in net.children():
        inner = params[name]
        out = output_shape(layer, inner, shape, dtype)
        size = sum(array.size for _, array in leaves(inner))
        title = type(layer).__name__ if layer.children() else layer.describe()
        yield "  " * len(path) + name, title, " x ".join(map(str, out)), f"{size:,}"
        yield from _rows(layer, inner, shape, (*path, name), dtype)
        shape = out if isinstance(net, Sequential) else shape
