"""The training steps of two programs in PyTorch, written as in PyTorch's own examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from .in_torch import dense

Work = Callable[[], object]


def tensors(batch: Sequence[Any]) -> list[Any]:
    """Return a batch as tensors, with channels first."""
    return [torch.from_numpy(part.transpose(0, 3, 1, 2).copy() if part.ndim == 4 else part) for part in batch]


def vae(threads: int, images: Any, noise: Any) -> Work:
    """Return a step of the autoencoder of `examples/programs/vae.py`."""
    torch.set_num_threads(threads)
    relu = nn.ReLU()
    first = [nn.Conv2d(1, 16, 3, 2, 1), relu, nn.Conv2d(16, 32, 3, 2, 1), relu, nn.Flatten()]
    encoder = nn.Sequential(*first, nn.Linear(128, 16), relu)
    mean_of, log_var_of = nn.Linear(16, 2), nn.Linear(16, 2)
    up = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}
    decoder = nn.Sequential(
        *(nn.Linear(2, 128), relu, nn.Unflatten(1, (32, 2, 2)), nn.ConvTranspose2d(32, 32, **up), relu),
        *(nn.ConvTranspose2d(32, 16, **up), relu, nn.ConvTranspose2d(16, 1, 3, 1, 1)),
    )
    parts = nn.ModuleList([encoder, mean_of, log_var_of, decoder])
    optimizer = torch.optim.Adam(parts.parameters(), lr=0.001)

    def step() -> object:
        hidden = encoder(images)
        mean, log_var = mean_of(hidden), log_var_of(hidden)
        logits = decoder(mean + torch.exp(0.5 * log_var) * noise)
        entropy = functional.binary_cross_entropy_with_logits(logits, images, reduction="sum")
        divergence = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
        loss = (entropy + divergence) / len(images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def dqn(states: Any, actions: Any, rewards: Any, after: Any, stands: Any) -> Work:
    """Return a step of the double Q-learning of `examples/programs/dqn.py`."""
    online, target = dense([4, 64, 64, 2]), dense([4, 64, 64, 2])
    optimizer = torch.optim.Adam(online.parameters(), lr=0.001)

    def step() -> object:
        with torch.no_grad():
            best = online(after).argmax(1, keepdim=True)
            wanted = rewards + 0.99 * stands * target(after).gather(1, best).squeeze(1)
        loss = functional.huber_loss((online(states) * actions).sum(1), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        soft(target, online, 0.01)
        return loss.item()

    return step


def soft(target: nn.Module, online: nn.Module, tau: float) -> None:
    """Move one network's weights towards another's (a soft update)."""
    with torch.no_grad():
        for theirs, ours in zip(target.parameters(), online.parameters(), strict=True):
            theirs.lerp_(ours, tau)


def copies(sizes: Sequence[int], tau: float) -> tuple[Work, Work]:
    """Return two works: a full copy of one network's weights to another, and a soft update."""
    online, target = dense(list(sizes)), dense(list(sizes))
    return lambda: target.load_state_dict(online.state_dict()), lambda: soft(target, online, tau)
