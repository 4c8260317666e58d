"""Settings of the layers as stretches of the one vector."""

import numpy as np
import pytest

from lucidnet.backend import Stream
from lucidnet.engine.parameters import Penalty, owners
from lucidnet.errors import SettingError
from lucidnet.layers import (
    Add,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    Input,
    Layer,
    LayerNormalization,
    PReLU,
    Residual,
    Sequential,
    Tanh,
)
from lucidnet.optimizers import Group, MaxNorm
from lucidnet.training import ParameterLayout


def plan(*layers, **settings):
    net = Sequential([Input(2), *layers], **settings)
    return ParameterLayout.of(net, net.init(Stream(), (2,))[0])


class Scaled(Layer):
    """A layer of one's own whose weights are called something else than `penalized` says."""

    def init(self, rng, shape):
        return {"scale": rng.full(shape, 1)}, shape

    def forward(self, params, x, run=None):
        return x * params["scale"], x

    def backward(self, params, x, dy, need_dx=True):
        return dy * params["scale"], {"scale": (dy * x).sum(0)}


class TestGroups:
    """Which numbers are trained, and how."""

    def test_stretches_with_settings_of_one_layer_are_one(self):
        assert plan(Dense(3), Dense(2), Dense(1)).groups == (Group(0, 20),)
        groups = plan(Dense(3), Dense(2, learning_rate=0.5), Dense(1)).groups
        assert groups == (Group(0, 9), Group(9, 17, 0.5), Group(17, 20))
        # Of two layers each has its own, so that another value for one of them makes no other groups.
        same = plan(Dense(3, learning_rate=0.5), Tanh(), Dense(2, learning_rate=0.5)).groups
        assert same == (Group(0, 9, 0.5), Group(9, 17, 0.5))

    def test_frozen_layers_are_left_out(self):
        assert plan(Dense(3), Dense(2, frozen=True), Dense(1)).groups == (Group(0, 9), Group(17, 20))
        assert plan(Dense(3), frozen=True).groups == ()

    def test_a_frozen_container_freezes_all_inside(self):
        inner = Sequential([Dense(3), Residual(Dense(3))], frozen=True)
        assert plan(Dense(2), inner, Dense(1)).groups == (Group(0, 6), Group(27, 31))
        assert plan(Add([Dense(3, frozen=True), Dense(3)])).groups == (Group(9, 18),)

    def test_the_inner_setting_goes_before_the_outer(self):
        inner = Sequential(
            [Dense(3), Dense(2, learning_rate=0.1, weight_decay=0.0)], learning_rate=0.5, weight_decay=0.2
        )
        assert plan(inner, Dense(1)).groups == (
            Group(0, 9, 0.5, 0.2),
            Group(9, 17, 0.1, 0.0),
            Group(17, 20),
        )

    def test_a_schedule_of_a_layer(self):
        def slow(step):
            return 0.1 / (1 + step)

        assert plan(Dense(3), Dense(1, learning_rate=slow)).groups[1] == Group(9, 13, slow)


class TestPenalties:
    """What l1 and l2 add."""

    def test_they_are_for_weights_only(self):
        assert plan(Dense(3, l1=0.1), Dense(2)).penalties == (Penalty(slice(0, 6), 0.1, 0.0),)

    def test_those_of_a_container_hold_inside(self):
        made = plan(Dense(3), Dense(2, l2=0.5), l1=0.1, l2=0.2).penalties
        assert made == (Penalty(slice(0, 6), 0.1, 0.2), Penalty(slice(9, 15), 0.1, 0.5))

    def test_value_and_gradient(self):
        penalty, vector = Penalty(slice(1, 4), 0.5, 0.25), np.array([9.0, 2.0, 0.0, -4.0, 9.0])
        assert penalty.value(vector) == 0.5 * 6 + 0.25 * 20
        gradient = np.ones(5)
        penalty.value(vector, gradient)
        assert gradient.tolist() == [1, 1 + 0.5 + 1, 1, 1 - 0.5 - 2, 1]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Tanh(l2=0.1), r"Tanh\(l2=0.1\): l2 has no effect, because this layer has no parameters"),
        (Dropout(0.5, frozen=True), r"Dropout\(0.5, frozen=True\): frozen has no effect"),
        (Flatten(learning_rate=0.1), "learning_rate has no effect.*set it on a layer that has some"),
        (Residual(Tanh(), weight_decay=0.1), "weight_decay has no effect"),
        (Sequential([Dense(2), Dropout(0.1, l1=1.0)]), r"Dropout\(0.1, l1=1.0\): l1 has no effect"),
        (BatchNormalization(l2=0.1), "l2 has no effect, .* this layer has none, only beta, gamma, mean, var"),
        (Residual(PReLU(), l1=0.1), "l1 has no effect.* only alpha; leave it out$"),
        (LayerNormalization(constraint=MaxNorm(1.0)), "constraint has no effect"),
        (Scaled(l2=0.1), "only scale; leave it out; a layer of your own names its weights in `penalized`"),
    ],
    ids=str,
)
def test_settings_without_effect_are_refused(layer, message):
    with pytest.raises(SettingError, match=message):
        plan(Dense(3), layer)


def test_owners_are_found_from_the_outside_in():
    dense = Dense(2)
    inner = Residual(dense, name="skip")
    net = Sequential([inner])
    assert owners(net, ("skip", "body", "W")) == [net, inner, dense]


def test_an_inner_penalty_of_zero_goes_before_the_outer():
    """As for the learning rate and weight decay: 0.0 was set, it is not the same as not set."""
    assert plan(Dense(3, l2=0.0), Dense(2), l2=0.5).penalties == (Penalty(slice(9, 15), 0.0, 0.5),)
