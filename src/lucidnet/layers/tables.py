"""Which inputs of a network must be whole numbers, because embeddings use them as row numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.finite import in_precision, place
from ..core.value import of_library
from ..errors import DataError
from .base import Layer, walk
from .core import Flatten, Input, Masking, Reshape

BLOCK = 1 << 20
"""The number of values checked together."""


def check_numbers(net: Layer, x: Any, dtype: str | None = None) -> Any:
    """Return inputs; raise if an entry that goes into an embedding is not one of its row numbers.

    Compiled code cannot raise, so this is checked where the data come in, for both engines.

    Parameters
    ----------
    net : Layer
        The network.
    x : array (n, ...), or several by name
        The inputs.
    dtype : str, optional
        The dtype of the model, in which whole numbers beyond 2^24 or 2^53 are no longer told apart.
    """
    known = vars(net)  # a layer never changes, so it is searched once
    if "_looks_up" not in known:
        known["_looks_up"] = not all(layer.differentiable for _, layer in walk(net))
    if not known["_looks_up"]:
        return x
    inputs = x if isinstance(x, dict) else {"": x}
    for name, rows, title in readers(net, {name: name for name in inputs} if isinstance(x, dict) else ""):
        where = f"x[{name!r}]" if name else "x"
        array = inputs[name]
        step = max(1, BLOCK // max(1, array[:1].size))
        for start in range(0, len(array), step):
            block = array[start : start + step]
            whole = np.rint(block) == block
            wrong = ~(whole & (block >= 0) & (block < rows) & (in_precision(block, dtype) == block))
            if wrong.any():
                row, *rest = (int(i) for i in np.argwhere(wrong)[0])
                index = (start + row, *rest)
                raise DataError(
                    f"{where} holds {block[(row, *rest)]:g} at index {index}: {title} has the rows 0 to "
                    f"{rows - 1}, so expected whole numbers from 0 to {rows - 1}{_precision(rows, dtype)}"
                    f"{place(index)}"
                )
    return x


def _precision(rows: int, dtype: str | None) -> str:
    exact = dtype is None or rows <= 1 << (np.finfo(dtype).nmant + 1)
    return "" if exact else f", which {dtype} tells apart (take dtype='float64')"


def readers(layer: Layer, given: Any) -> Iterator[tuple[str, int, str]]:
    """Yield input name, number of rows and title of each embedding that reads the network's inputs.

    Parameters
    ----------
    layer : Layer
        The network.
    given : name, or names by name
        Its inputs, each a name.
    """
    found: list[tuple[str, int, str]] = []
    _follow(layer, given, found)
    yield from found


def _follow(layer: Layer, given: Any, found: list[tuple[str, int, str]]) -> Any:
    """Record the embeddings in a layer; return which inputs its output consists of, None if none."""
    from .containers import Sequential
    from .embedding import Embedding
    from .graph import Graph, gathered
    from .images import Cropping2D
    from .shaping import Permute, RepeatVector

    if isinstance(layer, Embedding):
        if isinstance(given, str):
            found.append((given, layer.vocabulary, f"{layer.name or 'an embedding'}, {layer.describe()},"))
    elif isinstance(
        layer, (Input, Masking, Flatten, Reshape, Permute, RepeatVector, Cropping2D)
    ):  # it returns the same numbers
        return given
    elif isinstance(layer, Sequential):
        for inner in layer.layers:
            given = _follow(inner, given, found)
        return given
    elif isinstance(layer, Graph):
        values = dict(given) if isinstance(given, dict) else {layer.inputs[0][0]: given}
        for name, _, inner, sources in layer.placed():
            values[name] = _follow(inner, gathered(values, sources), found)
    elif of_library(layer):
        for index, (_, inner) in enumerate(layer.children()):
            _follow(inner, given[index] if isinstance(given, tuple) else given, found)
    return None
