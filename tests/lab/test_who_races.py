"""Who can take part in a race, with what settings, and what a race takes of `fit`."""

import csv
import io
import math
import warnings

import numpy as np
import pytest
from scipy import stats

import lucidnet as ln
from lucidnet.errors import LucidnetError, SettingError
from lucidnet.layers import Dense, Input, LeakyRNN
from lucidnet.layers.activations import ReLU
from lucidnet.optimizers import SGD, Adam
from lucidnet.optimizers.schedules import ExponentialDecay

(X, Y), (X_TEST, Y_TEST) = ln.data.load("digits")
X, Y, X_TEST, Y_TEST = X[:200], Y[:200], X_TEST[:60], Y_TEST[:60]
DATA = (X, Y), (X_TEST, Y_TEST)


def model(
    seed=0, units=8, activation="tanh", optimizer=None, rule="backprop", loss="categorical_crossentropy"
):
    made = ln.Model([Input(64), Dense(units, activation), Dense(10, "softmax")], seed=seed)
    made.compile(loss, optimizer or Adam(0.01), ["accuracy"], rule=rule)
    return made


def race(who, **settings):
    return ln.race(model(), DATA, who, **{"seeds": [3], "epochs": 2, "verbose": 0} | settings)


ALONE = {"epochs": 2, "batch_size": 64, "validation_data": DATA[1], "verbose": 0}


@pytest.mark.parametrize(
    ("given", "made", "settings"),
    [
        ("fa", {"rule": "fa"}, {}),
        (ln.rules.FeedbackAlignment(), {"rule": "fa"}, {}),
        ({"rule": "fa", "learning_rate": 0.003}, {"rule": "fa", "optimizer": Adam(0.003)}, {}),
        ({"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9}, {"optimizer": SGD(0.1, 0.9)}, {}),
        ("sgd", {"optimizer": SGD()}, {}),
        (SGD(0.1), {"optimizer": SGD(0.1)}, {}),
        (0.05, {"optimizer": Adam(0.05)}, {}),
        (np.float64(0.05), {"optimizer": Adam(0.05)}, {}),
        ("relu", {"activation": "relu"}, {}),
        (ReLU(), {"activation": "relu"}, {}),
        ({"units": 5}, {"units": 5}, {}),
        ({"units": 5, "activation": "relu", "rule": "fa"}, {"units": 5, "activation": "relu", "rule": "fa"}, {}),
        (ExponentialDecay(0.1, 0.5), {"optimizer": Adam(ExponentialDecay(0.1, 0.5))}, {}),
        ("categorical_hinge", {"loss": "categorical_hinge"}, {}),
        (ln.losses.CategoricalHinge(), {"loss": "categorical_hinge"}, {}),
        ({"batch_size": 20, "shuffle": False}, {}, {"batch_size": 20, "shuffle": False}),
        (lambda: model(units=5, optimizer=SGD(0.2)), {"units": 5, "optimizer": SGD(0.2)}, {}),
        (model(units=5, optimizer=SGD(0.2)), {"units": 5, "optimizer": SGD(0.2)}, {}),
        ([Input(64), Dense(5, "tanh"), Dense(10, "softmax")], {"units": 5}, {}),
    ],
)  # fmt: skip
def test_each_is_a_training_of_its_own(given, made, settings):
    """Whatever takes part gives the numbers of a model that is made and trained by hand."""
    (run,) = race({"it": given}).runs
    alone = model(seed=3, **made)
    alone.fit(X, Y, **ALONE | settings)
    assert run.rule == "it" and run.failed is None
    for name, values in alone.history.items():
        assert run.history[name] == values, name


def test_names_in_a_sequence():
    assert race(["fa", 0.1, SGD(0.1), "relu", ("mine", "dfa")], epochs=1).rules == [
        "fa", "0.1", "SGD(0.1)", "relu", "mine",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("who", "settings", "message"),
    [
        (["fa", "fa"], {}, "two are called 'fa'"),
        ("fa", {}, "expected a sequence of rules, as in"),
        (["fb"], {}, "unknown rule, optimizer, activation or loss 'fb': did you mean"),
        ([model()], {}, "models and settings need a name"),
        ({"a": SGD}, {}, "'a' must be a rule, an optimizer, a rate, an activation, a loss, a model"),
        ({"a": True}, {}, "'a' must be a rule"),
        ({1: "fa"}, {}, "a name must be a text of one line, got 1"),
        ({"a": {"momentum": 0.5}}, {}, "there is no setting 'momentum' of Adam"),
        ({"a": {"lr": 0.5}}, {}, "there is no setting 'lr' .* did you mean 'learning_rate'"),
        ({"a": "fa", "b": {"batch_size": 0}}, {}, "batch_size must be a whole number of 1 or more, or None, got 0"),
        ({"a": "fa"}, {"shuffle": "no"}, "shuffle must be True or False"),
        ({"a": "fa"}, {"class_weight": {0: -1}}, "class_weight must be"),
        ({"a": {"epochs": 3}}, {}, "'epochs' is the same for all who take part"),
        ({"a": {"model": 3}}, {}, "expected a model, layers, or a function"),
        ({"a": lambda seed: model(seed)}, {}, "'a': a function that makes a model is called without arguments"),
        ({"a": {"units": 0}}, {}, "units must be a whole number of 1 or more"),
        ({"a": {"model": [Input(64), Dense(10, "softmax")], "units": 3}}, {}, "no hidden layer whose units"),
        ({"a": -1.0}, {}, "learning_rate must be at least 0"),
        ({"a": "fa"}, {"baseline": "b"}, "baseline: nobody is called 'b': Known: a"),
        ({"a": "fa"}, {"seeds": [1, 1]}, "each seed can be raced once"),
        ({"a": "fa"}, {"seeds": 0}, "at least one rule and one seed"),
        ({"a": "fa"}, {"seeds": "many"}, "seeds must be a whole number"),
        ({"a": "fa"}, {"jobs": 0}, "jobs must be a whole number of 1 or more"),
        ({"a": "fa"}, {"epochs": 0}, "epochs must be a whole number of 1 or more"),
        ({"a": "fa"}, {"resume": "x"}, "a race is gone on with by folder="),
        ({"a": "fa"}, {"validation_data": DATA[1]}, "validation data are given twice"),
        ({"a": "fa"}, {"callbacks": [ln.callbacks.CSVLog("x.csv")]}, "overwrite each other's files by one CSVLog"),
        ({"a": "fa"}, {"callbacks": [ln.callbacks.Checkpoint("x")]}, "lambda name, seed"),
    ],
)  # fmt: skip
def test_what_cannot_race(who, settings, message):
    with pytest.raises(LucidnetError, match=message.replace("(", r"\(")):
        race(who, **settings)


def test_an_unknown_argument_is_a_type_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch': did you mean 'epochs'"):
        race(["fa"], epoch=3)


def test_nothing_is_trained_before_all_is_checked(monkeypatch):
    monkeypatch.setattr(ln.Model, "fit", lambda *args, **settings: pytest.fail("it trains"))
    for second, words in (
        ({"validation_split": 2}, "validation_split must be from 0 to 1, got 2"),
        (lambda: [Input(3), Dense(2)], "takes probabilities, but the network ends in Linear"),
    ):
        with pytest.raises(LucidnetError, match=words):
            race({"a": "fa", "b": second})


@pytest.mark.parametrize(
    "data",
    [[[X, Y], [X_TEST, Y_TEST]], ([X, Y], (X_TEST, Y_TEST)), [(X, Y), (X_TEST, Y_TEST)], ((X, Y), (X_TEST, Y_TEST, None))],
)  # fmt: skip
def test_pairs_of_pairs(data):
    assert ln.race(model(), data, ["fa"], seeds=[3], epochs=2, verbose=0).runs[0].history == (
        race(["fa"]).runs[0].history
    )  # fmt: skip


def test_two_rows_are_no_pairs():
    made = ln.Model([Input(2), Dense(2)])
    made.compile("mse", "sgd")
    for data in (([[0, 0], [1, 1]], [[0, 1], [1, 0]]), [[[0, 0], [1, 1]], [[0, 1], [1, 0]]]):
        done = ln.race(made, data, ["backprop"], seeds=1, epochs=1, verbose=0, validation_split=0.0)
        assert done.quantities == ["loss", "gradient_alignment"]


def test_what_is_no_data_or_model():
    with pytest.raises(SettingError, match=r"write lucidnet.data.load\('digits'\)"):
        ln.race(model(), "digits", ["fa"])
    with pytest.raises(SettingError, match="data must be .* got 3 things"):
        ln.race(model(), (X, Y, Y), ["fa"])
    with pytest.raises(SettingError, match="model must be a compiled model, got 'digits'"):
        ln.race("digits", DATA, ["fa"])


def test_no_hidden_activation_to_replace():
    made = ln.Model([Input(64), Dense(10, "softmax")])
    made.compile("categorical_crossentropy")
    with pytest.raises(SettingError, match="no activation in the hidden layers"):
        ln.race(made, DATA, ["relu"], verbose=0)


def test_a_run_that_is_not_finite_ends_alone():
    done = race({"good": 0.01, "bad": {"optimizer": "sgd", "learning_rate": 1e38}}, seeds=2)
    good, bad = done.of("good"), done.of("bad")
    assert not any(run.failed for run in good) and all("loss is" in run.failed for run in bad)
    assert "bad, seed 1, failed: " in str(done)
    assert all(math.isnan(run.last("loss")) for run in bad)
    assert done.curves("bad", "loss").shape == (2, 2)


# --- what fit takes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"class_weight": {0: 3.0}},
        {"sample_weight": np.linspace(0, 2, 200)},
        {"accumulate": 2},
        {"shuffle": False},
        {"callbacks": [ln.callbacks.EarlyStopping("val_loss", 1)], "epochs": 4},
    ],
)
def test_settings_of_fit(settings):
    run = race(["fa"], **settings).runs[0]
    alone = model(3, rule="fa")
    alone.fit(X, Y, **ALONE | settings)
    plain = race(["fa"], epochs=settings.get("epochs", 2)).runs[0]
    for name, values in alone.history.items():
        assert run.history[name] == values
    if "callbacks" not in settings:
        assert run.history["loss"] != plain.history["loss"], "it has no effect"


def test_callbacks_of_each_run(tmp_path):
    race(["fa", "dfa"], callbacks=lambda name, seed: [ln.callbacks.CSVLog(tmp_path / f"{name}-{seed}.csv")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dfa-3.csv", "fa-3.csv"]


def test_sequences_with_a_mask():
    x = np.random.default_rng(0).normal(size=(40, 6, 2)).astype("float32")
    lengths = np.arange(40) % 6 + 1
    made = ln.Model([Input((None, 2)), LeakyRNN(4, return_sequences=True), Dense(1)])
    made.compile("mse", "sgd")
    data = x, np.cumsum(x, 1)[..., :1]
    done = ln.race(made, data, ["bptt", "rflo"], seeds=1, epochs=1, mask=lengths, verbose=0)
    alone = ln.Model(made.net, seed=0)
    alone.compile("mse", "sgd", rule="rflo")
    alone.fit(*data, mask=lengths, batch_size=64, validation_split=0.1, verbose=0)
    assert done.of("rflo")[0].history["loss"] == alone.history["loss"]
    assert done.of("rflo")[0].history["val_loss"] == alone.history["val_loss"]


def test_a_dataset():
    made = ln.data.Dataset.from_arrays(X, Y).shuffle(0).batch(50)
    done = ln.race(model(), made, ["fa"], seeds=[3], epochs=2, validation_data=DATA[1], verbose=0)
    alone = model(3, rule="fa")
    alone.fit(made, epochs=2, validation_data=DATA[1], verbose=0)
    for name, values in alone.history.items():
        assert done.runs[0].history[name] == values
    assert len(done.runs[0].history["gradient_alignment"]) == 2
    assert ln.race(model(), (made, DATA[1]), ["fa"], seeds=[3], epochs=2, verbose=0).runs[0].history["val_loss"] == (
        done.runs[0].history["val_loss"]
    )  # fmt: skip
    with pytest.raises(SettingError, match="used up by the first run"):
        ln.race(model(), iter([(X, Y)]), ["fa"], verbose=0)


# --- recorded steps, in long form -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded():
    return race(["backprop", "fa"], record=["gradient_alignment", "dense1.b"], seeds=2, epochs=1)


def test_alignment_of_each_layer_and_step(recorded):
    rows = recorded.step_rows()
    assert list(rows[0]) == ["rule", "seed", "step", "quantity", "layer", "parameter", "index", "value"]
    mine = [row for row in rows if (row["rule"], row["seed"]) == ("fa", 1) and row["quantity"] != "weights"]
    assert [(row["layer"], row["step"]) for row in mine] == [
        (layer, step) for layer in ("dense1", "dense2") for step in range(4)
    ]
    alone = model(1, rule="fa")
    alone.fit(X, Y, batch_size=64, verbose=0, record=["gradient_alignment"])
    expected = [value for pairs in alone.history.steps.values() for _, value in pairs]
    assert [row["value"] for row in mine] == expected
    weights = [row for row in alone_rows(recorded, "fa", 1) if row["quantity"] == "weights"]
    assert [(row["parameter"], row["index"]) for row in weights[:8]] == [("b", str(i)) for i in range(8)]


def alone_rows(done, rule, seed):
    return [row for row in done.step_rows() if (row["rule"], row["seed"]) == (rule, seed)]


def test_steps_as_csv_and_frames(recorded, tmp_path):
    text = recorded.to_csv(tmp_path / "steps.csv", steps=True)
    assert (tmp_path / "steps.csv").read_text() == text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["value"]) for row in rows] == [row["value"] for row in recorded.step_rows()]
    history = recorded.runs[0].history
    assert len(history.to_csv(steps=True).splitlines()) == len(history.step_rows()) + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame = pandas.DataFrame(recorded.step_rows())
    table = frame[frame.quantity == "gradient_alignment"].pivot_table("value", "step", ["rule", "layer"])
    assert table.shape == (4, 4)
    np.testing.assert_allclose(table["backprop"], 1, rtol=1e-6)
    assert polars.DataFrame(recorded.step_rows()).height == len(frame)


# --- comparing ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared():
    return race({"bp": "backprop", "fa": "fa", "same": ln.rules.FeedbackAlignment(), "dfa": "dfa"}, seeds=4)


@pytest.mark.parametrize("baseline", [None, "fa"])
def test_paired_differences(compared, baseline):
    """The mean of the differences and its error are those of scipy's paired t test."""
    rows = compared.differences(baseline)
    against = baseline or "bp"
    assert {row["rule"] for row in rows} == set(compared.rules) - {against}
    for row in rows:
        one = compared.curves(row["rule"], row["quantity"])[:, -1]
        two = compared.curves(against, row["quantity"])[:, -1]
        assert row["baseline"] == against and row["seeds"] == 4
        np.testing.assert_allclose(row["difference"], (one - two).mean())
        np.testing.assert_allclose(row["standard_error"], stats.sem(one - two))
        if row["rule"] == "dfa" and row["quantity"] == "val_loss":
            t = stats.ttest_rel(one, two).statistic
            np.testing.assert_allclose(row["difference"] / row["standard_error"], t)
            assert f"{row['difference']:+.4f} ± {row['standard_error']:.4f}" in compared.table(baseline)
    assert f"minus {against}" in compared.table(baseline)


def test_at_the_prompt(compared):
    assert repr(compared) == str(compared)
    assert repr(compared.runs[0]).startswith("RaceRun('bp', seed 0, 2 epochs: loss ") and "\n" not in repr(
        compared.runs[0]
    )
    many = race({str(i): "fa" for i in range(50)}, epochs=1)
    assert repr(many) == "Race(50 runs of 50; print it to see the table)"


def test_the_picture_of_runs_that_ended_early():
    done = race({"bad": {"optimizer": "sgd", "learning_rate": 1e38}, "fa": "fa"}, seeds=2)
    assert len(done.plot().axes) == len(done.quantities)


def test_pairs_are_of_one_seed():
    """Seeds that only one of two has do not count."""
    one = race(["backprop"], seeds=[0, 1, 2]) + race(["fa"], seeds=[2, 1, 7])
    row = next(row for row in one.differences() if row["quantity"] == "loss")
    ends = {(run.rule, run.seed): run.history["loss"][-1] for run in one.runs}
    expected = np.array([ends["fa", seed] - ends["backprop", seed] for seed in (1, 2)])
    np.testing.assert_allclose(
        (row["difference"], row["standard_error"]), (expected.mean(), stats.sem(expected))
    )
    assert row["seeds"] == 2


def test_equal_rules_are_said_to_be_equal(compared):
    assert compared.equal() == [(["fa", "same"], True)]
    assert "fa and same are equal: the same numbers, bit for bit" in compared.table()


def test_rflo_and_eprop_are_one_rule_on_a_leaky_rnn():
    x = np.random.default_rng(0).normal(size=(20, 6, 2))
    made = ln.Model([Input((None, 2)), LeakyRNN(4, return_sequences=True), Dense(1)])
    made.compile("mse", "sgd")
    done = ln.race(made, (x, x[..., :1]), ["bptt", "rflo", "eprop", "rtrl"], seeds=1, epochs=1, verbose=0)
    assert done.equal() == [(["bptt", "rtrl"], False), (["rflo", "eprop"], True)]
    assert "bptt and rtrl are equal but for rounding" in str(done)
    assert " ± " not in done.table(), "one seed has no spread"


# --- merging --------------------------------------------------------------------------------------------


def test_races_merge(compared):
    parts = [race(["backprop"], seeds=[0, 1]), race(["backprop"], seeds=[2, 3]), race({"fa": "fa"}, seeds=4)]
    whole = parts[0].merge(*parts[1:])
    assert [(run.rule, run.seed) for run in whole.runs] == [
        (rule, seed) for rule in ("backprop", "fa") for seed in range(4)
    ]
    for name in whole.quantities:
        np.testing.assert_array_equal(whole.curves("fa", name), compared.curves("fa", name))
    assert [(run.rule, run.seed) for run in (parts[0] + parts[2]).runs] == [
        ("backprop", 0), ("backprop", 1), ("fa", 0), ("fa", 1), ("fa", 2), ("fa", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: race(["backprop"]), "two runs of 'backprop' with seed 3"),
        (lambda: race(["fa"], epochs=1), "settings.epochs is 2 in one, 1 in another"),
        (lambda: race(["fa"], batch_size=32), "settings.batch_size is 64 in one, 32 in another"),
        (lambda: ln.race(model(), ((X + 1, Y), DATA[1]), ["fa"], seeds=[3], epochs=2, verbose=0), "data.x.content"),
        (lambda: race({"backprop": 0.5}, seeds=[5]), r"optimizer is 'Adam\(0.01\)' in one, 'Adam\(0.5\)' in another"),
        (lambda: 3, "expected races, got 3"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(other, message):
    with pytest.raises(SettingError, match=message):
        race(["backprop"]).merge(other())
