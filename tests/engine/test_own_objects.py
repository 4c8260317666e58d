"""Programs know a user's own objects by what they are, not by what they say that they equal."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.layers import Dense, Input, Layer, LeakyRNN
from lucidnet.layers.base import INFERENCE
from lucidnet.rules import Rule
from lucidnet.rules.time.local import RFLO

X = np.random.default_rng(0).normal(size=(12, 3))
Y = X[:, :2] ** 2
SCALE = 1.0


class Bare(ln.losses.Loss):
    """A loss that is no dataclass: all of its kind are equal."""

    def __init__(self, q):
        object.__setattr__(self, "q", q)

    def values(self, prediction, target):
        d = prediction - target
        return (d * d * self.q).sum(-1), d

    def slope(self, d):
        return 2 * d * self.q


@dataclass(frozen=True, repr=False)
class Uncompared(Bare):
    q: Any = field(default=1.0, compare=False)


@dataclass(frozen=True, repr=False)
class Scale(Layer):
    """A layer with an array that does not count when two are compared, and a setting of the class."""

    k = 1.0
    array: Any = field(default=None, compare=False)

    def forward(self, params, x, run=INFERENCE):
        return x * self.array * self.k, None

    def backward(self, params, cache, dy, need_dx=True):
        return dy * self.array * self.k, {}


class Boosted(ln.optimizers.Optimizer):
    def __init__(self, boost):
        super().__init__(0.01)
        object.__setattr__(self, "boost", boost)

    def descend(self, p, g, slots, rate, step):
        return rate * self.boost * g, slots


class Half(ln.optimizers.Clip):
    """Does not call the base: it has no limit, and no hash."""

    def __init__(self, factor):
        object.__setattr__(self, "factor", factor)

    def __call__(self, gradient, parts):
        for part in parts:
            gradient[part] = gradient[part] * self.factor


def error(prediction, target):
    return ((prediction - target) ** 2).sum(-1) * SCALE


def slope(prediction, target):
    return 2 * (prediction - target) * SCALE


def global_scale(q):
    global SCALE
    SCALE = q
    return {"loss": ln.losses.custom(error, slope)}


def class_setting(q):
    Scale.k = q
    return {"layer": Scale(np.ones(4))}


CASES = {
    "loss": lambda q: {"loss": Bare(q)},
    "loss, not compared": lambda q: {"loss": Uncompared(q)},
    "loss, a global of its functions": global_scale,
    "layer, an array": lambda q: {"layer": Scale(np.full(4, q))},
    "layer, a setting of its class": class_setting,
    "optimizer": lambda q: {"optimizer": Boosted(q)},
    "clip": lambda q: {"optimizer": ln.optimizers.SGD(0.01, clip=Half(q))},
}


@dataclass(frozen=True, repr=False)
class Scaled(RFLO):
    """A rule through time whose factor does not count when two are compared."""

    factor: float = field(default=1.0, compare=False)

    def tick(self, *given):
        trace, grads, B = super().tick(*given)
        return trace, {name: self.factor * grad for name, grad in grads.items()}, B


def followed(backend, factor):
    layers = [Input((None, 3)), LeakyRNN(4, return_sequences=True), Dense(2)]
    model = ln.Model(layers, seed=0, dtype="float64", backend=backend)
    model.compile("mse", ln.optimizers.SGD(0.05))
    online = model.online(Rule("backprop", Scaled(factor=factor)))
    online.run(X[:, None], Y[:, None])
    return model.get_weights()


def test_a_rule_of_a_stream():
    found = []
    for factor in (0.5, 3.0):
        found.append(followed("jax", factor))
        np.testing.assert_allclose(found[-1], followed("numpy", factor), rtol=1e-9, atol=1e-12)
    assert np.abs(found[0] - found[1]).max() > 1e-4


def learned(backend, loss="mse", layer=None, optimizer=None):
    layers = [Input(3), Dense(4, "tanh"), *([layer] if layer else []), Dense(2)]
    model = ln.Model(layers, seed=0, dtype="float64", backend=backend)
    model.compile(loss, optimizer or ln.optimizers.SGD(0.01))
    model.fit(X, Y, epochs=2, batch_size=6, verbose=0)
    return np.concatenate([model.get_weights(), [model.evaluate(X, Y).loss], model.predict(X).ravel()])


@pytest.mark.parametrize("name", CASES)
def test_one_after_the_other(name):
    """The second model has another number, and learns as it does on NumPy."""
    case, found = CASES[name], []
    for q in (0.5, 3.0):
        given = case(q)
        found.append(learned("jax", **given))
        np.testing.assert_allclose(found[-1], learned("numpy", **given), rtol=1e-9, atol=1e-12)
    assert np.abs(found[0] - found[1]).max() > 1e-4


def test_a_new_rate_compiles_nothing_beside_a_clip_of_ones_own():
    model = ln.Model([Input(3), Dense(2)], backend="jax")
    model.compile("mse", ln.optimizers.SGD(0.01, clip=Half(0.5)))
    model.train_step(X, Y)
    programs = model.executor.programs
    model.optimizer = model.optimizer.changed(learning_rate=0.02)
    model.train_step(X, Y)
    assert model.executor.programs == programs
