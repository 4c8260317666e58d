"""Settings that would have no effect are refused where they are made."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.callbacks import Checkpoint
from lucidnet.data.text import Vocabulary
from lucidnet.errors import SettingError
from lucidnet.layers import Dense, Input
from lucidnet.optimizers import EMA, LBFGS, SGD, Adagrad
from lucidnet.optimizers.schedules import Cyclic

X, Y = np.array([[0.0], [1.0]]), np.array([[1.0], [0.0]])


def model(optimizer="sgd"):
    made = ln.Model([Input(1), Dense(1)])
    made.compile("mse", optimizer)
    return made


def unknown():
    class Own(ln.metrics.Metric):
        better = "up"

    return Own


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Checkpoint("folder", every_epochs=None), "nothing would be written.*every_steps or best"),
        (lambda: Cyclic(0.0, 1.0, 5, gamma=0.5), "gamma=0.5 has no effect.*exp_range"),
        (lambda: Cyclic(0.0, 1.0, 5, mode="triangular2", gamma=0.5), "gamma=0.5 has no effect"),
        (lambda: Vocabulary(("a", "b", "a")), "different characters, but 'a' is there twice"),
        (lambda: Vocabulary((1, 2)), "a sequence of single characters"),
        (lambda: Vocabulary(("ab",)), "a sequence of single characters"),
        (lambda: model().fit(X, Y, class_weight={}), "class_weight must be .*an empty one has no effect"),
        (unknown, "Own: better must be 'min', 'max', or None"),
        (lambda: LBFGS(0.0), "LBFGS: learning_rate must be above 0"),
    ],
)
def test_refused(make, words):
    with pytest.raises(SettingError, match=words):
        make()


@pytest.mark.parametrize(
    "optimizer, words",
    [(SGD(), "a momentum of 0"), (EMA(SGD()), "a momentum of 0"), (Adagrad(), "no momentum")],
)
def test_a_cycle_of_a_momentum_that_is_not_there(optimizer, words):
    made = model(optimizer)
    before = made.get_weights()
    with pytest.raises(SettingError, match=f"momentum=.*0.5, 0.1.*{words}"):
        made.fit_one_cycle(X, Y, epochs=1, max_lr=0.1, momentum=(0.5, 0.1), verbose=0)
    np.testing.assert_array_equal(made.get_weights(), before)
    assert made.optimizer == optimizer
    made.fit_one_cycle(X, Y, epochs=1, max_lr=0.1, verbose=0)


def test_the_momentum_of_a_cycle_is_taken_where_it_is_not_given():
    made = [model(SGD(momentum=0.9)) for _ in range(3)]
    made[0].fit_one_cycle(X, Y, epochs=4, max_lr=0.1, verbose=0)
    made[1].fit_one_cycle(X, Y, epochs=4, max_lr=0.1, momentum=(0.95, 0.85), verbose=0)
    made[2].fit_one_cycle(X, Y, epochs=4, max_lr=0.1, momentum=(0.5, 0.1), verbose=0)
    one, same, other = (each.get_weights() for each in made)
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize("kind", [L.Dense, L.Conv1D, L.Conv2D, L.Conv2DTranspose, L.DepthwiseConv2D])
def test_a_start_of_biases_that_are_not_there_is_refused(kind):
    size = {"kernel_size": 3} if kind is not L.Dense else {}
    units = {"filters": 2} if kind not in (L.Dense, L.DepthwiseConv2D) else {}
    units |= {"units": 2} if kind is L.Dense else {}
    assert kind(**units, **size, use_bias=False).use_bias is False
    with pytest.raises(
        SettingError, match=f"{kind.__name__}: bias_initializer has no effect with use_bias=False"
    ):
        kind(**units, **size, use_bias=False, bias_initializer="ones")


def test_one_batch_of_all_examples_is_not_summed_with_others():
    made = model("lbfgs")
    before = made.get_weights()
    with pytest.raises(SettingError, match="accumulate=4 has no effect with LBFGS"):
        made.fit(X, Y, accumulate=4, verbose=0)
    np.testing.assert_array_equal(made.get_weights(), before)


@pytest.mark.parametrize(
    "layer", [L.ReLU(rule="fa"), L.MaxPooling1D(2, rule="dfa"), L.Dropout(0.1, rule="np")]
)
def test_a_rule_of_a_layer_without_weights_is_refused_at_compile(layer):
    made = ln.Model([Input((4, 2)), L.Conv1D(2, 1), layer, L.Flatten(), Dense(1)])
    with pytest.raises(SettingError, match=f"rule={layer.rule!r} has no effect, because this layer has no"):
        made.compile("mse", "sgd")


@pytest.mark.parametrize(
    "layers",
    [
        [Input(1), Dense(1, frozen=True)],
        [L.Sequential([Input(1), Dense(2), L.BatchNormalization(), Dense(1)], frozen=True)],
    ],
)
def test_a_training_of_frozen_layers_alone(layers):
    made = ln.Model(layers)
    made.compile("mse", "sgd")
    for train in (made.fit, made.train_step):
        with pytest.raises(SettingError, match="nothing to train: .* no parameters that are not frozen"):
            train(X, Y)
    assert made.evaluate(X, Y).loss >= 0
