"""Whether a network acts as a straight line where the data ask for more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...backend import Array
from ...layers.activations import ActivationLayer
from .evidence import Evidence
from .labels import FEWEST, agreement, baseline, target_rows
from .report import Sign

STILL = 0.02
"""The loss stands still if the steps lower it by less than this share of that of a constant output."""

LONG = 100
"""How many steps must have been made before a loss that stands still may be said to have stopped."""

MISSED = 0.2
"""What neighbours must know beyond the network, as a share of the targets' variance."""

EXAMPLES = 4
"""How many examples a straight line needs for each input, or it fits whatever it is given."""


def straight(evidence: Evidence) -> Iterator[Sign]:
    """Yield the share of the output's variance that is no straight line in the inputs, if the net is stuck.

    That is: the loss stands still, and the nearest neighbours of an example (Cover & Hart 1967) know more
    about its target than the network does. The output is taken before its activation. The straight line is
    that of least squares, its error by degrees of freedom.
    """
    x, drop = evidence.probe.x, evidence.before.loss - evidence.after.loss
    steps = evidence.start.step + len(evidence.records)
    if not evidence.plain or evidence.failure or steps < LONG or not drop < STILL * baseline(evidence):
        return
    if x.ndim != 2 or len(x) < max(FEWEST, EXAMPLES * (x.shape[1] + 1)):
        return
    target = target_rows(evidence, evidence.probe.target)
    variance = float(np.square(target - target.mean(0)).sum())
    if not variance:
        return
    known = 1 - float(np.square(target - evidence.after.prediction).sum()) / variance
    possible = agreement(x, target).found
    if possible - known > MISSED:
        bent = _bent(x, _unbounded(evidence))
        yield Sign(
            bent,
            f"the network acts as a straight line: {1 - bent:.1%} of its output's variance is linear in the "
            f"inputs. After {steps} steps the loss has stopped, at {evidence.after.loss:.4g}; the network "
            f"explains {max(known, 0):.0%} of the targets, where nearest neighbours explain {possible:.0%}",
        )


def _unbounded(evidence: Evidence) -> Array:
    """Return the outputs before their last activation; one that the loss has taken over is none any more."""
    last = evidence.after.calls[-1]
    return last.x if isinstance(last.layer, ActivationLayer) else last.y


def _bent(x: Array, y: Array) -> float:
    """Return the share of the variance of y that the best linear function of x leaves over."""
    rows = np.column_stack([np.ones(len(x)), x]).astype(np.float64)
    y = y.astype(np.float64)
    total = float(np.square(y - y.mean(0)).sum()) / (len(x) - 1)
    left = y - rows @ np.linalg.lstsq(rows, y, rcond=None)[0]
    return float(np.square(left).sum()) / (len(x) - rows.shape[1]) / total if total else 0.0
