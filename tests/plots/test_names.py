"""Names that people give stand in pictures as they are written."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import lucidnet as ln
from lucidnet import plots
from lucidnet.layers import Dense, Input

NAMES = ["$\\frac$", "$<=50k$", "cost $5 to $6", "_a"]
X = np.random.default_rng(0).normal(size=(4, 2))


def drawn(figure):
    """All texts of a figure, once it has been drawn, which parses mathematics."""
    figure.draw_without_rendering()
    return {text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_fontsize"))}


def model_with(name):
    model = ln.Model([Input(2), Dense(2, "tanh", name=name), Dense(1)], seed=0)
    model.compile("mse", "sgd", rule="fa")
    return model


def records(name, kind="gradient_alignment"):
    return {f"{kind}/{name}": [(0, 0.1), (4, 0.5)]}


PICTURES = {
    "race_curves": lambda n, **o: plots.race_curves({"loss": {n: [[2.0, 1.0]]}}, **o),
    "alignment": lambda n, **o: plots.alignment(records(n), **o),
    "activation_histograms": lambda n, **o: plots.activation_histograms({n: [(0, X), (2, X)]}, **o),
    "confusion_matrix": lambda n, **o: plots.confusion_matrix(np.eye(2), [n, "b"], **o),
    "worst_mistakes": lambda n, **o: plots.worst_mistakes(
        X, [1] * 4, [[0.9, 0.1]] * 4, classes=["b", n], **o
    ),
    "attention_weights": lambda n, **o: plots.attention_weights(np.eye(2), [n, "b"], **o),
    "training_curves": lambda n, **o: plots.training_curves({n: [1.0, 2.0]}, **o),
    "heat_map": lambda n, **o: plots.heat_map(X, **{"title": n, **o}),
    "architecture": lambda n, **o: plots.architecture(model_with(n), **o),
    "gradient_flow": lambda n, **o: plots.gradient_flow(model_with(n), X, X[:, :1], **o),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("picture", PICTURES)
def test_names_are_drawn_as_they_are_written(picture, name):
    said = name.replace("_", " ") if picture == "training_curves" else name
    assert any(said in text for text in drawn(PICTURES[picture](name))), picture


@pytest.mark.parametrize("picture", PICTURES)
def test_titles_are_drawn_as_they_are_written(picture):
    for title in NAMES:
        assert title in drawn(PICTURES[picture]("plain", title=title))


def test_mathematics_of_the_user_stays():
    mine = Figure()
    axes = mine.add_subplot()
    axes.set_title("$x^2$")
    axes.text(0, 0, "$y^2$")
    plots.heat_map(X, title="$5", ax=axes)
    assert axes.title.get_parse_math() and axes.texts[0].get_parse_math()


def test_a_film_of_names(tmp_path):
    history = type("H", (), {"steps": {f"gradient_alignment/{name}": [(0, 0.1), (4, 0.5)] for name in NAMES}})
    assert plots.animate(history, tmp_path / "a.gif", what="alignment", title="$\\frac$").exists()


@pytest.mark.filterwarnings("error:Glyph")
@pytest.mark.parametrize("picture", PICTURES)
def test_signs_that_the_font_lacks_come_from_another(picture):
    """A phonetic sign that is in a font of matplotlib's own, though not in its usual one."""
    drawn(PICTURES[picture]("\u1d81", title="\u1d81"))


@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_sign_that_no_font_has_is_drawn_nevertheless():
    assert "\U0010fffd" in drawn(plots.training_curves({"\U0010fffd": [1.0, 2.0]}))
