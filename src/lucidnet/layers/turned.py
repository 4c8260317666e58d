"""Shapes and settings that PyTorch has in another order, and what to write here: words for messages."""

from __future__ import annotations

from itertools import permutations
from math import isqrt
from typing import Any

import numpy as np

from ..backend import Shape

FEW, MANY = 4, 8
"""How many channels pictures have at most, and how many pixels their sides have at least."""


def channels_first(shape: Shape) -> bool:
    """Tell whether images of a shape are very low and have as many channels as a wide one has pixels.

    Examples
    --------
    >>> channels_first((3, 32, 32)), channels_first((32, 32, 3)), channels_first((3, 3, 200))
    (True, False, False)
    """
    if len(shape) != 3 or None in shape:
        return False
    height, width, channels = shape
    square = height <= FEW and width == channels >= MANY
    return square or (height == 3 and min(width, channels) >= 2 * MANY)


def inputs_first(layer: Any) -> str:
    """Return a hint if the settings of a convolution look like PyTorch's: inputs, outputs, size; else ""."""
    if not all(hasattr(layer, name) for name in ("filters", "kernel_size", "strides")):
        return ""
    filters, kernel, strides = layer.filters, layer.kernel_size, layer.strides
    if not isinstance(kernel, int) or not isinstance(strides, int) or kernel < max(MANY, 2 * strides):
        return ""
    if filters > FEW or strides == 1:
        return ""
    name = type(layer).__name__
    return (
        f"{kernel} pixels, {strides} apart; if {filters} channels, {kernel} filters and windows of "
        f"{strides} are meant, as in PyTorch: {name}({kernel}, {strides}), which finds the channels"
    )


def turned(layer: Any, shape: Shape) -> str:
    """Return a hint where windows do not fit into inputs that may have their channels first; else ""."""
    if hint := inputs_first(layer):
        return f"; or, as these are {layer.filters} filters of {hint}"
    few = shape[0] is not None and shape[0] <= FEW
    if len(shape) == 2 and few and (shape[1] or 0) > FEW:
        return (
            f"; channels come last, so that these are {shape[0]} time steps of {shape[1]} channels: "
            "if they come first, begin with Permute((2, 1))"
        )
    if len(shape) == 3 and few and (shape[1] or 0) > FEW:
        return (
            f"; channels come last, so that this is {shape[0]} high and {shape[1]} wide: if they come first, "
            "turn the images by x.transpose(0, 2, 3, 1), or begin with Permute((2, 3, 1))"
        )
    return ""


def image_of(pixels: int | None) -> Shape | None:
    """Return the shape of a square image of so many numbers, of one channel or three; None if there is none.

    Examples
    --------
    >>> image_of(784), image_of(3072), image_of(20)
    ((28, 28, 1), (32, 32, 3), None)
    """
    for channels in (1, 3):
        if (
            pixels
            and pixels % channels == 0
            and (side := isqrt(pixels // channels)) ** 2 * channels == pixels
        ):
            return (side, side, channels) if side > 1 else None
    return None


def of_time(said: str, before: Any) -> str:
    """Return what is wrong with the input of a layer, and where its time was lost, if in the layer before."""
    ends = [layer for layer in (before, *(inner for _, inner in before.children()))] if before else []
    if "(time" in said and any(getattr(layer, "return_sequences", None) is False for layer in ends):
        return f"{said.partition(';')[0]}; return_sequences=True in {before.describe()} gives all time steps,"
    return said


def no_examples(given: Shape, name: str) -> str:
    """Write the error message for inputs that lack the axis of examples, or that of features."""
    advice = f": a single example is {name}[None], examples of a single number are {name}[:, None]"
    return f"{name}: expected examples (n, ...), got shape {given}{advice if given else ''}"


def misfit(given: Shape, shape: Shape, name: str) -> str:
    """Return how inputs (n, ...) of one shape fail to fit a network that takes another, and what to do.

    Examples
    --------
    >>> misfit((8, 3, 32, 32), (32, 32, 3), "x").partition(": ")[2].partition(": ")[2]
    'turn the axes: x.transpose(0, 2, 3, 1)'
    """
    expected = f"{shape[0]} input features" if len(shape) == 1 else f"inputs of shape {shape}"
    got = f"{given[1]}" if len(given) == 2 and len(shape) == 1 else f"{name} of shape {given}"
    message = f"layer 0 Input: expected {expected}, got {got}"
    if given == shape:
        one = ", ".join(map(str, shape[1:]))
        of_one = f"Input({one if len(shape) == 2 else f'({one})'})"
        also = f" (if these are all examples, Input takes the shape of one: {of_one})" if one else ""
        return f"{message}: that is one example; give a batch, {name}[None]{also}"
    if order := _order(given[1:], shape):
        return f"{message}: turn the axes: {name}.transpose{order}"
    if None in shape or int(np.prod(given[1:])) != int(np.prod(shape)):
        return message
    sizes = ", ".join(map(str, shape))
    message += f": the sizes agree, so reshape them: {name}.reshape(len({name}), {sizes})"
    if len(given) == 2 and len(shape) == 3 and 1 < shape[2] <= FEW:  # a row may hold either order
        first = ", ".join(map(str, (shape[2], *shape[:2])))
        message += (
            f"; if each row has one channel after the other, "
            f"{name}.reshape(len({name}), {first}).transpose(0, 2, 3, 1)"
        )
    return message


def _order(given: Shape, shape: Shape) -> tuple[int, ...] | None:
    """Return the only order of the axes of x in which examples of a shape fit another, if there is one.

    Channels that come first are moved to the end where that fits, whatever else does. None if what has the
    axes of size 1 elsewhere can be reshaped as well.
    """
    if len(given) != len(shape) or len(given) < 2:
        return None
    orders = [
        order
        for order in permutations(range(len(given)))
        if all(size in (None, given[axis]) for axis, size in zip(order, shape, strict=True))
    ]
    last = (*range(1, len(given)), 0)
    found = last if last in orders else orders[0] if len(orders) == 1 else None
    return None if found is None else (0, *(axis + 1 for axis in found))
