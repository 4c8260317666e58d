"""Loss and metrics of a stretch of batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from ..backend import Array
from ..core.trees import tree_map
from ..data.batch import Batch
from ..engine.step import Measured, State, Step
from .history import Result
from .sources import Source

if TYPE_CHECKING:
    from ..metrics import Metric


class Tally:
    """Loss and metrics of a stretch of batches, as if they had been one."""

    def __init__(self, metrics: Sequence[Metric[Any]]) -> None:
        self.metrics = metrics
        self.states = [metric.start() for metric in metrics]
        self.loss, self.terms = 0.0, 0.0

    def add(self, found: Measured, batch: Batch) -> None:
        """Count one more batch; examples and time steps that are left out do not count."""
        self.loss += found.loss * found.terms
        self.terms += found.terms
        if not self.metrics:
            return
        target, prediction, mask = batch.only(found.prediction)
        target, prediction = (_counted(tree, prediction, mask) for tree in (target, prediction))
        for i, metric in enumerate(self.metrics):
            self.states[i] = metric.update(self.states[i], target, prediction)

    def parts(self) -> tuple[float, float, list[Any]]:
        """Return the sums so far; see `go_on`."""
        return self.loss, self.terms, self.states

    def go_on(self, parts: tuple[float, float, list[Any]]) -> None:
        """Go on from sums of before."""
        self.loss, self.terms, self.states = parts

    def merged(self, step: Step) -> Tally:
        """Return the sums of all processes that train together; each must ask for them."""
        each = step.from_all(self.states)
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


def _counted(tree: Any, prediction: Any, mask: Array | None) -> Any:
    """Return the time steps that count, of targets or predictions that have time."""
    if mask is None:
        return tree

    def chosen(array: Array, like: Array) -> Array:
        return array[mask] if like.ndim > 2 and like.shape[:2] == mask.shape else array

    return tree_map(chosen, tree, prediction)


def evaluate(
    step: Step, state: State, source: Source, metrics: Sequence[Metric[Any]], prefix: str = ""
) -> Result:
    """Return loss and metrics of a data set, in inference; stateful layers begin anew."""
    tally, carried = Tally(metrics), None
    penalty = sum(penalty.value(state.vector) for penalty in state.plan.penalties)
    for given in source.batches(0, part=step.part):
        batch = given.masked(step.net)
        found, carried = step.evaluated(state, batch, carried)
        tally.add(replace(found, loss=found.loss + penalty), batch)
    return tally.merged(step).result(prefix)
