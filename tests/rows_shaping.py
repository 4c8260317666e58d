"""Rows of the table of layers: joins, axes, other sizes, films, time steps; the formulas once more, by loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from lucidnet import layers as L
from lucidnet.backend import Stream
from rows import LayerRow
from rows_images import convolved, spread

FILM = (3, 4, 3, 2)
MASK = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 1], [0, 0, 0]], bool)


def _dense(p: Any, x: Any, f: Any = np.asarray) -> Any:
    return f(np.einsum("...i,io->...o", x, p["W"]) + p.get("b", 0.0))


def _two(p: Any, x: Any) -> tuple[Any, Any]:
    return _dense(p["dense0"], x, np.tanh), x


def _dots(p: Any, x: Any, unit: bool = False) -> Any:
    a, b = _two(p, x)
    if unit:
        a, b = (v / np.sqrt((v * v).sum(-1, keepdims=True)) for v in (a, b))
    return np.einsum("n...k,nsk->n...s", a, b) if x.ndim == 3 else np.einsum("nk,nk->n", a, b)[:, None]


def _between(x: Any, count: int, axis: int) -> Any:
    """Linear interpolation of one line after the other."""

    def line(v: Any) -> Any:
        places = (np.arange(len(v) * count) + 0.5) / count - 0.5
        return np.interp(places, np.arange(len(v)), v)

    return np.apply_along_axis(line, axis, x)


def _depthwise1(p: Any, x: Any, b: Any = 0.0) -> Any:
    made = [
        convolved(x[:, None, :, c : c + 1], p["W"][None, :, c : c + 1], 0.0)[:, 0] for c in range(x.shape[-1])
    ]
    return np.concatenate(made, -1) + b


def _separable2(p: Any, x: Any) -> Any:
    W = p["depthwise"]["W"]
    made = [convolved(x[..., c : c + 1], W[:, :, c : c + 1], 0.0) for c in range(x.shape[-1])]
    return _dense(
        {"W": p["pointwise"]["W"][0, 0], "b": p["pointwise"]["b"]}, np.concatenate(made, -1), np.tanh
    )


def _separable1(p: Any, x: Any) -> Any:
    return _depthwise1(p["depthwise"], x) @ p["pointwise"]["W"][0] + p["pointwise"]["b"]


def _filmed(
    p: Any, x: Any, mask: Any = None, backwards: bool = False, last: bool = True, same: bool = True
) -> Any:
    """ConvLSTM as Keras has it, without peepholes (Shi et al. 2015, equation 3), step by step."""
    kh, kw, _, wide = p["W"].shape
    f = wide // 4
    around = [((k - 1) // 2, k - 1 - (k - 1) // 2) for k in (kh, kw)]
    size = convolved(x[:, 0], p["W"], 0.0, sides=around if same else None).shape[1:3]
    h, c = (np.zeros((len(x), *size, f)) for _ in range(2))
    made = np.zeros((len(x), x.shape[1], *size, f))
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        given = convolved(x[:, t], p["W"], p["b"], sides=around if same else None)
        z = given + convolved(h, p["U"], 0.0, sides=around)
        i, forget, g, o = (z[..., k * f : (k + 1) * f] for k in range(4))
        after = sp.expit(forget) * c + sp.expit(i) * np.tanh(g)
        output = sp.expit(o) * np.tanh(after)
        for n in range(len(x)):
            if mask is None or mask[n, t]:
                h[n], c[n] = output[n], after[n]
        made[:, t] = h
    return h if last else made


def _unit(x: Any, axes: Any, epsilon: float = 1e-3) -> Any:
    return (x - np.mean(x, axes, keepdims=True)) / np.sqrt(np.var(x, axes, keepdims=True) + epsilon)


def _drawn(p: Any, x: Any) -> Any:
    size = x.shape[-1] // 2
    noise = Stream(3, path=("run",)).normal((*x.shape[:-1], size)).astype(x.dtype)
    return x[..., :size] + np.sqrt(np.exp(x[..., size:])) * noise


def _softmax_of_those(p: Any, x: Any) -> Any:
    y = np.zeros_like(x)
    for n, mask in enumerate(MASK[: len(x)]):
        if mask.any():
            y[n, mask] = sp.softmax(x[n, mask], axis=0)
    return y


def _by_steps(p: Any, x: Any) -> Any:
    """Batch normalization over the time steps of all sequences that count."""
    z, norm = _dense(p["layer"]["dense0"], x), p["layer"]["batchnormalization1"]
    seen = z[MASK[: len(x)]]
    return (z - seen.mean(0)) / np.sqrt(seen.var(0) + 1e-3) * norm["gamma"] + norm["beta"]


BOTH = [L.Dense(5, "tanh"), L.Linear()]
GRAPH = L.Graph(
    {"x": (4,)},
    [("m", L.Dense(3), "x"), ("v", L.Dense(3, "tanh"), "x"), ("z", L.Sampling(0.5), ("m", "v"))],
    "z",
)

ROWS = [
    LayerRow(L.Subtract(BOTH), lambda p, x: np.negative(x) + _two(p, x)[0]),
    LayerRow(L.Average([*BOTH, L.Tanh()]), lambda p, x: np.mean([*_two(p, x), np.tanh(x)], 0)),
    LayerRow(L.Maximum([*BOTH, L.Abs()]), lambda p, x: np.max([*_two(p, x), np.abs(x)], 0)),
    LayerRow(L.Minimum([*BOTH, L.Dense(5)]), lambda p, x: np.min([*_two(p, x), _dense(p["dense2"], x)], 0)),
    LayerRow(L.Dot(BOTH), _dots),
    LayerRow(L.Dot(BOTH, axes=(2, -1), normalize=True), lambda p, x: _dots(p, x, True), shape=(3, 5)),
    LayerRow(
        L.Concatenate(BOTH, axis=1), lambda p, x: np.concatenate(_two(p, x), 1), shape=(3, 5), mask=MASK
    ),
    LayerRow(L.RepeatVector(3), lambda p, x: np.stack([x, x, x], 1)),
    LayerRow(L.Permute((3, 1, 2)), lambda p, x: np.einsum("nabc->ncab", x), shape=(2, 3, 4)),
    LayerRow(L.Cropping2D(((1, 0), (2, 1))), lambda p, x: x[:, 1:, 2:5], shape=(5, 6, 2)),
    LayerRow(L.Cropping1D((1, 2)), lambda p, x: x[:, 1:7], shape=(9, 4)),
    LayerRow(L.UpSampling1D(3), lambda p, x: np.kron(x, np.ones((1, 3, 1))), shape=(4, 2)),
    LayerRow(
        L.UpSampling2D((2, 3), "bilinear"), lambda p, x: _between(_between(x, 2, 1), 3, 2), shape=(3, 4, 2)
    ),
    LayerRow(
        L.Conv1DTranspose(2, 3, strides=2, padding=1, output_padding=1, activation="tanh"),
        lambda p, x: np.tanh(
            spread((1, 2), (0, 1), (1, 18))({"W": p["W"][None], "b": p["b"]}, x[:, None])[:, 0]
        ),
        shape=(9, 4),
    ),
    LayerRow(L.DepthwiseConv1D(3, multiplier=2), lambda p, x: _depthwise1(p, x, p["b"]), shape=(9, 4)),
    LayerRow(L.SeparableConv2D(3, 2, multiplier=2, activation="tanh"), _separable2, shape=(5, 4, 2)),
    LayerRow(L.SeparableConv1D(3, 3), _separable1, shape=(9, 4)),
    LayerRow(L.Rescaling(0.5, -1), lambda p, x: (x - 2) / 2),
    LayerRow(
        L.Normalization(mean=(0.5, -1.0), variance=(4.0, 0.0)),
        lambda p, x: (x - [0.5, -1.0]) / [2.0, 1.0],
        shape=(3, 2),
    ),
    LayerRow(L.Normalization(None, 2.0, 9.0), lambda p, x: (x - 2) / 3),
    LayerRow(L.Sampling(), lambda p, x: x[:, :3], shape=(6,)),
    LayerRow(L.Sampling(0.1), _drawn, shape=(3, 4), train=True),
    LayerRow(GRAPH, lambda p, x: _dense(p["m"], x), shape=(4,)),
    LayerRow(
        L.TimeDistributed(L.Dense(3, "tanh")), lambda p, x: _dense(p["layer"], x, np.tanh), shape=(4, 5)
    ),
    LayerRow(
        L.TimeDistributed(L.Sequential([L.Conv2D(3, 2), L.Flatten()])),
        lambda p, x: np.stack(
            [convolved(x[:, t], **p["layer"]["conv2d0"]).reshape(len(x), -1) for t in range(x.shape[1])], 1
        ),
        shape=FILM,
    ),
    LayerRow(
        L.TimeDistributed(L.Sequential([L.Dense(2), L.BatchNormalization()])),
        _by_steps,
        (3, 2),
        True,
        0,
        MASK,
    ),
    LayerRow(
        L.ConvLSTM2D(2, (2, 3), return_sequences=True, go_backwards=True),
        lambda p, x: _filmed(p, x, backwards=True, last=False, same=False),
        shape=FILM,
    ),
    LayerRow(
        L.Sequential([L.ConvLSTM2D(2, 3, padding="same"), L.GlobalAveragePooling2D()]),
        lambda p, x: _filmed(p["convlstm2d0"], x, MASK).mean((1, 2)),
        shape=FILM,
        mask=MASK,
    ),
    LayerRow(L.Softmax(axis=1), lambda p, x: sp.softmax(x, axis=1), shape=(3, 4)),
    LayerRow(L.Softmax(axis=1), _softmax_of_those, shape=(3, 4), mask=MASK),
    LayerRow(L.LogSoftmax(axis=-2), lambda p, x: sp.log_softmax(x, axis=1), shape=(3, 4)),
    LayerRow(
        L.LayerNormalization(axis=(2, 3)),
        lambda p, x: _unit(x, (2, 3)) * p["gamma"] + p["beta"],
        shape=(3, 4, 2),
    ),
    LayerRow(
        L.RMSNormalization(axis=2),
        lambda p, x: x / np.sqrt((x * x).mean(2, keepdims=True) + 1e-6) * p["gamma"][:, None],
        shape=(3, 4, 2),
    ),
    LayerRow(
        L.BatchNormalization(axis=2),
        lambda p, x: _unit(x, (0, 1, 3)) * p["gamma"][:, None] + p["beta"][:, None],
        shape=(3, 4, 2),
        train=True,
    ),
    LayerRow(
        L.GroupNormalization(2, axis=2),
        lambda p, x: (
            np.concatenate([_unit(part, (1, 2, 3)) for part in np.split(x, 2, 2)], 2) * p["gamma"][:, None]
            + p["beta"][:, None]
        ),
        shape=(3, 4, 2),
    ),
]
