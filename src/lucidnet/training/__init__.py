"""Training: the step, the loop around it, and what is recorded."""

from typing import TYPE_CHECKING

from ..core.exports import export
from ..engine.objective import Objective as Objective
from ..engine.parameters import ParameterLayout as ParameterLayout
from ..engine.problem import Problem as Problem
from ..engine.state import Measured as Measured
from ..engine.state import State as State

if TYPE_CHECKING:
    from .step import Step as Step

export(globals())
