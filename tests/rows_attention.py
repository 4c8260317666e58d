"""Rows of the table of layers: embedding, places in a sequence, attention."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from lucidnet import layers as L
from lucidnet.backend import Stream
from rows import LayerRow


def _waves(time: int, features: int) -> Any:
    """Vaswani et al. 2017, section 3.5, number by number."""
    table = np.zeros((time, features))
    for t in range(time):
        for j in range(0, features, 2):
            table[t, j] = np.sin(t * np.exp(-np.log(1e4) * j / features))
            if j + 1 < features:
                table[t, j + 1] = np.cos(t * np.exp(-np.log(1e4) * j / features))
    return table


MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [0, 1, 0, 0, 1]], bool)


def _affine(p: Any, x: Any, part: str) -> Any:
    return x @ p[f"W_{part}"] + p.get(f"b_{part}", 0.0)


def _attention(p: Any, x: Any, heads: int, causal: bool = False, mask: Any = None) -> Any:
    """One query of one head after the other, over the keys that it sees."""
    q, k, v = (np.split(_affine(p, x, part), heads, -1) for part in ("query", "key", "value"))
    mixed = [np.zeros(part.shape) for part in v]
    for h, n, t in np.ndindex(heads, *x.shape[:2]):
        seen = [s for s in range(x.shape[1]) if not (causal and s > t) and (mask is None or mask[n, s])]
        if seen:
            weights = sp.softmax(k[h][n, seen] @ q[h][n, t] / np.sqrt(q[h].shape[-1]))
            mixed[h][n, t] = weights @ v[h][n, seen]
    return _affine(p, np.concatenate(mixed, -1), "out")


def _dropped_attention(p: Any, x: Any) -> Any:
    q, k, v = (np.array(np.split(_affine(p, x, part), 2, -1)) for part in ("query", "key", "value"))
    weights = sp.softmax(np.einsum("hntd,hnsd->nhts", q, k) / np.sqrt(2), -1)
    weights *= Stream(3, path=("run",)).bernoulli(weights.shape, 0.75) / 0.75
    return _affine(p, np.concatenate(list(np.einsum("nhts,hnsd->hntd", weights, v)), -1), "out")


def _norm(p: Any, x: Any) -> Any:
    unit = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return unit * p["gamma"] + p["beta"]


def _dense(p: Any, x: Any) -> Any:
    return x @ p["W"] + p["b"]


def _block(p: Any, x: Any) -> Any:
    """Normalization first, causal, two heads."""
    inner = p["attention"]["body"]
    x = x + _attention(inner["attention"], _norm(inner["norm"], x), 2, causal=True)
    inner = p["feed_forward"]["body"]
    hidden = _dense(inner["inner"], _norm(inner["norm"], x))
    return x + _dense(inner["outer"], hidden * sp.ndtr(hidden))


def _block_norm_last(p: Any, x: Any) -> Any:
    x = _norm(p["attention_norm"], x + _attention(p["attention"]["body"]["attention"], x, 1, mask=MASK))
    inner = p["feed_forward"]["body"]
    return _norm(p["feed_forward_norm"], x + _dense(inner["outer"], np.tanh(_dense(inner["inner"], x))))


ROWS = [
    LayerRow(L.Embedding(7, 3), lambda p, x: np.eye(7)[x] @ p["W"], shape=(5,), classes=7),
    LayerRow(L.Embedding(7, 3, mask_zero=True), lambda p, x: np.eye(7)[x] @ p["W"], shape=(5,), classes=7),
    LayerRow(L.PositionalEmbedding(6), lambda p, x: x + p["W"][:5], shape=(5, 3)),
    LayerRow(L.PositionalEmbedding(5), lambda p, x: x + p["W"], shape=(5, 3)),
    LayerRow(L.SinusoidalEncoding(), lambda p, x: x + _waves(5, 3), shape=(5, 3)),
    LayerRow(L.SinusoidalEncoding(), lambda p, x: x + _waves(4, 6), shape=(4, 6)),
    LayerRow(L.MultiHeadAttention(2), lambda p, x: _attention(p, x, 2), shape=(5, 4)),
    LayerRow(L.MultiHeadAttention(3, 2, causal=True), lambda p, x: _attention(p, x, 3, True), shape=(7, 5)),
    LayerRow(L.MultiHeadAttention(1, use_bias=False), lambda p, x: _attention(p, x, 1), shape=(1, 3)),
    LayerRow(L.MultiHeadAttention(2), lambda p, x: _attention(p, x, 2, False, MASK), shape=(5, 4), mask=MASK),
    LayerRow(
        L.MultiHeadAttention(2, causal=True),
        lambda p, x: _attention(p, x, 2, True, MASK),
        shape=(5, 4),
        mask=MASK,
    ),
    LayerRow(L.MultiHeadAttention(2, dropout=0.25), lambda p, x: _attention(p, x, 2), shape=(5, 4)),
    LayerRow(L.MultiHeadAttention(2, dropout=0.25), _dropped_attention, shape=(5, 4), train=True),
    LayerRow(L.TransformerBlock(2, 4, causal=True), _block, shape=(5, 4)),
    LayerRow(
        L.TransformerBlock(1, 3, 5, activation="tanh", norm_first=False),
        _block_norm_last,
        shape=(5, 3),
        mask=MASK,
    ),
]
