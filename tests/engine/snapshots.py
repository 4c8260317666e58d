"""What a state holds, as plain numbers, to be compared; and the small trainings that the tests are about."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import lucidnet as ln
from lucidnet.initializers import Constant
from lucidnet.layers import LSTM, BatchNormalization, Dense, Dropout, Input, LeakyRNN
from lucidnet.optimizers import EMA, LBFGS, SGD, Adam
from lucidnet.training.loop import train
from lucidnet.tree import leaves

N, BATCHES = 4, 6
"""Examples in a batch, and batches in an epoch."""
HUGE = 1e200
"""A number whose square is infinite."""
SAMPLE = np.linspace(-1, 1, 15).reshape(5, 3)
"""Some inputs."""
LATER = ("carried", "memory of B")
"""What a state may hold as zeros, or not yet at all."""


def snapshot(state):
    """All that a state holds, copied, by name."""
    found = {"step": np.array(state.step), "vector": state.params.vector.copy()}
    trees = {
        "memory": state.memory,
        "carried": state.carried,
        "B": state.feedback.weights,
        "memory of B": state.feedback.memory,
    }
    for name, tree in trees.items():
        found |= {"/".join((name, *path)): np.array(array) for path, array in leaves(tree)}
    return {name: array for name, array in found.items() if not name.startswith(LATER) or array.any()}


def same(one, two, rtol=0.0):
    """Assert that two snapshots are equal, bit for bit or nearly."""
    assert one.keys() == two.keys()
    for name, array in one.items():
        if rtol:
            np.testing.assert_allclose(array, two[name], rtol=rtol, atol=rtol / 10, err_msg=name)
        else:
            np.testing.assert_array_equal(array, two[name], err_msg=name)


def is_same(one, two):
    """Whether two snapshots are equal, bit for bit."""
    return one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)


class Ruin:
    """A schedule of 0.05, and of a rate at some steps that makes weights of about 1e170."""

    def __init__(self, *steps):
        self.steps = steps

    def __call__(self, step):
        return 1e170 if step in self.steps else 0.05


@dataclass(frozen=True)
class Case:
    """A small training: its layers, its optimizer, its rule; and how it takes its batches."""

    name: str
    layers: Any
    optimizer: Any = field(default_factory=lambda: Adam(0.05))
    rule: Any = "backprop"
    shape: tuple = (3,)
    accumulate: int = 1

    def __str__(self):
        return self.name

    def model(self, backend, seed=0, optimizer=None):
        made = ln.Model(self.layers(), seed=seed, dtype="float64", backend=backend)
        made.compile("mse", optimizer or self.optimizer, rule=self.rule)
        made.build()
        return made

    def data(self, seed=0, bad=None):
        """An epoch of batches; the targets of one of them are huge."""
        rng = np.random.default_rng(seed)
        x, y = (rng.normal(size=(BATCHES * N, *shape)) for shape in (self.shape, (1,)))
        if bad is not None:
            y[bad * N : (bad + 1) * N] = HUGE
        return x, y

    def fit(self, model, x, y, **settings):
        size = len(x) if model.optimizer.full_batch else N
        given = {"batch_size": size, "shuffle": False, "verbose": 0, "accumulate": self.accumulate}
        return model.fit(x, y, **given | settings)

    @property
    def steps(self):
        """How many steps an epoch has."""
        return 1 if self.optimizer.full_batch else BATCHES // self.accumulate

    def step(self, model, x, y, number):
        """Make the step of an epoch that has a number."""
        size = len(x) // self.steps
        rows = [slice(k, k + size // self.accumulate) for k in range(0, size, size // self.accumulate)]
        x, y = (array[number * size : (number + 1) * size] for array in (x, y))
        data = model.checked(x, y)
        return train(model, [data.batch(part) for part in rows])


def dense():
    return [Input(3), Dense(4, "tanh"), Dense(1)]


def sequences():
    return [Input((5, 3)), LSTM(3, stateful=True), Dense(1)]


def noisy():
    return [Input(3), Dense(4, use_bias=False), BatchNormalization(), Dropout(0.2), Dense(1, l2=0.01)]


CASES = [
    Case("adam", dense),
    Case("accumulated", noisy, SGD(0.05, momentum=0.9), accumulate=2),
    Case("kp", dense, SGD(0.05, momentum=0.9, weight_decay=0.1), rule="kp"),
    Case("wm", dense, SGD(0.05, momentum=0.9), rule="wm"),
    Case("normalized", noisy),
    Case("stateful", sequences, shape=(5, 3)),
    Case("mean", dense, EMA(Adam(0.05), 0.9)),
    Case("lbfgs", dense, LBFGS()),
]

BACKENDS = ("numpy", "jax")


def stream(backend, optimizer=None, activation="linear"):
    """A model of sequences that learns at each time step."""
    cell = LeakyRNN(4, activation=activation, initializer=Constant(0.5), return_sequences=True)
    made = ln.Model([Input((None, 3)), cell, Dense(1)], dtype="float64", backend=backend)
    made.compile("mse", optimizer or Adam(0.05))
    made.build()
    return made


def learner(online):
    """All that a learner from a stream holds, copied, by name: what was learned, states, traces and counts."""
    found = snapshot(online.model.state) | {"counts": np.array([online.steps, online.learned])}
    trees = {"feedback": online.feedback, "states": online.states}
    for name, tree in trees.items():
        found |= {"/".join((name, *path)): np.array(array) for path, array in leaves(tree)}
    for path, trace in online.traces.items():
        found |= {f"traces/{'/'.join(path)}/{k}": array for k, array in enumerate(_arrays(trace))}
    return found


def _arrays(value):
    """Yield the arrays inside tuples and dicts, copied."""
    if isinstance(value, dict | tuple | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _arrays(inner)
    elif value is not None:
        yield np.array(value)
