"""One training step in numbers: the numbers are the step's, and each line is true."""

import math
import re

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers, optimizers
from lucidnet.errors import SettingError
from lucidnet.layers import Dense, Input


def mazur():
    """The worked example of Matt Mazur (2015), "A step by step backpropagation example"."""
    model = ln.Model([Input(2), Dense(2, "sigmoid"), Dense(2, "sigmoid")], dtype="float64")
    model.compile("half_squared_error", optimizers.SGD(0.5))
    first = {"W": np.array([[0.15, 0.25], [0.20, 0.30]]), "b": np.array([0.35, 0.35])}
    second = {"W": np.array([[0.40, 0.50], [0.45, 0.55]]), "b": np.array([0.60, 0.60])}
    model.set_params({"input0": {}, "dense1": first, "dense2": second})
    return model, [[0.05, 0.10]], [[0.01, 0.99]]


def small(seed, *hidden, loss="mse", optimizer="sgd", last="linear", units=2, inputs=3):
    model = ln.Model([Input(inputs), *hidden, Dense(units, last)], seed=seed, dtype="float64")
    model.compile(loss, optimizer)
    return model


STEPS = {
    "mazur": mazur(),
    "relu, softmax": (
        small(1, Dense(3, "relu"), loss="categorical_crossentropy", last="softmax"),
        [[0.5, -1.0, 2.0], [1.0, 0.3, -0.2]],
        [1, 0],
    ),
    "tanh, sigmoid": (
        small(2, Dense(3, "tanh"), loss="binary_crossentropy", last="sigmoid", optimizer="adam"),
        [[0.5, -1.0, 2.0]],
        [[1, 0]],
    ),
    "gelu, dropout, norm": (
        small(3, Dense(4, "gelu"), layers.Dropout(0.5), layers.LayerNormalization(), optimizer="rmsprop"),
        [[0.5, -1.0, 2.0], [1.0, 0.3, -0.2], [0.0, 0.1, 0.2]],
        [[1.0, 0.0], [0.5, 0.5], [2.0, -1.0]],
    ),
    "squares of softmax": (
        small(4, Dense(3, use_bias=False), layers.ReLU(), last="softmax"),
        [[0.5, -1.0, 2.0]],
        [[1.0, 0.0]],
    ),
    "residual, other loss": (
        small(
            5, layers.Residual(Dense(3, "sigmoid")), loss="huber", optimizer=optimizers.SGD(0.1, momentum=0.9)
        ),
        [[0.5, -1.0, 2.0]],
        [[1.0, 0.0]],
    ),
    "penalty": (small(6, Dense(2, "tanh", l2=0.1, l1=0.01)), [[0.5, -1.0, 2.0]], [[1.0, 0.0]]),
    "logits, many units": (
        small(7, loss=ln.losses.CategoricalCrossentropy(from_logits=True), units=12, inputs=11),
        np.linspace(-1, 1, 11)[None],
        [3],
    ),
}
KINDS = pytest.mark.parametrize("kind", STEPS)


def equations(explanation, title):
    """The values of a section by what stands on the left."""
    section = next(section for section in explanation.sections if section.title.startswith(title))
    lines = explanation.text().split(section.title)[1].split("\n\n")[0].splitlines()
    told = [line for line in lines if line.count("=") > 1]
    return {
        line.split("=")[0].strip(): float(line.rsplit("=", 1)[1]) for line in told if "output" not in line
    }


def test_the_numbers_of_the_textbook():
    model, x, y = mazur()
    explanation = model.explain(x, y, digits=9)
    assert equations(explanation, "Loss")["L"] == 0.298371109
    assert equations(explanation, "Forward: dense1")["y₁"] == 0.593269992
    assert equations(explanation, "Forward: dense2")["y₁"] == 0.75136507
    assert equations(explanation, "Backward: dense2")["∂L/∂w⁽²⁾₁₁"] == 0.0821670406
    assert equations(explanation, "Backward: dense1")["∂L/∂w⁽¹⁾₁₁"] == 0.000438567734
    # His w5, w6, w7, w8 and w1 to w4 after the step.
    after = equations(explanation, "Update: dense2")
    assert [after[w] for w in ("w⁽²⁾₁₁⁺", "w⁽²⁾₂₁⁺", "w⁽²⁾₁₂⁺", "w⁽²⁾₂₂⁺")] == [
        0.35891648,
        0.408666186,
        0.51130127,
        0.561370121,
    ]
    after = equations(explanation, "Update: dense1")
    assert [after[w] for w in ("w⁽¹⁾₁₁⁺", "w⁽¹⁾₂₁⁺", "w⁽¹⁾₁₂⁺", "w⁽¹⁾₂₂⁺")] == [
        0.149780716,
        0.199561432,
        0.249751144,
        0.299502287,
    ]
    assert "w⁽²⁾₁₁⁺ = w⁽²⁾₁₁ - 0.5 · ∂L/∂w⁽²⁾₁₁ = 0.4 - 0.5 · 0.0821670406 = 0.35891648" in str(explanation)


def python(written):
    """A side of an equation as Python computes it; None if letters are in it."""
    code = re.sub(r"\[(.+?) > (.+?)\]", r"float(\1 > \2)", written.replace("·", "*").replace("²", "**2"))
    names = {
        "exp": math.exp,
        "log": math.log,
        "tanh": math.tanh,
        "max": max,
        "sqrt": math.sqrt,
        "float": float,
    }
    words = set(re.findall(r"[^\W\d_]+", re.sub(r"\d+\.?\d*e[-+]?\d+", "0", code)))
    return eval(code, {"__builtins__": {}}, names) if words <= names.keys() else None


@KINDS
def test_each_line_is_true(kind):
    model, x, y = STEPS[kind]
    checked = 0
    for line in model.explain(x, y, digits=15).text().splitlines():
        *sides, value = re.split(r" += ", line)
        for side in sides[1:]:
            computed = python(side)
            if computed is not None:
                checked += 1
                assert computed == pytest.approx(float(value), rel=1e-9, abs=1e-12), line
    assert checked > 20


@KINDS
def test_the_updates_are_those_of_the_training_step(kind):
    model, x, y = STEPS[kind]
    before = model.get_weights()
    explanation = model.explain(x, y)
    assert np.array_equal(model.get_weights(), before)
    told = {section.title: section.equations for section in explanation.sections}
    loss = [e.value for e in told["Loss"]][-1]
    twin = ln.Model(model.net, seed=model.seed, dtype="float64")
    twin.compile(model.loss, model.optimizer)
    twin.set_params(model.params, model.input_shape)
    result = twin.train_step(x, y)
    assert loss <= result["loss"] + 1e-12
    assert loss == pytest.approx(result["loss"]) or kind == "penalty"
    updates = np.concatenate([[e.value for e in told[t]] for t in told if t.startswith("Update")])
    assert np.array_equal(updates, twin.get_weights())


def test_the_moments_of_adam():
    """Kingma & Ba 2015, algorithm 1, by hand at the second step; what is clipped is told without."""
    model, x, y = small(0, inputs=2, units=1, optimizer=optimizers.Adam(0.1)), [[1.0, -2.0]], [[0.5]]
    gradients = []
    for _ in range(2):
        explanation = model.explain(x, y, digits=12)
        gradients.append(model.gradients(x, y)["dense1"]["W"][0, 0])
        model.train_step(x, y)
    (g1, g2), told = gradients, equations(explanation, "Moments: dense1")
    assert told["m_w⁽¹⁾₁₁⁺"] == pytest.approx(0.09 * g1 + 0.1 * g2)
    assert told["v_w⁽¹⁾₁₁⁺"] == pytest.approx(0.000999 * g1**2 + 0.001 * g2**2)
    assert "/ (sqrt(v_w⁽¹⁾₁₁⁺/0.001999) + 1e-08)" in explanation.text()
    assert r"\sqrt{\frac{" in explanation.latex()
    for other in (optimizers.Adam(0.1, clip=optimizers.ClipGlobalNorm(1e-3)), optimizers.AdamW(0.1)):
        told = small(0, inputs=2, units=1, optimizer=other).explain(x, y).text()
        assert "Moments" not in told and "Δw" in told


@KINDS
def test_html_and_latex_are_whole(kind):
    from html.parser import HTMLParser

    model, x, y = STEPS[kind]
    explanation = model.explain(x, y)
    html, latex = explanation.html(), explanation.latex()
    assert explanation._repr_html_() == html

    class Balance(HTMLParser):
        open: list = []  # noqa: RUF012

        def handle_starttag(self, tag, attrs):
            self.open.append(tag)
            assert not {"href", "src"} & dict(attrs).keys()

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    parser = Balance()
    parser.feed(html)
    assert not parser.open
    assert latex.startswith("\\begin{align*}\n")
    assert latex.endswith("\\end{align*}\n")
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\left(") == latex.count(r"\right)")
    rows = [row for row in latex.splitlines()[1:-1] if not row.startswith(r"\intertext{")]
    assert len(rows) == sum(len(section.equations) for section in explanation.sections)
    assert all(row.count("&=") == 1 for row in rows)


@KINDS
def test_matplotlib_can_set_the_formulas(kind):
    mathtext = pytest.importorskip("matplotlib.mathtext")
    model, x, y = STEPS[kind]
    parser = mathtext.MathTextParser("path")
    rows = [row for row in model.explain(x, y).latex().splitlines()[1:-1] if "&=" in row]
    for row in rows[:: max(1, len(rows) // 12)]:
        parser.parse(f"${row.removesuffix(chr(92) * 2).replace('&', '')}$")


def test_what_cannot_be_told():
    model = ln.Model([Input(64), Dense(32, "relu"), Dense(10, "softmax")])
    model.compile("categorical_crossentropy", "sgd")
    with pytest.raises(SettingError, match=r"2,411 numbers \(2,410 of them parameters\), more than the 400"):
        model.explain(np.zeros((1, 64)), [0])
    model = ln.Model([Input(2), Dense(2, "tanh"), Dense(2)])
    model.compile("mse", "sgd", rule="dfa")
    with pytest.raises(SettingError, match="it tells backpropagation, but this model learns by"):
        model.explain([[1.0, 2.0]], [[0.0, 1.0]])
    model = ln.Model([Input((3, 2)), layers.LSTM(2, return_sequences=True)])
    model.compile("mse", "sgd")
    with pytest.raises(SettingError, match="not sequences or several outputs"):
        model.explain(np.zeros((1, 3, 2)), np.zeros((1, 3, 2)))


@pytest.mark.parametrize(
    ("hidden", "shape"),
    [
        ([layers.Conv2D(2, 2, activation="relu"), layers.Flatten()], (1, 3, 3, 1)),
        ([layers.LSTM(2)], (2, 3, 2)),
        ([layers.Concatenate([Dense(2, "relu"), Dense(1)])], (1, 3)),
        ([layers.BatchNormalization(), layers.Activation("softplus")], (3, 2)),
    ],
)
def test_any_other_layer_is_one_line(hidden, shape):
    model = ln.Model([Input(shape[1:]), *hidden, Dense(1)])
    model.compile("mse", "sgd")
    x = np.random.default_rng(0).normal(size=shape)
    text = model.explain(x, np.zeros((len(x), 1))).text()
    assert f"Forward: {model.net.layers[1].name}" in text
    assert "Update" in text


def test_what_comes_back_to_several_inputs_is_told_for_each():
    nodes = [("few", Dense(2), "a"), ("both", layers.Concatenate(), ("few", "b")), ("y", Dense(1), "both")]
    model = ln.Model(layers.Graph({"a": (3,), "b": (1,)}, nodes, "y"))
    model.compile("mse", "sgd")
    told = model.explain({"a": [[1.0, 2.0, 3.0]], "b": [[4.0]]}, [[5.0]])
    (section,) = (each for each in told.sections if each.title == "Backward: both")
    out, back = (note.partition(": ")[2] for note in section.notes)
    one, other, last = out.split(", ")
    assert back == f"{one}, {other}; {last}"
