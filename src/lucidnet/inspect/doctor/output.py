"""Whether output, loss and targets fit each other."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ...backend import length
from ...layers import (
    ELU,
    SELU,
    Abs,
    Exponential,
    HardSigmoid,
    Layer,
    Linear,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from ...losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    HalfSquaredError,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from .evidence import FEW, Evidence
from .report import Sign

REGRESSION = (MeanSquaredError, HalfSquaredError, MeanAbsoluteError, Huber)

RANGES: dict[type[Layer], tuple[float, float]] = {
    Sigmoid: (0, 1),
    HardSigmoid: (0, 1),
    Softmax: (0, 1),
    Tanh: (-1, 1),
    Softsign: (-1, 1),
    ReLU: (0, math.inf),
    Softplus: (0, math.inf),
    Exponential: (0, math.inf),
    Abs: (0, math.inf),
    LogSoftmax: (-math.inf, 0),
    ELU: (-1, math.inf),
    SELU: (-SELU.scale * SELU.alpha, math.inf),
}
"""The range of each activation's output (ELU with its default alpha)."""


def unreachable_targets(evidence: Evidence) -> Iterator[Sign]:
    """Yield the share of the targets outside the range of the final activation."""
    low, high = RANGES.get(type(evidence.output or Linear()), (-math.inf, math.inf))
    if not evidence.single or not isinstance(evidence.loss, REGRESSION):
        return
    target = evidence.sample.target
    share = float(((target < low) | (target > high)).mean())
    yield Sign(
        share,
        f"{share:.1%} of the targets cannot be reached: they go from {target.min():.4g} to "
        f"{target.max():.4g}, but {_title(evidence.output)} gives numbers from {low:.4g} to {high:.4g}",
    )


def squared_softmax(evidence: Evidence) -> Iterator[Sign]:
    """Yield the share of the error that passes a softmax which is not fused with the loss."""
    if isinstance(evidence.output, Softmax) and isinstance(evidence.loss, REGRESSION):
        last = next(c for c in reversed(evidence.before.calls) if isinstance(c.layer, Softmax))
        share = length(last.dx) / (length(last.dy) or 1)
        yield Sign(
            share,
            f"{type(evidence.loss).__name__} after a softmax: {share:.1%} of the error comes through its "
            "derivative, and least where the network is sure and wrong",
        )


def lone_softmax(evidence: Evidence) -> Iterator[Sign]:
    """Yield the number of outputs of a softmax."""
    if evidence.single and isinstance(evidence.output, Softmax | LogSoftmax):
        units = evidence.before.prediction.shape[evidence.output.axis]
        yield Sign(units, f"the softmax has {units} output, so it says 1 whatever the input is")


def repeated_softmax(evidence: Evidence) -> Iterator[Sign]:
    """Yield the number of consecutive softmaxes at the end."""
    last = evidence.before.calls[-1]  # the activation fused into the loss is linear now
    if isinstance(evidence.output, Softmax) and isinstance(last.layer, Softmax | Linear):
        before = [call.y for call in evidence.before.calls[:-1] if isinstance(call.layer, Softmax)]
        count = 1 + any(y is last.x for y in before)
        yield Sign(count, "a softmax of a softmax: its inputs, from 0 to 1, leave all outputs alike")


def cut_scores(evidence: Evidence) -> Iterator[Sign]:
    """Yield 1 if a final softmax or sigmoid stands behind a ReLU, else 0."""
    last = evidence.before.calls[-1]
    if isinstance(evidence.output, Softmax | Sigmoid) and isinstance(last.layer, Softmax | Sigmoid | Linear):
        before = [call.layer for call in evidence.before.calls[:-1] if call.y is last.x]
        cut = any(isinstance(layer, ReLU) for layer in before)
        yield Sign(float(cut), "the scores go through a ReLU first: it makes all below 0 alike")


def first_loss(evidence: Evidence) -> Iterator[Sign]:
    """Yield the loss before training, relative to that of a uniform guess."""
    loss = evidence.loss
    if not evidence.single or not isinstance(
        loss, BinaryCrossentropy | CategoricalCrossentropy | SparseCategoricalCrossentropy
    ):
        return
    classes = 2 if isinstance(loss, BinaryCrossentropy) else evidence.before.prediction.shape[-1]
    if classes > 1 and len(evidence.probe.target) >= FEW:
        even, first = math.log(classes), evidence.before.loss
        yield Sign(
            first / even,
            f"before training the loss is {first:.4g}, {first / even:.3g} times that of an even guess, "
            f"log {classes} = {even:.4g}: the network is sure, and wrong",
        )


def constant_output(evidence: Evidence) -> Iterator[Sign]:
    """Yield how much the outputs vary between examples, relative to their size."""
    output = evidence.after.prediction
    if evidence.single and len(output) > 1 and np.isfinite(output).all():
        spread, size = float(output.std(0).max()), float(np.abs(output).max())
        yield Sign(
            spread / (size or 1),
            f"after {len(evidence.records)} steps the output is the same for all examples",
        )


def _title(activation: Layer | None) -> str:
    return f"the last activation, {activation!r}," if activation is not None else "the output"
