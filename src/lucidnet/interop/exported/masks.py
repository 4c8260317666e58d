"""Operations of masks: layers that make one, and what becomes of it where the time steps change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, reduce
from typing import Any, TypeAlias

import numpy as np

from ...backend import Tree
from ...layers import (
    AveragePooling1D,
    Conv1D,
    Conv1DTranspose,
    Cropping1D,
    DepthwiseConv1D,
    Embedding,
    Masking,
    MaxPooling1D,
    Sampling,
    UpSampling1D,
    ZeroPadding1D,
)
from ...layers.grids import both, grid_of
from ...layers.shapes import zeros
from .operations import MASKS, Operations, carries, kept, zeroed

END = 2**62
"""An end of a slice that means the end of its axis."""


def both_count(to: Operations, masks: Iterable[Any]) -> Any:
    """Return the mask of what counts in all of several sequences; None if all does."""
    different = list(dict.fromkeys(mask for mask in masks if mask is not None))
    return reduce(partial(to.add, "And"), different) if different else None


def any_counts(to: Operations, mask: str, *axes: int) -> str:
    """Return whether anything counts along some axes, which are left out."""
    largest = to.add("ReduceMax", to.numbers(mask), to.whole(axes, "axes"), keepdims=0)
    return to.add("Cast", largest, to="bool")


@carries(Masking)
def masking(to: Operations, layer: Masking, params: Tree, x: str, shape: Any, mask: Any) -> Any:
    """Return the input, with zeros where it is padded by another number, and the mask of what is not."""
    fillers = dict.fromkeys(np.array(sorted(layer.fillers()), to.dtype).tolist())
    same = (to.add("Equal", x, to.array(value, "padding")) for value in fillers)
    different = reduce(partial(to.add, "And"), [to.add("Not", each) for each in same])
    different = to.called(any_counts(to, different, *range(2, len(shape) + 1)), "mask")
    mask = both_count(to, (mask, different))
    return zeroed(to, mask, x, len(shape) + 1) if layer.value else x, mask


@carries(Embedding)
def embedding(to: Operations, layer: Embedding, params: Tree, x: str, shape: Any, mask: Any) -> Any:
    """Add a lookup in a table of vectors, and the mask of the zeros."""
    numbers = to.called(to.add("Cast", x, to="int64"), "numbers")
    if layer.mask_zero or mask is not None:
        layer.output_mask(zeros(shape, to.dtype, 1), None)  # raises if it takes no masks
    if layer.mask_zero:
        words = to.add("Not", to.add("Equal", numbers, to.whole(0, "padding")))
        mask = both_count(to, (mask, to.called(words, "mask")))
    return to.add("Gather", to.array(params["W"], "W"), numbers, axis=0), mask


Change: TypeAlias = Callable[[Operations, Any, Any, Any], Any]
"""What becomes of a mask: of a layer, the mask of its input, and the shape of that."""


def changes(*kinds: type) -> Callable[[Change], Change]:
    """Return a decorator for what becomes of a mask, if there is one, at layers of some classes."""

    def known(change: Change) -> Change:
        def changed(to: Operations, layer: Any, x: Any, shape: Any) -> Any:
            return None if to.mask is None else change(to, layer, to.mask, shape)

        MASKS.update(dict.fromkeys(kinds, changed))
        return change

    return known


@changes(Conv1D, DepthwiseConv1D, MaxPooling1D, AveragePooling1D)
def windows(to: Operations, layer: Any, mask: str, shape: Any) -> Any:
    """Return which windows lie wholly in a sequence and its border."""
    if layer.padding == "same":
        return kept(to, layer, mask, shape)  # raises with strides
    grid = grid_of(layer, (1, shape[0] or 1))
    wide = bordered(to, mask, grid.before[1], grid.after[1])
    sizes = grid.kernel[1], grid.strides[1], grid.dilation[1]
    return to.add("Not", pooled(to, to.add("Not", wide), *sizes))


def bordered(to: Operations, mask: str, before: int, after: int) -> str:
    """Return the mask of sequences with a border, which counts at both ends of each sequence."""
    width = before + after
    return pooled(to, mask, width + 1, pads=width) if width else mask


def pooled(to: Operations, mask: str, kernel: int, stride: int = 1, dilation: int = 1, pads: int = 0) -> str:
    """Return whether anything counts in each window of a mask."""
    line = to.add("Unsqueeze", to.numbers(mask), to.whole([1], "axes"))
    where = {"kernel_shape": [kernel], "strides": [stride], "dilations": [dilation], "pads": [pads, pads]}
    made = to.add("MaxPool", line, **where)
    return to.add("Cast", to.add("Squeeze", made, to.whole([1], "axes")), to="bool")


@changes(Conv1DTranspose)
def spread_out(to: Operations, layer: Any, mask: str, shape: Any) -> Any:
    """Return a mask with each step repeated as often as a transposed convolution makes of it."""
    if layer.padding != "same":
        return kept(to, layer, mask, shape)  # raises
    return repeated(to, mask, both(layer.strides, 1)[0])


@changes(UpSampling1D)
def enlarged(to: Operations, layer: Any, mask: str, shape: Any) -> str:
    """Return a mask with each step repeated."""
    return repeated(to, mask, both(layer.size, 1)[0])


def repeated(to: Operations, mask: str, times: int) -> str:
    """Return a mask with each of its steps several times."""
    if times == 1:
        return mask
    tiled = to.add("Tile", to.add("Unsqueeze", mask, to.whole([2], "axes")), to.whole([1, 1, times], "times"))
    return to.add("Flatten", tiled, axis=1)


@changes(ZeroPadding1D)
def padded(to: Operations, layer: Any, mask: str, shape: Any) -> str:
    """Return the mask of sequences with a border."""
    ((before, after),) = layer.padding
    return bordered(to, mask, before, after)


@changes(Cropping1D)
def cropped(to: Operations, layer: Any, mask: str, shape: Any) -> Any:
    """Return the mask of sequences that lose their own first and last steps."""
    ((before, after),) = layer.cropping
    whole = before + after
    several = ((0, whole), (before, after), (whole, 0))
    return both_count(to, [cut(to, mask, begin, end) for begin, end in several])


def cut(to: Operations, mask: str, begin: int, end: int) -> str:
    """Return a mask without its first and last steps."""
    where = to.whole([begin], "begins"), to.whole([-end or END], "ends"), to.whole([1], "axes")
    return to.add("Slice", mask, *where)


@changes(Sampling)
def sampled(to: Operations, layer: Any, mask: Any, shape: Any) -> Any:
    """Return what counts in both inputs."""
    return both_count(to, mask if isinstance(mask, tuple) else (mask,))
