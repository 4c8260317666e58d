"""Files that the code before the rebuilding wrote: what goes on from them comes to the numbers of then.

Only the public interface is used. See README.md for what the files are, situations.py for the trainings.
"""

import json
import shutil

import numpy as np
import pytest
from situations import FILES, MODELS, PATIENCE, SITUATIONS, processes, stream_goes_on, used

import lucidnet as ln
from lucidnet.core.value import from_config, to_config
from lucidnet.interop.registry import registry

TOLERANCE = 1e-6
# What the old code wrote does not say with what data and settings.
pytestmark = pytest.mark.filterwarnings("ignore:.*is of an older version:UserWarning")


def expected(name):
    return json.loads((FILES / name / "expected.json").read_text(encoding="utf-8"))


def same(actual, wanted, where=""):
    """Compare nested dicts and lists of numbers."""
    if isinstance(wanted, dict):
        assert actual.keys() == wanted.keys(), where
        for name, value in wanted.items():
            same(actual[name], value, f"{where}/{name}")
    elif isinstance(wanted, list) and wanted and isinstance(wanted[0], list):
        assert len(actual) == len(wanted), where
        for i, (one, other) in enumerate(zip(actual, wanted, strict=True)):
            same(one, other, f"{where}/{i}")
    else:
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=TOLERANCE, err_msg=where)


def as_it_was(net):
    """Return a network whose layers begin as they did then where nothing is said: by Glorot's weights."""
    now, then = ({"type": "Fitting"}, to_config(ln.initializers.get("glorot_uniform")))
    text = json.dumps(to_config(net)).replace(json.dumps(now), json.dumps(then))
    return from_config(json.loads(text), registry())


def copied(name, tmp_path):
    """Copy the one checkpoint of a training; return the folder."""
    folder = tmp_path / name
    folder.mkdir()
    (path,) = (FILES / name).glob("step-*.safetensors")
    assert int(path.stem.removeprefix("step-")) == SITUATIONS[name].stop
    shutil.copy(path, folder)
    return folder


def half_way(name, folder, wanted):
    """Make sure that the checkpoint is from the middle: not from the end, and not where the seed begins."""
    situation, (path,) = SITUATIONS[name], folder.iterdir()
    model = ln.load(path)
    assert 0 < situation.stop < wanted["seen"][-1]
    assert 0 < model.history.epochs < len(wanted["seen"])
    assert np.abs(model.get_weights() - wanted["weights"]).max() > 1e-3
    fresh = situation.make("numpy")
    fresh.build()
    assert np.abs(model.get_weights() - fresh.get_weights()).max() > 1e-3


def went_on(name, made, wanted):
    """Compare what came out; only the epochs that were not over have been seen."""
    rest = [step for step in wanted["seen"] if step > SITUATIONS[name].stop]
    assert made["seen"] == rest
    same(made | {"seen": []}, wanted | {"seen": []})


@pytest.mark.parametrize(
    ("name", "backend"), [(name, backend) for name in SITUATIONS for backend in SITUATIONS[name].goes_on]
)
def test_a_training_goes_on(name, backend, tmp_path):
    if backend != "numpy":
        pytest.importorskip("jax")
    situation, wanted, folder = SITUATIONS[name], expected(name), copied(name, tmp_path)
    half_way(name, folder, wanted)
    model = situation.make(backend)
    went_on(name, situation.trained(model, resume=folder), wanted)
    np.testing.assert_array_equal(ln.load(max(folder.glob("step-*"))).history["loss"], model.history["loss"])


def test_a_training_of_two_processes_goes_on_in_two(tmp_path):
    pytest.importorskip("jax")
    wanted, folder = expected("processes"), copied("processes", tmp_path)
    for made in processes("go on", folder):
        went_on("processes", made, wanted)


def test_early_stopping_counts_on_and_remembers_its_best():
    """The best epoch was over before the checkpoint, and the training ends of itself after it."""
    wanted, stop = expected("stopping"), SITUATIONS["stopping"].stop
    losses = wanted["history"]["val_loss"]
    best = losses.index(min(losses))
    assert wanted["seen"][best] < stop < wanted["seen"][-1]
    assert len(losses) == best + 1 + PATIENCE < 30


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model(name, tmp_path):
    path = shutil.copy(FILES / f"model_{name}" / "model.safetensors", tmp_path)
    made, x, y = MODELS[name]()
    model, wanted = ln.load(path), expected(f"model_{name}")
    grown = wanted["loaded"]["history"]  # a history that had been handed out grew with the model's then
    wanted["loaded"]["history"] = {name: values[: model.history.epochs] for name, values in grown.items()}
    assert model.net == as_it_was(made.net)
    for what in ("loss", "optimizer", "rule", "metrics", "seed", "dtype"):
        assert getattr(model, what) == getattr(made, what)
    assert model.about == {"data": "waves"}
    made = used(model, x, y)
    for result in (made["evaluated"], made.get("history", {})):  # outputs had no losses of their own then
        for output in ("alike_loss", "far_loss") if name == "graph" else ():
            result.pop(output, None)
    same(made, wanted)
    assert np.abs(np.subtract(wanted["weights"], wanted["loaded"]["weights"])).max() > 1e-3


def test_a_stream_goes_on(tmp_path):
    """By a saved model: its weights and settings. Momentum, step number, states, traces begin anew."""
    path = shutil.copy(FILES / "online_kernl" / "model.safetensors", tmp_path)
    model, wanted = ln.load(path), expected("online_kernl")
    before = model.get_weights()
    same(stream_goes_on(model), wanted)
    assert np.abs(before - wanted["weights"]).max() > 1e-3
