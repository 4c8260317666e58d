"""Optimizers that need more than a flat gradient, in a whole training; constraints and averages too."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.errors import LucidnetError
from lucidnet.layers import Dense, Input
from lucidnet.optimizers import EMA, LBFGS, SGD, Adam, MaxNorm, Muon, NonNegative

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 6))
Y = X @ RNG.normal(size=(6, 2)) + 0.3


def linear(optimizer, **settings):
    model = ln.Model([Input(6), Dense(2, **settings)], dtype="float64")
    model.compile("mse", optimizer)
    return model


def test_lbfgs_finds_the_least_squares_solution():
    model = linear(LBFGS())
    history = model.fit(X, Y, epochs=25, verbose=0)
    solution, *_ = np.linalg.lstsq(np.hstack([X, np.ones((200, 1))]), Y)
    np.testing.assert_allclose(model.params["dense1"]["W"], solution[:6], atol=1e-6)
    np.testing.assert_allclose(model.params["dense1"]["b"], solution[6], atol=1e-6)
    assert history["loss"][0] > history["loss"][5] > history["loss"][-1]


def test_lbfgs_is_scikit_learns_on_a_convex_problem():
    from sklearn.linear_model import LogisticRegression

    y = (X[:, 0] + 0.5 * RNG.normal(size=200) > 0).astype(int)
    reference = LogisticRegression(C=1 / (2 * 0.01 * 200), tol=1e-10).fit(X, y)
    model = ln.Model([Input(6), Dense(1, "sigmoid", l2=0.01)], dtype="float64")
    model.compile("binary_crossentropy", "lbfgs")
    model.fit(X, y, epochs=60, verbose=0)
    np.testing.assert_allclose(model.params["dense1"]["W"][:, 0], reference.coef_[0], rtol=1e-4)


def test_lbfgs_leaves_frozen_layers_alone_and_repeats_itself():
    def trained():
        model = ln.Model([Input(6), Dense(4, "tanh", frozen=True), Dense(2)])
        model.compile("mse", LBFGS())
        before = model.params["dense1"]["W"].copy()
        model.fit(X, Y, epochs=5, verbose=0)
        np.testing.assert_array_equal(model.params["dense1"]["W"], before)
        return model.get_weights().tobytes()

    assert trained() == trained()
    model = ln.Model([Input(6), Dense(4, "tanh"), Dense(2)])
    model.compile("mse", LBFGS(), rule="fa")
    with pytest.raises(LucidnetError, match="all data as one batch, and the true gradient"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    "optimizer", ["lion", "lamb", "nadam", "adadelta", "adamax", Muon(0.02), EMA(Adam(0.01))]
)
def test_they_all_train_a_model(optimizer):
    model = ln.Model([Input(6), Dense(16, "tanh"), Dense(2)])
    model.compile("mse", optimizer)
    before = model.evaluate(X, Y).loss
    model.fit(X, Y, epochs=10, verbose=0)
    assert model.evaluate(X, Y).loss < before


def test_the_average_of_the_weights():
    """By hand: a_t = decay a_(t-1) + (1 - decay) p_t, beginning with the first."""
    model = linear(EMA(SGD(0.05), 0.9))
    average = None
    for _ in range(20):
        model.train_step(X, Y)
        p = model.get_weights()
        average = p if average is None else 0.9 * average + 0.1 * p
    model.use_average()
    np.testing.assert_allclose(model.get_weights(), average, rtol=1e-12)
    with pytest.raises(LucidnetError, match="there is no average"):
        linear("sgd").use_average()


def test_constraints_hold_after_each_step(tmp_path):
    model = ln.Model(
        [Input(6), Dense(5, constraint=MaxNorm(0.5)), Dense(2, constraint=NonNegative())], dtype="float64"
    )
    model.compile("mse", SGD(0.1))
    for _ in range(5):
        model.train_step(X, Y)
        assert np.linalg.norm(model.params["dense1"]["W"], axis=0).max() <= 0.5 + 1e-12
        assert model.params["dense2"]["W"].min() >= 0
    assert model.params["dense1"]["b"].any()
    model.save(tmp_path / "m.safetensors")
    assert ln.load(tmp_path / "m.safetensors").net == model.net
