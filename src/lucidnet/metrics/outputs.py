"""Metrics of networks with several outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..core.settings import instance, taken, text
from ..core.value import Value, value
from .arrays import Weight
from .base import Direction, Metric
from .registry import get


@value
class OfOutput(Metric[Any]):
    """A metric of one output, measured on dicts of targets and predictions by output.

    Parameters
    ----------
    output : str
        The output.
    metric : Metric
        What is measured on it.
    """

    output: str = text()
    metric: Metric[Any] = instance(Metric, "a Metric such as Accuracy()")

    @property
    def name(self) -> str:
        return f"{self.output}_{self.metric.name}"

    @property
    def better(self) -> Direction | None:  # type: ignore[override]
        return self.metric.better

    def start(self) -> Any:
        return self.metric.start()

    def update(self, state: Any, y: Any, prediction: Any, sample_weight: Weight = None) -> Any:
        return self.metric.update(state, y[self.output], prediction[self.output], sample_weight)

    def merge(self, one: Any, other: Any) -> Any:
        return self.metric.merge(one, other)

    def value(self, state: Any) -> float:
        return self.metric.value(state)

    def undefined(self, state: Any) -> str | None:
        return self.metric.undefined(state)


def several(given: Any) -> tuple[Metric[Any], ...]:
    """Return the metrics that were given: one, a sequence, or a dict of either by output.

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
