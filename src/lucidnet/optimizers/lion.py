"""Lion: steps by the sign of a momentum."""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend import Array, namespace
from ..core.settings import scheduled
from ..core.value import value
from .base import Bounds, Optimizer, Setting, Slots


@value
class Lion(Optimizer):
    """p <- p - rate (sign(b1 m + (1 - b1) g) + weight_decay p), then m <- b2 m + (1 - b2) g.

    (Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2.) Every parameter moves
    by the rate, so that the rate is 3 to 10 times as small as for AdamW, and the weight decay as much larger.

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    beta1, beta2 : float or schedule
        Share of the momentum in the step, and share of it that is kept; at least 0 and below 1.
    """

    learning_rate: Setting = scheduled(default=0.0001)
    beta1: Any = scheduled(below=1, default=0.9)
    beta2: Any = scheduled(below=1, default=0.99)

    slots: ClassVar[tuple[str, ...]] = ("m",)
    decoupled: ClassVar[bool] = True
    schedulable: ClassVar[Bounds] = Optimizer.schedulable | {"beta1": 1, "beta2": 1}

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        m = slots["m"]
        change = namespace(g).sign(self.beta1 * m + (1 - self.beta1) * g)
        change *= rate
        m *= self.beta2
        g *= 1 - self.beta2
        m += g
        return change, {"m": m}
