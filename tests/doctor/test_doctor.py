"""The doctor names what was planted, and is silent where nothing is wrong."""

import re

import numpy as np
import patients
import pytest

import lucidnet as ln
from lucidnet import layers
from lucidnet.errors import DataError, NotReadyError, SettingError
from lucidnet.inspect.doctor import AILMENTS
from lucidnet.inspect.doctor.evidence import examine
from lucidnet.inspect.doctor.flow import update_ratios
from lucidnet.layers import Dense, Input

SEEDS = range(4)


@pytest.mark.parametrize("patient", patients.HEALTHY, ids=lambda p: p.__name__)
@pytest.mark.parametrize("seed", SEEDS)
def test_silent_on_the_healthy(patient, seed):
    model, x, y = patient(seed)
    report = model.doctor(x, y)
    assert report, report
    assert report.findings == ()
    assert str(report).startswith("Nothing suspicious: 20 training steps on a copy")


@pytest.mark.parametrize("patient", patients.HEALTHY, ids=lambda p: p.__name__)
def test_silent_on_the_healthy_in_the_middle_of_training(patient):
    model, x, y = patient(0)
    model.fit(x, y, epochs=5, verbose=0)
    report = model.doctor(x, y)
    assert report, report


@pytest.mark.parametrize(("patient", "ailment"), patients.ILL, ids=lambda p: getattr(p, "__name__", ""))
@pytest.mark.parametrize("seed", SEEDS)
def test_names_what_was_planted_and_nothing_else(patient, ailment, seed):
    model, x, y = patient(seed)
    report = model.doctor(x, y)
    assert report.ailments == (ailment,), report
    assert not report
    (finding,) = report
    low, high = finding.healthy
    assert not low <= finding.number <= high
    assert finding.sentence in str(report)
    assert f"Try: {finding.advice}" in str(report)


@pytest.mark.parametrize("seed", SEEDS)
def test_many_steps_show_that_an_untrained_model_gets_nowhere(seed):
    hidden = [Dense(16, "sigmoid") for _ in range(8)]
    x, y = ln.data.load("spirals")[0]
    deep = patients.made([Input(2), *hidden, Dense(2, "softmax")], "categorical_crossentropy", "sgd", seed)
    assert deep.doctor(x, y, steps=200).ailments == ("loss stands still",)
    model, x, y = patients.relu_adam(seed)
    assert model.doctor(x, y, steps=200)


def test_at_least_ten_ailments_are_planted_and_all_of_them_known():
    planted = {ailment for _, ailment in patients.ILL}
    assert len(planted) >= 10
    assert {ailment.name for ailment in AILMENTS} == planted


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "muon"])
@pytest.mark.parametrize("rule", ["backprop", "fa", "dfa", "kp"])
def test_the_model_stays_as_it_is(optimizer, rule):
    x, y = patients.digits()
    model = ln.Model([Input(64), Dense(16, "relu"), Dense(10, "softmax")])
    model.compile("categorical_crossentropy", optimizer, rule=rule)
    model.fit(x[:64], y[:64], verbose=0)
    twin = ln.Model([Input(64), Dense(16, "relu"), Dense(10, "softmax")])
    twin.compile("categorical_crossentropy", optimizer, rule=rule)
    twin.fit(x[:64], y[:64], verbose=0)
    state, before, history = model.state, model.get_weights(), dict(model.history)
    model.doctor(x, y)
    assert model.state is state
    assert np.array_equal(model.get_weights(), before)
    assert dict(model.history) == history
    model.fit(x[64:], y[64:], verbose=0)
    twin.fit(x[64:], y[64:], verbose=0)
    assert np.array_equal(model.get_weights(), twin.get_weights())


def test_the_numbers_are_those_of_the_layers():
    model, x, y = patients.dead_by_bias(0)
    (finding,) = model.doctor(x, y)
    assert (finding.layer, finding.others, finding.number) == ("dense1", ("dense2",), 1.0)
    assert "64 of 64 ReLUs of layer dense1 (100%) are dead" in finding.sentence

    model, x, y = patients.saturated_by_weights(0)
    rows = x[np.linspace(0, len(x) - 1, 256).round().astype(int)]
    h = np.tanh(rows @ model.params["dense1"]["W"] + model.params["dense1"]["b"])
    (finding,) = model.doctor(x, y)
    assert finding.number == pytest.approx((1 - h * h < 0.04).mean(), abs=1e-3)

    model, x, y = patients.targets_out_of_range(0)
    (finding,) = model.doctor(x, y)
    assert finding.number == pytest.approx(((y < 0) | (y > 1)).mean())


def test_update_ratio_is_that_of_the_training_step():
    model, x, y = patients.rate_too_low_sgd(0)
    found = update_ratios(examine(model, model.checked(x, y), steps=1, batch_size=len(x)))
    twin, *_ = patients.rate_too_low_sgd(0)
    before = {name: layer["W"].copy() for name, layer in twin.params.items() if layer}
    twin.fit(x, y, batch_size=len(x), verbose=0)
    ratios = [np.linalg.norm(twin.params[n]["W"] - W) / np.linalg.norm(W) for n, W in before.items()]
    np.testing.assert_allclose(found, [np.median(ratios)], rtol=1e-3)


def test_the_agreement_of_neighbours_is_that_of_scikit_learn():
    neighbors = pytest.importorskip("sklearn.neighbors")
    from lucidnet.inspect.doctor.labels import NEIGHBOURS, agreement

    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3)) * [1, 5, 100]
    y = np.sin(x[:, :1])
    scaled = (x - x.mean(0)) / x.std(0)
    near = neighbors.NearestNeighbors(n_neighbors=NEIGHBOURS).fit(scaled).kneighbors(return_distance=False)
    centred = y - y.mean(0)
    expected = (centred * centred[near].mean(1)).mean() / y.var()
    found = agreement(x, y)
    assert found.found == pytest.approx(expected)
    assert abs(found.chance) < 3 * found.spread


@pytest.mark.parametrize("patient", [patients.no_activation, patients.small_tanh, patients.slow_but_bent])
def test_the_straight_part_is_that_of_scikit_learn(patient):
    linear_model = pytest.importorskip("sklearn.linear_model")
    from lucidnet.inspect.doctor.lines import _bent

    model, x, _ = patient(0)
    logits = np.log(model.predict(x).clip(1e-30))
    logits = logits[:, 1:] - logits[:, :1]
    explained = linear_model.LinearRegression().fit(x, logits).score(x, logits)
    expected = (1 - explained) * (len(x) - 1) / (len(x) - 3)  # by degrees of freedom
    assert _bent(x, logits) == pytest.approx(expected, rel=1e-3, abs=1e-7)


def test_a_straight_line_is_told_with_its_numbers():
    model, x, y = patients.small_tanh(0)
    (finding,) = model.doctor(x, y)
    assert finding.number < 0.01 == finding.healthy[0]
    assert re.search(
        r"After 270 steps the loss has stopped, at 0\.\d+; .*neighbours explain 9\d%", str(finding)
    )
    fresh = ln.Model(model.net, seed=1)
    fresh.compile("categorical_crossentropy", "adam")
    assert fresh.doctor(x, y), "20 steps are too few to say that it has stopped"


def test_ctrl_c_ends_it():
    def rate(step):
        if step == 3:
            raise KeyboardInterrupt
        return 0.01

    model, x, y = patients.relu_adam(0)
    model.compile("categorical_crossentropy", ln.optimizers.SGD(rate))
    with pytest.raises(KeyboardInterrupt):
        model.doctor(x, y)


def test_what_cannot_be_examined():
    model = ln.Model([Input(2), Dense(1)])
    with pytest.raises(NotReadyError, match="compile"):
        model.doctor([[1.0, 2.0]], [[1.0]])
    model.compile("mse", "sgd")
    with pytest.raises(SettingError, match="doctor: steps must be a whole number of 1 or more, got 0"):
        model.doctor([[1.0, 2.0]], [[1.0]], steps=0)
    with pytest.raises(DataError, match="x holds nan"):
        model.doctor([[1.0, np.nan]], [[1.0]])


def test_stateful_layers_keep_their_order_and_their_batch_size():
    x, y = patients.digits()
    model = ln.Model([Input((8, 8)), layers.LSTM(16, stateful=True), Dense(10, "softmax")])
    model.compile("categorical_crossentropy", "adam")
    assert model.doctor(x[:90].reshape(-1, 8, 8), y[:90])


def test_masks_and_several_inputs():
    x, y = patients.digits()
    model = ln.Model([Input((None, 8)), layers.Masking(), layers.GRU(16), Dense(10, "softmax")])
    model.compile("categorical_crossentropy", "adam")
    assert model.doctor(x.reshape(-1, 8, 8), y)
    nodes = [
        ("code", Dense(16, "relu"), "left"),
        ("other", "code", "right"),
        ("both", layers.Concatenate(), ("code", "other")),
        ("digit", Dense(10, "softmax"), "both"),
        ("half", Dense(1, "sigmoid"), "both"),
    ]
    graph = layers.Graph({"left": (32,), "right": (32,)}, nodes, ("digit", "half"))
    model = ln.Model([graph])
    model.compile({"digit": "categorical_crossentropy", "half": "binary_crossentropy"}, "adam")
    both = {"left": x[:, :32], "right": x[:, 32:]}
    assert model.doctor(both, {"digit": y, "half": y % 2})
    report = model.doctor(both | {"right": 255 * both["right"]}, {"digit": y, "half": y % 2})
    assert report.ailments == ("data not scaled",)
    assert "of right" in report.findings[0].sentence


def test_several_outputs_are_looked_at_on_all_examples():
    x, y = patients.digits()
    nodes = [
        ("code", Dense(8, "relu"), "x"),
        ("one", Dense(10, "softmax"), "code"),
        ("two", Dense(1), "code"),
    ]
    model = ln.Model([layers.Graph({"x": (64,)}, nodes, ("one", "two"))])
    model.compile({"one": "categorical_crossentropy", "two": "mse"}, "adam")
    assert model.doctor(x[:200], {"one": y[:200], "two": x[:200, :1]}).examples == 200


@pytest.mark.parametrize("own", [False, True])
def test_a_rule_that_sends_nothing_down_lets_nothing_vanish(own):
    x, y = patients.digits()
    hidden = [Dense(32, "relu", rule="shallow" if own else None) for _ in range(2)]
    model = ln.Model([Input(64), *hidden, Dense(10, "softmax")])
    model.compile("categorical_crossentropy", "adam", rule="backprop" if own else "shallow")
    assert model.doctor(x, y).findings == ()


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_a_few_rows_are_too_few_to_judge(rows):
    for seed in range(6):
        x = np.random.default_rng(seed).normal(size=(rows, 5))
        model = ln.Model([Input(5), Dense(16, "relu"), Dense(16, "relu"), Dense(1)], seed=seed)
        model.compile("mse", "adam")
        report = model.doctor(x, x[:, :1])
        assert report, report
    binary = (x > 0).astype(float)
    model = ln.Model([Input(5), Dense(16, "relu"), Dense(2, "softmax")])
    model.compile("categorical_crossentropy", "adam")
    assert model.doctor(binary, np.zeros(rows, int)).findings == ()


def test_states_of_a_training_before_are_none_of_the_doctors():
    """A stateful network that was trained by 8 sequences at a time is looked at by others."""
    x, y = np.random.default_rng(0).normal(size=(24, 5, 3)), np.arange(24) % 2
    model = ln.Model([Input((5, 3)), layers.LSTM(4, stateful=True), Dense(2, "softmax")])
    model.compile("categorical_crossentropy", "adam")
    anew = model.doctor(x, y, steps=2)
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    carried = model.state.carried["lstm1"]["h"].copy()
    assert type(model.doctor(x, y, steps=2)) is type(anew)
    np.testing.assert_array_equal(model.state.carried["lstm1"]["h"], carried)
    with pytest.raises(ln.errors.ShapeError, match=r"batch of 24.*model.state = model.state.reset\(\)"):
        model.gradients(x, y)
    model.state = model.state.reset()
    assert model.gradients(x, y)


def test_labels_of_time_steps_are_counted():
    x = np.random.default_rng(0).normal(size=(40, 6, 3))
    model = ln.Model([Input((6, 3)), layers.GRU(4, return_sequences=True), Dense(3, "softmax")])
    model.compile("categorical_crossentropy", "adam")
    labels = np.zeros((40, 6), int)
    labels[:, 0] = 2  # a sixth of them
    assert "classes unbalanced" not in model.doctor(x, labels, steps=1).ailments
    labels[4:, 0] = 0
    found = model.doctor(x, labels, steps=1)
    assert "class 0 is 98.3% of all 240" in str(found)
    assert "classes unbalanced" not in model.doctor(x, labels, steps=1, mask=np.full(40, 6)).ailments


def test_what_cannot_be_trained_and_what_is_all_alike_is_told_as_such():
    x, y = patients.digits()
    model = patients.classifier(0, Dense(8, "tanh"))
    assert "labels shuffled" not in model.doctor(np.ones_like(x), y).ailments
    assert f"all {len(x)} examples are of class 0" in str(model.doctor(x, 0 * y))
    model.set(layer="dense*", frozen=True)
    with pytest.raises(SettingError, match="doctor: there is nothing to train"):
        model.doctor(x, y)
    narrow = patients.classifier(0, Dense(8), Dense(32, "relu"))
    assert "no activation" not in narrow.doctor(x, y).ailments  # a factor of a matrix


def test_layers_without_activation_may_be_meant():
    x, y = patients.digits()
    frozen = patients.classifier(0, Dense(32, frozen=True), Dense(32, "relu"))
    assert "no activation" not in frozen.doctor(x, y).ailments
    x = np.random.default_rng(0).normal(size=(300, 4))
    linear = patients.made([layers.Input(4), Dense(16), Dense(1)], "mse", "adam", 0)
    assert "no activation" not in linear.doctor(x, x[:, :1] - x[:, 1:2]).ailments
    assert "no activation" in linear.doctor(x, np.abs(x[:, :1])).ailments
    assert "no activation" not in linear.doctor(x[:9], np.abs(x[:9, :1])).ailments  # too few to tell
    heads = layers.Graph(
        {"x": (4,)}, [("mean", Dense(1), "x"), ("spread", Dense(1), "x")], outputs=("mean", "spread")
    )
    twins = patients.made(heads, {"mean": "mse", "spread": "mse"}, "adam", 0)
    assert "no activation" not in twins.doctor(x, {"mean": x[:, :1], "spread": np.abs(x[:, :1])}).ailments
