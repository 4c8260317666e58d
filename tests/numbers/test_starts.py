"""First weights, and limits for weights: what a unit's inputs are in each layout of a kernel, measured."""

from dataclasses import replace

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.backend import Stream
from lucidnet.initializers import VarianceScaling, fans
from lucidnet.layers import (
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Embedding,
    Flatten,
    Input,
    PositionalEmbedding,
)
from lucidnet.optimizers import SGD, MaxNorm, UnitNorm

IMAGE = (14, 14, 32)


def spread(layer, shape, gain=1.0):
    """Return the variance of a layer's outputs, far from the border, for inputs of variance 1."""
    params, _ = layer.init(Stream(3, dtype="float64"), shape)
    x = np.random.default_rng(1).normal(size=(500 if len(shape) == 1 else 6, *shape))
    y = layer.forward(params, x)[0]
    return (y[:, 4:-4, 4:-4] if y.ndim == 4 and isinstance(layer, Conv2DTranspose) else y).var()


@pytest.mark.parametrize("name", ["lecun_normal", "lecun_uniform", "he_normal"])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Dense, {"units": 64}),
        (Conv2D, {"filters": 48, "kernel_size": 3}),
        (Conv2D, {"filters": 48, "kernel_size": 3, "groups": 8}),
        (Conv2D, {"filters": 32, "kernel_size": 3, "groups": 32}),
        (DepthwiseConv2D, {"kernel_size": 3}),
        (DepthwiseConv2D, {"kernel_size": (3, 2), "multiplier": 3}),
        (Conv2DTranspose, {"filters": 8, "kernel_size": 3}),
        (Conv2DTranspose, {"filters": 128, "kernel_size": 3}),
        (Conv2DTranspose, {"filters": 64, "kernel_size": 4, "strides": 2}),
        (Conv2DTranspose, {"filters": 64, "kernel_size": 2, "strides": (2, 4), "padding": "same"}),
    ],
    ids=str,
)
def test_variance_is_kept(kind, settings, name):
    """By LeCun's; He's doubles it. Before, a depthwise layer of 64 channels gave 0.0136."""
    made = spread(kind(**settings, initializer=name), IMAGE if kind is not Dense else (64,))
    assert made == pytest.approx(2 if name == "he_normal" else 1, rel=0.15)


def test_depthwise_starts_as_its_channels_alone():
    """Each channel is a convolution of one input channel: fans 9 and 9 times the multiplier."""
    params, _ = DepthwiseConv2D(3, multiplier=2).init(Stream(0, dtype="float64"), (8, 8, 500))
    assert params["W"].var() == pytest.approx(2 / (9 + 18), rel=0.05)
    assert np.abs(params["W"]).max() <= np.sqrt(3 * 2 / 27)


def test_a_vector_of_a_table_is_one_input():
    """A row of a one-hot matrix has a single 1: the variance of the weights is that of the outputs."""
    for layer, shape in ((Embedding(400, 64, initializer="lecun_normal"), (9,)),):
        params, _ = layer.init(Stream(0), shape)
        assert params["W"].var() == pytest.approx(1, rel=0.05)
    params, _ = PositionalEmbedding(400, initializer="he_uniform").init(Stream(0), (9, 64))
    assert params["W"].var() == pytest.approx(2, rel=0.05)


def test_fans_of_groups():
    assert fans((3, 3, 4, 32), groups=8) == (36, 36)
    assert fans((3, 3, 8, 64), swapped=True) == (576, 72)
    assert fans((3, 3, 8, 64), swapped=True, share=0.25) == (144.0, 72)


def test_plain_layouts_start_as_ever():
    """The numbers of a dense and a plain convolutional kernel did not move."""
    for shape in ((7, 5), (3, 3, 4, 8)):
        draw = VarianceScaling()
        limit = np.sqrt(3 / (sum(fans(shape)) / 2))
        literal = limit * (2 * Stream(1, dtype="float64").uniform(shape) - 1)
        np.testing.assert_allclose(draw(Stream(1, dtype="float64"), shape), literal, rtol=1e-15)
        np.testing.assert_allclose(draw.kernel(Stream(1, dtype="float64"), shape), literal, rtol=1e-15)


def grams(matrix):
    rows, columns = matrix.shape
    return matrix.T @ matrix if rows >= columns else matrix @ matrix.T


def test_orthogonal_units_of_each_group():
    grouped, _ = Conv2D(12, 3, groups=3, initializer="orthogonal").init(Stream(0, dtype="float64"), (8, 8, 6))
    for k in range(3):
        gram = grams(grouped["W"][..., 4 * k : 4 * k + 4].reshape(18, 4))
        np.testing.assert_allclose(gram, np.eye(4), atol=1e-12)
    assert abs(grouped["W"][..., :4] - grouped["W"][..., 4:8]).max() > 0.1
    depthwise, _ = DepthwiseConv2D(3, multiplier=2, initializer="orthogonal").init(
        Stream(0, dtype="float64"), (8, 8, 5)
    )
    for k in range(5):
        np.testing.assert_allclose(grams(depthwise["W"][:, :, k].reshape(9, 2)), np.eye(2), atol=1e-12)
    turned, _ = Conv2DTranspose(6, 3, initializer="orthogonal").init(Stream(0, dtype="float64"), (8, 8, 5))
    gram = grams(turned["W"].transpose(0, 1, 3, 2).reshape(45, 6))
    np.testing.assert_allclose(gram, np.eye(6), atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "axes", "backend"),
    [
        (DepthwiseConv2D(3, multiplier=2), (0, 1), "numpy"),
        (Conv2DTranspose(4, 3), (0, 1, 3), "numpy"),
        (Conv2D(4, 3, groups=2), (0, 1, 2), "numpy"),
        (Conv2D(4, 3), (0, 1, 2), "numpy"),
        (DepthwiseConv2D(3, multiplier=2), (0, 1), "jax"),
    ],
    ids=str,
)
def test_limits_hold_for_each_unit(layer, axes, backend):
    """The norm over the weights into each unit, by literal code; the larger ones are cut to it exactly."""
    x = np.random.default_rng(0).normal(size=(4, 6, 6, 4))
    for constraint in (MaxNorm(0.3), UnitNorm()):
        net = [Input((6, 6, 4)), replace(layer, constraint=constraint), Flatten(), Dense(1)]
        model = ln.Model(net, dtype="float64", backend=backend)
        model.compile("mse", SGD(0.0))
        before = {k: v for k, v in model.params.items() if "W" in v and v["W"].ndim == 4}
        ((name, params),) = before.items()
        sizes = np.sqrt(np.square(params["W"]).sum(axes, keepdims=True))
        wanted = params["W"] / (sizes if isinstance(constraint, UnitNorm) else np.maximum(1, sizes / 0.3))
        model.train_step(x, np.zeros((4, 1)))
        np.testing.assert_allclose(model.params[name]["W"], wanted, rtol=1e-12)


def test_an_axis_that_is_given_holds():
    layer = DepthwiseConv2D(3, constraint=MaxNorm(0.3, axis=(0, 1, 2)))
    model = ln.Model([Input((6, 6, 4)), layer, Flatten(), Dense(1)], dtype="float64")
    model.compile("mse", SGD(0.0))
    model.train_step(np.ones((2, 6, 6, 4)), np.zeros((2, 1)))
    W = next(v["W"] for v in model.params.values() if "W" in v and v["W"].ndim == 4)
    assert np.sqrt(np.square(W).sum()) == pytest.approx(0.3)


def test_keras_counts_otherwise():
    """The plain fans of Keras for a depthwise kernel (3, 3, 64, 1) are 576 and 9: its he_normal is 64 times less."""
    ours = VarianceScaling(2.0, "in", "normal").kernel(Stream(0), (3, 3, 1, 64), groups=64)
    assert ours.var() == pytest.approx(2 / 9, rel=0.3)
