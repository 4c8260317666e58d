"""A network as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..backend import Tree
from ..core.trees import Path, at, leaves
from ..engine.parameters import ParameterLayout
from ..engine.protocol import Trainee
from ..layers import Layer, walk
from ..layers.base import derived_kinds
from ..layers.shapes import input_shapes

COLUMNS = (("name", "left"), ("layer", "left"), ("output", "left"), ("parameters", "right"))


def summary_text(model: Trainee) -> str:
    """Return a table of layers, output shapes, numbers of parameters and of feedback weights, as text."""
    from rich.table import Table

    state = model.state
    feedback = state.feedback.weights
    table = Table(box=None, pad_edge=False, header_style="")
    for title, side in (*COLUMNS, ("feedback", "right")) if feedback else COLUMNS:
        table.add_column(title, justify=side)  # type: ignore[arg-type]
    for path, *row in _rows(model.net, state.params, model.input_shape):
        size = sum(array.size for place, array in leaves(feedback) if place[: len(path)] == path)
        table.add_row("  " * (len(path) - 1) + path[-1], *row, *([f"{size:,}"] if feedback else []))
    trained = ParameterLayout.of(model.net, state.params).groups
    kilobytes, count = state.vector.nbytes / 1024, sum(g.stop - g.start for g in trained)
    sizes = f"{state.vector.size:,} parameters ({kilobytes:,.1f} KiB), {count:,} of them trained"
    lines = [as_text(table), sizes]
    if feedback:
        size = sum(array.size for _, array in leaves(feedback))
        lines.append(f"{size:,} feedback weights of {model.rule!r}")
    if kinds := derived_kinds(model.net):
        it = "it has" if len(kinds) == 1 else "they have"
        lines.append(f"gradient of {', '.join(kinds)} comes from JAX, as {it} no backward")
    return "\n".join(lines)


def as_text(renderable: Any, width: int = 110) -> str:
    """Return what rich would print, as plain text."""
    from rich.console import Console

    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _rows(net: Layer, params: Tree, shape: Any) -> Iterator[tuple[Path, str, str, str]]:
    """Yield path and row of each layer; the layers inside a container follow it."""
    shapes = input_shapes(net, shape, known_only=True)
    for path, layer in walk(net):
        if path:
            size = sum(array.size for _, array in leaves(at(params, path)))
            title = type(layer).__name__ if layer.children() else layer.describe()
            yield path, title, _text(layer.output_shape(shapes[path])) if path in shapes else "?", f"{size:,}"


def _text(shape: Any) -> str:
    if isinstance(shape, dict):
        return ", ".join(f"{name} {_text(inner)}" for name, inner in shape.items())
    return " x ".join("any" if size is None else str(size) for size in shape)
