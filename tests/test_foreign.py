"""The words of other libraries are answered with ours: each entry of the table is tried for real."""

import importlib
import inspect
import re
from functools import partial

import pytest
import typer
from typer.testing import CliRunner

import lucidnet as ln
from lucidnet import foreign
from lucidnet.cli.app import app
from lucidnet.core.exports import exports
from lucidnet.errors import UnknownNameError
from lucidnet.foreign import options
from lucidnet.layers import Dense, Input, Reshape

PACKAGES = [
    *(ln.layers, ln.optimizers, ln.optimizers.schedules, ln.losses, ln.callbacks, ln.initializers),
    *(ln.metrics, ln.rules),
]
CLASSES = [
    kind
    for package in PACKAGES
    for name in package.__all__
    if inspect.isclass(kind := getattr(package, name))
]
GET = {
    "loss": ln.losses.get,
    "optimizer": ln.optimizers.get,
    "metric": ln.metrics.get,
    "activation": ln.layers.activations.get,
    "initializer": ln.initializers.get,
    "rule": ln.rules.get,
}
CLASSES += [ln.sklearn.NetClassifier, ln.sklearn.NetRegressor, ln.SelfOrganizingMap]
ELSEWHERE = ("function", "windows", "picture", "NetClassifier.fit", "NetRegressor.fit")
METHODS = {"Model": ln.Model, "compile": ln.Model.compile, "fit": ln.Model.fit}
METHODS |= {"fit_one_cycle": ln.Model.fit_one_cycle}
METHODS |= {name: getattr(ln.Model, name) for name in ("build", "summary", "save", "load_weights")}
METHODS |= {"predict": ln.Model.predict, "evaluate": ln.Model.evaluate, "forward": ln.Model.forward}


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
    places = (ln, ln.Model, ln.sklearn.NetClassifier, *PACKAGES)
    return any(has(place, head(ours)) for place in places)


def has(place, name):
    """Whether a place has a name, which may go on with those in it, as ``data.Dataset.take``."""
    first, _, rest = name.partition(".")
    return hasattr(place, first) and (not rest or has(getattr(place, first), rest))


OF_CLASSES = {place: words for place, words in foreign.KEYWORDS.items() if place not in ELSEWHERE}


@pytest.mark.parametrize(("place", "word", "ours"), entries(OF_CLASSES))
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


FUNCTIONS = {
    "function": (
        *(ln.data.moons, ln.data.gaussians, ln.data.split, ln.data.read, ln.data.tasks.parity),
        ln.layers.Bidirectional,
    ),
    "windows": (ln.data.windows,),
    "picture": (ln.plots.architecture, ln.plots.confusion_matrix),
    "NetClassifier.fit": (ln.sklearn.NetClassifier().fit,),
    "NetRegressor.fit": (ln.sklearn.NetRegressor().fit,),
}
OF_FUNCTIONS = {place: foreign.KEYWORDS[place] for place in ELSEWHERE}


@pytest.mark.parametrize(("place", "word", "ours"), entries(OF_FUNCTIONS))
def test_keywords_of_functions(place, word, ours):
    name = head(ours)
    owner = ln.sklearn.NetClassifier if place.endswith("fit") else None
    takes = [one for one in FUNCTIONS[place] if name in inspect.signature(owner or one).parameters]
    assert takes
    for function in takes:
        with pytest.raises(TypeError, match=re.escape(f"argument {word!r}: here it is {ours}")):
            function(
                *(
                    [1, 2]
                    if owner
                    else [[[1]] if function is ln.plots.confusion_matrix else model()]
                    if place == "picture"
                    else []
                ),
                **{word: 1},
            )


@pytest.mark.parametrize(("kind", "word", "ours"), entries(foreign.NAMES))
def test_names(kind, word, ours):
    GET[kind](ours)
    for written in {word, word.upper()}:
        with pytest.raises(UnknownNameError, match=f"unknown {kind} '{written}': did you mean '{ours}'"):
            GET[kind](written)


ESTIMATORS = ("NetClassifier", "NetRegressor")


def estimator(name):
    kind = getattr(ln.sklearn, name)
    return kind((1,), max_iter=9, tol=100.0, solver="lbfgs").fit([[1.0], [2.0]], [1, 2])


def learner():
    """Return a model as a step of one's own sees it."""
    seen = []
    ln.OwnStep(lambda one, x: seen.append(one), model())([[[1.0, 2.0]]])
    return seen[0]


def loop():
    """Return the loop of a training, as callbacks see it."""
    seen = []
    see = ln.callbacks.On(epoch=lambda loop, result: seen.append(loop))
    model().fit([[1.0, 2.0]], [[1.0]], verbose=0, callbacks=[see])
    return seen[0]


@pytest.mark.parametrize(("place", "word", "ours"), entries(foreign.ATTRIBUTES))
def test_attributes(place, word, ours):
    made = {"Model": model, "Loop": loop, "History": ln.training.history.History, "Layer": lambda: Dense(1)}
    made |= {"Race": lambda: ln.lab.Race, "Optimizer": lambda: ln.optimizers.Adam()}
    made |= {
        "Dataset": lambda: ln.data.Dataset,
        "SelfOrganizingMap": lambda: ln.SelfOrganizingMap(1, 1).fit([[1]]),
    }
    made |= {"Run": ln.layers.Run, "Loss": lambda: ln.losses.Huber()}
    made |= {"Learner": learner, "ModelPart": lambda: model().part(to="dense1")}
    made |= {"Parameter": lambda: model().parameters()[0], "Tape": lambda: model().forward([[1.0, 2.0]])}
    made |= {
        "Examples": lambda: ln.data.tables.Examples(1, 2),
        **{name: partial(estimator, name) for name in ESTIMATORS},
    }
    thing = made[place]() if place in made else importlib.import_module(place)
    special = {"__call__": lambda: thing(), "__getitem__": lambda: thing[0]}
    with pytest.raises(TypeError if word in special else AttributeError, match=re.escape(ours)):
        special.get(word, lambda: getattr(thing, word))()
    if word == "__call__" or ours.startswith("the history itself"):
        return
    thing = ln if head(ours).startswith(("Model.", "lucidnet.")) else thing
    for name in head(ours).removeprefix("lucidnet.").split("."):
        thing = getattr(thing, name)


WIDE = {"COLUMNS": "200", "TERM": "dumb"}
COMMAND = typer.main.get_command(app)


def complaint(name, given):
    """Return what a command says of its options, without the frame around it, which takes most of the time."""
    command = COMMAND.commands[name]
    with pytest.raises(Exception, match="No such option") as raised:
        command.make_context(name, list(given), parent=COMMAND.context_class(COMMAND))
    assert raised.value.exit_code == 2
    return raised.value.message


def test_options():
    help = CliRunner().invoke(app, ["train", "--help"], env=WIDE).output
    for word, ours in options.OPTIONS.items():
        assert ours in help
        other = "--" + word.removeprefix("--").replace("-", "_")
        for name, given in ((word, [word, "1"]), (word, [f"{word}=1"]), (other, [other, "1"])):
            assert complaint("train", given) == f"No such option: {name}: here it is {ours}"
    shown = CliRunner().invoke(app, ["train", "--batch_size", "1"], env=WIDE)
    assert shown.exit_code == 2
    assert "No such option: --batch_size: here it is --batch-size" in shown.output


def test_what_is_no_option():
    for word, sentence in options.SENTENCES.items():
        assert complaint("train", [word, "1"]) == f"No such option: {word}: {sentence}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["evaluate", "m.safetensors", "--split", "test"], "here it is --part"),
        (["predict", "m.safetensors", "--output", "p.csv"], "here it is --out"),
        (["predict", "m.safetensors", "-o", "p.csv"], "here it is --out"),
        (["predict", "m.safetensors", "--target", "y"], "it is an option of"),
        (["train", "-b", "3"], "here it is --batch-size"),
        (["train", "-e", "3", "digits"], "here it is --epochs"),
        (["race", "--seed", "3"], "here it is --seeds"),
        (["evaluate", "m.safetensors", "--label", "y"], "it is called --target, an option of"),
        (["look", "a.csv", "--y", "b"], "here it is --target"),
    ],
)
def test_words_of_other_commands(given, said):
    assert said in complaint(given[0], given[1:])


def test_other_commands_have_options_of_their_own():
    assert "here it is --lr" in CliRunner().invoke(app, ["race", "--learning-rate", "1"]).output
    assert "here it is" not in CliRunner().invoke(app, ["info", "--learning-rate", "1"]).output


def test_where_a_name_is_that_stands_elsewhere():
    for place, name, message in [
        (ln, "Dense", "it is lucidnet.layers.Dense"),
        (ln, "Adam", "it is lucidnet.optimizers.Adam"),
        (ln.layers, "MeanSquaredError", "it is lucidnet.losses.MeanSquaredError"),
        (ln.layers, "Dnese", "did you mean 'Dense'"),
        (ln.layers, "CrossEntropyLoss", "here it is lucidnet.losses.CategoricalCrossentropy"),
        (ln, "Conv2d", "here it is lucidnet.layers.Conv2D"),
        (ln, "loss", "did you mean 'losses'"),
        (ln.losses, "ModelCheckpoint", "here it is lucidnet.callbacks.Checkpoint"),
        (ln.plots, "confusion", "did you mean 'confusion_matrix'"),
    ]:
        with pytest.raises(
            AttributeError, match=f"module '{place.__name__}' has no attribute '{name}': {message}"
        ):
            getattr(place, name)
    with pytest.raises(AttributeError, match="no attribute '_secret'$"):
        _ = ln._secret


def test_what_users_define_is_theirs():
    class Stopping(ln.callbacks.EarlyStopping):
        def __init__(self, **settings):
            self.baseline = settings.pop("baseline")
            super().__init__(**settings)

    class Net(ln.Model):
        criterion = None

    assert Stopping(baseline=3, patience=2).baseline == 3
    net = Net([Dense(1)])
    net.criterion = net.training = 3
    assert net.criterion == net.training == 3
    with pytest.raises(AttributeError, match=r"here it is set\(layer=..., frozen=...\)"):
        net.trainable = False
    with pytest.raises(AttributeError, match="cannot be set: here it is loss"):
        model().criterion = 3


def test_what_is_no_word_of_theirs_is_left_to_python():
    for wrong in (
        lambda: Dense(3, nonsense=4),
        lambda: ln.layers.Flatten(out_features=3),  # which has no units
        lambda: model().fit([[1, 2]], [1], nonsense=3),
        lambda: ln.optimizers.SGD(beta_1=0.9),
    ):
        with pytest.raises(TypeError, match="unexpected keyword argument '[a-z_0-9]+'$"):
            wrong()
    with pytest.raises(TypeError, match="'tied_to'$"):  # which is no setting
        Dense(3, tied_to="a")
    for misspelt, near in (
        (lambda: Dense(unit=3), "units"),
        (lambda: model().fit([[1, 2]], [1], eochs=3), "epochs"),
        (lambda: ln.callbacks.EarlyStopping(patiance=3), "patience"),
        (lambda: ln.sklearn.NetClassifier(max_iters=3), "max_iter"),
    ):
        with pytest.raises(
            TypeError, match=f"unexpected keyword argument '[a-z_]+': did you mean '{near}'\\?$"
        ):
            misspelt()
    with pytest.raises(TypeError, match="takes no arguments"):
        ln.callbacks.StopOnNaN(nonsense=3)
    with pytest.raises(AttributeError, match="'Model' object has no attribute 'nonsense'$"):
        _ = model().nonsense


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: model().fit([[1, 2]], [1], 32, 10), "fit() takes x and y by place, got 4 arguments: give the others by name, epochs=,"),
        (lambda: model().set("dense1"), "set() takes nothing by place, got 1 arguments: give the others by name, layer="),
        (lambda: ln.data.windows([1.0, 2.0], 3), "windows() takes series by place"),
        (lambda: ln.data.split([[1]], [1], 0.2), "split() takes x and y by place"),
        (lambda: ln.Model.load("m", None, "numpy"), "load() takes path and custom by place"),
        (lambda: Reshape(8, 8, 1), "here it is Reshape((8, 8, 1)), one tuple"),
        (lambda: ln.mlp(4, 16, 3), "mlp() takes sizes alone by place, got 3: here it is mlp([4, 16, 3])"),
    ],
)  # fmt: skip
def test_arguments_by_place_that_go_by_name(wrong, said):
    with pytest.raises(TypeError, match=re.escape(said)):
        wrong()


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


def test_a_layer_of_pytorch_with_its_sizes():
    with pytest.raises(TypeError, match=r"3 were given: here it is Dense\(units\)"):
        ln.layers.Linear(64, 10)
    with pytest.raises(ln.errors.SettingError, match="^Dense: activation: expected a name"):
        ln.layers.Dense(64, 10)
    with pytest.raises(ln.errors.UnknownNameError, match="^Dense: activation: unknown activation 'rellu'"):
        ln.layers.Dense(64, "rellu")
