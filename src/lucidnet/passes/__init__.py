"""Steps of one's own: a pass in the hand, gradients applied, parts of a network, programs over several."""

from ..core.exports import export
from .parts import Part as Part
from .program import Learner as Learner
from .program import Program as Program
from .tape import Tape as Tape

export(globals())
