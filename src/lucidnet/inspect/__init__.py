"""Tools that look into a network while it learns."""

from ..core.exports import export
from ..layers.watched import Call as Call
from .watching import Calls as Calls
from .watching import watch as watch

export(globals())
