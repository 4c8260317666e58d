"""Inputs of zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

LENGTH = 16
"""Numbers of time steps that stand for one that may vary."""


def zeros(shape: Any, dtype: str, length: int = LENGTH) -> Any:
    """Return one input of zeros; `length` stands for sizes that may vary."""
    if isinstance(shape, dict):
        return {name: zeros(inner, dtype, length) for name, inner in shape.items()}
    if shape and isinstance(shape[0], tuple):
        return tuple(zeros(inner, dtype, length) for inner in shape)
    return np.zeros((1, *(length if size is None else size for size in shape)), dtype)
