"""What the doctor looks at: some training steps on a copy of the state, and the layers before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from ...backend import Array
from ...data.batch import Batch, Data, rows
from ...engine.step import State, Step
from ...errors import NonFiniteError, SettingError
from ...layers import Layer
from ...losses import BinaryCrossentropy, Loss
from ...losses.crossentropy import FromProbabilities
from ...training.sources import Arrays
from ..trace import Trace, copied, trace_step

if TYPE_CHECKING:
    from ...model import Model

PROBE = 256
"""Examples on which layers are looked at."""

SAMPLE = 1000
"""Examples on which the data are looked at."""


@dataclass(frozen=True)
class Moment:
    """One training step: its loss, and by array of weights the norm of their change and their own."""

    loss: float
    changes: dict[str, float]
    sizes: dict[str, float]


@dataclass(frozen=True)
class Evidence:
    """All that the checks may look at.

    Parameters
    ----------
    step : Step
        The training step.
    data : Data
        All data.
    sample : Batch
        Some of them.
    probe : Batch
        The examples of `before` and `after`.
    before, after : Trace
        The pass of the probe before the first training step, and after the last.
    moments : tuple of Moment
        The training steps.
    start, end : State
        The states before and after them.
    failure : str
        Why training stopped early, if it did.
    """

    step: Step
    data: Data
    sample: Batch
    probe: Batch
    before: Trace
    after: Trace
    moments: tuple[Moment, ...]
    start: State
    end: State
    failure: str = ""

    @property
    def loss(self) -> Loss:
        """The loss, as it was given."""
        return self.step.loss

    @property
    def output(self) -> Layer | None:
        """The activation that the network ends in."""
        return self.step.net.split_activation()[1]

    @property
    def single(self) -> bool:
        """Whether the network has one input and one output."""
        return isinstance(self.data.x, np.ndarray) and isinstance(self.data.target, np.ndarray)

    @property
    def plain(self) -> bool:
        """Whether there is one row of targets for each example."""
        return self.single and self.before.prediction.ndim == 2

    @property
    def labels(self) -> Array | None:
        """The class of each example, if the targets are classes of whole examples."""
        target, loss = self.data.target, self.loss
        if not self.single or not isinstance(loss, FromProbabilities) or target.ndim > 2:
            return None
        if target.ndim == 1:
            return target
        if target.shape[1] == 1:
            return target[:, 0].round().astype(int)
        return None if isinstance(loss, BinaryCrossentropy) else target.argmax(1)


def examine(model: Model, x: Any, y: Any, steps: int, batch_size: int) -> Evidence:
    """Train a copy of a model's state for some steps, and return what was seen."""
    if not isinstance(steps, int) or steps < 1:
        raise SettingError(f"doctor: steps must be a whole number of 1 or more, got {steps!r}")
    step, data = model.step, model._data(x, y)
    state, full = copied(model.state), step.optimizer.full_batch
    shuffle = not full and not state.plan.stateful
    source = Arrays(data, len(data) if full else batch_size, state.seed, shuffle)
    probe, sample = (data.batch(_spread(data, most)) for most in (PROBE, SAMPLE))
    start = copied(state)
    before = trace_step(step, start, probe)
    moments, failure = [], ""
    try:
        for batch in _endless(source, steps, bool(state.plan.stateful)):
            moment, state = _step(step, state, batch.masked(step.net))
            moments.append(moment)
    except NonFiniteError as error:
        failure, state = str(error), state.before(step.optimizer)
    after = trace_step(step, state, probe)
    return Evidence(step, data, sample, probe, before, after, tuple(moments), start, state, failure)


def _step(step: Step, state: State, batch: Batch) -> tuple[Moment, State]:
    weights = state.vector.copy()
    state, measured = step(state, *batch[:4])
    return Moment(measured.loss, _norms(state, state.vector - weights), _norms(state, weights)), state


def _norms(state: State, vector: Array) -> dict[str, float]:
    """Return the norm of each array of weights in a vector; biases, which begin at zero, are left out."""
    layout = state.plan.parameters
    places = zip(layout.paths, layout.shapes, layout.slices, strict=True)
    return {".".join(p): float(np.linalg.norm(vector[part])) for p, shape, part in places if len(shape) > 1}


def _endless(source: Arrays, steps: int, whole: bool) -> Iterator[Batch]:
    """Yield so many batches, one epoch after the other; `whole` ones only, if there is one."""
    epochs = (batch for epoch in count() for batch in source.batches(epoch))
    size = min(source.batch_size, len(source.data))
    return islice((batch for batch in epochs if not whole or rows(batch.x) == size), steps)


def _spread(data: Data, most: int) -> Array:
    """Return the rows of a sample, spread evenly over the data."""
    return np.unique(np.linspace(0, len(data) - 1, min(most, len(data))).round().astype(int))
