"""The training step."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lucidnet import losses, optimizers
from lucidnet.errors import NonFiniteError
from lucidnet.initializers import Constant
from lucidnet.layers import Dense, Dropout, Flatten, Input, Residual, Sequential
from lucidnet.training import Step
from lucidnet.tree import at, leaves, tree_map

NET = Sequential(
    [Input(4), Residual(Dense(4, "tanh", l2=0.01)), Dense(3, "softmax", learning_rate=0.3, l1=0.02)]
)
X = np.random.default_rng(0).normal(size=(8, 4))
Y = np.arange(8) % 3
CROSSENTROPY = losses.get("categorical_crossentropy")


def train(step, state, steps, x=X, y=Y):
    for _ in range(steps):
        state, _ = step(state, x, y)
    return state


def test_it_is_autodiff_and_sgd():
    """Ten steps against JAX's gradient of the whole loss, penalties included, and plain descent."""
    step = Step(NET, CROSSENTROPY, optimizers.SGD(0.1))
    state = step.start((4,), seed=2, dtype="float64")
    params = tree_map(jnp.asarray, {k: dict(v) for k, v in state.params.items()})

    @jax.value_and_grad
    def loss(p):
        y = NET.forward(p, jnp.asarray(X))[0]
        fine = 0.01 * (p["residual1"]["body"]["W"] ** 2).sum() + 0.02 * jnp.abs(p["dense2"]["W"]).sum()
        return -jnp.log(y[jnp.arange(8), jnp.asarray(Y)]).mean() + fine

    for _ in range(10):
        state, measured = step(state, X, Y)
        value, grads = loss(params)
        np.testing.assert_allclose(measured.loss, value, rtol=1e-12)
        for layer, rate in (("residual1", 0.1), ("dense2", 0.3)):
            params[layer] = jax.tree.map(lambda p, g, r=rate: p - r * g, params[layer], grads[layer])
    for path, array in leaves(state.params):
        np.testing.assert_allclose(array, at(params, path), rtol=1e-10)


LAYERED = Sequential(
    [
        Dense(6, "tanh", learning_rate=0.02),
        Sequential([Dense(6, "tanh")], frozen=True, name="fixed"),
        Dense(5, "sigmoid", weight_decay=0.3),
        Dense(3, "softmax"),
    ]
)


@pytest.mark.parametrize("kind", ["SGD", "AdamW", "RMSprop"])
def test_settings_per_layer_are_pytorchs_parameter_groups(kind):
    """Own rate, frozen container, own decay: twenty steps of the same network in PyTorch."""
    torch = pytest.importorskip("torch")
    step = Step(LAYERED, CROSSENTROPY, getattr(optimizers, kind)(0.05, weight_decay=0.1))
    state = step.start((4,), seed=1, dtype="float64")
    theirs = {path: torch.from_numpy(a.copy()) for path, a in leaves(state.params)}
    groups = []
    for name, settings in (("dense0", {"lr": 0.02}), ("dense2", {"weight_decay": 0.3}), ("dense3", {})):
        groups.append({"params": [theirs[name, p].requires_grad_() for p in "Wb"]} | settings)
    optimizer = getattr(torch.optim, kind)(
        groups, 0.05, weight_decay=0.1, **({"alpha": 0.9} if kind == "RMSprop" else {})
    )
    frozen = {path: a.copy() for path, a in leaves(state.params["fixed"])}
    for _ in range(20):
        z = torch.from_numpy(X)
        for path, f in (("dense0", "tanh"), (("fixed", "dense0"), "tanh"), ("dense2", "sigmoid")):
            path = (path,) if isinstance(path, str) else path
            z = getattr(torch, f)(z @ theirs[*path, "W"] + theirs[*path, "b"])
        loss = torch.nn.functional.cross_entropy(
            z @ theirs["dense3", "W"] + theirs["dense3", "b"], torch.from_numpy(Y)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state, measured = step(state, X, Y)
        np.testing.assert_allclose(measured.loss, loss.item(), rtol=1e-11)
    for path, array in leaves(state.params):
        np.testing.assert_allclose(array, theirs[path].detach().numpy(), rtol=1e-9, atol=1e-12)
    for path, array in leaves(state.params["fixed"]):
        np.testing.assert_array_equal(array, frozen[path])


def test_a_schedule_for_one_layer():
    """A rate that is zero from step 2 on stops that layer, and no other."""
    net = Sequential(
        [Dense(4, "tanh", learning_rate=lambda step: 0.1 if step < 2 else 0.0), Dense(3, "softmax")]
    )
    step = Step(net, CROSSENTROPY, optimizers.SGD(0.1))
    seen = []
    state = step.start((4,), dtype="float64")
    for _ in range(4):
        seen.append({path: array.copy() for path, array in leaves(state.params)})
        state, _ = step(state, X, Y)
    moved = {
        name: [(a[name, "W"] != b[name, "W"]).any() for a, b in pairwise(seen)] for name, _ in net.children()
    }
    assert moved == {"dense0": [True, True, False], "dense1": [True, True, True]}


def test_sample_weights_and_the_prediction():
    """The prediction is that of the parameters before the step; a weight of 0 is an example left out."""
    net = Sequential([Dense(3, "softmax")])
    step = Step(net, CROSSENTROPY, optimizers.SGD(0.5))
    some = np.array([2.0, 2, 2, 2, 0, 0, 0, 0])
    one, two = (step.start((4,), seed=3, dtype="float64") for _ in range(2))
    expected = net.forward(one.params, X)[0]
    one, measured = step(one, X, Y, some)
    two, of_half = step(two, X[:4], Y[:4])
    np.testing.assert_allclose(measured.prediction, expected, rtol=1e-12)
    np.testing.assert_allclose(measured.loss, of_half.loss, rtol=1e-12)
    np.testing.assert_allclose(one.vector, two.vector, rtol=1e-12)


def test_the_tree_is_made_of_views():
    step = Step(NET, CROSSENTROPY, optimizers.Adam())
    state = step.start((4,))
    for _ in range(3):
        state, _ = step(state, X.astype("f"), Y)
        assert all(np.shares_memory(array, state.vector) for _, array in leaves(state.params))
        np.testing.assert_array_equal(state.params.layout.ravel(state.params), state.vector)
        assert state.vector.dtype == np.float32


def test_two_runs_have_the_same_bits():
    net = Sequential([Dense(16, "gelu"), Dropout(0.3), Dense(3, "softmax")])

    def run(seed):
        step = Step(net, CROSSENTROPY, optimizers.Adam(0.01, clip=optimizers.ClipGlobalNorm(1.0)))
        return train(step, step.start((4,), seed=seed), 20, X.astype("f")).vector.tobytes()

    assert run(5) == run(5)
    assert run(5) != run(6)


class TestNonFinite:
    """What is not finite is named, and the last good weights are kept."""

    def test_the_given_state_is_intact(self):
        step = Step(NET, CROSSENTROPY, optimizers.Adam())
        state, _ = step(step.start((4,)), X.astype("f"), Y)
        vector, slots = state.vector.copy(), {k: v.copy() for k, v in state.memory.items()}
        with pytest.raises(NonFiniteError, match=r"step 1: .*the output of layer 0 Input"):
            step(state, np.full((8, 4), np.inf, "f"), Y)
        np.testing.assert_array_equal(state.vector, vector)
        for name, slot in slots.items():
            np.testing.assert_array_equal(state.memory[name], slot)

    def test_a_bad_weight_is_named(self):
        step = Step(NET, CROSSENTROPY, optimizers.SGD())
        state = step.start((4,))
        state.params["residual1"]["body"]["W"][1, 2] = np.inf
        message = r"step 0: .*the parameter body/W of layer 1 Residual\(Dense\(4, Tanh\(\), l2=0.01\)\)"
        with pytest.raises(NonFiniteError, match=message):
            step(state, X.astype("f"), Y)

    def test_the_first_bad_output_is_named(self):
        net = Sequential([Dense(4), Dense(4, initializer=Constant(1e35)), Dense(1)])
        step = Step(net, losses.get("mse"), optimizers.SGD())
        with pytest.raises(NonFiniteError, match=r"step 0: .*the output of layer 1 Dense\(4, initializer="):
            step(step.start((4,)), 1e5 * np.ones((2, 4), "f"), np.ones((2, 1), "f"))

    def test_a_bad_loss_is_named(self):
        step = Step(Sequential([Dense(1)]), losses.get("mse"), optimizers.SGD())
        with pytest.raises(NonFiniteError, match=r"step 0: the loss is inf; .* is the loss itself"):
            step(step.start((4,)), X[:2].astype("f"), np.full((2, 1), 1e30, "f"))

    def test_a_bad_gradient_is_named(self):
        class Bad(losses.Loss):
            def values(self, prediction, target):
                return prediction.sum(-1) * 0, prediction

            def slope(self, prediction):
                return np.full_like(prediction, np.inf)

        step = Step(Sequential([Dense(2)]), Bad(), optimizers.SGD())
        message = r"step 0: the gradient is not finite; the first .* is the gradient of dense0/W"
        with pytest.raises(NonFiniteError, match=message):
            step(step.start((4,)), X.astype("f"), Y)

    def test_too_large_a_learning_rate(self):
        """It is seen in the step after the one that ruined the weights; what came before that is as it was."""
        optimizer = optimizers.SGD(lambda step: 0.1 if step < 3 else 1e38)
        step = Step(Sequential([Dense(4, "relu"), Dense(1)]), losses.get("mse"), optimizer)
        x, y = X.astype("f"), X[:, :1].astype("f")
        state = train(step, step.start((4,)), 3, x, y)
        good = state.vector.copy()
        bad, _ = step(state, x, y)
        with pytest.raises(NonFiniteError, match=r"step 4: .*smaller learning rate") as caught:
            step(bad, x, y)
        assert "The weights of the last good step are kept" in str(caught.value)
        assert (state.step, bad.step) == (3, 4)
        np.testing.assert_array_equal(state.vector, good)
        np.testing.assert_array_equal(state.params.layout.ravel(state.params), good)

    def test_a_large_but_finite_gradient_is_not_an_error(self):
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


@pytest.mark.parametrize("clip", [optimizers.ClipGlobalNorm, optimizers.ClipNorm], ids=["global", "norm"])
def test_frozen_layers_do_not_count_when_clipping(clip):
    """As in PyTorch and Keras: a frozen parameter has no gradient. The step has the norm of the limit."""
    fixed = Dense(2, use_bias=False, frozen=True, initializer="ones", l2=0.1)
    step = Step(
        Sequential([fixed, Dense(1, use_bias=False)]), losses.get("mse"), optimizers.SGD(0.1, clip=clip(1.0))
    )
    state = step.start((2,), dtype="float64")
    before = state.params["dense1"]["W"].copy()
    state, _ = step(state, 10 * np.ones((4, 2)), np.zeros((4, 1)))
    np.testing.assert_allclose(np.linalg.norm(state.params["dense1"]["W"] - before), 0.1, rtol=1e-12)


def test_a_network_without_parameters():
    """There is nothing to train, but it can be run and measured."""
    step = Step(Sequential([Flatten()]), losses.get("mse"), optimizers.Adam())
    _, measured = step(step.start((4,)), X.astype("f"), 0 * X.astype("f"))
    np.testing.assert_allclose(measured.loss, (X**2).mean(), rtol=1e-5)


def test_the_tree_has_the_order_of_the_layers():
    step = Step(Sequential([Dense(3), Flatten(), Dense(2)]), losses.get("mse"), optimizers.SGD())
    assert list(step.start((3,)).params) == ["dense0", "flatten1", "dense2"]
