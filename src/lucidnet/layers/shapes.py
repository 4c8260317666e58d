"""The shapes that flow through a network, computed without arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.trees import Path
from .base import Layer

LENGTH = 16
"""The number of time steps used to find shapes where it may vary."""


def input_shapes(net: Layer, shape: Any, *, known_only: bool = False) -> dict[Path, Any]:
    """Return the input shape of each layer in a network, by path (where a layer first occurs).

    Parameters
    ----------
    net : Layer
        The network.
    shape : tuple of int
        The shape of one input, as for `Layer.output_shape`.

    known_only : bool
        Leave out layers inside a container of a user's own that has no ``inner_shapes``; else that raises.

    Examples
    --------
    >>> from lucidnet.layers import Dense, Residual, Sequential
    >>> input_shapes(Sequential([Dense(3), Residual(Dense(3))]), (2,))
    {('dense0',): (2,), ('residual1',): (3,), ('residual1', 'body'): (3,)}
    """
    found: dict[Path, Any] = {}
    try:
        inner = net.inner_shapes(shape)
    except NotImplementedError:
        if not known_only:
            raise
        return found
    for name, child in net.children():
        found[(name,)] = inner[name]
        deeper = input_shapes(child, inner[name], known_only=known_only)
        found |= {(name, *path): taken for path, taken in deeper.items()}
    return found


def zeros(shape: Any, dtype: str, length: int = LENGTH) -> Any:
    """Return one input of zeros; `length` replaces sizes that can vary."""
    if isinstance(shape, dict):
        return {name: zeros(inner, dtype, length) for name, inner in shape.items()}
    if shape and isinstance(shape[0], tuple):
        return tuple(zeros(inner, dtype, length) for inner in shape)
    return np.zeros((1, *(length if size is None else size for size in shape)), dtype)
