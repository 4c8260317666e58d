"""Callbacks: what may happen between the steps and epochs of a training."""

from ..training.callback import Callback
from .keeping import Checkpoint, CSVLog
from .tensorboard import TensorBoard
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
    "TensorBoard",
]
