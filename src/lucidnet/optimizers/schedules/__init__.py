"""Schedules: functions of the step that can replace any setting, such as a learning rate or momentum."""

from ...core.exports import export
from .base import Fixed as Fixed
from .base import Product as Product
from .base import Schedule as Schedule
from .base import Sequence as Sequence
from .base import Warmup as Warmup
from .curves import Cosine as Cosine
from .curves import CosineRestarts as CosineRestarts
from .curves import ExponentialDecay as ExponentialDecay
from .curves import Piecewise as Piecewise
from .curves import Polynomial as Polynomial
from .curves import StepDecay as StepDecay
from .curves import TimeDecay as TimeDecay
from .cycles import Cyclic as Cyclic
from .cycles import OneCycle as OneCycle

export(globals())
