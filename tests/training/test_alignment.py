"""How rules lie to the chain rule: against the formulas, in a model, step by step, in pictures."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import plots
from lucidnet.errors import DataError, SettingError
from lucidnet.inspect.alignment import aligned
from lucidnet.layers import GRU, Dense, Input

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 4)), RNG.integers(0, 3, 20)


def model(rule, seed=0):
    made = ln.Model(
        [Input(4), Dense(6, "tanh"), Dense(5, "tanh"), Dense(3, "softmax")], seed=seed, dtype="float64"
    )
    made.compile("categorical_crossentropy", ln.optimizers.SGD(0.1), rule=rule)
    made.build()
    return made


def test_of_two_arrays():
    one, two = RNG.normal(size=(2, 30))
    found = aligned(one, two)
    assert found.cosine == pytest.approx(one @ two / np.sqrt(one @ one * (two @ two)))
    assert found.sign_agreement == np.mean(one * two > 0)
    assert found.norm_ratio == pytest.approx(np.sqrt(one @ one / (two @ two)))
    assert aligned(one, -one).degrees == pytest.approx(180)
    assert np.isnan(aligned(0 * one, one).cosine)


def test_gradients_in_a_model():
    """What one step of each rule subtracts, against what one step of backprop does."""
    fa, plain = model("fa"), model("backprop")
    found, before = fa.gradient_alignment(X, Y), fa.get_weights()
    fa.train_step(X, Y)
    plain.train_step(X, Y)
    changes = [before - made.get_weights() for made in (fa, plain)]
    parts = fa.state.params.layout
    for name in ("dense1", "dense2", "dense3"):
        own = [part for path, part in zip(parts.paths, parts.slices, strict=True) if path[0] == name]
        one, two = (np.concatenate([change[part] for part in own]) for change in changes)
        expected = aligned(one, two)
        np.testing.assert_allclose(found[name], expected, rtol=1e-6)
    assert found["dense3"].cosine == pytest.approx(1)
    assert abs(found["dense1"].cosine) < 0.9


def test_weights_in_a_model():
    made = model("fa")
    W, B = made.params["dense3"]["W"], made.feedback["dense3"]["W"]
    found = made.weight_alignment()
    assert list(found) == ["dense2", "dense3"]
    assert found["dense3"] == pytest.approx((W * B).sum() / np.linalg.norm(W) / np.linalg.norm(B))
    direct = model("dfa")
    W, B = direct.params["dense3"]["W"], direct.feedback["dense3"]["B"]
    assert direct.weight_alignment() == {"dense3": pytest.approx(aligned(W, B.T).cosine)}
    assert model("backprop").weight_alignment() == {}


def test_recorded_step_by_step():
    made, silent = model("kp"), model("kp")
    record = ["gradient_alignment", "weight_alignment/dense3", "norm_ratio/*", "sign_agreement"]
    expected = {name: found.cosine for name, found in made.gradient_alignment(X, Y).items()}
    made.fit(X, Y, epochs=4, batch_size=20, shuffle=False, verbose=0, record=record, record_every=2)
    silent.fit(X, Y, epochs=4, batch_size=20, shuffle=False, verbose=0)
    np.testing.assert_array_equal(made.get_weights(), silent.get_weights())
    steps = made.history.steps
    assert [step for step, _ in steps["gradient_alignment/dense1"]] == [0, 2]
    for name, cosine in expected.items():
        assert steps[f"gradient_alignment/{name}"][0][1] == pytest.approx(cosine)
    kinds = {name.partition("/")[0] for name in steps}
    assert kinds == {"gradient_alignment", "sign_agreement", "norm_ratio", "weight_alignment"}
    assert [name for name in steps if name.startswith("weight")] == ["weight_alignment/dense3"]


def test_there_is_no_weight_alignment_without_feedback():
    with pytest.raises(SettingError, match="nothing is called 'weight_alignment"):
        model("backprop").fit(X, Y, verbose=0, record=["weight_alignment"])


def test_through_time():
    made = ln.Model([Input((5, 2)), GRU(4), Dense(1)], dtype="float64")
    made.compile("mse", "sgd", rule="rflo")
    found = made.gradient_alignment(RNG.normal(size=(8, 5, 2)), RNG.normal(size=(8, 1)))
    assert 0 < found["gru1"].cosine < 1
    assert found["dense2"].cosine == pytest.approx(1)


def test_with_masks_and_weights():
    """Padding and examples of weight 0 are as if they were not there, and recording says the same."""
    made = ln.Model([Input((None, 2)), GRU(4), Dense(3, "tanh"), Dense(1)], dtype="float64")
    made.compile("mse", "sgd", rule=ln.rules.Rule("fa", "rflo"))
    x, y = RNG.normal(size=(8, 5, 2)), RNG.normal(size=(8, 1))
    weights, lengths = [1.0] * 6 + [0.0] * 2, [3] * 8
    found = made.gradient_alignment(x, y, sample_weight=weights, mask=lengths)
    whole = made.gradient_alignment(x, y)
    for name, alone in made.gradient_alignment(x[:6, :3], y[:6]).items():
        np.testing.assert_allclose(found[name], alone, rtol=1e-9)
        assert name == "dense3" or abs(whole[name].cosine - alone.cosine) > 1e-3
    made.fit(x, y, mask=lengths, sample_weight=weights, batch_size=8, verbose=0, record="gradient_alignment")
    assert made.history.steps["gradient_alignment/gru1"][0][1] == pytest.approx(found["gru1"].cosine)


def test_drawn_as_angles():
    made = model("fa")
    made.fit(X, Y, epochs=3, verbose=0, record=["gradient_alignment", "weight_alignment"])
    figure = plots.alignment(made.history)
    gradients, weights = figure.axes
    assert [line.get_label() for line in weights.lines[:2]] == ["dense2", "dense3"]
    cosines = [cosine for _, cosine in made.history.steps["gradient_alignment/dense1"]]
    np.testing.assert_allclose(gradients.lines[0].get_ydata(), np.degrees(np.arccos(cosines)))
    with pytest.raises(DataError, match="none was recorded"):
        plots.alignment({})


def test_feedback_weights_are_shown():
    made = model("fa")
    text = made.summary()
    assert text.splitlines()[0].split() == ["name", "layer", "output", "parameters", "feedback"]
    assert "45 feedback weights of Rule(FeedbackAlignment())" in text
    assert "feedback" not in model("backprop").summary()
    figure = plots.feedback_weights(made)
    shown = [axes.images[0].get_array() for axes in figure.axes[:4]]
    np.testing.assert_array_equal(shown[0], made.params["dense2"]["W"])
    np.testing.assert_array_equal(shown[1], made.feedback["dense2"]["W"])
    direct = plots.feedback_weights(model("dfa"))
    assert [axes.get_title(loc="left") for axes in direct.axes] == [
        "dense2: feedback B",
        "dense3: feedback B",
    ]
    with pytest.raises(DataError, match="which has none"):
        plots.feedback_weights(model("shallow"))
