"""Losses: how bad a prediction is, and which way is better. Means over the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..value import get as _get
from .base import Loss
from .crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    SparseCategoricalCrossentropy,
)
from .custom import Custom, custom
from .margin import CategoricalHinge, Hinge
from .regression import CosineDistance, HalfSquaredError, Huber, MeanAbsoluteError, MeanSquaredError

KNOWN: dict[str, Callable[[], Loss]] = {
    "mse": MeanSquaredError,
    "mean_squared_error": MeanSquaredError,
    "half_squared_error": HalfSquaredError,
    "mae": MeanAbsoluteError,
    "mean_absolute_error": MeanAbsoluteError,
    "huber": Huber,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "hinge": Hinge,
    "categorical_hinge": CategoricalHinge,
    "kl_divergence": KLDivergence,
    "cosine": CosineDistance,
}

__all__ = [
    "KNOWN",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineDistance",
    "Custom",
    "HalfSquaredError",
    "Hinge",
    "Huber",
    "KLDivergence",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "custom",
    "get",
]


def get(given: Any) -> Loss:
    """Return the loss with a name; a loss returns itself; a function is wrapped.

    Examples
    --------
    >>> get("mse")
    MeanSquaredError()
    """
    if callable(given) and not isinstance(given, type):
        return custom(given)
    return _get("loss", given, KNOWN, Loss)
