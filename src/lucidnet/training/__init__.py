"""Training: the step, the loop around it, and what is recorded."""

from .objective import Objective
from .plan import Plan
from .step import Measured, State, Step

__all__ = ["Measured", "Objective", "Plan", "State", "Step"]
