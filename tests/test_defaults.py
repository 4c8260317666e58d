"""Defaults that work: each generated set is learned by each common activation, with nothing chosen but the sizes.

How well a set can be told apart is asked of scikit-learn's nearest neighbours.
"""

import math
from functools import cache

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

import lucidnet as ln
from lucidnet.cli.train import Method
from lucidnet.core.trees import leaves
from lucidnet.initializers import Fitting, VarianceScaling
from lucidnet.layers import Conv2D, Dense, Graph, Input, Sequential, activations

SETS = ("xor", "moons", "circles", "gaussians", "spirals")
COMMON = ("relu", "tanh", "sigmoid", "gelu", "elu", "silu", "leaky_relu", "softplus", "softsign", "selu")
RISING = ("sigmoid", "softplus")
"""Those of positive outputs: the second layer must first learn a threshold, which takes them twice as long."""


@cache
def data(name):
    train, test = ln.data.load(name)
    possible = KNeighborsClassifier(5).fit(*train).score(*test)
    return train, test, possible


def learns(name, activation, seed, epochs):
    train, test, possible = data(name)
    model = ln.Model(
        [Input(2), Dense(32, activation), Dense(32, activation), Dense(int(train[1].max()) + 1, "softmax")],
        seed=seed,
    )
    model.compile("categorical_crossentropy", metrics=["accuracy"])
    model.fit(*train, epochs=epochs, verbose=0)
    reached = model.evaluate(*test)["accuracy"]
    assert reached >= possible - 0.03, f"{reached:.3f}, neighbours {possible:.3f}"


@pytest.mark.parametrize("activation", COMMON)
@pytest.mark.parametrize("name", SETS[:4])
def test_a_set_is_learned(name, activation):
    learns(name, activation, 0, 40 if activation not in RISING else 80)


@pytest.mark.parametrize(("activation", "seed"), [("tanh", 0), ("tanh", 1), ("tanh", 2), ("relu", 0)])
def test_spirals_are_learned(activation, seed):
    learns("spirals", activation, seed, 200)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("activation", COMMON)
@pytest.mark.parametrize("name", SETS)
def test_each_set_is_learned_from_each_seed(name, activation, seed):
    longer = 2.5 if activation in RISING else 1
    learns(name, activation, seed, round(longer * (250 if name == "spirals" else 40)))


@pytest.mark.parametrize(
    ("activation", "std"),
    [
        ("relu", math.sqrt(2 / 50)),  # He et al. 2015, equation 10
        (activations.LeakyReLU(0.5), math.sqrt(2 / 1.25 / 50)),  # the same, equation 15
        ("selu", math.sqrt(1 / 50)),  # Klambauer et al. 2017
        ("tanh", 5 / 3 / math.sqrt(50)),  # torch.nn.init.calculate_gain("tanh")
        ("sigmoid", 4 / math.sqrt(50)),
        ("linear", math.sqrt(2 / (50 + 2000))),  # Glorot & Bengio 2010, equation 12
        ("softmax", math.sqrt(2 / (50 + 2000))),
    ],
    ids=str,
)
def test_first_weights_go_by_the_activation(activation, std):
    params, _ = Dense(2000, activation).init(ln.backend.Stream(0, dtype="float64"), (50,))
    assert params["W"].std() == pytest.approx(std, rel=0.02)
    assert not params["b"].any()


def test_gains_are_those_of_torch():
    torch = pytest.importorskip("torch")
    for name, argument in (("relu", None), ("leaky_relu", 0.2), ("tanh", None)):
        ours = activations.LeakyReLU(0.2) if argument else activations.get(name)
        assert math.sqrt(activations.scale(ours)) == pytest.approx(
            torch.nn.init.calculate_gain(name, argument)
        )


@pytest.mark.parametrize("name", ["relu", "tanh", "elu", "gelu", "mish", "selu", "abs"])
def test_a_signal_of_size_one_stays_near_one(name):
    """A deep network of 128 units: the root mean square behind ten layers, by plain NumPy."""
    rng = np.random.default_rng(0)
    x, f = rng.normal(size=(200, 128)), activations.get(name)
    for _ in range(10):
        x = f.forward({}, x @ rng.normal(size=(128, 128)) * math.sqrt(activations.scale(f) / 128))[0]
    assert 0.3 < np.sqrt(np.mean(x**2)) < 3


def test_the_last_layer_begins_small():
    """Its activation belongs to the loss: no output is sure before anything was learned."""
    glorot = Dense(1, initializer="glorot_uniform")
    wanted = ln.Model([Input(64), Dense(32, "relu"), glorot], seed=0)
    for output in ("sigmoid", "tanh"):
        model = ln.Model([Input(64), Dense(32, "relu"), Dense(1, output)], seed=0)
        model.build(), wanted.build()
        np.testing.assert_array_equal(model.params["dense2"]["W"], wanted.params["dense2"]["W"])
    inner = Sequential([Dense(32, "relu"), Dense(1, "sigmoid")])
    nodes = [("h", Dense(32, "relu"), "x"), ("a", Dense(1, "sigmoid"), "h"), ("b", Dense(1, "tanh"), "h")]
    for net in ([Input(64), inner], [Graph({"x": (64,)}, nodes, ["a", "b"])]):
        model = ln.Model(net, seed=0)
        model.build()
        ends = [array for _, array in leaves(model.params) if array.shape == (32, 1)]
        assert ends and all(0 < np.abs(W).max() <= math.sqrt(6 / 33) for W in ends)


def test_what_is_asked_for_is_taken():
    for name in ("glorot_uniform", "he_normal", "zeros"):
        asked = Dense(5, "tanh", initializer=name)
        rng = ln.backend.Stream(3)
        wanted = ln.initializers.get(name)(rng.child("W"), (4, 5))
        np.testing.assert_array_equal(asked.init(rng, (4,))[0]["W"], wanted)
    assert ln.initializers.get("fitting") == Dense(5).initializer == Fitting()
    fitting, he = (
        Conv2D(6, 3, activation="relu", initializer=one).init(ln.backend.Stream(0), (8, 8, 2))[0]["W"]
        for one in ("fitting", VarianceScaling(2.0, "in", "normal"))
    )
    np.testing.assert_array_equal(fitting, he)


@pytest.mark.parametrize(("examples", "epochs"), [(800, 250), (54_000 / 0.9, 10), (10, 3000)])
def test_the_command_line_takes_as_many_steps_as_small_data_need(examples, epochs):

    method = Method("adam", None, None, None, 64, 0.1, 0)
    assert method.lasting(int(examples)).epochs == epochs
