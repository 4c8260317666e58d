"""Derivatives of functions that a user left without one, by JAX; nothing else in lucidnet uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
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
        import jax  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"{what} has no derivative: pass one (derivative=...), "
            "or let JAX find it: pip install 'lucidnet[jax]'"
        ) from error
    return Derivative(function, what)


@dataclass(frozen=True)
class Derivative:
    """What `derivative` returns; it can be pickled if the function can."""

    function: Callable[..., Array]
    what: str

    @cached_property
    def gradient(self) -> Callable[..., Array]:
        """The gradient as JAX makes it."""
        import jax

        found: Callable[..., Array] = jax.grad(lambda *arguments: self.function(*arguments).sum())
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {"function": self.function, "what": self.what}

    def __call__(self, x: Array, *others: Any) -> Array:
        import jax

        try:
            with jax.enable_x64(x.dtype.itemsize == 8):
                slope = self.gradient(x, *others)
        except jax.errors.TracerArrayConversionError as error:
            raise SettingError(
                f"JAX cannot follow {self.what}: write it with operators and x.__array_namespace__() "
                "in place of numpy functions, or pass derivative=..."
            ) from error
        return np.asarray(slope) if isinstance(x, np.ndarray) else slope
