"""What l1 and l2 add to loss and gradient, for all arrays in one pass or array by array."""

import pickle

import numpy as np
import pytest

from lucidnet.layers import Dense, Input, Layer, Sequential
from lucidnet.layers.activations.base import ActivationLayer
from lucidnet.layers.base import Run
from lucidnet.optimizers.penalties import SMALL, Penalties, Penalty

PLACES = slice(2, 12), slice(15, 35), slice(36, 41)
"""Of three arrays, with numbers before and between them that have no penalty."""


def penalties(*factors, places=PLACES):
    return Penalties(Penalty(place, *each) for place, each in zip(places, factors, strict=False))


def by_hand(given, vector):
    """l1 sum|W| + l2 sum W^2, and the slope l1 sign(W) + 2 l2 W."""
    slope, loss = np.zeros_like(vector), 0.0
    for part, l1, l2 in given:
        w = vector[part].astype(float)
        loss += l1 * np.abs(w).sum() + l2 * (w * w).sum()
        slope[part] = l1 * np.sign(w) + 2 * l2 * w
    return loss, slope


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("given", "together"),
    [
        (penalties((0, 0.1), (0, 0.1), (0, 0.1)), True),
        (penalties((0, 0.1), (0, 0.03), (0, 2.0)), True),
        (penalties((0, 0.1)), False),
        (penalties((0, 0.1), (0.2, 0.1)), False),
        (penalties((0, 0.1), (0, 0.1), places=(slice(0, 2), slice(39, 41))), False),
    ],
)
def test_they_are_what_the_formula_says(given, together, dtype):
    rng = np.random.default_rng(0)
    vector, before = (rng.normal(size=41).astype(dtype) for _ in range(2))
    gradient = before.copy()
    loss, slope = by_hand(given, vector)
    close = 1e-15 if dtype == "float64" else 1e-6
    assert (given.stretch is not None) == together
    assert given.value(vector, gradient) == pytest.approx(loss, rel=close)
    np.testing.assert_allclose(gradient, before + slope, rtol=close, atol=close)
    assert pickle.loads(pickle.dumps(given)) == given


def test_what_has_no_penalty_may_be_infinite():
    """0 x inf would be NaN."""
    given, vector = penalties((0, 0.1), (0, 0.1), (0, 0.1)), np.ones(41)
    vector[[0, 13, 35]] = np.inf, -np.inf, np.nan
    gradient = np.zeros(41)
    with np.errstate(over="ignore", invalid="ignore"):  # as in a training, which looks at what comes out
        assert given.value(vector, gradient) == pytest.approx(3.5)
        assert np.isfinite(gradient).all()
        assert gradient.sum() == pytest.approx(7.0)
        assert given.value(np.full(41, 1e200), np.zeros(41)) == np.inf


def test_of_large_arrays_each_has_its_own_pass():
    """A vector of factors would be one more to be read."""
    places = slice(0, SMALL // 2), slice(SMALL // 2, SMALL), slice(SMALL, SMALL + 1)
    assert penalties((0, 0.1), (0, 0.1), places=places).stretch == slice(0, SMALL)
    assert penalties((0, 0.1), (0, 0.1), (0, 0.1), places=places).stretch is None


def test_who_draws_is_told_where_he_is():
    """A container makes no run for layers that ask theirs for nothing; an activation of one's own may."""

    class Noisy(ActivationLayer):
        def forward(self, params, x, run):
            places.append(run.stream.path)
            return x + run.stream.normal(x.shape), None

    class Noisier(Layer):
        def forward(self, params, x, run):
            places.append(run.stream.path)
            return x, None

    places = []
    net = Sequential([Input(2), Dense(2, "relu"), Dense(2, Noisy()), Dense(2, Noisier()), Noisy()])
    params, _ = net.init(Run().stream, (2,))
    places.clear()
    net.forward(params, np.ones((1, 2), "float32"), Run(True))
    assert places == [("dense2",), ("dense3",), ("noisy4",)]
    assert [layer.asks for layer in net.layers] == [False, False, True, True, True]
