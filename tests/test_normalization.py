"""Normalization, noise and PReLU beside PyTorch's; running statistics."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers
from lucidnet.backend import Stream
from lucidnet.errors import SettingError, ShapeError
from lucidnet.layers import Run
from rows_normalization import MASK

TRAIN = Run(True, Stream(3))


def compare(torch, layer, theirs, shape, names):
    """Output and all gradients of a layer and of PyTorch's module, which sees features first."""
    x, dy = np.random.default_rng(0).normal(2, 3, (2, *shape))
    draw = np.random.default_rng(1)
    params, _ = layer.init(Stream(0, dtype="float64"), shape[1:])
    params |= {name: draw.uniform(0.5, 1.5, params[name].shape) for name in names}
    for name, theirs_name in names.items():
        getattr(theirs, theirs_name).data = torch.from_numpy(params[name].copy())
    given = torch.from_numpy(x.copy()).requires_grad_()
    made = theirs.to(torch.float64)(given.movedim(-1, 1)).movedim(1, -1)
    made.backward(torch.from_numpy(dy))
    y, cache = layer.forward(params, x, TRAIN if theirs.training else Run())
    dx, grads = layer.backward(params, cache, dy)
    np.testing.assert_allclose(y, made.detach(), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(dx, given.grad, rtol=1e-9, atol=1e-9)
    for name, theirs_name in names.items():
        np.testing.assert_allclose(grads[name], getattr(theirs, theirs_name).grad, rtol=1e-9, atol=1e-9)
    return params, cache


AFFINE = {"gamma": "weight", "beta": "bias"}


@pytest.mark.parametrize("shape", [(9, 4), (6, 7, 3), (5, 4, 3, 2)], ids=str)
def test_batch_normalization_beside_pytorch(shape):
    torch = pytest.importorskip("torch")
    kind = [torch.nn.BatchNorm1d, torch.nn.BatchNorm1d, torch.nn.BatchNorm2d][len(shape) - 2]
    theirs, layer = kind(shape[-1], eps=1e-3, momentum=0.1), layers.BatchNormalization(0.9)
    params, cache = compare(torch, layer, theirs, shape, AFFINE)
    moved, places = layer.absorb(params, cache), np.prod(shape[:-1])
    np.testing.assert_allclose(moved["mean"], theirs.running_mean, rtol=1e-9)
    biased = 0.9 + (theirs.running_var.numpy() - 0.9) * (places - 1) / places
    np.testing.assert_allclose(moved["variance"], biased, rtol=1e-9)
    assert list(moved) == ["gamma", "beta", "mean", "variance"]
    assert params["mean"].max() == 0  # what was given is not changed


def test_batch_normalization_in_inference_beside_pytorch():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.BatchNorm1d(4, eps=1e-3).eval()
    buffers = {"mean": "running_mean", "variance": "running_var"}
    x = np.random.default_rng(0).normal(2, 3, (9, 4))
    layer = layers.BatchNormalization()
    params, _ = layer.init(Stream(0, dtype="float64"), (4,))
    params |= {name: np.random.default_rng(1).uniform(0.5, 1.5, 4) for name in params}
    for name, theirs_name in (AFFINE | buffers).items():
        getattr(theirs, theirs_name).data = torch.from_numpy(params[name])
    y, cache = layer.forward(params, x)
    np.testing.assert_allclose(y, theirs(torch.from_numpy(x)).detach(), rtol=1e-9)
    assert layer.absorb(params, cache) is params


@pytest.mark.parametrize("shape", [(9, 6), (4, 7, 6)], ids=str)
def test_normalization_of_rows_beside_pytorch(shape):
    torch = pytest.importorskip("torch")

    class OfLast(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner
            self.weight, self.bias = inner.weight, getattr(inner, "bias", None)

        def forward(self, x):
            return self.inner(x.movedim(1, -1)).movedim(-1, 1)

    compare(torch, layers.LayerNormalization(1e-5), OfLast(torch.nn.LayerNorm(6)), shape, AFFINE)
    compare(
        torch, layers.RMSNormalization(), OfLast(torch.nn.RMSNorm(6, eps=1e-6)), shape, {"gamma": "weight"}
    )


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("shape", [(4, 6), (4, 7, 6), (4, 3, 5, 6)], ids=str)
def test_group_normalization_beside_pytorch(shape, groups):
    torch = pytest.importorskip("torch")
    compare(
        torch,
        layers.GroupNormalization(groups),
        torch.nn.GroupNorm(groups, 6, eps=1e-3),
        shape,
        AFFINE,
    )


@pytest.mark.parametrize("shape", [(9, 4), (4, 3, 5, 4)], ids=str)
def test_prelu_beside_pytorch(shape):
    torch = pytest.importorskip("torch")
    compare(torch, layers.PReLU(), torch.nn.PReLU(4), shape, {"alpha": "weight"})


def test_steps_that_do_not_count_change_nothing():
    layer = layers.BatchNormalization()
    params, _ = layer.init(Stream(0, dtype="float64"), (5, 3))
    x = np.random.default_rng(0).normal(size=(4, 5, 3))
    other = np.where(MASK[..., None], x, 1e3)
    run = Run(True, mask=MASK)
    (y, cache), (z, other_cache) = (layer.forward(params, a, run) for a in (x, other))
    np.testing.assert_array_equal(y[MASK], z[MASK])
    for name in layer.buffers:
        one, two = (layer.absorb(params, c)[name] for c in (cache, other_cache))
        np.testing.assert_array_equal(one, two)
    assert np.abs(layer.absorb(params, cache)["mean"] - 0.01 * x[MASK].mean(0)).max() < 1e-15


def test_a_batch_without_any_step_that_counts_is_finite():
    run = Run(True, mask=np.zeros((2, 5), bool))
    for layer in (layers.BatchNormalization(), layers.GroupNormalization(3)):
        params, _ = layer.init(Stream(0), (5, 3))
        y, cache = layer.forward(params, np.ones((2, 5, 3), "float32"), run)
        dx, _ = layer.backward(params, cache, y)
        assert np.isfinite(y).all()
        assert np.isfinite(dx).all()


@pytest.mark.parametrize("kind", ["BatchNormalization", "LayerNormalization", "RMSNormalization"])
def test_constant_rows_are_finite(kind):
    layer = getattr(layers, kind)()
    params, _ = layer.init(Stream(0), (4,))
    y, cache = layer.forward(params, np.zeros((3, 4), "float32"), TRAIN)
    assert np.isfinite(layer.backward(params, cache, np.ones_like(y))[0]).all()


def test_running_statistics_of_a_model():
    """They follow every batch, serve predictions, and stay as they are in a frozen layer."""
    x = np.random.default_rng(0).normal(5, 2, (64, 3)).astype("float32")
    target = x.sum(1, keepdims=True)
    for frozen in (False, True):
        norm = layers.BatchNormalization(0.5, name="norm", frozen=frozen)
        model = ln.Model([layers.Input(3), norm, layers.Dense(1)], seed=0)
        model.compile(loss="mse", optimizer="sgd")
        model.fit(x, target, epochs=2, batch_size=32, shuffle=False, verbose=0)
        mean, variance = np.zeros(3), np.ones(3)
        for batch in () if frozen else (x[:32], x[32:]) * 2:
            mean, variance = (mean + batch.mean(0)) / 2, (variance + batch.var(0)) / 2
        params = model.params["norm"]
        np.testing.assert_allclose(params["mean"], mean, rtol=1e-5)
        np.testing.assert_allclose(params["variance"], variance, rtol=1e-5)
        dense = model.params["dense2"]
        unit = (x - mean) / np.sqrt(variance + 1e-3) * params["gamma"] + params["beta"]
        np.testing.assert_allclose(model.predict(x), unit @ dense["W"] + dense["b"], rtol=1e-4, atol=1e-4)


def test_noise_has_its_deviation_and_repeats():
    layer, x = layers.GaussianNoise(0.5), np.zeros((100, 40), "float32")
    (first, _), (again, _) = (layer.forward({}, x, TRAIN) for _ in range(2))
    (other, _) = layer.forward({}, x, Run(True, Stream(4)))
    np.testing.assert_array_equal(first, again)
    assert abs(first.std() - 0.5) < 0.02
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.06


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.BatchNormalization(1.5), "BatchNormalization: momentum must be from 0 to 1, got 1.5"),
        (
            lambda: layers.BatchNormalization(epsilon=0),
            "BatchNormalization: epsilon must be above 0 and below 1, got 0",
        ),
        (
            lambda: layers.LayerNormalization("small"),
            "must be a finite number, above 0 and below 1, got 'small'",
        ),
        (lambda: layers.RMSNormalization(-1.0), "RMSNormalization: epsilon must be above 0"),
        (lambda: layers.GroupNormalization(0), "groups must be a whole number of 1 or more, got 0"),
        (lambda: layers.GaussianNoise(-0.1), "GaussianNoise: deviation must be at least 0, got -0.1"),
        (lambda: layers.PReLU("a"), "PReLU: alpha must be a finite number, at most 1, got 'a'"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_groups_must_divide_the_features():
    with pytest.raises(ShapeError, match="layer 1 GroupNormalization.*6 features cannot be divided into 4"):
        net = layers.Sequential([layers.Linear(), layers.GroupNormalization(4)])
        net.init(Stream(0), (6,))
