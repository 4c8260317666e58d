"""Operations of layers that take each number, or the features of each place, by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...backend import Tree
from ...layers import (
    ELU,
    GELU,
    SELU,
    Abs,
    BatchNormalization,
    Cropping1D,
    Cropping2D,
    Dense,
    Dropout,
    Exponential,
    Flatten,
    GaussianNoise,
    GroupNormalization,
    HardSigmoid,
    Input,
    LayerNormalization,
    LeakyReLU,
    Linear,
    LogSoftmax,
    Mish,
    Normalization,
    Permute,
    PReLU,
    ReLU,
    RepeatVector,
    Rescaling,
    Reshape,
    RMSNormalization,
    Sampling,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    SpatialDropout1D,
    SpatialDropout2D,
    Tanh,
    ZeroPadding1D,
    ZeroPadding2D,
)
from ...layers.axes import places
from .masks import END
from .operations import Operations, translates

ALONE: dict[type, tuple[str, dict[str, float]]] = {
    ReLU: ("Relu", {}),
    SELU: ("Selu", {"alpha": SELU.alpha, "gamma": SELU.scale}),
    Abs: ("Abs", {}),
    Sigmoid: ("Sigmoid", {}),
    Tanh: ("Tanh", {}),
    Softsign: ("Softsign", {}),
    Softplus: ("Softplus", {}),
    Exponential: ("Exp", {}),
    HardSigmoid: ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    GELU: ("Gelu", {}),
    Mish: ("Mish", {}),
}
"""Activations that are one operation, with its settings."""


@translates(*ALONE)
def alone(to: Operations, layer: Any, params: Tree, x: str, shape: Any) -> str:
    """Add an activation that is one operation."""
    kind, settings = ALONE[type(layer)]
    return to.add(kind, x, **settings)


@translates(Linear, Input, Dropout, SpatialDropout1D, SpatialDropout2D, GaussianNoise)
def unchanged(to: Operations, layer: Any, params: Tree, x: str, shape: Any) -> str:
    """Return the input: outside training these do nothing."""
    return x  # outside training


@translates(LeakyReLU)
def leaky(to: Operations, layer: LeakyReLU, params: Tree, x: str, shape: Any) -> str:
    """Add a rectifier with a slope for negative numbers."""
    return to.add("LeakyRelu", x, alpha=layer.negative_slope)


@translates(ELU)
def elu(to: Operations, layer: ELU, params: Tree, x: str, shape: Any) -> str:
    """Add an exponential linear unit."""
    return to.add("Elu", x, alpha=layer.alpha)


@translates(SiLU)
def silu(to: Operations, layer: SiLU, params: Tree, x: str, shape: Any) -> str:
    """Add x times its sigmoid."""
    return to.add("Mul", x, to.add("Sigmoid", x))


@translates(PReLU)
def prelu(to: Operations, layer: PReLU, params: Tree, x: str, shape: Any) -> str:
    """Add a rectifier with learned slopes."""
    return to.add("PRelu", x, to.array(params["alpha"], "alpha"))


@translates(Softmax, LogSoftmax)
def softmax(to: Operations, layer: Softmax, params: Tree, x: str, shape: Any) -> str:
    """Add a softmax, or its logarithm."""
    return to.add(type(layer).__name__, x, axis=layer.axis)


@translates(Dense)
def dense(to: Operations, layer: Dense, params: Tree, x: str, shape: Any) -> str:
    """Add a dense layer."""
    y = to.add("MatMul", x, to.array(params["W"], "W"))
    return activated(to, layer, biased(to, layer, params, y), shape)


def biased(to: Operations, layer: Any, params: Tree, x: str) -> str:
    """Add a layer's bias, if it has one."""
    return to.add("Add", x, to.array(params["b"], "b")) if layer.use_bias else x


def activated(to: Operations, layer: Any, x: str, shape: Any) -> str:
    """Apply a layer's activation function."""
    made: str = to.layer(layer.activation, {}, x, layer.output_shape(shape))
    return made


@translates(Rescaling)
def rescaling(to: Operations, layer: Rescaling, params: Tree, x: str, shape: Any) -> str:
    """Add a x + b."""
    y = to.add("Mul", x, to.array(layer.scale, "scale"))
    return to.add("Add", y, to.array(layer.offset, "offset")) if layer.offset else y


@translates(Normalization)
def normalization(to: Operations, layer: Normalization, params: Tree, x: str, shape: Any) -> str:
    """Add a standardization with fixed means and variances."""
    layer.output_shape(shape)  # raises if it has no means yet
    axes = () if layer.axis is None else places(layer, layer.axis, shape)
    variance = np.array(layer.variance)
    factor = np.where(variance > 0, variance, 1.0) ** -0.5
    y = to.add("Sub", x, to.array(along(np.array(layer.mean), axes, shape), "mean"))
    return to.add("Mul", y, to.array(along(factor, axes, shape), "factor"))


def along(values: Any, axes: tuple[int, ...], shape: Any) -> Any:
    """Return values of some axes of a batch in a form that broadcasts to it."""
    sizes = [size if axis in axes else 1 for axis, size in enumerate((1, *shape))]
    return np.asarray(values).reshape(sizes)


@translates(BatchNormalization)
def batch_normalization(to: Operations, layer: BatchNormalization, params: Tree, x: str, shape: Any) -> str:
    """Add a normalization by running statistics: a factor and an offset for each feature."""
    axes = places(layer, layer.axis, shape)
    gamma, beta, mean, variance = (
        np.asarray(params[name], np.float64) for name in ("gamma", "beta", "mean", "variance")
    )
    factor = gamma / np.sqrt(variance + layer.epsilon)
    y = to.add("Mul", x, to.array(along(factor, axes, shape), "factor"))
    return to.add("Add", y, to.array(along(beta - mean * factor, axes, shape), "offset"))


@translates(LayerNormalization)
def layer_normalization(to: Operations, layer: LayerNormalization, params: Tree, x: str, shape: Any) -> str:
    """Add a normalization of each example, or of each place."""
    axes = places(layer, layer.axis, shape)
    gamma, beta = (to.array(along(params[name], axes, shape), name) for name in ("gamma", "beta"))
    centred = to.called(to.add("Sub", x, to.mean(x, *axes)), "centred")
    return to.add("Add", to.add("Mul", scaled(to, centred, axes, layer.epsilon), gamma), beta)


@translates(RMSNormalization)
def rms_normalization(to: Operations, layer: RMSNormalization, params: Tree, x: str, shape: Any) -> str:
    """Add a division by the root of the mean square."""
    axes = places(layer, layer.axis, shape)
    gamma = to.array(along(params["gamma"], axes, shape), "gamma")
    return to.add("Mul", scaled(to, x, axes, layer.epsilon), gamma)


def scaled(to: Operations, x: str, axes: tuple[int, ...], epsilon: float) -> str:
    """Divide by the root of the mean square over some axes."""
    square = to.called(to.mean(to.add("Mul", x, x), *axes), "square")
    return to.add("Div", x, to.add("Sqrt", to.add("Add", square, to.array(epsilon, "epsilon"))))


@translates(GroupNormalization)
def group_normalization(to: Operations, layer: GroupNormalization, params: Tree, x: str, shape: Any) -> str:
    """Add a normalization within groups of features, of the time steps that count."""
    (axis,) = places(layer, layer.axis, shape)
    order = [each for each in range(len(shape) + 1) if each != axis] + [axis]
    turned, sizes = to.turned(x, *order), (layer.groups, shape[axis - 1] // layer.groups)
    grouped = to.called(to.shaped(turned, *[0] * len(shape), *sizes), "grouped")
    axes = *range(1, len(shape)), len(shape) + 1
    if to.mask is None:
        centred = to.called(to.add("Sub", grouped, to.mean(grouped, *axes)), "centred")
        y = scaled(to, centred, axes, layer.epsilon)
    else:
        counts = to.add("Expand", to.spread(to.mask, len(shape) + 2), to.add("Shape", grouped))
        y = of_what_counts(to, grouped, counts, axes, layer.epsilon)
    y = to.add("Mul", to.like(y, turned), to.array(params["gamma"], "gamma"))
    y = to.add("Add", y, to.array(params["beta"], "beta"))
    return to.turned(y, *(order.index(each) for each in range(len(order))))


def of_what_counts(to: Operations, x: str, counts: str, over: tuple[int, ...], epsilon: float) -> str:
    """Normalize by mean and variance of the numbers that count, over some axes."""
    axes, zero = to.whole(over, "axes"), to.array(0, "zero")
    number = to.add("ReduceSum", to.numbers(counts), axes, keepdims=1)
    number = to.add("Max", number, to.array(1, "least"))

    def mean(values: str) -> str:
        total = to.add("ReduceSum", to.add("Where", counts, values, zero), axes, keepdims=1)
        return to.add("Div", total, number)

    centred = to.called(to.add("Sub", x, mean(x)), "centred")
    variance = to.add("Add", mean(to.add("Mul", centred, centred)), to.array(epsilon, "epsilon"))
    return to.add("Div", centred, to.add("Sqrt", variance))


@translates(Flatten)
def flatten(to: Operations, layer: Flatten, params: Tree, x: str, shape: Any) -> str:
    """Add a flattening of each example."""
    return to.add("Flatten", x, axis=1)


@translates(Reshape)
def reshape(to: Operations, layer: Reshape, params: Tree, x: str, shape: Any) -> str:
    """Add another shape of each example."""
    made = layer.output_shape(shape)
    return to.shaped(x, 0, *(layer.shape if None in made else made))


@translates(Permute)
def permute(to: Operations, layer: Permute, params: Tree, x: str, shape: Any) -> str:
    """Add another order of the axes."""
    return to.turned(x, 0, *layer.axes)


@translates(RepeatVector)
def repeated(to: Operations, layer: RepeatVector, params: Tree, x: str, shape: Any) -> str:
    """Add copies along a new axis of time."""
    return to.add(
        "Tile", to.add("Unsqueeze", x, to.whole([1], "axes")), to.whole([1, layer.times, 1], "times")
    )


@translates(ZeroPadding1D, ZeroPadding2D)
def zero_padding(to: Operations, layer: Any, params: Tree, x: str, shape: Any) -> str:
    """Add a border of zeros."""
    before, after = zip(*layer.padding, strict=True)
    return to.add("Pad", to.zero(x, len(shape) + 1), to.whole([0, *before, 0, 0, *after, 0], "borders"))


@translates(Cropping1D, Cropping2D)
def cropping(to: Operations, layer: Any, params: Tree, x: str, shape: Any) -> str:
    """Cut off a border."""
    before, after = zip(*layer.cropping, strict=True)
    stops, axes = [-n if n else END for n in after], range(1, len(shape))
    return to.add(
        "Slice", x, to.whole(before, "begins"), to.whole(stops, "ends"), to.whole(list(axes), "axes")
    )


@translates(Sampling)
def sampling(to: Operations, layer: Sampling, params: Tree, x: Any, shape: Any) -> str:
    """Return the mean: outside training nothing is drawn."""
    if isinstance(x, tuple):
        return str(x[0])  # outside training the mean, without noise
    size = shape[-1] // 2
    return to.add("Slice", x, to.whole([0], "begins"), to.whole([size], "ends"), to.whole([-1], "axes"))
