"""Recurrent layers: a training step on sequences of characters, against PyTorch eager."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

import lucidnet as ln
from lucidnet.layers import GRU, LSTM, Dense, Input, Sequential, SimpleRNN
from lucidnet.training.step import Step

from .dense import report
from .timing import Worker, Works

BATCH, TIME, SYMBOLS, UNITS = 64, 100, 65, 128
KINDS = {"LSTM": (LSTM, "LSTM"), "GRU": (GRU, "GRU"), "SimpleRNN": (SimpleRNN, "RNN")}


def run(threads: int, rounds: int) -> None:
    """Measure each kind of layer; print a line for each."""
    print(
        f"\nrecurrent: batch {BATCH}, time {TIME}, {SYMBOLS} in and out, {UNITS} units, Adam, cross-entropy"
    )
    present = {"lucidnet": lucidnet} | ({"PyTorch": pytorch} if importlib.util.find_spec("torch") else {})
    workers = {name: Worker(works, threads) for name, works in present.items()}
    for work in KINDS:
        report(work, workers, rounds)
    for worker in workers.values():
        worker.close()


def lucidnet(threads: int) -> Works:
    """Return the steps of lucidnet on NumPy; called in its own process."""
    return {name: ours(kind(UNITS, return_sequences=True)) for name, (kind, _) in KINDS.items()}


def ours(layer: ln.layers.Layer) -> Callable[[], object]:
    """Return a training step of a network of one recurrent layer and the output layer."""
    net = Sequential([Input((TIME, SYMBOLS)), layer, Dense(SYMBOLS, "softmax")])
    step = Step(net, ln.losses.get("categorical_crossentropy"), ln.optimizers.Adam())
    state, (x, target) = step.start((TIME, SYMBOLS)), data()

    def work() -> object:
        nonlocal state
        state, measured = step(state, x, target)
        return measured.loss

    return work


def pytorch(threads: int) -> Works:
    """Return the steps of PyTorch; called in its own process."""
    import torch

    torch.set_num_threads(threads)
    return {name: theirs(kind) for name, (_, kind) in KINDS.items()}


def theirs(kind: str) -> Callable[[], object]:
    """Return a training step of the same network in PyTorch."""
    import torch

    layer = getattr(torch.nn, kind)(SYMBOLS, UNITS, batch_first=True)
    out = torch.nn.Linear(UNITS, SYMBOLS)
    optimizer = torch.optim.Adam([*layer.parameters(), *out.parameters()])
    loss = torch.nn.CrossEntropyLoss()
    x, target = (torch.from_numpy(a) for a in data())

    def work() -> object:
        optimizer.zero_grad()
        value = loss(out(layer(x)[0]).reshape(-1, SYMBOLS), target.reshape(-1))
        value.backward()
        optimizer.step()
        return value.item()

    return work


def data() -> tuple[Any, Any]:
    """Return one-hot characters, and the labels of others."""
    rng = np.random.default_rng(0)
    ids, target = rng.integers(0, SYMBOLS, (2, BATCH, TIME))
    return np.eye(SYMBOLS, dtype="float32")[ids], target
