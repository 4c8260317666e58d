"""The arguments of metrics, brought to one form: true and predicted classes, weights, columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.numeric import numeric
from ..errors import DataError, ShapeError, some

Array = npt.NDArray[Any]
Data = npt.ArrayLike
Weight = npt.ArrayLike | None
NO_CLASS = -1
"""Stands for the class predicted by scores with a NaN: it is never the true one."""
AS_TRAINED = {"ff", "if", "uf", "bf"}  # the kinds of targets and predictions that a training gives
WHOLE = "iub"  # the kinds of dtype that hold classes; all others hold scores


def given(name: str, y: Data, prediction: Data, named: bool = False) -> tuple[Array, Array]:
    """Convert labels or targets, and predictions, to numeric arrays with at least one axis.

    Where they may be `named` both may be names of classes, which are numbered in order.
    """
    one: Any = y
    other: Any = prediction
    arrays = type(one) is type(other) is np.ndarray and one.ndim and other.ndim
    if arrays and one.dtype.kind + other.dtype.kind in AS_TRAINED:
        return one, other
    if named:
        y, prediction = by_number(name, y, prediction)
    target, guess = numeric(y, f"{name}: y"), numeric(prediction, f"{name}: prediction")
    for title, array in (("y", target), ("prediction", guess)):
        if not array.ndim:
            raise ShapeError(f"{name}: {title} must have an entry for each example, got {array}")
    return target, guess


def by_number(
    name: str, y: Data, prediction: Data, classes: Sequence[str] | None = None
) -> tuple[Data, Data]:
    """Convert class names to numbers, by `classes` or in the order of all names; numbers are unchanged.

    Examples
    --------
    >>> [array.tolist() for array in by_number("accuracy", ["b", "a"], ["b", "c"])]
    [[1, 0], [1, 2]]
    """
    named = [_are_texts(y), _are_texts(prediction)]
    if not any(named):
        return y, prediction
    if classes is None:
        if not all(named):
            texts, numbers = ("y", "prediction") if named[0] else ("prediction", "y")
            raise DataError(
                f"{name}: {texts} holds names of classes, and {numbers} numbers: give names in both "
                "(model.predict_classes), or in metrics.confusion_matrix classes=model.classes"
            )
        classes = sorted({*np.ravel(np.asarray(y)), *np.ravel(np.asarray(prediction))})
    places = {str(one): i for i, one in enumerate(classes)}
    pairs = zip(("y", "prediction"), (y, prediction), named, strict=True)
    one, other = (_places(name, title, part, places) if text else part for title, part, text in pairs)
    return one, other


def _are_texts(given: Data) -> bool:
    if isinstance(given, np.ndarray) and given.dtype.kind not in "OUS":
        return False
    try:
        made = np.asarray(given)
    except Exception:
        return False  # code that needs numbers reports what is wrong
    return bool(made.size) and (made.dtype.kind == "U" or isinstance(made.flat[0], str))


def _places(name: str, title: str, given: Data, places: Mapping[str, int]) -> Array:
    labels = np.asarray(given)
    for i, label in enumerate(labels.flat):
        if not isinstance(label, str) or label not in places:
            shown, known = repr(str(label)[:100]), some(map(repr, places), 10)
            raise DataError(f"{name}: {title}: unknown class {shown} at index {i}; known are {known}")
    return np.array([places[label] for label in labels.flat], np.intp).reshape(labels.shape)


def columns_of(prediction: Array) -> int:
    """Return the number of score columns; 1 if there is no axis for them."""
    return int(prediction.shape[-1]) if prediction.ndim > 1 else 1


def classes(name: str, y: Array, prediction: Array) -> tuple[Array, Array]:
    """Return true and predicted class of each example, flat; `NO_CLASS` where a score is NaN."""
    columns = columns_of(prediction)
    if columns > 1:
        truth = true_classes(name, y, prediction.size // columns, columns)
        guess = prediction.argmax(-1).ravel()
        return truth, _but_nan(guess, prediction.reshape(-1, columns))
    guess = prediction.ravel()
    truth = true_classes(name, y, guess.size)
    if guess.dtype.kind in WHOLE:
        return truth, guess
    return _zero_or_one(name, truth), _but_nan(guess > 0.5, guess[:, None])


def _but_nan(guess: Array, scores: Array) -> Array:
    """Return predicted classes, with `NO_CLASS` where an example has a NaN score."""
    nan = np.isnan(scores).any(1)
    return np.where(nan, NO_CLASS, guess) if nan.any() else guess


def class_indices(name: str, y: Array, prediction: Array, none: bool = False) -> tuple[Array, Array, int]:
    """Return true and predicted classes as checked integers, and the number of classes known so far.

    If a score is NaN the predicted class is `NO_CLASS` where `none` allows that, else it is an error.
    """
    truth, guess = classes(name, y, prediction)
    columns = columns_of(prediction)
    if columns == 1 and prediction.dtype.kind not in "iu":
        columns = 2
    bound = columns if columns > 1 else None
    truth = _indices(name, truth, bound)
    if prediction.dtype.kind in WHOLE:
        guess = _indices(name, guess, bound)
    elif not none and (guess == NO_CLASS).any():
        raise DataError(
            f"{name}: the scores of example {int(np.argmax(guess == NO_CLASS))} hold NaN, and so are of no "
            "class; see what the network gives with predict, or leave such examples out"
        )
    return truth, guess.astype(np.intp), bound or 1 + max(truth.max(initial=0), guess.max(initial=0))


def class_scores(name: str, y: Array, prediction: Array) -> tuple[Array, Array]:
    """Return true classes as integers (n,), and scores (n, columns), one column for two classes."""
    columns = columns_of(prediction)
    scores = prediction.reshape(prediction.size // columns, columns)
    truth = true_classes(name, y, len(scores), columns if columns > 1 else None)
    return _indices(name, truth, max(columns, 2)), scores


def true_classes(name: str, y: Array, count: int, columns: int | None = None) -> Array:
    """Return the class of each example, flat, from labels or one-hot rows."""
    if y.size == count:
        return y.ravel()
    width = y.shape[-1] if y.ndim > 1 else 0
    if width and y.size == count * width and columns in (None, width):
        if np.abs(y.sum(-1) - 1).max() > 1e-3:
            raise DataError(
                f"{name}: the rows of y have to be one-hot, and their sums are not 1. Where each column is "
                "right or wrong on its own, use BinaryAccuracy (with threshold=0.0 for targets of -1 and 1)"
            )
        labels: Array = y.argmax(-1).ravel()
        return labels
    scores = f"{columns} scores each" if columns else "one value each"
    raise ShapeError(
        f"{name}: y of shape {y.shape} does not fit {count} predictions of {scores}: "
        f"expected one label or one one-hot row per prediction"
    )


LARGEST = 1e150
"""The sum of weights above which products with values may overflow."""


def weights(name: str, sample_weight: Data, rows: int, count: int) -> Array:
    """Return float64 weights for `count` items that stem from `rows` examples."""
    weight: Array = numeric(sample_weight, f"{name}: sample_weight").astype(np.float64).ravel()
    if not np.isfinite(weight).all():
        row = int(np.flatnonzero(~np.isfinite(weight))[0])
        raise DataError(f"{name}: sample weights have to be finite, got {weight[row]:g} for example {row}")
    with np.errstate(over="ignore"):
        total = float(np.abs(weight).sum())
    if total > LARGEST:
        raise DataError(
            f"{name}: sample weights are too large, {total:g} together: only their ratios count, so divide "
            "all by the largest"
        )
    if weight.size == count:
        return weight
    if weight.size == rows and rows:
        return np.repeat(weight, count // rows)
    raise ShapeError(f"{name}: {weight.size} sample weights for {rows} examples: expected one per example")


def column_pair(name: str, y: Data, prediction: Data) -> tuple[Array, Array]:
    """Return targets and predictions as float64 arrays of the same shape (rows, columns).

    With more than two axes the last has the columns, and each time step (or pixel) is a row, as for a loss:
    with a mask only some of them are left, and the result is the same if all are.
    """
    target, guess = given(name, y, prediction)
    one_column = target.size == guess.size and target.shape[:1] == guess.shape[:1] == (guess.size,)
    if target.shape != guess.shape and not one_column:
        raise ShapeError(
            f"{name}: y of shape {target.shape} and a prediction of shape {guess.shape} have to be alike"
        )
    columns = target.shape[-1] if target.ndim > 1 else 1
    shape = (target.size // max(columns, 1), columns)
    return target.reshape(shape).astype(np.float64), guess.reshape(shape).astype(np.float64)


def _zero_or_one(name: str, truth: Array) -> Array:
    if ((truth == 0) | (truth == 1)).all():
        return truth
    raise DataError(
        f"{name}: a single column of scores is the probability of class 1, so labels have to be 0 or 1, "
        f"got {truth.min():g} to {truth.max():g}. For targets of -1 and 1 use BinaryAccuracy(threshold=0.0), "
        "for numbers to predict 'mae' or 'r2'"
    )


def _indices(name: str, labels: Array, bound: int | None) -> Array:
    whole = labels.astype(np.intp)
    if not (whole == labels).all():
        raise DataError(
            f"{name}: labels have to be whole numbers from 0 on, got {labels[whole != labels][0]:g}"
        )
    low, high = whole.min(initial=0), whole.max(initial=0)
    if low < 0 or (bound is not None and high >= bound):
        expected = f"0 to {bound - 1}, one for each of {bound} classes" if bound else "0 on"
        raise DataError(f"{name}: expected labels from {expected}, got {low if low < 0 else high}")
    return whole
