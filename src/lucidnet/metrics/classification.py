"""The share of right answers: accuracy, accuracy per output, top-k accuracy."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..core.settings import finite, shown, whole
from ..core.value import value
from ..errors import DataError, ShapeError
from .arrays import (
    NO_CLASS,
    WHOLE,
    Array,
    Data,
    Weight,
    class_scores,
    classes,
    columns_of,
    given,
    weights,
)
from .base import Mean, Sums


class _Share(Mean):
    """The share of correct answers; its state counts them exactly."""

    better = "max"
    named: ClassVar[bool] = False
    """Whether labels and predictions may be class names."""

    def hits(self, y: Array, prediction: Array) -> Array:
        """Return which answers are correct."""
        raise NotImplementedError

    def update(self, state: Sums, y: Data, prediction: Data, sample_weight: Weight = None) -> Sums:
        """Add the number of correct answers in a batch, and its size."""
        target, prediction = given(self.name, y, prediction, self.named)
        hits = self.hits(target, prediction)
        if sample_weight is None:
            return state[0] + int(np.count_nonzero(hits)), state[1] + hits.size
        weight = weights(self.name, sample_weight, len(prediction), hits.size)
        return state[0] + float(weight @ hits.ravel()), state[1] + float(weight.sum())


@value
class Accuracy(_Share):
    """The share of examples whose predicted class is the true one; see `accuracy`."""

    name = "accuracy"
    named = True

    def hits(self, y: Array, prediction: Array) -> Array:
        """Return which examples were assigned their true class."""
        truth, guess = classes(self.name, y, prediction)
        found: Array = truth == guess
        return found if prediction.dtype.kind in WHOLE else found & (guess != NO_CLASS)


@value
class BinaryAccuracy(_Share):
    """The share of single outputs on the right side of a threshold; see `binary_accuracy`.

    Parameters
    ----------
    threshold : float
        The threshold between the classes in the predictions: 0.5 for probabilities, 0.0 for logits and tanh.
        Targets of 0 and 1, or -1 and 1, are what they are; others, as shares, have the same threshold.
    """

    threshold: float = finite(default=0.5)
    name = "binary_accuracy"

    def hits(self, y: Array, prediction: Array) -> Array:
        """Return which outputs are on the side of the threshold that their targets say."""
        if y.size != prediction.size or len(y) != len(prediction):
            raise ShapeError(
                f"{self.name}: y {y.shape} and prediction {prediction.shape} need the same shape"
            )
        target = y.reshape(prediction.shape)
        hard = (target == 0) | (abs(target) == 1)
        border: Any = 0 if hard.all() else np.where(hard, 0, self.threshold)
        if hard.all() and self.threshold == 0.5 and (target == -1).any():
            raise DataError(
                f"{self.name}: targets of -1 and 1 have their border at 0, and the threshold of the "
                "predictions is 0.5: take BinaryAccuracy(threshold=0.0)"
            )
        alike = (target > border) == (prediction > self.threshold)
        found: Array = alike & (target == target) & (prediction == prediction)  # NaN is on no side
        return found


@value
class TopK(_Share):
    """The share of examples whose true class is among the `k` largest scores; see `top_k`.

    Parameters
    ----------
    k : int
        How many of the largest scores count, at least 1.
    """

    k: int = whole(1, default=5)

    @property
    def name(self) -> str:
        """The name in the history, such as ``top_5``."""
        return f"top_{self.k}"

    def hits(self, y: Array, prediction: Array) -> Array:
        """Return for which examples fewer than `k` classes score above the true one."""
        if columns_of(prediction) < 2:
            raise ShapeError(
                f"{self.name}: expected scores (n, classes), got a prediction of shape {prediction.shape}"
            )
        truth, scores = class_scores(self.name, y, prediction)
        if self.k >= scores.shape[1]:
            raise ShapeError(
                f"top_k: of {scores.shape[1]} classes the true one is always among the k largest scores, "
                f"so this says nothing: take k below {scores.shape[1]}, got k={shown(self.k)}"
            )
        own = np.take_along_axis(scores, truth[:, None], axis=1)
        not_later = np.arange(scores.shape[1]) <= truth[:, None]
        after = (scores < own) | ((scores == own) & not_later)  # written so that NaN is never a hit
        found: Array = (np.count_nonzero(~after, axis=1) < self.k) & ~np.isnan(scores).any(1)
        return found


def accuracy(y: Data, prediction: Data, sample_weight: Weight = None) -> float:
    """Return the share of examples whose predicted class is the true one.

    Parameters
    ----------
    y : labels (n,), (n, 1), or one-hot (n, classes)
        A single column of scores needs labels 0 and 1: for -1 and 1, as for tanh, see `binary_accuracy`.
    prediction : scores (n, classes), probabilities of class 1 (n,) or (n, 1), or integer classes (n,)
        The largest score is the predicted class (the first of equal ones); a probability counts above 0.5.
        An example with a score that is NaN is never right.
    sample_weight : (n,), optional
        The weight of each example.

    Examples
    --------
    >>> accuracy([0, 1, 1, 0], [0.1, 0.8, 0.3, 0.2])
    0.75
    """
    return Accuracy()(y, prediction, sample_weight)


def binary_accuracy(
    y: Data,
    prediction: Data,
    threshold: float = 0.5,
    sample_weight: Weight = None,
) -> float:
    """Return the share of single outputs on the side of a threshold that their targets say.

    Each column is a question of its own, so this is the accuracy of several yes-or-no outputs, and of
    outputs of tanh with targets of -1 and 1 (``threshold=0.0``).

    Examples
    --------
    >>> binary_accuracy([[-1, -1], [1, 1]], [[-0.9, 0.2], [0.7, 0.4]], threshold=0.0)
    0.75
    """
    return BinaryAccuracy(threshold)(y, prediction, sample_weight)


def top_k(y: Data, prediction: Data, k: int = 5, sample_weight: Weight = None) -> float:
    """Return the share of examples whose true class is among the `k` largest scores.

    Of equal scores the later class comes first, as in scikit-learn's ``top_k_accuracy_score``.

    Parameters
    ----------
    y : labels (n,), (n, 1), or one-hot (n, classes)
    prediction : scores (n, classes)
    k : int, at least 1
        Below the number of classes: from there on the share would always be 1, which is an error.
    sample_weight : (n,), optional

    Examples
    --------
    >>> top_k([2, 0], [[0.2, 0.5, 0.3], [0.1, 0.6, 0.3]], k=2)
    0.5
    """
    return TopK(k)(y, prediction, sample_weight)
