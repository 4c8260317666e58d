"""Normalization of each row by itself: over its last axis (LayerNormalization, RMSNormalization)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, Shape, Stream, Tree, namespace
from ..core.settings import finite
from ..core.value import value
from .base import INFERENCE, Cache, Layer, Run, Samples, features


@value
class LayerNormalization(Layer):
    """Each row of features gets mean 0 and variance 1, then a scale and a shift per feature.

    With the mean m and the variance v over the last axis, and s = 1 / sqrt(v + epsilon)::

        y = g h + b,   h = (x - m) s
        dg = sum_n dy h      db = sum_n dy
        dx = s (dy g - mean(dy g) - h mean(dy g h))

    (Ba, Kiros & Hinton 2016, "Layer normalization", equation 3.)

    Parameters
    ----------
    epsilon : float
        What is added to the variance. 1e-3 as in Keras; PyTorch takes 1e-5.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LayerNormalization()
    >>> params, _ = layer.init(Stream(0), (2,))
    >>> layer.forward(params, np.array([[3.0, 5.0]]))[0].round(3)
    array([[-1.,  1.]])
    """

    epsilon: float = finite(above=0, default=1e-3)

    def output_shape(self, shape: Any) -> Any:
        features(self, shape)
        return shape

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out = self.output_shape(shape)
        return scale_and_shift(rng, shape), out

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        unit, inverse = scaled(x, self.epsilon, centred=True)
        y = unit * params["gamma"]
        y += params["beta"]
        return y, (unit, inverse)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        unit, inverse = cache
        dy_unit = dy * unit
        grads = {"gamma": over_rows(dy_unit), "beta": over_rows(dy)}
        if not need_dx:
            return None, grads
        mean = params["gamma"] / dy.shape[-1]  # mean(dy g), as a product of matrix and vector
        dx = dy * params["gamma"]
        dx -= (dy @ mean)[..., None]
        dx -= unit * (dy_unit @ mean)[..., None]
        dx *= inverse
        return dx, grads

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (5,)
        yield cls(), (3, 5)


@value
class RMSNormalization(Layer):
    """Each row of features gets mean square 1, then a scale per feature; its mean stays.

    With s = 1 / sqrt(mean(x^2) + epsilon) over the last axis::

        y = g h,   h = x s
        dg = sum_n dy h
        dx = s (dy g - h mean(dy g h))

    (Zhang & Sennrich 2019, "Root mean square layer normalization", equation 4.)

    Parameters
    ----------
    epsilon : float
        What is added to the mean square.
    """

    epsilon: float = finite(above=0, default=1e-6)

    def output_shape(self, shape: Any) -> Any:
        features(self, shape)
        return shape

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out = self.output_shape(shape)
        return {"gamma": rng.full(shape[-1:], 1)}, out

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        unit, inverse = scaled(x, self.epsilon)
        return unit * params["gamma"], (unit, inverse)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        unit, inverse = cache
        dy_unit = dy * unit
        grads = {"gamma": over_rows(dy_unit)}
        if not need_dx:
            return None, grads
        dx = dy * params["gamma"]
        dx -= unit * (dy_unit @ (params["gamma"] / dy.shape[-1]))[..., None]
        dx *= inverse
        return dx, grads

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (5,)
        yield cls(), (3, 5)


def scaled(x: Array, epsilon: float, centred: bool = False) -> tuple[Array, Array]:
    """Return rows divided by sqrt(mean square + epsilon), and the factors that did it.

    Rows whose squares, or whose sum, would overflow are first made smaller by a power of 2.

    Parameters
    ----------
    x : array (..., features)
        The rows.
    epsilon : float
        What is added to the mean square.
    centred : bool
        Whether the mean of each row is subtracted before.
    """
    xp = namespace(x)
    with np.errstate(over="ignore", invalid="ignore"):
        rows = x - x.mean(-1, keepdims=True) if centred else x
        square = xp.vecdot(rows, rows)[..., None] / x.shape[-1]
        if (shrink := shrinking(square)) is None:
            inverse = (square + epsilon) ** -0.5
            return rows * inverse, inverse
        rows = x * shrink
        rows = rows - rows.mean(-1, keepdims=True) if centred else rows
        square = xp.vecdot(rows, rows)[..., None] / x.shape[-1]
        inverse = (square + epsilon * shrink * shrink) ** -0.5
        return rows * inverse, inverse * shrink


def shrinking(square: Array) -> Array | None:
    """Return the powers of 2 that make numbers smaller whose squares overflow; None if no square does.

    On JAX, where nobody knows, there are always some, all of them 1 for most data.
    """
    xp = namespace(square)
    large = ~xp.isfinite(square)
    if isinstance(large, np.ndarray) and not large.any():
        return None
    small = 2.0 ** -(xp.finfo(square.dtype).maxexp // 2 + 8)
    return xp.where(large, xp.asarray(small, dtype=square.dtype), xp.asarray(1, dtype=square.dtype))


def scale_and_shift(rng: Stream, shape: Shape) -> Tree:
    """Return the first scale (1) and shift (0) of each feature."""
    return {"gamma": rng.full(shape[-1:], 1), "beta": rng.full(shape[-1:], 0)}


def over_rows(x: Array) -> Array:
    """Return the sum over all axes but the last."""
    return x.reshape(-1, x.shape[-1]).sum(0)
