"""Learning from a stream: an online step on NumPy and compiled on JAX, and a compiled scan of many."""

from __future__ import annotations

import importlib.util

import numpy as np

import lucidnet as ln
from lucidnet.layers import Dense, Input, LeakyRNN
from lucidnet.training.online import OnlineLearner

from .timing import Worker, Works, compare

SIZES = {"rflo": 100, "rtrl": 50}
TIMES = 1000
"""How many times a scan goes through."""


def run(threads: int, rounds: int) -> None:
    """Measure each rule; print a line for each."""
    if not importlib.util.find_spec("jax"):
        print("\nonline: not measured, JAX is not installed")
        return
    print("\nonline: milliseconds a step, LeakyRNN, one input, batch 1, SGD; ratios to NumPy")
    contenders = {"NumPy": ("numpy", 1), "JAX, step": ("jax", 1), f"JAX, scan of {TIMES}": ("jax", TIMES)}
    workers = {name: Worker(works, *given) for name, given in contenders.items()}
    for rule, units in SIZES.items():
        found = compare(workers, rule, rounds)
        parts = []
        for name, (_, times) in contenders.items():
            seconds, ratio = found[name]
            parts.append(f"{name} {1e3 * seconds / times:.4f} ({1 / (ratio * times):.3f})")
        print(f"  {rule}, {units} units: " + ", ".join(parts), flush=True)
    for worker in workers.values():
        worker.close()


def works(backend: str, times: int) -> Works:
    """Return so many steps of each rule on a backend; called in its own process."""
    made: Works = {}
    for rule, units in SIZES.items():
        online, x = learner(rule, units, backend), np.ones((times, 1, 1), "float32")
        made[rule] = lambda online=online, x=x: online.step(x[0], x[0]) if times == 1 else online.run(x, x)
    return made


def learner(rule: str, units: int, backend: str = "numpy") -> OnlineLearner:
    """Return a small network that learns from a stream."""
    model = ln.Model([Input((None, 1)), LeakyRNN(units, return_sequences=True), Dense(1)], backend=backend)
    model.compile("mse", ln.optimizers.SGD(0.001))
    return model.online(rule)
