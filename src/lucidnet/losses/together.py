"""The loss of a batch, computed from those of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backend import number
from ..layers import Layer
from ..layers.penalties import check_one_mean
from .base import Loss


def together(
    loss: Loss, net: Layer, made: Sequence[Any], batches: Sequence[Any]
) -> tuple[float, list[float], tuple[Any, ...]]:
    """Combine the parts of a batch: return the mean loss, the weight of each part, and the joint means.

    With N_b values in part b the mean over all is sum_b N_b / N L_b. Where a loss is a sum of means over
    different numbers of values (`Loss.parts`), each is put together for itself.

    Parameters
    ----------
    loss : Loss
        The loss.
    net : Layer
        The network.
    made : sequence of Gradient
        What was found of each part.
    batches : sequence of Batch
        The parts.
    """
    counts = [
        float(loss.terms(one.prediction, one.mask, batch.valid))
        for one, batch in zip(made, batches, strict=True)
    ]
    check_one_mean(net, made[0].mask, "mesh")
    weights = _shares(counts)
    own = [number(one.loss) for one in made]
    means: list[Any] = []
    for column in zip(*(one.parts for one in made), strict=True):
        sizes = [float(size) for _, size in column]
        mean = sum(w * number(value) for w, (value, _) in zip(_shares(sizes), column, strict=True))
        means.append((mean, sum(sizes)))
        own = [left - number(value) for left, (value, _) in zip(own, column, strict=True)]
    # The rest in `own` is all of the loss, or what layers have added to its means.
    total = sum((mean for mean, _ in means), start=sum(w * one for w, one in zip(weights, own, strict=True)))
    return total, weights, tuple(means)


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts)
    return [count / (total or 1) for count in counts]
