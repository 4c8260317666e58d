"""Normalization of each example by itself, over its last axis or others."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..backend import Array, Shape, Stream, Tree, namespace
from ..core.settings import finite, setting
from ..core.value import value
from ..errors import ShapeError
from .axes import AXES, as_axes, at_end, back, places, sizes
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples


@value
class RowNormalization(Layer):
    """Base class of layers that normalize each example along some axes, and then scale the result."""

    epsilon: float = finite(above=0, below=1, default=1e-3)
    axis: int | tuple[int, ...] = setting(AXES, as_axes, default=-1)

    penalized: ClassVar[tuple[str, ...]] = ()

    def output_shape(self, shape: Any) -> Any:
        sizes(self, self.axis, shape)
        return shape

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        if mask is not None and 1 in places(self, self.axis, x.shape[1:]):
            raise ShapeError(
                f"{self.name or 'here'}, {self.describe()}: its input has a mask of time steps, and it has a "
                "scale of its own for each of them, which a shorter sequence cannot fill: leave time "
                "out of axis"
            )
        return mask

    def rows(self, x: Array) -> Array:
        """Move the axes to be normalized to the end, as one."""
        return x if self.axis == -1 else at_end(x, places(self, self.axis, x.shape[1:]))

    def placed(self, rows: Array, shape: Shape) -> Array:
        """Reverse `rows`: return the array in its original shape."""
        return rows if self.axis == -1 else back(rows, places(self, self.axis, shape[1:]), shape)

    @classmethod
    def samples(cls) -> Samples:
        if cls is not RowNormalization:
            yield cls(), (5,)
            yield cls(), (3, 5)
            yield cls(axis=(1, 3)), (3, 2, 2)


@value
class LayerNormalization(RowNormalization):
    """Each row of features gets mean 0 and variance 1, then a scale and a shift per feature.

    With the mean m and the variance v over the last axis (or others), and s = 1 / sqrt(v + epsilon)::

        y = g h + b,   h = (x - m) s
        dg = sum_n dy h      db = sum_n dy
        dx = s (dy g - mean(dy g) - h mean(dy g h))

    (Ba, Kiros & Hinton 2016, "Layer normalization", equation 3; there without epsilon.)

    Parameters
    ----------
    epsilon : float
        Added to the variance. 1e-3 as in Keras; PyTorch takes 1e-5.
    axis : int or sequence of int
        The axes to normalize over, counted as in the arrays, where 0 is the examples: (1, 2, 3) for whole
        images. Scale and shift have their sizes.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LayerNormalization()
    >>> params, _ = layer.init(Stream(0), (2,))
    >>> layer.forward(params, np.array([[3.0, 5.0]]))[0].round(3)
    array([[-1.,  1.]])
    """

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out = self.output_shape(shape)
        return scale_and_shift(rng, sizes(self, self.axis, shape)), out

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        unit, inverse = scaled(self.rows(x), self.epsilon, centred=True)
        y = unit * params["gamma"].reshape(-1)
        y += params["beta"].reshape(-1)
        return self.placed(y, x.shape), (unit, inverse)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        unit, inverse = cache
        rows, gamma = self.rows(dy), params["gamma"].reshape(-1)
        dy_unit = rows * unit
        own = params["gamma"].shape
        grads = {"gamma": over_rows(dy_unit).reshape(own), "beta": over_rows(rows).reshape(own)}
        if not need_dx:
            return None, grads
        mean = gamma / len(gamma)  # mean(dy g), as a product of matrix and vector
        dx = rows * gamma
        dx -= (rows @ mean)[..., None]
        dx -= unit * (dy_unit @ mean)[..., None]
        dx *= inverse
        return self.placed(dx, dy.shape), grads


@value
class RMSNormalization(RowNormalization):
    """Each row of features gets mean square 1, then a scale per feature; its mean stays.

    With s = 1 / sqrt(mean(x^2) + epsilon) over the last axis (or others)::

        y = g h,   h = x s
        dg = sum_n dy h
        dx = s (dy g - h mean(dy g h))

    (Zhang & Sennrich 2019, "Root mean square layer normalization", equation 4; there without epsilon.)

    Parameters
    ----------
    epsilon : float
        Added to the mean square. 1e-6 as in Keras; PyTorch takes the precision of the dtype.
    axis : int or sequence of int
        The axes to normalize over, counted as in the arrays, where 0 is the examples. The scale has their
        sizes.
    """

    epsilon: float = finite(above=0, below=1, default=1e-6)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out = self.output_shape(shape)
        return {"gamma": rng.full(sizes(self, self.axis, shape), 1)}, out

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        unit, inverse = scaled(self.rows(x), self.epsilon)
        return self.placed(unit * params["gamma"].reshape(-1), x.shape), (unit, inverse)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        unit, inverse = cache
        rows, gamma = self.rows(dy), params["gamma"].reshape(-1)
        dy_unit = rows * unit
        grads = {"gamma": over_rows(dy_unit).reshape(params["gamma"].shape)}
        if not need_dx:
            return None, grads
        dx = rows * gamma
        dx -= unit * (dy_unit @ (gamma / len(gamma)))[..., None]
        dx *= inverse
        return self.placed(dx, dy.shape), grads


def scaled(x: Array, epsilon: float, centred: bool = False) -> tuple[Array, Array]:
    """Divide rows by sqrt(mean square + epsilon); return them, and the factors.

    Rows whose squares, or whose sum, would overflow are first made smaller by a power of 2.

    Parameters
    ----------
    x : array (..., features)
        The rows.
    epsilon : float
        Added to the mean square.
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
    """Return powers of 2 that shrink rows whose squares overflow; None if no square does.

    On JAX, where this is not known in advance, there are always factors, which are 1 for most data.
    """
    xp = namespace(square)
    large = ~xp.isfinite(square)
    if isinstance(large, np.ndarray) and not large.any():
        return None
    small = 2.0 ** -(xp.finfo(square.dtype).maxexp // 2 + 8)
    return xp.where(large, xp.asarray(small, dtype=square.dtype), xp.asarray(1, dtype=square.dtype))


def scale_and_shift(rng: Stream, sizes: Shape) -> Tree:
    """Return the initial scale (1) and shift (0)."""
    return {"gamma": rng.full(sizes, 1), "beta": rng.full(sizes, 0)}


def over_rows(x: Array) -> Array:
    """Sum over all axes but the last."""
    return x.reshape(-1, x.shape[-1]).sum(0)
