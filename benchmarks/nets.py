"""The networks measured by several benchmarks, in lucidnet, with their training data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lucidnet import losses, optimizers
from lucidnet.data.batch import Batch
from lucidnet.layers import (
    GRU,
    LSTM,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Layer,
    LayerNormalization,
    MaxPooling2D,
    PositionalEmbedding,
    SimpleRNN,
    TransformerBlock,
)
from lucidnet.training import Step

BATCH = 64
RATE = 0.001
"""Adam's learning rate in all libraries."""
PIXELS, CLASSES = 784, 10
TIME, SYMBOLS, UNITS = 100, 65, 128
CONTEXT, WIDTH, HEADS, BLOCKS = 64, 128, 4, 4
KINDS = {"LSTM": LSTM, "GRU": GRU, "SimpleRNN": SimpleRNN}


@dataclass(frozen=True)
class Task:
    """A network, and the data of one epoch.

    Parameters
    ----------
    layers : callable
        Returns its layers.
    data : callable
        Returns so many inputs and targets.
    batch, batches : int
        Examples of a batch, batches of an epoch.
    target : float
        The share of PyTorch's epoch that is to be reached on the CPU.
    by_hand : float, optional
        The share of JAX by hand's epoch that is to be reached.
    """

    layers: Callable[[], list[Layer]]
    data: Callable[[int], tuple[Any, Any]]
    batch: int
    batches: int
    target: float
    by_hand: float | None = None

    def epoch(self) -> tuple[Any, Any]:
        """Return the inputs and targets of an epoch."""
        return self.data(self.batch * self.batches)

    def small(self) -> Task:
        """Return the task with a tiny epoch, for warming up."""
        return replace(self, batch=2, batches=2)


def dense(*hidden: int) -> list[Layer]:
    """Return dense layers for digits as rows of pixels."""
    layers = [Dense(units, "relu") for units in hidden]
    return [Input(PIXELS), *layers, Dense(CLASSES, "softmax")]


def recurrent(kind: str) -> list[Layer]:
    """Return a recurrent layer of some kind, with an output layer at each time step."""
    layer = KINDS[kind](UNITS, return_sequences=True)
    return [Input((TIME, SYMBOLS)), layer, Dense(SYMBOLS, "softmax")]


def transformer() -> list[Layer]:
    """Return the network of examples/experiments/shakespeare.py (nanoGPT's setting for a CPU)."""
    blocks = [TransformerBlock(HEADS, WIDTH, causal=True) for _ in range(BLOCKS)]
    head = [LayerNormalization(), Dense(SYMBOLS, "softmax", use_bias=False)]
    return [Input((CONTEXT,)), Embedding(SYMBOLS, WIDTH), PositionalEmbedding(CONTEXT), *blocks, *head]


def lenet() -> list[Layer]:
    """Return layers like LeNet-5's, with ReLU."""
    first = [Conv2D(6, 5, padding="same", activation="relu"), MaxPooling2D(2)]
    second = [Conv2D(16, 5, activation="relu"), MaxPooling2D(2), Flatten()]
    last = [Dense(120, "relu"), Dense(84, "relu"), Dense(CLASSES, "softmax")]
    return [Input((28, 28, 1)), *first, *second, *last]


def convnet() -> list[Layer]:
    """Return the layers of Keras' mnist_convnet."""
    first = [Conv2D(32, 3, activation="relu"), MaxPooling2D(2)]
    second = [Conv2D(64, 3, activation="relu"), MaxPooling2D(2)]
    return [Input((28, 28, 1)), *first, *second, Flatten(), Dropout(0.5), Dense(CLASSES, "softmax")]


def stepper(
    net: Layer, x: Any, target: Any, loss: str = "categorical_crossentropy", many: int = 1, **settings: Any
) -> Callable[[], object]:
    """Return a number of lucidnet training steps on one batch; settings are those of `Step`."""
    step = Step(net, losses.get(loss), optimizers.Adam(RATE), **settings)
    state, block = step.start(x.shape[1:]), [[Batch(x, target)]] * many
    problem, executor = step.problem(state, x.shape[1:]), step.executor

    def work() -> object:
        nonlocal state
        ran = executor.run(problem.update, problem, state, block)
        state = ran.state
        return ran.measured[-1].loss

    return work


def digits(n: int) -> tuple[Any, Any]:
    """Return noise as rows of pixels, and labels."""
    rng = np.random.default_rng(0)
    return rng.random((n, PIXELS), "float32"), rng.integers(0, CLASSES, n)


def images(n: int) -> tuple[Any, Any]:
    """Return noise as images, and labels."""
    x, y = digits(n)
    return x.reshape(n, 28, 28, 1), y


def characters(n: int) -> tuple[Any, Any]:
    """Return sequences of one-hot characters, and random characters as labels."""
    ids, target = np.random.default_rng(0).integers(0, SYMBOLS, (2, n, TIME))
    return np.eye(SYMBOLS, dtype="float32")[ids], target


def windows(n: int) -> tuple[Any, Any]:
    """Return random windows of character numbers, and random characters as targets."""
    x, target = np.random.default_rng(0).integers(0, SYMBOLS, (2, n, CONTEXT))
    return x, target


TASKS = {
    "784-100-50-10": Task(lambda: dense(100, 50), digits, 10, 3000, 0.35, 1.08),
    "784-128-64-10": Task(lambda: dense(128, 64), digits, BATCH, 900, 0.6, 1.08),
    "784-512-512-10": Task(lambda: dense(512, 512), digits, 128, 100, 1.0, 1.03),
    "LSTM": Task(lambda: recurrent("LSTM"), characters, BATCH, 20, 0.7, 0.6),
    "transformer": Task(transformer, windows, 12, 40, 1.0),
    "LeNet": Task(lenet, images, BATCH, 100, 1.2),
    "convnet": Task(convnet, images, 128, 20, 1.2),
}
"""The networks whose epochs are measured: half a second to two seconds in PyTorch on one core."""
