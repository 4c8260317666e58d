"""Tools that look into a network while it learns."""

from ..layers.watched import Call
from .watching import Calls, watch

__all__ = ["Call", "Calls", "watch"]
