"""Convolutional networks: a training step, and the shares of its parts, against PyTorch eager."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

import lucidnet as ln
from lucidnet.backend.patches import correlate_back
from lucidnet.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D, Sequential
from lucidnet.training.step import Step

from .dense import report
from .timing import Worker, Works

LENET = 64
CONVNET = 128
LAYER = (64, 26, 32, 64, 3)
"""Images, their height and width, channels, filters, kernel: the second layer of the convnet."""


def run(threads: int, rounds: int) -> None:
    """Measure both networks, and the passes of one layer; print a line for each."""
    print(f"\nconvolution: LeNet, batch {LENET}; Keras' mnist_convnet, batch {CONVNET}; 28x28, Adam")
    present = {"lucidnet": lucidnet} | ({"PyTorch": pytorch} if importlib.util.find_spec("torch") else {})
    workers = {name: Worker(works, threads) for name, works in present.items()}
    for work in ("LeNet", "convnet", "conv forward", "conv dW", "conv dx"):
        report(work, workers, rounds)
    for worker in workers.values():
        worker.close()


def nets() -> dict[str, tuple[Sequential, int]]:
    """Return the networks with their batch sizes."""
    lenet = [
        Conv2D(6, 5, padding="same", activation="relu"),
        MaxPooling2D(2),
        Conv2D(16, 5, activation="relu"),
        MaxPooling2D(2),
        Flatten(),
        Dense(120, "relu"),
        Dense(84, "relu"),
    ]
    convnet = [
        Conv2D(32, 3, activation="relu"),
        MaxPooling2D(2),
        Conv2D(64, 3, activation="relu"),
        MaxPooling2D(2),
        Flatten(),
        Dropout(0.5),
    ]
    ends = [Dense(10, "softmax")]
    return {
        "LeNet": (Sequential([Input((28, 28, 1)), *lenet, *ends]), LENET),
        "convnet": (Sequential([Input((28, 28, 1)), *convnet, *ends]), CONVNET),
    }


def lucidnet(threads: int) -> Works:
    """Return the steps of lucidnet on NumPy; called in its own process."""
    x, dy = layer_data()
    layer = Conv2D(LAYER[3], LAYER[4])
    params, _ = layer.init(ln.backend.Stream(0), x.shape[1:])
    (_, cache), grid = layer.forward(params, x), layer.grid(x.shape[1:])
    made: Works = {name: ours(net, batch) for name, (net, batch) in nets().items()}
    return made | {
        "conv forward": lambda: layer.forward(params, x),
        "conv dW": lambda: layer.backward(params, cache, dy, need_dx=False),
        "conv dx": lambda: correlate_back(dy, params["W"], grid, *x.shape[1:3]),
    }


def ours(net: Sequential, batch: int) -> Callable[[], object]:
    """Return a training step of a network."""
    step = Step(net, ln.losses.get("categorical_crossentropy"), ln.optimizers.Adam())
    state, (x, target) = step.start((28, 28, 1)), data(batch)

    def work() -> object:
        nonlocal state
        state, measured = step(state, x, target)
        return measured.loss

    return work


def pytorch(threads: int) -> Works:
    """Return the steps of PyTorch; called in its own process."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    relu, pool = nn.ReLU(), nn.MaxPool2d(2)
    lenet = [nn.Conv2d(1, 6, 5, padding=2), relu, pool, nn.Conv2d(6, 16, 5), relu, pool, nn.Flatten()]
    lenet += [nn.Linear(400, 120), relu, nn.Linear(120, 84), relu, nn.Linear(84, 10)]
    convnet = [nn.Conv2d(1, 32, 3), relu, pool, nn.Conv2d(32, 64, 3), relu, pool, nn.Flatten()]
    convnet += [nn.Dropout(0.5), nn.Linear(1600, 10)]
    x, dy = (torch.from_numpy(np.ascontiguousarray(np.moveaxis(a, -1, 1))) for a in layer_data())
    layer = nn.Conv2d(LAYER[2], LAYER[3], LAYER[4])
    x.requires_grad_()
    y = layer(x)
    return {
        "LeNet": theirs(nn.Sequential(*lenet), LENET),
        "convnet": theirs(nn.Sequential(*convnet), CONVNET),
        "conv forward": lambda: layer(x),
        "conv dW": lambda: torch.autograd.grad(y, [layer.weight, layer.bias], dy, retain_graph=True),
        "conv dx": lambda: torch.autograd.grad(y, [x], dy, retain_graph=True),
    }


def theirs(net: Any, batch: int) -> Callable[[], object]:
    """Return a training step of a network for images in PyTorch."""
    import torch

    x, target = data(batch)
    return eager(net, torch.from_numpy(np.moveaxis(x, -1, 1).copy()), torch.from_numpy(target))


def eager(net: Any, x: Any, target: Any) -> Callable[[], object]:
    """Return a training step of a network in PyTorch, on one batch."""
    import torch

    optimizer, loss = torch.optim.Adam(net.parameters()), torch.nn.CrossEntropyLoss()

    def work() -> object:
        optimizer.zero_grad()
        value = loss(net(x), target)
        value.backward()
        optimizer.step()
        return value.item()

    return work


def data(batch: int) -> tuple[Any, Any]:
    """Return images of noise and labels."""
    rng = np.random.default_rng(0)
    return rng.random((batch, 28, 28, 1), "float32"), rng.integers(0, 10, batch)


def layer_data() -> tuple[Any, Any]:
    """Return an input of the layer that is measured by itself, and an error at its output."""
    n, size, channels, filters, kernel = LAYER
    rng = np.random.default_rng(0)
    out = size - kernel + 1
    return rng.random((n, size, size, channels), "float32"), rng.random((n, out, out, filters), "float32")
