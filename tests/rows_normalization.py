"""Rows of the table of layers: normalization, noise, PReLU."""

from __future__ import annotations

from typing import Any

import numpy as np

from lucidnet import layers as L
from lucidnet.backend import Stream
from rows import LayerRow

MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [0, 1, 0, 0, 1]], bool)


def _unit(x: Any, axes: Any, epsilon: float = 1e-3) -> Any:
    return (x - np.mean(x, axes, keepdims=True)) / np.sqrt(np.var(x, axes, keepdims=True) + epsilon)


def _batch(p: Any, x: Any) -> Any:
    return _unit(x, tuple(range(x.ndim - 1))) * p["gamma"] + p["beta"]


def _running(p: Any, x: Any) -> Any:
    return (x - p["mean"]) / np.sqrt(p["variance"] + 1e-3) * p["gamma"] + p["beta"]


def _batch_masked(p: Any, x: Any) -> Any:
    steps = x[MASK]
    return (x - steps.mean(0)) / np.sqrt(steps.var(0) + 1e-3) * p["gamma"] + p["beta"]


def _layer(p: Any, x: Any, epsilon: float = 1e-3) -> Any:
    return _unit(x, -1, epsilon) * p["gamma"] + p["beta"]


def _rms(p: Any, x: Any) -> Any:
    return x / np.sqrt(np.mean(x**2, -1, keepdims=True) + 1e-6) * p["gamma"]


def _group(p: Any, x: Any, groups: int) -> Any:
    parts = np.split(x, groups, axis=-1)
    units = [_unit(part, tuple(range(1, x.ndim))) for part in parts]
    return np.concatenate(units, -1) * p["gamma"] + p["beta"]


def _group_masked(p: Any, x: Any) -> Any:
    y = np.array(x)
    for row, mask in zip(y, MASK, strict=True):
        for features in (slice(0, 3), slice(3, 6)):
            seen = row[mask][:, features] if mask.any() else np.zeros(1)
            variance = seen.var() if mask.any() else 0.0
            row[:, features] = (row[:, features] - seen.mean()) / np.sqrt(variance + 1e-3)
    return y * p["gamma"] + p["beta"]


def _noisy(x: Any) -> Any:
    return x + 0.3 * Stream(3, path=("run",)).normal(x.shape).astype(x.dtype)


ROWS = [
    LayerRow(L.BatchNormalization(), _running),
    LayerRow(L.BatchNormalization(), _batch, train=True),
    LayerRow(L.BatchNormalization(), _running, shape=(5, 3)),
    LayerRow(L.BatchNormalization(0.9), _batch, shape=(3, 5, 2), train=True),
    LayerRow(L.BatchNormalization(frozen=True), _running, train=True),
    LayerRow(L.LayerNormalization(), _layer),
    LayerRow(L.LayerNormalization(1e-5), lambda p, x: _layer(p, x, 1e-5), shape=(3, 7)),
    LayerRow(L.RMSNormalization(), _rms),
    LayerRow(L.RMSNormalization(), _rms, shape=(3, 7)),
    LayerRow(L.GroupNormalization(3), lambda p, x: _group(p, x, 3), shape=(6,)),
    LayerRow(L.GroupNormalization(2), lambda p, x: _group(p, x, 2), shape=(3, 5, 6)),
    LayerRow(L.GroupNormalization(1), lambda p, x: _group(p, x, 1), shape=(3, 6)),
    LayerRow(L.BatchNormalization(), _batch_masked, shape=(5, 3), train=True, mask=MASK),
    LayerRow(L.GroupNormalization(2), _group_masked, shape=(5, 6), mask=MASK),
    LayerRow(L.GaussianNoise(0.3), lambda p, x: x),
    LayerRow(L.GaussianNoise(0.3), lambda p, x: _noisy(x), train=True),
    LayerRow(L.PReLU(), lambda p, x: np.maximum(x, 0) + p["alpha"] * np.minimum(x, 0)),
    LayerRow(L.PReLU(0.1), lambda p, x: np.maximum(x, 0) + p["alpha"] * np.minimum(x, 0), shape=(3, 4)),
]
