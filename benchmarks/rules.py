"""Learning rules: the cost of a step beside backpropagation, online steps, and memory on a long stream."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np

import lucidnet as ln
from lucidnet.layers import Dense, Input, Sequential

from .nets import stepper
from .online import learner
from .timing import Worker, Works, compare

SPACE = ("backprop", "fa", "dfa", "usf", "kp", "wm", "drtp", "shallow")
ONLINE = ("rflo", "eprop", "snap1", "kernl", "uoro", "rtrl")
UNITS, BATCH, RTRL_UNITS, LONG = 100, 64, 50, 100_000


def run(threads: int, rounds: int) -> None:
    """Measure steps of each rule; print ratios, times, memory."""
    print(f"\nrules: a training step of 784-{UNITS * 8}-{UNITS * 8}-10, tanh, Adam, batch {BATCH}")
    workers = {name: Worker(step_of, name) for name in SPACE}
    ratios = {}
    for name in SPACE[1:]:
        pair = {"rule": workers[name], "backprop": workers["backprop"]}
        ratios[name] = compare(pair, "step", rounds)["backprop"][1]
    for worker in workers.values():
        worker.close()
    print("  in steps of backprop: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))
    _online(rounds)
    _memory()


def step_of(rule: str) -> Works:
    """Return a training step by a rule; called in its own process."""
    wide = [Dense(UNITS * 8, "tanh"), Dense(UNITS * 8, "tanh")]
    net = Sequential([Input(784), *wide, Dense(10, "softmax")])
    rng = np.random.default_rng(0)
    x, y = rng.random((BATCH, 784), dtype="float32"), rng.integers(0, 10, BATCH)
    return {"step": stepper(net, x, y, rule=ln.rules.get(rule))}


def _online(rounds: int) -> None:
    """Print the time of an online step of each rule at batch size 1, and the operations of RTRL."""
    print(f"  online, LeakyRNN of {UNITS} units (RTRL: {RTRL_UNITS}), one input, batch 1, SGD:")
    for rule in ONLINE:
        units = RTRL_UNITS if rule == "rtrl" else UNITS
        print(f"    {rule:<6} {1e3 * _seconds(stream_of(rule, units), rounds):.3f} ms a step", flush=True)
    J = np.ones((RTRL_UNITS, RTRL_UNITS), "float32")
    P = np.ones((RTRL_UNITS, (RTRL_UNITS + 3) * RTRL_UNITS), "float32")
    print(f"    the product J P of RTRL alone: {1e3 * _seconds(lambda: J @ P, rounds):.3f} ms")


def stream_of(rule: str, units: int = UNITS) -> Callable[[], object]:
    """Return one online step of a rule."""
    online, x = learner(rule, units), np.ones((1, 1), "float32")
    return lambda: online.step(x, x)


def _seconds(work: Callable[[], object], rounds: int, calls: int = 200) -> float:
    """Return the median, over some rounds, of the mean time of a call."""
    times = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - began) / calls)
    return float(np.median(times[1:]))


def _memory() -> None:
    """Print how much the memory held has grown from the beginning of a long stream to its end."""
    work = stream_of("rflo")
    for _ in range(1000):
        work()
    tracemalloc.start()
    for _ in range(100):
        work()
    first = tracemalloc.get_traced_memory()[0]
    for _ in range(LONG):
        work()
    last = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(f"  memory held after {LONG:,} more steps of rflo: {(last - first) / 1024:+.1f} KiB")
