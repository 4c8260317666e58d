"""RMSprop and Adagrad: each parameter's step is divided by the size of its own gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..backend import Array, namespace
from .base import Optimizer, Setting, Slots, check_range


@dataclass(frozen=True, repr=False)
class RMSprop(Optimizer):
    """p <- p - rate g / (sqrt(v) + epsilon), with v <- rho v + (1 - rho) g^2.

    (Tieleman & Hinton 2012, lecture 6.5; epsilon outside the root, as in PyTorch, which calls rho
    alpha and takes 0.99.) With momentum the step is rate u, u <- momentum u + g / (sqrt(v) + epsilon).

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    rho : float
        Share of the mean square that is kept, at least 0 and below 1.
    momentum : float
        Share of the velocity that is kept, at least 0 and below 1.
    epsilon : float
        Added to the root, so that nothing is divided by 0.
    """

    learning_rate: Any = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-8

    slots: ClassVar[tuple[str, ...]] = ("v", "velocity")

    def __post_init__(self) -> None:
        Optimizer.__post_init__(self)
        check_range(self, "rho", below=1)
        check_range(self, "momentum", below=1)
        check_range(self, "epsilon")

    def init_slots(self, vector: Array) -> Slots:
        slots = Optimizer.init_slots(self, vector)
        return slots if self.momentum else {"v": slots["v"]}

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        v = slots["v"]
        v *= self.rho
        v += (1 - self.rho) * (g * g)
        root = namespace(v).sqrt(v)
        root += self.epsilon
        change = g / root
        if not self.momentum:
            change *= rate
            return change, {"v": v}
        velocity = slots["velocity"]
        velocity *= self.momentum
        velocity += change
        return rate * velocity, {"v": v, "velocity": velocity}


@dataclass(frozen=True, repr=False)
class Adagrad(Optimizer):
    """p <- p - rate g / (sqrt(v) + epsilon), with v <- v + g^2 (Duchi, Hazan & Singer 2011).

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    decay : float
        Time-based decay: at step t = 0, 1, ... the rate is learning_rate / (1 + decay t).
    initial : float
        What v starts from.
    epsilon : float
        Added to the root, so that nothing is divided by 0.
    """

    learning_rate: Any = 0.01
    decay: float = 0.0
    initial: float = 0.0
    epsilon: float = 1e-10

    slots: ClassVar[tuple[str, ...]] = ("v",)

    def __post_init__(self) -> None:
        Optimizer.__post_init__(self)
        for name in ("decay", "initial", "epsilon"):
            check_range(self, name)

    def init_slots(self, vector: Array) -> Slots:
        return {"v": namespace(vector).full_like(vector, self.initial)}

    def rate(self, learning_rate: Setting, step: int) -> float:
        return Optimizer.rate(self, learning_rate, step) / (1 + self.decay * (step - 1))

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        v = slots["v"]
        v += g * g
        root = namespace(v).sqrt(v)
        root += self.epsilon
        g /= root
        g *= rate
        return g, {"v": v}
