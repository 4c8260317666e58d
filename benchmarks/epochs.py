"""Training epochs through the public API, beside PyTorch, JAX by hand, Keras on JAX and scikit-learn."""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Callable
from typing import Any

import lucidnet as ln

from .contenders import ScikitLearn, Setting
from .dense import duration
from .nets import RATE, TASKS, Task
from .timing import Worker, Works, median_ratio, turns

BASE = "PyTorch"
"""The contender whose epoch is the unit of the ratios."""
HAND, CHECKED = "JAX by hand", "JAX by hand, checked"
"""The contenders beside which the compiled engine is measured once more."""


def run(threads: int, rounds: int) -> None:
    """Measure an epoch of each network; print the times, and ratios beside their targets."""
    print("\nepochs: Adam, cross-entropy, noise in memory, shuffled; ratios to PyTorch eager")
    present = {name: make for name, (make, needs) in CONTENDERS.items() if importlib.util.find_spec(needs)}
    if absent := CONTENDERS.keys() - present:
        print(f"  not installed: {', '.join(sorted(absent))}")
    workers = {name: Worker(make, threads) for name, make in present.items()}
    for name, task in TASKS.items():
        measure(name, task, {who: worker for who, worker in workers.items() if name in worker.works}, rounds)
    for worker in workers.values():
        worker.close()


def measure(name: str, task: Task, workers: dict[str, Worker], rounds: int) -> None:
    """Print the first epochs of all contenders, then the median of the others and the ratios."""
    first = {who: worker.seconds_per_call(name, 1) for who, worker in workers.items()}
    made = turns(workers, name, rounds)
    medians = {who: statistics.median(turn.wall for turn in own) for who, own in made.items()}
    print(f"  {name}, batch {task.batch}, {task.batches} batches")
    print("    first epoch  " + "  ".join(f"{who} {duration(s)}" for who, s in first.items()))
    print("    epoch        " + "  ".join(f"{who} {duration(s)}" for who, s in medians.items()))
    if BASE in workers:
        ratios = [f"{who} {median_ratio(own, made[BASE]):.2f}" for who, own in made.items() if who != BASE]
        print(f"    ratio        {'  '.join(ratios)}  (target: JAX {task.target})", flush=True)
    for base in {HAND, CHECKED} & made.keys() if "JAX" in made else ():
        clocks = [f"{median_ratio(made['JAX'], made[base], clock):.2f} {clock}" for clock in ("wall", "cpu")]
        limit = "" if base == CHECKED or task.by_hand is None else f"  (target: {task.by_hand})"
        print(f"    JAX beside {base}: {', '.join(clocks)}{limit}", flush=True)


def pytorch(threads: int, tasks: dict[str, Task] = TASKS, compiled: bool = False) -> Works:
    """Return the epochs of PyTorch in eager mode; called in its own process."""
    import torch

    from . import in_torch

    torch.set_num_threads(threads)
    return {name: in_pytorch(in_torch.module(name), task, "cpu", compiled) for name, task in tasks.items()}


def in_pytorch(net: Any, task: Task, device: str, compiled: bool) -> Callable[[], object]:
    """Return an epoch of a network in PyTorch."""
    from . import in_torch

    step = in_torch.stepper(net.to(device), compiled)
    return in_torch.epoch(step, *in_torch.tensors(*task.epoch(), device), task.batch)


def compiled_pytorch(threads: int, tasks: dict[str, Task] = TASKS) -> Works:
    """Return the epochs of PyTorch with `torch.compile`, if it works here."""
    from . import in_torch

    if reason := in_torch.why_not_compiled():
        print(f"  torch.compile does not work here: {reason}", flush=True)
        return {}
    return pytorch(threads, tasks, compiled=True)


def on_jax(threads: int, tasks: dict[str, Task] = TASKS) -> Works:
    """Return the epochs of lucidnet on JAX."""
    return {name: ours("jax", task) for name, task in tasks.items()}


def on_devices(threads: int, tasks: dict[str, Task] = TASKS) -> Works:
    """Return the epochs of lucidnet on JAX, with batches spread over one CPU device per thread."""
    return {name: ours("jax", task, mesh=threads) for name, task in tasks.items()} if threads > 1 else {}


def on_numpy(threads: int, tasks: dict[str, Task] = TASKS) -> Works:
    """Return the epochs of lucidnet on NumPy."""
    return {name: ours("numpy", task) for name, task in tasks.items()}


def ours(backend: str, task: Task, rule: str = "backprop", mesh: int | None = None) -> Callable[[], object]:
    """Return an epoch of a network in lucidnet."""
    model = ln.Model(task.layers(), backend=backend, mesh=mesh)
    model.compile("categorical_crossentropy", ln.optimizers.Adam(RATE), rule=rule)
    x, y = task.epoch()
    return lambda: model.fit(x, y, batch_size=task.batch, verbose=0)


def by_hand(threads: int, tasks: dict[str, Task] = TASKS, checked: bool = False) -> Works:
    """Return the epochs of hand-written JAX and optax, for the networks that have them."""
    from . import in_jax

    made = {name: in_jax.epoch(name, task, checked) for name, task in tasks.items()}
    return {name: work for name, work in made.items() if work is not None}


def by_hand_checked(threads: int, tasks: dict[str, Task] = TASKS) -> Works:
    """Return the epochs of hand-written JAX that checks each step for finite loss and gradient."""
    return by_hand(threads, tasks, checked=True)


def keras(threads: int, tasks: dict[str, Task] = TASKS) -> Works:
    """Return the epochs of Keras on JAX."""
    from . import in_keras

    return {name: kerasian(in_keras.model(name), task) for name, task in tasks.items()}


def kerasian(model: Any, task: Task) -> Callable[[], object]:
    """Return an epoch of a network in Keras."""
    x, y = task.epoch()
    return lambda: model.fit(x, y, batch_size=task.batch, verbose=0)


def scikit_learn(threads: int, tasks: dict[str, Task] = TASKS) -> Works:
    """Return the epochs of scikit-learn, for the dense networks."""
    made: Works = {}
    for name, task in tasks.items():
        if name.startswith("784-"):
            hidden = tuple(int(size) for size in name.split("-")[1:-1])
            made[name] = ScikitLearn(Setting(hidden, task.batch, "adam", RATE), *task.epoch()).epoch
    return made


CONTENDERS = {
    BASE: (pytorch, "torch"),
    "JAX": (on_jax, "jax"),
    "JAX, a device a thread": (on_devices, "jax"),
    HAND: (by_hand, "optax"),
    CHECKED: (by_hand_checked, "optax"),
    "NumPy": (on_numpy, "numpy"),
    "torch.compile": (compiled_pytorch, "torch"),
    "Keras": (keras, "keras"),
    "scikit-learn": (scikit_learn, "sklearn"),
}
"""The contenders: what makes their epochs, and the package needed. The first is the unit of the ratios."""
