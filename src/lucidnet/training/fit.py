"""The loop around the step: epochs, batches, validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..backend import Array, Stream
from ..errors import NonFiniteError, SettingError
from .history import History, Result
from .inputs import Data
from .progress import Progress
from .step import Measured, State, Step

if TYPE_CHECKING:
    from ..metrics import Metric

EVALUATION_BATCH = 1000
"""Rows evaluated together: enough to be fast, few enough to need little memory."""


class Trainee(Protocol):
    """What the loop trains: it owns the state, and the loop replaces it after each step."""

    state: State
    history: History

    @property
    def step(self) -> Step:
        """The training step."""

    @property
    def metrics(self) -> Sequence[Metric[Any]]:
        """What is measured besides the loss."""


class Tally:
    """Loss and metrics of a stretch of batches, as if they had been one."""

    def __init__(self, metrics: Sequence[Metric[Any]]) -> None:
        self.metrics = metrics
        self.states = [metric.start() for metric in metrics]
        self.loss, self.count = 0.0, 0

    def add(self, loss: float, target: Array, prediction: Array) -> None:
        """Count one more batch."""
        self.loss += loss * len(target)
        self.count += len(target)
        for i, metric in enumerate(self.metrics):
            self.states[i] = metric.update(self.states[i], target, prediction)

    def result(self, prefix: str = "") -> Result:
        """Return the numbers so far."""
        pairs = zip(self.metrics, self.states, strict=True)
        numbers = {metric.name: metric.result(state) for metric, state in pairs}
        return Result({prefix + k: v for k, v in ({"loss": self.loss / self.count} | numbers).items()})


def fit(
    model: Trainee,
    data: Data,
    validation: Data | None,
    epochs: int,
    batch_size: int,
    shuffle: bool,
    progress: Progress,
) -> History:
    """Train for some epochs; the model's state is whole after each step, whatever happens."""
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if not isinstance(value, int) or value < 1:
            raise SettingError(f"{name} must be a whole number of 1 or more, got {value!r}")
    done = model.history.epochs
    try:
        for epoch in range(epochs):
            batches = order(len(data), batch_size, model.state.seed, done + epoch, shuffle)
            result = train_epoch(model, data, batches, -(-len(data) // batch_size), progress)
            if validation is not None:
                result |= evaluate(model.step, model.state, validation, model.metrics, prefix="val_")
            model.history.append(result)
            progress.epoch(epoch + 1, Result(result))
    finally:
        progress.close()
    return model.history


def order(n: int, batch_size: int, seed: int, epoch: int, shuffle: bool) -> Iterator[Array | slice]:
    """Yield the rows of each batch of an epoch: a pure function of seed and epoch."""
    if not shuffle:
        yield from (slice(start, start + batch_size) for start in range(0, n, batch_size))
        return
    rows = Stream(seed, epoch, path=("shuffle",)).permutation(n)
    yield from (rows[start : start + batch_size] for start in range(0, n, batch_size))


def train_epoch(
    model: Trainee, data: Data, batches: Iterator[Array | slice], count: int, progress: Progress
) -> Result:
    """Make a step on each batch."""
    tally = Tally(model.metrics)
    progress.start(count)
    for done, rows in enumerate(batches, 1):
        x, target, weights = data.batch(rows)
        measured = train_batch(model, x, target, weights)
        tally.add(measured.loss, target, measured.prediction)
        progress.batch(done, tally.result)
    return tally.result()


def train_batch(model: Trainee, x: Array, target: Array, weights: Array | None) -> Measured:
    """Make one step; if it is not finite, the weights of the last good step come back."""
    try:
        model.state, measured = model.step(model.state, x, target, weights)
    except NonFiniteError:
        model.state = model.state.before(model.step.optimizer)
        raise
    return measured


def evaluate(
    step: Step, state: State, data: Data, metrics: Sequence[Metric[Any]], prefix: str = ""
) -> Result:
    """Return loss and metrics of a data set, in inference."""
    tally = Tally(metrics)
    penalty = sum(penalty.value(state.vector) for penalty in state.plan.penalties)
    for start in range(0, len(data), EVALUATION_BATCH):
        x, target, weights = data.batch(slice(start, start + EVALUATION_BATCH))
        loss, prediction = step.objective.evaluate(state.params, x, target, weights)
        tally.add(float(loss) + penalty, target, prediction)
    return tally.result(prefix)
