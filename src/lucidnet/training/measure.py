"""Loss and metrics accumulated over several batches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.trees import joined, part_of, tree_map
from ..data.batch import Batch, rows
from ..data.batches import ROWS, BatchSource
from ..engine import update
from ..engine.protocol import Executor, Trainee
from ..engine.state import Measured, Measurements, State
from ..errors import DataError
from .checks import as_inputs
from .history import Result

if TYPE_CHECKING:
    from ..metrics import Metric


NOTHING = "nothing of these data counts: the mask leaves out all time steps"
NO_BATCH = "the data gave no batch at all; an iterator that was used up gives none: pass one that is new"


class Tally:
    """Accumulates loss and metrics over several batches, as if they were one."""

    def __init__(self, metrics: Sequence[Metric[Any]], named: Sequence[tuple[str, float]] = ()) -> None:
        self.metrics, self.named = metrics, named
        self.states = [metric.start() for metric in metrics]
        self.loss, self.terms = 0.0, 0.0
        self.several: tuple[tuple[float, float], ...] = ()
        """For a loss that is a sum of means: for each mean, the sum of its values and their number."""

    def add(self, found: Sequence[Measured], steps: Sequence[Sequence[Batch]]) -> None:
        """Add what steps measured on their batches; masked examples and time steps do not count."""
        if not self.metrics and isinstance(found, Measurements) and not found.parts:
            losses, terms = (values.astype(float).ravel() for values in (found.losses, found.terms))
            # `accumulate` adds one after the other, as below; `sum` would round differently.
            self.loss = float(np.add.accumulate([self.loss, *(losses * terms)])[-1])
            self.terms = float(np.add.accumulate([self.terms, *terms])[-1])
            return
        pairs = [
            (one, i, batch) for one, step in zip(found, steps, strict=True) for i, batch in enumerate(step)
        ]
        for measured, i, batch in pairs:
            loss, terms = measured.losses[i], measured.terms[i]
            if measured.parts:
                loss -= self._add_parts(measured.parts[i])
            self.loss += loss * terms
            self.terms += terms
            if not self.metrics or not terms:
                continue
            given = batch if isinstance(batch, Batch) else batch.batch
            target, prediction = given.target, measured.predictions[i]
            mask = measured.masks[i] if measured.masks else None
            if given.valid is not None:
                there = np.flatnonzero(given.valid)
                target, prediction, mask = (part_of(tree, there) for tree in (target, prediction, mask))
            if mask is not None:
                target, prediction = (_counted(tree, mask) for tree in (target, prediction))
            for k, metric in enumerate(self.metrics):
                self.states[k] = metric.update(self.states[k], target, prediction)

    def _add_parts(self, parts: Any) -> float:
        """Add each mean to a sum of its own; return the sum of the means."""
        before = self.several or ((0.0, 0.0),) * len(parts)
        self.several = tuple(
            (total + float(mean) * float(count), terms + float(count))
            for (total, terms), (mean, count) in zip(before, parts, strict=True)
        )
        return sum(float(mean) for mean, _ in parts)

    def parts(self) -> tuple[Any, ...]:
        """Return the sums so far, for `go_on`."""
        return self.loss, self.terms, self.states, self.several

    def go_on(self, parts: tuple[Any, ...]) -> None:
        """Continue from sums returned by `parts`."""
        self.loss, self.terms, self.states, self.several = parts

    def merged(self, executor: Executor) -> Tally:
        """Return the sums over all processes that train together; each of them must call this."""
        each = zip(self.metrics, zip(*executor.gather(self.states), strict=True), strict=True)
        states = [reduce(metric.merge, theirs) for metric, theirs in each]
        made = Tally(self.metrics, self.named)
        made.go_on((self.loss, self.terms, states, self.several))  # the sums are of whole batches already
        return made

    def result(self, prefix: str = "") -> Result:
        """Return the numbers so far; NaN where nothing has been counted yet."""
        pairs = zip(self.metrics, self.states, strict=True)
        names = ("loss", *(name for name, _ in self.named), *(metric.name for metric in self.metrics))
        if not self.terms:
            return Result(dict.fromkeys((prefix + name for name in names), nan))
        each = zip(self.named, self.several, strict=False)
        # Values that were multiplied by 0 are unknown.
        numbers = {n: total / (terms * w) if terms and w else nan for (n, w), (total, terms) in each}
        numbers |= {metric.name: metric.result(state) for metric, state in pairs}
        loss = self.loss / self.terms + sum(total / terms for total, terms in self.several if terms)
        return Result({prefix + k: v for k, v in ({"loss": float(loss)} | numbers).items()})


def _counted(tree: Any, mask: Any) -> Any:
    """Return the unmasked time steps of targets or predictions."""
    if isinstance(tree, dict):
        return {name: _counted(array, mask[name]) for name, array in tree.items()}
    return tree if mask is None else tree[mask]


def evaluate(
    model: Trainee,
    source: BatchSource,
    prefix: str = "",
    state: State | None = None,
    metrics: Sequence[Metric[Any]] | None = None,
) -> Result:
    """Return loss and metrics of a data set, in inference mode; stateful layers begin anew.

    Parameters
    ----------
    model : Trainee
        What is measured.
    source : BatchSource
        The batches.
    prefix : str
        A prefix for the names of the numbers.
    state : State, optional
        The state whose weights are measured, the model's if not given.
    metrics : sequence of Metric, optional
        The metrics to measure besides the loss; the model's if not given.
    """
    executor, problem = model.executor, model.problem
    own = model.metrics if metrics is None else metrics
    tally, carried, found = Tally(own, problem.loss.named), None, None
    params = executor.hand_out(lambda: model.live if state is None else state).params
    for batch in source.batches(0, shard=executor.shard(problem)):
        found, carried = executor.call(update.evaluate, problem, params, carried, batch)
        tally.add([found], [[batch]])
    if not tally.terms:
        raise DataError(NOTHING if found else NO_BATCH)
    return tally.merged(executor).result(prefix)


def predicted(model: Trainee, x: Any, mask: Any = None, function: Any = None) -> Any:
    """Return a network's outputs (n, ...) for user-given inputs, with the weights of a single step.

    Another function, of the network, its parameters, inputs and mask, can replace `update.predict`.
    """
    x, mask, _ = as_inputs(x, model.input_shape, model.dtype, model.net, mask)
    executor, net, made = model.executor, model.net, []
    params = executor.hand_out(lambda: model.live if function is None else model.state).params
    for start in range(0, rows(x), ROWS):
        part = slice(start, start + ROWS)
        some = tree_map(lambda array, part=part: array[part].astype(model.dtype, copy=False), x)
        given = net, params, some, None if mask is None else part_of(mask, part)
        made.append(executor.call(update.predict, *given)[0] if function is None else function(*given))
    return joined(made)  # copies: an output may be the input itself
