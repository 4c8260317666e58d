"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend import Array, namespace, over
from ..core.settings import finite, flag, scheduled
from ..core.value import value
from ..errors import SettingError
from .base import Bounds, Optimizer, Setting, Slots


@value
class SGD(Optimizer):
    """p <- p - rate v, with the velocity v <- momentum v + g.

    Without momentum v = g. Nesterov's form steps by g + momentum v (Sutskever et al. 2013, "On the importance
    of initialization and momentum in deep learning"). The paper finds the gradient a step of momentum ahead
    of its parameters; here, as in PyTorch and Keras, the parameters are those ahead, and the steps the same
    at a fixed rate and momentum. The rate multiplies the velocity, as in PyTorch; Keras adds it up in the
    velocity, which differs while the rate changes.

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    momentum : float or schedule
        Share of the velocity that is kept, at least 0 and below 1.
    nesterov : bool
        Whether to look ahead.
    decay : float
        Time-based decay: at step t = 0, 1, ... the rate is learning_rate / (1 + decay t).
    """

    learning_rate: Setting = scheduled(default=0.01)
    momentum: Any = scheduled(below=1, default=0.0)
    nesterov: bool = flag(default=False)
    decay: float = finite(0, default=0.0)

    slots: ClassVar[tuple[str, ...]] = ("velocity",)
    renews: ClassVar[bool] = True
    schedulable: ClassVar[Bounds] = Optimizer.schedulable | {"momentum": 1}
    constants: ClassVar[tuple[str, ...]] = ("decay",)
    hosted: ClassVar[tuple[str, ...]] = ("decay",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise SettingError("SGD: nesterov=True needs a momentum above 0")

    def init_slots(self, vector: Array) -> Slots:
        return Optimizer.init_slots(self, vector) if self.momentum else {}

    def rate(self, learning_rate: Setting, step: int) -> float:
        return Optimizer.rate(self, learning_rate, step) / (1 + self.decay * (step - 1))

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        if "velocity" not in slots:
            g *= rate
            return g, slots
        xp, new = namespace(g), getattr(slots, "new", slots)
        v = over(new["velocity"], xp.multiply, slots["velocity"], self.momentum)
        v += g
        direction = g + self.momentum * v if self.nesterov else v
        return over(g, xp.multiply, direction, rate), {"velocity": v}
