"""Recurrent layers: a training step on sequences of characters, against PyTorch eager."""

from __future__ import annotations

from lucidnet.layers import Sequential

from .dense import beside_pytorch
from .nets import BATCH, KINDS, SYMBOLS, TIME, UNITS, characters, recurrent, stepper
from .timing import Works


def run(threads: int, rounds: int) -> None:
    """Measure each kind of layer; print a line for each."""
    print(
        f"\nrecurrent: batch {BATCH}, time {TIME}, {SYMBOLS} in and out, {UNITS} units, Adam, cross-entropy"
    )
    beside_pytorch(lucidnet, pytorch, threads, KINDS, rounds)


def lucidnet(threads: int) -> Works:
    """Return the training steps of lucidnet on NumPy; called in its own process."""
    return {kind: stepper(Sequential(recurrent(kind)), *characters(BATCH)) for kind in KINDS}


def pytorch(threads: int) -> Works:
    """Return the training steps of PyTorch; called in its own process."""
    from . import in_torch

    return {kind: in_torch.repeat(kind, threads, *characters(BATCH)) for kind in KINDS}
