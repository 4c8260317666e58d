"""20 training steps by every loss, with every metric, agree on both backends, in float64 to 1e-10."""

import numpy as np
import pytest
from pairs import both, together

from harness import LOSSES
from lucidnet import layers as L
from lucidnet import losses, metrics
from lucidnet.layers import Dense

pytest.importorskip("jax")

N = 40
RNG = np.random.default_rng(0)
X = {"x": RNG.normal(size=(N, 4)), "times": RNG.normal(size=(N, 3, 4))}


def head(row):
    """The last layer that a loss of the table takes."""
    probabilities = row.prediction.min() >= 0 and np.allclose(row.prediction.sum(-1), 1)
    binary = isinstance(row.loss, losses.BinaryCrossentropy)
    return Dense(
        row.prediction.shape[-1], ("sigmoid" if binary else "softmax") if probabilities else "linear"
    )


def agree(rows):
    nodes = [("below", Dense(5, "tanh"), "x"), ("below_times", Dense(5, "tanh"), "times")]
    for k, row in enumerate(rows):
        nodes.append((f"y{k}", head(row), "below" if row.prediction.ndim == 2 else "below_times"))
    names = [f"y{k}" for k in range(len(rows))]
    both(
        L.Graph({"x": (4,), "times": (3, 4)}, nodes, names),
        x=X,
        y={f"y{k}": np.resize(row.target, (N, *row.target.shape[1:])) for k, row in enumerate(rows)},
        loss={f"y{k}": row.loss for k, row in enumerate(rows)},
        loss_weights={"y0": 0.5},
        sample_weight=RNG.uniform(size=N),
        use=True,
    )


def test_every_loss_is_here():
    assert {type(make()) for make in losses.KNOWN.values()} <= {type(row.loss) for row in LOSSES}


def test_losses():
    together(LOSSES, agree)


def largest_error(y, prediction):
    return float(np.abs(y - prediction).max())


AVERAGES = [
    f"{name}_{kind}" for name in ("precision", "recall", "f1") for kind in ("macro", "micro", "weighted")
]
MEASURED = {
    "numbers": (2, "linear", "mse", ["mae", "mse", "rmse", "r2", largest_error]),
    "binary": (
        1,
        "sigmoid",
        "binary_crossentropy",
        ["binary_accuracy", "roc_auc", "precision", "recall", "f1"],
    ),
    "classes": (6, "softmax", "categorical_crossentropy", ["accuracy", "top_5", "roc_auc", *AVERAGES]),
}
TARGETS = {
    "numbers": RNG.normal(size=(N, 2)),
    "binary": RNG.integers(0, 2, (N, 1)),
    "classes": np.arange(N) % 6,
}


def test_metrics():
    """Of three outputs, in training, in validation and after it, with a short last batch."""
    assert {name for *_, names in MEASURED.values() for name in names} >= set(metrics.KNOWN)
    nodes = [(name, Dense(units, activation), "x") for name, (units, activation, *_) in MEASURED.items()]
    both(
        L.Graph({"x": (4,)}, nodes, list(MEASURED)),
        x=X["x"],
        y=TARGETS,
        loss={name: loss for name, (_, _, loss, _) in MEASURED.items()},
        metrics={name: given for name, (*_, given) in MEASURED.items()},
        batch_size=9,
        validation_split=0.3,
        use=True,
    )
