"""A race: the same first weights, the same batches, and figures that are those of single trainings."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.errors import LucidnetError, SettingError
from lucidnet.inspect.alignment import overall_alignment
from lucidnet.lab import Race, RaceRun
from lucidnet.layers import Dense, Graph, Input, LeakyRNN, Sequential
from lucidnet.optimizers import Adam
from lucidnet.training.history import History

(X, Y), (X_TEST, Y_TEST) = ln.data.load("digits")
DATA = (X[:300], Y[:300]), (X_TEST[:100], Y_TEST[:100])


def model(seed=0, rule="backprop"):
    made = ln.Model([Input(64), Dense(16, "tanh"), Dense(10, "softmax")], seed=seed)
    made.compile("categorical_crossentropy", Adam(0.01), ["accuracy"], rule=rule)
    return made


@pytest.fixture(scope="module")
def done():
    return ln.race(
        model(), DATA, ["backprop", "fa", ("own", ln.rules.UniformSign())], seeds=2, epochs=3, verbose=0
    )


def test_each_run_is_a_training_of_its_own(done):
    assert done.rules == ["backprop", "fa", "own"]
    for run in done.runs:
        alone = model(run.seed, {"own": "usf"}.get(run.rule, run.rule))
        alone.fit(*DATA[0], epochs=3, batch_size=64, validation_data=DATA[1], verbose=0)
        for name, values in alone.history.items():
            assert run.history[name] == values, (run.rule, run.seed, name)
        assert run.seconds > 0
        assert run.memory > 1000


def test_rules_begin_alike_and_then_differ(done):
    first = {rule: done.curves(rule, "loss") for rule in done.rules}
    assert all(curves.shape == (2, 3) for curves in first.values())
    assert np.abs(first["backprop"] - first["fa"]).max() > 1e-3
    np.testing.assert_allclose(done.curves("backprop", "gradient_alignment"), 1, rtol=1e-6)
    assert np.all(np.abs(done.curves("fa", "gradient_alignment")) < 0.99)


def test_the_table_says_how_many_seeds_each_has(done):
    """Of races that were joined they may differ."""
    fewer = replace(done, runs=tuple(run for run in done.runs if run.rule != "fa" or run.seed == 0))
    note = "(mean over the seeds of each (backprop 2, fa 1, own 2) ± standard deviation)"
    assert note in fewer.table().splitlines()


def test_the_alignment_of_a_run_leaves_out_the_last_layer_of_each_output():
    """Their gradients are exact by most rules, and would count as aligned."""
    nodes = [("h", Dense(8, "tanh"), "x"), ("k", Dense(6, "tanh"), "h"), ("u", Dense(10, "softmax"), "k")]
    head = Sequential([Dense(5, "tanh"), Dense(1)])
    made = ln.Model(Graph({"x": (64,)}, [*nodes, ("v", head, "k")], ["u", "v"]), dtype="float64")
    made.compile({"u": "categorical_crossentropy", "v": "mse"}, "sgd", rule="fa")
    (x, y), _ = DATA
    x, y = x[:50], {"u": y[:50], "v": x[:50, :1]}
    batch = made.checked(x, y).batch(slice(None))
    parts = [made.gradients(x, y, rule=rule) for rule in (None, "backprop")]
    below = [
        np.concatenate([p[name][k].ravel() for name in ("h", "k", "v.dense0") for k in ("W", "b")])
        for p in parts
    ]
    cosine = below[0] @ below[1] / np.linalg.norm(below[0]) / np.linalg.norm(below[1])
    assert abs(overall_alignment(made, batch).cosine - cosine) < 1e-9


def test_layers_that_do_not_learn_are_not_compared():
    (x, y), _ = DATA
    whole = ln.Model(
        [Input(64), Dense(9, "tanh", frozen=True), Dense(6, "tanh"), Dense(10, "softmax")], seed=1
    )
    whole.compile("categorical_crossentropy", "sgd", rule="fa")
    found = overall_alignment(whole, whole.checked(x, y).batch(slice(None)))
    assert abs(found.cosine - whole.gradient_alignment(x, y)["dense2"].cosine) < 1e-9


def test_the_alignment_of_feedback_weights_is_recorded_of_those_that_have_some():
    """Also a name that one of them has not: directly sent errors have a counterpart in the last layer alone."""
    deep = ln.Model([Input(64), Dense(5, "tanh"), Dense(4, "tanh"), Dense(10, "softmax")], seed=1)
    deep.compile("categorical_crossentropy", "sgd")
    for names in (["weight_alignment"], "weight_alignment/dense2"):
        done = ln.race(
            deep, (X[:64], Y[:64]), ["backprop", "fa", "dfa"], seeds=1, epochs=1, verbose=0, record=names
        )
        told = {(row["rule"], row["layer"]) for row in done.step_rows()}
        more = {("fa", "dense3"), ("dfa", "dense3")} if isinstance(names, list) else set()
        assert told == {("fa", "dense2")} | more
    with pytest.raises(SettingError, match="race: record: 'weight_alignment' .* none of these rules has any"):
        ln.race(deep, DATA, ["backprop", "np"], record="weight_alignment")
    with pytest.raises(SettingError, match="nothing is called 'weight_alignment/dense9'"):
        ln.race(deep, DATA, ["fa"], record="weight_alignment/dense9", verbose=0)


def test_the_table_holds_mean_and_spread(done):
    lines = done.table().splitlines()
    assert lines[0].split()[0] == "rule"
    assert [line.split("  ")[0] for line in lines[1:4]] == ["backprop", "fa", "own"]
    assert lines[4:6] == ["(mean over 2 seeds ± standard deviation)", ""]
    last = done.curves("fa", "val_accuracy")[:, -1]
    assert f"{last.mean():.4f} ± {last.std(ddof=1):.4f}" in lines[2]
    assert [line.split("  ")[0] for line in lines[6:]] == [
        "minus backprop", "fa", "own", "(mean difference over the same seeds ± its standard error)",
    ]  # fmt: skip
    assert str(done) == done.table()


def test_all_figures_as_rows_and_csv(done, tmp_path):
    rows = list(csv.DictReader(io.StringIO(done.to_csv(tmp_path / "race.csv"))))
    assert len(rows) == len(done.rows()) == 3 * 2 * 3
    assert rows[-1]["rule"] == "own"
    assert float(rows[-1]["val_loss"]) == done.runs[-1].history["val_loss"][-1]
    assert (tmp_path / "race.csv").read_text() == done.to_csv()


def test_the_figure_shows_mean_and_spread(done):
    figure = done.plot()
    assert len(figure.axes) == len(done.quantities)
    axes = figure.axes[done.quantities.index("loss")]
    for line, rule in zip(axes.lines, done.rules, strict=True):
        assert line.get_label() == rule
        np.testing.assert_allclose(line.get_ydata(), done.curves(rule, "loss").mean(0))
    assert len(axes.collections) == 3


def test_the_model_stays_as_it_is():
    made = model()
    made.build()
    before = made.get_weights()
    ln.race(made, DATA[0], ["fa"], seeds=[4], epochs=1, verbose=0)
    np.testing.assert_array_equal(made.get_weights(), before)
    assert made.history == {}


def test_rules_through_time(capsys):
    x = np.random.default_rng(0).normal(size=(20, 6, 2))
    made = ln.Model([Input((None, 2)), LeakyRNN(4, return_sequences=True), Dense(1)])
    made.compile("mse", "sgd")
    result = ln.race(made, (x, x[..., :1]), ["bptt", "rflo"], seeds=1, epochs=1)
    assert [run.rule for run in result.runs] == ["bptt", "rflo"]
    assert capsys.readouterr().out.startswith("bptt, seed 0: loss ")


def test_errors_come_before_any_training():
    with pytest.raises(LucidnetError, match="no recurrent layer"):
        ln.race(model(), DATA, ["backprop", "rflo"])
    with pytest.raises(SettingError, match="at least one rule"):
        ln.race(model(), DATA, [])


def test_it_runs_on_the_backend_of_the_model(monkeypatch):
    pytest.importorskip("jax")
    seen = []
    fit = ln.Model.fit
    monkeypatch.setattr(
        ln.Model, "fit", lambda self, *a, **k: seen.append(self.backend) or fit(self, *a, **k)
    )
    made = ln.Model([Input(64), Dense(10, "softmax")], backend="jax")
    made.compile("categorical_crossentropy", "sgd")
    result = ln.race(made, DATA, ["backprop"], seeds=1, epochs=1, verbose=0)
    assert seen == ["jax"]
    assert len(result.runs) == 1


def test_in_a_notebook_it_is_two_tables():
    def run(rule, seed, loss):
        history = History({"loss": [loss], "gradient_alignment": [1.0]})
        return RaceRun(rule, seed, history, 0.5, 2**20)

    race = Race(
        (run("a", 0, 1.0), run("a", 1, 2.0), run("b<", 0, 2.5), run("b<", 1, 2.5)), stopped="by Ctrl-C"
    )
    page = race._repr_html_()
    assert page.count("<table>") == 2 and page.count("<pre") == 0
    assert "<td>b&lt;</td>" in page and ">1.5000 ± 0.7071<" in page  # root of ((1 - 1.5)² + (2 - 1.5)²) / 1
    assert ">+1.0000 ± 0.5000<" in page and "<p>by Ctrl-C</p>" in page
    assert Race(())._repr_html_()


def test_different_losses_are_not_subtracted():
    """The loss of one is no loss of the other; a metric is the same for both."""

    def run(rule, loss, value):
        history = History({"loss": [value], "val_loss": [value], "mae": [value / 2]})
        return RaceRun(rule, 0, history, 0.5, 2**20, {"loss": loss})

    race = Race((run("a", "mse", 1.0), run("b", "mae", 3.0), run("c", "mse", 1.5)))
    found = {(row["rule"], row["quantity"]): row["difference"] for row in race.differences()}
    assert np.isnan(found["b", "loss"]) and np.isnan(found["b", "val_loss"]) and found["b", "mae"] == 1
    assert found["c", "loss"] == 0.5
    below = str(race).split("\n\n")[1].splitlines()
    assert below[1].split() == ["b", "-", "-", "+1.0000"] and below[2].split()[1] == "+0.5000"
    assert "not all were trained on the same loss" in str(race)
    assert "same loss" not in str(Race((run("a", "mse", 1.0), run("c", "mse", 1.5))))
