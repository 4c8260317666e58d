"""Compare two source trees of lucidnet side by side, to see where the new one is slower.

``python -m benchmarks.against OLD [--new SRC] [--threads 1] [--rounds 9] [--only NAME ...] [--json FILE]``

Both trees do the same work through the public API, each in processes of its own that import lucidnet from
that tree. The old tree takes part twice: its ratio to itself is the spread, and a new tree is called slower
only above that. Ratios are of wall-clock times and of CPU times: the latter say less (waiting is free), but
other programs on the machine disturb them less. Nothing here may import lucidnet, so that no process has the
wrong one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from .timing import PAUSE, Turn, Worker, Works, hold, turns

HERE = Path(__file__).resolve().parent.parent / "src"
BACKENDS = ("numpy", "jax")
CLOCKS = {"wall": "by the clock", "cpu": "at work"}
OLD, AGAIN, NEW = "old", "old again", "new"
ALLOWED = 1.03
"""The ratio to the old tree that the new one may reach, where the spread is smaller."""
RATE = 1e-6
"""A learning rate so small that the thousandth step works on the same numbers as the first."""
CLASSES = 10
CROSSENTROPY = "categorical_crossentropy"

Work = Callable[[], object]
Row = Callable[[Any, str], Work]
"""A function from the package and a backend to what is timed."""


@dataclass(frozen=True)
class Net:
    """A classifier network, and data of its shape.

    Parameters
    ----------
    layers : callable
        From the module `lucidnet.layers` to the layers between input and output.
    shape : tuple of int
        The shape of one input.
    """

    layers: Callable[[Any], Sequence[Any]]
    shape: tuple[int, ...] = (784,)

    def model(self, ln: Any, backend: str, optimizer: Any, rule: str, metrics: Sequence[str]) -> Any:
        """Return the compiled model of this task."""
        ends = ln.layers.Input(self.shape), ln.layers.Dense(CLASSES, "softmax")
        model = ln.Model([ends[0], *self.layers(ln.layers), ends[1]], seed=0, backend=backend)
        model.compile(CROSSENTROPY, optimizer or ln.optimizers.Adam(RATE), metrics, rule=rule)
        return model

    def data(self, n: int) -> tuple[Any, Any]:
        """Return fixed noise as inputs, and labels."""
        rng = np.random.default_rng(0)
        return rng.random((n, *self.shape), "float32"), rng.integers(0, CLASSES, n)


def dense(*hidden: int) -> Net:
    """Return a network for rows of pixels."""
    return Net(lambda L: [L.Dense(units, "relu") for units in hidden])


SMALL, MIDDLE, LARGE = dense(100, 50), dense(128, 64), dense(512, 512)
CONVNET = Net(lambda L: [L.Conv2D(8, 3, activation="relu"), L.MaxPooling2D(2), L.Flatten()], (28, 28, 1))
LSTM = Net(lambda L: [L.LSTM(64)], (30, 16))
TRANSFORMER = Net(lambda L: [L.TransformerBlock(4, 64), L.Flatten()], (32, 64))
NORMALIZED = Net(
    lambda L: [L.Dense(256, "relu"), L.BatchNormalization(), L.Dropout(0.2), L.Dense(64, "relu")]
)


def step(net: Net, batch: int, rule: str = "backprop") -> Row:
    """Return a training step on one batch."""

    def made(ln: Any, backend: str) -> Work:
        model, (x, y) = net.model(ln, backend, None, rule, ["accuracy"]), net.data(batch)
        return lambda: model.train_step(x, y)

    return made


def epoch(
    net: Net,
    batch: int,
    batches: int,
    rule: str = "backprop",
    metrics: Sequence[str] = (),
    accumulate: int = 1,
) -> Row:
    """Return an epoch of `fit`."""

    def made(ln: Any, backend: str) -> Work:
        model, (x, y) = net.model(ln, backend, None, rule, metrics), net.data(batch * batches)
        return lambda: model.fit(x, y, batch_size=batch, accumulate=accumulate, verbose=0)

    return made


def search(net: Net, examples: int, epochs: int) -> Row:
    """Return the first iterations of L-BFGS, always from the same weights: the next are other work."""

    def made(ln: Any, backend: str) -> Work:
        model, (x, y) = net.model(ln, backend, ln.optimizers.LBFGS(), "backprop", ()), net.data(examples)
        weights = model.get_weights()
        # Older trees begin anew without being told to.
        anew = {"reset": True} if "reset" in signature(model.set_weights).parameters else {}

        def work() -> object:
            model.set_weights(weights, **anew)
            return model.fit(x, y, batch_size=examples, epochs=epochs, verbose=0)

        return work

    return made


def prediction(net: Net, rows: int) -> Row:
    """Return a prediction of a given number of rows."""

    def made(ln: Any, backend: str) -> Work:
        model, (x, _) = net.model(ln, backend, None, "backprop", ()), net.data(rows)
        return lambda: model.predict(x)

    return made


def evaluation(net: Net, rows: int) -> Row:
    """Return an evaluation of loss and accuracy on a given number of rows."""

    def made(ln: Any, backend: str) -> Work:
        model, (x, y) = net.model(ln, backend, None, "backprop", ["accuracy"]), net.data(rows)
        return lambda: model.evaluate(x, y)

    return made


def online(rule: str, times: int, units: int = 32) -> Row:
    """Return online learning from a given number of time steps: a single step, or a stretch."""

    def made(ln: Any, backend: str) -> Work:
        L = ln.layers
        layers = [L.Input((None, 1)), L.LeakyRNN(units, return_sequences=True), L.Dense(1)]
        model = ln.Model(layers, seed=0, backend=backend)
        model.compile("mse", ln.optimizers.SGD(RATE))
        learner, x = model.online(rule), np.random.default_rng(0).random((times, 1, 1), "float32")
        return lambda: learner.step(x[0], x[0]) if times == 1 else learner.run(x, x)

    return made


ROWS: dict[str, dict[str, Row]] = {
    "numpy": {
        "step 784-100-50-10, batch 10": step(SMALL, 10),
        "step 784-128-64-10, batch 64": step(MIDDLE, 64),
        "step 784-512-512-10, batch 128": step(LARGE, 128),
        "epoch 784-100-50-10, batch 10": epoch(SMALL, 10, 100),
        "epoch 784-128-64-10, batch 64": epoch(MIDDLE, 64, 50),
        "epoch 784-512-512-10, batch 128": epoch(LARGE, 128, 5),
        "step fa, 784-128-64-10": step(MIDDLE, 64, "fa"),
        "step dfa, 784-128-64-10": step(MIDDLE, 64, "dfa"),
        "step kp, 784-128-64-10": step(MIDDLE, 64, "kp"),
        "step convnet": step(CONVNET, 32),
        "step LSTM": step(LSTM, 32),
        "step transformer": step(TRANSFORMER, 16),
        "step Dropout, BatchNormalization": step(NORMALIZED, 64),
        "epoch accumulate 2, 784-128-64-10": epoch(MIDDLE, 32, 100, metrics=["accuracy"], accumulate=2),
        "L-BFGS, 784-100-50-10": search(SMALL, 200, 10),
        "predict 1": prediction(MIDDLE, 1),
        "predict 1,000": prediction(MIDDLE, 1000),
        "evaluate 10,000": evaluation(MIDDLE, 10_000),
        "online step rflo": online("rflo", 1),
        "online step rtrl": online("rtrl", 1),
    },
    "jax": {
        "epoch 784-100-50-10, batch 10": epoch(SMALL, 10, 500),
        "epoch 784-128-64-10, batch 64": epoch(MIDDLE, 64, 200),
        "epoch 784-512-512-10, batch 128": epoch(LARGE, 128, 10),
        "epoch convnet": epoch(CONVNET, 32, 20, metrics=["accuracy"]),
        "epoch LSTM": epoch(LSTM, 32, 20, metrics=["accuracy"]),
        "epoch fa, 784-128-64-10": epoch(MIDDLE, 64, 200, "fa"),
        "epoch kp, 784-128-64-10": epoch(MIDDLE, 64, 200, "kp"),
        "predict 1": prediction(MIDDLE, 1),
        "evaluate 10,000": evaluation(MIDDLE, 10_000),
        "online run of 1,000 rflo": online("rflo", 1000),
        "online run of 1,000 snap1": online("snap1", 1000),
        "online run of 1,000 uoro": online("uoro", 1000),
    },
}


def works(src: str, backend: str, names: Sequence[str]) -> Works:
    """Return a backend's rows as one source tree computes them; called in its own process."""
    assert "lucidnet" not in sys.modules, "lucidnet was imported before its tree was chosen"
    sys.path.insert(0, src)
    ln = import_module("lucidnet")
    assert Path(str(ln.__file__)).resolve().is_relative_to(src), f"{ln.__file__} is not in {src}"
    made: Works = {}
    for name in names:
        try:
            work = ROWS[backend][name](ln, backend)
            for _ in range(2):  # compiles, and fills what is kept between calls
                work()
            made[name] = work
        except Exception:
            print(f"{backend} {name}, in {src}:\n{traceback.format_exc()}", file=sys.stderr, flush=True)
    return made


@dataclass(frozen=True)
class Measured:
    """One row: the turns of each contender."""

    backend: str
    name: str
    turns: dict[str, list[Turn]]

    def ratio(self, contender: str, clock: str = "wall") -> float:
        """Return the median of a contender's turn-by-turn ratio to the old tree."""
        pairs = zip(self.turns[contender], self.turns[OLD], strict=True)
        return statistics.median(float(getattr(a, clock) / max(getattr(b, clock), 1e-9)) for a, b in pairs)

    def spread(self, clock: str = "wall") -> float:
        """Return by which ratio above 1 the old tree differs from itself."""
        ratio = max(self.ratio(AGAIN, clock), 1e-9)
        return max(ratio, 1 / ratio)

    @property
    def milliseconds(self) -> float:
        """The milliseconds a call takes in the old tree."""
        return 1e3 * statistics.median(turn.wall for turn in self.turns[OLD])

    def __str__(self) -> str:
        parts = [f"  {self.name:<36} {self.milliseconds:9.3f}"]
        for clock in CLOCKS:
            mark = "<" if self.ratio(NEW, clock) > max(ALLOWED, self.spread(clock)) else " "
            parts.append(f"{self.ratio(AGAIN, clock):10.3f} {self.ratio(NEW, clock):8.3f} {mark}")
        return "".join(parts).rstrip()


def measure(
    backend: str, names: Sequence[str], trees: dict[str, str], rounds: int, pause: float
) -> list[Measured]:
    """Measure a backend's rows in the trees of all contenders; print a line for each."""
    print(f"\n{backend:<40} old ms   old/old  new/old     at work: old, new", flush=True)
    workers = {who: Worker(works, src, backend, names) for who, src in trees.items()}
    found = []
    for name in names:
        if lacking := [who for who, worker in workers.items() if name not in worker.works]:
            print(f"  {name:<36} not measured, it fails: {', '.join(lacking)}", flush=True)
            continue
        found.append(Measured(backend, name, turns(workers, name, rounds, pause)))
        print(found[-1], flush=True)
    for worker in workers.values():
        worker.close()
    return found


def verdict(found: Sequence[Measured], clock: str) -> str:
    """Return a line that names the rows slower than allowed and than the largest spread of all rows."""
    spread = max(row.spread(clock) for row in found)
    above = [row.name for row in found if row.ratio(NEW, clock) > max(ALLOWED, spread)]
    mean = statistics.geometric_mean(row.ratio(NEW, clock) for row in found)
    rows = "; ".join(above) or "no row"
    return (
        f"  {CLOCKS[clock]}: mean {mean:.3f}, largest spread {spread:.3f}; above max({ALLOWED}, that): {rows}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Set the number of threads, then measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against", description=__doc__)
    parser.add_argument("old", type=partial(_source, parser), help="the src folder of the old tree")
    parser.add_argument("--new", type=partial(_source, parser), default=str(HERE), help="by default this one")
    parser.add_argument("--threads", type=int, default=1, help="threads of products, and cores")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contender")
    parser.add_argument("--only", nargs="+", default=[""], help="rows whose 'backend name' has one of these")
    parser.add_argument("--json", type=Path, help="a file for all the times")
    options = parser.parse_args(arguments)
    chosen = {
        backend: [name for name in ROWS[backend] if _has(f"{backend} {name}", options.only)]
        for backend in BACKENDS
    }
    if not any(chosen.values()):
        parser.error(f"no row has any of {options.only} in its name")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # for the contenders, which begin with the environment
    print(f"old: {options.old}\nnew: {options.new}")
    print(f"{hold(options.threads)}; < is above max({ALLOWED}, the row's own spread)")
    trees = {OLD: options.old, AGAIN: options.old, NEW: options.new}
    pause = PAUSE if options.threads > 1 else PAUSE / 6  # a single thread leaves none that would go on
    found: list[Measured] = []
    for backend, names in chosen.items():
        rows = measure(backend, names, trees, options.rounds, pause) if names else []
        found += rows
        for clock in CLOCKS if rows else ():
            print(verdict(rows, clock), flush=True)
    if options.json:
        about = {"trees": trees, "threads": options.threads, "python": sys.version.split()[0]}
        options.json.write_text(json.dumps(about | {"rows": list(map(_plain, found))}, indent=1))


def _source(parser: argparse.ArgumentParser, path: str) -> str:
    """Return the absolute path of a folder that holds the package."""
    if not (Path(path) / "lucidnet" / "__init__.py").is_file():
        parser.error(f"there is no lucidnet in {path}; give the src folder of a source tree")
    return str(Path(path).resolve())


def _has(name: str, parts: Sequence[str]) -> bool:
    return any(part.lower() in name.lower() for part in parts)


def _plain(row: Measured) -> dict[str, Any]:
    """Return a row as plain data."""
    ratios = {
        clock: {"old/old": row.ratio(AGAIN, clock), "new/old": row.ratio(NEW, clock)} for clock in CLOCKS
    }
    made = {who: [turn._asdict() for turn in turns] for who, turns in row.turns.items()}
    return {"backend": row.backend, "row": row.name, "old_ms": row.milliseconds, **ratios, "turns": made}


if __name__ == "__main__":
    main()
