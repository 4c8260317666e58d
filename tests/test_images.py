"""Layers for images against PyTorch, and what they say when an image does not fit."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.backend import Stream, windows
from lucidnet.errors import SettingError, ShapeError
from lucidnet.layers import (
    AveragePooling2D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalMaxPooling1D,
    Input,
    MaxPooling1D,
    MaxPooling2D,
    Reshape,
    Sequential,
    ZeroPadding2D,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 11, 9, 4))


def first(array):
    """From channels last to channels first."""
    return np.ascontiguousarray(np.moveaxis(array, -1, 1))


def last(tensor):
    return np.moveaxis(tensor.detach().numpy(), 1, -1)


def kernel(W):
    """From (height, width, inputs, filters) to PyTorch's (filters, inputs, height, width)."""
    return np.ascontiguousarray(np.transpose(W, (3, 2, 0, 1)))


CASES = [
    (Conv2D(6, 3), lambda F, x, W, b: F.conv2d(x, W, b)),
    (Conv2D(6, (2, 3), strides=(2, 3)), lambda F, x, W, b: F.conv2d(x, W, b, (2, 3))),
    (Conv2D(6, 3, padding=1, dilation=2), lambda F, x, W, b: F.conv2d(x, W, b, 1, 1, 2)),
    (Conv2D(6, 3, groups=2, strides=2), lambda F, x, W, b: F.conv2d(x, W, b, 2, groups=2)),
    (Conv2D(8, 3, groups=4), lambda F, x, W, b: F.conv2d(x, W, b, groups=4)),
    (Conv2D(6, 5, padding="same"), lambda F, x, W, b: F.conv2d(x, W, b, padding="same")),
    (
        Conv2DTranspose(5, 3, strides=2, padding=1, output_padding=1),
        lambda F, x, W, b: F.conv_transpose2d(x, W, b, 2, 1, 1),
    ),
    (
        Conv2DTranspose(5, (3, 2), strides=(1, 2), dilation=2),
        lambda F, x, W, b: F.conv_transpose2d(x, W, b, (1, 2), 0, 0, 1, 2),
    ),
]


@pytest.mark.parametrize("border", [(1, 2, 3), ((1, 2, 3), (1, 1)), ((1, 1), (1,))], ids=str)
@pytest.mark.parametrize("kind", [ZeroPadding2D, Cropping2D])
def test_borders_have_two_sides_in_two_dimensions(kind, border):
    with pytest.raises(SettingError, match=f"{kind.__name__}: .* or .before, after. for each, got"):
        kind(border)


@pytest.mark.parametrize(
    ("layer", "theirs"), CASES, ids=lambda case: repr(case) if isinstance(case, ln.layers.Layer) else ""
)
@pytest.mark.parametrize("block", [1, 1 << 18], ids=["image by image", "whole"])
def test_pytorch_agrees(layer, theirs, block, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(windows, "BLOCK", block)
    params, shape = layer.init(Stream(1, dtype="float64"), X.shape[1:])
    y, cache = layer.forward(params, X)
    dy = RNG.normal(size=y.shape)
    dx, grads = layer.backward(params, cache, dy)
    x, W, b = (torch.from_numpy(a).requires_grad_() for a in (first(X), kernel(params["W"]), params["b"]))
    expected = theirs(torch.nn.functional, x, W, b)
    expected.backward(torch.from_numpy(first(dy)))
    assert y.shape[1:] == shape
    np.testing.assert_allclose(y, last(expected), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dx, last(x.grad), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(kernel(grads["W"]), W.grad, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(grads["b"], b.grad, rtol=1e-10, atol=1e-12)


def test_depthwise_is_a_convolution_of_as_many_groups_as_channels():
    layer, same = DepthwiseConv2D(3, strides=2, multiplier=2, padding=1), Conv2D(8, 3, 2, padding=1, groups=4)
    params, _ = layer.init(Stream(1, dtype="float64"), X.shape[1:])
    other = params | {"W": params["W"].reshape(3, 3, 1, 8)}
    (y, cache), (expected, kept) = layer.forward(params, X), same.forward(other, X)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    (dx, grads), (dx2, grads2) = layer.backward(params, cache, y), same.backward(other, kept, y)
    np.testing.assert_allclose(dx, dx2, rtol=1e-10)
    np.testing.assert_allclose(grads["W"].reshape(3, 3, 1, 8), grads2["W"], rtol=1e-10)


@pytest.mark.parametrize("ties", [False, True])
def test_pooling_is_pytorchs(ties):
    torch = pytest.importorskip("torch")
    x = np.round(X) if ties else X
    for layer, theirs in [
        (MaxPooling2D(2), lambda F, x: F.max_pool2d(x, 2)),
        (MaxPooling2D(3, strides=2, padding=1), lambda F, x: F.max_pool2d(x, 3, 2, 1)),
        (AveragePooling2D((2, 3)), lambda F, x: F.avg_pool2d(x, (2, 3))),
        (
            AveragePooling2D(3, strides=2, padding=1),
            lambda F, x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        ),
    ]:
        y, cache = layer.forward({}, x)
        tensor = torch.from_numpy(first(x)).requires_grad_()
        expected = theirs(torch.nn.functional, tensor)
        dy = RNG.normal(size=y.shape)
        expected.backward(torch.from_numpy(first(dy)))
        np.testing.assert_allclose(y, last(expected), rtol=1e-12)
        np.testing.assert_allclose(layer.backward({}, cache, dy)[0], last(tensor.grad), rtol=1e-12)


def test_maxima_in_windows_of_more_pixels_than_a_byte_counts():
    x = RNG.normal(size=(3, 34, 18, 2))
    layer = MaxPooling2D((34, 9))
    y, cache = layer.forward({}, x)
    dy = RNG.normal(size=y.shape)
    dx, _ = layer.backward({}, cache, dy)
    expected = np.zeros_like(x)
    for n, column, channel in np.ndindex(3, 2, 2):
        window = x[n, :, 9 * column : 9 * column + 9, channel]
        assert y[n, 0, column, channel] == window.max()
        i, j = np.unravel_index(window.argmax(), window.shape)
        expected[n, i, 9 * column + j, channel] = dy[n, 0, column, channel]
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.parametrize("place", range(4))
def test_a_window_with_nan_is_nan_and_sends_its_error_to_one_place_as_pytorchs(place):
    torch = pytest.importorskip("torch")
    x = np.arange(4.0)
    x[place] = np.nan
    y, cache = MaxPooling2D(2).forward({}, x.reshape(1, 2, 2, 1))
    dx, _ = MaxPooling2D(2).backward({}, cache, np.full_like(y, 3.0))
    theirs = torch.tensor(x.reshape(1, 1, 2, 2), requires_grad=True)
    out = torch.nn.functional.max_pool2d(theirs, 2)
    out.backward(torch.full_like(out, 3.0))
    assert np.isnan(y).all()
    assert np.isnan(out.detach().numpy()).all()
    np.testing.assert_array_equal(np.sort(dx.ravel()), np.sort(theirs.grad.numpy().ravel()))


def test_pooling_of_single_pixels_returns_an_array_of_its_own():
    x = RNG.normal(size=(2, 3, 3, 1))
    y, _ = MaxPooling2D(1).forward({}, x)
    np.testing.assert_array_equal(y, x)
    assert not np.shares_memory(x, y)


def test_a_small_network_learns_the_digits():
    (x, y), (x_test, y_test) = ln.data.load("digits")
    model = ln.Model(
        [
            Input(64),
            Reshape((8, 8, 1)),
            Conv2D(12, 3, activation="relu", padding="same"),
            MaxPooling2D(2),
            Conv2D(24, 3, activation="relu"),
            Flatten(),
            Dense(10, "softmax"),
        ]
    )
    model.compile("categorical_crossentropy", ln.optimizers.Adam(0.005), ["accuracy"])
    model.fit(x, y, epochs=8, verbose=0)
    assert model.evaluate(x_test, y_test).accuracy > 0.97


@pytest.mark.parametrize("backend", ["numpy", "jax:cpu"])
def test_sequences_of_any_length(backend):
    if backend != "numpy":
        pytest.importorskip("jax")
    layers = [
        Input((None, 4)),
        Conv1D(5, 3, activation="tanh"),
        MaxPooling1D(2),
        GlobalMaxPooling1D(),
        Dense(2),
    ]
    model = ln.Model(layers, backend=backend)
    model.compile("mse", "adam")
    assert model.output_shape == (2,)
    assert "any x 5" in model.summary()
    x, y = RNG.normal(size=(8, 12, 4)), RNG.normal(size=(8, 2))
    model.fit(x, y, verbose=0)
    model.fit(x[:, :6], y, verbose=0)
    assert model.predict(x[:, :5]).shape == (8, 2)
    with pytest.raises(ShapeError, match=r"windows of 3 .* do not fit into \(2,\)"):
        model.predict(x[:, :2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2D(0, 3), "filters must be a whole number of 1 or more, got 0"),
        (
            lambda: Conv2D(4, (3, 3, 3)),
            "kernel_size must be a whole number of 1 or more, or one for each dimension",
        ),
        (lambda: Conv2D(4, 3, groups=3), "4 filters do not divide into 3 groups"),
        (lambda: Conv2D(4, 3, groups=2).init(Stream(), (8, 8, 3)), "3 channels do not divide into 2 groups"),
        (lambda: Conv2D(4, 3).init(Stream(), (28, 28)), r"got \(28, 28\); Reshape\(\(28, 28, 1\)\)"),
        (lambda: Conv2D(4, 9).init(Stream(), (8, 8, 1)), r"windows of 9 .* do not fit into \(8, 8\)"),
        (lambda: Conv2D(4, 3, padding="full").init(Stream(), (8, 8, 1)), "padding must be 'valid', 'same'"),
        (lambda: Conv1D(4, 3).init(Stream(), (5, None)), "needs to know the channels"),
        (
            lambda: Conv1D(4, 3).forward({"W": np.ones((3, 1, 4))}, X[:, :2, 0, :1]),
            r"windows of 3 .* do not fit into \(2,\)",
        ),
        (lambda: Conv2DTranspose(4, 3, output_padding=1), "output_padding must be at least 0 and below"),
        (lambda: MaxPooling2D(0), "pool_size must be"),
        (
            lambda: Sequential([Conv2D(2, 3), Dense(2), Conv1D(2, 2)]).init(Stream(), (8, 8, 1)),
            "layer 2 Conv1D",
        ),
    ],
)
def test_mistakes(make, message):
    with pytest.raises((SettingError, ShapeError), match=message):
        make()
