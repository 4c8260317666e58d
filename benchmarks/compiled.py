"""The compiled engine beside NumPy's and PyTorch eager: training steps, made in blocks of twenty."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import lucidnet as ln
from lucidnet.layers import GRU, LSTM, Dense, Input, Layer, Sequential
from lucidnet.training.batch import Batch
from lucidnet.training.step import Step

from . import convolution, dense, recurrent
from .timing import Worker, Works

BLOCK = 20
"""How many steps each call makes."""
PIXELS = 784


def run(threads: int, rounds: int) -> None:
    """Measure each network; print a line for each."""
    if not importlib.util.find_spec("jax"):
        print("\ncompiled: not measured, JAX is not installed")
        return
    print(f"\ncompiled: {BLOCK} training steps, Adam, cross-entropy; ratios of the engine on JAX")
    present: dict[str, Any] = {"JAX": ours, "NumPy": ours}
    if importlib.util.find_spec("torch"):
        present["PyTorch"] = theirs
    workers = {name: Worker(made, name.lower(), threads) for name, made in present.items()}
    for work in nets():
        dense.report(work, workers, rounds)
    for worker in workers.values():
        worker.close()


def nets() -> dict[str, tuple[Layer, Any, Any]]:
    """Return networks with a batch of inputs and targets for each."""
    rng = np.random.default_rng(0)
    made: dict[str, tuple[Layer, Any, Any]] = {}
    for hidden, batch in (((100, 50), 10), ((128, 64), 64)):
        layers = [Input(PIXELS), *(Dense(units, "relu") for units in hidden), Dense(10, "softmax")]
        pixels = rng.random((batch, PIXELS), "float32")
        name = f"{PIXELS}-{hidden[0]}-{hidden[1]}-10"
        made[name] = (Sequential(layers), pixels, rng.integers(0, 10, batch))
    for name, kind in (("LSTM", LSTM), ("GRU", GRU)):
        shape, last = (recurrent.TIME, recurrent.SYMBOLS), Dense(recurrent.SYMBOLS, "softmax")
        cell = kind(recurrent.UNITS, return_sequences=True)
        made[name] = (Sequential([Input(shape), cell, last]), *recurrent.data())
    for name, (net, batch) in convolution.nets().items():
        made[name] = (net, *convolution.data(batch))
    return made


def ours(backend: str, threads: int) -> Works:
    """Return the blocks of steps of one engine; called in its own process."""
    return {name: block(backend, *given) for name, given in nets().items()}


def block(backend: str, net: Layer, x: Any, target: Any) -> Callable[[], object]:
    """Return a block of training steps of a network."""
    adam, loss = ln.optimizers.Adam(), ln.losses.get("categorical_crossentropy")
    step = Step(net, loss, adam, backend=backend)
    state, steps = step.start(x.shape[1:]), [[Batch(x, target)]] * BLOCK

    def work() -> object:
        nonlocal state
        state, measured = step.several(state, steps)
        return measured[-1].loss

    return work


def theirs(name: str, threads: int) -> Works:
    """Return the blocks of steps of PyTorch; called in its own process."""
    import torch

    torch.set_num_threads(threads)
    made: Works = convolution.pytorch(threads) | recurrent.pytorch(threads)
    for net, (_, x, target) in nets().items():
        if net.startswith(f"{PIXELS}-"):
            made[net] = dense_of(net, torch.from_numpy(x), torch.from_numpy(target))
    return {net: repeated(made[net]) for net in nets()}


def dense_of(name: str, x: Any, target: Any) -> Callable[[], object]:
    """Return a training step of a dense network in PyTorch."""
    from torch import nn

    sizes = [int(size) for size in name.split("-")]
    layers: list[Any] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return convolution.eager(nn.Sequential(*layers[:-1]), x, target)


def repeated(work: Callable[[], object]) -> Callable[[], object]:
    """Return a block of the same work."""
    return lambda: [work() for _ in range(BLOCK)]
