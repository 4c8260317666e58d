"""Building training steps by hand: kept passes, applied gradients, parts of networks, compiled programs."""

from ..core.exports import export
from .learner import Learner as Learner
from .own import OwnStep as OwnStep
from .parts import ModelPart as ModelPart
from .tape import Tape as Tape

export(globals())
