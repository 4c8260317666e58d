"""Custom training steps: a step by hand beside `fit`, two programs and weight copies beside PyTorch.

The programs are those of `examples/programs`; their steps are what a test compares with PyTorch's. On JAX
they run in blocks, as an `OwnStep`.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import lucidnet as ln
from lucidnet.layers import Dense, Input

from .timing import Turn, Worker, Works, turns

SIZES: dict[str, tuple[int, ...]] = {"64-100-10": (64, 100, 10), "784-128-64-10": (784, 128, 64, 10)}
BATCH, BATCHES, BLOCK, RATE, TAU = 64, 20, 50, 1e-6, 0.005
"""The learning rate is so small that each step works on the same numbers."""
ASKED = {"VAE": 1.1, "DQN": 0.43, "copy": 1.0, "soft": 1.0}
"""The largest ratio to PyTorch's time that lucidnet may reach on NumPy."""


def run(threads: int, rounds: int) -> None:
    """Measure; print a line for each step, with ratios by wall clock and by CPU time."""
    print(
        "\nprograms: a step by hand, in times of the same by fit (asked: at most 1.05); MSE, Adam, batch 64"
    )
    workers = {"by hand": Worker(by_hand), "own step": Worker(by_own_step), "fit": Worker(by_fit)}
    for name in SIZES:
        made = turns(workers, name, rounds)
        for who in ("by hand", "own step"):
            print(f"  {name}, {who}: {line(made, who, 'fit', BATCHES, BATCHES)}", flush=True)
    close(workers)
    if not importlib.util.find_spec("torch"):
        print("programs: not beside PyTorch, which is not installed")
        return
    print("programs: beside PyTorch eager")
    for backend in ("numpy", "jax") if importlib.util.find_spec("jax") else ("numpy",):
        workers = {backend: Worker(lucidnet, backend), "PyTorch": Worker(pytorch, threads)}
        for name in (name for name in workers["PyTorch"].works if name in workers[backend].works):
            made = turns(workers, name, rounds)
            asked = f" (asked {ASKED[name.split()[0]]})" if backend == "numpy" else ""
            told = line(made, backend, "PyTorch", BLOCK if backend == "jax" else 1)
            print(f"  {name}: {told}{asked}", flush=True)
        close(workers)


def line(made: dict[str, list[Turn]], ours: str, theirs: str, steps: int, others: int = 1) -> str:
    """Return times and ratios per step of two contenders, for calls of several steps."""
    pairs = list(zip(made[ours], made[theirs], strict=True))
    wall, cpu = (
        statistics.median(getattr(a, clock) / steps / (getattr(b, clock) / others) for a, b in pairs)
        for clock in ("wall", "cpu")
    )
    one, two = (
        1e3 * statistics.median(turn.cpu for turn in made[who]) / n
        for who, n in ((ours, steps), (theirs, others))
    )
    return f"{ours} {one:.4f}, {theirs} {two:.4f} ms at work; ratio {cpu:.2f}, by the clock {wall:.2f}"


def close(workers: dict[str, Worker]) -> None:
    """End the worker processes."""
    for worker in workers.values():
        worker.close()


def network(sizes: tuple[int, ...], loss: str | None = None) -> Any:
    """Return a compiled dense network."""
    hidden = [Dense(units, "relu") for units in sizes[1:-1]]
    model = ln.Model([Input(sizes[0]), *hidden, Dense(sizes[-1])], seed=0)
    model.compile(loss, ln.optimizers.Adam(RATE))
    return model


def examples(sizes: tuple[int, ...]) -> tuple[Any, Any]:
    """Return inputs and targets for some batches."""
    rng, n = np.random.default_rng(0), BATCH * BATCHES
    return rng.normal(size=(n, sizes[0])).astype("float32"), rng.normal(size=(n, sizes[-1])).astype("float32")


def by_hand() -> Works:
    """Return epochs of steps written by hand; called in its own process."""

    def epoch(model: Any, x: Any, y: Any, rng: Any) -> float:
        total = 0.0
        for rows in rng.permutation(len(x)).reshape(-1, BATCH):
            tape = model.forward(x[rows], train=True)
            gap = tape.output - y[rows]
            model.apply(tape.backward(2 * gap / gap.size, need_dx=False)[1], tape)
            total += float((gap**2).mean())
        return total / BATCHES

    made: Works = {}
    for name, sizes in SIZES.items():
        given = network(sizes), *examples(sizes), np.random.default_rng(0)
        made[name] = partial(epoch, *given)
    return made


def by_own_step() -> Works:
    """Return epochs of the same step as an `OwnStep`; called in its own process."""

    def step(model: Any, batch: Any) -> Any:
        x, y = batch
        tape = model.forward(x, train=True)
        gap = tape.output - y
        model.apply(tape.backward(2 * gap / gap.size, need_dx=False)[1], tape)
        return (gap**2).mean()

    def epoch(steps: Any, x: Any, y: Any, rng: Any) -> object:
        return steps((x[rows], y[rows]) for rows in rng.permutation(len(x)).reshape(-1, BATCH))

    made: Works = {}
    for name, sizes in SIZES.items():
        given = ln.OwnStep(step, network(sizes)), *examples(sizes), np.random.default_rng(0)
        made[name] = partial(epoch, *given)
    return made


def by_fit() -> Works:
    """Return epochs of the same step made by `fit`; called in its own process."""
    made: Works = {}
    for name, sizes in SIZES.items():
        model, (x, y) = network(sizes, "mse"), examples(sizes)
        made[name] = partial(model.fit, x, y, batch_size=BATCH, verbose=0)
    return made


def program(name: str) -> Any:
    """Return a program of `examples/programs` as a module."""
    folder = str(Path(__file__).parent.parent / "examples" / "programs")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return import_module(name)


def batches() -> dict[str, Any]:
    """Return a batch for the VAE (images and noise), and one for the DQN (moves from a memory)."""
    rng = np.random.default_rng(0)
    states, after = rng.normal(size=(2, 64, 4)).astype("float32")
    rest = np.eye(2, dtype="float32")[rng.integers(0, 2, 64)], -(rng.random(64) < 0.1).astype("float32")
    images = rng.random((128, 8, 8, 1), "float32"), rng.normal(size=(128, 2)).astype("float32")
    return {"VAE": images, "DQN": (states, *rest, after, (1 + rest[1]).astype("float32"))}


def lucidnet(backend: str) -> Works:
    """Return steps of lucidnet, in blocks on JAX; called in its own process."""
    given, made = batches(), dict[str, Any]()
    for name in given:
        module = program(name.lower())
        models = module.make(backend=backend)
        if backend == "jax":
            steps = ln.OwnStep(module.step, *models)
            made[f"{name} step"] = lambda steps=steps, name=name: steps([given[name]] * BLOCK)
        else:
            made[f"{name} step"] = lambda s=module.step, m=models, name=name: s(*m, given[name])
        made[f"{name} step"]()
    if backend == "jax":
        return made
    for name, sizes in SIZES.items():
        online, target = network(sizes), network(sizes)
        made[f"copy {name}"] = lambda t=target, o=online: t.copy_weights(o)
        made[f"soft update {name}"] = lambda t=target, o=online: t.copy_weights(o, tau=TAU)
    return made


def pytorch(threads: int) -> Works:
    """Return the steps and weight copies in PyTorch; called in its own process."""
    from . import programs_in_torch as theirs

    images, moves = (theirs.tensors(batch) for batch in batches().values())
    made = {"VAE step": theirs.vae(threads, *images), "DQN step": theirs.dqn(*moves)}
    for name, sizes in SIZES.items():
        made[f"copy {name}"], made[f"soft update {name}"] = theirs.copies(sizes, TAU)
    return made
