"""Dense networks: one training step, one epoch, one prediction."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

import lucidnet as ln

from .contenders import ALL, Setting
from .timing import compare

SETTINGS = (
    Setting((100, 50), 10, "sgd", 0.02),
    Setting((128, 64), 64, "adam", 0.001),
    Setting((128, 64), 512, "adam", 0.001),
)
NEEDS = {"lucidnet": "numpy", "PyTorch": "torch", "scikit-learn": "sklearn"}


def run(threads: int, rounds: int) -> None:
    """Measure all settings; print a line for each piece of work."""
    present = {name: kind for name, kind in ALL.items() if importlib.util.find_spec(NEEDS[name])}
    if "PyTorch" in present:
        import torch

        torch.set_num_threads(threads)
    x, y, source = data()
    print(f"data: {source}, {len(x)} rows. Times are medians; ratio: lucidnet's time over the other's")
    for setting in SETTINGS:
        print(f"\n{setting}")
        rivals = {name: kind(setting, x, y) for name, kind in present.items()}
        report("training step", {name: rival.step for name, rival in rivals.items()}, rounds)
        report("epoch", {name: rival.epoch for name, rival in rivals.items()}, max(3, rounds // 3))
        for rows in (1, 1000):
            works = {name: rival.predict(rows) for name, rival in rivals.items()}
            report(f"predict {rows}", works, rounds)


def data() -> tuple[Any, Any, str]:
    """Return MNIST's training set if it is there, else noise of the same shape."""
    try:
        (x, y), _ = ln.data.load("mnist")
        return x, y, "MNIST"
    except ln.errors.LucidnetError:
        rng = np.random.default_rng(0)
        return rng.random((60_000, 784), "float32"), rng.integers(0, 10, 60_000), "noise (no MNIST here)"


def report(title: str, works: dict[str, Any], rounds: int) -> None:
    """Print the times and ratios of one piece of work."""
    results = compare(works, rounds)
    parts = [f"{name} {time(seconds)}" for name, (seconds, _) in results.items()]
    ratios = [f"{ratio:.2f} of {name}" for name, (_, ratio) in list(results.items())[1:]]
    print(f"  {title:<14} {'  '.join(parts)}   ratio {', '.join(ratios)}", flush=True)


def time(seconds: float) -> str:
    """Write a time with its unit."""
    return f"{seconds:.2f} s" if seconds > 0.5 else f"{seconds * 1e6:,.0f} us"
