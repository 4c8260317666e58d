"""What a picture says when it is given something else than what it is made of."""

import inspect

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import plots
from lucidnet.core.exports import exports
from lucidnet.errors import DataError, SettingError

MODEL = ln.Model([ln.layers.Input(2), ln.layers.Dense(2, "softmax")], seed=0)
X, Y = np.zeros((3, 2)), [0, 1, 1]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: plots.worst_mistakes(X, MODEL, Y), r"worst_mistakes\(model, x, y\); y is a Model"),
        (lambda: plots.confusion_matrix(MODEL, X), r"confusion_matrix\(model, x, y\); matrix is a Model"),
        (lambda: plots.heat_map(W=MODEL), r'model.params\["dense1"\]\["W"\]'),
        (lambda: plots.training_curves(MODEL), "model.history"),
        (lambda: plots.training_curves([1.0, 2.0]), "model.history"),
        (lambda: plots.race_curves([1.0]), r"lucidnet.race\(...\).plot"),
        (lambda: plots.decision_boundary(X, Y, MODEL), "model: expected a lucidnet.Model, got array"),
        (lambda: plots.heat_map([1j]), "expected an array of real numbers, got complex128"),
        (lambda: plots.heat_map(None), "expected an array of real numbers, got object, None"),
        (lambda: plots.heat_map([["a"]]), "expected an array of real numbers"),
        (lambda: plots.attention_weights([[1j]]), "expected an array of real numbers"),
        (lambda: plots.worst_mistakes(X, Y, None), "probabilities: expected numbers .*, got None"),
        (lambda: plots.confusion_matrix(np.eye(2), 3), "classes must be a sequence of names, or None, got 3"),
        (lambda: plots.confusion_matrix(np.eye(2), "ab"), "classes must be a sequence of names"),
        (lambda: plots.learning_rate_finder("a", "b"), "expected an array of real numbers"),
        (lambda: plots.attention_weights([[-1.0, 2.0]]), "of 0 or more, got -1: of scores take the softmax"),
        (lambda: plots.decision_boundary(MODEL, X, None), r"expected labels \(n,\), got None"),
        (lambda: plots.decision_boundary(MODEL, X, [0.5, 1.5, 2.5]), "whole numbers of classes, got 0.5"),
        (lambda: plots.decision_boundary(MODEL, X, [-0.5, 1.5, 1.0]), "whole numbers of classes, got -0.5"),
        (
            lambda: plots.decision_boundary(MODEL, X, [1, 2, 1]),
            "classes 0 to 1 apart, got 2: of labels 1 to 2",
        ),
        (lambda: plots.learning_rate_finder(MODEL), r"model.lr_find\(x, y\).plot"),
        (lambda: plots.distance_map([[1j]]), "expected an array of real numbers"),
    ],
)
def test_says_what_to_write(call, said):
    with pytest.raises((DataError, SettingError), match=said):
        call()


def test_a_curve_stands_for_its_rates_and_losses():
    x, y = ln.data.moons(40, seed=0)
    model = ln.Model([ln.layers.Input(2), ln.layers.Dense(1, "sigmoid")], seed=0)
    model.compile("binary_crossentropy", "sgd")
    curve = model.lr_find(x, y)
    drawn = plots.learning_rate_finder(curve).axes[0].lines[0]
    assert np.array_equal(drawn.get_xdata(), curve.rates)
    assert np.array_equal(drawn.get_ydata(), curve.losses)


def test_a_model_in_place_of_an_array_is_refused_by_all_others():
    for name in set(exports("lucidnet.plots")) - {"save", "animate", "first_layer_weights"}:
        draw = getattr(plots, name)
        first = next(iter(inspect.signature(draw).parameters))
        with pytest.raises(DataError, match=rf"{name}: .*expected"):
            draw(X if first == "model" else MODEL)


def test_modules_say_which_pictures_they_have():
    with pytest.raises(TypeError, match=r"a module, no function: its pictures are .*first_layer_weights"):
        plots.weights(MODEL)


def test_logits_of_a_model_are_drawn_as_probabilities():
    from lucidnet.plots.arguments import of_model

    scores, y = np.array([[-2.0], [0.3], [0.4], [3.0]]), np.array([0, 1, 0, 1])
    model = ln.Model([ln.layers.Input(1), ln.layers.Dense(1, initializer="ones")])
    model.compile(ln.losses.BinaryCrossentropy(from_logits=True), "sgd")
    ((counts,), _) = of_model("confusion_matrix", (model, scores, y), {})
    np.testing.assert_array_equal(counts, [[1, 1], [0, 2]])
    ((_, _, shares), _) = of_model("worst_mistakes", (model, scores, y), {})
    np.testing.assert_allclose(shares, 1 / (1 + np.exp(-scores)), rtol=1e-6)


def test_time_steps_that_a_layer_masks_are_in_no_confusion_matrix():
    from lucidnet.plots.arguments import of_model

    x = np.array([[1, 2, 0, 0], [2, 1, 2, 0]])
    layers = ln.layers
    model = ln.Model([layers.Input(4), layers.Embedding(3, 2, mask_zero=True), layers.Dense(3, "softmax")])
    model.compile("categorical_crossentropy", "sgd", ["accuracy"])
    ((counts,), _) = of_model("confusion_matrix", (model, x, x.tolist()), {})
    assert counts.sum() == 5 and counts[0].sum() == 0
    assert np.trace(counts) / 5 == pytest.approx(model.evaluate(x, x)["accuracy"])
