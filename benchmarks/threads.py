"""Training epochs on NumPy with batches divided among threads, beside undivided ones and PyTorch."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

from .dense import side_by_side
from .epochs import in_pytorch, ours
from .nets import TASKS
from .timing import Works

WORKS = {
    "mnist_convnet, batch 128": ("convnet", replace(TASKS["convnet"], batches=4)),
    "784-512-512-10, batch 512": ("784-512-512-10", replace(TASKS["784-512-512-10"], batch=512, batches=8)),
}
"""A network's name, and an epoch of it."""


def run(threads: int, rounds: int) -> None:
    """Measure an epoch of each network; print a line for each, with ratios to the divided one."""
    print(f"\nthreads: Adam, noise in memory, a batch among {threads} threads (asked: 1.0 of PyTorch)")
    contenders = {"divided": (divided, threads), "undivided": (undivided, threads)}
    if importlib.util.find_spec("torch"):
        contenders["PyTorch"] = (pytorch, threads)
    side_by_side(contenders, WORKS, rounds)


def divided(threads: int) -> Works:
    """Return the epochs with batches divided among threads."""
    return {work: ours("numpy", task, mesh=threads) for work, (_, task) in WORKS.items()}


def undivided(threads: int) -> Works:
    """Return the epochs with undivided batches, where threads serve matrix products only."""
    return {work: ours("numpy", task) for work, (_, task) in WORKS.items()}


def pytorch(threads: int) -> Works:
    """Return the epochs of the same networks in PyTorch."""
    import torch

    from . import in_torch

    torch.set_num_threads(threads)
    return {
        work: in_pytorch(in_torch.module(name), task, "cpu", False) for work, (name, task) in WORKS.items()
    }
