"""The same networks in PyTorch, with the usual training loop."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from . import nets

Step = Callable[[Any, Any], Any]
"""A training step: from a batch to the loss, which may not have been computed yet."""


class Recurrent(nn.Module):
    """A recurrent layer, with an output layer at each time step."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.layer = getattr(nn, kind.removeprefix("Simple"))(nets.SYMBOLS, nets.UNITS, batch_first=True)
        self.out = nn.Linear(nets.UNITS, nets.SYMBOLS)

    def forward(self, x: Any) -> Any:
        return self.out(self.layer(x)[0])


class Transformer(nn.Module):
    """Causal transformer blocks over character and position embeddings."""

    def __init__(self) -> None:
        super().__init__()
        width = nets.WIDTH
        self.embedding = nn.Embedding(nets.SYMBOLS, width)
        self.places = nn.Parameter(0.02 * torch.randn(nets.CONTEXT, width))
        self.blocks = nn.ModuleList(block(width, nets.HEADS) for _ in range(nets.BLOCKS))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, nets.SYMBOLS, bias=False)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(nets.CONTEXT))

    def forward(self, x: Any) -> Any:
        h = self.embedding(x) + self.places
        for block in self.blocks:
            h = block(h, src_mask=self.mask, is_causal=True)
        return self.out(self.norm(h))


def block(width: int, heads: int) -> nn.Module:
    """Return PyTorch's own block, with the settings of `TransformerBlock`."""
    return nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)


def dense(sizes: list[int]) -> nn.Module:
    """Return dense layers with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def lenet() -> nn.Module:
    """Return layers like LeNet-5's, with ReLU."""
    relu, pool = nn.ReLU(), nn.MaxPool2d(2)
    first = [nn.Conv2d(1, 6, 5, padding=2), relu, pool, nn.Conv2d(6, 16, 5), relu, pool, nn.Flatten()]
    return nn.Sequential(*first, nn.Linear(400, 120), relu, nn.Linear(120, 84), relu, nn.Linear(84, 10))


def convnet() -> nn.Module:
    """Return the layers of Keras' mnist_convnet."""
    relu, pool = nn.ReLU(), nn.MaxPool2d(2)
    first = [nn.Conv2d(1, 32, 3), relu, pool, nn.Conv2d(32, 64, 3), relu, pool, nn.Flatten()]
    return nn.Sequential(*first, nn.Dropout(0.5), nn.Linear(1600, 10))


def module(name: str) -> nn.Module:
    """Return a network of `nets` by name."""
    if name in nets.KINDS:
        return Recurrent(name)
    if name in (made := {"transformer": Transformer, "LeNet": lenet, "convnet": convnet}):
        return made[name]()
    return dense([int(size) for size in name.split("-")])


def tensors(x: Any, y: Any, device: str = "cpu") -> tuple[Any, Any]:
    """Return inputs and labels as tensors; channels come first."""
    if x.ndim == 4:
        x = x.transpose(0, 3, 1, 2).copy()
    return torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)


def loss_of(net: Any, x: Any, y: Any) -> Any:
    """Return the mean cross-entropy over all rows, or over all time steps of all rows."""
    z = net(x)
    return functional.cross_entropy(z.reshape(-1, z.shape[-1]), y.reshape(-1))


def stepper(net: Any, compiled: bool = False) -> Step:
    """Return a training step with Adam, with compiled forward and backward pass if asked for."""
    optimizer = torch.optim.Adam(net.parameters(), lr=nets.RATE)
    loss: Any = torch.compile(loss_of) if compiled else loss_of

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        value = loss(net, x, y)
        value.backward()
        optimizer.step()
        return value

    return step


def repeat(name: str, threads: int, x: Any, y: Any) -> Callable[[], object]:
    """Return a training step of a network of `nets` on one batch."""
    torch.set_num_threads(threads)
    step, given = stepper(module(name)), tensors(x, y)
    return lambda: step(*given).item()


def epoch(step: Step, x: Any, y: Any, batch: int) -> Callable[[], object]:
    """Return an epoch in random order; batches are taken by index, which is faster than a DataLoader."""

    def work() -> object:
        total = torch.zeros((), device=x.device)
        for rows in torch.randperm(len(x), device=x.device).split(batch):
            total += step(x[rows], y[rows]).detach()
        return total.item()

    return work


def why_not_compiled() -> str:
    """Return why `torch.compile` does not work here; empty if it does."""
    try:
        torch.compile(lambda x: x * 2 + 1)(torch.ones(4))
    except Exception as error:  # whatever is missing: a compiler, a header, support for this Python
        return str(error).strip().splitlines()[0]
    return ""
