"""Functions and classes of a user that draw random numbers: a compiled program would draw the same in each step."""

import functools
import random
from dataclasses import dataclass

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import check
from lucidnet.core.own import draws
from lucidnet.errors import SettingError
from lucidnet.layers import Activation, Dense, Input, Layer, LeakyRNN
from lucidnet.optimizers import SGD
from lucidnet.rules import Rule, SpaceRule
from lucidnet.rules.space.transported import Transported

pytest.importorskip("jax")
RNG = np.random.default_rng(0)
X, Y = np.ones((4, 3)), np.ones((4, 2))


def by_numpy(x):
    return x * np.random.rand()  # noqa: NPY002


def by_generator(x):
    return x + RNG.normal()


def by_python(x):
    return x * random.random()


DRAWING = [by_numpy, by_generator, by_python, functools.partial(by_numpy)]


@dataclass(frozen=True)
class Noise(Layer):
    def forward(self, params, x, run):
        return by_generator(x) + RNG.normal(), None

    def backward(self, params, cache, dy, need_dx=True):
        return dy, {}


@dataclass(frozen=True)
class Streamed(Layer):
    def forward(self, params, x, run):
        return x + run.stream.normal(x.shape), None

    def backward(self, params, cache, dy, need_dx=True):
        return dy, {}


@dataclass(frozen=True, repr=False)
class Noisy(Transported):
    def carried_by(self, W, B):
        return W + np.random.randn(*W.shape)  # noqa: NPY002


@dataclass(frozen=True, repr=False)
class Unsteady(SpaceRule):
    """Each error is as large as chance will have it."""

    reads = "pre, post, errors above, weights above, noise"

    def cross(self, edge, send):
        dx, grads = edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx)
        if dx is not None and not edge.layer.children():
            dx = dx * (0.5 + edge.stream.uniform(dx.shape))
        return dx, grads, None


class Secretly(Unsteady):
    reads = "pre, post, errors above, weights above"


def model(*layers, loss="mse", rule="backprop", backend="jax"):
    made = ln.Model([Input(3), *layers, Dense(2)], backend=backend)
    made.compile(loss, "sgd", rule=rule)
    return made


def drawing_loss(target, prediction):
    return ((target - prediction + RNG.random()) ** 2).mean(-1)


def drawing_step(model, x):
    return model.forward(x + RNG.normal(size=(4, 3))).output


@pytest.mark.parametrize("function", DRAWING)
def test_it_is_seen_by_what_they_are_drawn(function):
    assert draws(function)


@pytest.mark.parametrize("function", [lambda x: np.tanh(x), lambda x: x + X, len, np.exp, Dense])
def test_others_draw_nothing(function):
    assert not draws(function)


class Drawing:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def step(self, net, x):
        return net.forward(x).output.sum() + self.rng.normal()


@pytest.mark.parametrize(
    "train",
    [
        lambda: model(Dense(4, Activation(by_numpy))).fit(X, Y, verbose=0),
        lambda: model(Noise()).fit(X, Y, verbose=0),
        lambda: model(loss=drawing_loss).fit(X, Y, verbose=0),
        lambda: model(Dense(4), rule=Noisy()).fit(X, Y, verbose=0),
        lambda: ln.OwnStep(drawing_step, model())([X]),
        lambda: ln.OwnStep(Drawing().step, model())([X]),
    ],
)
def test_on_jax_they_are_refused(train):
    with pytest.raises(SettingError, match=r"draws random numbers by .* run\.stream"):
        train()


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_the_run_has_others_for_each_step(backend):
    made = model(Streamed(), backend=backend)
    steps = [made.train_step(X, Y).loss for _ in range(3)]
    assert len(set(steps)) == 3


def test_on_numpy_they_are_drawn_at_each_step():
    made = model(Noise(), backend="numpy")
    assert made.train_step(X, Y).loss != made.train_step(X, Y).loss


def test_a_function_of_no_module():
    made = {"__builtins__": __builtins__}  # as of a text that was executed
    exec("def square(target, prediction): return ((target - prediction) ** 2).mean(-1)", made)
    assert made["square"].__module__ is None or made["square"].__module__
    made["square"].__module__ = None
    model(loss=made["square"]).fit(X, Y, verbose=0)


def test_a_rule_has_others_at_each_place_and_step():
    found = []
    for backend in ("numpy", "jax"):
        made = model(Dense(3, "tanh"), Dense(3, "tanh"), rule=Unsteady(), backend=backend)
        made.compile("mse", SGD(0.0), rule=Unsteady())
        true = made.gradients(X, Y, rule="backprop")
        scales = [made.gradients(X, Y)["dense1"]["b"] / true["dense1"]["b"]]
        made.train_step(X, Y)
        scales.append(made.gradients(X, Y)["dense1"]["b"] / true["dense1"]["b"])
        assert np.abs(scales[0] - scales[1]).min() > 1e-3
        made.compile("mse", SGD(0.1), rule=Unsteady())
        for _ in range(3):
            made.train_step(X, Y)
        found.append(made.get_weights())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-6)


def test_noise_that_a_rule_does_not_declare():
    assert check.rule(Unsteady())
    assert check.rule(Secretly()).findings["reads noise"].passed is False


def test_in_a_stream_a_rule_has_none():
    made = ln.Model([Input((None, 3)), LeakyRNN(2, return_sequences=True), Dense(2)])
    made.compile("mse", "sgd")
    with pytest.raises(SettingError, match=r"no random numbers \(edge.stream\) in a stream"):
        made.online(Rule(Unsteady(), "rflo")).step(X, Y)
