"""Models in estimators, and what a pipeline of scikit-learn does before them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...core.settings import shown
from ...errors import SettingError
from ...foreign.networks import converted


class Behind(NamedTuple):
    """A model, and what stands before it in a pipeline.

    Parameters
    ----------
    model : Model, or a part of one
        The model.
    columns : dict
        The names of the columns that it takes, under ``"columns"``, if they are known.
    scales : list of pairs of array
        What is subtracted from inputs, and then divided by; one pair after the other.
    """

    model: Any
    columns: dict[str, list[str]]
    scales: list[tuple[Any, Any]]


def of_estimator(given: Any) -> Behind:
    """Return a model as it is, or that of an estimator with what a pipeline does before it.

    Raises
    ------
    SettingError
        If it is neither, or not fitted, or something in the pipeline cannot be written.
    """
    if not isinstance(given, type) and hasattr(given, "input_shape") and hasattr(given, "net"):
        return Behind(given, {}, [])
    *before, last = steps_of(given)
    if not hasattr(last, "model_"):
        unfitted = ": fit it first" if hasattr(last, "hidden_layer_sizes") else ""
        hint = converted(last) or unfitted
        raise SettingError(f"export: expected a Model, then the name of a file, got {shown(given)}{hint}")
    columns = getattr(given, "feature_names_in_", None)
    scales = [scale for step in before if step not in (None, "passthrough") for scale in scales_of(step)]
    return Behind(last.model_, {} if columns is None else {"columns": [*map(str, columns)]}, scales)


def steps_of(given: Any) -> list[Any]:
    """Return the steps of a pipeline, in order; an estimator alone is the only one."""
    return [step for _, step in given.steps] if hasattr(given, "steps") else [given]


def scales_of(step: Any) -> list[tuple[Any, Any]]:
    """Return what a scaler subtracts, and divides by."""
    kind = type(step).__name__
    if kind == "StandardScaler":
        ones = np.ones(step.n_features_in_)
        mean = step.mean_ if step.with_mean else 0 * ones
        return [(mean, step.scale_ if step.with_std else ones)]
    if kind == "MinMaxScaler" and not step.clip:
        return [(-step.min_ / step.scale_, 1 / step.scale_)]
    raise SettingError(
        f"export: what {kind} does before the network cannot be written, only StandardScaler and MinMaxScaler"
        " (without clip): export the last step alone, pipeline[-1]"
    )
