"""Weights in the loss for examples or time steps: given by the user, or by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..backend import Array, Shape
from ..core.finite import check_finite, first_bad, in_precision, place
from ..core.numeric import numeric
from ..errors import DataError, SettingError, some
from .batch import Data, rows


def as_weights(weights: Any, target: Any, shape: Any, dtype: str) -> Any:
    """Check sample weights: one for each example or time step, or a dict of such by output.

    Parameters
    ----------
    weights : array-like (n,) or (n, time), or several by output
        The weights that the user gave; outputs that are left out are not weighted.
    target : array (n, ...), or several by name
        The targets.
    shape : shape, or several by name
        The shape of one output.
    dtype : str
        The dtype of the model.

    Raises
    ------
    DataError
        If they are something else.
    """
    if not isinstance(weights, Mapping):
        return check_weights(numeric(weights, "sample_weight"), target, shape, dtype)
    if not isinstance(target, Mapping):
        raise DataError("sample_weight: the network has one output: give an array, not a dict")
    if not weights or not weights.keys() <= target.keys():
        raise DataError(
            f"sample_weight: expected a dict with some of the outputs {sorted(target)}, got the names "
            f"{sorted(map(str, weights))}"
        )
    made = {}
    for name, given in weights.items():
        title = f"sample_weight[{name!r}]"
        made[name] = check_weights(numeric(given, title), target[name], shape[name], dtype, title)
    return made


def check_weights(weights: Array, target: Any, shape: Any, dtype: str, title: str = "sample_weight") -> Array:
    """Check weights (n,) or (n, time), and return them in a model's dtype.

    Negative weights are allowed: an example of weight -1 is one to move away from, as in policy gradients.

    Parameters
    ----------
    weights : array
        What was given.
    target : array (n, ...), or several by name
        The targets, as the loss takes them.
    shape : shape, or several by name
        The shape of one output.
    dtype : str
        The dtype of the model.
    title : str
        What they are called in errors.
    """
    n, form = rows(target), None if isinstance(target, dict) else leading(target, shape)
    given, weights = weights, in_precision(weights, dtype)
    steps = form is not None and len(form) > 1 and weights.shape == form
    if not (weights.shape == (n,) or steps) or not np.isfinite(weights).all():
        also = f", or {form}, one per time step" if form is not None and len(form) > 1 else ""
        found = "" if np.isfinite(weights).all() else _not_finite(given, weights, dtype)
        raise DataError(
            f"{title}: expected {n} finite numbers, one per example{also}, got shape {weights.shape}{found}"
        )
    return weights


def _not_finite(given: Array, weights: Array, dtype: str) -> str:
    """Say where weights are not finite."""
    index = first_bad(weights)
    large = f", as {given[index]:g} is in {dtype}," if np.isfinite(given[index]) else ""
    return f" with NaN or infinity{large} in it, first at index {index}: {given[index]:g}{place(index)}"


def leading(target: Array, shape: Shape) -> Shape:
    """Return the shape of the losses for targets: that of the targets, without a feature axis."""
    found: Shape = target.shape if target.ndim <= len(shape) else target.shape[:-1]
    return found


def class_weighted(data: Data, class_weight: Any, shape: Any, counts: Array | None = None) -> Data:
    """Multiply a data set's weights by the weights of the examples' (or time steps') classes.

    Parameters
    ----------
    data : Data
        Examples with targets.
    class_weight : mapping of int to float, or "balanced"
        A weight for each class, 1 for those left out; or n / (k n_c) for a class with n_c of n examples,
        where k is the number of classes among them. Masked time steps do not count as examples.
    shape : tuple of int
        The shape of one output.
    counts : array (n,) or (n, time) of bool, optional
        Which examples, or which of their time steps, count; all if not given.
    """
    if isinstance(data.target, dict):
        raise DataError("class_weight: the network has several outputs; pass sample_weight instead")
    if data.target.shape[1:] == (0,):
        raise DataError("class_weight: this loss has no targets, and so no classes")
    found, known = labels(
        data.target, shape, set(class_weight) if isinstance(class_weight, Mapping) else set()
    )
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise SettingError(f"class_weight: expected a dict, or 'balanced', got {class_weight!r}")
        factors = balanced(found if counts is None else found[counts], len(known))
    else:
        factors = factors_of(class_weight, known)
    check_finite(factors, "class_weight", data.dtype)
    weights = factors.astype(data.dtype)[found]
    if data.weights is not None:
        # An array with fewer axes is aligned with the first axes of the other.
        one, other = sorted((weights, data.weights), key=lambda array: array.ndim)
        with np.errstate(over="ignore"):
            weights = one.reshape(*one.shape, *(1,) * (other.ndim - one.ndim)) * other
        check_finite(weights, "class_weight times sample_weight")
    return replace(data, weights=weights)


def balanced(found: Array, count: int) -> Array:
    """Return a weight for each class that is inverse to how often it occurs, as scikit-learn has it.

    Examples
    --------
    >>> balanced(np.array([0, 0, 0, 2]), 3).tolist()
    [0.6666666666666666, 1.0, 2.0]
    """
    counts = np.bincount(found.ravel(), minlength=count)
    there = counts > 0
    return np.where(there, found.size / (max(1, there.sum()) * np.maximum(counts, 1)), 1.0)


def factors_of(class_weight: Any, known: list[int]) -> Array:
    """Check class weights; return one for each known class."""
    if not isinstance(class_weight, Mapping):
        raise SettingError(f"class_weight: expected a dict, or 'balanced', got {class_weight!r}")
    if unknown := [label for label in class_weight if label not in known]:
        names, there = (some(map(repr, labels), 20) for labels in (unknown, known))
        raise DataError(f"class_weight names the classes [{names}], but the labels are [{there}]")
    for label, weight in class_weight.items():
        number = isinstance(weight, (int, float, np.number)) and not isinstance(weight, bool)
        if not (number and np.isfinite(weight) and weight >= 0):
            raise SettingError(
                f"class_weight: expected finite numbers of 0 or more, got {label!r}: {weight!r}"
            )
    return np.array([float(class_weight.get(label, 1.0)) for label in known])


def labels(target: Array, shape: Shape, named: set[Any]) -> tuple[Array, list[int]]:
    """Return the index of each example's (or time step's) class, and the list of known classes.

    A single output has two classes: 0 and 1, or -1 and 1, as the targets or the given classes say.
    """
    whole = target.ndim <= len(shape)
    if whole and shape[-1] > 1:
        return target.astype(np.int64, copy=False), list(range(shape[-1]))
    if not whole and target.shape[-1] > 1:
        if not (((target == 0) | (target == 1)).all() and (target.sum(-1) == 1).all()):
            raise DataError(
                "class_weight: each row of targets must be of one class, with a single 1 in it, but there "
                "are rows of several classes, of none, or of probabilities; pass sample_weight instead"
            )
        return target.argmax(-1), list(range(target.shape[-1]))
    values = target if whole else target[..., 0]
    there = set(np.unique(values).tolist())
    if not there <= {-1, 0, 1}:
        raise DataError(
            f"class_weight: targets of a single output are classes if they are 0 and 1, or -1 and 1, got "
            f"{sorted(there)[:5]}; pass sample_weight instead"
        )
    low = -1 if -1 in named or (-1 in there and 0 not in named) else 0
    return (values > 0).astype(np.int64), [low, 1]
