"""Moving over: what stands beside ours on the pages is run, too, where the other library can be had."""

import inspect
import os
import re
from pathlib import Path

import numpy as np
import pytest

import lucidnet as ln

DOCS = Path(__file__).parent.parent / "docs" / "moving"
FEATURES = {
    "hidden activations by one call": ".activations(",
    "gradients by one call": ".gradients(",
    "parameter object": ".parameters()",
    "matrices printed": 'print(net.params["dense2"]["W"]',
    "settings changed in mid-training": "net.set(learning_rate=",
    "split": "ln.data.split(",
    "standardise": "ln.data.standardize(",
    "one-hot": "ln.data.one_hot(",
    "loading into an existing model": ".load_weights(",
    "backprop explained": ".explain(",
    "a list of sizes": "ln.mlp([",
    "pictures as of CIFAR": "Input((32, 32, 3))",
    "a layer's gradient by JAX": "class Bump(Layer)",
}
"""What the five projects had in part or planned, and by what the page shows it; a site is where it stands."""


def blocks(page, kind):
    text = (DOCS / f"{page}.md").read_text("utf-8")
    return re.findall(rf"^```{re.escape(kind)}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_is_shown_by_code_that_is_run(feature):
    assert any(FEATURES[feature] in cell for cell in blocks("five", "{code-cell}"))


def test_the_page_of_the_five_is_run(tmp_path, monkeypatch):
    """All of it here too, with warnings as errors; the site runs it once more, and shows what it prints."""
    pytest.importorskip("jax")
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "five"}
    for cell in blocks("five", "{code-cell}"):
        exec(compile(cell, "five.md", "exec"), names)
    assert names["errors"][-1] < 0.01 < names["errors"][0]
    assert names["again"].evaluate(names["pictures"], names["y_test"])["accuracy"] > 0.9


@pytest.fixture
def digits():
    (x, y), (x_test, y_test) = ln.data.load("digits")
    return {"x": x.astype("float32"), "y": y, "x_test": x_test.astype("float32"), "y_test": y_test}


def ours(page, digits, name):
    """Run the first cells of a page, up to the one that makes what is asked for; return it."""
    names = dict(digits)
    for cell in blocks(page, "{code-cell}"):
        exec(compile(cell, f"{page}.md", "exec"), names)
        if name in names:
            return names[name]
    raise AssertionError(f"no cell of {page}.md makes {name}")


def test_the_loop_of_pytorch(digits):
    """Theirs, as the page has it, and ours; both learn the digits alike."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    x, y = torch.tensor(digits["x"]), torch.tensor(digits["y"]).long()
    pairs = list(zip(x, y, strict=True))
    loader = torch.utils.data.DataLoader(pairs, batch_size=32, shuffle=True)
    names = {"torch": torch, "nn": torch.nn, "loader": loader}
    (code,) = blocks("pytorch", "python")
    exec(compile(code, "pytorch.md", "exec"), names)
    with torch.no_grad():
        said = names["net"](torch.tensor(digits["x_test"])).argmax(1).numpy()
    theirs = np.mean(said == digits["y_test"])
    mine = ours("pytorch", digits, "net").evaluate(digits["x_test"], digits["y_test"])["accuracy"]
    assert theirs > 0.93
    assert mine > 0.93
    assert abs(theirs - mine) < 0.03


@pytest.mark.slow
def test_the_program_of_keras(digits):
    """On its engine by JAX; ten epochs of both, as the page has it."""
    pytest.importorskip("jax")
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    (code,) = blocks("keras", "python")
    names = {"keras": keras} | digits
    exec(compile(code, "keras.md", "exec"), names)
    theirs = names["model"].evaluate(digits["x_test"], digits["y_test"], verbose=0)[1]
    mine = ours("keras", digits, "model").evaluate(digits["x_test"], digits["y_test"])["accuracy"]
    assert theirs > 0.9
    assert mine > 0.9
    assert abs(theirs - mine) < 0.04


def test_what_keras_weighs_by_l2_is_weighed_alike_here(digits):
    """The row of the table that says so: lambda times the sum of the squares, in both."""
    from lucidnet.layers import Dense, Input

    model = ln.Model([Input(64), Dense(3, l2=0.01)], seed=0, dtype="float64")
    model.compile("mse", "sgd")
    bare = ln.Model([Input(64), Dense(3)], seed=0, dtype="float64")
    bare.compile("mse", "sgd")
    x, t = digits["x"][:8], np.zeros((8, 3))
    more = model.gradients(x, t)["dense1"]["W"] - bare.gradients(x, t)["dense1"]["W"]
    np.testing.assert_allclose(more, 2 * 0.01 * model.params["dense1"]["W"], rtol=1e-6)


def defaults(page):
    """Return the table of defaults that differ: class, our setting, theirs, our default, theirs."""
    text = (DOCS / f"{page}.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)\((\w+)=\)`(?:, theirs `(\w+)`)? \| (\S+) \| (\S+) \|$", text, re.MULTILINE)
    return {(name, ours): (theirs, float(a), float(b)) for name, ours, theirs, a, b in rows}


def numbers(kind):
    """Return the defaults of a class that are numbers, by name."""
    parameters = inspect.signature(kind).parameters.items()
    found = {name: one.default for name, one in parameters if type(one.default) in (int, float)}
    betas = getattr(parameters.mapping.get("betas"), "default", ())
    return found | {f"beta{place + 1}": beta for place, beta in enumerate(betas)}


THEIR_WORDS = {
    "pytorch": {"learning_rate": "lr", "epsilon": "eps", "decay": "lr_decay"},
    "keras": {"beta1": "beta_1", "beta2": "beta_2"},
}


def check_defaults(page, kinds):
    """Check that a table has each default that differs, and both numbers right."""
    told, found = defaults(page), {}
    for kind, theirs in kinds:
        name, other = kind.__name__, numbers(theirs)
        for setting, mine in numbers(kind).items():
            word = told.get((name, setting), ("",))[0] or THEIR_WORDS[page].get(setting, setting)
            if word in other and mine != other[word]:
                found[name, setting] = (told.get((name, setting), ("",))[0], mine, other[word])
    found = {
        key: row for key, row in found.items() if key[1] != "epsilon" or page != "keras" or key[0] == "Adam"
    }
    assert found == told


OPTIMIZERS = "SGD Adam AdamW RMSprop Adagrad Adadelta Nadam Adamax"


def test_the_defaults_that_differ_from_those_of_pytorch():
    torch = pytest.importorskip("torch")
    kinds = [
        (getattr(ln.optimizers, name), getattr(torch.optim, name.replace("Nadam", "NAdam")))
        for name in OPTIMIZERS.split()
    ]
    theirs = {
        "BatchNormalization": "BatchNorm2d",
        "LayerNormalization": "LayerNorm",
        "GroupNormalization": "GroupNorm",
        "LeakyReLU": "LeakyReLU",
        "ELU": "ELU",
    }
    check_defaults(
        "pytorch", kinds + [(getattr(ln.layers, a), getattr(torch.nn, b)) for a, b in theirs.items()]
    )


@pytest.mark.slow
def test_the_defaults_that_differ_from_those_of_keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    kinds = [
        (getattr(ln.optimizers, name), getattr(keras.optimizers, name))
        for name in f"{OPTIMIZERS} Lion".split()
    ]
    layers = "BatchNormalization LayerNormalization GroupNormalization LeakyReLU ELU MultiHeadAttention"
    check_defaults(
        "keras", kinds + [(getattr(ln.layers, name), getattr(keras.layers, name)) for name in layers.split()]
    )


def test_the_names_that_the_reference_gives_are_those_of_pytorch():
    """Each name in the column of PyTorch is there."""
    torch = pytest.importorskip("torch")
    import sys

    sys.path.insert(0, str(DOCS.parent))
    try:
        from site_tools import elsewhere, reference
    finally:
        sys.path.remove(str(DOCS.parent))
    for (page, name), theirs in elsewhere.table().items():
        assert name in reference.names(page), name
        for dotted in theirs.get(elsewhere.PYTORCH, ()):
            found = torch
            for part in dotted.split("."):
                found = getattr(found, part)


@pytest.mark.slow
def test_the_names_that_the_reference_gives_are_those_of_keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    import sys

    sys.path.insert(0, str(DOCS.parent))
    try:
        from site_tools import elsewhere
    finally:
        sys.path.remove(str(DOCS.parent))
    places = {
        "layers": keras.layers, "losses": keras.losses, "initializers": keras.initializers,
        "optimizers": keras.optimizers, "schedules": keras.optimizers.schedules,
    }  # fmt: skip
    for (page, _), theirs in elsewhere.table().items():
        for name in theirs.get(elsewhere.KERAS, ()):
            name = name.partition("(")[0]
            assert any(hasattr(place, name) for place in (places[page], keras.constraints, keras)), name


def test_a_loss_of_pytorch_is_told_ours():
    nn = pytest.importorskip("torch").nn
    model = ln.Model([ln.layers.Dense(1)])
    for theirs, mine in (
        (nn.MSELoss(), "MeanSquaredError"),
        (nn.CrossEntropyLoss(), "CategoricalCrossentropy"),
    ):
        with pytest.raises(
            ln.errors.SettingError, match=f"takes tensors of PyTorch: here it is losses.{mine}"
        ):
            model.compile(theirs)
