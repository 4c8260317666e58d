"""The area under the receiver operating characteristic (ROC) curve."""

from __future__ import annotations

import numpy as np

from ..core.value import value
from .arrays import Array, Data, Weight, class_scores, given, weights
from .base import Metric

Batches = tuple[tuple[Array, Array, Array], ...]


@value
class ROCAUC(Metric[Batches]):
    """The area under the ROC curve; see `roc_auc`.

    It cannot be put together from numbers per batch: the state keeps all labels and scores of the epoch.
    """

    name = "roc_auc"
    better = "max"

    def start(self) -> Batches:
        """Return the state before the first batch: no scores."""
        return ()

    def update(self, state: Batches, y: Data, prediction: Data, sample_weight: Weight = None) -> Batches:
        """Return the state with a copy of the batch added."""
        target, prediction = given(self.name, y, prediction)
        truth, scores = class_scores(self.name, target, prediction)
        weight = np.ones(len(truth))
        if sample_weight is not None:
            weight = weights(self.name, sample_weight, len(prediction), len(truth))
        return (*state, (truth, scores.copy(), weight))

    def merge(self, one: Batches, other: Batches) -> Batches:
        """Join the batches of both states."""
        return one + other

    def value(self, state: Batches) -> float:
        """Return the area; for several classes, the mean of their areas, each class against the rest."""
        truth, scores, weight = _joined(state)
        if scores.shape[1] <= 2:
            return area(truth == 1, scores[:, -1], weight)
        return float(np.mean([area(truth == k, scores[:, k], weight) for k in range(scores.shape[1])]))

    def undefined(self, state: Batches) -> str | None:
        """Say why there is no area: a class without examples, or scores that are NaN."""
        if not sum(len(truth) for truth, _, _ in state):
            return "there are no examples"
        truth, scores, weight = _joined(state)
        if np.isnan(scores).any():
            return "the predictions hold NaN, which has no place in an order"
        absent = np.flatnonzero(np.bincount(truth, weight, max(2, scores.shape[1])) == 0)
        if absent.size:
            return f"y has no example of class {absent[0]}, and the area needs examples of each class"
        return None


def _joined(state: Batches) -> tuple[Array, Array, Array]:
    truth, scores, weight = (np.concatenate(parts) for parts in zip(*state, strict=True))
    return truth, scores, weight


def area(positive: Array, scores: Array, weight: Array) -> float:
    """Return the probability that a positive example scores above a negative one; ties count as half.

    This Mann-Whitney statistic equals the area under the curve (Hanley & McNeil 1982, Radiology 143).
    """
    _, place = np.unique(scores, return_inverse=True)
    wins = np.bincount(place, weight * positive)
    losses = np.bincount(place, weight * ~positive)
    below = np.cumsum(losses) - losses
    return float(wins @ (below + losses / 2) / (wins.sum() * losses.sum()))


def roc_auc(y: Data, prediction: Data, sample_weight: Weight = None) -> float:
    """Return the area under the ROC curve: the chance that a positive example outscores a negative one.

    Ties count as half. For more than two classes: the mean over classes, each against the rest.

    Parameters
    ----------
    y : labels (n,), (n, 1), or one-hot (n, classes)
    prediction : scores of class 1 (n,) or (n, 1), or probabilities (n, classes)
        Of two columns the second counts.
    sample_weight : (n,), optional

    Raises
    ------
    DataError
        If `y` lacks a class, where the area is undefined.

    Examples
    --------
    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    return ROCAUC()(y, prediction, sample_weight)
