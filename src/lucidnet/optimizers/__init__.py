"""Optimizers: how a gradient changes the parameters."""

from typing import TYPE_CHECKING

from ..core.exports import export
from .adam import Adam as Adam
from .adam import Adamax as Adamax
from .adam import AdamW as AdamW
from .adam import Nadam as Nadam
from .base import ArraySlice as ArraySlice
from .base import Group as Group
from .base import Optimizer as Optimizer
from .clip import Clip as Clip
from .clip import ClipGlobalNorm as ClipGlobalNorm
from .clip import ClipNorm as ClipNorm
from .clip import ClipValue as ClipValue
from .registry import KNOWN as KNOWN
from .registry import get as get
from .sgd import SGD as SGD

if TYPE_CHECKING:
    from . import schedules as schedules
    from .adaptive import Adadelta as Adadelta
    from .adaptive import Adagrad as Adagrad
    from .adaptive import RMSprop as RMSprop
    from .constraints import Constraint as Constraint
    from .constraints import MaxNorm as MaxNorm
    from .constraints import NonNegative as NonNegative
    from .constraints import UnitNorm as UnitNorm
    from .ema import EMA as EMA
    from .lamb import LAMB as LAMB
    from .lbfgs import LBFGS as LBFGS
    from .lion import Lion as Lion
    from .muon import Muon as Muon

export(globals())
