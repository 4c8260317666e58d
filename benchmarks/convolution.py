"""Convolutional networks: a training step, and the shares of its parts, against PyTorch eager."""

from __future__ import annotations

from typing import Any

import numpy as np

import lucidnet as ln
from lucidnet.backend.patches import correlate_back
from lucidnet.layers import Conv2D, Layer, Sequential

from .dense import beside_pytorch
from .nets import TASKS, images, stepper
from .timing import Works

LAYER = (64, 26, 32, 64, 3)
"""Images, their height and width, channels, filters, kernel: the second layer of the convnet."""


def run(threads: int, rounds: int) -> None:
    """Measure both networks, and the passes of one layer; print a line for each."""
    batches = ", ".join(f"{name}, batch {TASKS[name].batch}" for name in nets())
    print(f"\nconvolution: {batches}; 28x28, Adam")
    works = (*nets(), "conv forward", "conv dW", "conv dx")
    beside_pytorch(lucidnet, pytorch, threads, works, rounds)


def lucidnet(threads: int) -> Works:
    """Return the training steps of lucidnet on NumPy; called in its own process."""
    x, dy = layer_data()
    layer = Conv2D(LAYER[3], LAYER[4])
    params, _ = layer.init(ln.backend.Stream(0), x.shape[1:])
    (_, cache), grid = layer.forward(params, x), layer.grid(x.shape[1:])
    made: Works = {name: stepper(Sequential(layers), *given) for name, (layers, given) in nets().items()}
    return made | {
        "conv forward": lambda: layer.forward(params, x),
        "conv dW": lambda: layer.backward(params, cache, dy, need_dx=False),
        "conv dx": lambda: correlate_back(dy, params["W"], grid, *x.shape[1:3]),
    }


def pytorch(threads: int) -> Works:
    """Return the training steps of PyTorch, and the passes of one layer; called in its own process."""
    import torch

    from . import in_torch

    x, dy = (torch.from_numpy(np.ascontiguousarray(np.moveaxis(a, -1, 1))) for a in layer_data())
    layer = torch.nn.Conv2d(LAYER[2], LAYER[3], LAYER[4])
    x.requires_grad_()
    made: Works = {name: in_torch.repeat(name, threads, *given) for name, (_, given) in nets().items()}
    y = layer(x)
    return made | {
        "conv forward": lambda: layer(x),
        "conv dW": lambda: torch.autograd.grad(y, [layer.weight, layer.bias], dy, retain_graph=True),
        "conv dx": lambda: torch.autograd.grad(y, [x], dy, retain_graph=True),
    }


def nets() -> dict[str, tuple[list[Layer], Any]]:
    """Return the layers of both networks, and a batch for each."""
    return {name: (TASKS[name].layers(), images(TASKS[name].batch)) for name in ("LeNet", "convnet")}


def layer_data() -> tuple[Any, Any]:
    """Return an input for the layer measured separately, and an error at its output."""
    n, size, channels, filters, kernel = LAYER
    rng = np.random.default_rng(0)
    out = size - kernel + 1
    return rng.random((n, size, size, channels), "float32"), rng.random((n, out, out, filters), "float32")
