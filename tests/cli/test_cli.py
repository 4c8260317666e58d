"""The command line, as a person uses it."""

import csv
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

import lucidnet as ln
from lucidnet import cli
from lucidnet.cli.app import app
from lucidnet.errors import LucidnetError

QUICK = ["--hidden", "32", "--epochs", "3"]


def run(*arguments, ok=True):
    """Run in this process; return what was printed."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if ok:
        assert result.exit_code == 0, result.output + repr(result.exception)
    elif isinstance(result.exception, LucidnetError):
        return str(result.exception)
    return result.output


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "digits.safetensors"
    run("train", "digits", *QUICK, "--epochs", "20", "--save", path)
    return path


class TestTrain:
    """`lucidnet train`."""

    def test_it_says_where_two_threads_would_pay(self, monkeypatch):
        pytest.importorskip("threadpoolctl")
        monkeypatch.setattr("lucidnet.cli.train.cores", lambda: 2)
        told, small = "--backend numpy --devices 2", ["train", "digits", *QUICK, "--epochs", "1"]
        assert told not in run(*small)
        monkeypatch.setattr("lucidnet.cli.train.PAYS", 64 * 2410)  # examples of a batch times weights
        assert told in run(*small)
        assert told not in run(*small, "--quiet")
        assert told not in run(*small, "--backend", "numpy", "--devices", "2")

    def test_what_it_prints(self):
        text = run("train", "digits", *QUICK)
        assert "digits: 1438 training and 359 test examples, 64 inputs, 10 classes" in text
        assert re.search(r"dense1 +Dense\(32, ReLU\(\)", text)
        assert len(re.findall(r"^epoch \d/3 .*val_accuracy 0\.\d+$", text, re.M)) == 3
        assert re.search(r"^training +\d\.\d+ +0\.\d+$", text, re.M)
        assert re.search(r"^test +\d\.\d+ +0\.\d+$", text, re.M)
        assert "3 epochs in" in text

    def test_quiet(self):
        text = run("train", "digits", *QUICK, "--quiet")
        assert "epoch 1" not in text
        assert "test" in text

    @pytest.mark.parametrize("optimizer", ln.optimizers.KNOWN)
    def test_every_optimizer_takes_a_rate(self, optimizer):
        assert "test" in run(
            "train", "digits", "--optimizer", optimizer, "--lr", 0.01, "--epochs", 1, "--quiet"
        )

    def test_the_seed_repeats_the_run(self):
        texts = [run("train", "digits", *QUICK, "--quiet", "--seed", seed) for seed in (1, 1, 2)]
        one, same, other = (re.sub(r"in [\d.]+ s", "", text) for text in texts)
        assert one == same != other

    @pytest.mark.parametrize(
        "options",
        [
            ["--optimizer", "sgd", "--lr", 0.1, "--momentum", 0.9, "--activation", "tanh"],
            [
                "--optimizer",
                "rmsprop",
                "--dropout",
                0.2,
                "--batch-size",
                128,
                "--initializer",
                "glorot_uniform",
            ],
            ["--hidden", "", "--validation", 0],
        ],
    )
    def test_options(self, options):
        assert "accuracy" in run("train", "digits", *QUICK, *options)

    def test_a_cycle_a_rule_and_a_folder_to_go_on_from(self, tmp_path):
        run(
            "train",
            "digits",
            *QUICK,
            "--one-cycle",
            "0.02",
            "--rule",
            "fa",
            "--save",
            tmp_path / "a.safetensors",
        )
        model = ln.load(tmp_path / "a.safetensors")
        assert type(model.rule.space).__name__ == "FeedbackAlignment"
        assert list(model.feedback) == ["dense2"]
        for epochs in ("1", "3"):
            folder, out = tmp_path / "run", tmp_path / f"{epochs}.safetensors"
            run("train", "digits", *QUICK, "--epochs", epochs, "--resume", folder, "--save", out)
        run("train", "digits", *QUICK, "--save", tmp_path / "whole.safetensors")
        whole, resumed = (ln.load(tmp_path / f"{name}.safetensors") for name in ("whole", "3"))
        np.testing.assert_array_equal(whole.get_weights(), resumed.get_weights())

    def test_mnist_as_in_the_readme(self, data_folder):
        options = [
            "--hidden",
            "100,50",
            "--optimizer",
            "sgd",
            "--lr",
            "0.02",
            "--batch-size",
            "10",
            "--epochs",
            "2",
        ]
        text = run("train", "mnist", *options, "--quiet")
        assert float(re.search(r"^test +\S+ +(\S+)$", text, re.M)[1]) > 0.95

    def test_numbers_from_a_csv_file(self, tmp_path):
        x = np.random.default_rng(0).normal(size=(300, 2))
        path = tmp_path / "plane.csv"
        np.savetxt(path, np.c_[x, x @ [1.0, -2.0] + 0.5], delimiter=",", header="a,b,y", comments="")
        text = run("train", path, "--hidden", "8", "--epochs", "60", "--lr", "0.02", "--quiet")
        r2 = float(re.search(r"^test .* (\S+)$", text, re.M)[1])
        assert r2 > 0.95

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["digit"], "unknown data set 'digit', and no such file: did you mean 'digits'"),
            (
                ["digits", "--hidden", "a,b"],
                "--hidden: expected whole numbers with commas, as in 128,64, got 'a,b'",
            ),
            (["digits", "--hidden", "0"], "units must be a whole number of 1 or more, got 0"),
            (["digits", "--momentum", 0.9], "--momentum is for sgd, rmsprop and muon, not for adam"),
            (["digits", "--optimizer", "sdg"], "unknown optimizer 'sdg': did you mean 'sgd'"),
            (["digits", "--activation", "rell"], "unknown activation 'rell': did you mean 'relu'"),
            (["digits", "--lr", -1], "learning_rate must be at least 0, got -1"),
            (["digits", "--epochs", 0], "epochs must be a whole number of 1 or more, got 0"),
            (["digits", "--save", "/none/x.safetensors"], "/none does not exist or cannot be written to"),
            (["digits", "--plot", "x.jpgg"], "no picture format has the suffix '.jpgg'"),
        ],
    )
    def test_errors(self, options, message):
        assert message in run("train", *options, ok=False)

    def test_an_error_is_one_line_without_traceback(self):
        result = subprocess.run(
            [sys.executable, "-m", "lucidnet", "train", "digit"], capture_output=True, text=True
        )
        assert result.returncode == 2
        assert result.stdout == ""
        assert result.stderr.startswith("error: unknown data set 'digit'")
        assert result.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="signals are different there")
def test_ctrl_c_keeps_what_was_learned(tmp_path):
    path = tmp_path / "kept.safetensors"
    command = [
        sys.executable,
        "-u",
        "-m",
        "lucidnet",
        "train",
        "digits",
        "--epochs",
        "100000",
        "--save",
        path,
    ]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in child.stdout:
        if line.startswith("epoch"):
            break
    time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "stopped by Ctrl-C after" in out
    assert "what was learned is kept" in out
    assert "Traceback" not in err
    assert ln.load(path).history["accuracy"][-1] > 0.2, "better than chance from the first epoch on"


def test_a_second_ctrl_c_while_the_result_is_measured_loses_nothing(tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(ln.Model, "evaluate", interrupted)
    path = tmp_path / "kept.safetensors"
    words = ["train", "digits", "--epochs", "1", "--hidden", "2", "--quiet", "--save", str(path)]
    assert CliRunner().invoke(app, words).exit_code == 130
    assert ln.load(path).history.epochs == 1


@pytest.mark.skipif(os.name == "nt", reason="signals are different there")
@pytest.mark.parametrize("words", [["-m", "lucidnet"], ["lucidnet"], ["-c", "import lucidnet"]])
def test_ctrl_c_while_it_is_imported(tmp_path, words):
    """In place of NumPy, the first thing that takes long: a module that presses Ctrl-C."""
    (tmp_path / "numpy.py").write_text(
        "import atexit, os, signal, time\n"
        "atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"  # once more, while all ends
        "os.kill(os.getpid(), signal.SIGINT); time.sleep(9)"
    )
    (tmp_path / "lucidnet").write_text("from lucidnet.cli import main\nmain()\n")
    source = os.path.dirname(os.path.dirname(ln.__file__))
    paths = {"PYTHONPATH": os.pathsep.join([str(tmp_path), source])}
    child = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=tmp_path, env=os.environ | paths
    )
    if words[0] == "-c":  # a person's own program
        assert child.returncode != 130 and "KeyboardInterrupt" in child.stderr
    else:
        assert (child.returncode, child.stdout, child.stderr) == (130, "", "")


@pytest.mark.skipif(os.name == "nt", reason="signals are different there")
@pytest.mark.parametrize("backend", ["numpy", "jax:cpu"])
def test_sigterm_finishes_the_step_and_saves(tmp_path, backend):
    if backend != "numpy":
        pytest.importorskip("jax")
    path, folder = tmp_path / "kept.safetensors", tmp_path / "run"
    words = [
        "train",
        "digits",
        "--epochs",
        "100000",
        "--backend",
        backend,
        "--save",
        path,
        "--resume",
        folder,
    ]
    child = subprocess.Popen(
        [sys.executable, "-u", "-m", "lucidnet", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in child.stdout:
        if line.startswith("epoch"):
            break
    time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 143, err
    (line,) = err.splitlines()
    step = int(re.match(r"ended by SIGTERM after step (\d+); with --resume", line)[1])
    assert str(folder) in line and (folder / f"step-{step:08}.safetensors").exists()
    kept, written = ln.load(path), ln.load(folder / f"step-{step:08}.safetensors")
    assert np.array_equal(kept.get_weights(), written.get_weights())


def test_two_processes_write_the_same_bytes(tmp_path):
    """The same seed on the same machine: every bit of the weights, and of the history."""
    paths = [tmp_path / f"{i}.safetensors" for i in range(2)]
    for path in paths:
        command = [
            sys.executable,
            "-m",
            "lucidnet",
            "train",
            "digits",
            *QUICK,
            "--dropout",
            "0.2",
            "--save",
            path,
        ]
        subprocess.run(command, check=True, capture_output=True)
    assert paths[0].read_bytes() == paths[1].read_bytes()


class TestUse:
    """What can be done with a saved model."""

    def test_info(self, file):
        text = run("info", file)
        for part in (
            "CategoricalCrossentropy()",
            "Adam()",
            "trained on   digits",
            "20 epochs, the last with loss",
        ):
            assert part in text

    def test_evaluate_prints_what_training_printed(self, tmp_path):
        path = tmp_path / "m.safetensors"
        trained = run("train", "digits", *QUICK, "--quiet", "--save", path)
        numbers = re.search(r"^test +(\S+) +(\S+)$", trained, re.M).groups()
        text = run("evaluate", path, "--plot", tmp_path / "confusion.png")
        assert re.search(r"^test of digits +(\S+) +(\S+)$", text, re.M).groups() == numbers
        assert (tmp_path / "confusion.png").stat().st_size > 1000

    def test_predict(self, file, tmp_path):
        out = tmp_path / "p.csv"
        text = run("predict", file, "digits", "--rows", 3, "--out", out)
        assert "359 predictions written" in text
        with out.open() as stream:
            rows = list(csv.DictReader(stream))
        (_, _), (x_test, y_test) = ln.data.load("digits")
        expected = ln.load(file).predict(x_test).argmax(-1)
        assert [int(row["predicted"]) for row in rows] == expected.tolist()
        assert [int(row["target"]) for row in rows] == y_test.tolist()

    @pytest.mark.parametrize("what", ["overview", "curves", "weights", "heat", "confusion", "mistakes"])
    def test_plot(self, file, tmp_path, what):
        out = tmp_path / "p.png"
        assert f"{what} drawn to" in run("plot", file, out, "--what", what)
        assert out.read_bytes().startswith(b"\x89PNG")

    def test_plot_errors(self, file, tmp_path):
        assert "unknown layer 'dens': did you mean 'dense" in run(
            "plot", file, tmp_path / "p.png", "--what", "heat", "--layer", "dens", ok=False
        )

    def test_check_of_a_model(self, file):
        assert "1 of 1 passed" in run("check", file)

    def test_damaged_file(self, file, tmp_path):
        bad = tmp_path / "bad.safetensors"
        bad.write_bytes(file.read_bytes()[:-1])
        assert "the file is damaged" in run("info", bad, ok=False)


def test_check_lists_everything():
    text = run("check")
    for name in (
        "Dense(3)",
        "Residual",
        "GELU()",
        "Softmax()",
        "Huber(0.7)",
        "KLDivergence",
        "Conv2D",
        "FeedbackAl",
    ):
        assert name in text
    assert re.search(r"(\d+) of \1 passed", text)
    assert "FAILED" not in text


def test_check_says_what_is_wrong(monkeypatch):
    monkeypatch.setattr(
        ln.layers.Tanh, "backward", lambda self, params, y, dy, need_dx=True: (-dy * (1 - y * y), {})
    )
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 1
    assert "FAILED" in result.output
    assert "the sign is wrong" in result.output


def test_help_and_module():
    for command in ([], ["train"], ["plot"]):
        result = subprocess.run(
            [sys.executable, "-m", "lucidnet", *command, "--help"], capture_output=True, text=True, check=True
        )
        assert "Usage" in result.stdout
    assert cli.main


class TestRules:
    def test_a_race(self, tmp_path):
        picture, table = tmp_path / "race.png", tmp_path / "race.csv"
        options = ["--rules", "backprop, fa", "--seeds", 2, "--epochs", 1, "--plot", picture, "--csv", table]
        out = run("race", "digits", *options)
        lines = [line for line in out.splitlines() if line.startswith(("backprop", "fa"))]
        assert [line.split(":")[0] for line in lines[:4]] == [
            "backprop, seed 0",
            "backprop, seed 1",
            "fa, seed 0",
            "fa, seed 1",
        ]
        assert "±" in lines[-1]
        assert picture.stat().st_size > 1000
        assert len(table.read_text().splitlines()) == 5

    def test_alignment_of_a_training(self, tmp_path):
        picture = tmp_path / "curves.png"
        out = run("train", "digits", "--rule", "fa", "--alignment", 10, "--epochs", 2, "--plot", picture)
        assert "gradient_alignment/dense1" in out
        assert "weight_alignment/dense3" in out
        assert (tmp_path / "curves-alignment.png").stat().st_size > 1000

    def test_a_rule_that_cannot_be_followed(self):
        assert "no recurrent layer" in run("race", "digits", "--rules", "rflo", ok=False)
