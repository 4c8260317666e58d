"""Learning from a stream: an online step on NumPy and compiled on JAX, and a compiled scan of many.

A scan is also measured beside braintrace, if that is installed, after a check that both compute the same.
"""

from __future__ import annotations

import importlib.util
import statistics
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import lucidnet as ln
from lucidnet.layers import Dense, Input, LeakyRNN
from lucidnet.training.online import OnlineLearner

from .timing import Worker, Works, compare, median_ratio, turns

SIZES = {"rflo": 100, "rtrl": 50}
TIMES = 1000
"""The number of time steps in a scan."""
BESIDE = [(rule, units) for rule in ("rflo", "snap1", "uoro") for units in (32, 100)]
"""Rules, and numbers of units, measured beside braintrace."""


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
    beside(rounds)


def beside(rounds: int) -> None:
    """Measure our scans beside braintrace's, by CPU time; print a line for each."""
    if not importlib.util.find_spec("braintrace"):
        print(f"\nonline, scan of {TIMES}: not measured beside braintrace, which is not installed")
        return
    print(f"\nonline, scan of {TIMES}: microseconds a step at work, and braintrace's; how far outputs differ")
    workers = {"lucidnet": Worker(scans, False), "braintrace": Worker(scans, True)}
    x, y = np.random.default_rng(0).normal(size=(2, 300, 1, 1)).astype("float32")
    for rule, units in BESIDE:
        found = turns(workers, f"{rule}, {units} units", rounds)
        mine, theirs = (1e6 * statistics.median(turn.cpu for turn in made) / TIMES for made in found.values())
        ratio = median_ratio(found["lucidnet"], found["braintrace"], "cpu")
        made = learner(rule, units, "jax").run(x, y), contender(rule, units, same=True)(x, y)
        apart = np.abs(made[0] - made[1]).max() / np.abs(made[0]).max()
        print(f"  {rule}, {units} units: {mine:.2f}, {theirs:.2f} ({ratio:.2f}); {apart:.0e}", flush=True)
    for worker in workers.values():
        worker.close()


def scans(theirs: bool) -> Works:
    """Return the scans of each rule, ours or braintrace's; called in its own process."""
    made: Works = {}
    for rule, units in BESIDE:
        run, x = (contender if theirs else scan)(rule, units), np.ones((TIMES, 1, 1), "float32")
        made[f"{rule}, {units} units"] = partial(run, x, x)
    return made


def scan(rule: str, units: int) -> Callable[[Any, Any], Any]:
    """Return a function that learns from a stretch of a stream."""
    return learner(rule, units, "jax").run


def contender(rule: str, units: int, same: bool = False) -> Callable[[Any, Any], Any]:
    """Return a function that learns from a stretch by braintrace, starting from our weights."""
    from .streams import stream

    below, above = (layer for layer in learner(rule, units).model.params.values() if layer)
    weights = dict(below) | {"V": above["W"], "c": above["b"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # V and c are not in what it compiles
        return stream(rule, weights, same)


def works(backend: str, times: int) -> Works:
    """Return a number of steps of each rule on a backend; called in its own process."""
    made: Works = {}
    for rule, units in SIZES.items():
        online, x = learner(rule, units, backend), np.ones((times, 1, 1), "float32")
        made[rule] = partial(online.step, x[0], x[0]) if times == 1 else partial(online.run, x, x)
    return made


def learner(rule: str, units: int, backend: str = "numpy") -> OnlineLearner:
    """Return a small network that learns from a stream."""
    model = ln.Model([Input((None, 1)), LeakyRNN(units, return_sequences=True), Dense(1)], backend=backend)
    model.compile("mse", ln.optimizers.SGD(0.001))
    return model.online(rule)
