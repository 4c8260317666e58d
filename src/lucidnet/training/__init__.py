"""Training: the step, the loop around it, and what is recorded."""

from ..engine.objective import Objective
from ..engine.parameters import Plan
from ..engine.step import Measured, State, Step

__all__ = ["Measured", "Objective", "Plan", "State", "Step"]
