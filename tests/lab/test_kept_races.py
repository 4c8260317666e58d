"""Races that are interrupted, kept on disk, made by several processes, or run on streams."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.callbacks import Callback
from lucidnet.core.packing import from_bytes, to_bytes
from lucidnet.errors import FileError, LucidnetError, SettingError, Terminated
from lucidnet.lab import board as boards
from lucidnet.lab import load_race
from lucidnet.lab.running import Training, elsewhere
from lucidnet.layers import Dense, Input, LeakyRNN

X, Y = (part[:200] for part in ln.data.load("digits")[0])
WHO = {"backprop": "backprop", "fa, small rate": {"rule": "fa", "learning_rate": 1e-3}}


def model():
    made = ln.Model([Input(64), Dense(8, "tanh"), Dense(10, "softmax")])
    made.compile("categorical_crossentropy", "adam", ["accuracy"])
    return made


def race(who=WHO, data=(X, Y), **settings):
    return ln.race(model(), data, who, **{"seeds": 2, "epochs": 2, "verbose": 0} | settings)


def same(one, two):
    assert [(run.rule, run.seed, run.history, run.facts) for run in one.runs] == [
        (run.rule, run.seed, run.history, run.facts) for run in two.runs
    ]
    assert one.facts == two.facts and one.step_rows() == two.step_rows()


class Stop(Callback):
    """Presses Ctrl-C in the run with a number, at its second epoch."""

    def __init__(self, run):
        self.left = run

    def epoch(self, loop, result):
        if loop.epoch == 2:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


# --- Ctrl-C, and a folder -------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="signals are different there")
def test_sigterm_says_what_is_kept(tmp_path):
    class Ask(Stop):
        def epoch(self, loop, result):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Terminated, match="ended by SIGTERM; 1 of 4 runs are kept in"):
        race(callbacks=[Ask(3)], folder=tmp_path)
    assert [run.seed for run in load_race(tmp_path).runs] == [0]


def test_ctrl_c_keeps_what_is_finished(capsys):
    done = race(callbacks=[Stop(3)], verbose=1)
    assert [(run.rule, run.seed) for run in done.runs] == [("backprop", 0), ("backprop", 1)]
    assert done.stopped == "stopped by Ctrl-C after 2 of 4 runs"
    assert done.stopped in capsys.readouterr().out and done.stopped in str(done)
    with pytest.raises(KeyboardInterrupt):
        race(callbacks=[Stop(1)])


def test_it_goes_on_after_ctrl_c(tmp_path, monkeypatch):
    """The whole is bit for bit that of a race that nobody disturbed; finished runs are not made again."""
    whole = race(record="gradient_alignment")
    part = race(record="gradient_alignment", callbacks=lambda name, seed: [STOP], folder=tmp_path / "race")
    assert len(part.runs) == 3 and "they are kept in" in part.stopped
    fits = []
    fit = ln.Model.fit
    monkeypatch.setattr(ln.Model, "fit", lambda self, *a, **k: fits.append(self.seed) or fit(self, *a, **k))
    gone_on = race(record="gradient_alignment", callbacks=lambda name, seed: [STOP], folder=tmp_path / "race")
    assert fits == [1] and gone_on.stopped is None
    assert [run.history for run in gone_on.runs] == [run.history for run in whole.runs]
    assert gone_on.step_rows() == whole.step_rows()
    read = load_race(tmp_path / "race")
    assert {(run.rule, run.seed): run for run in read.runs} == {(r.rule, r.seed): r for r in gone_on.runs}
    assert read.facts == gone_on.facts
    fits.clear()
    assert len((read + race({"dfa": "dfa"}, record="gradient_alignment", callbacks=callbacks_of)).runs) == 6
    assert fits == [0, 1]


STOP = Stop(4)


def callbacks_of(name, seed):
    return [STOP]


def test_more_seeds_and_rules_in_the_same_folder(tmp_path):
    race(seeds=1, folder=tmp_path)
    more = race(WHO | {"dfa": "dfa"}, seeds=2, folder=tmp_path)
    same(more, race(WHO | {"dfa": "dfa"}, seeds=2))
    assert len(list(tmp_path.glob("*.race-run"))) == 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": (X + 1, Y)}, r"another race: race.data.x.content is '\w{16}' there, '\w{16}' here"),
        ({"data": (X, (Y + 1) % 10)}, "race.data.y.content"),
        ({"epochs": 3}, "settings.epochs is 2 there, 3 here"),
        ({"batch_size": 20}, "settings.batch_size is 64 there, 20 here"),
        ({"shuffle": False}, "race.settings is .* there, .*'shuffle': False.* here"),
        ({"sample_weight": np.ones(200)}, "race.data.sample_weight is None there"),
        ({"validation_data": (X[:9], Y[:9])}, "race.(settings|validation_data)"),
        ({"who": {"fa, small rate": {"rule": "fa", "learning_rate": 0.1}}}, r"called 'fa, small rate' there: .*optimizer is 'Adam\(\)' there, 'Adam\(0.1\)"),
        ({"who": {"backprop": "dfa"}}, "called 'backprop' there: backprop.rule is 'Rule.*' there, .* here"),
        ({"who": {"other": "fa"}, "data": (X[:99], Y[:99])}, r"data.x.shape\[0\] is 180 there, 89 here"),
    ],
)  # fmt: skip
def test_another_race_in_that_folder_is_an_error(tmp_path, settings, message):
    race(seeds=1, folder=tmp_path)
    with pytest.raises(SettingError, match=message):
        race(**{"seeds": 1, "folder": tmp_path} | settings)


def test_folders_that_cannot_be(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(FileError, match="is a file; name a folder"):
        race(folder=file)
    with pytest.raises(FileError, match="no finished runs"):
        load_race(tmp_path)
    with pytest.raises(SettingError, match="folder must be a path"):
        race(folder=3)
    race(seeds=1, folder=tmp_path)
    (path, *_) = sorted(tmp_path.glob("*.race-run"))
    content = path.read_bytes()
    for damaged in (content[:-1], b"", content[:100] + b"x" + content[101:]):
        path.write_bytes(damaged)
        with pytest.raises(FileError, match="damaged; remove it"):
            race(seeds=1, folder=tmp_path)


def test_a_file_with_the_right_hash_of_nonsense(tmp_path):
    """Whoever wrote it: one error that names the file, where it is read, and not later in a table."""
    race(seeds=1, folder=tmp_path)
    (path, *_) = sorted(tmp_path.glob("*.race-run"))
    held = from_bytes(path.read_bytes()[64:])
    for wrong in (
        *({"rule": rule} for rule in (None, 7, "")),
        *({"seed": seed} for seed in (None, 1.5, "0")),
        *({"history": history} for history in (None, {"loss": ["x"]}, {"loss": [1.0], "accuracy": []})),
        *({"steps": steps} for steps in ([], {"dense1.W": [(0, "x")]}, {"dense1.W": [("0", 1.0)]})),
        *({name: 7} for name in ("failed", "stopped", "facts", "race")),
        *({"facts": facts} for facts in ({"loss": np.zeros(3)}, {1: 2})),
        *({name: "7"} for name in ("seconds", "memory")),
        {"memory": float("nan")},
    ):
        for data in (to_bytes(held | wrong), to_bytes([held | wrong]), b"\xff" * 9):
            path.write_bytes(hashlib.sha256(data).hexdigest().encode() + data)
            with pytest.raises(FileError, match="; remove it, and the run is made anew") as error:
                load_race(tmp_path)
            assert error.value.file == str(path)


def test_one_race_at_a_time_in_a_folder(tmp_path):
    def again(name, seed):
        race(folder=tmp_path)

    with pytest.raises(FileError, match="another training writes there"):
        race(callbacks=again, folder=tmp_path)


# --- what is shown --------------------------------------------------------------------------------------


def test_a_bar_within_a_run(monkeypatch, capsys):
    """In a terminal the first run shows how far it is, long before it is finished."""
    seen = []

    class Watched(boards.LiveBoard):
        def tell(self, share, numbers):
            self.drawn = 0.0  # draws each time
            super().tell(share, numbers)

        def _draw(self, made, words=""):
            super()._draw(made, words)
            if words:
                seen.append((self.title, made, words.split("left  ")[1]))

    monkeypatch.setattr(boards, "LiveBoard", Watched)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    done = race(seeds=1, verbose=1)
    names, shares, numbers = zip(*seen, strict=True)
    assert list(dict.fromkeys(names)) == ["backprop, seed 0", "fa, small rate, seed 0"]
    steps = 2 * 3  # epochs, batches; small batches are trained on several at once
    made = np.round(np.array(shares) * steps, 9)
    assert (made == made.round()).all()
    assert (np.diff(made) > 0).all()
    assert made[-1] == 2 * steps
    assert {3, 6, 9, 12} <= set(made.tolist())  # after each epoch: three small batches are one call
    assert all(re.fullmatch(r"loss \S+, accuracy \S+", text) for text in numbers)
    assert capsys.readouterr().out.count("seed 0: loss") == len(done.runs)


def test_verbose_2_prints_epochs_and_0_nothing(capsys):
    race(seeds=1, verbose=2)
    assert len(re.findall(r"^epoch [12]/2 ", capsys.readouterr().out, re.M)) == 4
    race(seeds=1, verbose=0)
    assert capsys.readouterr().out == ""


# --- processes ------------------------------------------------------------------------------------------


def test_two_processes_give_the_same_numbers(tmp_path):
    pytest.importorskip("joblib")
    one = race(record="gradient_alignment")
    two = race(record="gradient_alignment", jobs=2, folder=tmp_path)
    same(one, two)
    same(one, race(record="gradient_alignment", folder=tmp_path))


def test_dask_on_a_local_cluster():
    joblib, distributed = pytest.importorskip("joblib"), pytest.importorskip("dask.distributed")
    settings = {"n_workers": 2, "threads_per_worker": 1}
    with (
        distributed.LocalCluster(dashboard_address=None, host="127.0.0.1", **settings) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        same(race(jobs=2), race())


def test_without_joblib(monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(LucidnetError, match=r"pip install 'lucidnet\[jobs\]'"):
        race(jobs=2)


@pytest.mark.skipif(os.name == "nt", reason="signals are different there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_to_a_script_with_processes(tmp_path, number):
    """What is finished is on disk and, after Ctrl-C, in the result; no traceback, and no process is left."""
    pytest.importorskip("joblib")
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import lucidnet as ln, sys
        from lucidnet.layers import Dense, Input
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        if __name__ == "__main__":
            model = ln.Model([Input(64), Dense(8, "tanh"), Dense(10, "softmax")])
            model.compile("categorical_crossentropy", "adam")
            who = {{"short": {{"callbacks": [ln.callbacks.EarlyStopping("loss", 1, mode="max")]}}, "long": "fa"}}
            done = ln.race(model, ln.data.load("digits"), who, seeds=1, epochs=100000, jobs=2, folder="runs")
            print(done.rules, done.stopped)
        """)
    )
    child = subprocess.Popen(
        [sys.executable, "-u", script], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    first = child.stdout.readline()
    child.send_signal(number)
    out, err = child.communicate(timeout=60)  # whoever is left would hold what they print to
    assert first.startswith("short, seed 0: loss")
    assert child.returncode == (0 if number == signal.SIGINT else 143), err
    stopped = "['short'] stopped by Ctrl-C after 1 of 2 runs; they are kept in runs" in out
    assert stopped == (number == signal.SIGINT)
    assert "Traceback" not in err
    assert [run.rule for run in load_race(tmp_path / "runs").runs] == ["short"]


class Gone(BaseException):
    """A process ended."""


@pytest.mark.skipif(os.name == "nt", reason="there a process knows its parent when that is gone, too")
def test_a_run_that_nobody_wants_any_more_ends_its_process(monkeypatch):
    """Killed at once, a race can tell its processes nothing."""

    def end(code):
        raise Gone(code)

    parents = [7]
    monkeypatch.setattr(os, "getppid", lambda: parents[-1])
    monkeypatch.setattr(os, "_exit", end)
    x, y = np.eye(4), np.eye(4)
    model = ln.Model([Input(4), Dense(4)])
    model.compile("mse", "sgd")
    epochs = ln.callbacks.On(epoch=lambda loop, result: parents.append(1) if loop.epoch == 3 else None)
    work = Training(x, y, {"epochs": 9, "batch_size": 4, "callbacks": [epochs]})
    given = "a", 0, model, {}, {}
    assert elsewhere(work, os.getpid(), *given).history.epochs == 9  # in this very process
    parents[:] = [7]
    with pytest.raises(Gone, match="143"):
        elsewhere(work, -1, *given)
    assert model.history.epochs == 12


# --- streams --------------------------------------------------------------------------------------------

XS = np.random.default_rng(0).normal(size=(60, 3, 2)).astype("float32")
YS = (np.cumsum(XS, 0)[..., :1] * 0.1).astype("float32")


def recurrent():
    made = ln.Model([Input((None, 2)), LeakyRNN(6, return_sequences=True), Dense(1)])
    made.compile("mse", ln.optimizers.SGD(0.05), ["mae"])
    return made


@pytest.mark.parametrize("how", [{"stretch": 20}, {"stretch": 20, "every": 2}, {"stretch": 20, "delay": 3}])
def test_an_online_race_is_learning_by_hand(how):
    done = ln.race(recurrent(), (XS, YS), ["rflo", "rtrl"], seeds=[5], verbose=0, online=how)
    settings = {key: value for key, value in how.items() if key != "stretch"}
    for rule in ("rflo", "rtrl"):
        made = ln.Model(recurrent().net, seed=5)
        made.compile("mse", ln.optimizers.SGD(0.05))
        learner = made.online(rule, **settings)
        outputs, losses = learner.run(XS), None
        made = ln.Model(recurrent().net, seed=5)
        made.compile("mse", ln.optimizers.SGD(0.05))
        learner = made.online(rule, **settings)
        outputs = learner.run(XS, YS)
        losses, delay = learner.losses, how.get("delay", 0)
        history = done.of(rule)[0].history
        for row in range(3):
            part = losses[20 * row : 20 * row + 20]
            np.testing.assert_allclose(history["loss"][row], np.nanmean(part), rtol=1e-6)
            times = np.arange(max(20 * row, delay), 20 * row + 20)
            error = np.abs(outputs[times - delay] - YS[times]).mean()
            np.testing.assert_allclose(history["mae"][row], error, rtol=1e-5)


def test_each_pass_over_a_stream_begins_anew():
    done = ln.race(recurrent(), (XS, YS), ["rtrl"], seeds=[5], epochs=2, verbose=0, online={"stretch": 60})
    made = ln.Model(recurrent().net, seed=5)
    made.compile("mse", ln.optimizers.SGD(0.05))
    learner, losses = made.online("rtrl"), []
    for _ in range(2):
        learner.reset()
        learner.run(XS, YS)
        losses.append(learner.losses.mean())
    np.testing.assert_allclose(done.runs[0].history["loss"], losses, rtol=1e-6)


def test_a_stream_that_a_function_gives():
    now = np.zeros_like(XS[0])

    def stream():
        for x, y in zip(XS, YS, strict=True):
            now[:] = x  # the same array at each time, as sensors fill it
            yield now, y

    given = ln.race(recurrent(), stream, ["rflo"], seeds=1, verbose=0, online={"stretch": 25})
    whole = ln.race(recurrent(), (XS, YS), ["rflo"], seeds=1, verbose=0, online={"stretch": 25})
    assert given.runs[0].history == whole.runs[0].history
    assert given.runs[0].history.epochs == 3


def test_rates_and_rules_online(tmp_path):
    who = {"slow": {"rule": "rflo", "learning_rate": 1e-4}, "fast": {"rule": "rflo", "learning_rate": 0.1}}
    settings = {"seeds": 1, "verbose": 0, "epochs": 2, "online": {"stretch": 30}, "folder": tmp_path}
    done = ln.race(recurrent(), (XS, YS), who, **settings)
    assert done.curves("fast", "loss").shape == (1, 4)
    assert done.of("fast")[0].last("loss") != done.of("slow")[0].last("loss")
    same(done, ln.race(recurrent(), (XS, YS), who, **settings))
    weights = np.zeros((60, 3))
    weights[:30] = 1
    some = ln.race(recurrent(), (XS, YS), who, **settings | {"folder": None, "sample_weight": weights})
    assert some.of("fast")[0].history["loss"][:1] == done.of("fast")[0].history["loss"][:1]
    assert some.of("fast")[0].history["loss"][1] == 0


@pytest.mark.parametrize(
    ("rules", "data", "settings", "message"),
    [
        (["bptt"], (XS, YS), {"online": True}, "BPTT.* cannot learn at each step of a stream"),
        (["rflo"], (XS, YS), {"online": {"often": 3}}, "online must be True, or a dict with some of every, delay"),
        (["rflo"], (XS, YS), {"online": {"every": 0}}, "online: every must be a whole number of 1 or more"),
        (["rflo"], (XS, YS), {"online": True, "mask": YS}, "mask has no meaning in an online race"),
        (["rflo"], (XS, YS[:9]), {"online": True}, "of one length, got shapes"),
        (["rflo"], ((XS, YS), (XS, YS)), {"online": True}, "has no validation data"),
        ({"a": {"batch_size": 3}}, (XS, YS), {"online": True}, "'a': batch_size have no meaning"),
        (["rflo"], lambda: iter([]), {"online": True}, "the stream gave nothing"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_online(rules, data, settings, message):
    with pytest.raises(LucidnetError, match=message):
        ln.race(recurrent(), data, rules, seeds=1, verbose=0, **settings)


def test_data_of_a_stream_that_would_lose_something_are_refused():
    hidden = np.ma.masked_array(XS, np.asarray(XS) > 0)
    with pytest.raises(LucidnetError, match="race: x is a masked array with .* values left out"):
        ln.race(recurrent(), (hidden, YS), ["rflo"], seeds=1, online=True, verbose=0)
