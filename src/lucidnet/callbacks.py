"""Callbacks: what may happen between the steps and epochs of a training."""

from .inspect.tensorboard import TensorBoard
from .training.callbacks import (
    Callback,
    Checkpoint,
    CSVLog,
    EarlyStopping,
    On,
    PrintWeights,
    ReduceOnPlateau,
    StopOnNaN,
)

__all__ = [
    "CSVLog",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "On",
    "PrintWeights",
    "ReduceOnPlateau",
    "StopOnNaN",
    "TensorBoard",
]
