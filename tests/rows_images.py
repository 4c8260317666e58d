"""Rows of layers for images; the formulas once more, by SciPy and by loops over places."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal as signal

from lucidnet import layers as L
from lucidnet.backend import Stream
from rows import LayerRow

IMAGE = (7, 6, 4)
SEQUENCE = (9, 4)


def convolved(
    x: Any, W: Any, b: Any, strides: Any = (1, 1), dilation: Any = (1, 1), sides: Any = None
) -> Any:
    """Convolution channel by channel, by SciPy: kernels with zeros between, every stride-th output."""
    x = np.pad(x, [(0, 0), *(sides or [(0, 0), (0, 0)]), (0, 0)])
    kh, kw, channels, filters = W.shape
    wide = np.zeros(((kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1, channels, filters))
    wide[:: dilation[0], :: dilation[1]] = W
    y = [
        [
            sum(signal.correlate2d(image[..., c], wide[:, :, c, f], "valid") for c in range(channels))
            for f in range(filters)
        ]
        for image in x
    ]
    return np.moveaxis(np.array(y), 1, -1)[:, :: strides[0], :: strides[1]] + b


def conv(**settings: Any) -> Any:
    return lambda p, x: convolved(x, p["W"], p["b"], **settings)


def conv1(**settings: Any) -> Any:
    return lambda p, x: convolved(x[:, None], p["W"][None], p["b"], **settings)[:, 0]


def grouped(groups: int) -> Any:
    def run(p: Any, x: Any) -> Any:
        parts = (np.split(a, groups, axis=-1) for a in (x, p["W"], p["b"]))
        return np.concatenate([convolved(*part) for part in zip(*parts, strict=True)], axis=-1)

    return run


def depthwise(p: Any, x: Any) -> Any:
    channels, m = p["W"].shape[2:]
    made = [convolved(x[..., c : c + 1], p["W"][:, :, c : c + 1], 0.0) for c in range(channels)]
    return np.concatenate(made, axis=-1).reshape(*made[0].shape[:3], channels * m) + p["b"]


def spread(strides: tuple[int, int], cut: tuple[int, int], size: tuple[int, int]) -> Any:
    """Transposed convolution: each pixel adds its window."""

    def run(p: Any, x: Any) -> Any:
        kh, kw, filters, _ = p["W"].shape
        y = np.zeros((len(x), size[0] + kh + 9, size[1] + kw + 9, filters))
        for i in range(x.shape[1]):
            for j in range(x.shape[2]):
                window = np.einsum("nc,hwfc->nhwf", x[:, i, j], p["W"])
                y[:, i * strides[0] : i * strides[0] + kh, j * strides[1] : j * strides[1] + kw] += window
        return y[:, cut[0] : cut[0] + size[0], cut[1] : cut[1] + size[1]] + p["b"]

    return run


def pooled(function: Any, size: int, strides: int, before: int = 0, outputs: Any = None) -> Any:
    """Pooling place by place; what lies outside does not count."""

    def run(p: Any, x: Any) -> Any:
        rows, columns = outputs or ((x.shape[1] - size) // strides + 1, (x.shape[2] - size) // strides + 1)
        y = np.zeros((len(x), rows, columns, x.shape[3]))
        for i in range(rows):
            for j in range(columns):
                top, left = i * strides - before, j * strides - before
                y[:, i, j] = function(
                    x[:, max(top, 0) : top + size, max(left, 0) : left + size].reshape(
                        len(x), -1, x.shape[3]
                    ),
                    axis=1,
                )
        return y

    return run


def channel_dropped(p: Any, x: Any) -> Any:
    mask = Stream(3, path=("run",)).bernoulli((len(x), *(1,) * (x.ndim - 2), x.shape[-1]), 0.75)
    return np.where(mask, x / 0.75, 0.0)


MASK = np.arange(9) < np.array([[9], [5], [1], [7]])


def masked_mean(p: Any, x: Any) -> Any:
    return np.array([row[m].mean(0) for row, m in zip(x, MASK, strict=False)])


def masked_max(p: Any, x: Any) -> Any:
    return np.array([row[m].max(0) for row, m in zip(x, MASK, strict=False)])


ROWS = [
    LayerRow(L.Conv2D(3, 3), conv(), IMAGE),
    LayerRow(L.Conv2D(3, (2, 3), strides=(2, 1)), conv(strides=(2, 1)), IMAGE),
    LayerRow(L.Conv2D(2, 3, padding="same"), conv(sides=[(1, 1), (1, 1)]), IMAGE),
    LayerRow(L.Conv2D(2, 2, strides=2, padding="same"), conv(strides=(2, 2), sides=[(0, 1), (0, 0)]), IMAGE),
    LayerRow(L.Conv2D(2, 3, padding=1, dilation=2), conv(dilation=(2, 2), sides=[(1, 1), (1, 1)]), IMAGE),
    LayerRow(L.Conv2D(2, 3, padding=((2, 0), 1)), conv(sides=[(2, 0), (1, 1)]), IMAGE),
    LayerRow(L.Conv2D(6, 3, groups=2), grouped(2), IMAGE),
    LayerRow(
        L.Conv2D(3, 3, activation="tanh", use_bias=False),
        lambda p, x: np.tanh(convolved(x, p["W"], 0.0)),
        IMAGE,
    ),
    LayerRow(L.Conv2D(3, 1), conv(), IMAGE),
    LayerRow(L.Conv1D(3, 3), conv1(), SEQUENCE),
    LayerRow(L.Conv1D(3, 3, strides=2, dilation=2), conv1(strides=(1, 2), dilation=(1, 2)), SEQUENCE),
    LayerRow(
        L.Conv1D(3, 3, padding="causal", dilation=2),
        conv1(dilation=(1, 2), sides=[(0, 0), (4, 0)]),
        SEQUENCE,
    ),
    LayerRow(L.DepthwiseConv2D(3, multiplier=2), depthwise, IMAGE),
    LayerRow(L.Conv2DTranspose(3, 3), spread((1, 1), (0, 0), (9, 8)), IMAGE),
    LayerRow(L.Conv2DTranspose(3, 3, strides=2), spread((2, 2), (0, 0), (15, 13)), IMAGE),
    LayerRow(L.Conv2DTranspose(2, 3, strides=2, padding="same"), spread((2, 2), (0, 0), (14, 12)), IMAGE),
    LayerRow(
        L.Conv2DTranspose(2, 3, strides=2, padding=1, output_padding=1),
        spread((2, 2), (1, 1), (14, 12)),
        IMAGE,
    ),
    LayerRow(L.MaxPooling2D(2), pooled(np.max, 2, 2), IMAGE),
    LayerRow(L.MaxPooling2D(3, strides=2), pooled(np.max, 3, 2), IMAGE),
    LayerRow(
        L.MaxPooling2D(3, strides=1, padding="same"), pooled(np.max, 3, 1, before=1, outputs=(7, 6)), IMAGE
    ),
    LayerRow(L.AveragePooling2D(2), pooled(np.mean, 2, 2), IMAGE),
    LayerRow(
        L.AveragePooling2D(3, strides=1, padding="same"),
        pooled(np.mean, 3, 1, before=1, outputs=(7, 6)),
        IMAGE,
    ),
    LayerRow(L.MaxPooling1D(2), lambda p, x: x[:, :8].reshape(len(x), 4, 2, 4).max(2), SEQUENCE),
    LayerRow(L.AveragePooling1D(3), lambda p, x: x.reshape(len(x), 3, 3, 4).mean(2), SEQUENCE),
    LayerRow(L.GlobalAveragePooling2D(), lambda p, x: np.einsum("nhwc->nc", x) / 42, IMAGE),
    LayerRow(L.GlobalMaxPooling2D(), lambda p, x: x.reshape(len(x), 42, 4).max(1), IMAGE),
    LayerRow(L.GlobalAveragePooling1D(), lambda p, x: np.mean(x, axis=1), SEQUENCE),
    LayerRow(L.GlobalAveragePooling1D(), masked_mean, SEQUENCE, mask=MASK),
    LayerRow(L.GlobalMaxPooling1D(), masked_max, SEQUENCE, mask=MASK),
    LayerRow(L.UpSampling2D((2, 3)), lambda p, x: np.kron(x, np.ones((1, 2, 3, 1))), IMAGE),
    LayerRow(
        L.ZeroPadding2D(((1, 0), (2, 3))),
        lambda p, x: np.concatenate([np.zeros((len(x), 1, 11, 4)), np.concatenate(_sides(x, 2, 3), 2)], 1),
        IMAGE,
    ),
    LayerRow(L.ZeroPadding1D((2, 1)), lambda p, x: np.concatenate(_sides(x, 2, 1, axis=1), 1), SEQUENCE),
    LayerRow(L.SpatialDropout2D(0.25), channel_dropped, IMAGE, train=True),
    LayerRow(L.SpatialDropout1D(0.25), channel_dropped, SEQUENCE, train=True),
]


def _sides(x: Any, before: int, after: int, axis: int = 2) -> list[Any]:
    def zeros(count: int) -> Any:
        return np.zeros([count if k == axis else size for k, size in enumerate(x.shape)])

    return [zeros(before), x, zeros(after)]
