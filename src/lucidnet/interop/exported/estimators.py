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
    scales = [scale for step in before for scale in scales_of(step, "export")]
    return Behind(last.model_, {} if columns is None else {"columns": [*map(str, columns)]}, scales)


def steps_of(given: Any) -> list[Any]:
    """Return the steps of a pipeline that do something, in order; an estimator alone is the only one.

    A search stands for the best that it has found.
    """
    given = getattr(given, "best_estimator_", given)
    if not hasattr(given, "steps"):
        return [given]
    steps = [step for _, step in given.steps if step not in (None, "passthrough")]
    return [inner for step in steps for inner in steps_of(step)]


SCALERS = "StandardScaler, MinMaxScaler (without clip), MaxAbsScaler and RobustScaler"


def scales_of(step: Any, title: str) -> list[tuple[Any, Any]]:
    """Return what a scaler subtracts, and divides by; `title` is ``"export"`` or ``"convert"``."""
    kind = type(step).__name__
    if kind in SCALERS and not hasattr(step, "scale_"):
        raise SettingError(f"{title}: {kind} is not fitted yet: fit it first")
    zeros = np.zeros(getattr(step, "n_features_in_", 0))
    scale = getattr(step, "scale_", None)
    scale = 1 + zeros if scale is None else scale
    if kind == "StandardScaler":
        return [(step.mean_ if step.with_mean else zeros, scale)]
    if kind == "MinMaxScaler" and not step.clip:
        return [(-step.min_ / scale, 1 / scale)]
    if kind == "MaxAbsScaler" and not getattr(step, "clip", False):
        return [(zeros, scale)]
    if kind == "RobustScaler":
        return [(step.center_ if step.with_centering else zeros, scale)]
    done = "written" if title == "export" else "converted"
    raise SettingError(
        f"{title}: what {kind} does before the network cannot be {done}, only {SCALERS}: {title} the last "
        "step alone, pipeline[-1]"
    )
