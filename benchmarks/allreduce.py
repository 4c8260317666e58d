"""Machine constants for `docs/scaling.md`: all-reduces between processes, steps, writing a file.

The processes communicate over loopback, by JAX's own runtime and gloo, and share the machine's cores: the
latency and copying of the software are measured, not a network. Times are those of the fastest turn, which
other work on the machine has disturbed least.
"""

from __future__ import annotations

import importlib.util
import math
import re
import socket
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

import lucidnet as ln
from lucidnet.backend.xla.mesh import Mesh
from lucidnet.backend.xla.target import compiling_for
from lucidnet.core.trees import tree_map
from lucidnet.data.batch import Batch
from lucidnet.layers import Dense, Input, Layer, Run, Sequential
from lucidnet.training import Step

from . import nets as known
from .mnist_conv import small

PROCESSES = (2, 4)
SIZES = tuple(4**k for k in range(1, 14))
"""Bytes of an all-reduce: 4 B to 64 MiB."""
TURN = 0.02
"""The approximate seconds of a turn."""
WIDE, WIDE_STEPS = 8192, 8
BLOCK = 20


def run(threads: int, rounds: int) -> None:
    """Measure all-reduces, a step's reductions, steps, and a checkpoint; print a line for each."""
    if not importlib.util.find_spec("jax"):
        print("\nall-reduce: not measured, JAX is not installed")
        return
    print("\nall-reduce between processes on this machine (JAX, gloo, loopback); float32")
    for count in PROCESSES:
        times = in_processes(count, reductions, rounds)
        for size, seconds in times.items():
            print(f"  {count} processes  {size:>10,} B  {seconds * 1e6:>10,.0f} us", flush=True)
        latency, bandwidth, worst = fitted(count, times)
        print(
            f"  {count} processes, as a ring: {latency * 1e6:.0f} us a message, {bandwidth / 1e9:.2f} GB/s; "
            f"the fit is off by a factor of {worst:.1f} at most"
        )
    for part in (counts, steps):
        for line in in_processes(1, part, rounds):
            print(line, flush=True)


def in_processes(count: int, work: Callable[..., Any], rounds: int) -> Any:
    """Run a function in several processes, and return what the first one returns."""
    context, port = get_context("spawn"), free_port()
    pipe, theirs = context.Pipe()
    members = [
        context.Process(target=member, args=(theirs if not i else None, port, count, i, work, rounds))
        for i in range(count)
    ]
    for process in members:
        process.start()
    theirs.close()
    try:
        return pipe.recv()
    finally:
        for process in members:
            process.join()


def free_port() -> int:
    """Return a free network port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def member(pipe: Connection | None, port: int, count: int, index: int, work: Any, rounds: int) -> None:
    """Do the work as one of several processes; the first one sends its result."""
    jax: Any = import_module("jax")
    if count > 1:
        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=count, process_id=index)
    made = work(rounds)
    if pipe:
        pipe.send(made)
    if count > 1:
        jax.distributed.shutdown()


def reductions(rounds: int) -> dict[int, float]:
    """Return the seconds of an all-reduce by its number of bytes; all processes must call this."""
    return {size: min(times_of(size, 2 * rounds)) for size in SIZES}


def times_of(size: int, rounds: int) -> list[float]:
    """Return the mean time of an all-reduce in each turn, from many chained ones in a compiled loop."""
    jax: Any = import_module("jax")
    count, sharding = jax.device_count(), jax.sharding
    mesh, rows = sharding.Mesh(np.array(jax.devices()), ("workers",)), sharding.PartitionSpec("workers")
    many = max(4, round(TURN / (2e-4 + 2e-9 * count * size)))

    def local(x: Any) -> Any:
        return jax.lax.fori_loop(0, many, lambda _, y: jax.lax.pmean(y, "workers"), x)

    # a mean is the same for all, which the loop must not know: it would reduce nothing twice
    program = jax.jit(jax.shard_map(local, mesh=mesh, in_specs=rows, out_specs=rows, check_vma=False))
    own = np.full((1, size // 4), float(jax.process_index()), "float32")
    x = jax.make_array_from_process_local_data(sharding.NamedSharding(mesh, rows), own, (count, size // 4))
    done = np.asarray(program(x).block_until_ready().addressable_data(0))
    assert np.allclose(done, (count - 1) / 2), done  # the mean of the processes' numbers
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        program(x).block_until_ready()
        times.append((time.perf_counter() - began) / many)
    return times


def fitted(count: int, times: dict[int, float]) -> tuple[float, float, float]:
    """Return a link's latency and bandwidth, and the largest factor between fit and measurement.

    A ring takes 2 (N - 1) latency + 2 (N - 1) / N bytes / bandwidth; least squares of relative deviations.
    """
    size, seconds = (np.array(column, float) for column in zip(*times.items(), strict=True))
    columns = np.stack([np.full_like(size, 2 * (count - 1)), 2 * (count - 1) / count * size], 1)
    latency, inverse = np.linalg.lstsq(columns / seconds[:, None], np.ones_like(seconds))[0]
    off = np.abs(np.log(columns @ np.array([latency, inverse]) / seconds))
    return float(latency), float(1 / inverse), float(np.exp(off.max()))


def nets() -> dict[str, tuple[Layer, Any, Any]]:
    """Return the networks of the page, each with a batch of inputs and targets."""
    rng = np.random.default_rng(0)
    images = known.images(128)
    made: dict[str, tuple[Layer, Any, Any]] = {}
    for name in ("784-128-64-10", "convnet", "LSTM"):
        task = known.TASKS[name]
        made[name] = (Sequential(task.layers()), *task.data(task.batch))
    made["batchnorm"] = (Sequential(small()), *images)
    wide = Sequential([Input(WIDE), Dense(WIDE, "relu"), Dense(10, "softmax")])
    made[str(WIDE)] = (wide, rng.random((64, WIDE), "float32"), rng.integers(0, 10, 64))
    return made


def counts(rounds: int) -> list[str]:
    """Return for each network what a two-device step exchanges, as XLA divides its gradient."""
    lines = ["what XLA exchanges for a step's gradients, divided between two devices, in numbers"]
    for name, given in nets().items():
        program = divided(*given)
        for kind in ("all-reduce", "all-gather"):
            if found := re.findall(rf"= (.*?) {kind}\(", program):
                lines.append(f"  {name:<14} {kind} {', '.join(str(numbers(shape)) for shape in found)}")
    return lines


def divided(net: Layer, x: Any, target: Any) -> str:
    """Return the compiled program of a gradient whose batch is split over two devices."""
    import jax

    step = Step(net, ln.losses.get("categorical_crossentropy"), ln.optimizers.Adam())
    state = step.start(x.shape[1:])
    objective, params = step.problem(state, x.shape[1:]).objective, tree_map(np.asarray, state.params)
    mesh = Mesh("cpu", 2)
    rows, whole = mesh.spread(0), mesh.sharding()

    def gradient(params: Any, x: Any, target: Any) -> Any:
        made = objective.gradient(params, Batch(x, target), Run(True))
        return made.loss, made.grads

    program = jax.jit(gradient, in_shardings=(whole, rows, rows), out_shardings=whole)
    with compiling_for(mesh.target):
        return str(program.lower(params, x, target).compile().as_text())


def numbers(shapes: str) -> int:
    """Return how many numbers are in arrays written as ``f32[16,3]{1,0}, f32[]``."""
    sizes = re.findall(r"\[(.*?)\]", shapes)
    return sum(math.prod(map(int, re.findall(r"\d+", size))) for size in sizes)


def steps(rounds: int) -> list[str]:
    """Return each network's time per step, and how much single steps vary."""
    lines = ["compiled steps, Adam: the fastest block; spread of single steps (logarithm, quartiles / 1.35)"]
    for name, (net, x, target) in nets().items():
        many, turns = (WIDE_STEPS, 4) if name == str(WIDE) else (BLOCK, 2 * rounds)
        block, single = (known.stepper(net, x, target, many=size, backend="jax") for size in (many, 1))
        fastest = min(seconds(block) / many for _ in range(turns))
        low, high = np.quantile(np.log([seconds(single) for _ in range(5 * turns)][2:]), (0.25, 0.75))
        spread = (high - low) / 1.35  # the standard deviation if it were normal
        lines.append(f"  {name:<14} batch {len(x):>3}  {fastest * 1e6:>11,.0f} us   {spread:.2f}")
    return [*lines, saved()]


def seconds(work: Callable[[], object]) -> float:
    """Return the time of a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def saved() -> str:
    """Return the speed at which a model file is written."""
    model = ln.Model([Input(WIDE), Dense(WIDE, "relu"), Dense(10)])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide.safetensors"
        spent = seconds(lambda: model.save(path))
        rate = path.stat().st_size / spent / 1e6
    return f"model file, hashed and on the disk: {rate:,.0f} MB/s"
