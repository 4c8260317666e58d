"""The words of a command line: options, homes, versions, JSON, completion, terminals of few signs."""

import json
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
from lucidnet.foreign.options import ARGUMENTS

WIDE = {"COLUMNS": "200", "TERM": "dumb"}


def run(*arguments, code=0):
    """Run in this process; return what was printed, or the text of an error of ours."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], env=WIDE)
    if isinstance(result.exception, LucidnetError):
        assert code == 2, result.exception
        return str(result.exception)
    assert result.exit_code == code, result.output + repr(result.exception)
    return result.output


def outside(*arguments, **environment):
    """Run as a program; return exit code, standard output and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "lucidnet", *map(str, arguments)],
        capture_output=True, env=os.environ | WIDE | environment, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "digits.safetensors"
    run("train", "digits", "--hidden", "8", "--epochs", "2", "--save", path)
    return path


# --- options --------------------------------------------------------------------------------------------

COMMANDS = (
    "look", "train", "race", "evaluate", "predict", "info", "check", "plot", "doctor", "explain", "lr-find",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_h_is_help(command):
    assert run(command, "-h") == run(command, "--help")
    assert "Usage" in run(command, "-h")


def test_help_says_the_exit_codes_and_version_the_version():
    text = " ".join(run("-h").split())
    assert all(command in text for command in COMMANDS)
    for words in (
        "0 all is well",
        "1 a check failed",
        "2 an option",
        "70 another",
        "130 after Ctrl-C",
        "143",
    ):
        assert words in text
    assert run("--version") == f"lucidnet {ln.__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--batch_size", 3], "No such option: --batch_size: here it is --batch-size"),
        (["train", "--Batch_Size=3"], "No such option: --Batch_Size: here it is --batch-size"),
        (["train", "--hidden_neurons", "3"], "here it is --hidden"),
        (["doctor", "digits", "--learning_rate", 1], "here it is --lr"),
        (["race", "--hidden_layer_sizes", 3], "here it is --hidden"),
        (["lr-find", "digits", "--random-state", 3], "here it is --seed"),
        (["train", "--data", "digits"], "named without an option, as in lucidnet train digits"),
        (["evaluate", "--model", "x"], "as in lucidnet evaluate model.safetensors"),
        (["info", "x", "--epochs", 3], "No such option: --epochs: it is an option of train, race"),
        (["train", "--nonsense"], "--nonsense"),
        (["trian"], "Did you mean 'train'?"),
        (["train", "--epochs", "many"], "Invalid value for '--epochs'"),
    ],
)
def test_wrong_words_are_answered(words, said):
    assert said in " ".join(run(*words, code=2).split())


@pytest.mark.parametrize("word", ARGUMENTS)
def test_every_word_that_is_a_place(word):
    assert f"as in {ARGUMENTS[word]}" in " ".join(run("train", word, "x", code=2).split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--validation", "nan"], "--validation: expected a share of the data, from 0 to below 1"),
        (["--validation", "inf"], "--validation: expected a share"),
        (["--validation", "1"], "--validation: expected a share"),
        (["--validation", "-0.1"], "--validation: expected a share"),
        (["--lr", "nan"], "learning_rate must be a finite number, got nan"),
        (["--dropout", "nan"], "rate must be a finite number, got nan"),
        (["--optimizer", "sgd", "--momentum", "inf"], "momentum must be a finite number"),
        (["--one-cycle", "nan"], "--one-cycle: expected a rate above 0"),
        (["--one-cycle", "0"], "--one-cycle: expected a rate above 0"),
        (["--seed", "-1"], "seed must be a whole number of 0 or more"),
        (["--epochs", "0"], "epochs must be a whole number of 1 or more"),
        (["--epochs", "9" * 30], "epochs must be below 2"),
        (["--batch-size", "0"], "batch_size must be a whole number of 1 or more"),
        (["--initializer", "best"], "unknown initializer 'best'"),
        (["--rule", "best"], "unknown rule 'best'"),
        (["--backend", "best"], "backend must be 'numpy'"),
        (["--dtype", "int8"], "dtype must be one of float32"),
    ],
)
def test_numbers_and_names_that_cannot_be(words, said):
    assert said in run("train", "digits", *words, code=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "digits", "--hidden", "2,,3"], "--hidden: expected whole numbers with commas"),
        (["race", "digits", "--rules", ","], "--rules: expected names with commas, as in backprop,fa"),
        (["race", "digits", "--rules", "no"], "unknown rule, optimizer, activation or loss 'no'"),
        (["train", ""], "DATA: expected the name of a data set"),
        (["look", ""], "FILE: expected a file with a table, such as mydata.csv, got ''"),
        (["look", "digits"], "got the name of a data set digits"),
        (["evaluate", "FILE", ""], "DATA: expected the name of a data set"),
        (["predict", "FILE", ""], "DATA: expected the name of a data set"),
        (["plot", "FILE", "a.png", "--data", "digits"], "--data 'digits': is for confusion and mistakes"),
        (["plot", "FILE", "a.png", "--layer", "dense1"], "--layer 'dense1': is for heat"),
    ],
)
def test_words_without_effect(words, said, file):
    assert said in run(*(file if word == "FILE" else word for word in words), code=2)


def test_resume_and_folders(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    for command, option in (("train", "--resume"), ("race", "--folder")):
        assert f"{option}: {file} is a file; name a folder" in run(command, "digits", option, file, code=2)
        inside = file / "inside"
        assert f"{inside} cannot be made or written to, because of {file}" in run(
            command, "digits", option, inside, code=2
        )
    if os.name != "nt" and os.geteuid():
        tmp_path.chmod(0o500)
        assert "cannot be made or written to" in run("train", "digits", "--resume", tmp_path / "new", code=2)
        tmp_path.chmod(0o700)


def test_too_many_devices_end_at_once():
    pytest.importorskip("jax")
    code, out, err = outside("train", "digits", "--devices", "999", XLA_FLAGS="", JAX_NUM_CPU_DEVICES="-1")
    assert (code, out) == (2, b"")
    assert b"error: mesh=999: this machine has" in err and err.count(b"\n") == 1


def test_too_large_a_network_is_one_line():
    code, _, err = outside("train", "digits", "--hidden", "99999999999")
    assert code == 2 and err.startswith(b"error: the network has ") and err.count(b"\n") == 1


def test_home(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    run("train", "digits", "--hidden", "4", "--epochs", 1, "--save=~/a.safetensors", "--resume", "~/runs")
    assert (tmp_path / "a.safetensors").exists() and (tmp_path / "runs").is_dir()
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i},{i / 3}\n" for i in range(20)))
    run("train", "~/t.csv", "--epochs", 1, "--plot", "~/p.png", "--save", "~/b.safetensors")
    assert "4 predictions written" in run("predict", "~/b.safetensors", "--out", "~/p.csv")
    assert (tmp_path / "p.png").exists() and (tmp_path / "p.csv").exists()


# --- JSON -----------------------------------------------------------------------------------------------


def parsed(*arguments, code=0):
    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    text = run(*arguments, "--json", code=code)
    assert text.count("\n") == 1
    return json.loads(text, parse_constant=refuse)


def test_figures_as_json(file, tmp_path):
    model = ln.load(file)
    (_, _), (x_test, y_test) = ln.data.load("digits")
    save = tmp_path / "m.safetensors"
    trained = parsed("train", "digits", "--hidden", "8", "--epochs", "2", "--alignment", 20, "--save", save)
    assert (
        trained["test"]
        == dict(ln.load(save).evaluate(x_test, y_test))
        == dict(model.evaluate(x_test, y_test))
    )
    assert trained["history"] == dict(model.history) and trained["finished"] is True
    assert {row["quantity"] for row in trained["steps"]} == {"gradient_alignment"}
    assert parsed("evaluate", file)["test"] == trained["test"]
    some = parsed("predict", file, "--rows", 3)
    np.testing.assert_array_equal(np.float32(some["outputs"]), model.predict(x_test)[:3])
    assert some["targets"] == y_test[:3].tolist() and some["rows"] == len(x_test)
    assert some["predicted"] == model.predict(x_test)[:3].argmax(-1).tolist()
    info = parsed("info", file)
    assert info["parameters"] == 610 and info["data"] == "digits" and info["history"] == dict(model.history)
    assert all(row["passed"] and row["worst"] < 1e-6 for row in parsed("check", file)["checked"])
    curve = parsed("lr-find", file, "--steps", 20)
    assert len(curve["rates"]) == len(curve["losses"]) > 5


def test_a_race_as_json():
    found = parsed("race", "digits", "--rules", "backprop,fa,0.1", "--seeds", 2, "--epochs", 1, "--hidden", 8)
    assert [(run["rule"], run["seed"]) for run in found["runs"]] == [
        (rule, seed) for rule in ("backprop", "fa", "0.1") for seed in (0, 1)
    ]
    ends = {(run["rule"], run["seed"]): run["history"]["val_loss"][-1] for run in found["runs"]}
    row = next(r for r in found["differences"] if (r["rule"], r["quantity"]) == ("fa", "val_loss"))
    expected = np.mean([ends["fa", seed] - ends["backprop", seed] for seed in (0, 1)])
    np.testing.assert_allclose(row["difference"], expected)


def test_what_is_not_finite_is_null(tmp_path):
    found = parsed("race", "digits", "--rules", "fa,1e38", "--seeds", 1, "--epochs", 1, "--optimizer", "sgd")
    assert found["runs"][1]["failed"] and found["differences"][0]["difference"] is None


# --- races, the doctor, explanations, rates ---------------------------------------------------------------


def test_a_race_is_gone_on_with(tmp_path):
    words = ["race", "digits", "--seeds", 1, "--epochs", 1, "--hidden", 8, "--folder", tmp_path / "race"]
    run(*words, "--rules", "fa")
    text = run(*words, "--rules", "fa,sgd,relu", "--baseline", "sgd")
    assert re.search(r"^fa, seed 0: .* \(kept\)$", text, re.M) and "minus sgd" in text
    assert "settings.epochs is 1 there, 2 here" in run(*words, "--rules", "fa", "--epochs", 2, code=2)
    assert "nobody is called 'x'" in run(*words, "--rules", "fa", "--baseline", "x", code=2)


def test_the_doctor(file):
    assert run("doctor", file).startswith("Nothing suspicious")
    text = run("doctor", "digits", "--hidden", "16", "--lr", 100, code=1)
    assert "learning rate too high" in text
    found = parsed("doctor", "digits", "--hidden", "16", "--lr", 100, code=1)
    assert found["healthy"] is False and found["findings"][0]["ailment"] == "learning rate too high"
    assert "is no model file" in run("doctor", "digits", "xor", code=2)
    assert "unknown data set 'digit'" in run("doctor", "digit", code=2)
    assert "there is no such file" in run("doctor", "none.safetensors", code=2)


def test_an_explanation(tmp_path):
    text = run("explain")
    (x, y), _ = ln.data.load("xor")
    assert "Forward: dense1 = Dense(2, Tanh()" in text and f"{x[0, 0]:.6g}" in text
    assert "on 2 examples" in run("explain", "xor", "--row", 3, "--rows", 2)
    for name, begin in (
        ("a.html", b"<!doctype html>"),
        ("a.tex", b"\\begin{align*}"),
        ("a.txt", b"One training"),
    ):
        assert "explanation written to" in run("explain", "--out", tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(begin)
    assert b'charset="utf-8"' in (tmp_path / "a.html").read_bytes()
    assert "ends in .html, .tex or .txt" in run("explain", "--out", tmp_path / "a.pdf", code=2)
    assert "training examples" in run("explain", "--row", 10**6, code=2)


def test_a_learning_rate(tmp_path):
    text = run("lr-find", "digits", "--hidden", "16", "--steps", 20, "--plot", tmp_path / "rate.png")
    assert "20 steps from 1.0e-06" in text or "steps from 1.0e-06" in text
    assert (tmp_path / "rate.png").stat().st_size > 1000
    assert "stop must be" in run("lr-find", "digits", "--start", 1, "--stop", 0.1, code=2)


# --- shells and terminals ---------------------------------------------------------------------------------


SCRIPT = """
import contextlib, json, os, sys
{before}
from lucidnet.cli import main
codes = []
for words, environment in json.loads(sys.argv[1]):
    sys.argv[:] = ["lucidnet", *words]
    os.environ.update(environment)
    try:
        main()
        codes.append(0)
    except SystemExit as end:
        codes.append(end.code)
    print("====", codes[-1], file=sys.__stdout__, flush=True)
"""


def programs(*words, before="", environments=(), **environment):
    """Run the program several times in one other process; return the exit code and the output of each."""
    given = (
        [[list(map(str, one)), {}] for one in words]
        if not environments
        else list(zip(words, environments, strict=True))
    )
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(before=before), json.dumps(given)],
        capture_output=True, env=os.environ | WIDE | environment, timeout=60,
    )  # fmt: skip
    parts = re.split(rb"==== (\d+)\n", done.stdout)
    return [(int(code), out) for out, code in zip(parts[::2], parts[1::2], strict=False)], done.stderr


def test_completion_in_a_shell():
    expected = {
        "lucidnet do": ["doctor"],
        "lucidnet train di": ["digits"],
        "lucidnet train --optimizer adam": ["adam", "adamax", "adamw"],
        "lucidnet race --rules backprop,rf": ["backprop,rflo"],
    }
    given = [
        {"_LUCIDNET_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        for words in expected
    ]
    done, err = programs(*[[]] * len(given), environments=given)
    assert [sorted(out.decode().split()) for _, out in done] == list(expected.values()), err
    assert "--install-completion" in run("-h")


ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}


@pytest.mark.skipif(os.name == "nt", reason="the system's own encoding is another there")
@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, ASCII])
def test_a_terminal_that_has_ascii_only(tmp_path, environment):
    folder = tmp_path / "grün"
    folder.mkdir()
    data, model = folder / "dätä.csv", folder / "mödel.safetensors"
    data.write_text("a,y\n" + "".join(f"{i},{i / 3}\n" for i in range(20)))
    places = json.dumps(
        [os.fsencode(path).decode("utf-8") for path in (data, model, folder / "nö.safetensors")]
    )
    script = f"""
import json, os
data, model, none = (os.fsdecode(path.encode()) for path in json.loads({places!r}))
WORDS = [
    ["train", data, "--epochs", "1", "--hidden", "4", "--save", model], ["evaluate", model, "--json"],
    ["info", none], ["explain"], ["race", "digits", "--rules", "fa,dfa", "--seeds", "2", "--epochs", "1"],
]
sys.argv[1] = json.dumps([[words, {{}}] for words in WORDS])
"""
    done, err = programs(before=script, **environment)
    assert [code for code, _ in done] == [0, 0, 2, 0, 0], err
    assert model.exists() and all(out.isascii() for _, out in done)
    assert json.loads(done[1][1])["data"] == str(data)
    assert err.startswith(b"error: ") and err.count(b"\n") == 1 and err.isascii()
    assert b"dL/dw(1)11 = x1 * dL/dz1" in done[3][1]
    assert re.search(rb"^fa +\d\.\d+ \+- \d", done[4][1], re.M)


def test_without_any_output():
    """As programs without a console have it: sys.stdout is None."""
    done, err = programs(
        ["train", "digits", "--epochs", 1],
        ["train", "digits", "--epochs", 1, "--json"],
        ["race", "digits", "--epochs", 1, "--seeds", 1, "--rules", "fa"],
        ["info", "none"],
        ["train", "--nonsense"],
        ["-h"],
        before="sys.stdout = sys.stderr = None",
    )
    assert done == [(0, b""), (0, b""), (0, b""), (2, b""), (2, b""), (0, b"")] and err == b""


@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="a disk that is always full is there on Linux only"
)
def test_an_output_that_cannot_be_written():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lucidnet", "explain"], stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert done.returncode == 2 and done.stderr.startswith(b"error: No space left on device")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="signals are different there")
def test_ctrl_c_ends_a_race_tidily(tmp_path):
    words = [
        "race",
        "digits",
        "--rules",
        "fa,dfa",
        "--seeds",
        2,
        "--epochs",
        40,
        "--folder",
        tmp_path / "race",
    ]
    child = subprocess.Popen(
        [sys.executable, "-u", "-m", "lucidnet", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    first = child.stdout.readline()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert first.startswith("fa, seed 0: ") and child.returncode == 130, err
    assert "stopped by Ctrl-C after" in out and "Traceback" not in err
    assert 1 <= len(list((tmp_path / "race").glob("*.race-run"))) < 4


def test_ctrl_c_before_anything_is_finished(monkeypatch):
    def pressed(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(ln.Model, "fit", pressed)
    monkeypatch.setattr(ln.Model, "doctor", pressed)
    for words in (["race", "digits"], ["doctor", "digits"]):
        result = CliRunner().invoke(app, words, env=WIDE)
        assert result.exit_code == 130 and result.output.splitlines()[-1] == "stopped by Ctrl-C"
