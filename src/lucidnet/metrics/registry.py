"""The metrics of the library, by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any

from ..core import value
from ..core.settings import is_function
from .base import FunctionMetric, Metric
from .classification import Accuracy, BinaryAccuracy, TopK
from .confusion import AVERAGES, F1, Precision, Recall
from .regression import MAE, MSE, R2, RMSE
from .roc import ROCAUC

_MAKERS: tuple[Callable[[], Metric[Any]], ...] = (
    *(Accuracy, BinaryAccuracy, TopK, ROCAUC, MAE, MSE, RMSE, R2),
    *(partial(metric, average) for metric in (Precision, Recall, F1) for average in AVERAGES),
)
KNOWN = MappingProxyType({make().name: make for make in _MAKERS})


def get(metric: Any) -> Metric[Any]:
    """Return a metric from its name, its class, itself, or a function ``f(target, prediction) -> float``.

    ``top_k`` has a name for each k: ``top_1``, ``top_2``, ... Averages are part of the name: ``f1_macro``.

    Raises
    ------
    UnknownNameError
        If the name is not known; the message suggests the nearest one.
    SettingError
        If what was given is no metric.

    Examples
    --------
    >>> get("top_3"), get("f1_macro"), get(MAE)
    (TopK(3), F1('macro'), MAE())
    """
    if isinstance(metric, str) and (found := re.fullmatch(r"top_([1-9]\d*)", metric)):
        return TopK(int(found[1]))
    if is_function(metric) and not isinstance(metric, Metric):
        return FunctionMetric(metric)
    return value.get("metric", metric, KNOWN, Metric)
