"""Rows of recurrent layers; the formulas once more, as loops over time and examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from lucidnet import layers as L
from rows import LayerRow

SHAPE = (6, 5)
MASK = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [0, 1, 1, 0, 1, 1], [0, 0, 0, 0, 0, 0]], bool)


def unrolled(cell: Any, size: int, output: Any = lambda s: s) -> Any:
    """Run a cell, written for one example, over all times of each example."""

    def run(p: Any, x: Any, mask: Any = None, backwards: bool = False, last: bool = False) -> Any:
        y = np.zeros((*x.shape[:2], len(output(np.zeros(size)))))
        for i in range(len(x)):
            state = np.zeros(size)
            for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
                if mask is None or mask[i, t]:
                    state = cell(p, x[i, t], state)
                y[i, t] = output(state)
        return y[:, 0 if backwards else -1] if last else y

    return run


def _rnn(f: Any) -> Any:
    return lambda p, x, h: f(x @ p["W"] + h @ p["U"] + p["b"])


def _leaky(p: Any, x: Any, h: Any) -> Any:
    return h + (np.tanh(x @ p["W"] + h @ p["U"] + p["b"]) - h) / 4


def _lstm(p: Any, x: Any, state: Any) -> Any:
    h, c = np.split(state, 2)
    i, f, g, o = np.split(x @ p["W"] + h @ p["U"] + p["b"], 4)
    c = sp.expit(f) * c + sp.expit(i) * np.tanh(g)
    return np.concatenate([sp.expit(o) * np.tanh(c), c])


def _gru(p: Any, x: Any, h: Any) -> Any:
    wz, wr, wg = np.split(x @ p["W"] + p["b"], 3)
    uz, ur, ug = np.split(h @ p["U"], 3)
    z, r = sp.expit(wz + uz), sp.expit(wr + ur)
    return (1 - z) * np.tanh(wg + r * (ug + p["c"])) + z * h


rnn, leaky, gru = unrolled(_rnn(np.tanh), 4), unrolled(_leaky, 4), unrolled(_gru, 3)
lstm = unrolled(_lstm, 6, output=lambda s: s[:3])
CELLS = [
    (L.SimpleRNN, {"units": 4}, rnn),
    (L.LeakyRNN, {"units": 4, "tau": 4.0}, leaky),
    (L.GRU, {"units": 3}, gru),
    (L.LSTM, {"units": 3}, lstm),
]

ROWS = [
    row
    for kind, settings, formula in CELLS
    for row in (
        LayerRow(kind(**settings), lambda p, x, f=formula: f(p, x, last=True), SHAPE),
        LayerRow(kind(**settings, return_sequences=True), lambda p, x, f=formula: f(p, x), SHAPE),
        LayerRow(
            kind(**settings, return_sequences=True, go_backwards=True),
            lambda p, x, f=formula: f(p, x, backwards=True),
            SHAPE,
        ),
        LayerRow(
            kind(**settings, return_sequences=True),
            lambda p, x, f=formula: f(p, x, MASK),
            SHAPE,
            mask=MASK,
        ),
        LayerRow(
            kind(**settings, go_backwards=True),
            lambda p, x, f=formula: f(p, x, MASK, backwards=True, last=True),
            SHAPE,
            mask=MASK,
        ),
        LayerRow(kind(**settings), lambda p, x, f=formula: f(p, x, last=True), (1, 5)),
    )
] + [
    LayerRow(
        L.SimpleRNN(4, activation="silu", recurrent_initializer="identity"),
        lambda p, x: unrolled(_rnn(lambda a: a * sp.expit(a)), 4)(p, x, last=True),
        SHAPE,
    ),
    LayerRow(
        L.Bidirectional(L.GRU(3, return_sequences=True)),
        lambda p, x: np.concatenate(
            [gru(p["forward"], x, MASK), gru(p["backward"], x, MASK, backwards=True)], axis=-1
        ),
        SHAPE,
        mask=MASK,
    ),
    LayerRow(
        L.Bidirectional(L.LSTM(3), "mul"),
        lambda p, x: lstm(p["forward"], x, last=True) * lstm(p["backward"], x, backwards=True, last=True),
        SHAPE,
    ),
    LayerRow(
        L.Sequential([L.LSTM(3, return_sequences=True), L.GRU(3), L.Dense(2)]),
        lambda p, x: (
            gru(p["gru1"], lstm(p["lstm0"], x, MASK), MASK, last=True) @ p["dense2"]["W"] + p["dense2"]["b"]
        ),
        SHAPE,
        mask=MASK,
    ),
]
