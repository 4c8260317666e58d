"""The words of other libraries are answered with ours: each entry of the table is tried for real."""

import importlib
import inspect
import re

import pytest
from typer.testing import CliRunner

import lucidnet as ln
from lucidnet import foreign
from lucidnet.cli.app import app
from lucidnet.core.exports import exports
from lucidnet.errors import UnknownNameError
from lucidnet.layers import Dense, Input

PACKAGES = ("layers", "optimizers", "losses", "callbacks", "initializers", "metrics", "rules")
CLASSES = [
    kind
    for package in PACKAGES
    for name in getattr(ln, package).__all__
    if inspect.isclass(kind := getattr(getattr(ln, package), name))
]
GET = {
    "loss": ln.losses.get,
    "optimizer": ln.optimizers.get,
    "metric": ln.metrics.get,
    "activation": ln.layers.activations.get,
    "initializer": ln.initializers.get,
    "rule": ln.rules.get,
}
METHODS = {"Model": ln.Model, "compile": ln.Model.compile, "fit": ln.Model.fit}
METHODS |= {"predict": ln.Model.predict, "evaluate": ln.Model.evaluate}


def entries(table):
    return [(place, word, ours) for place, words in table.items() for word, ours in words.items()]


def head(ours):
    return re.match(r"[\w.]+", ours)[0]


def model():
    made = ln.Model([Input(2), Dense(1)])
    made.compile("mse", "sgd")
    return made


def is_there(ours):
    """Whether the word before a bracket is a method of models, a class or a function that people use."""
    places = (ln, ln.Model, *(getattr(ln, package) for package in PACKAGES))
    return any(hasattr(place, head(ours)) for place in places)


@pytest.mark.parametrize(("place", "word", "ours"), entries(foreign.KEYWORDS))
def test_keywords(place, word, ours):
    if place in METHODS:
        takes, tried = METHODS[place], [METHODS[place]]
        assert ours[len(head(ours)) :].startswith("(") or head(ours) in inspect.signature(takes).parameters
        if place != "Model":
            tried = [getattr(model(), place)]
    else:
        kinds = [kind for kind in CLASSES if place in {base.__name__ for base in kind.__mro__}]
        tried = [kind for kind in kinds if foreign.keyword(kind, word) == ours]
        for kind in tried:
            assert ours[len(head(ours)) :].startswith("(") or head(ours) in inspect.signature(kind).parameters
    assert tried
    assert not ours[len(head(ours)) :].startswith("(") or is_there(ours)
    for kind in tried:
        with pytest.raises(TypeError, match=re.escape(f"keyword argument {word!r}: here it is {ours}")):
            kind(**{word: 1})


@pytest.mark.parametrize(("kind", "word", "ours"), entries(foreign.NAMES))
def test_names(kind, word, ours):
    GET[kind](ours)
    for written in {word, word.upper()}:
        with pytest.raises(UnknownNameError, match=f"unknown {kind} '{written}': did you mean '{ours}'"):
            GET[kind](written)


def loop():
    """Return the loop of a training, as callbacks see it."""
    seen = []
    see = ln.callbacks.On(epoch=lambda loop, result: seen.append(loop))
    model().fit([[1.0, 2.0]], [[1.0]], verbose=0, callbacks=[see])
    return seen[0]


@pytest.mark.parametrize(("place", "word", "ours"), entries(foreign.ATTRIBUTES))
def test_attributes(place, word, ours):
    made = {"Model": model, "Loop": loop, "History": ln.training.history.History}
    thing = made[place]() if place in made else importlib.import_module(place)
    with pytest.raises(AttributeError, match=re.escape(ours)):
        getattr(thing, word)
    if ours.startswith("the history itself"):
        return
    for name in head(ours).split("."):
        thing = getattr(thing, name)


@pytest.mark.parametrize(("word", "ours"), foreign.OPTIONS.items())
def test_options(word, ours):
    for given in ([word, "1"], [f"{word}=1"]):
        done = CliRunner().invoke(app, ["train", *given], env={"COLUMNS": "200", "TERM": "dumb"})
        assert done.exit_code == 2
        assert f"No such option: {word}: here it is {ours}" in done.output
    help = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    assert ours in help


def test_other_commands_have_options_of_their_own():
    assert "here it is --lr" in CliRunner().invoke(app, ["race", "--learning-rate", "1"]).output
    assert "here it is" not in CliRunner().invoke(app, ["info", "--learning-rate", "1"]).output


def test_where_a_name_is_that_stands_elsewhere():
    for place, name, message in [
        (ln, "Dense", "it is lucidnet.layers.Dense"),
        (ln, "Adam", "it is lucidnet.optimizers.Adam"),
        (ln.layers, "MeanSquaredError", "it is lucidnet.losses.MeanSquaredError"),
        (ln.layers, "Dnese", "did you mean 'Dense'"),
        (ln.plots, "confusion", "did you mean 'confusion_matrix'"),
    ]:
        with pytest.raises(
            AttributeError, match=f"module '{place.__name__}' has no attribute '{name}': {message}"
        ):
            getattr(place, name)
    with pytest.raises(AttributeError, match="no attribute '_secret'$"):
        _ = ln._secret


def test_what_is_no_word_of_theirs_is_left_to_python():
    for wrong in (
        lambda: Dense(3, unit=4),
        lambda: ln.layers.Flatten(out_features=3),  # which has no units
        lambda: model().fit([[1, 2]], [1], nonsense=3),
        lambda: ln.optimizers.SGD(beta_1=0.9),
    ):
        with pytest.raises(TypeError, match="unexpected keyword argument '[a-z_0-9]+'$"):
            wrong()
    with pytest.raises(AttributeError, match="'Model' object has no attribute 'nonsense'$"):
        _ = model().nonsense


def test_a_subclass_is_answered_too_and_may_take_the_word_itself():
    class Mine(ln.Model):
        pass

    with pytest.raises(
        AttributeError, match="'Mine' object has no attribute 'predict_proba': here it is predict"
    ):
        _ = Mine().predict_proba

    class Early(ln.callbacks.Callback):
        def __init__(self, tol):
            self.tol = tol

    assert Early(tol=3).tol == 3


def test_signatures_stay():
    assert list(inspect.signature(Dense).parameters)[:2] == ["units", "activation"]
    assert list(inspect.signature(ln.Model).parameters) == ["layers", "seed", "dtype", "backend", "mesh"]
    assert "epochs" in inspect.signature(ln.Model.fit).parameters
    assert list(inspect.signature(ln.initializers.Normal()).parameters) == ["rng", "shape"]
    assert list(inspect.signature(ln.callbacks.CSVLog).parameters) == ["path"]
    assert ln.Model.fit.__doc__.startswith("Train on a data set")


def test_reading_a_table_imports_nothing():
    import subprocess
    import sys

    program = (
        "import lucidnet as ln, sys; hasattr(ln, 'Lambda'); "
        "print([name for name in ('lucidnet.plots', 'lucidnet.data.augment', 'lucidnet.lab') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert "Figure" not in exports("lucidnet.plots")
