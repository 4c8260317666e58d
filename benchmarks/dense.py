"""Dense networks: one training step, one epoch, one prediction."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

import lucidnet as ln

from .contenders import ALL, Setting
from .timing import Worker, Works, compare

SETTINGS = (
    Setting((100, 50), 10, "sgd", 0.02),
    Setting((128, 64), 64, "adam", 0.001),
    Setting((128, 64), 512, "adam", 0.001),
)
NEEDS = {"lucidnet": "numpy", "PyTorch": "torch", "scikit-learn": "sklearn"}


Make: TypeAlias = Callable[[int], Works]
"""Makes works, from the number of threads; called in a process of its own."""


def run(threads: int, rounds: int) -> None:
    """Measure all settings; print a line for each piece of work."""
    present = [name for name in ALL if importlib.util.find_spec(NEEDS[name])]
    print(f"data: {data()[2]}. Times are medians; ratio: lucidnet's time over the other's")
    for setting in SETTINGS:
        print(f"\n{setting}")
        workers = {name: Worker(works, name, setting, threads) for name in present}
        for work in ("training step", "epoch", "predict 1", "predict 1000"):
            report(work, workers, rounds if work != "epoch" else max(3, rounds // 3))
        for worker in workers.values():
            worker.close()


def works(name: str, setting: Setting, threads: int) -> Works:
    """Return the work that a contender can do; called in its own process."""
    if name == "PyTorch":
        import torch

        torch.set_num_threads(threads)
    x, y, _ = data()
    contender = ALL[name](setting, x, y)
    return {
        "training step": contender.step,
        "epoch": contender.epoch,
        "predict 1": contender.predict(1),
        "predict 1000": contender.predict(1000),
    }


def data() -> tuple[Any, Any, str]:
    """Return MNIST's training set if it is available, else noise of the same shape."""
    try:
        (x, y), _ = ln.data.load("mnist")
        return x, y, "MNIST"
    except ln.errors.LucidnetError:
        rng = np.random.default_rng(0)
        return rng.random((60_000, 784), "float32"), rng.integers(0, 10, 60_000), "noise (no MNIST here)"


def beside_pytorch(ours: Make, theirs: Make, threads: int, works: Iterable[str], rounds: int) -> None:
    """Measure works of lucidnet, and of PyTorch if installed; print a line for each."""
    contenders: dict[str, tuple[Any, ...]] = {"lucidnet": (ours, threads)}
    if importlib.util.find_spec("torch"):
        contenders["PyTorch"] = (theirs, threads)
    side_by_side(contenders, works, rounds)


def side_by_side(contenders: dict[str, tuple[Any, ...]], works: Iterable[str], rounds: int) -> None:
    """Measure works of contenders, given by their `Worker` arguments; print a line for each work."""
    workers = {name: Worker(*given) for name, given in contenders.items()}
    for work in works:
        report(work, workers, rounds)
    for worker in workers.values():
        worker.close()


def report(work: str, workers: dict[str, Worker], rounds: int) -> None:
    """Print the times and ratios of one piece of work."""
    results = compare(workers, work, rounds)
    parts = [f"{name} {duration(seconds)}" for name, (seconds, _) in results.items()]
    ratios = [f"{ratio:.2f} of {name}" for name, (_, ratio) in list(results.items())[1:]]
    print(f"  {work:<14} {'  '.join(parts)}   ratio {', '.join(ratios)}", flush=True)


def duration(seconds: float) -> str:
    """Write a time with its unit."""
    return f"{seconds * 1e3:,.0f} ms" if seconds > 0.01 else f"{seconds * 1e6:,.0f} us"
