"""A first hour with the installed package, in whatever environment it is in: no test framework, no checkout.

    python smoke.py [package ...]

With names of packages: the environment must hold these and no others. What an extra brings is tried where it is
there; where it is not, the one thing to do must be said.
"""

import importlib.metadata as metadata
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import lucidnet as ln
from lucidnet.errors import MissingExtraError
from lucidnet.layers import Activation, Dense, Input


def there(module):
    return importlib.util.find_spec(module) is not None


def environment(expected):
    found = {one.metadata["Name"].lower() for one in metadata.distributions()}
    print(", ".join(sorted(f"{one.metadata['Name']} {one.version}" for one in metadata.distributions())))
    assert "site-packages" in ln.__file__, f"this is not the installed package: {ln.__file__}"
    assert ln.__version__ == metadata.version("lucidnet")
    assert not expected or found == set(expected), found.symmetric_difference(expected)


def python(folder):
    (x, y), (x_test, y_test) = ln.data.load("digits")
    model = ln.Model([Input(64), Dense(32, "relu"), Dense(10, "softmax")])
    model.compile("categorical_crossentropy", "adam", ["accuracy"])
    model.fit(x, y, epochs=20, validation_split=0.1)
    assert model.evaluate(x_test, y_test)["accuracy"] > 0.9
    assert "Dense(32, ReLU())" in str(model.summary())
    model.save(folder / "digits.safetensors")
    same = ln.load(folder / "digits.safetensors")
    np.testing.assert_array_equal(same.predict(x_test), model.predict(x_test))
    ln.export(model, folder / "digits.py")
    space = {}
    exec((folder / "digits.py").read_text("utf-8"), space)
    np.testing.assert_allclose(space["predict"](x_test), model.predict(x_test), atol=1e-6)
    extra("sklearn", "sklearn", lambda: ln.sklearn.NetClassifier())
    extra("onnx", "onnx", lambda: ln.export(model, folder / "digits.onnx"))
    assert model.doctor(x, y)
    fresh = ln.Model(model.net)
    fresh.compile("categorical_crossentropy", "adam")
    assert fresh.lr_find(x, y).suggestions
    model.compile("categorical_crossentropy", "adam", ["accuracy"], rule="fa")
    print(ln.race(model, (x[:200], y[:200]), ["backprop", "fa"], seeds=1, epochs=1, verbose=0))
    without = ln.Model([Input(3), Activation("relu")])
    without.compile("mse", "sgd")
    without.save(folder / "none.safetensors")
    assert ln.load(folder / "none.safetensors").predict([[1.0, -2.0, 3.0]]).tolist() == [[1, 0, 3]]


def extra(module, name, use):
    if there(module):
        use()
        return
    try:
        use()
    except MissingExtraError as error:
        assert f"pip install 'lucidnet[{name}]'" in str(error), error
    else:
        raise AssertionError(f"{name}: {module} is not there, and nothing was said")


def drawn(folder):
    (x, y), _ = ln.data.load("moons")
    model = ln.Model([Input(2), Dense(8, "tanh"), Dense(2, "softmax")])
    model.compile("categorical_crossentropy", "adam")
    model.fit(x, y, verbose=0)
    ln.plots.save(ln.plots.training_curves(model.history), folder / "curves.png")
    assert (folder / "curves.png").read_bytes()[1:4] == b"PNG"


def compiled():
    (x, y), _ = ln.data.load("moons")
    model = ln.Model([Input(2), Dense(8, "tanh"), Dense(2, "softmax")], backend="jax")
    model.compile("categorical_crossentropy", "adam")
    model.fit(x[:64], y[:64], verbose=0)
    assert model.history["loss"]


def stored(folder):
    if there("h5py"):
        import h5py

        with h5py.File(folder / "data.h5", "w") as file:
            file["x"], file["y"] = np.eye(4, dtype="f"), np.arange(4)
    else:
        (folder / "data.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert ln.data.load(folder / "data.h5", test_split=0.5)[0][0].shape == (2, 4)


def board(folder):
    (x, y), _ = ln.data.load("moons")
    model = ln.Model([Input(2), Dense(2, "softmax")])
    model.compile("categorical_crossentropy", "sgd")
    model.fit(x, y, verbose=0, callbacks=[ln.callbacks.TensorBoard(folder / "board")])
    assert list((folder / "board").rglob("events*"))


def command(folder, *args, code=0):
    done = subprocess.run(
        [Path(sys.executable).with_name("lucidnet"), *args], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def command_line(folder):
    if not there("typer"):
        said = command(folder, "train", "spirals", code=2)
        assert said.strip().count("\n") == 0 and "pip install 'lucidnet[cli]'" in said, said
        return
    for name in ("", "train", "race", "evaluate", "predict", "info", "check", "plot"):
        assert "Usage" in command(folder, *filter(None, [name]), "--help")
    command(folder, "train", "spirals", "--epochs", "3", "--save", "spirals.safetensors")
    assert "spirals" in command(folder, "info", "spirals.safetensors")
    assert "accuracy" in command(folder, "evaluate", "spirals.safetensors")
    assert "--hidden" in command(folder, "train", "--hiden", "3", code=2)


def main(expected):
    environment(expected)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        python(folder)
        extra("matplotlib", "plots", lambda: drawn(folder))
        extra("jax", "jax", compiled)
        extra("h5py", "hdf5", lambda: stored(folder))
        extra("tensorboardX", "tensorboard", lambda: board(folder))
        command_line(folder)
    print("smoke test passed: Python", sys.version.split()[0])


if __name__ == "__main__":
    main(sys.argv[1:])
