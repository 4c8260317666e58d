"""Window settings: sizes, strides and padding as users write them."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_
from typing import Any

from ..backend import Array, Shape, namespace
from ..backend.windows import Grid
from ..core.settings import Check, UnfitError, whole
from ..errors import ShapeError
from .base import Mask, one_input
from .turned import image_of, turned

SIZES = "a whole number of 1 or more, or one for each dimension"
PADDINGS = (
    "'valid', 'same' (or 'causal' in one dimension), a number of 0 or more, "
    "or one or (before, after) for each dimension"
)

_ONE: Check = whole(1).metadata["check"]
_BORDER: Check = whole(0).metadata["check"]


def pair(given: Any, layer: Any) -> Any:
    """Check a size, given once or by dimension; equal sizes become a single number."""
    made = tuple(given) if isinstance(given, (tuple, list)) else (given,) * layer.dimensions
    if len(made) != layer.dimensions:
        raise UnfitError
    made = tuple(_ONE.convert(size, layer) for size in made)
    return made[0] if len(set(made)) == 1 else made


def as_padding(given: Any, layer: Any) -> Any:
    """Check a setting `padding`: a word, a number, or for each dimension a number or (before, after)."""
    if isinstance(given, str):
        if given not in ("valid", "same") and not (given == "causal" and layer.dimensions == 1):
            raise UnfitError
        return str(given)
    if not isinstance(given, (tuple, list)):
        return _BORDER.convert(given, layer)
    sides(given, layer.dimensions)
    return tuple(tuple(map(int, side)) if isinstance(side, (tuple, list)) else int(side) for side in given)


def sides(given: Any, dimensions: int) -> tuple[tuple[int, int], ...]:
    """Return border sizes as (before, after) for each dimension."""
    made = [tuple(side) if isinstance(side, (tuple, list)) else (side, side) for side in given]
    if len(made) != dimensions or any(len(side) != 2 for side in made):
        raise UnfitError
    return tuple((_BORDER.convert(a, None), _BORDER.convert(b, None)) for a, b in made)


def both(value: Any, dimensions: int = 2) -> tuple[int, ...]:
    """Return a setting as one number per dimension."""
    return (value,) * dimensions if isinstance(value, int) else value


def as_image(x: Array, dimensions: int) -> Array:
    """Return sequences (n, time, channels) as images one pixel high; images unchanged."""
    return x if dimensions == 2 else x[:, None]


def as_input(image: Array, dimensions: int) -> Array:
    """Reverse `as_image`: return images one pixel high as sequences."""
    return image if dimensions == 2 else image.reshape(image.shape[0], *image.shape[2:])


def as_shape(shape: Shape, dimensions: int) -> Shape:
    """Return the shape of one input as that of an image."""
    return shape if dimensions == 2 else (1, *shape)


def check_axes(layer: Any, shape: Any) -> None:
    """Raise if an input is not an image (or sequence) with a known number of channels."""
    kind, axes = type(layer).__name__, layer.dimensions + 1
    if len(one_input(layer, shape)) != axes:
        wanted = "(height, width, channels)" if axes == 3 else "(time, channels)"
        missing = len(shape) == axes - 1 and None not in shape
        hint = f"; Reshape({(*shape, 1)}) gives it a channel" if missing else ""
        if axes == 3 and len(shape) == 1 and (image := image_of(shape[0])):
            hint = f"; Reshape({image}) makes images of such rows"
        elif None in shape[:1] or len(shape) == axes + 1:
            hint = "; the axis of the examples is no part of a shape"
        raise ShapeError(f"{kind} takes inputs {wanted}, got {shape}{hint}")
    if shape[-1] is None:
        raise ShapeError(f"{kind} needs to know the channels of its input, got {shape}")


def outputs(layer: Any, shape: Shape) -> Shape:
    """Return a layer's output sizes without channels; None where the input's can vary.

    Raises
    ------
    ShapeError
        If the input is no image (or sequence), or too small for a window.
    """
    check_axes(layer, shape)
    image = as_shape(shape, layer.dimensions)
    sizes = tuple(1 if size is None else size for size in image[:2])
    made = grid_of(layer, sizes).outputs(*sizes)
    known = tuple(None if size is None else n for size, n in zip(image[:2], made, strict=True))
    check_windows(layer, known, shape)
    return known[-layer.dimensions :]


def check_windows(layer: Any, outputs: tuple[int | None, ...], shape: Shape) -> None:
    """Raise if the input, of a given shape, is too small for a single window."""
    if min(size for size in (1, *outputs) if size is not None) < 1:
        raise ShapeError(
            f"windows of {layer.kernel_size} (dilation {getattr(layer, 'dilation', 1)}) do not fit into "
            f"{tuple(shape[:-1])}; make them smaller, or pad the input (padding='same'){turned(layer, shape)}"
        )


def no_mask(layer: Any, mask: Mask) -> None:
    """Raise if there is a mask, as images have no time steps."""
    if mask is not None:
        raise ShapeError(
            f"{layer.name or 'here'}, {layer.describe()}: images have no time steps, but its input has a "
            "mask of some"
        )


def bordered(mask: Array, before: int, after: int) -> Array:
    """Return the mask of sequences with a border, which counts at both ends of each sequence.

    Examples
    --------
    >>> import numpy as np
    >>> bordered(np.array([[True, True, False, False]]), 1, 1).astype(int)
    array([[1, 1, 1, 1, 0, 0]])
    """
    xp, width = namespace(mask), before + after
    return reduce(or_, (xp.pad(mask, [(0, 0), (k, width - k)]) for k in range(width + 1)))


def window_mask(layer: Any, mask: Mask) -> Mask:
    """Return which windows of sequences count: those that lie wholly in a sequence and its border.

    With ``padding="same"`` there are as many as time steps that count.
    """
    if mask is None or layer.dimensions == 2:
        return no_mask(layer, mask)
    grid = grid_of(layer, (1, mask.shape[1]))
    stride, dilation, kernel = grid.strides[1], grid.dilation[1], grid.kernel[1]
    if layer.padding == "same":
        if stride > 1:
            raise ShapeError(
                f"{layer.name or 'here'}, {layer.describe()}: with padding='same' and strides above 1 the "
                "windows lie elsewhere in a padded sequence than in the sequence alone, so there can be no "
                "mask; take padding='valid', 'causal' or a number"
            )
        return mask
    mask, count = bordered(mask, grid.before[1], grid.after[1]), grid.outputs(1, mask.shape[1])[1]
    begins = (k * dilation for k in range(kernel))
    return reduce(and_, (mask[:, begin : begin + (count - 1) * stride + 1 : stride] for begin in begins))


def grid_of(layer: Any, image: Shape) -> Grid:
    """Return the windows of a layer on an image, by its kernel_size, strides, padding and dilation."""
    one = (1,) * (2 - layer.dimensions)
    settings = (layer.kernel_size, layer.strides or layer.kernel_size, getattr(layer, "dilation", 1))
    kernel, strides, dilation = (one + both(value, layer.dimensions) for value in settings)
    sides = _sides(layer, image[:2], kernel, strides, dilation)
    before, after = zip(*sides, strict=True)
    return Grid(kernel, strides, dilation, before, after)


def _sides(layer: Any, sizes: Shape, kernel: Shape, strides: Shape, dilation: Shape) -> list[tuple[int, int]]:
    """Return the numbers of zeros before and after, in both directions."""
    padding = layer.padding
    reach = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
    if padding == "valid":
        return [(0, 0), (0, 0)]
    if padding == "same":
        several = zip(sizes, strides, reach, strict=True)
        total = [max((-(-size // s) - 1) * s + r + 1 - size, 0) for size, s, r in several]
        return [(t // 2, t - t // 2) for t in total]
    if padding == "causal" and layer.dimensions == 1:
        return [(0, 0), (reach[1], 0)]
    explicit = padding if isinstance(padding, tuple) else (padding,) * layer.dimensions
    return [(0, 0)] * (2 - layer.dimensions) + list(sides(explicit, layer.dimensions))
