"""Adam and AdamW: steps scaled by running moments of the gradient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..backend import Array, namespace
from .base import Bounds, Optimizer, Slots


@dataclass(frozen=True, repr=False)
class Adam(Optimizer):
    """p <- p - rate m' / (sqrt(v') + epsilon)  (Kingma & Ba 2015, algorithm 1).

    The moments are m <- b1 m + (1 - b1) g and v <- b2 v + (1 - b2) g^2; m' = m / (1 - b1^t) and
    v' = v / (1 - b2^t) correct their start from zero at step t = 1, 2, ...

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    beta1, beta2 : float or schedule
        Shares b1 and b2 of the moments that are kept, at least 0 and below 1.
    epsilon : float
        Added to the root, so that nothing is divided by 0.
    """

    learning_rate: Any = 0.001
    beta1: Any = 0.9
    beta2: Any = 0.999
    epsilon: float = 1e-8

    slots: ClassVar[tuple[str, ...]] = ("m", "v")
    schedulable: ClassVar[Bounds] = Optimizer.schedulable | {"beta1": 1, "beta2": 1}
    constants: ClassVar[tuple[str, ...]] = ("epsilon",)

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        return moments_step(self, g, slots, rate, step)


@dataclass(frozen=True, repr=False)
class AdamW(Optimizer):
    """Adam with decoupled weight decay: p <- (1 - rate weight_decay) p, then Adam's step.

    (Loshchilov & Hutter 2019, algorithm 2; the decay is multiplied by the rate, as in PyTorch.)

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon
        As for `Adam`.
    weight_decay : float or schedule
        Share by which the parameters shrink, times the rate.
    """

    learning_rate: Any = 0.001
    beta1: Any = 0.9
    beta2: Any = 0.999
    epsilon: float = 1e-8
    weight_decay: Any = field(default=0.01, kw_only=True)

    slots: ClassVar[tuple[str, ...]] = Adam.slots
    decoupled: ClassVar[bool] = True
    schedulable: ClassVar[Bounds] = Adam.schedulable
    constants: ClassVar[tuple[str, ...]] = Adam.constants

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        return moments_step(self, g, slots, rate, step)


def moments_step(self: Adam | AdamW, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
    """Return rate m' / (sqrt(v') + epsilon), and the moments of this step."""
    m, v = slots["m"], slots["v"]
    m *= self.beta1
    m += (1 - self.beta1) * g
    g *= g
    g *= 1 - self.beta2
    v *= self.beta2
    v += g
    # Both corrections are pulled out of the arrays: with c = sqrt(1 - b2^t) and d = 1 - b1^t,
    # (m / d) / (sqrt(v) / c + epsilon) = c / d * m / (sqrt(v) + c epsilon).
    c, d = (1 - self.beta2**step) ** 0.5, 1 - self.beta1**step
    root = namespace(v).sqrt(v)
    root += c * self.epsilon
    change = m / root
    change *= rate * c / d
    return change, {"m": m, "v": v}
