"""Steps of one's own: a pass in the hand, gradients applied, parts of a network, programs over several."""

from ..core.exports import export
from .own import Learner as Learner
from .own import OwnStep as OwnStep
from .parts import ModelPart as ModelPart
from .tape import Tape as Tape

export(globals())
