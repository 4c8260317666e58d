"""Recurrent layers: a training step on sequences of characters, against PyTorch eager."""

from __future__ import annotations

import importlib.util

from .dense import report
from .nets import BATCH, KINDS, SYMBOLS, TIME, UNITS, characters, recurrent, stepper
from .timing import Worker, Works


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
    return {kind: stepper(recurrent(kind), *characters(BATCH)) for kind in KINDS}


def pytorch(threads: int) -> Works:
    """Return the steps of PyTorch; called in its own process."""
    from . import in_torch

    return {kind: in_torch.repeat(kind, threads, *characters(BATCH)) for kind in KINDS}
