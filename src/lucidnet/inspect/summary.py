"""A network summarized as a table."""

from __future__ import annotations

from collections import Counter

from ..core.text import Listing, shape_words
from ..core.trees import Path, leaves
from ..engine.parameters import ParameterLayout
from ..engine.protocol import Trainee
from ..layers.base import derived_kinds
from ..layers.listing import layer_rows

COLUMNS = ("name", "layer", "output", "parameters")


def summary_text(model: Trainee) -> Listing:
    """Return the model's layers as a table, with output shapes and numbers of parameters."""
    state = model.state
    feedback = state.feedback.weights
    layers = list(layer_rows(model.net, state.params, model.input_shape))
    graph = any(row.sources for row in layers)
    rows = [[*COLUMNS, *["feedback"] * bool(feedback), *["from"] * graph]]
    carried: Counter[Path] = Counter()
    for place, array in leaves(feedback):
        carried.update({place[:depth]: array.size for depth in range(1, len(place))})
    for path, *words, size, sources in layers:
        more = [f"{carried[path]:,}"] * bool(feedback) + [", ".join(sources)] * graph
        rows.append(["  " * (len(path) - 1) + path[-1], *words, f"{size:,}", *more])
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
    return Listing(rows, lines, right=(3, 4) if feedback else (3,))
