"""Whether the targets have anything to do with the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..backend import Array, Stream
from ..losses.crossentropy import FromProbabilities
from .evidence import Evidence
from .report import Sign

NEIGHBOURS = 5
FEWEST = 60
"""With fewer examples chance cannot be told from a weak rule."""

SHUFFLES = 40
LEARNED = 0.9
"""The network has learned something if its loss is below this share of that of the best constant output."""


class Agreement(NamedTuple):
    """How much the targets of neighbours agree, and the mean and spread of that for shuffled targets."""

    found: float
    chance: float
    spread: float


def shuffled(evidence: Evidence) -> Iterator[Sign]:
    """Yield how far neighbours agree beyond chance, in standard deviations, if the network learned nothing.

    The targets are permuted many times over; for truly shuffled ones the agreement of nearest neighbours
    (Cover & Hart 1967) is an ordinary draw among those. (Ojala & Garriga 2010, "Permutation tests for
    studying classifier performance", test 1.)
    """
    x, target = evidence.sample.x, evidence.sample.target
    if (
        not evidence.single
        or x.ndim == 3
        or len(x) < FEWEST
        or (evidence.after.loss < LEARNED * baseline(evidence))
    ):
        return
    rows = _rows(evidence, target)
    if not (rows.std(0) > 0).any():
        return
    made = agreement(x.reshape(len(x), -1), rows)
    distance = (made.found - made.chance) / (made.spread or 1)
    yield Sign(
        distance,
        f"the targets of nearest neighbours agree no more than shuffled ones would: by {made.found:.3g}, "
        f"where chance gives {made.chance:.3g} with a standard deviation of {made.spread:.2g} "
        f"({distance:.1f} of them apart), and the network learned nothing either",
    )


def agreement(x: Array, rows: Array) -> Agreement:
    """Return how much of the targets' variance is common to each example and its nearest neighbours."""
    near = _neighbours(x)
    centred = rows - rows.mean(0)
    variance = float(np.square(centred).sum(-1).mean())

    def common(values: Array) -> float:
        return float((values * values[near].mean(1)).sum(-1).mean()) / variance

    draws = [common(centred[Stream(0, k, path=("shuffled",)).permutation(len(x))]) for k in range(SHUFFLES)]
    return Agreement(common(centred), float(np.mean(draws)), float(np.std(draws)))


def baseline(evidence: Evidence) -> float:
    """Return the loss of a constant output: the frequencies of the classes, or the mean of the targets."""
    target = evidence.probe.target
    if not evidence.single:
        return evidence.before.loss
    if isinstance(evidence.loss, FromProbabilities):
        rows = _rows(evidence, target).mean(0)
        p = np.stack([rows, 1 - rows], -1) if len(rows) == 1 else rows / rows.sum()
        return float(-(p * np.log(np.maximum(p, 1e-12))).sum())
    mean = np.broadcast_to(target.mean(0), evidence.after.prediction.shape)
    return float(evidence.loss.forward(mean, target)[0])


def _neighbours(x: Array) -> Array:
    """Return the nearest other examples of each (n, k); features are standardized."""
    x = x.astype(np.float64)
    x = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)
    squares = np.square(x).sum(1)
    distances = squares[:, None] + squares - 2 * (x @ x.T)
    np.fill_diagonal(distances, np.inf)
    return np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]


def _rows(evidence: Evidence, target: Array) -> Array:
    """Return targets as rows of real numbers; labels become one-hot."""
    if target.dtype.kind in "iu" and target.ndim == 1:
        return np.eye(int(evidence.sample.target.max()) + 1)[target]
    return target.reshape(len(target), -1).astype(np.float64)
