"""What a training remembers: nothing of the one before it, all of itself, what it was, and whose the folder is."""

import json
import math
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.backend.xla.peers import EXIT
from lucidnet.callbacks import Callback, Checkpoint, CSVLog, EarlyStopping, On, ReduceOnPlateau, StopOnNaN
from lucidnet.core.lock import LIMIT, NAME, FolderLock
from lucidnet.errors import DataError, FileError, NonFiniteError, SettingError
from lucidnet.inspect.record import Recorder
from lucidnet.layers import LSTM, Dense, Dropout, Input
from lucidnet.metrics.base import Mean
from lucidnet.optimizers import EMA, SGD, Adam
from ports import free_port

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(90, 5)), RNG.integers(0, 3, 90)
BACKENDS = ["numpy", "jax:cpu"]


def made(backend="numpy", units=6, optimizer=None, seed=1, loss="categorical_crossentropy", **settings):
    if backend != "numpy":
        pytest.importorskip("jax")
    layers = [Input(5), Dense(units, "tanh", initializer="glorot_uniform"), Dropout(0.2), Dense(3, "softmax")]
    model = ln.Model(layers, seed=seed, backend=backend, **settings)
    model.compile(loss, optimizer or Adam(0.05), ["accuracy"])
    return model


def fit(model, callbacks=(), folder=None, **settings):
    given = {"epochs": 12, "batch_size": 16, "verbose": 0} | settings
    given |= {} if {"validation_data", "validation_split"} & given.keys() else {"validation_split": 0.2}
    given = {name: value for name, value in given.items() if value is not ...}  # what is to be left out
    x, y = given.pop("x", X), given.pop("y", Y)
    return model.fit(x, y, callbacks=callbacks, resume=folder, **given)


def alike(one, other):
    assert one.get_weights().tobytes() == other.get_weights().tobytes()
    assert one.history == other.history
    assert one.history.stopped == other.history.stopped
    assert one.state.step == other.state.step


# --- callbacks begin anew ---------------------------------------------------------------------------


def several(folder):
    return [
        EarlyStopping("val_loss", 3),
        ReduceOnPlateau("val_loss", 0.5, 1),
        Checkpoint(folder, best="val_accuracy", keep=1),
        StopOnNaN(),
        CSVLog(folder / "log.csv"),
        Recorder(["updates/dense3.b"], 3),
    ]


@pytest.mark.parametrize("backend", BACKENDS)
def test_ten_folds_with_one_list_of_callbacks_are_ten_with_fresh_ones(tmp_path, backend):
    (tmp_path / "one").mkdir()
    one, lengths = several(tmp_path / "one"), set()
    folds = np.array_split(np.random.default_rng(1).permutation(len(X)), 10)
    for number, fold in enumerate(folds[: 10 if backend == "numpy" else 2]):
        (tmp_path / f"{number}").mkdir()
        rest = np.setdiff1d(np.arange(len(X)), fold)
        units = 4 + (number % 2 if backend == "numpy" else 0)  # another architecture, too
        models = [made(backend, units) for _ in range(2)]
        for model, callbacks in zip(models, (one, several(tmp_path / f"{number}")), strict=True):
            given = {"x": X[rest], "y": Y[rest], "validation_data": (X[fold], Y[fold])}
            fit(model, callbacks, epochs=12 if backend == "numpy" else 4, **given)
        alike(*models)
        assert models[0].optimizer == Adam(0.05)
        pairs = [list(model.history.steps.items()) for model in models]
        assert str(pairs[0]) == str(pairs[1])
        lengths.add(models[0].history.epochs)
        for name in ("best.safetensors", "log.csv"):
            kept = [path.joinpath(name) for path in (tmp_path / "one", tmp_path / f"{number}")]
            if name == "log.csv":
                assert kept[0].read_text() == kept[1].read_text()
            else:
                np.testing.assert_array_equal(*(ln.load(path).get_weights() for path in kept))
    assert len(lengths) > 1 or backend != "numpy", "some folds end early, at different times"


def test_a_callback_that_never_began_does_not_end(tmp_path):
    """Its best weights are those of another model."""
    early = EarlyStopping("loss", 3)
    fit(made(), [early], epochs=2)
    other = made(units=4)
    other.build()
    before = other.get_weights()
    with pytest.raises(SettingError, match="nothing is called 'nothing'"):
        fit(other, [Recorder(["nothing"]), early])
    np.testing.assert_array_equal(other.get_weights(), before)


def test_a_callback_serves_one_training_at_a_time():
    """What it remembers would be of both; the one that began last has it, the other ends without its `end`."""

    class Within(Callback):
        def epoch(self, loop, result):
            if loop.epoch == 2:
                fit(inner, [early], epochs=2)

    class Counts(Callback):
        ended = 0

        def end(self, loop):
            self.ended += 1

    early, counts, inner, outer, other = EarlyStopping("val_loss", 3), Counts(), made(), made(), made(units=4)
    with pytest.raises(SettingError, match="EarlyStopping: another training has begun with this callback"):
        fit(outer, [early, counts, Within()])
    assert inner.history.epochs == 2 and outer.history.epochs == 3 and counts.ended == 1
    whole = made()
    fit(whole, epochs=3)
    assert outer.get_weights().tobytes() == whole.get_weights().tobytes(), "not the best of the other"
    fit(other, [early, counts], epochs=2)
    fit(
        outer,
        [counts, On(epoch=lambda loop, _: loop.epoch == 1 and fit(inner, [counts], epochs=1))],
        epochs=2,
    )
    assert counts.ended == 4, "one that begins with nothing may be shared"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_is_trained_by_one_thread_at_a_time(backend):
    """In the same thread one training may stand within another, in order."""
    model, whole, errors = made(backend), made(backend), []

    def meanwhile(loop, result):
        thread = threading.Thread(target=lambda: errors.append(refused()), name="another")
        thread.start()
        thread.join()

    def refused():
        with pytest.raises(
            SettingError, match="is being trained already, in the thread 'MainThread'"
        ) as error:
            fit(model, epochs=1)
        return error

    fit(model, [On(epoch=meanwhile)], epochs=2)
    fit(whole, epochs=2)
    assert len(errors) == 2
    alike(model, whole)
    thread = threading.Thread(target=lambda: fit(model, epochs=1))
    thread.start()
    thread.join()
    fit(model, [On(epoch=lambda loop, _: loop.epoch == 1 and fit(model, epochs=1))], epochs=2)
    assert model.history.epochs == 6


# --- the whole round is saved, in any order ------------------------------------------------------------


class Crash(Exception):  # noqa: N818
    """What a training dies of in these tests."""


class Crashes(Callback):
    """Dies at a certain moment: in a step, in an epoch, after all callbacks of either."""

    def __init__(self, moment, number):
        self.moment, self.number, self.seen = moment, number, 0

    def _at(self, moment):
        self.seen += moment == self.moment
        if moment == self.moment and self.seen == self.number:
            raise Crash

    def step(self, loop, measured):
        self._at("step")

    def epoch(self, loop, result):
        self._at("epoch")

    def after_all(self, loop):
        self._at("after_all")


PAIRS = {
    "stopping": lambda: EarlyStopping("val_loss", 4),
    "plateau": lambda: ReduceOnPlateau("val_loss", 0.5, 1),
    "best": lambda: EarlyStopping("val_accuracy", 2, min_delta=0.01),
}
MOMENTS = [
    ("step", 1),
    ("step", 8),
    ("step", 15),
    ("epoch", 1),
    ("epoch", 4),
    ("after_all", 1),
    ("after_all", 12),
]


@pytest.mark.parametrize("first", [True, False], ids=["checkpoint first", "checkpoint last"])
@pytest.mark.parametrize(
    ("pair", "every"),
    [
        ("stopping", {"every_steps": 3}),
        ("plateau", {"every_steps": 4}),
        ("plateau", {"every_epochs": 2}),
        ("best", {"every_epochs": 1}),
    ],
    ids=str,
)
def test_after_a_crash_at_any_moment_it_goes_on_in_any_order(tmp_path, pair, first, every):
    def callbacks(folder):
        both = [Checkpoint(folder, best="val_loss", **every), PAIRS[pair]()]
        return both if first else both[::-1]

    whole = made()
    fit(whole, callbacks(tmp_path / "whole"), epochs=8)
    for place in (0, 2):  # before the others and after them
        for moment, number in MOMENTS[place // 2 :: 2]:
            folder, crashes = tmp_path / f"{moment}{number}{place}", Crashes(moment, number)
            with pytest.raises(Crash):
                given = callbacks(folder)
                fit(made(), [*given[:place], crashes, *given[place:]], folder, epochs=8)
            assert not list(folder.glob(f"{NAME}*"))
            again = made()
            fit(again, callbacks(folder), folder, epochs=8)
            alike(again, whole)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_training_that_was_ended_is_complete(tmp_path, backend, capsys):
    one, two = made(backend), made(backend)
    history = fit(one, [EarlyStopping("val_loss", 2)], tmp_path, epochs=60)
    assert 1 < history.epochs < 60
    assert history.stopped == "val_loss has not become better for 2 epochs"
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    for epochs, order in ((60, 1), (60, -1), (90, 1)):
        two = made(backend)
        capsys.readouterr()
        fit(
            two,
            [EarlyStopping("val_loss", 2), Checkpoint(tmp_path)][::order],
            tmp_path,
            epochs=epochs,
            verbose=1,
        )
        alike(two, one)
        (line,) = capsys.readouterr().out.splitlines()
        assert line == (
            f"nothing to do: after {history.epochs} epochs this training was ended by a callback: "
            "val_loss has not become better for 2 epochs"
        )
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_a_complete_training_says_so_and_goes_on_for_more_epochs(tmp_path, capsys):
    whole, one, two = made(), made(), made()
    fit(whole, epochs=7)
    fit(one, [Checkpoint(tmp_path, every_epochs=4)], tmp_path, epochs=5)  # the end is written, too
    fit(two, [], tmp_path, epochs=5, verbose=1)
    assert capsys.readouterr().out == "nothing to do: after 5 epochs this training is complete\n"
    alike(two, one)
    fit(two, [], tmp_path, epochs=7)
    alike(two, whole)


@pytest.mark.parametrize("optimizer", [Adam(0.05), EMA(SGD(0.05, momentum=0.9), 0.9)], ids=str)
def test_one_cycle_goes_on_in_the_same_process(tmp_path, optimizer):
    def cycle(model, callbacks=(), folder=None):
        settings = {"batch_size": 16, "verbose": 0, "callbacks": callbacks, "resume": folder}
        model.fit_one_cycle(X, Y, epochs=4, max_lr=0.1, **settings)

    whole, model = made(optimizer=optimizer), made(optimizer=optimizer)
    for one in (whole, model):
        fit(one, epochs=1)
    cycle(whole)
    for _ in range(2):
        with pytest.raises(Crash):
            cycle(model, [Crashes("step", 8)], tmp_path)
    cycle(model, [], tmp_path)
    assert str(model.history) == str(whole.history)
    np.testing.assert_array_equal(model.get_weights(), whole.get_weights())
    assert model.optimizer == optimizer


def test_a_training_whose_steps_are_counted_anew_goes_on_from_its_last_checkpoint(tmp_path):
    """Those of before have later steps in their names: they were taken for newer, and the newer removed."""

    def anew():
        return On(epoch=lambda loop, _: loop.epoch == 3 and loop.model.set_weights(first, reset=True))

    first = made().get_weights()
    whole, again, seen = made(), made(), []
    fit(whole, [anew()], epochs=5)
    with pytest.raises(Crash):
        fit(made(), [anew(), Crashes("step", 22)], tmp_path, epochs=5)
    names = sorted(path.name for path in tmp_path.glob("step-*"))
    assert names == ["step-00000000.safetensors", "step-00000005.safetensors"]
    watch = On(epoch=lambda loop, _: seen.append(loop.epoch))
    fit(again, [anew(), watch], tmp_path, epochs=5)
    alike(again, whole)
    assert seen == [5], "the last epoch alone"


def test_the_mean_of_the_best_weights_survives_a_crash(tmp_path):
    optimizer = EMA(Adam(0.1), 0.8)
    whole, again = made(optimizer=optimizer), made(optimizer=optimizer)
    fit(whole, [EarlyStopping("val_loss", 3)], epochs=40)
    assert whole.history.stopped
    with pytest.raises(Crash):
        fit(
            made(optimizer=optimizer),
            [EarlyStopping("val_loss", 3), Crashes("epoch", whole.history.epochs)],
            tmp_path,
            epochs=40,
        )
    fit(again, [EarlyStopping("val_loss", 3)], tmp_path, epochs=40)
    alike(again, whole)
    for model in (whole, again):
        model.use_average()
    alike(again, whole)


def test_what_a_callback_had_set_before_ctrl_c_is_no_wish_of_the_user(tmp_path):
    """The same call goes on as it was, in this process and then in another; what the user sets counts."""

    def freezes():
        return On(epoch=lambda loop, result: loop.model.set(layer="dense1", frozen=loop.epoch % 2 == 1))

    whole, model, again = made(), made(), made()
    fit(whole, [freezes()])
    for _ in range(4):  # the second epoch of each of them is lost
        with pytest.raises(Crash):
            fit(model, [freezes(), Crashes("epoch", 2)], tmp_path)
    fit(again, [freezes()], tmp_path)
    alike(again, whole)
    fit(model, [freezes()], tmp_path)
    alike(model, whole)
    model.set(layer="dense1", frozen=True)
    fit(model, [], tmp_path, epochs=13)
    assert model.net.layers[1].frozen is True


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_checkpoint_that_is_loaded_as_a_model_trains_on(tmp_path, backend):
    """The optimizer's memory began anew, and steps were counted from 0."""
    model = made(backend)
    fit(model, [Checkpoint(tmp_path)], epochs=2, record=["dense3.b"])
    loaded = ln.load(max(tmp_path.glob("step-*")), backend=backend)
    assert loaded.state.step == model.state.step and list(loaded.history.steps) == ["dense3.b"]
    for each in (loaded, model):
        fit(each, epochs=2)
    alike(loaded, model)


def test_a_callback_may_compile_the_model_anew():
    """What ends a training put an optimizer back, or what one remembers, that was no more there."""

    def anew(optimizer):
        compile = ("categorical_crossentropy", optimizer, ["accuracy"])
        return On(epoch=lambda loop, _: loop.epoch == 2 and loop.model.compile(*compile))

    model = made(optimizer=EMA(SGD(0.1)))
    with pytest.warns(UserWarning, match="its memory begins anew"):
        fit(model, [EarlyStopping("val_loss", 1, min_delta=1.0), anew(SGD(0.1, 0.9))])
    assert list(model.state.memory) == ["velocity"]
    with pytest.warns(UserWarning, match="its memory begins anew"):
        model.fit_one_cycle(X, Y, epochs=3, max_lr=0.1, verbose=0, callbacks=[anew(Adam(0.2))])
    assert model.optimizer == Adam(0.2) and list(model.state.memory) == ["m", "v"]


def test_a_stop_in_the_middle_of_an_epoch_survives_a_crash(tmp_path):
    def stops():
        return On(step=lambda loop, measured: loop.stop("enough") if loop.steps == 7 else None)

    whole, again = made(), made()
    fit(whole, [stops()])
    assert whole.history.epochs == 2
    with pytest.raises(Crash):
        fit(made(), [Checkpoint(tmp_path, every_steps=1), stops(), Crashes("epoch", 2)], tmp_path)
    fit(again, [stops()], tmp_path)
    alike(again, whole)
    assert again.history.stopped == "enough"


def test_after_ctrl_c_the_same_call_goes_on_in_the_same_process(tmp_path):
    whole = made()
    fit(whole, several(tmp_path / "whole"), tmp_path / "whole")
    model, callbacks, at = made(), several(tmp_path / "run"), iter([2, 3, 7, 11, 12, 1000])

    class Interrupts(Callback):
        def begin(self, loop):
            self.at = next(at)

        def step(self, loop, measured):
            if loop.steps == self.at:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(model, [*callbacks, Interrupts()], tmp_path / "run")
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            fit(model, [Interrupts(), *callbacks], tmp_path / "run")
    fit(model, [*callbacks, Interrupts()], tmp_path / "run")
    alike(model, whole)


# --- what a training was ------------------------------------------------------------------------------


WEIGHTS = np.linspace(0.5, 1.5, len(X))
SEQUENCES, LABELS = RNG.normal(size=(40, 6, 2)), RNG.integers(0, 3, (40, 6))
MASK = np.arange(6) < RNG.integers(3, 7, (40, 1))
BASE = {
    "sample_weight": WEIGHTS,
    "class_weight": {0: 2.0},
    "accumulate": 2,
    "epochs": 2,
    "validate_every": 3,
}


def changed(array, row, value=7):
    array = array.copy()
    array[row] = value
    return array


def other_optimizer(optimizer):
    return lambda: made(optimizer=optimizer)


CHANGES = {
    # name: (what is different, what the message names)
    "a row of x": ({"x": changed(X, 3)}, r"data\.x\.content is '\w{16}' here, and '\w{16}' there"),
    "the last row of x": ({"x": changed(X, 71)}, r"data\.x\.content"),
    "x standardized": ({"x": (X - X.mean(0)) / X.std(0)}, r"data\.x\.content"),
    "x in another order": ({"x": X[::-1].copy()}, r"data\.x\.content"),
    "x in another precision": (
        {"x": X.astype("float32")},
        r"data\.x\.dtype is 'float32' here, and 'float64'",
    ),
    "fewer rows": (
        {"x": X[:80], "y": Y[:80], "sample_weight": WEIGHTS[:80]},
        r"data\.x\.shape.* is 64 here, and 72",
    ),
    "a label": ({"y": changed(Y, 5, (Y[5] + 1) % 3)}, r"data\.y\.content"),
    "one-hot labels": ({"y": np.eye(3)[Y]}, r"data\.y\.shape"),
    "labels in another order": ({"y": Y[::-1].copy()}, r"data\.y\.content"),
    "a row of validation": ({"x": changed(X, 80)}, r"validation_data\.x\.content"),
    "a label of validation": ({"y": changed(Y, 85, (Y[85] + 1) % 3)}, r"validation_data\.y\.content"),
    "a sample weight": ({"sample_weight": changed(WEIGHTS, 9)}, r"data\.sample_weight\.content"),
    "no sample weights": ({"sample_weight": None}, r"data\.sample_weight|validation_data\.sample_weight"),
    "a class weight": ({"class_weight": {0: 3.0}}, r"settings\.class_weight.* is 3.0 here, and 2.0 there"),
    "another class weight": ({"class_weight": {1: 2.0}}, r"settings\.class_weight is \{1: 2.0\} here"),
    "no class weights": ({"class_weight": None}, r"settings\.class_weight is None here"),
    "balanced": ({"class_weight": "balanced"}, r"settings\.class_weight is 'balanced' here, and \{0: 2.0\}"),
    "batch_size": ({"batch_size": 15}, r"settings\.batch_size is 15 here, and 16 there"),
    "shuffle": ({"shuffle": False}, r"settings\.shuffle is False here, and True there"),
    "accumulate": ({"accumulate": 1}, r"settings\.accumulate is 1 here, and 2 there"),
    "validate_every": ({"validate_every": None}, r"settings\.validate_every is None here, and 3 there"),
    "validation_split": (
        {"validation_split": 0.25},
        r"settings\.validation_split is 0.25 here, and 0.2 there",
    ),
    "validation_data": (
        {"validation_split": 0.0, "validation_data": (X[72:], Y[72:])},
        r"settings\.validation_split is 0.0 here",
    ),
    "no validation": (
        {"validation_split": 0.0, "validate_every": None},
        r"settings\.validate_every is None here",
    ),
    "a data set": (
        {"x": ln.data.Dataset.from_arrays(X, Y).batch(16), "batch_size": ...},
        r"settings\.batch_size is None here",
    ),
    "rate": (
        {"model": other_optimizer(Adam(0.04))},
        r"optimizer\.learning_rate is 0.04 here, and 0.05 there",
    ),
    "decay": (
        {"model": other_optimizer(Adam(0.05, weight_decay=0.1))},
        r"optimizer\.weight_decay is 0.1 here",
    ),
    "optimizer": ({"model": other_optimizer(SGD(0.05))}, r"optimizer is .*'SGD'"),
    "seed": ({"model": lambda: made(seed=2)}, "seed is 2 here, and 1 there"),
    "units": ({"model": lambda: made(units=7)}, r"net\.layers\[1\]\.units is 7 here, and 6 there"),
    "dtype": ({"model": lambda: made(dtype="float64")}, "dtype is 'float64' here, and 'float32' there"),
    "mixed precision": (
        {"model": lambda: made("jax:cpu", dtype="mixed_bfloat16")},
        r"settings\.mixed_bfloat16 is True here, and False there",
    ),
    "loss": ({"model": lambda: made(loss="categorical_hinge")}, "loss is .*'CategoricalHinge'"),
    "metrics": ({"model": lambda: measured(["accuracy", "f1_macro"])}, "metrics is .*'F1'"),
    "no metrics": ({"model": lambda: measured([])}, r"metrics is \[\] here"),
    "rule": ({"model": lambda: ruled("fa")}, "rule"),
}


def measured(metrics):
    model = made()
    model.compile("categorical_crossentropy", Adam(0.05), metrics)
    return model


def ruled(rule):
    model = made()
    model.compile("categorical_crossentropy", Adam(0.05), ["accuracy"], rule=rule)
    return model


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    folder = tmp_path_factory.mktemp("begun")
    fit(made(), [], folder, **BASE)
    return folder


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_different_is_named(begun, name):
    different, message = CHANGES[name]
    settings = BASE | {"epochs": 5} | different
    model = settings.pop("model", made)()
    if name == "a data set":
        settings |= {"y": None, "sample_weight": None, "validation_split": 0.0, "validation_data": (X, Y)}
    model.build((5,))
    before = model.get_weights()
    with pytest.raises((SettingError, DataError), match=rf"another training: {message}"):
        fit(model, [], begun, **settings)
    np.testing.assert_array_equal(model.get_weights(), before)
    assert not (begun / NAME).exists()


def test_what_is_the_same_in_another_form_is_no_difference(begun, tmp_path):
    """Lists, other orders in memory, NumPy's numbers; more epochs; other callbacks."""
    for path in begun.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    same = {
        "x": np.asfortranarray(X),
        "y": Y.tolist(),
        "sample_weight": WEIGHTS.tolist(),
        "class_weight": {np.int64(0): np.float64(2)},
    }
    one, two = made(), made()
    fit(
        one,
        [EarlyStopping("val_loss", 9), CSVLog(tmp_path / "log.csv")],
        tmp_path,
        **BASE | same | {"epochs": 4},
    )
    fit(two, **BASE | {"epochs": 4})
    assert one.history == two.history


def test_masks_and_several_inputs_are_compared(tmp_path):
    def model():
        made = ln.Model([Input((6, 2)), LSTM(3, return_sequences=True), Dense(3, "softmax")])
        made.compile("categorical_crossentropy", "adam")
        return made

    settings = {"epochs": 1, "verbose": 0, "resume": tmp_path}
    model().fit(SEQUENCES, LABELS, mask=MASK, **settings)
    for mask, message in ((None, "data.mask is None"), (changed(MASK, 3, True), "data.mask.content")):
        if mask is not None and MASK[3].all():
            mask = changed(MASK, 3, False)
        with pytest.raises(DataError, match=message):
            model().fit(SEQUENCES, LABELS, mask=mask, **settings)
    model().fit(SEQUENCES, LABELS, mask=MASK.sum(1), **settings | {"epochs": 2})


def test_data_sets_are_compared(tmp_path):
    def of(x, y, size=16, seed=2):
        return ln.data.Dataset.from_arrays(x, y).shuffle(seed).batch(size).prefetch()

    model = made()
    model.fit(of(X, Y), verbose=0, resume=tmp_path)
    for other, message in (
        (of(changed(X, 3), Y), "data.of.of.x.content"),
        (of(X, Y, 15), "data.size is 15 here, and 16 there"),
        (of(X, Y, seed=3), "data.of.seed is 3 here, and 2 there"),
    ):
        with pytest.raises(DataError, match=message):
            made().fit(other, epochs=2, verbose=0, resume=tmp_path)
    again, whole = made(), made()
    again.fit(of(X, Y), epochs=2, verbose=0, resume=tmp_path)
    whole.fit(of(X, Y), epochs=2, verbose=0)
    assert again.history == whole.history
    endless = ln.data.Dataset.from_iterator(iter([(X, Y)] * 9), 3).map(lambda x, y: (x, y))
    with pytest.raises(SettingError, match="resume: .* pass a function that returns a fresh one for each"):
        made().fit(endless, epochs=2, verbose=0, resume=tmp_path / "other")


def test_of_large_data_64_rows_are_looked_at():
    from lucidnet.data.fingerprint import of_arrays

    x = np.zeros((200_000, 8), "float32")
    found = of_arrays(x)
    looked = np.unique(np.linspace(0, len(x) - 1, 64).astype(int))
    for row in (0, looked[31], len(x) - 1):
        assert of_arrays(changed(x, row)) != found
    assert of_arrays(changed(x, 1)) == found, "as is documented"
    assert of_arrays({"a": x, "b": x[:3]})["b"]["shape"] == [3, 8]


def test_a_checkpoint_of_an_older_version_goes_on_with_one_warning(tmp_path):
    from lucidnet.interop import container

    fit(made(), [], tmp_path, epochs=2)
    for path in tmp_path.glob("step-*"):
        description, arrays = container.read(path)
        for name in ("facts", "run", "stopped"):
            del description["training"]["dict"][name]
        container.write(path, arrays, description)
    whole, again = made(), made()
    fit(whole, epochs=4)
    with pytest.warns(UserWarning, match="is of an older version, .* not checked, this once") as found:
        fit(again, [], tmp_path, epochs=3)
    assert len(found) == 1
    fit(again, [], tmp_path, epochs=4)  # what it wrote has all
    assert again.history == whole.history
    with pytest.raises(DataError, match=r"data\.x\.content"):
        fit(made(), [], tmp_path, epochs=5, x=changed(X, 0))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_does_not_go_on_leaves_the_model_as_it_was(tmp_path, backend):
    """Also if that is found out when the model has taken over what was written."""
    set_rate = On(epoch=lambda loop, result: loop.model.set(learning_rate=0.01))
    fit(made(backend), [EarlyStopping("val_loss", 5), set_rate], tmp_path, epochs=2)
    model, whole = made(backend), made(backend)
    for one in (model, whole):
        fit(one, epochs=1)
    before = model.history
    with pytest.raises(SettingError, match="EarlyStopping: monitor is"):
        fit(model, [EarlyStopping("val_accuracy", 5)], tmp_path, epochs=4)
    assert model.history is before and model.optimizer == Adam(0.05)
    alike(model, whole)
    for one in (model, whole):
        fit(one, epochs=1)
    alike(model, whole)


def test_a_callback_that_watches_another_number_does_not_go_on(tmp_path, capsys):
    fit(made(), [EarlyStopping("val_loss", 5)], tmp_path, epochs=2)
    with pytest.raises(
        SettingError, match="EarlyStopping: monitor is 'val_accuracy' here, and 'val_loss' in the"
    ):
        fit(made(), [EarlyStopping("val_accuracy", 5)], tmp_path, epochs=4)
    with pytest.raises(SettingError, match="EarlyStopping: mode is 'max' here, and 'min' in the checkpoint"):
        fit(made(), [EarlyStopping("val_loss", 5, mode="max")], tmp_path, epochs=4)
    two = [EarlyStopping("val_accuracy", 9), EarlyStopping("val_loss", 9, min_delta=0.1)]
    history = fit(made(), two, tmp_path, epochs=3)
    assert two[0].best == history["val_accuracy"][2], "a new one begins here"
    assert two[1].best <= min(history["val_loss"][:2]), "whatever the order"
    history, two = fit(made(), two[::-1], tmp_path, epochs=4), two[::-1]
    assert two[1].best == max(history["val_accuracy"][2:])
    capsys.readouterr()
    fit(made(), [], tmp_path, epochs=5, verbose=2)
    assert capsys.readouterr().out.startswith(
        "EarlyStopping is no more among the callbacks: what it remembered is"
    )


# --- whose the folder is ------------------------------------------------------------------------------


def test_a_second_training_in_the_folder_is_refused(tmp_path):
    refused, plain = [], made()

    def another(loop, result):
        for settings in ({"folder": tmp_path}, {"callbacks": [Checkpoint(tmp_path / "x" / "..")]}):
            with pytest.raises(FileError, match="another training writes there") as error:
                fit(made(), **settings)
            refused.append(str(error.value))

    (tmp_path / "x").mkdir()
    one = made()
    fit(one, [On(epoch=another)], tmp_path, epochs=2)
    assert len(refused) == 4
    assert (
        f"process {os.getpid()} on {socket.gethostname()}, for 0 s, last sign of life 0 s ago" in refused[0]
    )
    assert f"remove {tmp_path / NAME}" in refused[0]
    fit(plain, epochs=2)
    alike(one, plain)
    assert not (tmp_path / NAME).exists()


def test_several_checkpoints_of_one_training_share_the_folder(tmp_path):
    both = [Checkpoint(tmp_path, every_steps=2), Checkpoint(tmp_path, best="val_loss", every_epochs=None)]
    fit(made(), both, tmp_path, epochs=2)
    assert (tmp_path / "best.safetensors").exists()


def test_of_many_that_want_a_folder_one_gets_it(tmp_path):
    """Also over a lock that was left."""
    for round_ in range(8):
        (tmp_path / NAME).write_text(json.dumps(left(tmp_path, pid=2**22 + 1) if round_ % 2 else {}))
        os.utime(tmp_path / NAME, (0, 0))
        got, gate = [], threading.Barrier(6)

        def take(got=got, gate=gate):
            lock = FolderLock(tmp_path)
            gate.wait()
            try:
                lock.take()
            except FileError:
                return
            got.append(lock)

        threads = [threading.Thread(target=take) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (lock,) = got
        lock.release()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["lucidnet.core.lock.os.link", "lucidnet.core.lock.threading.Thread.start"])
def test_ctrl_c_leaves_no_lock(tmp_path, monkeypatch, place):
    """Before the file is in its place, and behind that."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(place, interrupted)
    with pytest.raises(KeyboardInterrupt), FolderLock(tmp_path):
        raise AssertionError("it was not taken")
    assert list(tmp_path.iterdir()) == []


def left(folder, **other):
    """What a lock says that a training of this process would have, or another one."""
    with FolderLock(folder) as lock:
        return json.loads(lock.path.read_text()) | other


@pytest.mark.parametrize(
    ("other", "age", "message"),
    [
        ({"pid": 2**22 + 1}, 5, "process 4194305 on .*: that process is gone"),
        ({"pid": 1, "began": "-1"}, 5, "process 1 on .*: that process is gone, and another has its number"),
        ({}, 5, "that is this process, which has left it"),
        ({"host": "elsewhere"}, LIMIT + 60, "process .* on elsewhere: it gave no sign of life for 11 min"),
        ({"system": "before"}, LIMIT + 60, "it gave no sign of life for 11 min"),
        (None, LIMIT + 60, "an unknown process: it gave no sign of life"),
        ({"host": "elsewhere"}, LIMIT - 60, None),
        ({"system": "before", "pid": 2**22 + 1}, 5, None),
        (None, 5, None),
    ],
)
def test_a_lock_that_was_left_is_taken_over(tmp_path, capsys, other, age, message):
    content = "not one of ours" if other is None else json.dumps(left(tmp_path) | other)
    (tmp_path / NAME).write_text(content)
    then = time.time() - age
    os.utime(tmp_path / NAME, (then, then))
    if message is None:
        title = "elsewhere" if other and "host" in other else ""
        with pytest.raises(FileError, match=f"another training writes there: .*{title}.*last sign of life"):
            fit(made(), [], tmp_path, epochs=1)
        assert (tmp_path / NAME).read_text() == content
        return
    fit(made(), [], tmp_path, epochs=1, verbose=2)
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"{tmp_path}: took over the lock of ")
    import re

    assert re.search(message, first)
    assert not (tmp_path / NAME).exists()


def test_who_lost_the_folder_is_told_and_what_vanished_is_made_again(tmp_path):
    def vanish(loop, result):
        (tmp_path / NAME).unlink()

    fit(made(), [On(epoch=vanish)], tmp_path, epochs=2)
    content = json.dumps(left(tmp_path, host="elsewhere"))

    def lose(loop, result):
        (tmp_path / NAME).write_text(content)

    with pytest.raises(FileError, match="another training writes there: process .* on elsewhere"):
        fit(made(), [On(epoch=lose)], tmp_path, epochs=3)
    assert (tmp_path / NAME).read_text() == content, "it is theirs"


@pytest.mark.parametrize("error", [Crash, KeyboardInterrupt, SystemExit, NonFiniteError])
def test_the_lock_goes_with_any_error(tmp_path, error):
    def fail(loop, result):
        assert (tmp_path / NAME).exists()
        raise error

    with pytest.raises(error):
        fit(made(), [On(epoch=fail)], tmp_path)
    assert not (tmp_path / NAME).exists()


def test_folders_that_cannot_be_are_refused_in_plain_words(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(FileError, match="a file stands where a folder should be"):
            fit(made(), [], folder)
    with pytest.raises((FileError, SettingError), match="null character|must be a path"):
        fit(made(), [], "a\0b")


def test_foreign_files_stay_and_do_no_harm(tmp_path):
    model = made()
    fit(model, epochs=1)
    model.save(tmp_path / "step-00000001.safetensors")  # somebody's models, by chance with such names
    model.save(tmp_path / "step-99999999.safetensors")
    for name in (
        "step-notes.safetensors",
        "step-1.safetensors",
        "step-00000002.safetensors.bak",
        "notes.txt",
    ):
        (tmp_path / name).write_text("mine")
    (tmp_path / "step-00000003.safetensors").mkdir()
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    whole, one = made(), made()
    fit(whole, epochs=6)
    fit(one, [Checkpoint(tmp_path, every_steps=1, keep=2)], tmp_path, epochs=3)
    fit(one, [Checkpoint(tmp_path, every_steps=1, keep=2)], tmp_path, epochs=6)
    alike(one, whole)
    assert {path: path.is_file() and path.read_bytes() for path in before} == before
    assert len(list(tmp_path.iterdir())) == len(before) + 2


@pytest.mark.parametrize("put_back", [0, 1e6])
def test_a_later_training_in_the_folder_prunes_only_its_own_and_is_gone_on_with(
    tmp_path, monkeypatch, put_back
):
    """Also if the clock was put back meanwhile."""
    fit(made(), [Checkpoint(tmp_path, keep=2)], epochs=8)
    first = {path: path.read_bytes() for path in tmp_path.iterdir()}
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - put_back)
    with pytest.raises(Crash):
        fit(made(), [Checkpoint(tmp_path, keep=2), Crashes("epoch", 4)], epochs=8)
    assert all(path.read_bytes() == content for path, content in first.items())
    assert len(list(tmp_path.iterdir())) == 4
    steps = []
    again, whole = made(), made()
    fit(again, [On(epoch=lambda loop, result: steps.append(loop.epoch))], tmp_path, epochs=8)
    assert steps == [4, 5, 6, 7, 8], "the second was gone on with, not the first, which had made more steps"
    fit(whole, epochs=8)
    alike(again, whole)


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    half = tmp_path / ".step-00000005.safetensors.0123abcd.safetensors"
    half.write_text("half")
    fit(made(), [], tmp_path, epochs=1)
    assert not half.exists()


def test_only_the_best_is_written_if_nothing_else_is_asked_for(tmp_path):
    best = Checkpoint(tmp_path, every_epochs=None, best="val_loss")
    fit(made(), [best], epochs=2)
    assert [path.name for path in tmp_path.iterdir()] == ["best.safetensors"]
    whole, again = made(), made()
    fit(whole, epochs=3)
    with pytest.raises(Crash):
        fit(made(), [best, Crashes("epoch", 3)], tmp_path, epochs=3)
    fit(again, [best], tmp_path, epochs=3)
    alike(again, whole)
    assert (tmp_path / "step-00000015.safetensors").exists(), "resume= writes the training all the same"


# --- weights -------------------------------------------------------------------------------------------


def crossentropy(model, x, y, weights):
    """By the formula: the sum of w_i L_i over the number of terms."""
    p = model.predict(x)
    found = -np.log(np.take_along_axis(p, y[..., None], -1)[..., 0])
    return float((weights * found).sum() / found.size)


def sequences():
    model = ln.Model([Input((6, 2)), LSTM(3, return_sequences=True), Dense(3, "softmax")], dtype="float64")
    model.compile("categorical_crossentropy", SGD(0.1))
    return model


def first_loss(model, x, y, **settings):
    """The loss of the first step, before which nothing has changed."""
    return model.fit(x, y, batch_size=len(x), verbose=0, **settings)["loss"][0]


@pytest.mark.parametrize("form", ["labels", "column", "one-hot"])
@pytest.mark.parametrize("n", [40, 6], ids=["n", "n == time"])
def test_each_time_step_has_the_weight_of_its_class(form, n):
    x, y, table = SEQUENCES[:n], LABELS[:n], np.array([0.5, 3.0, 1.0])
    given = {"labels": y, "column": y[..., None], "one-hot": np.eye(3)[y]}[form]
    model = sequences()
    expected = crossentropy(model, x, y, table[y])
    assert first_loss(sequences(), x, given, class_weight={0: 0.5, 1: 3.0}) == pytest.approx(
        expected, rel=1e-12
    )
    for own in (np.linspace(-1, 2, n), np.linspace(-1, 2, n * 6).reshape(n, 6)):
        whole = own if own.ndim == 2 else own[:, None]
        expected = crossentropy(model, x, y, table[y] * whole)
        found = first_loss(sequences(), x, given, class_weight={0: 0.5, 1: 3.0}, sample_weight=own)
        assert found == pytest.approx(expected, rel=1e-12)
        expected = crossentropy(model, x, y, np.broadcast_to(whole, y.shape))
        assert model.evaluate(x, given, sample_weight=own).loss == pytest.approx(expected, rel=1e-12)


def test_both_engines_weigh_alike():
    pytest.importorskip("jax")
    models = []
    for backend in BACKENDS:
        model = ln.Model(sequences().net, dtype="float64", backend=backend)
        model.compile("categorical_crossentropy", SGD(0.1))
        model.fit(
            SEQUENCES,
            LABELS,
            epochs=2,
            batch_size=9,
            verbose=0,
            mask=MASK,
            class_weight="balanced",
            sample_weight=np.linspace(-0.5, 2, 40),
            validation_split=0.2,
        )
        models.append(model)
    np.testing.assert_allclose(models[0].get_weights(), models[1].get_weights(), rtol=1e-9)
    for name, values in models[0].history.items():
        np.testing.assert_allclose(values, models[1].history[name], rtol=1e-9)


@pytest.mark.parametrize("absent", [False, True])
def test_balanced_is_scikit_learns(absent):
    found = pytest.importorskip("sklearn.utils.class_weight")
    y = np.array([0, 0, 0, 0, 2, 2, 0, 2, 0]) if absent else np.array([0, 0, 0, 0, 1, 2, 2, 0, 2])
    there = np.unique(y)
    theirs = dict(
        zip(there.tolist(), found.compute_class_weight("balanced", classes=there, y=y), strict=True)
    )
    x, one, two = X[:9], made(dtype="float64"), made(dtype="float64")
    for model, weight in ((one, "balanced"), (two, theirs)):
        fit(model, x=x, y=y, class_weight=weight, validation_split=0.0, epochs=2)
    np.testing.assert_allclose(one.get_weights(), two.get_weights(), rtol=1e-12)
    from lucidnet.data.weights import class_weighted

    data = made().checked(x, y)
    np.testing.assert_allclose(
        class_weighted(data, "balanced", (3,)).weights, found.compute_sample_weight("balanced", y), rtol=1e-6
    )


def test_balanced_counts_what_is_trained_on():
    """Not the rows of the validation, and not the time steps that the mask leaves out."""
    found = pytest.importorskip("sklearn.utils.class_weight")
    one, two = made(), made()
    fit(one, class_weight="balanced", validation_split=0.5)
    weights = found.compute_class_weight("balanced", classes=np.arange(3), y=Y[:45])
    fit(two, class_weight=dict(enumerate(weights)), validation_split=0.5)
    np.testing.assert_array_equal(one.get_weights(), two.get_weights())
    model, other = sequences(), sequences()
    weights = found.compute_class_weight("balanced", classes=np.arange(3), y=LABELS[MASK])
    for each, weight in ((model, "balanced"), (other, dict(enumerate(weights)))):
        each.fit(SEQUENCES, LABELS, mask=MASK, class_weight=weight, verbose=0)
    np.testing.assert_allclose(model.get_weights(), other.get_weights(), rtol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("ends", [True, False], ids=["ends", "sequences"])
@pytest.mark.parametrize("given", [True, False], ids=["given", "arises"])
def test_balanced_counts_where_the_output_does(given, ends, backend):
    """By a mask that a pooling has shortened, or that arises in the network; an empty sequence has no class."""
    found = pytest.importorskip("sklearn.utils.class_weight")
    if backend != "numpy":
        pytest.importorskip("jax")
    lengths, rng = np.array([6, 2, 0, 5, 4]), np.random.default_rng(0)
    mask = lengths[:, None] > np.arange(6)
    x, y = rng.normal(size=(5, 6, 2)) * mask[..., None], rng.integers(0, 3, 5 if ends else (5, 3))
    counts = lengths > 0 if ends else mask[:, 1::2]
    classes = np.unique(y[counts])
    weights = found.compute_class_weight("balanced", classes=classes, y=y[counts])
    theirs, after = dict(zip(classes.tolist(), weights, strict=True)), []
    assert set(np.unique(y)) == set(theirs)
    for weight in ("balanced", theirs):
        layers = [L.Input((6, 2)), *([] if given else [L.Masking()]), L.MaxPooling1D(2)]
        layers += [L.GRU(3, return_sequences=not ends), Dense(3, "softmax")]
        model = ln.Model(layers, seed=1, backend=backend, dtype="float64")
        model.compile("categorical_crossentropy")
        model.fit(x, y, mask=mask if given else None, class_weight=weight, verbose=0)
        after.append(model.get_weights())
    np.testing.assert_allclose(after[0], after[1], rtol=1e-12)
    assert not np.allclose(weights, found.compute_class_weight("balanced", classes=classes, y=y.ravel()))


@pytest.mark.parametrize("low", [0, -1])
def test_a_single_output_has_two_classes(low):
    """0 and 1; of a hinge -1 and 1, or 0 and 1, as the labels were written; one of them may be absent."""

    def weighed(y, weight, loss="hinge" if low else "binary_crossentropy"):
        model = ln.Model([Input(5), Dense(1, "linear" if low else "sigmoid")], dtype="float64")
        model.compile(loss, SGD(0.1))
        return first_loss(model, X[: len(y)], y, **weight)

    y = np.where(Y[:40] > 0, 1, low)
    own = {"sample_weight": np.where(y > 0, 3.0, 0.5)}
    assert weighed(y, {"class_weight": {low: 0.5, 1: 3.0}}) == pytest.approx(weighed(y, own))
    assert weighed(y > 0, {"class_weight": {0: 0.5, 1: 3.0}}) == pytest.approx(weighed(y, own))
    ones = np.ones(5)
    assert weighed(ones, {"class_weight": {low: 0.5, 1: 3.0}}) == pytest.approx(3 * weighed(ones, {}))


def test_absent_classes_may_be_named():
    y = np.where(Y == 2, 0, Y)
    one, two = made(), made()
    fit(one, y=y, class_weight={0: 1.0, 1: 2.0, 2: 5.0})
    fit(two, y=y, class_weight={1: 2.0})
    np.testing.assert_array_equal(one.get_weights(), two.get_weights())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"class_weight": {3: 1.0}}, r"class_weight names the classes \[3\], but the labels are \[0, 1, 2\]"),
        ({"class_weight": {"a": 1.0}}, r"class_weight names the classes \['a'\]"),
        ({"class_weight": {0: -1.0}}, "class_weight.*got .?0: -1.0"),
        ({"class_weight": {0: math.nan}}, "class_weight.*got .?0: nan"),
        ({"class_weight": {0: math.inf}}, "class_weight.*got .?0: inf"),
        ({"class_weight": {0: "much"}}, "class_weight.*got .?0: 'much'"),
        ({"class_weight": {0: True}}, "class_weight.*got .?0: True"),
        ({"class_weight": [1.0, 2.0, 3.0]}, "class_weight.* a dict"),
        ({"class_weight": "auto"}, "class_weight.* a dict.* got 'auto'"),
        (
            {"sample_weight": changed(WEIGHTS, 4, math.nan)},
            "90 finite numbers, one per example, .* NaN or infinity",
        ),
        ({"sample_weight": changed(WEIGHTS, 4, -math.inf)}, "90 finite numbers"),
        ({"sample_weight": changed(WEIGHTS, 4, 1e39)}, "90 finite numbers"),
        ({"sample_weight": WEIGHTS[:89]}, r"90 finite numbers, one per example, got shape \(89,\)"),
        ({"sample_weight": np.ones((90, 3))}, r"got shape \(90, 3\)"),
        ({"y": np.eye(3)[Y] * 0.5, "class_weight": "balanced"}, "each row of targets must be of one class"),
        (
            {"validation_data": (X, Y, Y > 1)},
            'for a mask write validation_data={"x": x, "y": y, "mask": mask}',
        ),
        ({"validation_data": (X, Y, None, None)}, "validation_data.*sample_weight.*got"),
        ({"validation_data": {"x": X}}, r"got the names \['x'\]"),
        ({"validation_data": {"x": X, "y": Y, "weights": Y}}, r"got the names \['weights', 'x', 'y'\]"),
        ({"validation_data": (X, Y, changed(WEIGHTS, 4, math.nan))}, "90 finite numbers"),
    ],
)
def test_weights_that_make_no_sense_are_refused(settings, message):
    with pytest.raises((SettingError, DataError), match=message.replace("{", r"\{").replace("}", r"\}")):
        fit(made(), **settings)


def test_rows_of_several_labels_and_numbers_have_no_class():
    model = ln.Model([Input(5), Dense(3, "sigmoid")])
    model.compile("binary_crossentropy", "sgd")
    with pytest.raises(DataError, match="rows of several classes"):
        model.fit(X, RNG.integers(0, 2, (90, 3)), class_weight={1: 2.0}, verbose=0)
    model = ln.Model([Input(5), Dense(1)])
    model.compile("mse", "sgd")
    with pytest.raises(DataError, match="targets of a single output are classes if"):
        model.fit(X, X[:, 0], class_weight={1: 2.0}, verbose=0)


def test_a_data_set_brings_its_own():
    dataset = ln.data.Dataset.from_arrays(X, Y).batch(16)
    one, two = made(), made()
    one.fit(dataset, class_weight={1: 3.0}, verbose=0)
    two.fit(X, Y, batch_size=16, shuffle=False, class_weight={1: 3.0}, verbose=0)
    np.testing.assert_array_equal(one.get_weights(), two.get_weights())
    for name, value in (("sample_weight", WEIGHTS), ("mask", Y), ("validation_split", 0.1)):
        with pytest.raises(SettingError, match=f"{name}: goes with arrays"):
            one.fit(dataset, verbose=0, **{name: value})
    with pytest.raises(SettingError, match="the classes of a data set are not counted"):
        one.fit(dataset, verbose=0, class_weight="balanced")


@pytest.mark.parametrize("own", [{}, {"sample_weight": WEIGHTS}], ids=["alone", "with sample weights"])
@pytest.mark.parametrize("weight", [None, {0: 5.0}, "balanced"])
def test_validation_is_weighted_alike_however_it_is_given(own, weight):
    cut, histories = 72, []
    part = {name: value[:cut] for name, value in own.items()}
    rest = tuple(value[cut:] for value in own.values())
    named = {"x": X[cut:], "y": Y[cut:], **{name: value[cut:] for name, value in own.items()}}
    for settings in (
        {**own, "validation_split": 0.2},
        {"x": X[:cut], "y": Y[:cut], **part, "validation_data": (X[cut:], Y[cut:], *rest)},
        {"x": X[:cut], "y": Y[:cut], **part, "validation_data": [X[cut:], Y[cut:], *rest]},
        {"x": X[:cut], "y": Y[:cut], **part, "validation_data": named},
    ):
        model = made()
        histories.append(fit(model, class_weight=weight, epochs=2, **settings))
    assert all(history == histories[0] for history in histories)
    ones = WEIGHTS[cut:] if own else np.ones(18)
    expected = crossentropy(model, X[cut:], Y[cut:], ones)
    assert histories[0]["val_loss"][-1] == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(X[cut:], Y[cut:], sample_weight=ones).loss == pytest.approx(expected, rel=1e-5)


def test_the_third_of_validation_data_is_a_weight_and_a_mask_goes_by_name():
    model, lengths = sequences(), MASK.sum(1)
    counts = np.arange(40) % 3  # whole numbers: weights, as in Keras
    by_weight = model.fit(SEQUENCES, LABELS, verbose=0, validation_data=(SEQUENCES, LABELS, counts))
    expected = crossentropy(model, SEQUENCES, LABELS, np.broadcast_to(counts[:, None], (40, 6)))
    assert by_weight["val_loss"][-1] == pytest.approx(expected)
    for mask in (MASK, lengths):
        given = {"x": SEQUENCES, "y": LABELS, "mask": mask}
        found = model.fit(SEQUENCES, LABELS, verbose=0, validation_data=given)["val_loss"][-1]
        assert found == pytest.approx(model.evaluate(SEQUENCES, LABELS, mask).loss)


def test_negative_weights_turn_the_slope_around():
    """As policy gradients need it: the step of -w is the opposite of that of w."""
    moves = []
    for weight in (WEIGHTS, -WEIGHTS):
        model = ln.Model([Input(5), Dense(3, "softmax")], dtype="float64")
        model.compile("categorical_crossentropy", SGD(0.1))
        model.build()
        before = model.get_weights()
        model.fit(X, Y, batch_size=90, sample_weight=weight, verbose=0)
        moves.append(model.get_weights() - before)
    np.testing.assert_allclose(moves[0], -moves[1], rtol=1e-9, atol=1e-15)


# --- which way is better ---------------------------------------------------------------------------------


def test_every_metric_knows_its_direction():
    for name in ln.metrics.KNOWN:
        metric = ln.metrics.get(name)
        assert metric.better == ("min" if metric.name in ("mae", "mse", "rmse") else "max"), name
    assert ln.metrics.several({"a": "mae", "b": "accuracy"})[0].better == "min"
    assert ln.metrics.several({"a": "mae", "b": "accuracy"})[1].better == "max"


def mape(y, prediction):
    """A function of one's own: nobody knows that small is good."""
    return float(np.abs(prediction - 1).mean())


WATCHERS = {
    "EarlyStopping": lambda folder, name, **mode: EarlyStopping(name, 2, **mode),
    "ReduceOnPlateau": lambda folder, name, **mode: ReduceOnPlateau(name, 0.5, 2, **mode),
    "Checkpoint": lambda folder, name, **mode: Checkpoint(folder, best=name, **mode),
}


@dataclass(frozen=True, repr=False)
class Mape(Mean):
    """A metric of one's own that does not say it either; a function could not be written to a checkpoint."""

    name = "mape"

    def update(self, state, y, prediction, sample_weight=None):
        return state[0] + len(prediction) * mape(y, prediction), state[1] + len(prediction)


@pytest.mark.parametrize("kind", WATCHERS)
@pytest.mark.parametrize("name", ["val_mape", "mape", "val_something"])
def test_a_number_of_ones_own_needs_a_mode(tmp_path, kind, name):
    for own in (mape, Mape()):
        model = measured(["accuracy", own])
        with pytest.raises(
            SettingError, match=f"{kind}: the number '{name}' .*: pass mode='min' or mode='max'"
        ):
            fit(model, [WATCHERS[kind](tmp_path, name)])
        assert model.state.step == 0
    if name == "val_something":
        with pytest.raises(SettingError, match="nothing named 'val_something' is measured"):
            fit(model, [WATCHERS[kind](tmp_path, name, mode="min")])
        return
    fit(model, [WATCHERS[kind](tmp_path, name, mode="min")], epochs=2)
    with pytest.raises(SettingError, match=f"{kind}: mode must be .*min.*max.*got 'small'"):
        WATCHERS[kind](tmp_path, name, mode="small")


def test_a_mode_without_a_number_is_refused(tmp_path):
    with pytest.raises(SettingError, match="name it, best="):
        Checkpoint(tmp_path, mode="min")


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_improving_number_of_ones_own_does_not_end_the_training(backend):
    model = made(backend)
    model.compile("categorical_crossentropy", Adam(0.05), [falling])
    history = fit(model, [EarlyStopping("falling", 2, mode="min")], epochs=6)
    assert history.epochs == 6 and history.stopped is None


COUNT = iter(range(10**6))


def falling(y, prediction):
    return -float(next(COUNT))


def told(values, kind, folder, **mode):
    """Let a callback see these numbers as val_accuracy; return it, the model, and its weights of each epoch."""
    callback, kept, numbers = WATCHERS[kind](folder, "val_accuracy", **mode), [], iter(values)

    class Tells(Callback):
        def epoch(self, loop, result):
            kept.append(loop.model.get_weights())
            callback.epoch(loop, ln.training.history.Result(val_accuracy=next(numbers)))

        def begin(self, loop):
            callback.begin(loop)

        def after_all(self, loop):
            callback.after_all(loop)

        def end(self, loop):
            callback.end(loop)

    model = made()
    fit(model, [Tells()], epochs=len(values))
    return model, kept


NAN = math.nan


@pytest.mark.parametrize(
    ("values", "best", "mode"),
    [
        ([NAN, 0.5, 0.4, NAN], 1, {}),
        ([NAN, NAN, 0.1, 0.2], 3, {}),
        ([0.3, NAN, 0.2, 0.1], 0, {}),
        ([0.3, 0.2, 0.1, NAN], 2, {"mode": "min"}),  # against what the metric says: honoured
        ([NAN, 0.2, NAN, 0.3], 1, {"mode": "min"}),
    ],
)
def test_nan_is_never_the_best(tmp_path, values, best, mode):
    _, kept = told(values, "Checkpoint", tmp_path, **mode)
    np.testing.assert_array_equal(ln.load(tmp_path / "best.safetensors").get_weights(), kept[best])
    callback = EarlyStopping("val_accuracy", 9, **mode)
    WATCHERS["kept"] = lambda *_, **__: callback
    model, kept = told(values, "kept", tmp_path, **mode)
    np.testing.assert_array_equal(model.get_weights(), kept[best])
    assert callback.best == values[best]


def test_only_nan_ends_the_training_and_brings_nothing_back(tmp_path):
    model, kept = told([NAN] * 3, "EarlyStopping", tmp_path)
    np.testing.assert_array_equal(model.get_weights(), kept[-1])
    assert model.history.stopped == "val_accuracy has not become better for 2 epochs"
    assert model.history.epochs == 2
    told([NAN] * 3, "Checkpoint", tmp_path)
    assert not (tmp_path / "best.safetensors").exists()
    model, _ = told([NAN] * 3, "ReduceOnPlateau", tmp_path)
    assert model.optimizer == Adam(0.05)


# --- files of others, and first steps --------------------------------------------------------------------


def test_two_runs_of_tensorboard_in_one_second_and_folder_keep_both(tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX")
    from lucidnet.callbacks import TensorBoard

    monkeypatch.setattr(time, "time", lambda: 1e9)
    callback = TensorBoard(tmp_path)
    for callbacks in (
        [callback],
        [callback],
        [TensorBoard(tmp_path)],
        [TensorBoard(tmp_path), TensorBoard(tmp_path)],
    ):
        fit(made(), callbacks, epochs=1)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 5 and len(set(sizes)) == 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("epochs_before", [0, 1])
def test_a_first_step_that_is_not_finite_leaves_all_as_it_was(backend, epochs_before):
    one, two = made(backend), made(backend)
    for model in (one, two):
        if epochs_before:
            fit(model, epochs=epochs_before)
        model.build()
    state, before = one.state, one.get_weights()
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError):
        fit(one, x=X * 1e30, sample_weight=np.full(90, 3e38), validation_split=0.0)
    assert one.state.step == state.step
    np.testing.assert_array_equal(one.get_weights(), before)
    fit(one, epochs=2)
    fit(two, epochs=2)
    assert one.get_weights().tobytes() == two.get_weights().tobytes()
    assert one.state.step == two.state.step


# --- killed -----------------------------------------------------------------------------------------------


ORDERS = [
    ("checkpoint", "stopping"),
    ("stopping", "checkpoint"),
    ("checkpoint", "plateau"),
    ("plateau", "checkpoint"),
    ("stopping", "plateau", "checkpoint"),
    ("checkpoint", "plateau", "stopping"),
]
SIGNALS = ["SIGKILL", "SIGTERM", "SIGINT"]
ENDS = {-9, 143, -15, 130, -2, 0}
"""How a process may end that was sent such a signal; 0 if it was complete."""
TORN = {-6, -11}
"""How XLA may end in Ctrl-C: that is a kill, too."""
DESERTED = {EXIT}
"""How a process ends when the other has gone."""


class Victims:
    """Trainings in processes of their own, which begin at once."""

    def __init__(self):
        script = Path(__file__).with_name("victim.py")
        self.process = subprocess.Popen(
            [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def numbers(self):
        return [int(number) for number in self.process.stdout.readline().split()]

    def run(self, backend, order, folder, out, kinds=(), rng=None, longest=0.0, port=None):
        """Make one training, one of its processes sent signals after random times.

        Returns the exit status of each process, and how many signals came.
        """
        self.process.stdin.write(json.dumps([backend, order, str(folder), str(out), port]) + "\n")
        self.process.stdin.flush()
        pid = (rng or random).choice(self.numbers())
        ended, sent = threading.Event(), []

        def send():
            for kind in kinds:
                if ended.wait(rng.uniform(0, longest)):
                    return
                with suppress(ProcessLookupError):  # the other of two is not there any more
                    os.kill(pid, getattr(signal, kind))
                    sent.append(kind)

        sender = threading.Thread(target=send)
        sender.start()
        codes = self.numbers()
        ended.set()
        sender.join()
        return codes, len(sent)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def victims():
    found = Victims()
    yield found
    found.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no kill -9")
@pytest.mark.parametrize(
    ("backend", "kills", "longest", "processes"),
    [
        ("numpy", 15, 0.25, 1),
        pytest.param("numpy", 700, 0.3, 1, marks=pytest.mark.slow),
        pytest.param("jax:cpu", 250, 2.0, 1, marks=pytest.mark.slow),
        pytest.param("jax:cpu", 50, 4.0, 2, marks=pytest.mark.slow),
    ],
)
def test_killed_at_any_moment_by_any_signal_it_goes_on(victims, tmp_path, backend, kills, longest, processes):
    """Real processes: the weights, the history and why it ended are those of a run that nobody disturbed."""
    if backend != "numpy":
        pytest.importorskip("jax")
    rng, calm, killed, runs = random.Random(1), {}, dict.fromkeys(SIGNALS, 0), 0
    allowed = ENDS | (TORN if backend != "numpy" else set()) | (DESERTED if processes > 1 else set())

    def run(name, *more):
        """Return how the processes ended and how many signals came, and what they found, once all is done."""
        out = tmp_path / f"{name}.json"
        port = free_port() if processes > 1 else None
        codes, sent = victims.run(backend, order, tmp_path / name, out, *more, port=port)
        assert len(codes) == processes and set(codes) <= allowed, (order, codes)
        if any(codes):
            return None, sent
        found = [
            json.loads(Path(f"{out}{end}").read_text()) for end in ([""] if port is None else [".0", ".1"])
        ]
        assert all(one == found[0] for one in found)
        return found[0], sent

    while sum(killed.values()) < kills or not all(killed.values()):
        order, kind = ORDERS[runs % len(ORDERS)], SIGNALS[runs // 2 % len(SIGNALS)]
        runs += 1
        if order not in calm:
            calm[order], _ = run(f"calm{runs}")
            assert calm[order] is not None
        # Ctrl-C comes several times, as a process that is alone goes on by itself.
        kinds = [kind] * (4 if kind == "SIGINT" and processes == 1 else 1)
        for _ in range(8):  # so that it ends, too
            found, sent = run(f"run{runs}", kinds, rng, longest)
            killed[kind] += sent
            if found is not None:
                break
        else:
            found, _ = run(f"run{runs}")
        assert found == calm[order], (order, kind)
        left = [path.name for path in (tmp_path / f"run{runs}").glob(".*")]
        left = [name for name in left if not name.startswith(f"{NAME}.")]
        assert left == [], "of half written checkpoints, and of locks, nothing is left"
    print(runs, killed)
