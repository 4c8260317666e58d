"""Callbacks, recording, the finder and the cycle, each by what it must bring about."""

import copy
import csv
import math
import re

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.callbacks import (
    Callback,
    Checkpoint,
    CSVLog,
    EarlyStopping,
    On,
    PrintWeights,
    ReduceOnPlateau,
    StopOnNaN,
)
from lucidnet.errors import LucidnetError, NonFiniteError
from lucidnet.layers import BatchNormalization, Dense, Dropout, Graph, Input, Residual, Sequential
from lucidnet.optimizers import EMA, SGD, Adam
from lucidnet.optimizers.schedules import OneCycle

(X, Y), _ = ln.data.load("digits")
X, Y = X[:300], Y[:300]


def model(optimizer="adam", **settings):
    made = ln.Model([Input(64), Dense(16, "relu", name="hidden"), Dropout(0.2), Dense(10, "softmax")], seed=0)
    made.compile("categorical_crossentropy", optimizer, ["accuracy"], **settings)
    return made


class Passed:
    """A loop as `Fake` numbers would make it."""

    def __init__(self, made):
        self.model, self.optimizer, self.validation = made, made.optimizer, None
        self.stopped, self.callbacks = None, ()

    def stop(self, reason):
        self.stopped = reason


def test_reduce_on_plateau_is_pytorchs():
    torch = pytest.importorskip("torch")
    values = [1.0, 0.9, 0.9, 0.9, 0.89995, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]
    theirs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.8)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        theirs, factor=0.5, patience=2, threshold=1e-4, threshold_mode="abs", cooldown=1
    )
    made = model(SGD(0.8))
    made.build()
    ours, loop = ReduceOnPlateau("loss", 0.5, 2, cooldown=1), Passed(made)
    for value in values:
        scheduler.step(value)
        ours.epoch(loop, {"loss": value})
        assert made.optimizer.learning_rate == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-12)
    assert made.optimizer.learning_rate < 0.2
    ours.end(loop)
    assert made.optimizer == SGD(0.8)


def test_patience_begins_anew_with_each_training():
    """Also where the training before had no best epoch, as its losses were NaN."""
    made = model(SGD(0.8))
    made.build()
    plateau, loop = ReduceOnPlateau("loss", 0.5, 2), Passed(made)
    for _ in range(3):
        plateau.begin(loop)
        for _ in range(2):
            plateau.epoch(loop, {"loss": math.nan})
    assert made.optimizer == SGD(0.8)
    plateau.epoch(loop, {"loss": math.nan})
    assert made.optimizer == SGD(0.4)


def test_early_stopping_brings_the_best_weights_back():
    kept = []
    made = model(SGD(0.5))
    losses = [0.9, 0.8, 0.95, 0.7, 0.71, 0.72, 0.73, 0.5]
    made.fit(
        X,
        Y,
        epochs=8,
        verbose=0,
        callbacks=[
            On(epoch=lambda loop, result: kept.append(loop.model.get_weights())),
            _changed("loss", losses, EarlyStopping("loss", patience=3)),
        ],
    )
    assert made.history.epochs == 7
    np.testing.assert_array_equal(made.get_weights(), kept[3])


def _changed(name, values, callback):
    """Let a callback see other numbers than those that were measured."""
    numbers, inner = iter(values), callback.epoch
    callback.epoch = lambda loop, result: inner(loop, ln.training.history.Result({name: next(numbers)}))
    return callback


def test_two_plateaus_give_the_rate_back():
    """Each took the rate of the other for one that the user had set."""
    made = model(SGD(1.0))
    both = [
        _changed("loss", [1.0] * 12, ReduceOnPlateau("loss", 0.1, 0)),
        _changed("accuracy", [1.0] * 12, ReduceOnPlateau("accuracy", 0.5, 1)),
    ]
    rates = []
    watch = On(epoch=lambda loop, _: rates.append(loop.model.optimizer.learning_rate))
    made.fit(X, Y, epochs=5, verbose=0, callbacks=[*both, watch])
    np.testing.assert_allclose(rates, [1, 0.1, 0.005, 0.0005, 0.000025])
    assert made.optimizer == SGD(1.0)


def test_a_plateau_gives_the_rate_back_if_ctrl_c_comes_while_it_sets_another():
    made, setting = model(SGD(1.0)), ln.Model.set

    def pressed(self, **settings):
        if settings["learning_rate"] < 0.05:
            type(self).set = setting
            raise KeyboardInterrupt
        setting(self, **settings)

    type(made).set = pressed
    with pytest.raises(KeyboardInterrupt):
        made.fit(
            X,
            Y,
            epochs=5,
            verbose=0,
            callbacks=[_changed("loss", [1.0] * 12, ReduceOnPlateau("loss", 0.1, 0))],
        )
    assert made.optimizer == SGD(1.0)


@pytest.mark.parametrize("backend", ["numpy", "jax:cpu"])
def test_the_running_mean_of_the_best_weights_comes_back_with_them(backend):
    if backend != "numpy":
        pytest.importorskip("jax")
    made = ln.Model([Input(64), Dense(10, "softmax")], backend=backend)
    made.compile("categorical_crossentropy", EMA(SGD(0.5), 0.9))
    kept = []

    def keep(loop, result):
        copied = copy.deepcopy(loop.model)
        copied.use_average()
        kept.append(copied.get_weights())

    stop = _changed("loss", [0.9, 0.8, 0.95, 0.96], EarlyStopping("loss", patience=2))
    made.fit(X, Y, epochs=4, verbose=0, callbacks=[On(epoch=keep), stop])
    made.use_average()
    np.testing.assert_array_equal(made.get_weights(), kept[1])


@pytest.mark.parametrize("backend", ["numpy", "jax:cpu"])
def test_metrics_that_come_during_a_training_are_measured_from_the_next_epoch_on(backend):
    """The outputs were left out, as there had been no metric when the training began."""
    if backend != "numpy":
        pytest.importorskip("jax")

    class Adds(Callback):
        def epoch(self, loop, result):
            loop.model.metrics = ["accuracy"]

    one, two = (ln.Model([Input(64), Dense(10, "softmax")], backend=backend) for _ in range(2))
    for made, metrics in ((one, ()), (two, ["accuracy"])):
        made.compile("categorical_crossentropy", "adam", metrics)
    found = one.fit(X, Y, epochs=2, verbose=0, callbacks=[Adds()])
    expected = two.fit(X, Y, epochs=2, verbose=0)
    assert math.isnan(found["accuracy"][0]) and found["accuracy"][1] == expected["accuracy"][1]


def test_unknown_numbers_are_named():
    with pytest.raises(LucidnetError, match="nothing named 'val_loss' is measured; there are loss, accuracy"):
        model().fit(X, Y, verbose=0, callbacks=[EarlyStopping()])
    with pytest.raises(LucidnetError, match="'val_los' is not one .*; did you mean 'val_loss'\\?$"):
        model().fit(X, Y, verbose=0, validation_split=0.2, callbacks=[EarlyStopping("val_los")])


@pytest.mark.parametrize("name", ["val_loss", "val_accuracy"])
def test_a_number_of_validation_without_validation_is_told_before_the_training(name, tmp_path):
    """Not after an epoch, which may take hours; with validation it is there."""
    watchers = (EarlyStopping(name), ReduceOnPlateau(name), Checkpoint(tmp_path, best=name))
    for watcher in watchers:
        made = model()
        with pytest.raises(LucidnetError, match=f"nothing named '{name}' is measured.*pass validation_data"):
            made.fit(X, Y, verbose=0, callbacks=[watcher])
        assert made.state.step == 0 and not made.history.epochs
        made.fit(X, Y, verbose=0, validation_split=0.2, callbacks=[watcher])


def test_a_number_of_validation_may_be_measured_by_a_callback_of_ones_own():
    class Own(EarlyStopping):
        def epoch(self, loop, result):
            super().epoch(loop, {"val_loss": loop.epoch if loop.epoch > 2 else -loop.epoch})

    made = model()
    made.fit(X, Y, epochs=9, verbose=0, callbacks=[Own("val_loss", patience=2)])
    assert made.history.epochs == 4


def test_csv(tmp_path):
    path = tmp_path / "log.csv"
    made = model()
    made.fit(X, Y, epochs=3, verbose=0, callbacks=[CSVLog(path)])
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == made.history["loss"]


def test_nan_ends_with_or_without_an_error():
    explosive = [Input(64), Dense(16), Dense(16), Dense(1)]
    for callbacks in ([], [StopOnNaN()]):
        made = ln.Model(explosive)
        made.compile("mse", SGD(1e6))
        if callbacks:
            made.fit(X, Y, epochs=3, verbose=0, callbacks=callbacks)
        else:
            with pytest.raises(NonFiniteError):
                made.fit(X, Y, epochs=3, verbose=0)
        assert np.isfinite(made.get_weights()).all()


def test_printed_weights(capsys):
    model().fit(X, Y, verbose=0, callbacks=[PrintWeights("hidden.*", every=5)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("step 5  hidden.W: mean ")


def test_printed_matrices(capsys):
    """Every number can be read off; what does not fit is said; no line is wider."""
    trained = model()
    weights = PrintWeights(["hidden.*"], every=20, matrix=True)
    trained.fit(X, Y, epochs=10, verbose=0, callbacks=[weights])
    lines = capsys.readouterr().out.splitlines()
    W, b = trained.params["hidden"]["W"], trained.params["hidden"]["b"]
    last = lines[lines.index(next(line for line in reversed(lines) if "hidden.W" in line)) :]
    told = [float(number) for number in re.findall(r" (-?[\d.e-]+)", last[0].split(":")[1])]
    np.testing.assert_allclose(told, [W.mean(), W.std(), W.min(), W.max()], rtol=1e-3)
    rows = [[float(cell) for cell in line.split()] for line in last[1 : 1 + len(W)]]
    there = len(rows[0]) - 1
    assert 4 <= there < W.shape[1]
    np.testing.assert_allclose([row[1:] for row in rows], W[:, :there], rtol=1e-3)
    assert [int(row[0]) for row in rows] == list(range(len(W)))
    columns = f"columns {there} to {W.shape[1] - 1} of {W.shape[1]} are"
    assert last[1 + len(W)].strip() == f"{columns} left out: the line would be too wide"
    assert last[2 + len(W)].startswith("step ") and "hidden.b" in last[2 + len(W)]
    found = [float(cell) for cell in last[3 + len(W)].split()[1:]]
    np.testing.assert_allclose(found, b[: len(found)], rtol=1e-3)
    assert max(len(line) for line in lines if line.startswith("    ") and "left out" not in line) <= 100


def test_matrices_of_more_axes(capsys):
    made = ln.Model([Input((4, 4, 1)), ln.layers.Conv2D(2, 2), ln.layers.Flatten(), Dense(1)])
    made.compile("mse", "sgd")
    shown = [PrintWeights(["conv2d1.W"], every=1, matrix=True)]
    made.fit(np.ones((2, 4, 4, 1)), np.ones((2, 1)), verbose=0, callbacks=shown)
    lines = capsys.readouterr().out.splitlines()
    assert [line.strip() for line in lines[1::2]] == ["[0, 0]", "[0, 1]", "[1, 0]", "[1, 1]"]
    found = [[float(cell) for cell in line.split()[1:]] for line in lines[2::2]]
    np.testing.assert_allclose(found, made.params["conv2d1"]["W"].reshape(4, 2), rtol=1e-3)


# --- recording -------------------------------------------------------------------------------------


def test_recorded_values_are_those_of_the_step():
    made = ln.Model(
        [
            Input(64),
            Residual(Sequential([Dense(64, "tanh", name="in")]), name="skip"),
            Dense(10, "softmax", name="out"),
        ],
        dtype="float64",
    )
    made.compile("categorical_crossentropy", SGD(0.1))
    before = made.params["out"]["W"].copy()
    record = ["*.W", "grads/out.*", "updates/out.W", "activations/*"]
    made.fit(X[:32], Y[:32], verbose=0, shuffle=False, record=record)
    noted = {name: values[0] for name, values in made.history.steps.items()}
    assert {step for step, _ in noted.values()} == {0}
    np.testing.assert_array_equal(noted["out.W"][1], before)
    np.testing.assert_allclose(noted["updates/out.W"][1], 0.1 * noted["grads/out.W"][1], rtol=1e-10)
    np.testing.assert_allclose(made.params["out"]["W"], before - noted["updates/out.W"][1], rtol=1e-12)
    inner = np.tanh(X[:32].astype(float) @ noted["skip.body.in.W"][1])
    np.testing.assert_allclose(noted["activations/skip.body.in"][1], inner, rtol=1e-10)
    np.testing.assert_allclose(noted["activations/skip"][1], X[:32] + inner, rtol=1e-10)
    assert noted["activations/out"][1].sum(-1) == pytest.approx(1)


def test_recording_changes_nothing_and_keeps_its_distance():
    one, two = model(), model()
    one.fit(X, Y, epochs=2, verbose=0)
    two.fit(X, Y, epochs=2, verbose=0, record=["activations/hidden", "grads/*"], record_every=4)
    assert one.get_weights().tobytes() == two.get_weights().tobytes()
    assert [step for step, _ in two.history.steps["grads/hidden.W"]] == [0, 4, 8, 12, 16]
    assert sorted(two.history.steps) == [
        "activations/hidden",
        "grads/dense3.W",
        "grads/dense3.b",
        "grads/hidden.W",
        "grads/hidden.b",
    ]


def sigmoid_and_softmax():
    """Two outputs, and a network in one: each loss takes the activation that is innermost."""
    top = Sequential([Dense(4, "relu", name="a"), Dense(1, "sigmoid", name="b")], name="top")
    nodes = [("below", Dense(5, "tanh"), "x"), ("one", top, "below"), ("two", Dense(3, "softmax"), "below")]
    made = ln.Model(Graph({"x": (64,)}, nodes, ("one", "two")), dtype="float64")
    made.compile({"one": "binary_crossentropy", "two": "categorical_crossentropy"}, "adam")
    return made, {"one": X[:20, 2:3] > 5, "two": Y[:20] % 3}


def test_activations_are_those_of_the_layers_also_where_the_loss_has_taken_the_last_over():
    made, y = sigmoid_and_softmax()
    made.fit(X[:20], y, verbose=0, shuffle=False, batch_size=20, record="activations/*")
    noted = {name: values[0][1] for name, values in made.history.steps.items()}
    assert sorted(noted) == [f"activations/{name}" for name in ("below", "one", "one.a", "one.b", "two")]
    assert noted["activations/one.b"].min() > 0 and noted["activations/one.b"].max() < 1
    np.testing.assert_array_equal(noted["activations/one.b"], noted["activations/one"])
    np.testing.assert_allclose(noted["activations/two"].sum(-1), 1)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_gradients_are_those_of_the_whole_step(accumulate):
    """Of all its batches and with the penalties, so that plain descent subtracts them, times its rate."""
    layers = [Input(64), Dense(5, "tanh", l2=0.3), BatchNormalization(), Dense(10, "softmax", l1=0.1)]
    made = ln.Model(layers, dtype="float64")
    made.compile("categorical_crossentropy", SGD(0.1))
    made.fit(X[:30], Y[:30], batch_size=10, accumulate=accumulate, verbose=0, record=["grads/*", "updates/*"])
    steps = made.history.steps
    names = [name for name in steps if name.startswith("grads/")]
    assert len(names) == 6 and len(steps[names[0]]) == 3 // accumulate
    for name in names:
        for (_, gradient), (_, update) in zip(steps[name], steps[f"updates/{name[6:]}"], strict=True):
            np.testing.assert_allclose(update, 0.1 * gradient, rtol=1e-9, atol=1e-15)


def test_what_has_no_gradient_is_no_name_of_one():
    made = ln.Model([Input(64), BatchNormalization(name="norm"), Dense(10, "softmax")])
    made.compile("categorical_crossentropy", "adam")
    with pytest.raises(
        LucidnetError, match=r"nothing is called 'grads/norm\.mean'.*did you mean 'grads/norm"
    ):
        made.fit(X, Y, verbose=0, record="grads/norm.mean")


def test_of_many_names_some_are_listed():
    made = ln.Model([Input(64), *(Dense(2) for _ in range(100)), Dense(10, "softmax")])
    made.compile("categorical_crossentropy", "adam")
    with pytest.raises(LucidnetError, match="did you mean 'dense50.W'") as told:
        made.fit(X, Y, verbose=0, record="dense50.w")
    assert len(str(told.value)) < 800


def test_a_name_may_hold_what_patterns_are_made_of():
    made = ln.Model([Input(64), Dense(10, "softmax", name="[a]")])
    made.compile("categorical_crossentropy", "adam")
    made.fit(X, Y, verbose=0, record=["[a].W", "grads/[a].W"])
    assert list(made.history.steps) == ["[a].W", "grads/[a].W"]


def test_all_callbacks_end_whatever_one_of_them_raises():
    ended = []

    class Ends(Callback):
        def __init__(self, error):
            self.error = error

        def end(self, loop):
            ended.append(self)
            if self.error:
                raise self.error

    class Stops(Callback):
        def epoch(self, loop, result):
            loop.stop("enough")

    callbacks, made = [Ends(ValueError("one")), Ends(None), Stops()], model()
    with pytest.raises(ValueError, match="one"):
        made.fit(X, Y, epochs=3, verbose=0, callbacks=callbacks)
    assert ended == callbacks[:2] and made.history.stopped == "enough"


@pytest.mark.parametrize("kind", ["grads", "updates", "activations"])
def test_a_kind_alone_means_all_of_it(kind):
    found = [
        model().fit(X[:30], Y[:30], batch_size=10, verbose=0, record=p).steps for p in (kind, f"{kind}/*")
    ]
    assert list(found[0]) == list(found[1]) and all(name.startswith(f"{kind}/") for name in found[0])


def test_a_kind_that_is_none_is_told_in_a_line_or_two():
    deep = ln.Model([Input(64), *[Dense(4) for _ in range(50)]])
    deep.compile("mse", "sgd")
    with pytest.raises(
        LucidnetError, match=r"nothing is called 'gradients'.*did you mean 'grads'\?"
    ) as error:
        deep.fit(X, X[:, :4], verbose=0, record="gradients")
    assert len(str(error.value)) < 300


def test_a_callback_twice():
    twice = [EarlyStopping("loss", 2)] * 2
    with pytest.raises(ln.errors.SettingError, match="callbacks, each of them once"):
        model().fit(X, Y, verbose=0, callbacks=twice)


def test_an_unknown_name_is_an_error_before_training():
    made = model()
    with pytest.raises(LucidnetError, match="nothing is called 'hiden.W'; there are hidden.W"):
        made.fit(X, Y, verbose=0, record=["hiden.W"])
    assert made.state.step == 0


# --- steps of several batches, validation in between -------------------------------------------------


def test_accumulated_batches_are_one_large_batch():
    one, two = (ln.Model([Input(64), Dense(10, "softmax")], dtype="float64") for _ in range(2))
    for each in (one, two):
        each.compile("categorical_crossentropy", SGD(0.1))
    one.fit(X, Y, batch_size=96, epochs=2, verbose=0)
    two.fit(X, Y, batch_size=32, accumulate=3, epochs=2, verbose=0)
    np.testing.assert_allclose(one.get_weights(), two.get_weights(), rtol=1e-12)
    np.testing.assert_allclose(one.history["loss"], two.history["loss"], rtol=1e-12)


def test_validation_every_few_steps():
    made = model()
    made.fit(X, Y, epochs=2, verbose=0, validation_data=(X[:50], Y[:50]), validate_every=3)
    assert [step for step, _ in made.history.steps["val_loss"]] == [3, 6, 9, 12, 15, 18]


# --- one cycle, and the finder -----------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [SGD(0.01, momentum=0.9), Adam()])
@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_one_cycle_moves_rate_and_momentum_and_leaves_the_optimizer(optimizer, shape):
    made, seen = model(optimizer), []

    def note(loop, measured):
        setting = loop.model.optimizer
        momentum = setting.momentum if isinstance(optimizer, SGD) else setting.beta1
        number = loop.model.state.step - 1
        seen.append((setting.learning_rate(number), momentum(number)))

    made.fit_one_cycle(X, Y, epochs=3, max_lr=0.1, shape=shape, verbose=0, callbacks=[On(step=note)])
    cycle = OneCycle(0.1, 30, between=shape)
    assert [rate for rate, _ in seen] == [cycle(step) for step in range(30)]
    assert max(rate for rate, _ in seen) == pytest.approx(0.1, rel=0.02)
    assert seen[-1][0] < 1e-6
    assert min(m for _, m in seen) == pytest.approx(0.85, abs=0.005)
    assert made.optimizer == optimizer
    made.fit_one_cycle(X, Y, epochs=1, max_lr=0.1, shape=shape, verbose=0, callbacks=[On(step=note)])
    assert seen[30][0] == pytest.approx(0.1 / 25)


def test_the_finder_leaves_no_trace_and_suggests_a_rate_that_learns():
    made = ln.Model([Input(64), Dense(32, "relu"), BatchNormalization(), Dense(10, "softmax")], seed=0)
    made.compile("categorical_crossentropy", SGD(0.01, momentum=0.9), ["accuracy"])
    made.fit(X, Y, verbose=0)
    state = made.state
    before = (
        made.get_weights().tobytes(),
        state.memory["velocity"].tobytes(),
        state.step,
        dict(made.history),
    )
    curve = made.lr_find(X, Y)
    state = made.state
    assert before == (
        made.get_weights().tobytes(),
        state.memory["velocity"].tobytes(),
        state.step,
        dict(made.history),
    )
    assert len(curve.rates) == len(curve.losses) > 20
    assert curve.losses[-1] > 2 * min(curve.losses)
    assert 1e-3 < curve.suggestion < 1
    assert curve.suggestion in curve.rates
    accuracy = {}
    for rate in (curve.suggestion, curve.suggestion * 1000):
        other = ln.Model([Input(64), Dense(32, "relu"), BatchNormalization(), Dense(10, "softmax")], seed=0)
        other.compile("categorical_crossentropy", SGD(rate, momentum=0.9), ["accuracy"])
        try:
            other.fit(X, Y, epochs=10, verbose=0)
            accuracy[rate] = other.evaluate(X, Y).accuracy
        except NonFiniteError:
            accuracy[rate] = 0.0
    assert accuracy[curve.suggestion] > 0.9 > accuracy[curve.suggestion * 1000]


def test_the_finder_refuses_nonsense():
    with pytest.raises(LucidnetError, match="stop must be above 1, got 0.1"):
        model().lr_find(X, Y, start=1.0, stop=0.1)
    assert math.isfinite(model().lr_find(X, Y, steps=30).suggestion)


def test_print_weights_of_a_name_that_is_none():
    model = ln.Model([ln.layers.Input(2), ln.layers.Dense(1)])
    model.compile("mse")
    with pytest.raises(
        ln.errors.SettingError, match=r"nothing is called 'dens1\.W'; there are dense1\.W, dense1\.b"
    ):
        model.fit([[1, 2]], [1], callbacks=[ln.callbacks.PrintWeights(["dens1.W"])], verbose=0)


@pytest.mark.parametrize(("word", "ours"), ln.foreign.MOMENTS.items())
def test_moments_by_the_names_of_others(word, ours):
    with pytest.raises(
        ln.errors.SettingError, match=rf"nobody would call {word}: here it is {ours.split('(')[0]}"
    ):
        type("Shout", (ln.callbacks.Callback,), {word: lambda self, *given: None})
    assert hasattr(ln.callbacks.Callback, ours.split("(")[0])


@pytest.mark.parametrize(
    "name, ours",
    [("stop_training", r'stop\("reason"\)'), ("optimizer", "model.set"), ("lr", "model.set"), ("model", "")],
)
def test_what_keras_sets_in_a_callback_is_refused(name, ours):
    """To end a training by ``stop_training = True``, of the loop or of its model, would have no effect."""

    class Sets(ln.callbacks.Callback):
        def epoch(self, loop, result):
            owner, attribute = (loop, name) if ours else (loop.model, "stop_training")
            setattr(owner, attribute, True)

    model = ln.Model([Input(1), Dense(1)])
    model.compile("mse", "sgd")
    with pytest.raises(AttributeError, match=f"cannot be set: here it is .*{ours or 'stop'}"):
        model.fit([[1.0]], [[2.0]], epochs=2, verbose=0, callbacks=[Sets()])
    assert model.history.epochs == 1
