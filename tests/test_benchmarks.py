"""The benchmarks do what they say, on the smallest work; what they measure is looked at by hand."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lucidnet as ln

pytest.importorskip("jax")
sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks import __main__ as command
from benchmarks import against, epochs, estimators, gpu, nets, primitives, programs, results
from benchmarks.timing import Turn

ROOT = Path(__file__).parent.parent

SMALL = {name: task.small() for name, task in nets.TASKS.items()}


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("name", ["784-100-50-10", "LSTM", "LeNet"])
def test_an_epoch_of_lucidnet_trains(name, backend):
    history = epochs.ours(backend, SMALL[name])()
    assert np.isfinite(history["loss"]).all()


def test_the_networks_of_pytorch_have_as_many_parameters():
    """A recurrent layer has a second vector of biases there, attention biases of keys: both change nothing."""
    pytest.importorskip("torch")
    from benchmarks import in_torch

    more = {"LSTM": 4 * nets.UNITS, "transformer": nets.BLOCKS * nets.WIDTH}
    for name, task in nets.TASKS.items():
        theirs = sum(p.numel() for p in in_torch.module(name).parameters())
        ours = ln.Model(task.layers()).state.params.vector.size
        assert theirs - ours == more.get(name, 0), name


def test_the_networks_of_keras_have_as_many_parameters():
    """The biases of keys change nothing."""
    in_keras = pytest.importorskip("benchmarks.in_keras", reason="no Keras here", exc_type=ImportError)
    more = {"transformer": nets.BLOCKS * nets.WIDTH}
    for name, task in nets.TASKS.items():
        ours = ln.Model(task.layers()).state.params.vector.size
        assert in_keras.model(name).count_params() - ours == more.get(name, 0), name


COUNTED = """
import re
import lucidnet as ln
from benchmarks import allreduce, nets
from lucidnet.layers import Sequential
for name in ("784-128-64-10", "LSTM", "LeNet"):
    layers, task = nets.TASKS[name].layers(), nets.TASKS[name]
    program = allreduce.divided(Sequential(layers), *task.data(task.batch))
    sent = sum(map(allreduce.numbers, re.findall(r"= (.*?) all-reduce\\(", program)))
    print(sent - ln.Model(layers).state.params.vector.size, "all-gather(" in program)
"""


def test_a_step_sends_its_gradients_and_the_loss_once():
    """As docs/scaling.md says; in a process of its own, with two devices."""
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"} | {"JAX_PLATFORMS": "cpu"}
    run = subprocess.run(
        [sys.executable, "-c", COUNTED], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert run.stdout.splitlines() == ["1 False"] * 3, run.stderr[-2000:]


def test_steps_of_programs_are_made_beside_pytorch():
    pytest.importorskip("torch")
    small = dict(list(programs.SIZES.items())[:1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "SIZES", small)
        hand, own, fit = programs.by_hand(), programs.by_own_step(), programs.by_fit()
        (one,), (many,), (history,) = ([work() for work in made.values()] for made in (hand, own, fit))
        assert np.mean(many) == pytest.approx(one, rel=1e-3) == history["loss"][0]
        ours, theirs = programs.lucidnet("numpy"), programs.pytorch(1)
    assert list(ours) == list(theirs) == ["VAE step", "DQN step", "copy 64-100-10", "soft update 64-100-10"]
    for name, work in ours.items():
        work(), theirs[name]()
    turn, twice = Turn(1.0, 2.0), Turn(2.0, 3.0)
    said = programs.line({"a": [twice], "b": [turn]}, "a", "b", 1)
    assert said == "a 3000.0000, b 2000.0000 ms at work; ratio 1.50, by the clock 2.00"


def test_an_epoch_of_pytorch_trains():
    pytest.importorskip("torch")
    (work,) = epochs.pytorch(1, {"784-100-50-10": SMALL["784-100-50-10"]}).values()
    first = work()
    assert work() < first


def test_all_ways_of_convolution_give_the_same():
    layer = "LeNet 2"
    x, W, dy = primitives.data(layer)
    given = ((x, W), (x, dy), (dy, W))
    for number, pair in enumerate(given):
        found = [
            np.asarray(primitives.passes(way, layer)[number](*map(jnp, pair))) for way in primitives.WAYS
        ]
        for one in found[1:]:
            np.testing.assert_allclose(one, found[0], rtol=1e-4, atol=1e-4 * np.abs(found[0]).max())


def jnp(array):
    import jax

    return jax.numpy.asarray(array)


def test_the_cards_benchmark_on_a_processor(capsys, monkeypatch):
    """What it would do on a card; without one it says so."""
    gpu.run(1, 1)
    assert "gpu: not measured, backend: there is no device of kind 'gpu'" in capsys.readouterr().out
    monkeypatch.setattr(gpu, "STREAM", (20, 2, 1))
    for name, work in gpu.on_jax({"784-128-64-10": SMALL["784-128-64-10"]}, "jax:cpu").items():
        assert work() is not None, name
    assert re.fullmatch(r"4 layers of 8, batch 4, bfloat16: [\d.]+ Tflop/s", gpu.share("jax:cpu", 8, 4))


def test_the_rules_in_pytorch_learn(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(gpu, "STREAM", (20, 2, 1))
    works = gpu.on_torch({"784-128-64-10": SMALL["784-128-64-10"]}, "cpu")
    assert set(works) == {"784-128-64-10", "FA", "RFLO"}
    assert all(np.isfinite(work()) for work in works.values())


def test_estimators_beside_scikit_learns(monkeypatch):
    pytest.importorskip("sklearn")
    wine = estimators.SETS["wine"]._replace(epochs=3, timed=2)
    monkeypatch.setitem(estimators.SETS, "wine", wine)
    ours, theirs = estimators.scores("wine")
    assert len(ours) == len(theirs) == 5 and min(ours + theirs) > 0 and max(ours + theirs) <= 1
    for who in ("lucidnet", "scikit-learn"):
        (fit,) = estimators.fits(who, "wine", ["10"]).values()
        assert len(fit().loss_curve_) == 2 and fit().coefs_[0].shape == (13, 100)
    assert "at least theirs" in estimators.score_line([0.9, 0.8], [0.9, 0.9])
    assert "LESS" in estimators.score_line([0.8, 0.801], [0.9, 0.901])


def test_a_tree_against_itself(tmp_path):
    """In processes of its own: it holds itself to one core."""
    src, file = str(ROOT / "src"), tmp_path / "found.json"
    command = [sys.executable, "-m", "benchmarks.against", src, "--rounds", "1", "--only", "numpy predict 1,"]
    run = subprocess.run([*command, "--json", str(file)], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    assert re.search(r"\n  predict 1,000( +\d+\.\d{3}){3}", run.stdout) and "by the clock: " in run.stdout
    found = json.loads(file.read_text())
    assert found["trees"] == dict.fromkeys(["old", "old again", "new"], src)
    (row,) = found["rows"]
    assert (row["backend"], row["row"]) == ("numpy", "predict 1,000") and row["wall"]["new/old"] > 0


def test_another_tree_must_hold_the_package(tmp_path, capsys):
    with pytest.raises(SystemExit):
        against.main([str(tmp_path)])
    assert "there is no lucidnet in" in capsys.readouterr().err


def test_what_is_slower_than_the_spread_is_named():
    def row(name, again, new):
        ratios = {"old": 1.0, "old again": again, "new": new}
        speeds = (1.0, 2.0, 4.0)  # of the machine, from turn to turn
        return against.Measured(
            "numpy", name, {who: [Turn(r * s, r * s) for s in speeds] for who, r in ratios.items()}
        )

    rows = [row("as fast", 1.0, 1.02), row("slower", 0.97, 1.05), row("unsteady", 0.96, 1.04)]
    assert [str(one).endswith("<") for one in rows] == [False, True, False]
    assert against.verdict(rows, "wall").endswith("above max(1.03, that): slower")


def test_a_library_that_is_not_installed_is_named(tmp_path):
    """In the process of a contender, too; nothing but this is said."""
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "src")])}
    arguments = ["-m", "benchmarks", "--threads", "1", "--rounds", "1", "--only", "dense"]
    command = [sys.executable, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert run.returncode == 1
    assert run.stderr == "dense: this needs torch, which is not installed: pip install torch\n"


@pytest.mark.parametrize("number", ["0", "-1", "1.5"])
@pytest.mark.parametrize("option", ["--threads", "--rounds"])
def test_numbers_that_cannot_be(monkeypatch, capsys, option, number):
    monkeypatch.setattr(sys, "argv", ["benchmarks", option, number])
    with pytest.raises(SystemExit, match="2"):
        command.main()
    assert f"argument {option}" in capsys.readouterr().err


def test_a_measurement_that_there_is_not(capsys):
    with pytest.raises(SystemExit, match="nothing is called nope; there are: lillicrap_linear"):
        results.main(["measure", "mnist", "nope"])
    assert results.main(["--help"]) is None and "benchmarks.results measure" in capsys.readouterr().out


def test_a_measurement_that_fails(monkeypatch):
    failing = results.MEASUREMENTS["dense"].__class__("python -c exit(3)", str)
    monkeypatch.setitem(results.MEASUREMENTS, "dense", failing)
    monkeypatch.setattr(results, "pages", lambda measured: ())
    with pytest.raises(SystemExit, match="dense: not measured, as its command ended with code 3"):
        results.main(["measure", "dense"])
