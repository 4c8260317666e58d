"""Right uses of the library, as people write them: type checkers find nothing here, and know what comes out.

The lines that end in ``# is: ...`` say what a checker must reveal. `test_typing.py` checks this page, and runs it.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, reveal_type

import numpy as np

import lucidnet as ln
from lucidnet import Model, load
from lucidnet.backend import Array, Tree
from lucidnet.callbacks import Callback, Checkpoint, EarlyStopping
from lucidnet.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    Layer,
    Residual,
)
from lucidnet.losses import Huber
from lucidnet.optimizers import SGD, Adam, ClipNorm
from lucidnet.optimizers.schedules import Cosine
from lucidnet.training.history import Result

x = np.random.default_rng(0).normal(size=(20, 4))
y = np.eye(3)[np.arange(20) % 3]


def values() -> None:
    dense = ln.layers.Dense(3)
    reveal_type(dense)  # is: Dense
    reveal_type(dense.activation)  # is: Layer
    reveal_type(dense.initializer)  # is: Initializer
    reveal_type(dense.units)  # is: int
    reveal_type(ln.layers.LSTM(3))  # is: LSTM
    reveal_type(ln.optimizers.Lion())  # is: Lion
    reveal_type(ln.losses.get("mse"))  # is: Loss
    reveal_type(ln.metrics.Accuracy())  # is: Accuracy
    reveal_type(ln.rules.Rule("fa", "rflo"))  # is: Rule
    Dense(3, "relu", initializer="he_normal", learning_rate=0.1, l2=1e-4, frozen=True, name="out")
    Dense(3, ln.layers.ReLU(), initializer=ln.initializers.Normal(std=0.1))
    Dense(3, activation=ln.layers.Tanh)
    Dense(3, activation=lambda z: z * 2)
    Conv2D(8, 3, padding="same", activation="relu")
    LSTM(3, return_sequences=True, recurrent_initializer="orthogonal")
    GRU(3)
    Residual(Dense(4))
    Adam(1e-3, clip=ClipNorm(1.0))
    SGD(Cosine(0.1, 0.0, 100), momentum=0.9, nesterov=True)


def training() -> None:
    model = Model(
        [Input(4), Dense(8, "tanh"), Dropout(0.1), BatchNormalization(), Dense(3, "softmax")], seed=1
    )
    model.compile("categorical_crossentropy", Adam(0.01), ["accuracy", ln.metrics.F1("macro")], rule="fa")
    model.compile("categorical_crossentropy", rule=ln.rules.Rule("dfa"))
    model.compile(Huber(0.5), "sgd", "mae")
    model.compile(ln.losses.MeanSquaredError, metrics=["mse"])
    model.compile(lambda p, t: ((p - t) ** 2).sum(-1), ln.optimizers.SGD)
    model.compile("categorical_crossentropy", metrics=["accuracy"])
    callbacks = [EarlyStopping("loss", patience=2), Checkpoint(tempfile.mkdtemp())]
    history = model.fit(x, y, epochs=2, batch_size=8, verbose=0, validation_split=0.2, callbacks=callbacks)
    reveal_type(history)  # is: History
    reveal_type(model.evaluate(x, y))  # is: Result
    reveal_type(model.evaluate(x, y).loss)  # is: float
    reveal_type(model.evaluate(x, y)["accuracy"])  # is: float
    reveal_type(model.predict(x))  # is: ndarray
    reveal_type(model.get_weights())  # is: ndarray
    reveal_type(model.params)  # is: Mapping[str, Mapping[str, ndarray
    reveal_type(model.params["dense1"]["W"])  # is: ndarray
    reveal_type(model.params["dense1"]["W"].shape)  # is: tuple[
    reveal_type(model.state)  # is: State
    reveal_type(model.net)  # is: Sequential | Graph
    reveal_type(model.optimizer)  # is: Optimizer | None
    reveal_type(model.summary())  # is: str
    print(model.predict(x).argmax(-1) == y.argmax(-1), model.evaluate(x, y).accuracy)
    reveal_type(model.train_step(x, y))  # is: Result
    model.set_params(
        {name: {key: 0.5 * w for key, w in inner.items()} for name, inner in model.params.items()}
    )
    path = Path(tempfile.mkdtemp()) / "model.safetensors"
    model.save(path)
    reveal_type(load(path))  # is: Model
    reveal_type(ln.Model.load(path))  # is: Model


def tools() -> None:
    reveal_type(ln.check.gradients(Flatten()))  # is: CheckReport
    reveal_type(ln.check.package(Dense).names)  # is: tuple[str, ...]
    reveal_type(ln.data.Dataset)  # is: Dataset
    reveal_type(ln.plots.save)  # is: (
    reveal_type(ln.errors.ShapeError("bad"))  # is: ShapeError
    reveal_type(ln.callbacks.StopOnNaN())  # is: StopOnNaN
    reveal_type(ln.SelfOrganizingMap)  # is: SelfOrganizingMap
    (rows, labels), (test_rows, test_labels) = ln.data.load("digits")
    print(len(rows), len(labels), len(test_rows), len(test_labels))


@dataclass(frozen=True, repr=False)
class Scale(Layer):
    """A layer of one's own."""

    factor: float = 2.0

    def forward(self, params: Tree, x: Array, run: Any = None) -> tuple[Array, None]:
        return self.factor * x, None

    def backward(self, params: Tree, cache: Any, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return self.factor * dy, {}


class Shout(Callback):
    """A callback of one's own."""

    def epoch(self, loop: Any, result: Result) -> None:
        print(f"epoch {loop.epoch}: {result.loss:.3f}")


def own() -> None:
    model = Model([Input(4), Scale(3.0, name="scale"), Dense(3)])
    model.compile("mse")
    model.fit(x, y, verbose=0, callbacks=[Shout()])
    reveal_type(Scale(0.5).factor)  # is: float
    reveal_type(ln.check.package(Scale).passed)  # is: bool
