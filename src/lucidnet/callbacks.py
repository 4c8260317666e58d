"""Callbacks: what happens between the steps and epochs of a training."""

from .core.exports import export
from .inspect.tensorboard import TensorBoard as TensorBoard
from .training.callbacks import Callback as Callback
from .training.callbacks import Checkpoint as Checkpoint
from .training.callbacks import CSVLog as CSVLog
from .training.callbacks import EarlyStopping as EarlyStopping
from .training.callbacks import On as On
from .training.callbacks import PrintWeights as PrintWeights
from .training.callbacks import ReduceOnPlateau as ReduceOnPlateau
from .training.callbacks import StopOnNaN as StopOnNaN

export(globals())
