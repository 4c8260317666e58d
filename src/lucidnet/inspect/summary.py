"""A network summarized as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..backend import Tree
from ..core.text import Listing, shape_words
from ..core.text import as_text as as_text
from ..core.trees import Path, at, leaves
from ..engine.parameters import ParameterLayout
from ..engine.protocol import Trainee
from ..layers import Layer, walk
from ..layers.base import derived_kinds
from ..layers.shapes import input_shapes

COLUMNS = ("name", "layer", "output", "parameters", "feedback")


def summary_text(model: Trainee) -> Listing:
    """Return the model's layers as a table, with output shapes and numbers of parameters."""
    state = model.state
    feedback = state.feedback.weights
    rows = [list(COLUMNS if feedback else COLUMNS[:-1])]
    carried: Counter[Path] = Counter()
    for place, array in leaves(feedback):
        carried.update({place[:depth]: array.size for depth in range(1, len(place))})
    for path, *row in _rows(model.net, state.params, model.input_shape):
        rows.append(["  " * (len(path) - 1) + path[-1], *row, *([f"{carried[path]:,}"] if feedback else [])])
    trained = ParameterLayout.of(model.net, state.params).groups
    kilobytes, count = state.vector.nbytes / 1024, sum(g.stop - g.start for g in trained)
    lines = [f"{state.vector.size:,} parameters ({kilobytes:,.1f} KiB), {count:,} of them trained"]
    if isinstance(out := model.output_shape, dict):
        lines.insert(0, f"outputs: {shape_words(out)}")
    if feedback:
        size = sum(array.size for _, array in leaves(feedback))
        lines.append(f"{size:,} feedback weights of {model.rule!r}")
    if kinds := derived_kinds(model.net):
        it = "it has" if len(kinds) == 1 else "they have"
        lines.append(f"gradient of {', '.join(kinds)} comes from JAX, as {it} no backward")
    return Listing(rows, lines, right=(3, 4))


def _rows(net: Layer, params: Tree, shape: Any) -> Iterator[tuple[Path, str, str, str]]:
    """Yield path and table row of each layer; a container comes before the layers inside it."""
    shapes = input_shapes(net, shape, known_only=True)
    for path, layer in walk(net):
        if path:
            size = sum(array.size for _, array in leaves(at(params, path)))
            title = type(layer).__name__ if layer.children() else layer.describe()
            yield (
                path,
                title,
                shape_words(layer.output_shape(shapes[path])) if path in shapes else "?",
                f"{size:,}",
            )
