"""Several processes make the steps of one; what one that dies or hangs does to the others."""

import json
import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from devices import NETS

import lucidnet as ln
from lucidnet.backend.xla import meetings
from lucidnet.backend.xla.processes import EXIT, Watchdog, gathered
from lucidnet.callbacks import On
from lucidnet.errors import SettingError, WorkerError
from ports import free_port

pytest.importorskip("jax")

SCRIPT = Path(__file__).with_name("worker.py")
NAMES = "dense,batch normalization,masks,dropout"
LONG = 240
"""Seconds after which a test gives up on its processes."""
SOON = 15
"""Seconds in which those that are left must have ended; it takes one, but machines are busy."""


def start(count, names, folder="", how="", **environment):
    """Start processes that train together; the last, or another, ends as is said."""
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), port, str(count), str(index), names, str(folder), how],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]


def ended(processes):
    """Return what they printed and how they ended, the first of them first."""
    try:
        said = [process.communicate(timeout=LONG) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *texts) for process, texts in zip(processes, said, strict=True)]


def results(processes):
    """Return what processes found that ended well."""
    found = []
    for code, out, err in ended(processes):
        assert code == 0, err[-3000:]
        found.append(json.loads(out.splitlines()[-1]))
    return found


def same(one, other):
    for what in ("weights", "predictions", "steps"):
        a, b = np.array(one[what]), np.array(other[what])
        assert np.abs(a - b).max() <= 1e-12 * max(1, np.abs(a).max()), what
    for metric, values in one["history"].items():
        np.testing.assert_allclose(other["history"][metric], values, rtol=1e-11, err_msg=metric)


@pytest.fixture(scope="module")
def alone():
    (found,) = results(start(1, NAMES))
    return found


@pytest.mark.parametrize("count", [2, 4])
def test_processes_make_the_steps_of_one(alone, count):
    """Batches of 12 and, at the end of an epoch, 4, on 2 and on 4; weights, predictions, metrics."""
    for found in results(start(count, NAMES)):
        for name in NAMES.split(","):
            same(alone[name], found[name])


def one_sentence(text):
    """Say whether a process that gives up says why in one line, and nothing else: no traceback, no C++."""
    (line,) = text.splitlines()
    return line.startswith("error: process ") and "another process has gone" in line and "--resume" in line


def test_a_worker_is_killed_and_a_restart_with_another_number_comes_to_the_same_end(alone, tmp_path):
    """The script that is left does not catch the error."""
    (code, _, error), (killed, *_) = ended(start(2, "dense", tmp_path, "killed"))
    assert killed == -9
    assert code == EXIT and one_sentence(error), error
    assert sorted(path.name for path in tmp_path.iterdir())[-1] == "step-00000006.safetensors"
    (found,) = results(start(1, "dense", tmp_path))
    same(alone["dense"], found["dense"])


@pytest.mark.parametrize(
    ("count", "how"), [(3, "killed"), (2, "killed first"), (3, "killed first"), (2, "killed first sleeping")]
)
def test_the_others_end_soon_and_say_why(count, how):
    """Whichever was killed, and whether the others work together or on something of their own."""
    processes = start(count, "dense", "", how)
    gone = processes[0 if "first" in how else -1]
    gone.wait(LONG)
    began = time.monotonic()
    found = ended(processes)
    assert time.monotonic() - began < SOON
    for process, (code, out, error) in zip(processes, found, strict=True):
        if process is not gone:
            assert code == EXIT and one_sentence(error) and "{" not in out, error


@pytest.mark.parametrize("how", ["killed caught", "killed first caught"])
def test_a_script_may_catch_it_and_end_as_it_likes(how):
    processes = start(2, "dense", "", how)
    (code, out, error) = ended(processes)[1 if "first" in how else 0]
    assert code == 5 and not error, error
    assert out.splitlines()[-1].startswith("caught: process ")


def test_if_one_stops_all_stop_after_the_same_step(tmp_path):
    """Whoever it is; what else a callback changes in one process alone is an error in both."""
    one, other = results(start(2, "dense", tmp_path, "stops"))
    for name, found in one.items():
        assert [found[what] for what in ("step", "why")] == [other[name][what] for what in ("step", "why")], (
            name
        )
    expected = {
        "all": (5, "enough"),
        "one": (5, "process 1: enough"),
        "first": (8, "process 0: enough"),
        "at the end of an epoch": (4, "process 1: enough"),
        "another rate": (4, None),
        "other weights": (4, None),
    }
    for name, (step, why) in expected.items():
        assert (one[name]["step"], one[name]["why"]) == (step, why), name
    assert one["unseen"]["step"] in range(1, 5) and one["unseen"]["why"] == "process 0: unseen"
    assert "is not finite" in one["not finite"]["why"] and one["not finite"]["step"] == 0
    assert one["one row"] == other["one row"] and "output of layer 1 Dense(3)" in one["one row"]["error"]
    for found in (one, other):
        assert {name for name in found if found[name]["error"]} == {
            "another rate",
            "other weights",
            "one row",
        }
        assert (
            "is {} in process 0, and {'optimizer': {'learning_rate': 0.01}} in process 1; callbacks that"
            in (found["another rate"]["error"])
        )
        assert re.search(
            "weights is {.*} in process 0, and None in process 1", found["other weights"]["error"]
        )
    for name in ("all", "one", "first"):  # the step is that of a training alone
        layers, x, y = NETS["dense"]
        model = ln.Model(layers, seed=3, dtype="float64")
        model.compile("categorical_crossentropy", ln.optimizers.SGD(0.2, momentum=0.9))
        stop = On(
            step=lambda loop, _, at=one[name]["step"]: loop.stop("enough") if loop.steps == at else None
        )
        model.fit(x, y, epochs=3, batch_size=12, verbose=0, callbacks=stop)
        for found in (one, other):
            np.testing.assert_allclose(found[name]["weights"], model.get_weights(), rtol=1e-10, atol=1e-12)
    kept = ln.load(tmp_path / "first" / "step-00000008.safetensors")
    np.testing.assert_array_equal(kept.get_weights(), one["first"]["weights"])


@pytest.mark.parametrize("how", ["raises", "raises first", "exits"])
def test_a_script_with_an_error_of_its_own_does_not_wait_for_the_others(how):
    """It ends as it would alone; the others hear of it."""
    began = time.monotonic()
    found = ended(start(2, "dense", "", how))
    broken, other = found if "first" in how else found[::-1]
    assert time.monotonic() - began < LONG / 4
    assert broken[0] == (3 if how == "exits" else 1)
    assert ("ZeroDivisionError: of my own" in broken[2]) == ("raises" in how)
    assert not any(sign in broken[2] for sign in (".cc:", "absl", "Check failure"))
    assert other[0] == EXIT and one_sentence(other[2]), other[2]
    if how == "raises":  # the first alone knows how others ended
        assert "another process has gone (process 1: ZeroDivisionError: of my own). Start" in other[2]


@pytest.mark.parametrize("how", ["late", "late first"])
def test_one_that_ends_later_is_not_ended_by_the_others(how):
    """By more than the time after which a process counts as dead."""
    for code, out, error in ended(start(2, "dense", "", how)):
        assert code == 0 and "dense" in out and not error, error


@pytest.mark.parametrize("who", ["", " first"])
def test_sigterm_to_one_of_them_ends_all_in_order(alone, tmp_path, who):
    """All end after the same step, which is written down; then they go on to the same end."""
    for code, out, error in ended(start(2, "dense", tmp_path, f"terminated{who}")):
        assert code == 143 and not error and "{" not in out, error
    steps = sorted(int(path.stem[5:]) for path in tmp_path.iterdir())
    assert 7 <= steps[-1] < 12
    (found,) = results(start(1, "dense", tmp_path))
    same(alone["dense"], found["dense"])


def test_who_evaluates_alone_does_not_wait_for_ever():
    (code, _, error), (other, *_) = ended(start(2, "dense", "", "measures", LUCIDNET_STUCK_SECONDS="2"))
    assert code == EXIT and other == EXIT, error
    assert "the others did not come for 2 s" in error and "worker.py (agreeing)" in error, error


def test_a_worker_that_is_stuck_is_noticed():
    """It is stopped, not dead: its process answers nobody, but is there."""
    processes = start(2, "dense", "", "stuck", LUCIDNET_STUCK_SECONDS="3")
    processes[0].wait(LONG)
    processes[1].kill()  # who is stopped does not end
    (code, _, error), _ = ended(processes)
    assert code == EXIT and ("no step for 3 s" in error or "another process has gone" in error)


def test_the_watchdog():
    seen = []
    watchdog = Watchdog(0.05, seen.append)
    watchdog.thread.join(30)
    watchdog.close()
    assert seen == [EXIT]


class Board:
    """Stands in for the distributed runtime: texts by key."""

    def __init__(self):
        self.texts = {}

    def key_value_set(self, key, value, allow_overwrite=False):
        self.texts[key] = value

    def key_value_dir_get(self, prefix):
        return [(key, value) for key, value in self.texts.items() if key.startswith(prefix)]


class TestMeetings:
    """Two processes, for each of which an object stands here."""

    patience = 300.0

    @pytest.fixture
    def pair(self, monkeypatch):
        monkeypatch.setattr(meetings, "LONG", 0.0)
        monkeypatch.setattr(meetings, "EVERY", 0.01)
        self.said, self.board = {}, Board()
        return [
            meetings.Meetings(
                index,
                self.board,
                lambda thread: "line 1",
                partial(self.said.setdefault, index),
                self.patience,
            )
            for index in range(2)
        ]

    def wait(self, done):
        began = time.monotonic()
        while not done() and time.monotonic() - began < 30:
            time.sleep(0.01)
        assert done()

    def test_those_that_wait_for_different_things_are_ended(self, pair):
        with pair[0].at("evaluating"), pair[1].at("training"), pair[1].at("within that"):
            self.wait(lambda: len(self.said) == 2)
        there = "this one is at line 1 ({}), and process {} at line 1 ({}): " + meetings.ALL_CALL
        assert self.said[0] == there.format("evaluating", 1, "training")
        assert self.said[1] == there.format("training", 0, "evaluating")

    def test_those_that_wait_for_the_same_or_have_not_come_yet_are_not(self, pair):
        with pair[0].at("training"):
            with pair[1].at("training"):
                self.wait(lambda: len(self.board.texts) == 2)
                time.sleep(0.1)
            with pair[1].at("evaluating"):  # its second; the first has not ended yet
                self.wait(lambda: "evaluating" in self.board.texts["lucidnet/waits/1"])
                time.sleep(0.1)
        assert not self.said
        assert [*self.board.texts.values()] == ["", ""]

    @pytest.mark.parametrize("why", ["it ended", "it is late"])
    def test_who_does_not_come_is_not_waited_for_without_end(self, why, monkeypatch, request):
        """As where one process evaluates, and the other has ended, or does something of its own."""
        monkeypatch.setattr(meetings, "left", lambda: why == "it ended")
        self.patience = 0.05 if why == "it is late" else 300.0
        one, _ = request.getfixturevalue("pair")
        with one.at("evaluating"):
            self.wait(lambda: self.said)
        late = (
            "the others did not come for 0.05 s, so some process is stuck; this one is at line 1 (evaluating)"
        )
        assert late in self.said[0] if why == "it is late" else "another process has gone" in self.said[0]


class Others:
    """Stands in for what other processes send: turns this one's bytes into theirs."""

    def __init__(self, monkeypatch, change):
        from jax.experimental import multihost_utils

        self.change, self.sizes = change, []
        monkeypatch.setattr(multihost_utils, "process_allgather", self)

    def __call__(self, mine):
        self.sizes.append(len(mine))
        return np.stack([mine, self.change(mine.copy())])


def test_plain_data_are_gathered_short_or_long(monkeypatch):
    others = Others(monkeypatch, lambda mine: mine)
    short = (1, "a", None, {"n": np.arange(3)})
    assert repr(gathered(short)) == repr([short, short])
    long = [np.arange(5000.0), 1]
    one, other = gathered(long)
    assert np.array_equal(one[0], long[0]) and np.array_equal(other[0], long[0])
    assert others.sizes == [1024, 1024, 65536]


def test_what_cannot_be_sent_is_a_clear_error():
    with pytest.raises(SettingError, match=r"several processes: .* plain: value/seen: only numbers.*\{1\}"):
        gathered({"seen": {1}})


def test_hostile_bytes_are_one_clear_error(monkeypatch):
    """Whatever another process sends, nothing of it is run, and one error comes of it or plain data."""
    rng = np.random.default_rng(0)

    def change(mine):
        for _ in range(rng.integers(1, 5)):
            mine[rng.integers(8, 150)] = rng.integers(256)
        return mine

    Others(monkeypatch, change)
    caught = 0
    for _ in range(500):
        try:
            gathered([np.arange(4), {"a": (1, 2.5)}, "text", np.float32(2)], "hostile")
        except WorkerError as error:
            assert re.match("process 1 sent what cannot be read.*the same version", str(error))
            caught += 1
        except SettingError as error:
            assert re.match("several processes: this one is at .*, and process 1 at", str(error))
            caught += 1
    assert caught > 250


def test_who_is_somewhere_else_is_told_where(monkeypatch):
    """As where one process trains in a callback, and the others do not."""
    Others(monkeypatch, lambda mine: mine)
    assert gathered(1, "epoch") == [1, 1]
    Others(monkeypatch, lambda mine: np.frombuffer(mine.tobytes().replace(b"epoch", b"begin"), np.uint8))
    said = (
        r"this one is at line \d+ of test_processes.py, and process 1 at line \d+ of test_processes.py: what"
    )
    with pytest.raises(SettingError, match=said):
        gathered(1, "epoch")


@pytest.mark.parametrize("length", [0, 3, 1024, 5000, 2**40, 2**64 - 1])
def test_lengths_that_lie_are_one_clear_error(monkeypatch, length):
    def change(mine):
        mine[:8] = np.frombuffer(length.to_bytes(8, "little"), np.uint8)
        return mine

    Others(monkeypatch, change)
    with pytest.raises(WorkerError, match="process 1 sent what cannot be read.*the same version"):
        gathered([np.arange(4), "text"])


def test_what_is_missing_is_said():
    from lucidnet import distributed

    with pytest.raises(SettingError, match="HOST:PORT"):
        distributed.start("127.0.0.1:1", processes=2)
    with pytest.raises(SettingError, match="number 2 of 2"):
        distributed.start("127.0.0.1:1", 2, 2)
    for address in ("x", "127.0.0.1", "127.0.0.1:99999", ":1", "here:there", 5):
        with pytest.raises(
            SettingError, match="coordinator must be the address of the first process as HOST"
        ):
            distributed.start(address, 2, 0)
    with pytest.raises(SettingError, match="processes must be a whole number of 1 or more, got '2'"):
        distributed.start("127.0.0.1:1", "2", 0)
    with pytest.raises(SettingError, match="index must be a whole number of 0 or more, got -1"):
        distributed.start("127.0.0.1:1", 2, -1)
