"""The doctor's evidence: a few training steps on a copy of the state, and the layers before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ...backend import Array, length
from ...core.trees import dotted
from ...data.batch import Batch, Data, rows
from ...data.batches import ArraySource, endless
from ...engine.on_numpy import OnNumpy
from ...engine.problem import Problem
from ...engine.protocol import Trainee
from ...engine.state import State
from ...errors import NonFiniteError
from ...layers import Layer
from ...losses import BinaryCrossentropy, Loss
from ...losses.crossentropy import FromProbabilities
from ...training.step import make_steps
from ..trace import Trace, trace_step

PROBE = 256
"""The number of examples on which layers are examined."""

SAMPLE = 1000
"""The number of examples on which the data are examined."""

FEW = 8
"""With fewer examples, what holds for all proves nothing: a healthy ReLU is 0 for half of them."""


@dataclass(frozen=True)
class StepRecord:
    """One training step: its loss, and for each weight array the norms of the change and of the weights."""

    loss: float
    changes: dict[str, float]
    sizes: dict[str, float]


@dataclass(frozen=True)
class Evidence:
    """Everything that the doctor's checks can use.

    Parameters
    ----------
    model : Trainee
        The model.
    data : Data
        All data.
    sample : Batch
        Some of them.
    probe : Batch
        The examples of `before` and `after`.
    before, after : Trace
        The pass of the probe before the first training step, and after the last.
    records : tuple of StepRecord
        The training steps.
    start, end : State
        The states before and after them.
    failure : str
        Why training stopped early, if it did.
    """

    model: Trainee
    data: Data
    sample: Batch
    probe: Batch
    before: Trace
    after: Trace
    records: tuple[StepRecord, ...]
    start: State
    end: State
    failure: str = ""

    @property
    def loss(self) -> Loss:
        """The loss of the model."""
        return self.model.problem.loss

    @property
    def output(self) -> Layer | None:
        """The network's final activation."""
        return self.model.net.split_activation()[1]

    @property
    def single(self) -> bool:
        """Whether the network has one input and one output."""
        return isinstance(self.data.x, np.ndarray) and isinstance(self.data.target, np.ndarray)

    @property
    def plain(self) -> bool:
        """Whether each example has one row of targets."""
        return self.single and self.before.prediction.ndim == 2

    @property
    def labels(self) -> Array | None:
        """The class of each example, or of each time step, if the targets are classes; else None."""
        target, loss = self.data.target, self.loss
        if not self.single or not isinstance(loss, FromProbabilities) or target.ndim > 2:
            return None
        if self.before.prediction.ndim > 2:  # which of them count is known behind the network alone
            masked = self.data.mask is not None or self.model.net.makes_masks
            return None if masked or target.ndim < self.before.prediction.ndim - 1 else target.reshape(-1)
        if target.ndim == 1:
            return target
        if target.shape[1] == 1:
            return target[:, 0].round().astype(int)
        return None if isinstance(loss, BinaryCrossentropy) else target.argmax(1)


def examine(model: Trainee, data: Data, steps: int, batch_size: int) -> Evidence:
    """Run some training steps on a copy of a model's state, and return the evidence."""
    problem = model.problem
    start, full, stateful = model.state.reset(), problem.optimizer.full_batch, bool(problem.layout.stateful)
    source = ArraySource(data, len(data) if full else batch_size, model.seed, not full and not stateful)
    probe, sample = (data.batch(_spread(data, most)) for most in (PROBE, SAMPLE))
    before = trace_step(model, probe, start)
    records, failure, state = [], "", start
    executor = OnNumpy()
    for batch in _first(source, steps, stateful):
        try:
            later, (found,) = make_steps(executor, problem, state, [[batch]])
        except NonFiniteError as error:
            failure = str(error)
            break
        sizes, changes = _norms(problem, state.vector), _norms(problem, later.vector - state.vector)
        records.append(StepRecord(found.loss, changes, sizes))
        state = later
    after = trace_step(model, probe, state)
    return Evidence(model, data, sample, probe, before, after, tuple(records), start, state, failure)


def _norms(problem: Problem, vector: Array) -> dict[str, float]:
    """Return the norm of each weight array in a vector, without biases, which start at zero."""
    layout = problem.layout.parameters
    places = zip(layout.paths, layout.shapes, layout.slices, strict=True)
    return {dotted(p): length(vector[part]) for p, shape, part in places if len(shape) > 1}


def _first(source: ArraySource, steps: int, whole: bool) -> Iterator[Batch]:
    """Yield the first `steps` batches, epoch after epoch; with `whole` only those of full size."""
    size = min(source.batch_size, len(source.data))
    return islice((batch for batch in endless(source) if not whole or rows(batch.x) == size), steps)


def _spread(data: Data, most: int) -> Array:
    """Return row indices of a sample, spread evenly over the data."""
    return np.unique(np.linspace(0, len(data) - 1, min(most, len(data))).round().astype(int))
