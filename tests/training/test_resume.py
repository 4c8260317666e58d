"""Stopped and gone on with: the same weights and the same history, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.callbacks import Checkpoint, EarlyStopping
from lucidnet.errors import FileError, SettingError
from lucidnet.layers import LSTM, BatchNormalization, Dense, Dropout, Input
from lucidnet.optimizers import EMA, LBFGS, SGD, Adam
from stopping import Interruption, StopAt

(X, Y), _ = ln.data.load("digits")
X, Y = X[:330], Y[:330]
SEQUENCES = np.random.default_rng(0).normal(size=(24, 5, 3))


def classifier(optimizer="adam", rule="backprop", seed=4):
    layers = [
        Input(64),
        Dense(16, "relu"),
        BatchNormalization(),
        Dropout(0.3),
        Dense(12),
        Dense(10, "softmax"),
    ]
    model = ln.Model(layers, seed=seed)
    model.compile("categorical_crossentropy", optimizer, ["accuracy", "roc_auc"], rule=rule)
    return model


def stateful():
    model = ln.Model([Input((5, 3)), LSTM(4, return_sequences=True, stateful=True), Dense(1)])
    model.compile("mse", "adam")
    return model


CASES = {
    "adam": (classifier, {}),
    "momentum": (lambda: classifier(SGD(0.05, momentum=0.9, nesterov=True)), {}),
    "average": (lambda: classifier(EMA(Adam(), 0.9)), {}),
    "kolen-pollack": (lambda: classifier(SGD(0.05, momentum=0.9, weight_decay=0.01), "kp"), {}),
    "weight mirror": (lambda: classifier("adam", "wm"), {}),
    "accumulated": (classifier, {"accumulate": 3}),
    "data set": (classifier, {"data": True}),
}


def fit(model, callbacks=(), folder=None, data=False, **settings):
    source = (ln.data.Dataset.from_arrays(X, Y).shuffle(3).batch(32),) if data else (X, Y)
    named = {} if data else {"validation_split": 0.1}
    model.fit(*source, epochs=3, verbose=0, callbacks=callbacks, resume=folder, **named, **settings)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("stop", [3, 8, 11], ids=lambda step: f"after step {step}")
def test_gone_on_is_never_stopped(name, stop, tmp_path):
    make, settings = CASES[name]
    whole = make()
    fit(whole, **settings)
    saved = Checkpoint(tmp_path, every_steps=1)
    with pytest.raises(Interruption):
        fit(make(), [saved, StopAt(stop)], tmp_path, **settings)
    again = make()
    fit(again, [Checkpoint(tmp_path, every_steps=1)], tmp_path, **settings)
    assert again.get_weights().tobytes() == whole.get_weights().tobytes()
    assert again.history == whole.history
    assert again.state.step == whole.state.step
    for slot, values in whole.state.memory.items():
        np.testing.assert_array_equal(again.state.memory[slot], values)


def test_stateful_layers_go_on_in_their_states(tmp_path):
    y = SEQUENCES.sum(-1, keepdims=True)
    settings = {"batch_size": 4, "shuffle": False, "epochs": 2, "verbose": 0}
    whole, again = stateful(), stateful()
    whole.fit(SEQUENCES, y, **settings)
    with pytest.raises(Interruption):
        stateful().fit(
            SEQUENCES,
            y,
            callbacks=[Checkpoint(tmp_path, every_steps=1), StopAt(8)],
            resume=tmp_path,
            **settings,
        )
    again.fit(SEQUENCES, y, resume=tmp_path, **settings)
    assert again.get_weights().tobytes() == whole.get_weights().tobytes()
    assert again.history == whole.history


def test_metrics_whose_state_is_a_named_tuple_go_on(tmp_path):
    """R² in the middle of an epoch."""

    def make():
        model = ln.Model([Input(64), Dense(1)])
        model.compile("mse", "sgd", ["r2"])
        return model

    whole, again = make(), make()
    whole.fit(X, Y * 1.0, epochs=2, verbose=0)
    with pytest.raises(Interruption):
        callbacks = [Checkpoint(tmp_path, every_steps=1), StopAt(8)]
        make().fit(X, Y * 1.0, epochs=2, verbose=0, callbacks=callbacks, resume=tmp_path)
    again.fit(X, Y * 1.0, epochs=2, verbose=0, resume=tmp_path)
    assert again.history == whole.history


def test_lbfgs_keeps_its_pairs(tmp_path):
    def make():
        model = ln.Model([Input(64), Dense(10, "softmax", l2=1e-3)])
        model.compile("categorical_crossentropy", LBFGS())
        return model

    whole, again = make(), make()
    whole.fit(X, Y, epochs=6, verbose=0)
    make().fit(X, Y, epochs=4, verbose=0, resume=tmp_path)
    again.fit(X, Y, epochs=6, verbose=0, resume=tmp_path)
    assert again.get_weights().tobytes() == whole.get_weights().tobytes()


def test_early_stopping_remembers_its_best(tmp_path):
    def callbacks():
        return [EarlyStopping("val_loss", patience=2), Checkpoint(tmp_path)]

    whole, again = classifier(Adam(0.01)), classifier(Adam(0.01))
    whole.fit(X, Y, epochs=60, validation_split=0.3, verbose=0, callbacks=[EarlyStopping("val_loss", 2)])
    with pytest.raises(Interruption):
        classifier(Adam(0.01)).fit(
            X,
            Y,
            epochs=60,
            validation_split=0.3,
            verbose=0,
            callbacks=[*callbacks(), StopAt(20)],
            resume=tmp_path,
        )
    again.fit(X, Y, epochs=60, validation_split=0.3, verbose=0, callbacks=callbacks(), resume=tmp_path)
    assert again.history == whole.history
    assert 3 < whole.history.epochs < 60
    assert again.get_weights().tobytes() == whole.get_weights().tobytes()
    best = whole.history["val_loss"].index(min(whole.history["val_loss"]))
    assert whole.evaluate(X[231:], Y[231:]).loss == pytest.approx(whole.history["val_loss"][best], rel=1e-5)


def test_a_finished_training_is_left_as_it_is(tmp_path):
    one, two = classifier(), classifier()
    fit(one, folder=tmp_path)
    fit(two, folder=tmp_path)
    assert two.get_weights().tobytes() == one.get_weights().tobytes()
    assert two.history == one.history


def test_a_checkpoint_is_a_model(tmp_path):
    model = classifier()
    fit(model, [Checkpoint(tmp_path, best="val_loss")], tmp_path)
    paths = sorted(tmp_path.glob("step-*.safetensors"))
    assert len(paths) == 3
    loaded = ln.load(paths[-1])
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert ln.load(tmp_path / "best.safetensors").history.epochs <= 3


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: classifier(seed=5), "seed is 5 here, and 4 there"),
        (lambda: classifier("sgd"), r"optimizer.* is .*SGD"),
        (lambda: classifier(Adam(0.01)), "optimizer.learning_rate is 0.01 here, and 0.001 there"),
        (lambda: classifier(rule="fa"), "rule.space"),
    ],
)
def test_another_training_is_refused(other, message, tmp_path):
    fit(classifier(), folder=tmp_path)
    model = other()
    before = model.get_weights()
    with pytest.raises(SettingError, match=message):
        fit(model, folder=tmp_path)
    np.testing.assert_array_equal(model.get_weights(), before)


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    whole, again = classifier(), classifier()
    fit(whole, folder=tmp_path)
    newest = sorted(tmp_path.glob("step-*.safetensors"))[-1]
    newest.write_bytes(newest.read_bytes()[:-5])
    with pytest.warns(UserWarning, match=r"anew\. Going on from the checkpoint before it, step-00000020"):
        fit(again, folder=tmp_path)
    assert again.get_weights().tobytes() == whole.get_weights().tobytes()
    for path in tmp_path.glob("step-*.safetensors"):
        path.write_bytes(b"nothing")
    with pytest.raises(
        FileError, match="all its checkpoints are damaged: .*step-"
    ):  # and nothing else is said
        fit(classifier(), folder=tmp_path)


def test_an_unwritable_folder_says_so(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    model = classifier()
    with pytest.raises((FileError, OSError), match="file"):
        fit(model, folder=tmp_path / "file" / "run")


FULL = """
import resource, sys
import numpy as np
import lucidnet as ln
from lucidnet.errors import FileError
x, y = np.ones((8, 400), "float32"), np.zeros(8, int)
model = ln.Model([ln.layers.Input(400), ln.layers.Dense(100), ln.layers.Dense(2, "softmax")], seed=0)
model.compile("categorical_crossentropy", "adam")
model.fit(x, y, epochs=2, verbose=0, resume=sys.argv[1])
before = sorted(p.name for p in __import__("pathlib").Path(sys.argv[1]).iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
__import__("signal").signal(__import__("signal").SIGXFSZ, __import__("signal").SIG_IGN)
try:
    model = ln.Model([ln.layers.Input(400), ln.layers.Dense(100), ln.layers.Dense(2, "softmax")], seed=0)
    model.compile("categorical_crossentropy", "adam")
    model.fit(x, y, epochs=3, verbose=0, resume=sys.argv[1])
except FileError as error:
    print(error)
after = sorted(p.name for p in __import__("pathlib").Path(sys.argv[1]).iterdir())
assert before == after, (before, after)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the size of files")
def test_a_full_disk_keeps_what_was_there(tmp_path):
    run = subprocess.run([sys.executable, "-c", FULL, tmp_path], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "step-" in run.stdout


CHILD = """
import sys
import numpy as np
import lucidnet as ln
rng = np.random.default_rng(0)
x, y = rng.normal(size=(400, 8)), rng.integers(0, 3, 400)
model = ln.Model([ln.layers.Input(8), ln.layers.Dense(12, "tanh"), ln.layers.Dropout(0.2), ln.layers.Dense(3, "softmax")])
model.compile("categorical_crossentropy", "adam", ["accuracy"])
checkpoint = ln.callbacks.Checkpoint(sys.argv[1], every_steps=5, keep=2)
model.fit(x, y, epochs=50, batch_size=16, verbose=0, callbacks=[checkpoint], resume=sys.argv[1])
model.save(sys.argv[2])
"""


def run_until_done(folder, kills, rng):
    """Run the child; kill it after random times, until it has been killed often enough; return its file."""
    out, killed = folder / "final.safetensors", 0
    while True:
        child = subprocess.Popen([sys.executable, "-c", CHILD, folder / "run", out])
        if killed < kills:
            time.sleep(rng.uniform(0.25, 0.8))
            child.send_signal(signal.SIGKILL)
        code = child.wait()
        if code == 0:
            return out, killed
        assert code == -signal.SIGKILL
        killed += 1


@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9")
@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_at_any_moment_it_goes_on(kills, tmp_path):
    """Real processes, killed at random moments: the weights are those of a run that nobody disturbed."""
    rng, done = random.Random(0), 0
    calm, _ = run_until_done(_made(tmp_path / "calm"), 0, rng)
    expected = ln.load(calm)
    for attempt in range(kills):
        if done >= kills:
            break
        out, killed = run_until_done(_made(tmp_path / f"run{attempt}"), min(4, kills - done), rng)
        done += killed
        model = ln.load(out)
        assert model.get_weights().tobytes() == expected.get_weights().tobytes()
        assert model.history == expected.history
    assert done >= kills


def _made(folder):
    folder.mkdir()
    return folder
