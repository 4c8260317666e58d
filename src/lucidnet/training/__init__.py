"""Training: the step, the loop around it, and what is recorded."""

from ..engine.objective import Objective
from ..engine.parameters import ParameterLayout
from ..engine.problem import Problem
from ..engine.state import Measured, State
from .step import Step

__all__ = ["Measured", "Objective", "ParameterLayout", "Problem", "State", "Step"]
