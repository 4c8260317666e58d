"""Which classes are mistaken for which: the confusion matrix, precision, recall and F1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..core.calls import takes
from ..core.settings import UnfitError, setting, texts
from ..core.value import Value, value
from ..errors import DataError, SettingError, lookup
from .arrays import Array, Data, Weight, by_number, class_indices, given, weights
from .base import NO_EXAMPLES, Metric

AVERAGES = {name: name for name in ("binary", "macro", "micro", "weighted")}
LARGEST = 1 << 28
"""The most numbers kept: 2 GiB."""


def _counted(
    name: str, y: Data, prediction: Data, sample_weight: Weight, none: bool = False, axes: int = 1
) -> tuple[Array, Array, int, Array | None]:
    target, prediction = given(name, y, prediction, named=True)
    truth, guess, count = class_indices(name, target, prediction, none)
    if int(count) ** axes > LARGEST:
        raise DataError(
            f"{name}: labels up to {count - 1} are too large: these would be {count} classes; "
            "number the classes 0, 1, ..., k - 1, as np.unique(labels, return_inverse=True)[1] does"
        )
    if sample_weight is None:
        return truth, guess, count, None
    return truth, guess, count, weights(name, sample_weight, len(prediction), len(truth))


@value
class ConfusionMatrix(Value):
    """The confusion matrix, batch by batch; see `confusion_matrix`.

    It works as metrics do, but its result is a matrix, which has no place among the numbers of a history.
    """

    name = "confusion_matrix"

    def start(self) -> Array:
        """Return the empty matrix, 0 by 0."""
        return np.zeros((0, 0), np.intp)

    def update(self, state: Array, y: Data, prediction: Data, sample_weight: Weight = None) -> Array:
        """Return the matrix with a batch added, enlarged if there are new classes."""
        truth, guess, count, weight = _counted(self.name, y, prediction, sample_weight, axes=2)
        count = max(count, len(state))
        cells = np.bincount(truth * count + guess, weight, count * count).reshape(count, count)
        return np.pad(state, (0, count - len(state))) + cells

    def result(self, state: Array) -> Array:
        """Return the confusion matrix, a row for each true class."""
        return state


def _as_average(given: Any, owner: Any) -> str:
    if not isinstance(given, str):
        raise UnfitError
    return lookup("average", given, AVERAGES)


@value
class _FromTallies(Metric[Array]):
    """A ratio per class, averaged; the state's rows count correct, predicted and true examples by class."""

    average: str = setting(f"one of {', '.join(AVERAGES)}", _as_average, default="binary")

    better = "max"
    stem: ClassVar[str]

    def ratio(self, found: Array, predicted: Array, true: Array) -> tuple[Array, Array]:
        """Return the numerator and the denominator of each class's ratio."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The name in the history, such as ``precision`` and ``precision_macro``."""
        return self.stem if self.average == "binary" else f"{self.stem}_{self.average}"

    def start(self) -> Array:
        """Return empty counts, for no classes."""
        return np.zeros((3, 0), np.intp)

    def update(self, state: Array, y: Data, prediction: Data, sample_weight: Weight = None) -> Array:
        """Return the counts with a batch added."""
        truth, guess, count, weight = _counted(self.name, y, prediction, sample_weight, none=True)
        count = max(count, state.shape[1])
        if self.average == "binary" and count > 2:
            raise SettingError(
                f"{self.name}: average='binary' is for 2 classes, got {count}: "
                f"use '{self.stem}_macro', '{self.stem}_micro' or '{self.stem}_weighted'"
            )
        right, there = truth == guess, guess >= 0  # scores of NaN predict no class
        rows = [
            np.bincount(truth[right], None if weight is None else weight[right], count),
            np.bincount(guess[there], None if weight is None else weight[there], count),
            np.bincount(truth, weight, count),
        ]
        return self.merge(state, np.array(rows))

    def merge(self, one: Array, other: Array) -> Array:
        """Add two states' counts, padded to the same number of classes."""
        count = max(one.shape[1], other.shape[1])
        a, b = (np.pad(rows, ((0, 0), (0, count - rows.shape[1]))) for rows in (one, other))
        return np.asarray(a + b)

    def value(self, state: Array) -> float:
        """Average the ratios over classes, leaving out classes without examples and predictions."""
        if self.average == "binary":
            state = state[:, 1:2].sum(axis=1, keepdims=True)
        elif self.average == "micro":
            state = state.sum(axis=1, keepdims=True)
        found, predicted, true = state
        ratios = _divided(*self.ratio(found, predicted, true))
        if self.average == "weighted":
            return float(_divided(np.asarray(ratios @ true), np.asarray(true.sum())))
        present = predicted + true > 0
        return float(_divided(ratios[present].sum(), np.asarray(present.sum())))

    def undefined(self, state: Array) -> str | None:
        """Say that there are no examples, if all counts are 0."""
        return None if state.any() else NO_EXAMPLES


def _divided(numerator: Array, denominator: Array) -> Array:
    """Divide, taking 0 / 0 as 0."""
    return np.divide(numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator != 0)


@value
class Precision(_FromTallies):
    """Of the examples predicted as a class, the share that belongs to it; see `precision`."""

    stem = "precision"

    def ratio(self, found: Array, predicted: Array, true: Array) -> tuple[Array, Array]:
        """Return found over predicted."""
        return found, predicted


@value
class Recall(_FromTallies):
    """Of the examples of a class, the share predicted as it; see `recall`."""

    stem = "recall"

    def ratio(self, found: Array, predicted: Array, true: Array) -> tuple[Array, Array]:
        """Return found over true."""
        return found, true


@value
class F1(_FromTallies):
    """The harmonic mean of precision and recall; see `f1`."""

    stem = "f1"

    def ratio(self, found: Array, predicted: Array, true: Array) -> tuple[Array, Array]:
        """Return twice found over predicted and true together."""
        return 2 * found, predicted + true


@takes(classes=texts(least=2, optional=True))
def confusion_matrix(
    y: Data, prediction: Data, sample_weight: Weight = None, classes: Sequence[str] | None = None
) -> Array:
    """Return C, where C[i, j] counts (or weighs) the examples of class i that were predicted as class j.

    It has a row and a column for each column of scores; for integer predictions, up to the largest class.

    Parameters
    ----------
    y, prediction : array_like
        As for `accuracy`; both may be names of classes, too, or one of them if `classes` are given.
    sample_weight : (n,), optional
        A weight for each example.
    classes : sequence of str, optional
        The names of the classes 0, 1, ..., as `Model.classes`: a row and a column for each. Without them,
        names are taken in the order of the alphabet.

    Examples
    --------
    >>> confusion_matrix(["dog", "cat", "dog"], ["dog", "dog", "dog"], classes=["cat", "dog", "eel"])
    array([[0, 1, 0],
           [0, 2, 0],
           [0, 0, 0]])
    >>> confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2])
    array([[1, 0, 0],
           [0, 1, 1],
           [0, 0, 1]])
    """
    matrix = ConfusionMatrix()
    y, prediction = by_number(matrix.name, y, prediction, classes)
    made = matrix.result(matrix.update(matrix.start(), y, prediction, sample_weight))
    if classes is None:
        return made
    if len(made) > len(classes):
        raise DataError(
            f"confusion_matrix: there are {len(made)} classes, and names of {len(classes)}: {classes}"
        )
    return np.pad(made, (0, len(classes) - len(made)))


def precision(
    y: Data,
    prediction: Data,
    average: str = "binary",
    sample_weight: Weight = None,
) -> float:
    """Return tp / (tp + fp): of the examples predicted as a class, the share that belongs to it.

    As scikit-learn's ``precision_score`` with ``zero_division=0``: 0, silently, where nothing was predicted.
    An example with a score that is NaN was predicted as none.

    Parameters
    ----------
    y, prediction : array_like
        As for `accuracy`.
    average : {"binary", "macro", "micro", "weighted"}
        Class 1 of two; the mean over classes; all classes together; the mean weighted by true counts. Classes
        that occur neither in `y` nor in the predictions are left out.
    sample_weight : (n,), optional
        A weight for each example; one with weight 0 is ignored.

    Examples
    --------
    >>> precision([0, 1, 1, 0], [1, 1, 0, 0])
    0.5
    """
    return Precision(average)(y, prediction, sample_weight)


def recall(
    y: Data,
    prediction: Data,
    average: str = "binary",
    sample_weight: Weight = None,
) -> float:
    """Return tp / (tp + fn): of the examples of a class, the share predicted as it; see `precision`.

    Examples
    --------
    >>> recall([0, 1, 1, 2], [0, 1, 2, 2], average="macro")
    0.8333333333333334
    """
    return Recall(average)(y, prediction, sample_weight)


def f1(
    y: Data,
    prediction: Data,
    average: str = "binary",
    sample_weight: Weight = None,
) -> float:
    """Return 2 tp / (2 tp + fp + fn), the harmonic mean of precision and recall. Parameters: see `precision`.

    Examples
    --------
    >>> f1([0, 1, 1, 0], [0, 1, 0, 0])
    0.6666666666666666
    """
    return F1(average)(y, prediction, sample_weight)
