"""RMSprop, Adagrad and Adadelta: each parameter's step is scaled by the size of its past gradients."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..backend import Array, namespace
from ..core.settings import finite, scheduled
from ..core.value import value
from .base import Bounds, Optimizer, Setting, Slots, bounded, least


@value
class RMSprop(Optimizer):
    """p <- p - rate g / (sqrt(v) + epsilon), with v <- rho v + (1 - rho) g^2.

    (Tieleman & Hinton 2012, lecture 6.5, without epsilon.) Epsilon is added to the root, as in PyTorch, which
    calls rho alpha and takes 0.99; Keras (1e-7) and optax add it to v, under the root. With momentum the step
    is rate u, u <- momentum u + g / (sqrt(v) + epsilon); Keras has the rate in u, which differs while the
    rate changes.

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    rho : float or schedule
        Share of the mean square that is kept, at least 0 and below 1.
    momentum : float or schedule
        Share of the velocity that is kept, at least 0 and below 1.
    epsilon : float
        Added to the root, so that nothing is divided by 0.
    """

    learning_rate: Setting = scheduled(default=0.001)
    rho: Any = scheduled(below=1, default=0.9)
    momentum: Any = scheduled(below=1, default=0.0)
    epsilon: float = finite(0, default=1e-8)

    slots: ClassVar[tuple[str, ...]] = ("v", "velocity")
    schedulable: ClassVar[Bounds] = Optimizer.schedulable | {"rho": 1, "momentum": 1}
    constants: ClassVar[tuple[str, ...]] = ("epsilon",)

    def init_slots(self, vector: Array) -> Slots:
        slots = Optimizer.init_slots(self, vector)
        return slots if self.momentum else {"v": slots["v"]}

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        v, g = slots["v"], bounded(g)
        v *= self.rho
        v += (1 - self.rho) * (g * g)
        root = namespace(v).sqrt(v)
        root += least(self.epsilon, root.dtype)
        change = g / root
        if "velocity" not in slots:
            change *= rate
            return change, {"v": v}
        velocity = slots["velocity"]
        velocity *= self.momentum
        velocity += change
        return rate * velocity, {"v": v, "velocity": velocity}


@value
class Adagrad(Optimizer):
    """p <- p - rate g / (sqrt(v) + epsilon), with v <- v + g^2 (Duchi, Hazan & Singer 2011).

    The values are PyTorch's if not given. In Keras and optax v begins at 0.1, and epsilon, 1e-7, is added to
    v, under the root.

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    decay : float
        Time-based decay: at step t = 0, 1, ... the rate is learning_rate / (1 + decay t).
    initial : float
        The initial v.
    epsilon : float
        Added to the root, so that nothing is divided by 0.
    """

    learning_rate: Setting = scheduled(default=0.01)
    decay: float = finite(0, default=0.0)
    initial: float = finite(0, default=0.0)
    epsilon: float = finite(0, default=1e-10)

    slots: ClassVar[tuple[str, ...]] = ("v",)
    constants: ClassVar[tuple[str, ...]] = ("decay", "initial", "epsilon")

    def init_slots(self, vector: Array) -> Slots:
        return {"v": namespace(vector).full_like(vector, self.initial)}

    def rate(self, learning_rate: Setting, step: int) -> float:
        return Optimizer.rate(self, learning_rate, step) / (1 + self.decay * (step - 1))

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        xp, v, g = namespace(g), slots["v"], bounded(g)
        with np.errstate(over="ignore"):
            v += g * g
        v = xp.minimum(v, xp.finfo(v.dtype).max)
        root = xp.sqrt(v)
        root += least(self.epsilon, root.dtype)
        g /= root
        g *= rate
        return g, {"v": v}


@value
class Adadelta(Optimizer):
    """p <- p - rate d, with d = g sqrt(u + epsilon) / sqrt(v + epsilon)  (Zeiler 2012, algorithm 1).

    The running means of the squares are v <- rho v + (1 - rho) g^2, before the step, and
    u <- rho u + (1 - rho) d^2, after it: the steps have the unit of the parameters. The paper has no rate,
    which is a rate of 1; Keras' defaults are a rate of 0.001, rho 0.95 and epsilon 1e-7.

    Parameters
    ----------
    learning_rate : float or schedule
        The factor on the paper's step.
    rho : float or schedule
        Share of the means that is kept, at least 0 and below 1.
    epsilon : float
        Added under both roots; it sets the size of the first steps.
    """

    learning_rate: Setting = scheduled(default=1.0)
    rho: Any = scheduled(below=1, default=0.9)
    epsilon: float = finite(0, default=1e-6)

    slots: ClassVar[tuple[str, ...]] = ("u", "v")
    schedulable: ClassVar[Bounds] = Optimizer.schedulable | {"rho": 1}
    constants: ClassVar[tuple[str, ...]] = ("epsilon",)

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        u, v, g = slots["u"], slots["v"], bounded(g)
        v *= self.rho
        v += (1 - self.rho) * (g * g)
        xp = namespace(v)
        epsilon = max(self.epsilon, float(xp.finfo(v.dtype).smallest_normal))
        g *= xp.sqrt(u + epsilon) / xp.sqrt(v + epsilon)  # the ratio of the squares may vanish
        u *= self.rho
        u += (1 - self.rho) * (g * g)
        g *= rate
        return g, {"u": u, "v": v}
