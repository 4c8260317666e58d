"""Operations of convolutions, pooling and enlarging.

ONNX has channels first, so that axes are turned before and after them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...backend import Tree
from ...layers import (
    AveragePooling1D,
    AveragePooling2D,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv1D,
    DepthwiseConv2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
    UpSampling1D,
    UpSampling2D,
)
from ...layers.grids import as_shape, both, grid_of
from .masks import any_counts
from .operations import Operations, refused, translates
from .pointwise import activated


def channels_first(to: Operations, x: str, dimensions: int) -> str:
    """Return images, or sequences, with their channels before their places; what is masked is 0."""
    first = to.turned(to.zero(x, dimensions + 2), 0, dimensions + 1, *range(1, dimensions + 1))
    return to.called(first, "first")


def channels_last(to: Operations, x: str, dimensions: int) -> str:
    """Return images, or sequences, with their channels behind their places."""
    return to.turned(x, 0, *range(2, dimensions + 2), 1)


def windows(to: Operations, layer: Any, shape: Any) -> dict[str, Any]:
    """Return where the windows of a layer lie, as settings of an operation."""
    sizes = as_shape(shape, layer.dimensions)[:2]
    grid = grid_of(layer, tuple(1 if size is None else size for size in sizes))
    kernel, strides, dilation, before, after = (list(pair[-layer.dimensions :]) for pair in grid)
    settings: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "dilations": dilation}
    if layer.padding == "same" and None in sizes and max(strides) > 1:
        if max(dilation) > 1:  # ONNX Runtime does not take it
            raise refused(
                to, "padding='same' with strides and dilation, for inputs of any size: give it in Input"
            )
        return settings | {"auto_pad": "SAME_UPPER"}  # how much depends on a size that varies
    return settings | {"pads": [*before, *after]}


@translates(Conv1D, Conv2D)
def convolution(to: Operations, layer: Any, params: Tree, x: str, shape: Any) -> str:
    """Add a convolution, of one group or several."""
    d = layer.dimensions
    W = params["W"].transpose(d + 1, d, *range(d))
    return convolved(to, layer, W, params, x, shape, group=layer.groups)


@translates(DepthwiseConv1D, DepthwiseConv2D)
def depthwise(to: Operations, layer: Any, params: Tree, x: str, shape: Any) -> str:
    """Add a convolution of each channel by itself."""
    d, W = layer.dimensions, params["W"]
    W = W.reshape(*W.shape[:d], 1, -1).transpose(d + 1, d, *range(d))
    return convolved(to, layer, W, params, x, shape, group=shape[-1])


def convolved(to: Operations, layer: Any, W: Any, params: Tree, x: str, shape: Any, group: int) -> str:
    """Add a convolution with W (filters, channels of a group, kernel), its bias and its activation."""
    given = [channels_first(to, x, layer.dimensions), to.array(W, "W")]
    if layer.use_bias:
        given.append(to.array(params["b"], "b"))
    y = to.called(to.add("Conv", *given, group=group, **windows(to, layer, shape)), "z")
    return activated(to, layer, channels_last(to, y, layer.dimensions), shape)


@translates(Conv1DTranspose, Conv2DTranspose)
def transposed(to: Operations, layer: Any, params: Tree, x: str, shape: Any) -> str:
    """Add a transposed convolution."""
    d = layer.dimensions
    given = [channels_first(to, x, d), to.array(params["W"].transpose(d + 1, d, *range(d)), "W")]
    if layer.use_bias:
        given.append(to.array(params["b"], "b"))
    kernel, strides, dilation = (
        list(both(value, d)) for value in (layer.kernel_size, layer.strides, layer.dilation)
    )
    more = [layer.output_padding] * d
    if layer.padding == "same":  # strides times the size: what is cut off does not depend on it
        total = [(k - 1) * q + 1 - s for k, q, s in zip(kernel, dilation, strides, strict=True)]
        more = [max(-n, 0) for n in total]
        before = [max(n, 0) // 2 for n in total]
        after = [max(n, 0) - b for n, b in zip(total, before, strict=True)]
    else:
        grid = grid_of(layer, (1, 1))
        before, after = list(grid.before[-d:]), list(grid.after[-d:])
    where = {"kernel_shape": kernel, "strides": strides, "dilations": dilation, "pads": [*before, *after]}
    y = to.called(to.add("ConvTranspose", *given, output_padding=more, **where), "z")
    return activated(to, layer, channels_last(to, y, d), shape)


@translates(MaxPooling1D, MaxPooling2D)
def largest(to: Operations, layer: Any, params: Tree, x: str, shape: Any) -> str:
    """Add a pooling by the largest number; of windows without any that counts it is 0."""
    d, where = layer.dimensions, windows(to, layer, shape)
    if to.mask is None:
        return channels_last(to, to.add("MaxPool", channels_first(to, x, d), **where), d)
    least = float(np.finfo(to.dtype).min)  # not -inf, in whose place ONNX Runtime gives this number
    y = to.add("MaxPool", to.turned(to.zero(x, d + 2, least), 0, d + 1, *range(1, d + 1)), **where)
    y = to.add("Where", to.add("Equal", y, to.array(least, "least")), to.array(0, "zero"), y)
    return channels_last(to, y, d)


@translates(AveragePooling1D, AveragePooling2D)
def average(to: Operations, layer: Any, params: Tree, x: str, shape: Any) -> str:
    """Add a pooling by the mean of what counts; of windows without anything that counts it is 0."""
    d, where = layer.dimensions, windows(to, layer, shape) | {"count_include_pad": 0}
    y = to.add("AveragePool", channels_first(to, x, d), **where)
    if to.mask is not None:
        line = to.add("Unsqueeze", to.numbers(to.mask), to.whole([1], "axes"))
        share = to.add("AveragePool", line, **where)
        y = to.add("Div", y, to.add("Max", share, to.array(0.5 / max(where["kernel_shape"]), "least")))
    return channels_last(to, y, d)


@translates(GlobalAveragePooling1D, GlobalAveragePooling2D)
def average_of_all(to: Operations, layer: Any, params: Tree, x: str, shape: Any) -> str:
    """Add the mean over all places that count; it is 0 if none does."""
    if to.mask is None:
        return to.mean(x, *range(1, layer.dimensions + 1), keep=False)
    axes = to.whole([1], "axes")
    total = to.add("ReduceSum", to.zero(x, 3), axes, keepdims=0)
    count = to.add("ReduceSum", to.numbers(to.mask), axes, keepdims=1)
    return to.add("Div", total, to.add("Max", count, to.array(1, "least")))


@translates(GlobalMaxPooling1D, GlobalMaxPooling2D)
def largest_of_all(to: Operations, layer: Any, params: Tree, x: str, shape: Any) -> str:
    """Add the largest number of all places that count; it is 0 if none does."""
    axes = to.whole(list(range(1, layer.dimensions + 1)), "axes")
    y = to.add("ReduceMax", to.zero(x, layer.dimensions + 2, float(np.finfo(to.dtype).min)), axes, keepdims=0)
    if to.mask is None:
        return y
    there = to.add("Unsqueeze", any_counts(to, to.mask, 1), to.whole([1], "axes"))
    return to.add("Where", there, y, to.array(0, "zero"))


@translates(UpSampling1D, UpSampling2D)
def enlarged(to: Operations, layer: Any, params: Tree, x: str, shape: Any) -> str:
    """Add an enlargement by whole factors."""
    d = layer.dimensions
    factors = to.array([1, 1, *both(layer.size, d)], "factors", "float32")
    linear = getattr(layer, "interpolation", "nearest") == "bilinear"
    how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    if not linear:
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return channels_last(to, to.add("Resize", channels_first(to, x, d), "", factors, **how), d)
