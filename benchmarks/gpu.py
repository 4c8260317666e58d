"""On a GPU: epochs, learning rules, time to an accuracy on MNIST, and the share of peak throughput.

    python -m benchmarks --only gpu

If JAX finds no GPU it says so, and measures nothing.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import lucidnet as ln
from lucidnet.backend.xla.mesh import devices
from lucidnet.errors import LucidnetError
from lucidnet.layers import Dense, Input, LeakyRNN

from . import epochs, nets
from .nets import RATE, TASKS, Task
from .timing import Worker, Works, compare

NAMES = ("784-128-64-10", "convnet", "LSTM")
WIDTH, DEPTH, BATCH, STEPS = 8192, 4, 8192, 20
STREAM = (1000, 32, 1)
"""Time steps, streams and inputs of a stretch."""
UNITS, TAU, SLOW = 100, 10.0, 1e-4
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L4": 121e12, "T4": 65e12}
"""Dense bfloat16 (T4: float16) products per second, from NVIDIA's data sheets of the largest version."""
GOALS = (0.98, 0.99)
MOST = 30


def run(threads: int, rounds: int) -> None:
    """Measure everything, or say why nothing is measured."""
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # the card is shared with PyTorch
    if reason := missing():
        print(f"\ngpu: not measured, {reason}")
        return
    print(f"\ngpu: {devices('gpu')[0].device_kind}; ratios to PyTorch eager on the same card")
    tasks = {name: TASKS[name] for name in NAMES}
    works: dict[str, tuple[Callable[..., Works], dict[str, Task]]]
    works = {"JAX": (on_jax, tasks), epochs.BASE: (on_torch, tasks), "torch.compile": (compiled, tasks)}
    if not torch_has_it():
        print("  PyTorch finds no card: only lucidnet is measured")
        works = {"JAX": (on_jax, tasks)}
    workers = {name: Worker(*given) for name, given in works.items()}
    for name in (*tasks, "FA", "RFLO"):
        line(name, {who: worker for who, worker in workers.items() if name in worker.works}, rounds)
    for worker in workers.values():
        worker.close()
    for text in (*reached(), share()):
        print(f"  {text}", flush=True)


def missing() -> str:
    """Return the reason why nothing can be measured; empty if it can."""
    if not importlib.util.find_spec("jax"):
        return "JAX is not installed"
    try:
        devices("gpu")
    except LucidnetError as error:
        return str(error)
    return ""


def torch_has_it() -> bool:
    """Tell whether PyTorch is installed and finds a GPU."""
    if not importlib.util.find_spec("torch"):
        return False
    import torch

    return bool(torch.cuda.is_available())


def line(name: str, workers: dict[str, Worker], rounds: int) -> None:
    """Print each contender's examples per second, or stream steps per second."""
    task = TASKS.get(name, TASKS["784-128-64-10"])
    count, unit = (STREAM[0], "steps/s") if name == "RFLO" else (task.batch * task.batches, "examples/s")
    for who, (seconds, ratio) in compare(workers, name, rounds).items():
        print(f"  {name:<14} {who:<14} {count / seconds:>12,.0f} {unit}   {ratio:.2f} of its time for JAX")


def on_jax(tasks: dict[str, Task], backend: str = "jax:gpu") -> Works:
    """Return epochs and rules in lucidnet; called in its own process."""
    made: Works = {name: epochs.ours(backend, task) for name, task in tasks.items()}
    first = next(iter(tasks.values()))
    return made | {"FA": epochs.ours(backend, first, "fa"), "RFLO": stretch(backend)}


def stretch(backend: str) -> Callable[[], object]:
    """Return RFLO on a stretch of a stream."""
    xs, ys = stream()
    layers = [Input((None, xs.shape[-1])), LeakyRNN(UNITS, tau=TAU, return_sequences=True), Dense(1)]
    model = ln.Model(layers, backend=backend)
    model.compile("mse", ln.optimizers.SGD(SLOW))
    online = model.online("rflo")
    return lambda: online.run(xs, ys)


def stream() -> tuple[Any, Any]:
    """Return inputs and targets of a stretch."""
    rng = np.random.default_rng(0)
    xs, ys = rng.normal(size=(2, *STREAM)).astype("float32")
    return xs, ys


def on_torch(tasks: dict[str, Task], device: str = "cuda", compiled: bool = False) -> Works:
    """Return epochs and rules in PyTorch; called in its own process."""
    import torch

    from . import in_torch, rules_in_torch

    made: Works = {}
    for name, task in tasks.items():
        made[name] = epochs.in_pytorch(in_torch.module(name), task, device, compiled)
    name, task = next(iter(tasks.items()))
    aligned = rules_in_torch.aligned([int(size) for size in name.split("-")])
    made["FA"] = epochs.in_pytorch(aligned, task, device, compiled)
    if not compiled:
        given = (torch.from_numpy(array).to(device) for array in stream())
        made["RFLO"] = rules_in_torch.rflo(UNITS, TAU, SLOW, *given)
    return made


def compiled(tasks: dict[str, Task]) -> Works:
    """Return the epochs and rules in PyTorch with `torch.compile`."""
    return on_torch(tasks, compiled=True)


def reached(backend: str = "jax:gpu", most: int = MOST) -> list[str]:
    """Return the time in which two networks reach each accuracy on MNIST's test images."""
    try:
        (x, y), (x_test, y_test) = ln.data.load("mnist")
    except LucidnetError as error:
        return [f"time to an accuracy: not measured, {error}"]
    lines = []
    for name in NAMES[:2]:
        shape = TASKS[name].data(1)[0].shape[1:]
        data = tuple(images.reshape(-1, *shape) for images in (x, x_test))
        lines.append(f"{name}: " + until((data[0], y), (data[1], y_test), name, backend, most))
    return lines


def until(train: tuple[Any, Any], test: tuple[Any, Any], name: str, backend: str, most: int) -> str:
    """Return the time at which a network reaches each accuracy, including compilation."""
    model = ln.Model(TASKS[name].layers(), backend=backend)
    model.compile("categorical_crossentropy", ln.optimizers.Adam(RATE), ["accuracy"])
    began, goals, found = time.perf_counter(), list(GOALS), []
    for epoch in range(1, most + 1):
        model.fit(*train, batch_size=128, verbose=0)
        accuracy = model.evaluate(*test).accuracy
        while goals and accuracy >= goals[0]:
            spent = time.perf_counter() - began
            found.append(f"{100 * goals.pop(0):.0f} % after {spent:.1f} s ({epoch} epochs)")
    return ", ".join([*found, *(f"{100 * goal:.0f} % not reached in {most} epochs" for goal in goals)])


def share(backend: str = "jax:gpu", width: int = WIDTH, batch: int = BATCH) -> str:
    """Return the share of the GPU's peak matrix throughput reached in training wide dense layers."""
    layers = [Input(width), *(Dense(width, "relu") for _ in range(DEPTH)), Dense(nets.CLASSES, "softmax")]
    model = ln.Model(layers, backend=backend, dtype="mixed_bfloat16")
    model.compile("categorical_crossentropy", ln.optimizers.SGD(RATE))
    rng = np.random.default_rng(0)
    x, y = rng.random((2 * batch, width), "float32"), rng.integers(0, nets.CLASSES, 2 * batch)
    times = []
    for _ in range(STEPS // 2):
        began = time.perf_counter()
        model.fit(x, y, batch_size=batch, verbose=0)
        times.append((time.perf_counter() - began) / 2)
    # Forward, and the gradients of the weights and of the input; the first layer's input has none.
    products = 2 * batch * width**2 * (3 * DEPTH - 1)
    rate, kind = products / min(times), devices(backend.partition(":")[2])[0].device_kind
    peak = next((value for name, value in PEAKS.items() if name in kind), None)
    part = f", {rate / peak:.0%} of {peak / 1e12:.0f}" if peak else ""
    return f"{DEPTH} layers of {width}, batch {batch}, bfloat16: {rate / 1e12:.2f} Tflop/s{part}"
