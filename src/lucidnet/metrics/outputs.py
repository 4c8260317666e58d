"""Metrics for networks with several outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.settings import instance, taken, text
from ..core.value import Value, of_library, value
from ..errors import SettingError, lookup
from .arrays import Weight
from .base import Direction, FunctionMetric, Metric
from .classification import Accuracy, BinaryAccuracy
from .confusion import F1, Precision, Recall
from .registry import get
from .regression import MAE, MSE, R2, RMSE


class _Of(Metric[Any]):
    """A metric that another is made of."""

    metric: Metric[Any]

    @property
    def name(self) -> str:
        return self.metric.name

    @property
    def better(self) -> Direction | None:  # type: ignore[override]
        return self.metric.better

    def start(self) -> Any:
        return self.metric.start()

    def merge(self, one: Any, other: Any) -> Any:
        return self.metric.merge(one, other)

    def value(self, state: Any) -> float:
        return self.metric.value(state)

    def undefined(self, state: Any) -> str | None:
        return self.metric.undefined(state)


@value
class OfOutput(_Of):
    """A metric of one output, for networks with several; targets and predictions are dicts by output.

    Parameters
    ----------
    output : str
        The output.
    metric : Metric
        The metric measured on it.
    """

    output: str = text()
    metric: Metric[Any] = instance(Metric, "a Metric such as Accuracy()")

    @property
    def name(self) -> str:
        return f"{self.output}_{self.metric.name}"

    def update(self, state: Any, y: Any, prediction: Any, sample_weight: Weight = None) -> Any:
        return self.metric.update(state, y[self.output], prediction[self.output], sample_weight)


@value
class OfScores(_Of):
    """A metric of classes, for single outputs that are scores: class 1 is above 0, not above 0.5.

    `compile` takes it for logits and the hinge loss.

    Parameters
    ----------
    metric : Metric
        The metric, which takes probabilities.

    Examples
    --------
    >>> OfScores(get("accuracy"))([0, 1], [[-3.0], [0.2]])
    1.0
    """

    metric: Metric[Any] = instance(Metric, "a Metric such as Accuracy()")

    def update(self, state: Any, y: Any, prediction: Any, sample_weight: Weight = None) -> Any:
        scores, target = np.asarray(prediction), np.asarray(y)
        if target.dtype.kind in "if":
            y = np.where(target == -1, 0, target)  # as the hinge loss has them
        if isinstance(self.metric, BinaryAccuracy) or scores.shape[-1] == 1:  # else the largest is taken
            scores = np.where(scores > 0, scores + 1, scores)
        return self.metric.update(state, y, scores, sample_weight)


@value
class OfLogs(_Of):
    """A metric of numbers, for outputs that are their logarithms.

    `compile` takes it for ``Poisson(from_logs=True)``.

    Parameters
    ----------
    metric : Metric
        The metric, which takes the numbers.

    Examples
    --------
    >>> round(OfLogs(get("mae"))([[2.0], [5.0]], np.log([[3.0], [5.0]])), 12)
    0.5
    """

    metric: Metric[Any] = instance(Metric, "a Metric such as MAE()")

    def update(self, state: Any, y: Any, prediction: Any, sample_weight: Weight = None) -> Any:
        with np.errstate(over="ignore"):
            return self.metric.update(state, y, np.exp(prediction), sample_weight)


def for_outputs(metric: Metric[Any], kind: Callable[[str | None], str]) -> Metric[Any]:
    """Return a metric for the outputs that there are.

    Parameters
    ----------
    metric : Metric
        The metric as it was given.
    kind : callable
        ``kind(name)`` tells whether an output, by its name or None for the only one, is "scores" or "logs";
        else it is "".
    """
    if isinstance(metric, OfOutput):
        inner = for_outputs(metric.metric, lambda _: kind(metric.output))
        return metric if inner is metric.metric else OfOutput(metric.output, inner)
    given, outputs = metric.metric if isinstance(metric, (OfScores, OfLogs)) else metric, kind(None)
    halved = isinstance(given, BinaryAccuracy) and given.threshold == 0.5  # another one is meant as it is
    if outputs == "scores" and (halved or isinstance(given, (Accuracy, Precision, Recall, F1))):
        return OfScores(given)
    return OfLogs(given) if outputs == "logs" and isinstance(given, (MAE, MSE, RMSE, R2)) else given


def as_given(metrics: Iterable[Metric[Any]]) -> tuple[Metric[Any], ...]:
    """Return a model's metrics as they were given to `compile`."""
    return tuple(for_outputs(metric, lambda _: "") for metric in metrics)


def several(given: Any) -> tuple[Metric[Any], ...]:
    """Return metrics given as one, a sequence, or a dict of either by output.

    Examples
    --------
    >>> [metric.name for metric in several({"label": ["accuracy"], "size": "mae"})]
    ['label_accuracy', 'size_mae']
    """
    if isinstance(given, Mapping):
        return tuple(OfOutput(name, metric) for name, part in given.items() for metric in several(part))
    if isinstance(given, (str, Value)) or callable(given):
        return (get(given),)
    metrics = instance(Iterable, "names, metrics or functions: one, a list, or a dict by output")
    return tuple(get(metric) for metric in taken("compile", "metrics", given, metrics))


def check_outputs(metrics: Iterable[Metric[Any]], outputs: Sequence[str] | None) -> None:
    """Raise if a metric cannot be measured on a network's outputs.

    Parameters
    ----------
    metrics : iterable of Metric
        The metrics.
    outputs : sequence of str, optional
        The names of several outputs, () for a network with one; None if unknown.

    Raises
    ------
    SettingError
        If one is of an output that is not there, or does not say of which it is.
    UnknownNameError
        If no output has its name.
    """
    for metric in metrics if outputs is not None else ():
        if isinstance(metric, OfOutput):
            if not outputs:
                raise SettingError(
                    f"compile: metrics names the output {metric.output!r}, but the network has one output, "
                    f"of no name: give its metrics themselves, metrics=[{metric.metric.name!r}], and no dict"
                )
            lookup("output in metrics", metric.output, dict.fromkeys(outputs))
        elif outputs and of_library(type(metric)):
            raise SettingError(
                f"compile: the network has the outputs {', '.join(map(repr, outputs))}: say of which "
                f"{metric.name!r} is measured, as metrics={{{outputs[0]!r}: {metric!r}}}"
            )


def check_names(metrics: Iterable[Metric[Any]], losses: Iterable[tuple[str, float]] = ()) -> None:
    """Raise if two measured numbers would have the same name.

    Parameters
    ----------
    metrics : iterable of Metric
        The metrics.
    losses : iterable of (name, weight)
        The losses of outputs, as they are called.

    Raises
    ------
    SettingError
        If two metrics have one name, or one is called as a loss, the epoch, or a number of validation.
    """
    there: dict[str, Any] = {"loss": "the loss", "val_loss": "the loss of validation", "epoch": "the epoch"}
    there |= {f"{before}{name}": "the loss of an output" for name, _ in losses for before in ("", "val_")}
    for metric in metrics:
        name = str(metric.name)
        for taken_name, what in ((name, repr(metric)), (f"val_{name}", f"{metric!r} in validation")):
            if taken_name in there:
                raise SettingError(
                    f"compile: metrics: {there[taken_name]} and {what} would both be called {taken_name!r}, "
                    f"and one would replace the other: {_another_name(metric)}"
                )
        there |= {name: repr(metric), f"val_{name}": f"{metric!r} in validation"}


def _another_name(metric: Metric[Any]) -> str:
    """Say how a metric gets another name."""
    metric = metric.metric if isinstance(metric, OfOutput) else metric
    if isinstance(metric, FunctionMetric):
        return "a function is called as its def says: write it as a def of another name"
    kind = type(metric).__name__
    return f'a class of your own has a name of its own: class Other({kind}): name = "other"'
