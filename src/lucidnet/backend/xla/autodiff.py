"""Derivatives of functions that a user left without one, by JAX; nothing else in lucidnet uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.trees import Array
from ...errors import MissingExtraError, SettingError


def derivative(function: Callable[..., Array], what: str) -> Callable[..., Array]:
    """Return the gradient of ``sum(function(x, ...))`` with respect to `x`.

    Raises
    ------
    MissingExtraError
        If JAX is not installed.
    SettingError
        When called, if the function is not written in operators and functions that JAX can follow.
    """
    try:
        import jax
    except ImportError as error:
        raise MissingExtraError(
            f"{what} has no derivative: pass one (derivative=...), "
            "or let JAX find it: pip install 'lucidnet[jax]'"
        ) from error
    gradient = jax.grad(lambda *arguments: function(*arguments).sum())

    def evaluate(x: Array, *others: Any) -> Array:
        try:
            with jax.enable_x64(x.dtype.itemsize == 8):
                slope = gradient(x, *others)
        except jax.errors.TracerArrayConversionError as error:
            raise SettingError(
                f"JAX cannot follow {what}: write it with operators and x.__array_namespace__() "
                "in place of numpy functions, or pass derivative=..."
            ) from error
        return np.asarray(slope) if isinstance(x, np.ndarray) else slope

    return evaluate
