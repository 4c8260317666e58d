"""Every layer, activation and loss of the package, at points where it is smooth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .. import layers, losses
from ..backend import Array
from ..layers import Layer
from ..layers.activations import KNOWN
from ..losses import Loss
from .gradients import gradients
from .report import CheckReport

LAYERS: tuple[Layer, ...] = (
    layers.Input(5),
    layers.Dense(3),
    layers.Dense(3, "tanh", use_bias=False),
    layers.Dropout(0.4),
    layers.Flatten(),
    layers.Reshape((5, 1)),
    layers.Sequential([layers.Dense(4, "tanh"), layers.Dropout(0.3), layers.Dense(2)]),
    layers.Residual(layers.Dense(5, "sigmoid")),
    layers.Concatenate([layers.Dense(2, "tanh"), layers.Linear()]),
    layers.Add([layers.Dense(3, "tanh"), layers.Dense(3)]),
    layers.Multiply([layers.Dense(3, "tanh"), layers.Dense(3)]),
    layers.PReLU(),
    layers.GaussianNoise(0.1),
    layers.BatchNormalization(),
    layers.LayerNormalization(),
    layers.RMSNormalization(),
)

SEQUENCES: tuple[Layer, ...] = (
    layers.SimpleRNN(3),
    layers.LeakyRNN(3, noise=0.1, return_sequences=True),
    layers.GRU(3, return_sequences=True),
    layers.LSTM(3),
    layers.Bidirectional(layers.LSTM(2, return_sequences=True)),
    layers.GroupNormalization(2),
    layers.PositionalEmbedding(7),
    layers.SinusoidalEncoding(),
    layers.MultiHeadAttention(2, causal=True),
    layers.TransformerBlock(2, 4, dropout=0.2),
)
"""These are checked on inputs (n, time, features)."""

LOSSES: tuple[Loss, ...] = (
    losses.MeanSquaredError(),
    losses.HalfSquaredError(),
    losses.MeanAbsoluteError(),
    losses.Huber(0.7),
    losses.CosineDistance(),
    losses.CategoricalCrossentropy(from_logits=True),
    losses.CategoricalCrossentropy(label_smoothing=0.1),
    losses.SparseCategoricalCrossentropy(from_logits=True),
    losses.BinaryCrossentropy(from_logits=True),
    losses.BinaryCrossentropy(),
    losses.KLDivergence(from_logits=True),
    losses.KLDivergence(),
    losses.Hinge(),
    losses.CategoricalHinge(),
)


def package() -> Iterator[tuple[str, CheckReport]]:
    """Check every layer, activation and loss of the package; yield name and report of each.

    Examples
    --------
    >>> all(report.passed for _, report in package())
    True
    """
    for layer in LAYERS:
        yield layer.describe(), gradients(layer, smooth((4, 5)))
    for layer in SEQUENCES:
        yield layer.describe(), gradients(layer, smooth((4, 6, 4)))
    yield "Embedding(5, 3)", gradients(layers.Embedding(5, 3))
    for make in KNOWN.values():
        yield make().describe(), gradients(make(), smooth((4, 5)))
    for loss in LOSSES:
        x = smooth((4, 5))
        yield repr(loss), gradients(loss, x if _takes_scores(loss) else np.abs(x) / 4)


def smooth(shape: tuple[int, ...]) -> Array:
    """Return numbers between -3 and 3, none of them near a kink at -3, 0 or 3."""
    count = int(np.prod(shape))
    order = np.arange(count) * 7 % count
    return (np.where(order % 2 == 0, 1, -1) * (0.15 + 2.6 * order / count)).reshape(shape)


def _takes_scores(loss: Loss) -> bool:
    """Tell whether any number is a prediction, not just probabilities."""
    return getattr(loss, "from_logits", True)
