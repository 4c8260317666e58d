"""The plan, the step, the flat vector."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lucidnet import losses, optimizers
from lucidnet.backend import Stream
from lucidnet.errors import NonFiniteError, ShapeError
from lucidnet.layers import Dense, Dropout, Input, Residual, Sequential
from lucidnet.optimizers import Group
from lucidnet.training import Plan, Step
from lucidnet.tree import Layout, at, leaves, tree_map

NET = Sequential([Input(4), Residual(Dense(4, "tanh", l2=0.01)), Dense(3, "softmax", learning_rate=0.3)])
X = np.random.default_rng(0).normal(size=(8, 4))
Y = np.arange(8) % 3


def test_it_is_autodiff_and_sgd():
    """Ten steps against JAX's gradient of the whole loss, penalty included, and plain descent."""
    step = Step(NET, losses.get("categorical_crossentropy"), optimizers.SGD(0.1))
    state = step.start((4,), seed=2, dtype="float64")
    params = tree_map(jnp.asarray, {k: dict(v) for k, v in state.params.items()})

    def loss(p):
        y = NET.forward(p, jnp.asarray(X))[0]
        fine = 0.01 * (p["residual1"]["body"]["W"] ** 2).sum()
        return -jnp.log(y[jnp.arange(8), jnp.asarray(Y)]).mean() + fine

    for _ in range(10):
        state, measured = step(state, X, Y)
        value, grads = jax.value_and_grad(loss)(params)
        np.testing.assert_allclose(measured.loss, value, rtol=1e-12)
        for layer, rate in (("residual1", 0.1), ("dense2", 0.3)):
            params[layer] = jax.tree.map(lambda p, g, r=rate: p - r * g, params[layer], grads[layer])
    for path, array in leaves(state.params):
        np.testing.assert_allclose(array, at(params, path), rtol=1e-10)


def test_the_tree_is_made_of_views():
    step = Step(NET, losses.get("categorical_crossentropy"), optimizers.Adam())
    state = step.start((4,))
    for _ in range(3):
        state, _ = step(state, X.astype("f"), Y)
        assert all(np.shares_memory(array, state.vector) for _, array in leaves(state.params))
        np.testing.assert_array_equal(state.plan.layout.ravel(state.params), state.vector)


def test_the_state_before_a_bad_step_is_intact():
    step = Step(NET, losses.get("categorical_crossentropy"), optimizers.Adam())
    state, _ = step(step.start((4,)), X.astype("f"), Y)
    vector, slots = state.vector.copy(), {k: v.copy() for k, v in state.slots.items()}
    with pytest.raises(NonFiniteError, match=r"step 1: .*the output of layer 0 Input"):
        step(state, np.full((8, 4), np.inf, "f"), Y)
    np.testing.assert_array_equal(state.vector, vector)
    for name, slot in slots.items():
        np.testing.assert_array_equal(state.slots[name], slot)


def test_a_bad_gradient_is_named():
    class Bad(losses.Loss):
        def values(self, prediction, target):
            return prediction.sum(-1) * 0, prediction

        def slope(self, prediction):
            return np.full_like(prediction, np.inf)

    step = Step(Sequential([Dense(2)]), Bad(), optimizers.SGD())
    message = r"step 0: the gradient is not finite; the first .* is the gradient of dense0/W"
    with pytest.raises(NonFiniteError, match=message):
        step(step.start((4,)), X.astype("f"), Y)


def test_a_large_but_finite_gradient_is_not_an_error():
    step = Step(Sequential([Dense(1)]), losses.get("mse"), optimizers.SGD(1e-30))
    x = np.full((2, 1), 1e15, "f")
    state, measured = step(step.start((1,)), x, np.zeros((2, 1), "f"))
    assert measured.loss > 1e25


def test_dropout_differs_between_steps_and_repeats_with_the_seed():
    net = Sequential([Dropout(0.5), Dense(1, initializer="ones")])
    step = Step(net, losses.get("mse"), optimizers.SGD(0.0))
    x, y = np.ones((5, 40), "f"), np.zeros((5, 1), "f")

    def predictions(seed):
        state, made = step.start((40,), seed=seed), []
        for _ in range(3):
            state, measured = step(state, x, y)
            made.append(measured.prediction)
        return np.array(made)

    one = predictions(0)
    np.testing.assert_array_equal(one, predictions(0))
    assert (one[0] != one[1]).any()
    assert (one != predictions(1)).any()


class TestPlan:
    """Settings of the layers as stretches of the vector."""

    def plan(self, *layers, **settings):
        net = Sequential([Input(2), *layers], **settings)
        return Plan.of(net, net.init(Stream(), (2,))[0])

    def test_stretches_with_equal_settings_are_one(self):
        assert self.plan(Dense(3), Dense(2), Dense(1)).groups == (Group(0, 20),)
        groups = self.plan(Dense(3), Dense(2, learning_rate=0.5), Dense(1)).groups
        assert groups == (Group(0, 9), Group(9, 17, 0.5), Group(17, 20))

    def test_frozen_layers_are_left_out(self):
        assert self.plan(Dense(3), Dense(2, frozen=True), Dense(1)).groups == (Group(0, 9), Group(17, 20))
        assert self.plan(Dense(3), frozen=True).groups == ()

    def test_the_inner_setting_goes_before_the_outer(self):
        inner = Sequential(
            [Dense(3), Dense(2, learning_rate=0.1, weight_decay=0.0)], learning_rate=0.5, weight_decay=0.2
        )
        assert self.plan(inner, Dense(1)).groups == (
            Group(0, 9, 0.5, 0.2),
            Group(9, 17, 0.1, 0.0),
            Group(17, 20),
        )

    def test_penalties_are_for_weights_only(self):
        (penalty,) = self.plan(Dense(3, l1=0.1), Dense(2)).penalties
        assert (penalty.part, penalty.l1, penalty.l2) == (slice(0, 6), 0.1, 0.0)


TREE = {"a": {"W": np.arange(6.0).reshape(2, 3), "e": {}}, "none": {}, "b": np.array([6.0])}


class TestLayout:
    """Trees and the one vector."""

    def test_round_trip(self):
        layout = Layout.of(TREE)
        vector = layout.ravel(TREE)
        np.testing.assert_array_equal(vector, np.arange(7))
        back = layout.unravel(vector)
        assert Layout.of(back) == layout
        assert back["none"] == back["a"]["e"] == {}
        assert np.shares_memory(back["a"]["W"], vector)
        assert layout.size == 7

    def test_wrong_size(self):
        with pytest.raises(ShapeError, match=r"expected a vector of 7 numbers, got shape \(8,\)"):
            Layout.of(TREE).unravel(np.ones(8))
