"""Warnings of a new network that looks as if it were written in PyTorch's order.

Nothing here changes what a shape or a setting means: a warning says how it is taken, and what to write if
the other way was meant.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from ..backend import Shape
from ..core.value import of_library
from ..errors import LucidnetError, MeaningWarning, outside
from .base import Layer, walk
from .containers import Sequential
from .core import Reshape
from .graph import Graph
from .shaping import Permute
from .turned import FEW, channels_first, inputs_first


def warn_of_meaning(net: Layer, shape: Any) -> None:
    """Warn (`errors.MeaningWarning`) of what a new network for inputs of a shape may not be meant to be."""
    try:
        said = [*_looked_at(net, shape)[0], *_of_numbers(net)]
    except LucidnetError:  # what is wrong is said where the network is built
        return
    for message in dict.fromkeys(said):
        warnings.warn(message, MeaningWarning, stacklevel=outside())


def _looked_at(layer: Layer, shape: Any) -> tuple[list[str], Any]:
    """Return what to say of a layer that sees the data themselves, and their shape behind it.

    The shape is None behind what makes something else of the data.
    """
    if isinstance(layer, Sequential):
        said = []
        for child in layer.layers:
            more, shape = _looked_at(child, shape)
            said += more
            if shape is None:
                break
        return said, shape
    if isinstance(layer, Graph):
        given = shape if isinstance(shape, dict) else {name: shape for name, _ in layer.inputs}
        seen = [(node, given[sources[0]]) for *_, node, sources in layer.placed() if sources[0] in given]
        return [text for node, taken in seen for text in _looked_at(node, taken)[0]], None
    if not of_library(layer) or not isinstance(shape, tuple) or not all(map(_is_size, shape)):
        return [], None
    if layer.children():
        inner = layer.inner_shapes(shape)
        seen = [(child, inner[name]) for name, child in layer.children()]
        seen = [(child, taken) for child, taken in seen if taken in (shape, shape[1:])]  # or a step of time
        return [text for child, taken in seen for text in _looked_at(child, taken)[0]], None
    said = list(_of_layer(layer, shape))
    if said or isinstance(layer, Permute):
        return said, None
    out = layer.output_shape(shape)
    return said, out if isinstance(layer, Reshape) or out == shape else None


def _of_numbers(net: Layer) -> Iterator[str]:
    """Yield what to say of settings that are the same number elsewhere, with another meaning."""
    for _, layer in walk(net):
        momentum = getattr(layer, "momentum", 1.0)
        if of_library(layer) and 0 < momentum < 0.5:
            yield (
                f"{layer.describe()} keeps {momentum:g} of its running statistics in each step, as momentum "
                f"means in Keras; PyTorch's momentum={momentum:g} is the share of what is new: "
                f"BatchNormalization({1 - momentum:g})"
            )


def _is_size(given: Any) -> bool:
    return given is None or isinstance(given, int)


def _of_layer(layer: Any, shape: Shape) -> Iterator[str]:
    images = shape[-3:] if len(shape) == 4 else shape  # of films
    if getattr(layer, "dimensions", 0) == 2 and channels_first(images):
        height, width, channels = images
        turn = "x.transpose(0, 1, 3, 4, 2)"
        if len(shape) == 3:
            turn = (
                f"x.transpose(0, 2, 3, 1) and Input({(width, channels, height)}), or Permute((2, 3, 1)) here"
            )
        yield (
            f"{layer.describe()} takes its input, {shape}, as images {height} high and {width} wide with "
            f"{channels} channels, which come last. If {height} is the number of channels, turn them: {turn}"
        )
    elif (hint := inputs_first(layer)) and layer.filters == shape[-1]:
        yield f"{layer.describe()} has as many filters as its input has channels, of {hint}"
    heads = getattr(layer, "heads", None)
    if heads == shape[-1] and getattr(layer, "key_dimension", None) and heads > FEW:
        yield (
            f"{layer.describe()} has {heads} heads, as many as its input has features; if "
            f"{layer.key_dimension} of them are meant, as in PyTorch's MultiheadAttention({heads}, "
            f"{layer.key_dimension}): MultiHeadAttention({layer.key_dimension})"
        )
