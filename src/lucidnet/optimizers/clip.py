"""Limits for large gradients (Pascanu, Mikolov & Bengio 2013, algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..backend import Array, namespace, number
from ..core.settings import finite
from ..core.value import Value, value


@value
class Clip(Value):
    """The base of the limits; `limit` is a positive number."""

    limit: float = finite(above=0)

    def __call__(self, gradient: Array, arrays: Iterable[slice]) -> None:
        """Limit a gradient vector in place; `arrays` says where each trained array lies in it."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(gradient, arrays)")


@value
class ClipValue(Clip):
    """Each entry is limited to [-limit, limit]."""

    def __call__(self, gradient: Array, arrays: Iterable[slice]) -> None:
        """Return a gradient each entry of which is limited."""
        for part in arrays:
            gradient[part] = namespace(gradient).clip(gradient[part], -self.limit, self.limit)


@value
class ClipNorm(Clip):
    """The gradient of each parameter array is scaled down to a Euclidean norm of at most `limit`."""

    def __call__(self, gradient: Array, arrays: Iterable[slice]) -> None:
        """Return a gradient in which the norm of each array is limited."""
        for part in arrays:
            shrink(gradient, part, norm(gradient[part]), self.limit)


@value
class ClipGlobalNorm(Clip):
    """The whole gradient is scaled down to a Euclidean norm of at most `limit`."""

    def __call__(self, gradient: Array, arrays: Iterable[slice]) -> None:
        """Return a gradient whose norm as a whole is limited."""
        arrays = list(arrays)
        size = sum(norm(gradient[part]) ** 2 for part in arrays) ** 0.5
        for part in arrays:
            shrink(gradient, part, size, self.limit)


def norm(vector: Array) -> Any:
    """Return the Euclidean norm."""
    return number(namespace(vector).linalg.vector_norm(vector.reshape(-1)))


def shrink(vector: Array, part: slice, size: Any, limit: float) -> None:
    """Scale a stretch of a vector in place if its size is above `limit`, so that it is `limit`."""
    if not isinstance(size, float):
        vector[part] = vector[part] * (limit / namespace(size).maximum(size, limit))
    elif size > limit:
        vector[part] *= limit / size
