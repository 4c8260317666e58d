"""Whether a network is stuck at a linear or constant function that the data could improve on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ...backend import Array
from ...layers import Dense, Dropout, Linear, Sequential
from ...layers.activations import ActivationLayer
from .evidence import Evidence
from .labels import FEWEST, agreement, baseline, target_rows
from .report import Sign

STILL = 0.02
"""The loss stands still if the steps lower it by less than this share of a constant output's loss."""

LONG = 100
"""The number of steps after which a loss that stands still may be said to have stopped."""

MISSED = 0.2
"""How much more than the network the neighbours must know, as a share of the targets' variance."""

EXAMPLES = 4
"""The examples needed for each input of a linear fit, as with fewer it fits anything."""


class Stop(NamedTuple):
    """A stalled training: its number of steps, and what network and neighbours know about the targets."""

    steps: int
    known: float
    possible: float


def straight(evidence: Evidence) -> Iterator[Sign]:
    """Yield the share of the output's variance that is not linear in the inputs, if training stalls.

    The output is taken before its activation. The straight line is the least-squares fit, with its error
    corrected for degrees of freedom.
    """
    x = evidence.probe.x
    if not isinstance(x, np.ndarray) or x.ndim != 2 or len(x) < EXAMPLES * (x.shape[1] + 1):
        return
    if stop := _stopped(evidence):
        bent = _bent(x, _unbounded(evidence))
        yield Sign(
            bent,
            f"the network acts as a straight line: {1 - bent:.1%} of its output's variance is linear in the "
            f"inputs. {_said(evidence, stop)}",
        )


def products(evidence: Evidence) -> Iterator[Sign]:
    """Yield the number of dense layers that end in no activation before another, which is no narrower.

    A narrow one between wide ones is a factor of a matrix, and has a use; so have frozen ones, and what is
    linear because the data are.
    """
    net = evidence.model.net
    if not isinstance(net, Sequential):
        return
    layers = [layer for layer in net.layers if not isinstance(layer, Dropout)]
    pairs = [
        (one, two)
        for one, two in pairwise(layers)
        if isinstance(one, Dense) and isinstance(two, Dense) and isinstance(one.activation, Linear)
        if one.units >= two.units and not (one.frozen or two.frozen)
    ]
    if pairs and not _line_is_enough(evidence):
        one, two = pairs[0]
        yield Sign(
            len(pairs),
            f"{one.describe()} has no activation, and {two.describe()} comes next: a product of two matrices "
            "is one matrix, so that both layers together do no more than the second alone",
        )


def _line_is_enough(evidence: Evidence) -> bool:
    """Tell whether neighbours know no more than a straight line; few numbers to predict do not tell."""
    if not evidence.plain:
        return False
    x = evidence.sample.x.reshape(len(evidence.sample.x), -1)
    if len(x) < max(FEWEST, EXAMPLES * (x.shape[1] + 1)):
        return evidence.labels is None
    rows = target_rows(evidence, evidence.sample.target)
    bent = _bent(x, rows)
    return not bent or agreement(x, rows).found <= 1 - bent


def standing(evidence: Evidence) -> Iterator[Sign]:
    """Yield what the network knows about the targets, relative to the neighbours, if training stalls.

    This is how deep networks of sigmoids get stuck at the loss of a constant output, as their last hidden
    layer goes to zero (Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward
    neural networks", section 3.1).
    """
    if stop := _stopped(evidence):
        yield Sign(
            stop.known / stop.possible,
            "the loss stands where the same output for all examples would bring it, "
            f"{baseline(evidence):.4g}. {_said(evidence, stop)}",
        )


def _stopped(evidence: Evidence) -> Stop | None:
    """Return how far the network got, if its loss stalls although the neighbours know more.

    That is: the nearest neighbours of an example (Cover & Hart 1967) know more about its target than the
    network does.
    """
    x, steps = evidence.probe.x, evidence.start.step + len(evidence.records)
    if not evidence.plain or evidence.failure or steps < LONG:
        return None
    if not _drop(evidence) < STILL * baseline(evidence):
        return None
    if x.ndim == 3 or len(x) < FEWEST:
        return None
    target = target_rows(evidence, evidence.probe.target)
    variance = float(np.square(target - target.mean(0)).sum())
    if not variance:
        return None
    known = 1 - float(np.square(target - evidence.after.prediction).sum()) / variance
    possible = agreement(x.reshape(len(x), -1), target).found
    return Stop(steps, known, possible) if possible - known > MISSED else None


def _drop(evidence: Evidence) -> float:
    """Return how much the loss fell; over many steps, from the second last quarter to the last."""
    losses = [record.loss for record in evidence.records]
    if len(losses) < LONG:
        return evidence.before.loss - evidence.after.loss
    quarter = len(losses) // 4
    return float(np.mean(losses[-2 * quarter : -quarter]) - np.mean(losses[-quarter:]))


def _said(evidence: Evidence, stop: Stop) -> str:
    return (
        f"After {stop.steps} steps the loss has stopped, at {evidence.after.loss:.4g}; the network explains "
        f"{max(stop.known, 0):.0%} of the targets, where nearest neighbours explain {stop.possible:.0%}"
    )


def _unbounded(evidence: Evidence) -> Array:
    """Return the outputs before the final activation, unless that was fused with the loss already."""
    last = evidence.after.calls[-1]
    return last.x if isinstance(last.layer, ActivationLayer) else last.y


def _bent(x: Array, y: Array) -> float:
    """Return the share of y's variance that the best linear function of x does not explain."""
    rows = np.column_stack([np.ones(len(x)), x]).astype(np.float64)
    y = y.astype(np.float64)
    total = float(np.square(y - y.mean(0)).sum()) / (len(x) - 1)
    left = y - rows @ np.linalg.lstsq(rows, y, rcond=None)[0]
    return float(np.square(left).sum()) / (len(x) - rows.shape[1]) / total if total else 0.0
