"""What make.py did with the old code, and test_before.py goes on with: tiny networks, by the public interface only.

Data are made by formulas, not by a random generator, so that they are the same in any version of NumPy.
Run as a script this is one of several processes that train together; it prints what came out as JSON.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.callbacks import Callback, Checkpoint, EarlyStopping, On, ReduceOnPlateau
from lucidnet.layers import BatchNormalization, Dense, Dropout, Input
from lucidnet.optimizers import EMA, LBFGS, SGD, Adam, ClipGlobalNorm
from lucidnet.optimizers.schedules import Cosine, Warmup

FILES = Path(__file__).with_name("files")


def waves(*shape, pace=1.3):
    """Return numbers in [-1, 1] without an order that a network would find."""
    return np.sin(pace * np.arange(1, np.prod(shape) + 1) ** 1.5).reshape(shape)


X, Y = waves(24, 4), np.arange(24) * 7 % 5 % 3
SEQUENCES = waves(12, 5, 3)
SUMS = SEQUENCES.cumsum(1).sum(-1, keepdims=True)
STREAM = waves(16, 2, 3)  # (time, n, features)
LATE = STREAM.sum(-1, keepdims=True) / 2
CLASSES = "categorical_crossentropy"


# --- trainings that were stopped half-way ------------------------------------------------------------


@dataclass(frozen=True)
class Situation:
    """A training that was stopped.

    Parameters
    ----------
    make : callable
        Returns a compiled model for a backend.
    settings : callable
        Returns the arguments of `fit`: fresh ones, for callbacks have states.
    stop : int
        After which step it was stopped, and its checkpoint written.
    epochs : int, optional
        If given it was not interrupted, but ran for so many epochs (which end at `stop`) in place of all.
    method : str
        How it is trained.
    written, goes_on : str
        The backend that wrote the files, and those that go on.
    mesh : str, optional
        The devices of those that wrote it: "all" for several processes.
    """

    make: Callable[..., ln.Model]
    settings: Callable[[], dict[str, Any]]
    stop: int
    epochs: int | None = None
    method: str = "fit"
    written: str = "numpy"
    goes_on: tuple[str, ...] = ("numpy",)
    mesh: str | None = None

    def trained(self, model, callbacks=(), **more):
        """Train, and return all that should come out; `more` changes the arguments of `fit`."""
        seen, settings = [], self.settings() | {"verbose": 0} | more
        watch = On(epoch=lambda loop, result: seen.append(loop.model.state.step))
        settings["callbacks"] = [*settings.get("callbacks", ()), *callbacks, watch]
        getattr(model, self.method)(**settings)
        return found(model) | {"seen": seen}


def found(model):
    """Return what a training has made of a model: as plain lists, for JSON."""
    steps = {
        name: {str(step): np.asarray(value).tolist() for step, value in pairs}
        for name, pairs in model.history.steps.items()
    }
    return {
        "weights": model.get_weights().tolist(),
        "feedback": flat(model.feedback),
        "history": dict(model.history),
        "steps": steps,
    }


def flat(tree, path=()):
    """Return the arrays of nested dicts as lists by path."""
    if not isinstance(tree, dict):
        return {"/".join(path): np.asarray(tree).tolist()}
    return {key: value for name in tree for key, value in flat(tree[name], (*path, name)).items()}


def classifier(optimizer, rule="backprop", layers=None):
    """Return a function that makes a small classifier for a backend."""

    def make(backend="numpy", mesh=None):
        net = layers or [
            Input(4),
            Dense(6, "tanh"),
            BatchNormalization(),
            Dropout(0.2),
            Dense(5, "relu"),
            Dense(3, "softmax"),
        ]
        model = ln.Model(net, seed=4, dtype="float64", backend=backend, mesh=mesh)
        model.compile(CLASSES, optimizer, ["accuracy", "roc_auc"], rule=rule)
        return model

    return make


def sequences(layer, optimizer, rule="backprop"):
    """Return a function that makes a small recurrent network for a backend."""

    def make(backend="numpy", mesh=None):
        model = ln.Model(
            [Input((5, 3)), layer, Dense(1)], seed=5, dtype="float64", backend=backend, mesh=mesh
        )
        model.compile("mse", optimizer, ["mae"], rule=rule)
        return model

    return make


def arrays(**more):
    return lambda: {"x": X, "y": Y, "epochs": 4, "batch_size": 5, "validation_split": 1 / 6} | more


def over_time(**more):
    return lambda: {"x": SEQUENCES, "y": SUMS, "epochs": 3, "batch_size": 3} | more


def data_set():
    return {"x": ln.data.Dataset.from_arrays(X, Y).shuffle(3).batch(5), "epochs": 4}


PATIENCE = 3


def stopping():
    return arrays(epochs=30)() | {"callbacks": [EarlyStopping("val_loss", patience=PATIENCE)]}


def plateau():
    # So hard to please that the rate has become smaller before the stop, and does again after it.
    return arrays(epochs=8)() | {
        "callbacks": [ReduceOnPlateau("val_loss", 0.5, 0, min_delta=0.04, cooldown=1)]
    }


SMALL = [Input(4), Dense(6, "tanh"), Dense(3, "softmax")]
FALLING = Warmup(4, Cosine(0.2, 0.01, 16))

# The 20 examples that are left to train on make 4 steps an epoch, the 24 of the data set 5, 12 sequences 4.
SITUATIONS = {
    "momentum": Situation(
        classifier(SGD(FALLING, momentum=0.9, nesterov=True, weight_decay=0.01)),
        arrays(validate_every=3, record=["dense5.b", "grads/dense1.b"], record_every=2),
        stop=6,
    ),
    "kp": Situation(classifier(SGD(FALLING, momentum=0.9, weight_decay=0.01), "kp"), arrays(), stop=6),
    "mirror": Situation(classifier("adam", "wm"), arrays(), stop=7),
    "average": Situation(
        classifier(EMA(Adam(0.02, clip=ClipGlobalNorm(1.0)), 0.9)), arrays(accumulate=2), stop=4, epochs=2
    ),
    "data_set": Situation(classifier(Adam(0.02)), data_set, stop=8),
    "one_cycle": Situation(
        classifier(SGD(0.1, momentum=0.9)), arrays(max_lr=0.3), stop=6, method="fit_one_cycle"
    ),
    "lbfgs": Situation(
        classifier(LBFGS(), layers=[Input(4), Dense(3, "softmax", l2=1e-2)]),
        arrays(epochs=6, batch_size=20),
        stop=3,
        epochs=3,
    ),
    "stateful": Situation(
        sequences(L.LSTM(4, return_sequences=True, stateful=True), Adam(0.02)),
        over_time(shuffle=False),
        stop=6,
    ),
    "kernl": Situation(
        sequences(L.LeakyRNN(4, return_sequences=True), SGD(0.05, momentum=0.9), "kernl"),
        over_time(),
        stop=6,
    ),
    "stopping": Situation(classifier(Adam(0.05), layers=SMALL), stopping, stop=26),
    "plateau": Situation(classifier(SGD(0.5, momentum=0.5), layers=SMALL), plateau, stop=14),
    "jax": Situation(
        classifier(Adam(FALLING)), arrays(), stop=6, written="jax:cpu", goes_on=("jax:cpu", "numpy")
    ),
    "jax_kp": Situation(
        classifier(SGD(FALLING, momentum=0.9), "kp", SMALL),
        arrays(validation_split=0, batch_size=6),
        stop=6,
        written="jax:cpu",
        goes_on=("jax:cpu", "numpy"),
    ),
    "jax_stateful": Situation(
        sequences(L.LSTM(4, return_sequences=True, stateful=True), Adam(0.02)),
        over_time(shuffle=False),
        stop=6,
        written="jax:cpu",
        goes_on=("jax:cpu", "numpy"),
    ),
    "processes": Situation(
        classifier(SGD(FALLING, momentum=0.9, nesterov=True)),
        arrays(batch_size=6),  # the last batch of an epoch, of 2, is smaller
        stop=6,
        written="jax:cpu",
        goes_on=("jax:cpu", "numpy"),
        mesh="all",
    ),
}


class Interruption(Exception):  # noqa: N818
    """What stops a training."""


class StopAt(Callback):
    """Stops a training after a step."""

    def __init__(self, step):
        self.at = step

    def step(self, loop, measured):
        if loop.model.state.step == self.at:
            raise Interruption


def moved(model):
    """Let a model begin elsewhere than its seed says: then only the file tells where a training was."""
    model.build()
    model.set_weights(0.9 * model.get_weights())
    return model


def stopped(name, folder, mesh=None):
    """Train until the training is stopped, with one checkpoint in a folder."""
    situation = SITUATIONS[name]
    model = moved(situation.make(situation.written, mesh))
    if situation.epochs:
        situation.trained(model, [Checkpoint(folder, keep=1)], epochs=situation.epochs, resume=folder)
        return
    saved = Checkpoint(folder, every_steps=situation.stop, every_epochs=None, keep=1)
    try:
        situation.trained(model, [saved, StopAt(situation.stop)], resume=folder)
    except Interruption:
        return
    raise AssertionError(f"{name}: it was never stopped")


def whole(name, mesh=None):
    """Return what the same training comes to that nobody disturbs."""
    situation = SITUATIONS[name]
    return situation.trained(moved(situation.make(situation.written, mesh)))


# --- models that were saved --------------------------------------------------------------------------


def dense():
    model = classifier(SGD(FALLING, momentum=0.9))()
    return model, X, Y


def fa():
    model = classifier("adam", "fa", SMALL)()
    model.build()
    # Other than the seed's: they must come from the file.
    model.set_feedback({"dense2": {name: 2 * B for name, B in model.feedback["dense2"].items()}})
    return model, X, Y


def conv():
    net = [
        Input((6, 6, 2)),
        L.Conv2D(3, 3, padding="same", activation="relu"),
        BatchNormalization(),
        L.MaxPooling2D(2),
        L.DepthwiseConv2D(2),
        L.Conv2DTranspose(2, 2),
        L.Flatten(),
        Dense(3, "softmax", initializer="orthogonal", l2=0.01),
    ]
    model = ln.Model(net, seed=1, dtype="float64")
    model.compile(CLASSES, Adam(0.01), ["accuracy"])
    return model, waves(12, 6, 6, 2), Y[:12]


def graph():
    net = L.Graph(
        inputs={"left": (4,), "right": (4,)},
        nodes=[
            ("code", Dense(3, "tanh"), "left"),
            ("other", "code", "right"),
            ("both", L.Concatenate(), ("code", "other")),
            ("alike", Dense(1, "sigmoid"), "both"),
            ("far", Dense(1), "both"),
        ],
        outputs=["alike", "far"],
    )
    model = ln.Model([net], seed=2, dtype="float64")  # as a network alone was kept
    losses = {"alike": "binary_crossentropy", "far": "mse"}
    model.compile(losses, Adam(0.01), {"alike": ["accuracy"], "far": ["mae"]}, loss_weights={"far": 0.5})
    left, right = waves(12, 4), waves(12, 4, pace=0.7)
    y = {"alike": np.arange(12) % 2, "far": (left * right).sum(-1, keepdims=True)}
    return model, {"left": left, "right": right}, y


def tokens():
    net = [
        Input((6,)),
        L.Embedding(7, 4, mask_zero=True),
        L.SinusoidalEncoding(),
        L.Residual(L.MultiHeadAttention(2, 4)),
        L.LayerNormalization(),
        L.Bidirectional(L.GRU(3)),
        Dense(3, "softmax", learning_rate=0.5),
    ]
    model = ln.Model(net, seed=3, dtype="float64")
    model.compile(ln.losses.CategoricalCrossentropy(label_smoothing=0.1), EMA(Adam(0.01), 0.9), ["top_2"])
    x = np.arange(72).reshape(12, 6) ** 2 % 7
    x[:, 4:] = np.where(np.arange(12)[:, None] % 3, x[:, 4:], 0)
    return model, x, Y[:12]


MODELS = {"dense": dense, "fa": fa, "conv": conv, "graph": graph, "tokens": tokens}


def used(model, x, y):
    """Return what a loaded model tells, and what becomes of it in two more epochs."""
    before = {
        "predictions": flat(model.predict(x)),
        "evaluated": dict(model.evaluate(x, y)),
        "loaded": found(model),
    }
    model.fit(x, y, epochs=2, batch_size=5, verbose=0)
    return before | found(model)


# --- a model that learned from a stream --------------------------------------------------------------


def streamed():
    """Return a model that has learned by KeRNL from the first half of a stream."""
    net = [Input((None, 3)), L.LeakyRNN(5, return_sequences=True), Dense(1)]
    model = ln.Model(net, seed=6, dtype="float64")
    model.compile("mse", SGD(FALLING, momentum=0.9))
    online = moved(model).online("kernl")
    for x, y in zip(STREAM[:8], LATE[:8], strict=True):
        online.step(x, y)
    return model


def stream_goes_on(model):
    """Let a loaded model learn from the second half, time by time and as a stretch; return what comes out."""
    predictions = model.predict(STREAM.swapaxes(0, 1)).tolist()
    online = model.online("kernl")
    outputs = [online.step(x, y).tolist() for x, y in zip(STREAM[8:12], LATE[8:12], strict=True)]
    outputs += online.run(STREAM[12:], LATE[12:]).tolist()
    learned = flat(online.feedback)
    return {"predictions": predictions, "outputs": outputs, "learned": learned} | found(model)


# --- several processes -------------------------------------------------------------------------------

LONG = 240
"""Seconds after which they are given up."""


def processes(what, given="", count=2):
    """Let processes stop, make the "whole" or "go on" together; return what each of them found."""
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        port = str(there.getsockname()[1])
    started = [
        subprocess.Popen(
            [sys.executable, __file__, port, str(count), str(index), what, str(given)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]
    try:
        said = [process.communicate(timeout=LONG) for process in started]
    finally:
        for process in started:
            process.kill()
    for process, (_, error) in zip(started, said, strict=True):
        assert process.returncode == 0, error[-3000:]
    return [json.loads(out.splitlines()[-1]) for out, _ in said]


if __name__ == "__main__":
    port, count, index, what, given = sys.argv[1:]
    ln.distributed.start(f"127.0.0.1:{port}", int(count), int(index))
    if what == "stop":
        stopped("processes", Path(given), "all")
        made = {}
    elif what == "whole":
        made = whole("processes", "all")
    else:
        goes_on = SITUATIONS["processes"]
        made = goes_on.trained(goes_on.make("jax:cpu", "all"), resume=given)
    print(json.dumps(made), flush=True)
