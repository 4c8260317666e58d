"""Callbacks: what happens between the steps and epochs of a training."""

from typing import TYPE_CHECKING

from ...core.exports import export
from ..loop import Callback as Callback

if TYPE_CHECKING:
    from .keeping import Checkpoint as Checkpoint
    from .keeping import CSVLog as CSVLog
    from .watching import EarlyStopping as EarlyStopping
    from .watching import On as On
    from .watching import PrintWeights as PrintWeights
    from .watching import ReduceOnPlateau as ReduceOnPlateau
    from .watching import StopOnNaN as StopOnNaN

export(globals())
