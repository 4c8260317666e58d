"""On JAX weights go to the device once for many predictions, and others are never taken for them."""

import jax
import numpy as np
import pytest

import lucidnet as ln
from lucidnet.layers import Dense, Input

X = np.random.default_rng(0).normal(size=(4, 3))


def by_hand(model):
    p = model.params
    return np.tanh(X @ p["dense1"]["W"] + p["dense1"]["b"]) @ p["dense2"]["W"] + p["dense2"]["b"]


@pytest.fixture
def model():
    made = ln.Model([Input(3), Dense(5, "tanh"), Dense(2)], dtype="float64", backend="jax")
    made.compile("mse", "sgd")
    return made


@pytest.fixture
def sent(monkeypatch):
    """Count the arrays of weights, which have one of these shapes, that are put on a device."""
    shapes, put, found = {(3, 5), (5,), (5, 2), (2,)}, jax.device_put, []

    def counted(tree, *args, **settings):
        found.extend(array.shape for array in jax.tree.leaves(tree) if np.shape(array) in shapes)
        return put(tree, *args, **settings)

    monkeypatch.setattr(jax, "device_put", counted)
    return found


@pytest.mark.parametrize("trained", [False, True])
def test_weights_are_sent_once(model, sent, trained):
    if trained:
        model.train_step(X, X[:, :2])
    model.predict(X)
    sent.clear()
    for _ in range(3):
        np.testing.assert_allclose(model.predict(X), by_hand(model), rtol=1e-12)
    assert not sent


def test_other_weights_are_others(model):
    for change in (
        lambda: model.train_step(X, X[:, :2]),
        lambda: model.fit(X, X[:, :2], verbose=0),
        lambda: model.evaluate(X, X[:, :2]),
        lambda: model.set_weights(model.get_weights() + 1),
        lambda: model.copy_weights(ln.Model(model.net, seed=7, dtype="float64")),
    ):
        before = model.predict(X)
        change()
        np.testing.assert_allclose(model.predict(X), by_hand(model), rtol=1e-12)
        np.testing.assert_allclose(model.predict(X[:1]), by_hand(model)[:1], rtol=1e-12)
    assert np.abs(model.predict(X) - before).max() > 0.01
