"""A network as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..backend import Tree
from ..core.trees import Path, at, leaves
from ..engine.step import State
from ..layers import Layer, walk
from ..layers.shapes import input_shapes

COLUMNS = (("name", "left"), ("layer", "left"), ("output", "left"), ("parameters", "right"))


def summary_text(net: Layer, state: State, shape: Any, rule: Any = None) -> str:
    """Return a table of layers, output shapes, numbers of parameters and of feedback weights, as text."""
    from rich.table import Table

    feedback = state.taught.weights
    table = Table(box=None, pad_edge=False, header_style="")
    for title, side in (*COLUMNS, ("feedback", "right")) if feedback else COLUMNS:
        table.add_column(title, justify=side)  # type: ignore[arg-type]
    for path, *row in _rows(net, state.params, shape):
        size = sum(array.size for place, array in leaves(feedback) if place[: len(path)] == path)
        table.add_row("  " * (len(path) - 1) + path[-1], *row, *([f"{size:,}"] if feedback else []))
    if feedback:
        size = sum(array.size for _, array in leaves(feedback))
        return f"{as_text(table)}\n{_sizes(state)}\n{size:,} feedback weights of {rule!r}"
    return f"{as_text(table)}\n{_sizes(state)}"


def _sizes(state: State) -> str:
    trained = sum(group.stop - group.start for group in state.plan.groups)
    return _totals(state.vector.size, trained, state.vector.nbytes)


def as_text(renderable: Any, width: int = 110) -> str:
    """Return what rich would print, as plain text."""
    from rich.console import Console

    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _totals(size: int, trained: int, nbytes: int) -> str:
    return f"{size:,} parameters ({nbytes / 1024:,.1f} KiB), {trained:,} of them trained"


def _rows(net: Layer, params: Tree, shape: Any) -> Iterator[tuple[Path, str, str, str]]:
    """Yield path and row of each layer; the layers inside a container follow it."""
    shapes = input_shapes(net, shape)
    for path, layer in walk(net):
        if path:
            size = sum(array.size for _, array in leaves(at(params, path)))
            title = type(layer).__name__ if layer.children() else layer.describe()
            yield path, title, _text(layer.output_shape(shapes[path])), f"{size:,}"


def _text(shape: Any) -> str:
    if isinstance(shape, dict):
        return ", ".join(f"{name} {_text(inner)}" for name, inner in shape.items())
    return " x ".join("any" if size is None else str(size) for size in shape)
