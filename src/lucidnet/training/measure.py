"""Loss and metrics of a stretch of batches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Array
from ..core.trees import tree_map
from ..data.batch import Batch, rows
from ..data.batches import ROWS, BatchSource
from ..engine.protocol import Executor, Trainee
from ..engine.state import Measured, State
from ..engine.update import evaluate as evaluate_batch
from ..engine.update import predict
from .checks import as_inputs, as_mask
from .history import Result

if TYPE_CHECKING:
    from ..metrics import Metric


class Tally:
    """Loss and metrics of a stretch of batches, as if they had been one."""

    def __init__(self, metrics: Sequence[Metric[Any]]) -> None:
        self.metrics = metrics
        self.states = [metric.start() for metric in metrics]
        self.loss, self.terms = 0.0, 0.0

    def add(self, found: Measured, batches: Sequence[Batch]) -> None:
        """Count what a step measured on its batches; examples and time steps left out do not count."""
        for loss, terms, prediction, batch in zip(*found[:3], batches, strict=True):
            self.loss += loss * terms
            self.terms += terms
            if not self.metrics:
                continue
            given = batch if isinstance(batch, Batch) else batch.batch
            target, mask = given.target, given.mask
            if given.valid is not None:
                target, prediction, mask = given.only(prediction)
            if mask is not None:
                target, prediction = (_counted(tree, prediction, mask) for tree in (target, prediction))
            for i, metric in enumerate(self.metrics):
                self.states[i] = metric.update(self.states[i], target, prediction)

    def parts(self) -> tuple[float, float, list[Any]]:
        """Return the sums so far; see `go_on`."""
        return self.loss, self.terms, self.states

    def go_on(self, parts: tuple[float, float, list[Any]]) -> None:
        """Go on from sums of before."""
        self.loss, self.terms, self.states = parts

    def merged(self, executor: Executor) -> Tally:
        """Return the sums of all processes that train together; each must ask for them."""
        each = executor.gather(self.states)
        made = Tally(self.metrics)
        made.loss, made.terms = self.loss, self.terms  # which are those of whole batches already
        for i, metric in enumerate(self.metrics):
            made.states[i] = reduce(metric.merge, (states[i] for states in each))
        return made

    def result(self, prefix: str = "") -> Result:
        """Return the numbers so far."""
        pairs = zip(self.metrics, self.states, strict=True)
        numbers = {metric.name: metric.result(state) for metric, state in pairs}
        return Result({prefix + k: v for k, v in ({"loss": self.loss / self.terms} | numbers).items()})


def _counted(tree: Any, prediction: Any, mask: Array) -> Any:
    """Return the time steps that count, of targets or predictions that have time."""

    def chosen(array: Array, like: Array) -> Array:
        return array[mask] if like.ndim > 2 and like.shape[:2] == mask.shape else array

    return tree_map(chosen, tree, prediction)


def evaluate(
    model: Trainee,
    source: BatchSource,
    prefix: str = "",
    state: State | None = None,
    metrics: Sequence[Metric[Any]] | None = None,
) -> Result:
    """Return loss and metrics of a data set, in inference; stateful layers begin anew.

    Parameters
    ----------
    model : Trainee
        What is measured.
    source : BatchSource
        The batches.
    prefix : str
        What stands before the names of the numbers.
    state : State, optional
        The state whose weights are measured, the model's if not given.
    metrics : sequence of Metric, optional
        What is measured besides the loss, the model's metrics if not given.
    """
    executor, problem = model.executor, model.problem
    tally, carried = Tally(model.metrics if metrics is None else metrics), None
    with executor.hold(lambda: model.live if state is None else state) as held:
        for given in source.batches(0, shard=executor.shard(problem)):
            batch = given.masked(model.net)
            found, carried = executor.call(evaluate_batch, problem, held.params, carried, batch)
            tally.add(found, [batch])
    return tally.merged(executor).result(prefix)


def predicted(model: Trainee, x: Any, mask: Any = None) -> Any:
    """Return a network's outputs (n, ...) for inputs as a person brings them, by the weights of one step."""
    x = as_inputs(x, model.input_shape)
    mask = None if mask is None else as_mask(mask, x)
    parts = [slice(start, start + ROWS) for start in range(0, rows(x), ROWS)]
    with model.executor.hold(lambda: model.live) as state:
        made = [_outputs(model, state, x, mask, part) for part in parts]
    return made[0] if len(made) == 1 else tree_map(lambda *arrays: np.concatenate(arrays), *made)


def _outputs(model: Trainee, state: State, x: Any, mask: Array | None, part: slice) -> Any:
    x = tree_map(lambda array: array[part].astype(model.dtype, copy=False), x)
    return model.executor.call(predict, model.net, state.params, x, None if mask is None else mask[part])[0]
