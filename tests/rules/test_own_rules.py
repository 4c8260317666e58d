"""What a rule of a user's own returns is looked at, in its self-test and in a training."""

from dataclasses import dataclass

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import check
from lucidnet.errors import SettingError, ShapeError
from lucidnet.layers import Dense, Function, Input
from lucidnet.rules import SpaceRule

X = np.random.default_rng(0).normal(size=(8, 3))


def passed(edge, send):
    return *edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx), None


def rule(change, **settings):
    def cross(self, edge, send):
        return passed(edge, send) if edge.layer.children() else change(edge, *passed(edge, send))

    own = type("Own", (SpaceRule,), {"__module__": __name__, "cross": cross, **settings})
    return dataclass(frozen=True, repr=False)(own)()


def zeroed(edge, *made):
    edge.dy[...] = 0
    return made


WRONG = {
    "nothing": (
        lambda edge, dx, grads, B: None,
        SettingError,
        "Own.cross, .* must return three things.*got None",
    ),
    "two": (lambda edge, dx, grads, B: (dx, grads), SettingError, "must return three things"),
    "a list": (lambda edge, dx, grads, B: (dx, [1], B), SettingError, "gradients as a dict by name"),
    "weights": (lambda edge, dx, grads, B: (dx, grads, 3), SettingError, "feedback weights as one, or None"),
    "no error": (lambda edge, dx, grads, B: (None, grads, B), SettingError, "error at the layer's input"),
    "one row": (
        lambda edge, dx, grads, B: (None if dx is None else dx[:1], grads, B),
        ShapeError,
        r"layer 'dense2', returns an error of shape \(1, 4\) for 8 examples",
    ),
    "no gradients": (lambda edge, dx, grads, B: (dx, {}, B), SettingError, "returns no gradient of W, b"),
    "a number": (
        lambda edge, dx, grads, B: (dx, grads | {k: grads[k].sum() for k in grads}, B),
        ShapeError,
        r"gradient of W of shape \(\): it must have that of the weights, \(4, 1\)",
    ),
    "written into": (zeroed, SettingError, "writes into what it was given"),
}


@pytest.mark.parametrize("change, error, words", WRONG.values(), ids=WRONG)
def test_in_a_training(change, error, words):
    model = ln.Model([Input(3), Dense(4, "tanh"), Dense(1)])
    model.compile("mse", "sgd", rule=rule(change))
    with pytest.raises(error, match=words):
        model.fit(X, X[:, :1], verbose=0)


@pytest.mark.parametrize("change, error", [each[:2] for each in WRONG.values()], ids=WRONG)
def test_in_the_self_test(change, error):
    with pytest.raises(error, match="Own.cross"):
        check.rule(rule(change))


def test_what_is_right_is_right():
    assert check.rule(rule(lambda edge, *made: made, exact=True)).passed


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"reads": ("pre",)}, "Own: reads must be a text, names with commas, got"),
        ({"reads": "pre, weight above"}, "Own: reads has weight above, known are: pre, post"),
        ({"feedback": lambda self, *given: 3}, "Own.feedback must return a dict of weights by name.*got 3"),
    ],
)
def test_what_it_says_of_itself(settings, words):
    with pytest.raises(SettingError, match=words):
        check.rule(rule(lambda edge, *made: made, **settings))


def test_a_function_that_makes_no_numbers():
    with pytest.raises(ShapeError, match=r"makes arrays without numbers, \(0,\) of each example"):
        ln.Model([Input(3), Function(lambda x: x[:, :0]), Dense(1)]).predict(X)
