"""Initializers: moments, bounds, orthogonality, repetition."""

import numpy as np
import pytest

from lucidnet import initializers
from lucidnet.backend import Stream
from lucidnet.errors import SettingError, UnknownNameError
from lucidnet.initializers import Constant, Normal, Orthogonal, Uniform, VarianceScaling, fans
from lucidnet.layers import Dense, Dropout, Sequential

SHAPE = (300, 500)
N = 300 * 500


def draw(given, shape=SHAPE, dtype="float64", seed=0):
    return initializers.get(given)(Stream(seed, dtype=dtype), shape)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / 800),
        ("glorot_normal", 2 / 800),
        ("he_uniform", 2 / 300),
        ("he_normal", 2 / 300),
        ("lecun_uniform", 1 / 300),
        ("lecun_normal", 1 / 300),
        ("uniform", 0.1**2 / 12),
        ("normal", 0.05**2),
    ],
)
def test_moments(name, variance):
    w = draw(name)
    assert abs(w.mean()) < 5 * np.sqrt(variance / N)
    assert abs(w.var() / variance - 1) < 5 * np.sqrt(2 / N)
    if name.endswith("uniform"):
        assert np.abs(w).max() <= np.sqrt(3 * variance)
        assert np.abs(w).max() > 0.999 * np.sqrt(3 * variance)


def test_plain_ones():
    assert not draw("zeros").any()
    assert (draw("ones") == 1).all()
    assert (draw(Constant(2.5)) == 2.5).all()
    w = draw(Uniform(1.0, 3.0))
    assert 1 <= w.min() < 1.001 and 2.999 < w.max() < 3
    assert abs(draw(Normal(mean=2.0, std=0.1)).mean() - 2) < 0.01


@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (3, 3, 5, 7)])
def test_orthogonal(shape):
    q = draw(Orthogonal(gain=2.0), shape).reshape(-1, shape[-1]) / 2
    gram = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)


def test_orthogonal_is_uniform():
    """No preferred sign on the diagonal, as a plain QR decomposition has."""
    first = np.array([draw("orthogonal", (3, 3), seed=seed)[0, 0] for seed in range(400)])
    assert abs(first.mean()) < 4 * first.std() / 20


def test_fans():
    assert fans((7,)) == (7, 7)
    assert fans((3, 5)) == (3, 5)
    assert fans((3, 3, 16, 32)) == (9 * 16, 9 * 32)


def test_repetition_and_dtype():
    np.testing.assert_array_equal(draw("he_normal"), draw("he_normal"))
    assert (draw("he_normal") != draw("he_normal", seed=1)).all()
    assert draw("he_normal", dtype="float32").dtype == np.float32
    np.testing.assert_allclose(draw("he_normal"), draw("he_normal", dtype="float32"), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(2, 1), "low must not exceed high, got low=2, high=1"),
        (lambda: Normal(std=-1), "std must be at least 0, got -1"),
        (lambda: VarianceScaling(0), "scale must be above 0"),
        (lambda: VarianceScaling(1, "both"), r"fan must be one of in, out, average, got 'both'"),
        (lambda: VarianceScaling(1, "in", "cauchy"), "distribution must be one of"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(SettingError, match=message):
        make()


def test_kernels_scale_with_their_field():
    """Variance 2 / fan_in, where fan_in counts the whole field of a kernel (height, width, in, out)."""
    w = draw("he_normal", (3, 5, 16, 64))
    assert abs(w.var() * (3 * 5 * 16) / 2 - 1) < 5 * np.sqrt(2 / w.size)


def test_another_layer_changes_no_weights():
    def first(*layers):
        params, _ = Sequential([*layers, Dense(3, name="out")]).init(Stream(7), (3,))
        return params

    short = first(Dense(3, name="in"))
    long = first(Dense(3, name="in"), Dropout(0.5), Dense(3, name="between"))
    for name in ("in", "out"):
        np.testing.assert_array_equal(short[name]["W"], long[name]["W"])
    assert (long["in"]["W"] != long["out"]["W"]).all()
    assert (long["in"]["W"] != long["between"]["W"]).all()


def test_unknown_names_suggest():
    with pytest.raises(UnknownNameError, match="unknown initializer 'he_norml': did you mean 'he_normal'"):
        Dense(3, initializer="he_norml")
    with pytest.raises(SettingError, match="expected a name .* or an instance of Initializer, got 0.1"):
        initializers.get(0.1)
