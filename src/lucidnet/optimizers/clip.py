"""Gradient clipping: of single numbers, of each array's norm, of the whole gradient's norm."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array, namespace, number
from ..backend import norm as scaled_norm
from ..core.settings import finite
from ..core.value import Value, value


@value
class Clip(Value):
    """Base class of gradient clipping; `limit` is a positive number."""

    limit: float = finite(above=0)

    def __call__(self, gradient: Array, arrays: Iterable[slice]) -> None:
        """Clip a gradient vector in place; `arrays` tells where each trained array lies in it."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(gradient, arrays)")


@value
class ClipValue(Clip):
    """Each entry is limited to [-limit, limit].

    (As Mikolov did in 2012, say Pascanu, Mikolov & Bengio 2013, section 3.2.) The direction changes;
    PyTorch's ``clip_grad_value_``.
    """

    def __call__(self, gradient: Array, arrays: Iterable[slice]) -> None:
        """Clip each entry of a gradient vector, in place."""
        for part in arrays:
            gradient[part] = namespace(gradient).clip(gradient[part], -self.limit, self.limit)


@value
class ClipNorm(Clip):
    """The gradient of each parameter array is scaled down to a Euclidean norm of at most `limit`.

    (Pascanu, Mikolov & Bengio 2013, algorithm 1, for each array by itself; Keras' ``clipnorm``.)
    """

    def __call__(self, gradient: Array, arrays: Iterable[slice]) -> None:
        """Scale down each array's gradient, in place, without overflow."""
        for part in arrays:
            shrink(gradient, part, norm(gradient[part]), self.limit)


@value
class ClipGlobalNorm(Clip):
    """The whole gradient is scaled down to a Euclidean norm of at most `limit`.

    (Pascanu, Mikolov & Bengio 2013, algorithm 1.) PyTorch's ``clip_grad_norm_`` divides by the norm + 1e-6.
    """

    def __call__(self, gradient: Array, arrays: Iterable[slice]) -> None:
        """Scale down the whole gradient, in place, without overflow."""
        arrays = list(arrays)
        size = together([norm(gradient[part]) for part in arrays])
        for part in arrays:
            shrink(gradient, part, size, self.limit)


class Size(NamedTuple):
    """A Euclidean norm as two factors, ``size * scale``; the scale is a power of 2.

    So the norm of numbers near the largest ones is known, too, which is larger than any number.
    """

    size: Any
    scale: Any


def norm(vector: Array) -> Size:
    """Return the Euclidean norm of all numbers of an array."""
    if isinstance(vector, np.ndarray):
        flat = vector.reshape(-1)
        with np.errstate(over="ignore"):
            plain = float(np.linalg.vector_norm(flat))
        info = np.finfo(vector.dtype)
        if float(info.smallest_normal) ** 0.5 / float(info.eps) < plain < math.inf:  # no square was lost
            return Size(plain, 1.0)
    return Size(*map(number, scaled_norm(vector)))


def together(sizes: Iterable[Size]) -> Size:
    """Return the norm of several arrays together, from their norms."""
    sizes = list(sizes)
    if not sizes:
        return Size(0.0, 1.0)
    if isinstance(sizes[0].scale, float):
        scale = max(one.scale for one in sizes)
        return Size(sum((one.size * (one.scale / scale)) ** 2 for one in sizes) ** 0.5, scale)
    xp = namespace(sizes[0].scale)
    scale = xp.max(xp.stack([one.scale for one in sizes]))
    return Size(sum((one.size * (one.scale / scale)) ** 2 for one in sizes) ** 0.5, scale)


def shrink(vector: Array, part: slice, norm: Size, limit: float) -> None:
    """Scale part of a vector in place to the norm `limit`, if its norm is larger."""
    size, scale = norm
    if not isinstance(size, float):
        xp = namespace(size)
        large = size > limit / scale
        kept = xp.where(large, size, 1)
        vector[part] = xp.where(large, vector[part] / scale * (limit / kept), vector[part])
    elif size * scale > limit:
        if scale != 1:
            vector[part] /= scale
        vector[part] *= limit / size
