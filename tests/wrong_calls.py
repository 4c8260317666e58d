"""Right calls of everything public, and what people give in place of each argument: made from signatures."""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

import lucidnet as ln
from lucidnet.layers import Conv2D, Dense, Embedding, Flatten, Input, LeakyRNN, MultiHeadAttention
from wrong_arguments import GIVEN

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 2)).astype("float32")
Y = X[:, :1] - X[:, 1:]
LABELS = (X[:, 0] > 0).astype(int)
SCORES = np.stack([0.5 - X[:, 0], 0.5 + X[:, 0]], axis=1)

PACKAGES = (
    *(
        "",
        "data",
        "data.tasks",
        "data.text",
        "data.augment",
        "plots",
        "check",
        "inspect",
        "metrics",
        "losses",
    ),
    *(
        "optimizers",
        "initializers",
        "layers",
        "layers.activations",
        "rules",
        "lab",
        "distributed",
        "exercises",
        "tree",
    ),
)
"""Where public functions are."""

CLASSES = (
    *(
        "Model",
        "SelfOrganizingMap",
        "data.Dataset",
        "data.Table",
        "data.text.Vocabulary",
        "lab.Race",
        "training.history.History",
    ),
    *(
        "training.online.OnlineLearner",
        "training.stepper.Stepper",
        "training.find.RateCurve",
        "training.Step",
    ),
    "inspect.explain.Explanation",
)
"""Whose public methods are tried."""

EXCUSED = {
    "data.Table.from_plain": "it is given what a file says; tests/tables/test_tables.py",
    "layers.backprop": "a rule crosses an edge with it; what it is given comes from a network",
    "layers.walk": "as the methods of layers: what it is given are layers",
    "layers.activations.inside": "a declaration of settings",
    "distributed.start": "it waits for other processes; tests/backends/test_processes.py",
    "tree.at": "trees of arrays, in the words of Python's dicts",
    "tree.leaves": "trees of arrays, in the words of Python's dicts",
    "tree.put": "trees of arrays, in the words of Python's dicts",
    "tree.tree_map": "trees of arrays, in the words of Python's dicts",
    "check.package": "it takes classes alone: tests/check/test_package.py",
    "data.augment.sampled": "it takes arrays alone, of one shape",
    "Model.compile": "test_settings.py",
    "Model.fit": "test_settings.py",
    "Model.fit_one_cycle": "test_settings.py",
    "Model.set": "it takes settings of layers and optimizers: test_settings.py",
    "data.Dataset.batches": "what a training calls",
    "data.Dataset.items": "what a training calls",
    "data.Dataset.order": "what a training calls",
    "data.Dataset.fetch": "what a training calls",
    "training.history.History.append": "what a training calls",
    "training.history.History.copied": "what a training calls",
    "training.history.History.record": "what a training calls",
    "training.Step.problem": "what a training calls",
    "training.Step.start": "what a training calls",
    "lab.Race.equal": "no arguments",
    "lab.Race.merge": "races in any number: tests/lab/test_race.py",
    "lab.Race.step_rows": "no arguments",
    "lab.serve": "it starts a server: tests/lab/page/test_lab_server.py",
    "training.history.History.step_rows": "no arguments",
    "layers.activations.scale": "it takes an activation alone: tests/test_defaults.py",
    "inspect.explain.Explanation.page": "no arguments",
    "inspect.explain.Explanation.save": "tests/prompt/test_reprs.py",
    "data.Dataset.written": "no arguments",
}
"""What is not tried here, and why."""


@cache
def model() -> Any:
    made = ln.Model([Input(2), Dense(3, "tanh"), Dense(1)])
    made.compile("mse", "sgd", ["mae"])
    return made


@cache
def classifier() -> Any:
    made = ln.Model([Input(2), Dense(2, "softmax")])
    made.compile("categorical_crossentropy", "sgd")
    return made


@cache
def recurrent() -> Any:
    made = ln.Model([Input((None, 2)), LeakyRNN(2, return_sequences=True), Dense(1)])
    made.compile("mse", "sgd")
    return made


@cache
def language() -> Any:
    return ln.Model(
        [Input((4,)), Embedding(256, 2), LeakyRNN(4, return_sequences=True), Dense(256, "softmax")]
    )


@cache
def images() -> Any:
    made = ln.Model([Input((4, 4, 1)), Conv2D(2, 3), Flatten(), Dense(1)])
    made.compile("mse", "sgd")
    return made


@cache
def attending() -> Any:
    return ln.Model([Input((3, 2)), MultiHeadAttention(1)])


@cache
def aligned() -> Any:
    made = ln.Model([Input(2), Dense(3, "tanh"), Dense(1)])
    made.compile("mse", "sgd", rule="fa")
    return made


@cache
def raced() -> Any:
    return ln.race(model(), (X, Y), ["backprop"], seeds=1, epochs=1, batch_size=4, verbose=0)


@cache
def recorded() -> Any:
    made = ln.Model([Input(2), Dense(3, "tanh"), Dense(1)])
    made.compile("mse", "sgd", rule="fa")
    kinds = ["gradient_alignment", "activations/*", "weights"]
    return made.fit(X, Y, epochs=1, record=kinds, verbose=0)


@cache
def found_rates() -> Any:
    return model().lr_find(X, Y, steps=10)


@cache
def drawn() -> Any:
    return ln.plots.heat_map(X)


@cache
def elsewhere() -> Any:
    return (
        import_module("sklearn.neural_network")
        .MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs")
        .fit(X, Y[:, 0])
    )


def fresh() -> Any:
    return ln.Model([Dense(1)])


def history() -> Any:
    made = import_module("lucidnet.training.history").History()
    made.append({"loss": 1.0})
    return made


def som() -> Any:
    return ln.SelfOrganizingMap(2, 2).fit(X, epochs=1)


def dataset() -> Any:
    return ln.data.Dataset.from_arrays(X, Y)


def table() -> Any:
    return ln.data.Table.fit(FRAME)


FRAME = {"a": [0.5, 1.5, 2.5], "label": ["no", "yes", "no"]}
XY = {"x": X, "y": Y}
SEQUENCES = RNG.normal(size=(3, 2, 2))
METRIC = {"y": LABELS, "prediction": SCORES}
NUMBERS = {"y": Y, "prediction": Y + 1}

RIGHT: dict[str, Any] = {
    "load": {"path": "missing.safetensors"},
    "mlp": {"sizes": [2, 3, 1]},
    "convert": {"network": elsewhere},
    "export": {"model": model, "path": "program.py"},
    **{f"data.{name}": {"n": 12} for name in ("xor", "spirals", "moons", "circles", "gaussians")},
    "data.load": {"name": "digits"},
    "data.one_hot": {"labels": LABELS},
    "data.split": {"x": X, "y": Y},
    "data.standardize": {"x": X},
    "data.windows": {"series": X, "history": 2},
    "data.read": {"path": "data.csv"},
    "data.pictures": {"path": "missing.png"},
    "data.frame": {"path": "data.csv"},
    "data.look": {"path": "data.csv"},
    **{
        f"data.tasks.{name}": {"n": 2}
        for name in ("adding", "copy", "parity", "periodic_pattern", "delayed_add")
    },
    "data.tasks.entropy": {"p": 0.5},
    "data.tasks.floors": {},
    "data.text.windows": {"ids": [0, 1, 2, 3, 4], "length": 2},
    "data.text.streams": {"ids": [0, 1, 2, 3, 4, 5, 6], "rows": 2, "length": 2},
    "data.text.split": {"ids": [0, 1, 2, 3, 4], "fraction": 0.4},
    "data.text.generate": {
        "model": language,
        "vocabulary": ln.data.text.Vocabulary(),
        "prompt": "a",
        "length": 2,
    },
    "data.augment.mixup": {"x": X, "y": Y, "rng": ln.backend.Stream(0)},
    "check.gradients": {"target": Dense(2)},
    "check.rule": {"rule": "fa"},
    "inspect.watch": {"net": Dense(2)},
    "losses.get": {"given": "mse"},
    "losses.custom": {"function": lambda target, prediction: prediction, "derivative": lambda target, y: y},
    "optimizers.get": {"given": "sgd"},
    "initializers.get": {"given": "zeros"},
    "initializers.fans": {"shape": (2, 3)},
    "layers.Activation": {"function": "relu"},
    "layers.Function": {"function": abs},
    "layers.Bidirectional": {"layer": LeakyRNN(2)},
    "layers.activations.custom": {"function": abs, "derivative": abs},
    "layers.activations.get": {"given": "relu"},
    "rules.get": {"given": "fa"},
    "rules.report": {"rule": "fa"},
    "metrics.get": {"metric": "mae"},
    "metrics.several": {"given": ["mae"]},
    **{
        f"metrics.{name}": METRIC
        for name in ("accuracy", "confusion_matrix", "f1", "precision", "recall", "roc_auc")
    },
    "metrics.top_k": METRIC | {"k": 1},
    "metrics.binary_accuracy": {"y": LABELS, "prediction": SCORES[:, 1]},
    **{f"metrics.{name}": NUMBERS for name in ("mae", "mse", "rmse", "r2")},
    "distributed.detected": {},
    "exercises.list": {},
    "exercises.start": {"name": "relu", "folder": "exercises"},
    "exercises.check": {"path": "missing.py"},
    "Model.activations": {"self": model, "x": X},
    "Model.add": {"self": fresh, "layer": Dense(1)},
    "Model.apply": {"self": model, "grads": {"dense1": {"b": np.ones(3)}}},
    "Model.build": {"self": fresh, "shape": (2,)},
    "Model.copy_weights": {"self": model, "other": model},
    "Model.forward": {"self": model, "x": X},
    "Model.part": {"self": model, "name": "dense1"},
    "Model.checked": {"self": classifier, "x": X, "y": LABELS},
    "Model.doctor": {"self": model, "steps": 2} | XY,
    "Model.evaluate": {"self": model} | XY,
    "Model.explain": {"self": model, "x": X[:1], "y": Y[:1]},
    "Model.get_weights": {"self": model},
    "Model.gradient_alignment": {"self": model} | XY,
    "Model.gradients": {"self": model} | XY,
    "Model.input_gradient": {"self": model} | XY,
    "Model.intervene": {"self": model, "x": X, "changes": {"dense1": lambda y: 0 * y}},
    "Model.load": {"path": "missing.safetensors"},
    "Model.load_weights": {"self": model, "source": lambda: dict(model().params)},
    "Model.lr_find": {"self": model, "steps": 10} | XY,
    "Model.online": {"self": recurrent},
    "Model.output_mask": {"self": model, "x": X},
    "Model.parameters": {"self": model},
    "Model.predict": {"self": model, "x": X},
    "Model.predict_classes": {"self": classifier, "x": X},
    "Model.save": {"self": model, "path": "saved.safetensors"},
    "Model.set_feedback": {"self": aligned, "feedback": lambda: dict(aligned().feedback)},
    "Model.set_params": {"self": model, "params": lambda: dict(model().params)},
    "Model.set_weights": {"self": model, "vector": lambda: model().get_weights()},
    "Model.stepper": {"self": recurrent},
    "Model.summary": {"self": model},
    "Model.train_step": {"self": model} | XY,
    "Model.use_average": {},
    "Model.weight_alignment": {"self": aligned},
    "SelfOrganizingMap.distances": {"self": som},
    "SelfOrganizingMap.fit": {"self": som, "x": X, "epochs": 1},
    **{
        f"SelfOrganizingMap.{name}": {"self": som, "x": X}
        for name in ("quantization_error", "topographic_error", "transform")
    },
    "data.Dataset.batch": {"self": dataset, "size": 2},
    "data.Dataset.from_arrays": XY,
    "data.Dataset.from_hdf5": {"path": "missing.h5"},
    "data.Dataset.from_iterator": {"make": [(X, Y)]},
    "data.Dataset.map": {"self": dataset, "function": lambda x, y: (x, y)},
    "data.Dataset.prefetch": {"self": dataset},
    "data.Dataset.shuffle": {"self": dataset},
    "data.Dataset.skip": {"self": dataset, "count": 1},
    "data.Dataset.split": {"self": dataset, "fraction": 0.5},
    "data.Dataset.take": {"self": dataset, "count": 1},
    "data.Table.fit": {"frame": FRAME},
    "data.Table.apply": {"self": table, "frame": FRAME},
    "data.Table.kept": {"self": table, "frame": FRAME},
    "data.Table.names": {"self": table, "predictions": [0, 1]},
    "data.Table.values": {"self": lambda: ln.data.Table.fit({"a": [1.5], "b": [0.5]}), "predictions": [0.5]},
    "data.Table.to_plain": {"self": table},
    "data.text.Vocabulary.bytes": {},
    "data.text.Vocabulary.characters": {"text": "text"},
    "data.text.Vocabulary.decode": {"self": ln.data.text.Vocabulary(), "ids": [65]},
    "data.text.Vocabulary.encode": {"self": ln.data.text.Vocabulary(), "text": "text"},
    "lab.Race.curves": {"self": raced, "rule": "backprop", "quantity": "loss"},
    "lab.Race.differences": {"self": raced},
    "lab.Race.of": {"self": raced, "rule": "backprop"},
    "lab.Race.plot": {"self": raced},
    "lab.Race.rows": {"self": raced},
    "lab.Race.table": {"self": raced},
    "lab.Race.to_csv": {"self": raced},
    "lab.load_race": {"folder": "missing"},
    "race": {
        **{"model": model, "data": (X, Y), "rules": ["backprop"], "seeds": 1, "epochs": 1},
        **{"batch_size": 4, "verbose": 0},
    },
    "plots.activation_histograms": {"records": recorded},
    "plots.alignment": {"records": recorded},
    "plots.animate": {"history": recorded, "path": "film.gif"},
    "plots.architecture": {"model": model},
    "plots.attention_maps": {"model": attending, "x": np.ones((3, 2))},
    "plots.attention_weights": {"weights": np.ones((2, 2))},
    "plots.confusion_matrix": {"matrix": [[1, 0], [2, 3]]},
    "plots.convolution_filters": {"model": images},
    "plots.decision_boundary": {"model": classifier, "x": X, "y": LABELS, "resolution": 4},
    "plots.distance_map": {"distances": np.ones((2, 2))},
    "plots.feature_maps": {"model": images, "x": np.ones((4, 4, 1))},
    "plots.feedback_weights": {"model": aligned},
    "plots.first_layer_weights": {"W": np.ones((4, 2))},
    "plots.gradient_flow": {"model": model, "x": X, "y": Y},
    "plots.heat_map": {"W": np.ones((2, 2))},
    "plots.learning_rate_finder": {"rates": [0.1, 0.2, 0.3], "losses": [3.0, 2.0, 1.0]},
    "plots.loss_surface": {"model": model, "x": X, "y": Y, "points": 3},
    "plots.overview": {"history": {"loss": [1.0]}, "W": np.ones((4, 2))},
    "plots.race_curves": {"quantities": {"loss": {"fa": np.ones((1, 2))}}},
    "plots.save": {"figure": drawn, "path": "picture.png", "dpi": 20},
    "plots.training_curves": {"history": {"loss": [1.0]}},
    "plots.examples": {"x": np.ones((2, 25))},
    "plots.worst_mistakes": {"x": X, "y": LABELS, "probabilities": SCORES},
    "SelfOrganizingMap.plot": {"self": som},
    "training.find.RateCurve.plot": {"self": found_rates},
    "training.history.History.plot": {"self": history},
    "training.history.History.rows": {"self": history},
    "training.history.History.to_csv": {"self": history},
    "training.online.OnlineLearner.gradients": {
        "self": lambda: recurrent().online(),
        "x": SEQUENCES[0],
        "y": np.zeros((2, 1)),
    },
    "training.online.OnlineLearner.reset": {"self": lambda: recurrent().online()},
    "training.online.OnlineLearner.run": {"self": lambda: recurrent().online(), "xs": SEQUENCES},
    "training.online.OnlineLearner.step": {"self": lambda: recurrent().online(), "x": SEQUENCES[0]},
    "training.stepper.Stepper.reset": {"self": lambda: recurrent().stepper()},
    "training.stepper.Stepper.step": {"self": lambda: recurrent().stepper(), "x": SEQUENCES[0]},
    "inspect.explain.Explanation.html": {},
    "inspect.explain.Explanation.latex": {},
    "inspect.explain.Explanation.text": {},
}
"""The arguments of a right call; what makes an object each time is a function without arguments (`made`)."""

NUMBER_LIKE = {
    *(
        "0",
        "1",
        "-1",
        "np.int64(-1)",
        "2.5",
        "3.0",
        "-0.5",
        "[]",
        "()",
        "[1]",
        "(1, 2, 3, 4)",
        "array",
        "matrix",
    ),
    *("True", "False", "np.True_", "nan", "inf", "-inf", "np.float32(nan)", "10**400"),
}
WHOLES = {"0", "1", "-1", "np.int64(-1)", "10**400"}
REALS = WHOLES | {"2.5", "3.0", "-0.5"}
SEVERAL = {"['no']", "[]", "()", "[1]", "(1, 2, 3, 4)", "set()", "array", "matrix", "{}", "{1: 2}"}
ANYTHING = set(GIVEN)

MAY_PASS = {
    "int": WHOLES,
    "float": REALS,
    "bool": {"True", "False", "np.True_"},
    "str": {"text", "empty text"},
    "str | os.PathLike[str]": {"text"},
    "str | PathLike[str]": {"text"},
    "Any": NUMBER_LIKE,
    "Data": NUMBER_LIKE,
    "Weight": NUMBER_LIKE | {"None"},
    "Array": NUMBER_LIKE,
    "npt.ArrayLike": NUMBER_LIKE,
    "Tree": NUMBER_LIKE | {"{}"},
    "Shape": WHOLES | SEVERAL,
    "Sequence[str]": SEVERAL - {"set()", "{}", "{1: 2}"},
    "Sequence[int]": SEVERAL,
    "Layer": set(),
    "Model": set(),
    "Trainee": set(),
    "Stream": set(),
    "Vocabulary": set(),
    "Recurrent": set(),
    "Mapping[str, Any]": {"{}"},
    "Mapping[str, type]": {"{}", "{1: 2}"},
    "Mapping[int, float]": {"{}", "{1: 2}"},
    "Mapping[str, float]": {"{}"},
    "tuple[int, int]": {"[1]"},
    "Callable[..., Any]": {"function"},
    "Callable[..., Array]": {"function"},
    "Callable[[Array], Array]": {"function"},
    "DeviceConfig": set(),
    "None": {"None"},
    "Sequence[Any]": set(),
    "Mapping[str, int]": {"{}"},
    "Mapping[str, Sequence[tuple[int, float]]]": set(),
    "Mapping[str, Curves]": set(),
    "History": set(),
    "Records": set(),
    "Figure": set(),
    "Axes": set(),
    "Sequence[Axes]": set(),
    "Style": set(),
    "<class 'inspect._empty'>": {"None"},  # of pictures: what all take
}
"""Of each annotation what may be given, whether the function takes it or not; all else is an error."""

LOOK = ("ax", "title", "figsize", "style", "path")
"""What all pictures take, checked in one place (`plots.figures.picture`)."""
LOOKED_AT = ("plots.animate", "plots.architecture", "plots.heat_map", "plots.save", "plots.overview")
"""For which it is tried: pictures of one panel and of several, and what declares it itself."""
DRAWING = (
    *LOOKED_AT,
    *("SelfOrganizingMap.plot", "lab.Race.plot", "training.find.RateCurve.plot"),
    "training.history.History.plot",
)

OF_NAME = {
    **{f"{place}.get.given": {"text"} for place in ("losses", "optimizers", "initializers")},
    "layers.activations.get.given": {"text", "function"},
    "losses.get.weights": {"None", "{}"},
    "Model.forward.params": {"None", "{}"},
    "metrics.get.metric": {"text"},
    "metrics.several.given": {"text", "[]", "()", "{}", "set()"},
    "rules.get.given": {"text"},
    "rules.report.rule": {"text"},
    "check.gradients.target": set(),
    "check.gradients.x": NUMBER_LIKE | {"None"},
    "check.gradients.y": {"None"},  # a layer has no targets
    "check.rule.rule": {"text"},
    "check.rule.shape": {"None"},  # without a network
    "check.rule.loss": {"text"},
    "losses.custom.order": {"None"},
    "Model.activations.layers": {"None", "text", "[]", "()", "['no']", "set()", "{}", "{1: 2}"},
    "Model.gradients.rule": {"None", "text"},
    "Model.online.rule": {"None", "text"},
    "Model.intervene.changes": {"{}", "{1: 2}"},
    "Model.load_weights.source": {"text", "empty text", "{}"},
    "Model.build.shape": WHOLES | SEVERAL | {"None"},
    "Model.set_params.shape": WHOLES | SEVERAL | {"None"},
    "Model.load.mesh": ANYTHING,
    "load.mesh": ANYTHING,
    "Model.load.backend": {"None", "text"},
    "load.backend": {"None", "text"},
    "data.Dataset.from_iterator.make": {
        *(
            "text",
            "empty text",
            "bytes",
            "[]",
            "()",
            "[1]",
            "['no']",
            "(1, 2, 3, 4)",
            "{}",
            "{1: 2}",
            "set()",
        ),
        *("array", "matrix", "function", "class"),
    },
    "data.Dataset.from_arrays.x": NUMBER_LIKE,
    "layers.Activation.function": {"text", "empty text", "function"},
    "layers.Activation.derivative": {"None"},  # a name brings its own
    "check.gradients.shape": WHOLES | SEVERAL | {"None"},
    "mlp.activation": {"text", "[]", "()", "['no']"},
    "mlp.output": {"text", "None"},
    "data.split.y": NUMBER_LIKE | {"None"},
    "data.split.stratify": {"False"},  # Y has no two alike
    "data.one_hot.labels": NUMBER_LIKE | {"['no']"},
    "data.one_hot.classes": WHOLES | {"None"},
    "data.windows.target": {"None"} | WHOLES,
    **{f"{name}.title": {"None", "text", "empty text"} for name in DRAWING},
    **{f"{name}.path": {"None", "text"} for name in DRAWING},
    **{
        f"plots.attention_{kind}.{name}": SEVERAL | {"None", "text"}
        for kind in ("maps", "weights")
        for name in ("tokens", "keys")
    },
    "plots.learning_rate_finder.suggestion": REALS | {"None", "nan"},
    "race.data": NUMBER_LIKE,
    "race.rules": {"[1]", "(1, 2, 3, 4)"},  # rates
    "race.verbose": {"0", "1", "True", "False"},
    "race.online": {"True", "False", "np.True_"},
    "data.read.target": {"text", "empty text"} | WHOLES,
    "data.Table.fit.target": NUMBER_LIKE | {"text", "empty text"},
}


WORDS = {
    "data.look.target": "column",
    "lab.Race.table.baseline": "race",
    "losses.get.given": "loss",
    "optimizers.get.given": "optimizer",
    "initializers.get.given": "initializer",
    "layers.Activation.function": "activation",
    "layers.activations.get.given": "activation",
    "rules.get.given": "rule",
    "metrics.several.given": "metric",
    "Model.load_weights.source": "load_weights",
    "Model.intervene.changes": "intervene",
}
"""What a message calls an argument that has another name."""


def public() -> dict[str, Any]:
    """Return the public functions and methods by name, those of packages that matplotlib draws left out."""
    found = {}
    for place in PACKAGES:
        package = import_module(f"lucidnet.{place}".rstrip("."))
        for name in getattr(package, "__all__", dir(package)):
            made = getattr(package, name)
            if inspect.isroutine(made) and not name.startswith("_") and made not in found.values():
                found[f"{place}.{name}".lstrip(".")] = made
    for where in CLASSES:
        place, _, name = where.rpartition(".")
        kind = getattr(import_module(f"lucidnet.{place}".rstrip(".")), name)
        for method, made in inspect.getmembers(kind):
            ours = getattr(made, "__module__", None) or ""
            if not method.startswith("_") and inspect.isroutine(made) and ours.startswith("lucidnet"):
                found[f"{where}.{method}"] = made
    return found


def made(right: Any) -> Any:
    """Return an argument of a right call, made anew if it is a function of this page."""
    ours = inspect.isfunction(right) or hasattr(right, "cache_info")
    return right() if ours and not inspect.signature(right).parameters else right


def may_pass(name: str, parameter: inspect.Parameter) -> set[str]:
    """Return what of `GIVEN` a function may take for an argument, by its annotation."""
    if (known := OF_NAME.get(f"{name}.{parameter.name}")) is not None:
        return known
    optional = {"None"} if parameter.default is None else set()
    kinds = [kind.strip() for kind in str(parameter.annotation).strip("'").split("|")]
    if " | ".join(kinds) in MAY_PASS:
        return MAY_PASS[" | ".join(kinds)] | optional
    return optional.union(*(MAY_PASS[kind] if kind in MAY_PASS else _union(kind) for kind in kinds))


def _union(kind: str) -> set[str]:
    return {"str": {"text", "empty text"}, "os.PathLike[str]": {"text"}, "PathLike[str]": {"text"}}[kind]
