"""One table per kind. A row buys all the properties that the test files beside this one derive from it.

The references in the rows are other people's code (SciPy, PyTorch) or the formula written a second
time, in another form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special as sp

from lucidnet import layers as L
from lucidnet import losses
from lucidnet.backend import Stream
from lucidnet.losses import Loss
from lucidnet.tree import Layout
from rows import LayerRow, smooth
from rows_attention import ROWS as ATTENTION
from rows_images import ROWS as IMAGES
from rows_normalization import ROWS as NORMALIZATION
from rows_recurrent import ROWS as RECURRENT
from rows_shaping import ROWS as SHAPING


def _sigmoid_params(p: Any, x: Any) -> Any:
    return sp.expit(np.einsum("...i,io->...o", x, p["W"]) + p["b"])


def _dropped(p: Any, x: Any, *path: str) -> Any:
    """Dropout(0.25) at a path: the mask is a function of the place."""
    mask = Stream(3, path=("run", *path)).bernoulli(x.shape, 0.75)
    return np.where(mask, x / 0.75, 0.0)


def _dense(p: Any, x: Any, f: Any = np.asarray) -> Any:
    return f(np.einsum("...i,io->...o", x, p["W"]) + p.get("b", 0.0))


def _forked(p: Any, x: Any) -> Any:
    left = p["sequential0"]
    return np.hstack(
        [_dense(left["dense1"], _dense(left["dense0"], x, np.tanh)), _sigmoid_params(p["dense1"], x)]
    )


def _added(p: Any, x: Any) -> Any:
    return _dense(p["sequential0"]["dense0"], x, np.tanh) + x + x @ p["residual1"]["body"]["W"]


def _dropout_net(p: Any, x: Any) -> Any:
    y = _dense(p["residual1"]["body"]["dense0"], x, np.tanh)
    return x + _dropped(p, y, "residual1", "body", "dropout1")


def _graph(p: Any, x: Any) -> Any:
    a = _dense(p["a"], x, np.tanh)
    b = _dense(p["b"], a, sp.expit)
    return np.hstack([a * b * _dense(p["b"], b, sp.expit), x])


ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805  # Klambauer et al. 2017, section 2

ACTIVATIONS = [
    LayerRow(L.Linear(), lambda p, x: x),
    LayerRow(L.Sigmoid(), lambda p, x: sp.expit(x)),
    LayerRow(L.Tanh(), lambda p, x: 2 * sp.expit(2 * x) - 1),
    LayerRow(L.ReLU(), lambda p, x: (x + np.abs(x)) / 2),
    LayerRow(L.LeakyReLU(0.2), lambda p, x: np.maximum(x, 0) + 0.2 * np.minimum(x, 0)),
    LayerRow(L.ELU(1.5), lambda p, x: np.where(x > 0, x, 1.5 * (np.exp(x) - 1))),
    LayerRow(L.SELU(), lambda p, x: SCALE * np.where(x > 0, x, ALPHA * (np.exp(x) - 1))),
    LayerRow(L.GELU(), lambda p, x: x * sp.ndtr(x)),
    LayerRow(L.SiLU(), lambda p, x: x * sp.expit(x)),
    LayerRow(L.Mish(), lambda p, x: x * np.tanh(np.log1p(np.exp(x)))),
    LayerRow(L.Softplus(), lambda p, x: -sp.log_expit(-x)),
    LayerRow(L.Exponential(), lambda p, x: np.cosh(x) + np.sinh(x)),
    LayerRow(L.Softsign(), lambda p, x: np.sign(x) * (1 - 1 / (1 + np.abs(x)))),
    LayerRow(L.HardSigmoid(), lambda p, x: np.clip(x / 6 + 0.5, 0, 1)),
    LayerRow(L.Abs(), lambda p, x: np.sqrt(x * x)),
    LayerRow(L.Softmax(), lambda p, x: sp.softmax(x, axis=-1)),
    LayerRow(L.LogSoftmax(), lambda p, x: sp.log_softmax(x, axis=-1)),
    LayerRow(L.Softmax(), lambda p, x: sp.softmax(x, axis=-1), shape=(3, 4)),
]

LAYERS = [
    *ACTIVATIONS,
    *ATTENTION,
    *NORMALIZATION,
    *IMAGES,
    *RECURRENT,
    *SHAPING,
    LayerRow(L.Input(5), lambda p, x: x),
    LayerRow(L.Dense(3), _dense),
    LayerRow(L.Dense(1), _dense),
    LayerRow(L.Dense(3, use_bias=False), _dense),
    LayerRow(L.Dense(3, use_bias=False), _dense, shape=(6, 2)),
    LayerRow(L.Dense(4, "sigmoid", initializer="orthogonal"), _sigmoid_params),
    LayerRow(L.Dense(3, "softmax"), lambda p, x: sp.softmax(_dense(p, x), axis=-1)),
    LayerRow(L.Dense(3, "tanh"), lambda p, x: _dense(p, x, np.tanh), shape=(6, 2)),
    LayerRow(L.Dropout(0.25), lambda p, x: x),
    LayerRow(L.Dropout(0.25), _dropped, train=True),
    LayerRow(L.Dropout(0.0), lambda p, x: x, train=True),
    *(
        LayerRow(L.Dense(4, row.layer), lambda p, x, f=row.expected: f(p, _dense(p, x)))
        for row in ACTIVATIONS
        if type(row.layer) in (L.ReLU, L.SELU, L.Mish, L.LogSoftmax) and len(row.shape) == 1
    ),
    LayerRow(L.Flatten(), lambda p, x: x.reshape(len(x), 24), shape=(2, 3, 4)),
    LayerRow(L.Reshape((3, -1)), lambda p, x: x.reshape(len(x), 3, 8), shape=(2, 3, 4)),
    LayerRow(
        L.Sequential([L.Dense(4, "tanh"), L.Dense(3, "sigmoid", name="out")]),
        lambda p, x: _sigmoid_params(p["out"], _dense(p["dense0"], x, np.tanh)),
    ),
    LayerRow(L.Masking(), lambda p, x: x, shape=(3, 2)),
    LayerRow(
        L.Residual(L.Dense(3, "tanh"), L.Dense(3, use_bias=False)),
        lambda p, x: _dense(p["projection"], x) + _dense(p["body"], x, np.tanh),
    ),
    LayerRow(
        L.Graph(
            {"x": (5,)},
            [
                ("a", L.Dense(4, "tanh"), "x"),
                ("b", L.Dense(4, "sigmoid"), "a"),
                ("again", "b", "b"),
                ("gate", L.Multiply(), ("a", "again", "b")),
                ("out", L.Concatenate(), ("gate", "x")),
            ],
            "out",
        ),
        lambda p, x: _graph(p, x),
    ),
    LayerRow(L.Residual(L.Dense(5, "tanh")), lambda p, x: x + _dense(p["body"], x, np.tanh)),
    LayerRow(
        L.Concatenate([L.Dense(2, "tanh"), L.Linear(name="same"), L.Dense(3)]),
        lambda p, x: np.hstack([_dense(p["dense0"], x, np.tanh), x, _dense(p["dense2"], x)]),
    ),
    LayerRow(
        L.Add([L.Dense(5, "tanh"), L.Linear(), L.Linear()]),
        lambda p, x: _dense(p["dense0"], x, np.tanh) + 2 * x,
    ),
    LayerRow(
        L.Multiply([L.Dense(5, "tanh"), L.Linear(), L.Linear()]),
        lambda p, x: np.einsum("ni,ni,ni->ni", _dense(p["dense0"], x, np.tanh), x, x),
    ),
    LayerRow(
        L.Sequential([L.Input(5), L.Residual(L.Sequential([L.Dense(7, "gelu"), L.Dense(5)])), L.Dense(2)]),
        lambda p, x: _dense(
            p["dense2"],
            x
            + _dense(
                p["residual1"]["body"]["dense1"],
                _dense(p["residual1"]["body"]["dense0"], x, lambda z: z * sp.ndtr(z)),
            ),
        ),
    ),
    LayerRow(
        L.Sequential(
            [
                L.Concatenate([L.Sequential([L.Dense(3, "tanh"), L.Dense(2)]), L.Dense(2, "sigmoid")]),
                L.Add([L.Sequential([L.Dense(4), L.Tanh()]), L.Residual(L.Dense(4, use_bias=False))]),
            ]
        ),
        lambda p, x: _added(p["add1"], _forked(p["concatenate0"], x)),
    ),
    LayerRow(
        L.Sequential([L.Dropout(0.25), L.Residual(L.Sequential([L.Dense(5, "tanh"), L.Dropout(0.25)]))]),
        lambda p, x: _dropout_net(p, _dropped(p, x, "dropout0")),
        train=True,
    ),
]


@dataclass(frozen=True)
class LossRow:
    """A loss, predictions and targets, and an independent formula for the loss of each example."""

    loss: Loss
    prediction: Any
    target: Any
    expected: Callable[[Any, Any], Any]

    def __str__(self) -> str:
        return repr(self.loss)


def _rows_of(labels: Any, k: int = 5) -> Any:
    return np.eye(k)[labels]


def _probabilities(seed: int = 4) -> Any:
    return sp.softmax(smooth((6, 5), seed), axis=-1)


SCORES, SCORES1 = smooth((6, 5)), smooth((6, 1), 7)
LABELS = np.array([0, 4, 2, 2, 1, 3])
SOFT = _probabilities(11)
REAL = smooth((6, 5), 5)
BITS = _rows_of(LABELS)
SIGNS = np.where(smooth((6, 5), 8) > 0, 1.0, -1.0)

LOSSES = [
    LossRow(
        losses.MeanSquaredError(), SCORES, REAL, lambda y, t: np.var(y - t, -1) + np.mean(y - t, -1) ** 2
    ),
    LossRow(losses.HalfSquaredError(), SCORES, REAL, lambda y, t: np.linalg.norm(y - t, axis=-1) ** 2 / 2),
    LossRow(losses.MeanAbsoluteError(), SCORES, REAL, lambda y, t: np.linalg.norm(y - t, 1, axis=-1) / 5),
    LossRow(losses.Huber(0.7), SCORES, REAL, lambda y, t: sp.huber(0.7, y - t).mean(-1)),
    LossRow(losses.Poisson(True), SCORES, np.abs(REAL), lambda y, t: (np.exp(y) - t * y).mean(-1)),
    LossRow(losses.Poisson(), SOFT, np.abs(REAL), lambda y, t: (y - sp.xlogy(t, y)).mean(-1)),
    LossRow(
        losses.CosineDistance(),
        SCORES,
        REAL,
        lambda y, t: np.linalg.norm(_unit(y) - _unit(t), axis=-1) ** 2 / 2,
    ),
    LossRow(
        losses.CategoricalCrossentropy(True), SCORES, LABELS, lambda y, t: -sp.log_softmax(y, -1)[range(6), t]
    ),
    LossRow(
        losses.CategoricalCrossentropy(),
        SOFT,
        LABELS,
        lambda y, t: -np.log(np.take_along_axis(y, t[:, None], 1))[:, 0],
    ),
    LossRow(
        losses.CategoricalCrossentropy(True), SCORES, SOFT, lambda y, t: sp.logsumexp(y, -1) - (t * y).sum(-1)
    ),
    LossRow(
        losses.CategoricalCrossentropy(True, 0.1),
        SCORES,
        BITS,
        lambda y, t: 0.9 * -(t * sp.log_softmax(y, -1)).sum(-1) - 0.1 * sp.log_softmax(y, -1).mean(-1),
    ),
    LossRow(
        losses.SparseCategoricalCrossentropy(True),
        SCORES,
        LABELS,
        lambda y, t: -sp.log_softmax(y, -1)[range(6), t],
    ),
    LossRow(
        losses.BinaryCrossentropy(True),
        SCORES,
        BITS,
        lambda y, t: -np.where(t == 1, sp.log_expit(y), sp.log_expit(-y)).mean(-1),
    ),
    LossRow(
        losses.BinaryCrossentropy(),
        SOFT,
        BITS,
        lambda y, t: -np.where(t == 1, np.log(y), np.log1p(-y)).mean(-1),
    ),
    LossRow(
        losses.BinaryCrossentropy(True, 0.2),
        SCORES1,
        BITS[:, :1],
        lambda y, t: (_bce(y, 0.8 * t + 0.1)).mean(-1),
    ),
    LossRow(losses.KLDivergence(), SOFT, _probabilities(2), lambda y, t: sp.rel_entr(t, y).sum(-1)),
    LossRow(
        losses.KLDivergence(True),
        SCORES,
        _probabilities(2),
        lambda y, t: sp.rel_entr(t, sp.softmax(y, -1)).sum(-1),
    ),
    LossRow(losses.Hinge(), SCORES, SIGNS, lambda y, t: ((1 - y * t) * (y * t < 1)).mean(-1)),
    LossRow(
        losses.CategoricalHinge(),
        SCORES,
        LABELS,
        lambda y, t: [
            max(0.0, 1 + max(row[j] for j in range(5) if j != k) - row[k])
            for row, k in zip(y, t, strict=True)
        ],
    ),
    LossRow(
        losses.CategoricalCrossentropy(True),
        smooth((6, 3, 5), 3),
        np.arange(18).reshape(6, 3) % 5,
        lambda y, t: -np.take_along_axis(sp.log_softmax(y, -1), t[..., None], -1)[..., 0],
    ),
    LossRow(
        losses.BinaryCrossentropy(True),
        smooth((6, 3, 5), 3),
        np.where(smooth((6, 3, 5), 8) > 0, 1.0, 0.0),
        lambda y, t: _bce(y, t).mean(-1),
    ),
    LossRow(
        losses.MeanSquaredError(),
        smooth((6, 3, 5), 3),
        smooth((6, 3, 5), 8),
        lambda y, t: np.einsum("itj,itj->it", y - t, y - t) / 5,
    ),
    LossRow(  # rows that do not sum to 1
        losses.CategoricalCrossentropy(True),
        SCORES,
        1.7 * SOFT,
        lambda y, t: 1.7 * sp.logsumexp(y, -1) - (t * y).sum(-1),
    ),
    LossRow(losses.KLDivergence(), SOFT, BITS, lambda y, t: sp.rel_entr(t, y).sum(-1)),
    LossRow(
        losses.custom(lambda y, t: ((y - t) ** 4).sum(-1), lambda y, t: 4 * (y - t) ** 3),
        SCORES,
        REAL,
        lambda y, t: np.einsum("ij,ij->i", (y - t) ** 2, (y - t) ** 2),
    ),
]


def _unit(x: Any) -> Any:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _bce(z: Any, t: Any) -> Any:
    return -t * sp.log_expit(z) - (1 - t) * sp.log_expit(-z)


def directional(f: Callable[[Any], float], point: Any, direction: Any, h: float = 1e-4) -> float:
    """The derivative of f along a direction, with an error of order h^4."""

    def central(step: float) -> float:
        return (f(point + step * direction) - f(point - step * direction)) / (2 * step)

    return (4 * central(h) - central(2 * h)) / 3


def flat(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """A tree as one vector, and the way back."""
    layout = Layout.of(tree)
    return layout.ravel(tree), layout.unravel
