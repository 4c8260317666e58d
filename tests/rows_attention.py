"""Rows of the table of layers: embedding, places in a sequence, attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucidnet import layers as L
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


ROWS = [
    LayerRow(L.Embedding(7, 3), lambda p, x: np.eye(7)[x] @ p["W"], shape=(5,), classes=7),
    LayerRow(L.Embedding(7, 3, mask_zero=True), lambda p, x: np.eye(7)[x] @ p["W"], shape=(2, 5), classes=7),
    LayerRow(L.PositionalEmbedding(6), lambda p, x: x + p["W"][:5], shape=(5, 3)),
    LayerRow(L.PositionalEmbedding(5), lambda p, x: x + p["W"], shape=(5, 3)),
    LayerRow(L.SinusoidalEncoding(), lambda p, x: x + _waves(5, 3), shape=(5, 3)),
    LayerRow(L.SinusoidalEncoding(), lambda p, x: x + _waves(4, 6), shape=(4, 6)),
]
