"""The page's own training: the same weights as Python, to and fro, by everything that can be chosen."""

import inspect
import json
import struct
import time
from dataclasses import replace

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.core.trees import dotted, leaves
from lucidnet.errors import LucidnetError
from lucidnet.lab.page.cell import told
from lucidnet.lab.page.formulas import formulas_of
from lucidnet.lab.page.frame import Curves, Viewer, looked_at, packed, smaller, spread
from lucidnet.lab.page.recipe import lists
from lucidnet.lab.page.session import shown_data
from lucidnet.lab.page.setup import SCHEDULES, Setup, parsed
from lucidnet.lab.page.task import DataSetup, sent
from lucidnet.lab.page.trainer import SNAPSHOTS, Trainer

SMALL = {
    "data": {"name": "moons", "n": 80},
    "batch": 16,
    "networks": [{"layers": [[6, "tanh"]]}, {"layers": [[6, "tanh"]], "rule": "fa"}],
}


def trainer(**changes):
    return Trainer(parsed({**SMALL, **changes}))


def weights(made):
    return [learner.model.get_weights() for learner in made.learners]


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def by_hand(steps, rule, rate=0.05):
    """Return the weights of the same network, trained by Model.fit."""
    x, y = ln.data.moons(80, noise=0.05, seed=0)
    model = ln.Model([ln.layers.Input(2), ln.layers.Dense(6, "tanh"), ln.layers.Dense(1, "sigmoid")], seed=0)
    model.compile("binary_crossentropy", ln.optimizers.SGD(rate, momentum=0.9), rule=rule)
    stop = ln.callbacks.On(step=lambda loop, measured: loop.steps >= steps and loop.stop("enough"))
    model.fit(x[:40], y[:40], epochs=steps, batch_size=16, callbacks=[stop], verbose=0)
    return model.get_weights()


def test_steps_give_the_weights_that_fit_gives():
    made = trainer()
    made.one_step(1000)
    assert equal(weights(made), [by_hand(1000, "backprop"), by_hand(1000, "fa")])


def test_back_and_forward_again_is_exact_and_a_branch_is_another_run():
    made = trainer()
    made.one_step(37)
    there = weights(made)
    made.one_step(263)
    made.back(37)
    assert made.step == 37 and equal(weights(made), there)
    made.one_step(263)
    assert equal(weights(made), [by_hand(300, "backprop"), by_hand(300, "fa")])
    made.back(37)
    networks = [{**SMALL["networks"][0], "rate": 0.01}, {**SMALL["networks"][1], "rule": "dfa"}]
    made.change(parsed({**SMALL, "networks": networks}))
    assert made.step == 37 and equal(weights(made), there)
    made.one_step(100)
    branch = weights(made)
    assert not np.array_equal(branch[0], by_hand(137, "backprop"))
    made.back(20)  # before the branch: the old rate again
    made.one_step(117)
    assert equal(weights(made), [by_hand(137, "backprop"), by_hand(137, "fa")])


def test_going_back_again_and_again_in_a_long_training_is_quick_and_exact(monkeypatch):
    trainer = Trainer(Setup())
    trainer.apart = 1000  # as after half a million steps
    trainer.one_step(777)
    there = [learner.model.get_weights() for learner in trainer.learners]
    trainer.one_step(123)
    counted, advance = [], trainer.advance
    monkeypatch.setattr(trainer, "advance", lambda *given: counted.append(1) or advance(*given))
    took = []
    for step in (899, 898, 897, 896):
        counted.clear()
        trainer.back(step)
        took.append(len(counted))
    assert took[0] == 899 and took[1] <= 113 and took[3] <= 3
    trainer.back(777)
    for learner, weights in zip(trainer.learners, there, strict=True):
        np.testing.assert_array_equal(learner.model.get_weights(), weights)
    assert len(trainer.snapshots) <= SNAPSHOTS


def test_copied_python_makes_the_same_weights_also_after_a_branch():
    made = trainer()
    made.one_step(23)
    networks = [{**SMALL["networks"][0], "rate": 0.01}, {**SMALL["networks"][1], "rule": "dfa"}]
    made.change(parsed({**SMALL, "networks": networks}))
    made.one_step(30)
    for number, own in enumerate(weights(made)):
        space = {}
        exec(made.code(number), space)
        assert np.array_equal(space["model"].get_weights(), own)


def test_copied_python_of_a_network_whose_step_was_not_finite(capsys):
    first = Setup(DataSetup("hills"))
    wild = replace(first.networks[0], rate=50.0, layers=((16, "relu", ""),))
    trainer = Trainer(replace(first, networks=(first.networks[0], wild)))
    with np.errstate(all="ignore"):
        trainer.one_step(30)
    assert trainer.learners[1].error
    space = {}
    exec(trainer.code(1), space)
    np.testing.assert_array_equal(space["model"].get_weights(), trainer.learners[1].model.get_weights())
    assert "# the next step is not finite: step " in trainer.code(1)
    trainer.change(replace(trainer.setup, networks=(first.networks[0], replace(wild, rate=1e-6))))
    with np.errstate(all="ignore"):
        trainer.one_step(3)
    with pytest.raises(LucidnetError, match="network B was not finite.*press Restart"):
        trainer.code(1)
    exec(trainer.code(0), space)


def test_python_of_all_kinds_of_data_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "a,b,c\n" + "\n".join(f"{i},{i * i % 7 * 100},{i * 0.5}" for i in range(60))
    (tmp_path / "own.csv").write_text(text)
    setups = [{**SMALL, "data": {"name": "digits", "test": 0.5}}, {**SMALL, "data": {"name": "gaussians"}}]
    setups += [{**SMALL, "data": {"name": "own", "test": 0.3}}]
    setups += [{**SMALL, "data": {"name": "xor", "extra": [[0.1, 0.2, 1], [0.3, 0.1, 0]]}}]
    setups += [{**SMALL, "networks": [{"loss": "mse", "optimizer": "lbfgs", "rate": 1.0, "momentum": None}]}]
    setups += [{**SMALL, "networks": [{"schedule": "Cosine", "initializer": "orthogonal"}]}]
    online = {"layers": [[5, "tanh"]], "optimizer": "adam", "momentum": None, "rate": 0.01}
    for name in ("periodic_pattern", "delayed_add"):
        setups += [{**SMALL, "data": {"name": name, "n": 6}, "networks": [{**online, "rule": "rflo"}]}]
    for setup in setups:
        made = Trainer(parsed(setup), sent("own.csv", text))
        made.one_step(7)
        space = {}
        exec(made.code(0), space)
        assert np.array_equal(space["model"].get_weights(), made.learners[0].model.get_weights()), setup


def test_a_restart_keeps_the_weights_and_a_seed_changes_them():
    made = trainer()
    first = weights(made)
    made.one_step(5)
    made.restart()
    assert made.step == 0 and equal(weights(made), first)
    assert np.array_equal(*weights(made))  # A and B begin with the same weights
    made.change(parsed({**SMALL, "seed": 1}))
    assert not equal(weights(made), first)


@pytest.mark.parametrize("kind", ["rule", "optimizer", "activation", "initializer", "loss", "schedule"])
def test_everything_that_can_be_chosen_trains_or_says_why_not(kind):
    base = trainer()
    refused = []
    for name in lists(base.task, False)[kind]:
        network = {"layers": [[4, name if kind == "activation" else "tanh"]], "rate": 0.01, "momentum": None}
        if kind != "activation":
            network[kind] = name
        try:
            made = Trainer(parsed({**SMALL, "networks": [network]}))
        except LucidnetError as error:
            refused.append((name, str(error)))
            continue
        before = weights(made)
        made.one_step(3)
        assert made.learners[0].error is None and not equal(weights(made), before), name
    assert len(refused) <= 1, refused


def test_every_rule_through_time_learns_a_sequence_as_fit_does_and_goes_back():
    network = {
        "layers": [[5, "tanh"]],
        "optimizer": "adam",
        "momentum": None,
        "rate": 0.01,
        "initializer": "glorot_normal",
    }
    data = {"name": "periodic_pattern", "n": 4}
    x, y = ln.data.tasks.periodic_pattern(4, 60, seed=0)
    for rule in (*ln.rules.TIME, "fa"):
        made = trainer(data=data, networks=[{**network, "rule": rule}])
        made.one_step(3)
        layers = [
            ln.layers.LeakyRNN(5, True, activation="tanh", initializer="glorot_normal"),
            ln.layers.Dense(1),
        ]
        model = ln.Model([ln.layers.Input((60, 1)), *layers])
        model.compile("mse", ln.optimizers.Adam(0.01), rule=rule)
        model.fit(x[:2], y[:2], epochs=3, verbose=0)
        assert np.array_equal(weights(made)[0], model.get_weights()), rule
        made.back(2)
        made.one_step(1)
        assert np.array_equal(weights(made)[0], model.get_weights()), rule
        made.make_frame()
    assert set(lists(made.task, False)["time"]) == set(ln.rules.TIME)


def test_a_loss_that_does_not_fit_is_no_choice():
    assert (
        "binary_crossentropy" not in lists(Trainer(parsed({"data": {"name": "digits"}})).task, False)["loss"]
    )
    with pytest.raises(LucidnetError, match="does not go with these data"):
        trainer(data={"name": "digits"}, networks=[{"loss": "binary_crossentropy"}])


def test_a_step_that_is_not_finite_ends_one_network_and_the_other_goes_on():
    networks = [
        {"layers": [[6, "relu"]], "rate": 0.05, "loss": "mse"},
        {"layers": [[6, "exponential"]] * 3, "rate": 900.0, "loss": "mse"},
    ]
    made = trainer(networks=networks)
    with np.errstate(all="ignore"):
        made.one_step(60)
    assert made.learners[0].error is None and made.learners[1].error
    assert made.step == 60


def test_it_stops_at_a_step_and_at_a_loss():
    made = trainer(stop_step=12)
    made.start()
    made.ask(lambda: made.pace(10_000))
    made.ask(lambda: made.play(True))
    until = time.monotonic() + 20
    while made.running and time.monotonic() < until:
        time.sleep(0.01)
    assert made.step == 12 and made.notes == ["Stopped at step 12, as set; Play goes on."]
    made.close()
    made = trainer(stop_loss=0.3)
    made.running = True
    while made.running and made.step < 3000:
        made.advance()
    assert max(made.curves.rows[-1][2::4]) <= 0.3 and made.step < 3000
    assert made.notes == [f"Stopped at step {made.step:,}: no test loss is above 0.3, as set."]
    made.back(made.step)  # repeats steps, and is no stop; so that the next one is told again
    assert made.notes == []


def test_curves_are_thinned_and_rows_stay_where_they_are():
    curves = Curves(1, most=10)
    for step in range(100):
        if curves.due(step):
            curves.add([step, 0.0, 0.0, 0.0, 0.0])
    steps = [row[0] for row in curves.rows]
    assert len(steps) <= 10 and steps[0] == 0 and set(np.diff(steps)) == {curves.every}
    curves = Curves(1, most=100)
    for step in range(1, 200_000, 37):  # as they come where a page asks
        curves.come([step, 0.0, 0.0, 0.0, 0.0])
    steps = [row[0] for row in curves.rows]
    assert steps[0] == 1 and steps[-1] == step
    assert 25 < len(steps) <= 100 and steps[0] < 20_000 and np.searchsorted(steps, 100_000) > 5


def test_large_matrices_are_means_of_blocks():
    matrix = np.random.default_rng(0).normal(size=(300, 7)).astype("f")
    made = smaller(matrix)
    starts = np.linspace(0, 300, 129).astype(int)
    assert made.shape == (128, 7)
    assert np.allclose(made[5], matrix[starts[5] : starts[6]].mean(0), atol=1e-6)
    assert smaller(matrix[:128]) is not None and np.array_equal(smaller(matrix[:128]), matrix[:128])


def test_a_frame_has_its_arrays_as_they_are_and_no_nan_in_its_header():
    arrays = {
        "a": np.arange(6, dtype="f4").reshape(2, 3),
        "b": np.array([1, 2, 255], "u1"),
        "c": np.array([[-5, 7]], "i2"),
    }
    message = packed({"x": float("nan"), "deep": [np.float32(1.5), {"y": np.inf}]}, arrays)
    (length,) = struct.unpack("<I", message[:4])
    header = json.loads(message[4 : 4 + length])
    assert header["x"] is None and header["deep"] == [1.5, {"y": None}] and length % 4 == 0
    for told_, (name, array) in zip(header["arrays"], arrays.items(), strict=True):
        start = 4 + length + told_["offset"]
        found = np.frombuffer(message[start:], told_["type"])[: array.size].reshape(told_["shape"])
        assert told_["name"] == name and np.array_equal(found, array) and start % 4 == 0


def test_how_a_gradient_is_made_adds_up():
    made = trainer()
    made.one_step(5)
    for learner in made.learners:
        seen, _ = learner.look.seen("A")
        for name, row, column in (("dense1.W", 1, 3), ("dense1.b", 0, 2), ("dense2.W", 4, 0)):
            lines = told(learner.model, learner.look.batch, name, row, column)
            first, _, total = lines[2].rpartition(" = ")
            *_, rest = first.split(", ")
            terms = [
                np.prod([float(n) for n in part.strip("() ").split(")(")])
                for part in first.partition("=")[2].split(" + ")[:4]
            ]
            assert float(total) == pytest.approx(sum(terms) + float(rest), rel=2e-2, abs=2e-3)
    assert any("example 2" in line for line in told(learner.model, learner.look.batch, "dense1", 1, 0))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([], "expected settings by name, got list"),
        ({"seed": -1}, "seed must be a whole number from 0 .*, got -1"),
        ({"sede": 1}, "unknown setting of the page 'sede': did you mean 'seed'"),
        ({"networks": []}, "networks: expected one or two"),
        ({"networks": [{}] * 3}, "networks: expected one or two"),
        ({"networks": [{"layers": [[0, "tanh"]]}]}, "layer 1: units must be a whole number from 1 .*, got 0"),
        ({"networks": [{"layers": "relu"}]}, "layers: expected up to 8 of number, activation and kind"),
        ({"networks": [{"rule": "magic"}]}, "rule must be one of .*, got 'magic'"),
        ({"data": {"name": "../etc/passwd"}}, "name must be one of .*, got '../etc/passwd'"),
        ({"data": {"extra": [[1, 2]]}}, r"extra: expected points \(x, y, class\)"),
        ({"networks": [{"rate": float("inf")}]}, "rate must be a finite number, got inf"),
        ({"networks": [{"layers": [[4, "tanh"]] * 9}]}, "layers: expected up to 8 of number"),
        ({"data": {"n": 10**9}}, "n must be a whole number from 4 to 5000, got 1000000000"),
        ({"networks": [{"schedule": "Fixed"}]}, "schedule must be one of .*, got 'Fixed'"),
        ({"batch": 2.5}, "batch must be a whole number from 1 to 5000, got 2.5"),
        ({"stop_loss": -1.0}, "stop_loss must be at least 0, got -1.0"),
        ({"networks": [{"l2": -1}]}, "l2 must be from 0 to 1, got -1"),
        ({"networks": [{"layers": [[1.5, "tanh", "Dropout"]]}]}, "layer 1: rate must be from .*, got 1.5"),
        (
            {"networks": [{"layers": [[4, "tanh", "Lambda"]]}]},
            "layer 1: kind must be one of .*, got 'Lambda'",
        ),
        ({"data": {"features": ["x3"]}}, "a feature must be one of .*, got 'x3'"),
        ({"data": {"features": "x1"}}, "features: expected a list of names"),
        ({"online": 1}, "online must be True or False, got 1"),
    ],
    ids=str,
)
def test_a_set_up_that_cannot_be_is_refused_in_words(wrong, words):
    with pytest.raises(LucidnetError, match=words):
        parsed(wrong)


def test_a_set_up_survives_json():
    setup = parsed({**SMALL, "networks": [{"schedule": SCHEDULES[0]}]})
    assert parsed(json.loads(json.dumps(setup.plain()))) == setup
    assert parsed({}) == Setup() and parsed({"data": {"name": "xor"}}).data == DataSetup("xor")


def test_what_a_page_sends_as_csv_has_limits(monkeypatch):
    from lucidnet.lab.page import task

    with pytest.raises(LucidnetError, match="characters"):
        sent("a.csv", "1,2\n" * 600_000)
    monkeypatch.setattr(task, "ROWS", 10)
    with pytest.raises(LucidnetError, match="rows"):
        sent("a.csv", "1,2,3\n1,2,4\n" * 20)
    assert "nothing to learn" in sent("a.csv", "1,2,3\n" * 9).notes[0]
    with pytest.raises(LucidnetError, match="^passwd"):
        sent("../../../etc/passwd", "root:x:0:0\n")


KINDS = [
    (
        "moons",
        [[6, "tanh"], [0.3, "tanh", "Dropout"], [6, "relu", "Residual"], [0, "tanh", "BatchNormalization"]],
    ),
    ("moons", [[6, "tanh"], [0.1, "relu", "GaussianNoise"], [0, "tanh", "RMSNormalization"]]),
    ("hills", [[6, "tanh"], [0, "tanh", "LayerNormalization"]]),
    ("digits", [[3, "relu", "Conv2D"], [2, "relu", "MaxPooling2D"], [3, "relu", "Conv2D"], [8, "relu"]]),
    ("digits", [[3, "relu", "Conv2D"], [2, "relu", "AveragePooling2D"]]),
    *(("periodic_pattern", [[4, "tanh", kind]]) for kind in ("SimpleRNN", "GRU", "LSTM", "Dense")),
]


@pytest.mark.parametrize(("name", "layers"), KINDS, ids=str)
def test_all_kinds_of_layers_train_go_back_and_are_written_as_python(name, layers):
    network = {"layers": layers, "optimizer": "adam", "rate": 0.01, "l1": 1e-3, "l2": 1e-2}
    data = {"name": name, "n": 20, "test": 0.9 if name == "digits" else 0.5}
    made = trainer(data=data, networks=[network])
    made.one_step(5)
    made.make_frame()
    there, space = weights(made), {}
    exec(made.code(0), space)
    assert np.array_equal(space["model"].get_weights(), there[0])
    made.back(2)
    made.one_step(3)
    assert equal(weights(made), there)
    assert all(f"ln.layers.{kind[2]}(" in made.code(0) for kind in layers if len(kind) == 3)


@pytest.mark.parametrize("time_rule", ["truncated", "rtrl", "snap1", "uoro", "kernl", "rflo", "eprop"])
def test_each_time_step_is_that_of_python_also_back_and_after_a_branch(time_rule):
    network = {"layers": [[3, "tanh"]], "rate": 0.01, "momentum": 0.0, "rule": "fa", "time": time_rule}
    made = trainer(data={"name": "periodic_pattern", "n": 4}, networks=[network], online=True, batch=2)
    made.one_step(130)
    there = weights(made)
    made.back(110)  # from states and traces that were kept at step 100, in the middle of a sequence
    made.one_step(20)
    assert equal(weights(made), there)
    made.change(parsed({**made.setup.plain(), "networks": [{**network, "rule": "dfa", "rate": 0.02}]}))
    assert made.step == 130
    made.one_step(5)
    space = {}
    exec(made.code(0), space)
    assert np.array_equal(space["model"].get_weights(), weights(made)[0])


def test_the_two_axes_of_a_rule_are_joined_and_a_rule_through_time_needs_time():
    data = {"name": "delayed_add", "n": 4}
    made = trainer(data=data, networks=[{"layers": [[3, "tanh"]], "rule": "fa", "time": "rflo"}])
    assert made.learners[0].model.rule == ln.rules.Rule("fa", "rflo")
    assert parsed({"networks": [{"rule": "rflo"}]}).networks[0].time == "rflo"  # as older links have it
    with pytest.raises(LucidnetError, match="have no time"):
        trainer(networks=[{"time": "rflo"}])
    with pytest.raises(LucidnetError, match="have no time"):
        trainer(online=True)
    with pytest.raises(LucidnetError, match="goes back to the first time"):
        trainer(data=data, networks=[{"time": "bptt"}], online=True)
    with pytest.raises(LucidnetError, match="Conv2D goes with pictures"):
        trainer(networks=[{"layers": [[3, "relu", "Conv2D"]]}])


def test_features_are_made_of_the_points_and_points_are_drawn_where_they_are():
    made = trainer(data={"name": "moons", "n": 80, "features": ["sin x2", "x1x2"], "extra": [[0.5, 0.25, 1]]})
    x, _ = ln.data.moons(80, noise=0.05, seed=0)
    x = np.concatenate([x[:40], [[0.5, 0.25]]])
    expected = np.stack([x[:, 0] * x[:, 1], np.sin(np.pi * x[:, 1])], axis=1)
    assert np.allclose(made.task.x, expected, atol=1e-6) and made.task.in_plane
    assert np.allclose(shown_data(made.task)["points"][40], [0.5, 0.25, 1])
    space = {}
    exec(made.code(0), space)
    assert np.array_equal(space["x"], made.task.x) and np.array_equal(space["x_test"], made.task.x_test)
    with pytest.raises(LucidnetError, match="features"):
        trainer(data={"name": "digits", "features": ["x1"]})


def test_own_tables_are_read_as_the_options_say_and_large_targets_are_scaled(tmp_path, monkeypatch):
    from lucidnet.cli.data import Asked, read_frame
    from lucidnet.lab.page.task import given, of_table

    monkeypatch.chdir(tmp_path)
    rows = [f"{i if i % 7 else ''},{'xyz'[i % 3]},{i % 5},{i * 2.5 + i % 3}" for i in range(40)]
    (tmp_path / "own.csv").write_text("\n".join(["a,b,c,price", *rows]))
    asked, frame = Asked(missing="mean", drop="c", categories="one-hot"), read_frame("own.csv")
    own = of_table(asked.fit(frame), frame, "own.csv", asked.given(frame.names))
    assert given(own) == ("own", own)
    made = Trainer(parsed({**SMALL, "data": {"name": "own"}}), own)
    prices = np.array([i * 2.5 + i % 3 for i in range(40)], "f")
    both = np.concatenate([made.task.y, made.task.y_test])
    assert np.allclose(np.sort(both), np.sort((prices - prices.mean()) / prices.std()), atol=1e-5)
    assert "deviations from its mean: mean 49.7" in made.notes[0]
    made.one_step(5)
    space = {}
    exec(made.code(0), space)
    assert np.array_equal(space["model"].get_weights(), weights(made)[0])


@pytest.mark.parametrize("rule", ["bptt", "rflo"])
def test_how_a_gradient_of_sequences_adds_up(rule):
    """Over the examples and their times; two examples of two times have four terms, which are all written."""
    network = {"layers": [[3, "tanh"]], "time": rule}
    made = trainer(data={"name": "delayed_add", "n": 4}, networks=[network])
    (learner,) = made.learners
    batch = learner.look.batch
    short = batch._replace(x=batch.x[:2, :2], target=batch.target[:2, :2])
    name = "dense2.W"
    lines = told(learner.model, short, name, 1, 0)
    assert "over 2 examples and their 2 times" in lines[1]
    terms = lines[2].partition("=")[2].rpartition(" = ")[0].split(" + ")
    total = sum(np.prod([float(n) for n in term.strip("() ").split(")(")]) for term in terms)
    assert len(terms) == 4 and float(lines[2].rpartition(" = ")[2]) == pytest.approx(total, rel=2e-2)
    assert "for time 2" in told(learner.model, short, name.removesuffix(".W"), 1, 0)[0]


def test_a_gradient_that_no_error_has_brought():
    made = trainer(networks=[{"layers": [[3, "tanh"]], "rule": "np"}])
    (learner,) = made.learners
    lines = told(learner.model, learner.look.batch, "dense1.W", 1, 0)
    assert lines[1].startswith("gradient = ") and "without an error that comes back" in lines[2]


def wide():
    """Return a network with a convolution, and with matrices that are shown as means of blocks."""
    layers = [[6, "relu", "Conv2D"], [200, "tanh", ""], [5, "tanh", ""]]
    made = trainer(data={"name": "digits"}, networks=[{"layers": layers, "rule": "fa"}])
    made.one_step(3)
    (learner,) = made.learners
    return learner.model, learner.look


def test_a_cell_of_a_map_is_that_entry_of_the_array_whatever_its_shape():
    model, look = wide()
    _, arrays = look.seen("A")
    grads = model.gradients(look.batch.x, look.batch.target)
    cells = {
        ("conv2d2.W", 5, 3): (1, 2, 0, 3),  # height, width, channels, filters: 3 by 3 by 1 rows
        ("conv2d2.b", 0, 4): (4,),
        ("dense4.W", 5, 7): (15, 10),  # of 384 by 200: blocks of three rows
        ("dense5.W", 100, 2): (156, 2),
    }
    for (name, row, column), index in cells.items():
        layer, _, kind = name.partition(".")
        value, grad = model.params[layer][kind][index], grads[layer][kind][index]
        first, *gradient, last = told(model, look.batch, name, row, column)
        dense = name.startswith("dense")
        entry = f"{name}[{', '.join(str(k + 1) for k in index)}]"
        assert first.startswith("The first number of this block of the map: " if dense else entry)
        assert first.endswith(f"{entry} = {value:.6g}") and last.partition(" came back by fa: ")[1]
        assert gradient[-1].endswith(f"= {grad:.6g}" + ", over 64 examples" * (not dense))
        if not dense:
            assert arrays[f"A/weights/{name}"][row, column] == value
    with pytest.raises(LucidnetError, match="row"):
        told(model, look.batch, "conv2d2.W", 9, 0)


def test_activations_of_images_are_shown_by_channels():
    model, look = wide()
    header, arrays = look.seen("A")
    assert header["rows"]["conv2d2"] == [8, 8, 3, 6, 6]
    y = model.activations(look.batch.x[:1])["conv2d2"][0]  # height, width, channels
    map_ = arrays["A/activations/conv2d2"]
    assert map_.shape == (18, 27) and np.isnan(map_[8::9]).all() and np.isnan(map_[:, 8::9]).all()
    tiles = [map_[9 * (k // 3) :, 9 * (k % 3) :][:8, :8] for k in range(6)]
    assert np.allclose(np.stack(tiles, axis=-1), y, atol=1e-6)
    (line,) = told(model, look.batch, "conv2d2", 3, 2 * 9 + 5)  # the third above
    assert told(model, look.batch, "conv2d2", 9 + 3, 5)[0].startswith("Unit 4 for example 1 at (4, 6): y = ")
    assert line.startswith("Unit 3 for example 1 at (4, 6): y = ")
    assert float(line.rpartition(" ")[2]) == pytest.approx(y[3, 5, 2], rel=1e-4)
    assert "between" in told(model, look.batch, "conv2d2", 3, 8)[0]
    many = np.arange(2 * 60 * 50 * 7, dtype="f").reshape(2, 60, 50, 7)  # two beside each other, two below
    shown, rows = looked_at(many)
    assert rows == [60, 50, 2, 4, 7] and shown.shape == (122, 102)
    assert np.array_equal(shown[61:121, :50], many[0, :, :, 2])
    assert np.array_equal(shown[:60, 51:101], many[0, :, :, 1])
    odd, rows = looked_at(many[..., :3])
    assert np.isnan(odd[61:, 51:]).all() and rows[3] == 3


def test_how_weights_are_spread_is_told_of_all_of_them_also_where_means_are_shown():
    model, look = wide()
    header, arrays = look.seen("A")
    W = model.params["dense4"]["W"].astype(float)
    assert arrays["A/weights/dense4.W"].shape == (128, 128) != W.shape
    found = header["spread"]["dense4.W"]
    assert (found["mean"], found["deviation"]) == pytest.approx((W.mean(), W.std()))
    assert (found["low"], found["high"], found["most"]) == (W.min(), W.max(), abs(W).max())
    edges = (np.arange(-15.5, 16.5)) / 15 * abs(W).max()
    assert np.abs(np.array(found["bins"]) - np.histogram(W, edges)[0]).max() <= 1  # at an edge
    assert spread(np.full(3, np.nan)) == {} and spread(np.zeros(3))["bins"][15] == 3


def test_the_rule_of_a_layer_is_its_own_or_that_of_what_it_is_in():
    inner = ln.layers.Sequential([ln.layers.Dense(3, rule="dfa"), ln.layers.Dense(3)], rule="fa")
    known = formulas_of(ln.layers.Sequential([ln.layers.Input(2), inner, ln.layers.Dense(1)]), "backprop")
    shown = {name: own for name, own in known["rules"].items() if "dense" in name}
    assert list(shown.values()) == [["DirectFeedbackAlignment"], ["FeedbackAlignment"], ["Backprop"]]
    assert known["classes"].keys() >= {"DirectFeedbackAlignment", "FeedbackAlignment", "Backprop"}


def test_a_class_of_ones_own_has_no_formula_whatever_it_is_called():
    class Dense(ln.layers.Dense):
        """Mine."""

    known = formulas_of(ln.layers.Sequential([ln.layers.Dense(3), Dense(2)]), "backprop")
    (own, *_), (mine, *_) = known["layers"].values()
    assert known["classes"][own]["formulas"] and known["classes"][own]["says"].startswith("Fully connected")
    assert known["classes"][mine] == {"says": "Mine.", "formulas": []}


def test_numbers_of_every_layer_of_the_library_are_told_with_its_formula():
    rng, seen = np.random.default_rng(0), set()
    for kind in (getattr(ln.layers, name) for name in dir(ln.layers)):
        if not (inspect.isclass(kind) and issubclass(kind, ln.layers.Layer)):
            continue
        layer, shape = next(iter(kind.samples()), (None, ()))
        if layer is None or not all(isinstance(size, int) for size in shape) or kind is ln.layers.Masking:
            continue  # of several inputs; and what masks time steps cannot be flattened
        model = ln.Model([ln.layers.Input(shape), layer, ln.layers.Flatten(), ln.layers.Dense(1)], seed=0)
        model.compile("mse", "sgd", rule="fa")
        x = rng.integers(0, 2, (6, *shape)).astype("f")  # numbers of words, too
        batch = model.checked(x, rng.normal(size=(6, 1)).astype("f")).batch(slice(None))
        header, arrays = Viewer(model, batch).seen("A")
        known = formulas_of(model.net, model.rule)
        for path, array in arrays.items():
            _, what, name = path.split("/")
            if what == "weights":
                kept = {dotted(found): one for found, one in leaves(model.params)}[name].ravel()
                rows, columns = array.shape
                assert told(model, batch, name, 0, 0)[0].endswith(f" = {kept[0]:.6g}"), (kind, name)
                last = told(model, batch, name, rows - 1, columns - 1)[0]
                assert kept.size > array.size or last.endswith(f" = {kept[-1]:.6g}"), (kind, name)
            elif what == "activations":
                assert told(model, batch, name, 0, 0) and name in header["rows"]
        for name, classes in known["layers"].items():
            assert all(known["classes"][one]["formulas"] for one in classes), (kind, name)
        seen.add(kind.__name__)
    assert len(seen) > 70 and {"GRU", "MultiHeadAttention", "BatchNormalization", "ConvLSTM2D"} <= seen
