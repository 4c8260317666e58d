"""What a step does is written once, for both engines; and the names by which people reach it stay."""

import ast
import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest
from snapshots import BACKENDS, same, snapshot

import lucidnet as ln
from lucidnet.backend import Stream
from lucidnet.backend.config import DeviceConfig
from lucidnet.callbacks import Callback
from lucidnet.data.batch import Batch
from lucidnet.engine.build import executor_for
from lucidnet.engine.objective import Objective
from lucidnet.engine.on_jax import OnJax
from lucidnet.engine.on_numpy import OnNumpy
from lucidnet.engine.protocol import Executor, Trainee
from lucidnet.layers import Dense, Input
from lucidnet.rules.base import Given, Trained
from lucidnet.training import Step
from lucidnet.tree import Layout

SOURCE = Path(ln.__file__).parent
TREES = {
    path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")
}
ABOVE = ("engine/", "training/", "inspect/", "model.py")
"""Where steps are made and asked for."""


def members(protocol):
    """The public names of a protocol."""
    return {name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_")}


class TestOneText:
    @pytest.mark.parametrize(
        ("name", "files"),
        [
            (
                "advance",
                ["engine/search.py", "engine/update.py"],
            ),  # a step, and one by looks at several points
            ("observe", ["engine/stream.py"]),
            ("evaluate", ["engine/update.py"]),
            ("predict", ["engine/update.py"]),
        ],
    )
    def test_each_is_defined_once(self, name, files):
        """As a function of a problem and arrays; `training.measure.evaluate` goes through batches by it."""
        found = [
            path
            for path, tree in TREES.items()
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name == name and path.startswith("engine/")
        ]
        assert sorted(found) == files

    @pytest.mark.parametrize("file", ["engine/on_numpy.py", "engine/on_jax.py"])
    def test_executors_calculate_nothing(self, file):
        """No pass forward or back, no loss, no optimizer's step: these are called where they are written."""
        calls = {
            n.func.attr for n in ast.walk(TREES[file]) if isinstance(n, ast.Call) and hasattr(n.func, "attr")
        }
        assert not calls & {"forward", "backward", "route", "gradient", "advance", "descend", "move", "tick"}

    def test_an_executor_is_no_none(self):
        """Nobody asks whether there is one: a name that holds it is compared with None nowhere."""
        found = []
        for path, tree in TREES.items():
            for node in ast.walk(tree):
                if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], (ast.Is, ast.IsNot)):
                    continue
                name = getattr(node.left, "attr", getattr(node.left, "id", ""))
                if "engine" in name or "executor" in name:
                    found.append((path, node.lineno))
        assert not found

    def test_nobody_asks_which_one_it_is(self):
        found = [
            (path, node.lineno)
            for path, tree in TREES.items()
            if path.startswith(ABOVE)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance"
            if {"OnNumpy", "OnJax"} & {getattr(n, "id", "") for n in ast.walk(node)}
        ]
        assert not found


class TestExecutors:
    def test_there_are_two(self):
        made = [executor_for(DeviceConfig.of(backend)) for backend in BACKENDS]
        assert [type(each) for each in made] == [OnNumpy, OnJax]
        for each in made:
            for name in members(Executor):
                assert hasattr(each, name), name

    def test_they_take_the_same_arguments(self):
        """mypy holds the types; this the names, by which they are called."""
        for name in members(Executor):
            method = getattr(Executor, name, None)
            if not inspect.isfunction(method):
                continue
            expected = list(inspect.signature(method).parameters)
            for kind in (OnNumpy, OnJax):
                given = list(inspect.signature(getattr(kind, name)).parameters)
                assert given[: len(expected)] == expected, (kind, name)

    def test_they_have_no_other_face(self):
        """What only one of them had would be asked for by name, and so by which it is."""
        methods = [
            {name for name in dir(kind) if callable(getattr(kind, name)) and not name.startswith("_")}
            for kind in (OnNumpy, OnJax)
        ]
        assert methods[0] == methods[1] <= members(Executor)

    def test_a_model_is_a_trainee(self):
        model = ln.Model([Input(3), Dense(1)])
        model.compile("mse")
        model.build()
        for name in members(Trainee):
            assert hasattr(model, name), name

    def test_rules_are_given_what_they_are_promised(self):
        objective = Objective.of(Dense(1), ln.losses.get("mse"))
        assert {name for name in members(Trained) if not hasattr(objective, name)} == set()
        assert {name for name in members(Given) if not hasattr(Batch(0, 0), name)} == set()


MODULES = [
    "callbacks",
    "training",
    "layers",
    "losses",
    "optimizers",
    "rules",
    "metrics",
    "data",
    "check",
    "plots",
    "lab",
    "distributed",
    "errors",
]


class TestNames:
    @pytest.mark.parametrize("name", MODULES)
    def test_modules(self, name):
        module = importlib.import_module(f"lucidnet.{name}")
        assert getattr(ln, name) is module
        for public in getattr(module, "__all__", ()):
            assert getattr(module, public) is not None

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_step(self, backend):
        step = Step(Dense(1), ln.losses.get("mse"), ln.optimizers.SGD(0.1), backend=backend)
        state, x = step.start((3,), seed=0, dtype="float64"), np.ones((4, 3))
        after, measured = step(state, x, np.zeros((4, 1)))
        assert (state.step, after.step) == (0, 1)
        assert measured.loss == pytest.approx((state.params["W"].sum()) ** 2)
        assert measured.prediction.shape == (4, 1)

    def test_stream_and_layout(self):
        tree = {"a": {"W": Stream(3, path=("a",)).normal((2, 3))}, "b": np.zeros(2)}
        layout = Layout.of(tree)
        assert layout.ravel(tree).shape == (8,)
        np.testing.assert_array_equal(layout.unravel(layout.ravel(tree))["a"]["W"], tree["a"]["W"])

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_what_callbacks_reach(self, backend):
        """`loop.model.state`, `.params`, `.history`, `loop.epoch`, `loop.batch`, `loop.stop`."""
        seen, epochs = [], []

        class Look(Callback):
            def step(self, loop, measured):
                state = snapshot(loop.model.state)
                same(state, state | {"vector": loop.model.params.layout.ravel(loop.model.params)})
                seen.append((loop.epoch, loop.batch, loop.model.state.step, loop.model.history.epochs))
                if loop.model.state.step == 5:
                    loop.stop("it is enough")

            def epoch(self, loop, result):
                epochs.append((loop.epoch, loop.batch, result["loss"], loop.model.history["loss"][-1]))

        model = ln.Model([Input(3), Dense(1)], dtype="float64", backend=backend)
        model.compile("mse", "sgd")
        x = np.random.default_rng(0).normal(size=(12, 3))
        history = model.fit(x, x[:, :1], batch_size=4, epochs=9, verbose=0, callbacks=[Look()])
        assert seen == [(0, 1, 1, 0), (0, 2, 2, 0), (0, 3, 3, 0), (1, 1, 4, 1), (1, 2, 5, 1)]
        assert [(epoch, batch) for epoch, batch, *_ in epochs] == [(1, 0), (2, 0)]
        assert all(told == kept for *_, told, kept in epochs)
        assert history is model.history
