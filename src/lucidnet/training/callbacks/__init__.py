"""Callbacks: what may happen between the steps and epochs of a training."""

from typing import TYPE_CHECKING

from ...core.lazy import lazy
from .base import Callback

if TYPE_CHECKING:
    from .keeping import Checkpoint, CSVLog
    from .watching import EarlyStopping, On, PrintWeights, ReduceOnPlateau, StopOnNaN

__all__ = [
    "CSVLog",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "On",
    "PrintWeights",
    "ReduceOnPlateau",
    "StopOnNaN",
]

__getattr__ = lazy(
    __name__,
    {
        "keeping": "CSVLog Checkpoint",
        "watching": "EarlyStopping On PrintWeights ReduceOnPlateau StopOnNaN",
    },
)
