"""What users write beside a base class, and what they give to a loss or an optimizer by hand."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import losses, optimizers
from lucidnet.core.value import value
from lucidnet.errors import DataError, ShapeError


class Momentum:
    """A method beside the base, which keeps what it remembers in the dict that it is given."""

    def descend(self, p, g, slots, rate, step):
        slots["m"] *= 0.9
        slots["m"] += g
        slots["v"] = slots["v"] + 1
        return rate * slots["m"], slots


@value
class Beside(Momentum, optimizers.Adam):
    pass


@value
class Own(optimizers.Adam):
    descend = Momentum.descend


@value
class Twice(optimizers.Adam):
    def descend(self, p, g, slots, rate, step):
        change, slots = super().descend(p, g, slots, rate, step)
        return 2 * change, slots


@pytest.mark.parametrize("kind", [Beside, Own])
def test_what_is_remembered_in_the_dict_is_kept(kind):
    params, ours = {"W": np.ones(3)}, kind(0.1)
    state = ours.init(params)
    for velocity in (1.0, 1.9, 2.71):  # of gradients 1: 0.9 of the one before, and 1
        before = params["W"]
        params, state = ours.update({"W": np.ones(3)}, state, params)
        np.testing.assert_allclose(before - params["W"], 0.1 * velocity, rtol=1e-12)
        np.testing.assert_allclose(state["m"], velocity, rtol=1e-12)
    np.testing.assert_array_equal(state["v"], 3)


def test_a_subclass_of_adam_may_call_adam():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    found = []
    for optimizer in (Twice(0.01), optimizers.Adam(0.02)):
        model = ln.Model([ln.layers.Input(3), ln.layers.Dense(1)], seed=0, dtype="float64", backend="numpy")
        model.compile("mse", optimizer)
        model.fit(x, y, epochs=3, batch_size=7, verbose=0)
        found.append(model.get_weights())
    np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.parametrize("labels", [[0, -1, 2, 0], [0, 1, 3, 0], [0, 0.5, 2, 0], [0, np.nan, 1, 2]])
@pytest.mark.parametrize(
    "loss",
    [
        losses.CategoricalCrossentropy(True),
        losses.CategoricalCrossentropy(True, label_smoothing=0.1),
        losses.SparseCategoricalCrossentropy(True),
        losses.CategoricalHinge(),
    ],
    ids=["plain", "smooth", "sparse", "hinge"],
)
def test_labels_that_are_no_class(loss, labels):
    with pytest.raises(DataError, match="label"):
        loss.forward(np.zeros((4, 3)), np.array(labels))


@pytest.mark.parametrize(
    "given",
    [
        {"target": [0, 1, 2, 0]},
        {"target": None},
        {"weights": [1.0] * 4},
        {"weights": 2.0},
        {"mask": np.ones((4, 1), bool)},
        {"mask": np.array([1, 2, 3, 3])},
        {"valid": [True] * 4},
    ],
    ids=str,
)
def test_what_a_loss_by_hand_cannot_take(given):
    args = {"target": np.array([0, 1, 2, 0])} | given
    with pytest.raises(ShapeError, match=f"{next(iter(given))}: expected an array"):
        losses.CategoricalCrossentropy(True).forward(np.zeros((4, 3)), **args)


@pytest.mark.parametrize("wrong", [np.zeros(2), None, {"b": None}, {"b": [0.0, 0.0]}, {"b": {"c": 0}}, {}])
def test_gradients_of_another_form(wrong):
    params, sgd = {"W": np.ones(3), "a": {"b": np.ones(2)}}, optimizers.SGD(0.1)
    with pytest.raises(ShapeError, match=r"a\.b .*expected an array of shape \(2,\)"):
        sgd.update({"W": np.ones(3), "a": wrong}, sgd.init(params), params)
