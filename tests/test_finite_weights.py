"""Weights that are not finite, or not in the precision of the model, are refused where they come in."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.errors import DataError
from lucidnet.layers import Dense, Input

BAD = [np.nan, np.inf, 1e39]


def model():
    made = ln.Model([Input(2), Dense(1)])
    made.compile("mse", "sgd")
    made.build()
    return made


@pytest.mark.parametrize("bad", BAD)
def test_refused_with_the_place(bad):
    made = model()
    before = made.get_weights()
    tree = {"input0": {}, "dense1": {"W": np.array([[1.0], [bad]]), "b": np.zeros(1)}}
    with pytest.raises(DataError, match="set_weights: vector holds .* at index .1,"):
        made.set_weights([0.0, bad, 0.0])
    with pytest.raises(DataError, match=r"set_params: dense1.W holds .* at index \(1, 0\)"):
        made.set_params(tree)
    with pytest.raises(DataError, match=r"load_weights: dense1.W holds .* at index \(1, 0\)"):
        made.load_weights(tree)
    np.testing.assert_array_equal(made.get_weights(), before)


def test_a_model_that_diverged_can_be_saved_and_looked_at(tmp_path):
    made = model()
    state = made.state
    layout = state.params.layout
    made.state = state._replace(params=layout.bind(np.array([1.0, np.nan, 0.0], "f")))
    made.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(ln.load(tmp_path / "m.safetensors").get_weights(), made.get_weights())


def test_numbers_that_float64_has():
    made = ln.Model([Input(2), Dense(1)], dtype="float64")
    made.build()
    made.set_weights([1e39, 0.0, 0.0])
    assert made.get_weights()[0] == 1e39


@pytest.mark.parametrize("bad", BAD)
def test_an_initializer_of_ones_own(bad):
    class Own(ln.initializers.Initializer):
        def __call__(self, rng, shape):
            return np.full(shape, bad)

    with pytest.raises(DataError, match="what the initializer Own returns holds"):
        ln.Model([Input(2), Dense(1, initializer=Own())]).build()
