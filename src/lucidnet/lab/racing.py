"""Learning rules against each other: the same first weights, the same batches."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SettingError
from ..model import Model
from ..rules import get
from ..training.callbacks.base import Callback
from ..training.history import History, Result, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..data.batch import Batch
    from ..training.loop import Loop

SAMPLE = 256
"""How many examples the alignment is measured on."""


@dataclass(frozen=True)
class RaceRun:
    """One training: its rule and seed, its history, what it took.

    Parameters
    ----------
    rule : str
        The name of the rule.
    seed : int
        The seed of first weights, batches and feedback.
    history : History
        Loss and metrics after each epoch, of training and validation, and ``gradient_alignment``: the
        cosine between the rule's gradient and the true one, over all weights below the last layer.
    seconds : float
        The time of its training steps, without measurements.
    memory : int
        The most that a training step had allocated, in bytes.
    """

    rule: str
    seed: int
    history: History
    seconds: float
    memory: int


@dataclass(frozen=True)
class Race:
    """What came out of a race.

    Parameters
    ----------
    runs : tuple of RaceRun
        One for each rule and seed.
    """

    runs: tuple[RaceRun, ...]

    @property
    def rules(self) -> list[str]:
        """The names of the rules."""
        return list(dict.fromkeys(run.rule for run in self.runs))

    def of(self, rule: str) -> list[RaceRun]:
        """Return the runs of a rule."""
        return [run for run in self.runs if run.rule == rule]

    def curves(self, rule: str, quantity: str) -> np.ndarray[Any, Any]:
        """Return a quantity of each run of a rule: (seeds, epochs)."""
        return np.array([run.history[quantity] for run in self.of(rule)])

    @property
    def quantities(self) -> list[str]:
        """The names of what was measured."""
        return list(self.runs[0].history)

    def rows(self) -> list[dict[str, Any]]:
        """Return all figures: one dict for each rule, seed and epoch."""
        return [{"rule": run.rule, "seed": run.seed} | row for run in self.runs for row in run.history.rows()]

    def to_csv(self, path: str | PathLike[str] | None = None) -> str:
        """Return `rows` as CSV; write it to a file if a path is given."""
        from ..core.files import csv_text

        return csv_text(["rule", "seed", "epoch", *self.quantities], self.rows(), path)

    def table(self) -> str:
        """Return the figures of the last epoch as a table: mean and standard deviation over the seeds."""
        from rich.table import Table

        from ..inspect.summary import as_text

        table = Table(box=None, pad_edge=False, header_style="")
        columns = ["rule", *self.quantities, "s", "MiB a step"]
        for column in columns:
            table.add_column(column.replace("_", " "), justify="left" if column == "rule" else "right")
        for rule in self.rules:
            table.add_row(rule, *self._row(rule))
        return as_text(table, 60 + 24 * len(columns))

    def _row(self, rule: str) -> Iterator[str]:
        for name in self.quantities:
            yield _written(self.curves(rule, name)[:, -1])
        yield f"{np.mean([run.seconds for run in self.of(rule)]):.2f}"
        yield f"{np.mean([run.memory for run in self.of(rule)]) / 2**20:.1f}"

    def __str__(self) -> str:
        return self.table()

    def plot(self) -> Figure:
        """Return a figure of all quantities over the epochs: mean and spread over the seeds."""
        from ..plots.race import race_curves

        return race_curves(
            {name: {rule: self.curves(rule, name) for rule in self.rules} for name in self.quantities}
        )


def _written(values: np.ndarray[Any, Any]) -> str:
    """Write the mean, and the standard deviation with as many decimals."""
    mean, spread = number(float(values.mean())), float(values.std())
    if len(values) == 1:
        return mean
    return f"{mean} ± {number(spread) if 'e' in mean else f'{spread:.4f}'}"


@dataclass
class _Watch(Callback):
    """Measures the alignment after each epoch, and the time of the steps."""

    model: Model
    batch: Batch
    alignment: list[float] = field(default_factory=list)
    seconds: float = 0.0
    began: float = 0.0

    def begin(self, loop: Loop) -> None:
        self.alignment, self.seconds = [], 0.0

    def before_step(self, loop: Loop, batches: Sequence[Any]) -> None:
        self.began = time.perf_counter()

    def step(self, loop: Loop, measured: Sequence[Any]) -> None:
        self.seconds += time.perf_counter() - self.began

    def epoch(self, loop: Loop, result: Result) -> None:
        from ..inspect.alignment import overall_alignment

        self.alignment.append(overall_alignment(self.model, self.batch))


def race(
    model: Model,
    data: Any,
    rules: Sequence[Any],
    *,
    seeds: int | Sequence[int] = 3,
    epochs: int = 5,
    batch_size: int = 64,
    verbose: int = 1,
) -> Race:
    """Train one network by several learning rules, from the same weights, on the same batches.

    Parameters
    ----------
    model : Model
        A compiled model: its layers, loss, optimizer and metrics are used. It stays as it is.
    data : pair (x, y), or pair of pairs ((x, y), (x_test, y_test))
        What to train on, and what to validate on after each epoch; a tenth of the first if left out.
    rules : sequence of str or Rule
        The rules; give ``("name", rule)`` for a name of one's own.
    seeds : int or sequence of int
        How many seeds, or which.
    epochs, batch_size : int
        As in `Model.fit`.
    verbose : {0, 1}
        Whether to print a line for each run.

    Returns
    -------
    Race
        With ``table()``, ``plot()``, ``rows()`` and ``to_csv()``.

    Raises
    ------
    SettingError
        If a rule is not defined for this network; before any training begins.

    Examples
    --------
    >>> import lucidnet as ln
    >>> from lucidnet.layers import Dense, Input
    >>> model = ln.Model([Input(64), Dense(16, "tanh"), Dense(10, "softmax")])
    >>> model.compile("categorical_crossentropy", "adam", ["accuracy"])
    >>> result = ln.race(model, ln.data.load("digits"), ["backprop", "fa"], seeds=2, epochs=1, verbose=0)
    >>> [(run.rule, run.seed) for run in result.runs]
    [('backprop', 0), ('backprop', 1), ('fa', 0), ('fa', 1)]
    """
    (x, y), validation = _parted(data)
    starts = range(seeds) if isinstance(seeds, int) else seeds
    named = [_named(rule) for rule in rules]
    if not named or not len(starts):
        raise SettingError(
            f"race: expected at least one of rules and seeds, got rules={rules!r} and seeds={seeds!r}"
        )
    entries = [(name, seed, _copy(model, rule, seed)) for name, rule in named for seed in starts]
    runs = []
    for name, seed, runner in entries:
        runs.append(_run(name, seed, runner, (x, y, validation), epochs, batch_size))
        if verbose:
            last = {key: values[-1] for key, values in runs[-1].history.items()}
            print(f"{name}, seed {seed}: {Result(last)}", flush=True)
    return Race(tuple(runs))


def _parted(data: Any) -> tuple[tuple[Any, Any], Any]:
    first, second = data
    if isinstance(first, tuple) and len(first) == 2 and isinstance(second, tuple):
        return first, second
    return (first, second), None


def _named(given: Any) -> tuple[str, Any]:
    if isinstance(given, tuple):
        return given[0], get(given[1])
    return (given if isinstance(given, str) else repr(given)), get(given)


def _copy(model: Model, rule: Any, seed: int) -> Model:
    """Return an untrained model of another seed and rule."""
    made = Model(model.net, seed=seed, dtype=model.dtype, backend=model.config)
    loss, optimizer, _ = model._compiled
    made.compile(loss, optimizer, model.metrics, rule=rule)
    made.build(model.input_shape)
    return made


def _run(name: str, seed: int, model: Model, data: Any, epochs: int, batch_size: int) -> RaceRun:
    x, y, validation = data
    settings = {"validation_data": validation} if validation else {"validation_split": 0.1}
    size = None if model.problem.optimizer.full_batch else batch_size  # else it would have no effect
    watch = _Watch(model, model.checked(x[:SAMPLE], y[:SAMPLE]).batch(slice(None)))
    model.fit(x, y, epochs=epochs, batch_size=size, verbose=0, callbacks=[watch], **settings)
    history = History(model.history)
    history["gradient_alignment"] = watch.alignment
    return RaceRun(name, seed, history, watch.seconds, _memory(model, x[:batch_size], y[:batch_size]))


def _memory(model: Model, x: Any, y: Any) -> int:
    """Return the peak of what one training step allocates."""
    tracemalloc.start()
    try:
        model.train_step(x, y)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
