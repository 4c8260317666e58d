"""What a person sees in a terminal of 80 columns, and what is refused before the work begins."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import lucidnet as ln
from lucidnet.cli.app import app
from lucidnet.errors import LucidnetError
from lucidnet.training.history import Result
from lucidnet.training.progress import Bar

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def run(*arguments):
    """Run in this process; return exit code and what was printed, or the error's text."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if isinstance(result.exception, LucidnetError):
        return 2, str(result.exception)
    return result.exit_code, result.output


def in_a_terminal(*arguments, columns=80, after=None):
    """Run the command in a pseudo-terminal; return its exit code and all that it drew.

    As soon as the text `after` has been drawn, Ctrl-C is pressed.
    """
    pty = pytest.importorskip("pty")
    main, inner = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns), "TERM": "xterm", "OPENBLAS_NUM_THREADS": "1"}
    child = subprocess.Popen(
        [sys.executable, "-m", "lucidnet", *map(str, arguments)],
        stdin=inner, stdout=inner, stderr=inner, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(inner)
    drawn = b""
    try:
        while piece := os.read(main, 65536):
            drawn += piece
            if after and after.encode() in drawn:
                child.send_signal(signal.SIGINT)
                after = None
    except OSError:  # so Linux says that the other end is closed
        pass
    finally:
        os.close(main)
    return child.wait(timeout=30), ESCAPES.sub("", drawn.decode())


class TestTerminal:
    """The live bar, and the table of epochs above it."""

    def test_bar_and_table_fit_80_columns(self):
        code, text = in_a_terminal("train", "digits", "--epochs", 30)
        assert code == 0
        epochs = text[text.index("epoch ") :]
        lines = re.split(r"[\r\n]+", epochs)
        assert max(map(len, lines)) <= 80
        assert lines.count("epoch    time       loss   accuracy   val_loss  val_accuracy") == 1
        rows = [line for line in lines if re.fullmatch(r" *\d+/30 +\d+ ms( +\d\.\d{4}){4}", line)]
        assert [row.split("/")[0].strip() for row in rows] == ["1", *map(str, range(2, 31, 2))]
        assert len({len(row) for row in rows}) == 1, "the columns stand below each other"
        bars = [line for line in lines if re.match(r"epoch \d+/30 ", line)]
        assert all(re.search(r"% +(\d+:\d\d|\.\.\.) left", bar) for bar in bars)
        assert any(re.search(r"loss \d\.\d+, accuracy \d\.\d+", bar) for bar in bars)

    def test_ctrl_c_takes_the_bar_away(self, tmp_path):
        path = tmp_path / "kept.safetensors"
        code, text = in_a_terminal(
            "train", "digits", "--epochs", 100_000, "--save", path, after="val_accuracy"
        )
        assert code == 130
        end = text[text.rindex("\ntraining ") :]
        assert "left" not in end
        assert "Traceback" not in text
        test = re.search(r"^test +(\S+) +(\S+?)\r$", end, re.M)
        (_, _), (x_test, y_test) = ln.data.load("digits")
        measured = ln.load(path).evaluate(x_test, y_test)
        assert test.groups() == (f"{measured.loss:.4f}", f"{measured.accuracy:.4f}")

    def test_the_bar_is_never_behind_the_table(self, monkeypatch):
        bar = Bar(epochs=2)
        bar.start(10)
        bar.epoch(1, Result(loss=0.5, val_loss=0.7))
        assert (bar.done, bar.total, bar.now) == (10, 20, 2)
        assert bar.numbers == "loss 0.5000"
        bar.start(10)
        bar.epoch(2, Result(loss=0.4))
        assert (bar.done, bar.now, bar.left) == (20, 2, "0:00")
        bar.close()

    def test_tables_are_not_broken_where_nobody_watches(self):
        code, text = run("check")
        assert code == 0
        rows = text.splitlines()[1:-2]
        assert all(row.endswith("passed") for row in rows)
        assert {len(row) for row in rows} == {len(rows[0])}
        assert len(rows[0]) <= 80


class TestPlaces:
    """Files that cannot be written are refused before the training."""

    @pytest.mark.parametrize("option", ["--save", "--plot"])
    def test_a_folder(self, tmp_path, option):
        folder = tmp_path / "folder.png"
        folder.mkdir()
        code, text = run("train", "digits", option, folder)
        assert (code, text) == (2, f"{folder}: is a folder; name a file in it")

    def test_no_such_folder_is_said_before_training(self, tmp_path):
        path = tmp_path / "none" / "m.safetensors"
        done = subprocess.run(
            [sys.executable, "-m", "lucidnet", "train", "digits", "--save", path],
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"error: {path}: the folder {path.parent} does not exist")

    def test_without_matplotlib(self, tmp_path, monkeypatch):
        for module in ("matplotlib", "matplotlib.figure", "matplotlib.backend_bases"):
            monkeypatch.setitem(sys.modules, module, None)
        code, text = run("train", "digits", "--plot", tmp_path / "p.png")
        assert code == 2
        assert text == "this needs matplotlib, which is not installed: pip install 'lucidnet[plots]'"


class TestPredict:
    """For the test part of a data set, or all rows of a file."""

    @pytest.fixture
    def plane(self, tmp_path):
        """A file of 50 rows, y = a - 2 b, and a model trained on it."""
        x = np.random.default_rng(0).normal(size=(50, 2))
        np.savetxt(
            tmp_path / "plane.csv", np.c_[x, x @ [1.0, -2.0]], delimiter=",", header="a,b,y", comments=""
        )
        code, text = run(
            "train", tmp_path / "plane.csv", "--hidden", "4", "--save", tmp_path / "m.safetensors"
        )
        assert code == 0, text
        return tmp_path / "plane.csv", tmp_path / "m.safetensors"

    def rows(self, path):
        return np.genfromtxt(path, delimiter=",", names=True)

    def test_all_rows_of_a_file_in_their_order(self, plane, tmp_path):
        data, model = plane
        code, text = run("predict", model, data, "--rows", 0, "--out", tmp_path / "p.csv")
        assert code == 0
        assert "50 predictions written" in text
        rows, table = self.rows(tmp_path / "p.csv"), ln.data.read(data)
        np.testing.assert_allclose(rows["target"], table.y, rtol=1e-3)
        np.testing.assert_allclose(
            rows["predicted"], ln.load(model).predict(table.x)[:, 0], rtol=1e-3, atol=1e-4
        )

    def test_without_a_name_the_test_part_of_its_data(self, plane, tmp_path):
        _, model = plane
        assert "10 predictions written" in run("predict", model, "--out", tmp_path / "p.csv")[1]

    def test_a_file_with_a_test_part(self, plane, tmp_path):
        _, model = plane
        x, y = np.zeros((6, 2)), np.zeros(6)
        np.savez(tmp_path / "parts.npz", x=x, y=y, x_test=x[:4], y_test=y[:4])
        text = run("predict", model, tmp_path / "parts.npz", "--out", tmp_path / "p.csv")[1]
        assert "4 predictions written" in text

    def test_bad_requests(self, plane):
        _, model = plane
        assert "expected 2 input features, got 64" in run("predict", model, "digits")[1]
        assert run("predict", model, "--rows", -1)[0] == 2


def test_usage_errors_have_exit_code_2():
    assert run("train", "digits", "--nonsense")[0] == 2
    assert run("train", "digits", "--epochs", "many")[0] == 2
    assert run("nonsense")[0] == 2


def test_labels_that_do_not_start_at_0_are_classes(tmp_path):
    path = tmp_path / "signs.csv"
    path.write_text("a,b\n" + "".join(f"{i},{1 if i > 10 else -1}\n" for i in range(20)))
    code, text = run("train", path, "--epochs", 1)
    assert code == 0
    assert "2 classes (-1, 1)" in text
