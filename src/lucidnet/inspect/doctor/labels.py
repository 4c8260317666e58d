"""Whether the targets have anything to do with the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...backend import Array, Stream
from ...losses.crossentropy import FromProbabilities
from .evidence import Evidence
from .report import Sign

NEIGHBOURS = 5
FEWEST = 60
"""With fewer examples, chance cannot be told from a weak relation."""

SHUFFLES = 40
LEARNED = 0.9
"""The network has learned something if its loss is below this share of the best constant output's."""


class Agreement(NamedTuple):
    """How much neighbours' targets agree, and the mean and deviation of that for shuffled targets."""

    found: float
    chance: float
    spread: float


def shuffled(evidence: Evidence) -> Iterator[Sign]:
    """Yield how far neighbours agree beyond chance, in standard deviations, if nothing was learned.

    The targets are permuted many times over; for truly shuffled ones the agreement of nearest neighbours
    (Cover & Hart 1967) is an ordinary draw among those. (Ojala & Garriga 2010, "Permutation tests for
    studying classifier performance", test 1.)
    """
    x = evidence.sample.x
    if not evidence.plain or x.ndim == 3 or len(x) < FEWEST or (x == x[:1]).all():
        return
    rows = target_rows(evidence, evidence.sample.target)
    if evidence.after.loss < LEARNED * baseline(evidence) or not rows.std(0).any():
        return
    made = agreement(x.reshape(len(x), -1), rows)
    distance = (made.found - made.chance) / (made.spread or 1)
    yield Sign(
        distance,
        f"the targets of nearest neighbours agree no more than shuffled ones would: by {made.found:.3g}, "
        f"where chance gives {made.chance:.3g} with a standard deviation of {made.spread:.2g} "
        f"({round(distance, 1) + 0.0:.1f} of them apart), and the network learned nothing either",
    )


def agreement(x: Array, rows: Array) -> Agreement:
    """Return the share of the targets' variance that examples have in common with nearest neighbours."""
    near = _neighbours(x)
    centred = rows - rows.mean(0)
    variance = float(np.square(centred).sum(-1).mean())

    def common(values: Array) -> float:
        return float((values * values[near].mean(1)).sum(-1).mean()) / variance

    draws = [common(centred[Stream(0, k, path=("shuffled",)).permutation(len(x))]) for k in range(SHUFFLES)]
    return Agreement(common(centred), float(np.mean(draws)), float(np.std(draws)))


def baseline(evidence: Evidence) -> float:
    """Return the loss of the best constant output: the class frequencies, or the mean target."""
    if not evidence.plain:
        return evidence.before.loss
    loss, target = evidence.loss, evidence.probe.target
    if isinstance(loss, FromProbabilities):
        loss = replace(loss, from_logits=False)
    constant = np.broadcast_to(target_rows(evidence, target).mean(0), evidence.before.prediction.shape)
    return float(loss.forward(constant, target)[0])


def _neighbours(x: Array) -> Array:
    """Return the nearest other examples of each example (n, k), with standardized features."""
    x = x.astype(np.float64)
    x = (x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)
    squares = np.square(x).sum(1)
    distances = squares[:, None] + squares - 2 * (x @ x.T)
    np.fill_diagonal(distances, np.inf)
    return np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]


def target_rows(evidence: Evidence, target: Array) -> Array:
    """Return targets as rows of real numbers; labels become one-hot."""
    if target.ndim == 1:
        return np.eye(evidence.before.prediction.shape[-1])[target]
    return target.astype(np.float64)
