"""Adam and its relatives: steps scaled by running moments of the gradient."""

from __future__ import annotations

import copy
import math
from typing import Any, ClassVar, Self

from ..backend import Array, namespace, over, scalars
from ..core.settings import finite, scheduled
from ..core.value import at_step, value
from .base import Bounds, Group, Optimizer, Setting, Slots, bounded, least


class Moments:
    """Mixin of optimizers with running moments, whose decay rates are b1 and b2."""

    beta1: Any
    beta2: Any
    counted: ClassVar[tuple[str, ...]] = ("corrections",)

    def corrections(self, step: int) -> tuple[float, float]:
        """Return the bias corrections sqrt(1 - b2^t) and 1 - b1^t after t steps."""
        return (1 - self.beta2**step) ** 0.5, 1 - self.beta1**step


@value
class Adam(Moments, Optimizer):
    """p <- p - rate m' / (sqrt(v') + epsilon)  (Kingma & Ba 2015, algorithm 1).

    The moments are m <- b1 m + (1 - b1) g and v <- b2 v + (1 - b2) g^2; m' = m / (1 - b1^t) and
    v' = v / (1 - b2^t) correct their start from zero at step t = 1, 2, ... So do PyTorch and optax. Keras
    adds its epsilon, 1e-7, to sqrt(v), uncorrected (the paper's other form, end of section 2): until t is
    large beside 1 / (1 - b2) it counts for more there.

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    beta1, beta2 : float or schedule
        Shares b1 and b2 of the moments that are kept, at least 0 and below 1.
    epsilon : float
        Added to the root, so that nothing is divided by 0.
    """

    learning_rate: Setting = scheduled(default=0.001)
    beta1: Any = scheduled(below=1, default=0.9)
    beta2: Any = scheduled(below=1, default=0.999)
    epsilon: float = finite(0, default=1e-8)

    slots: ClassVar[tuple[str, ...]] = ("m", "v")
    renews: ClassVar[bool] = True
    schedulable: ClassVar[Bounds] = Optimizer.schedulable | {"beta1": 1, "beta2": 1}
    constants: ClassVar[tuple[str, ...]] = ("epsilon",)

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        return moments_step(self, g, slots, rate, step)


@value
class AdamW(Moments, Optimizer):
    """Adam with decoupled weight decay: p <- (1 - rate weight_decay) p, then Adam's step.

    (Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2.) There the decay is
    multiplied by what a schedule makes of the rate, not by the rate itself; here by the rate, as in PyTorch,
    Keras and optax. Their defaults of it are 0.01, 0.004 and 0.0001.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon
        As for `Adam`.
    weight_decay : float or schedule
        Share by which the parameters shrink, times the rate.
    """

    learning_rate: Setting = scheduled(default=0.001)
    beta1: Any = scheduled(below=1, default=0.9)
    beta2: Any = scheduled(below=1, default=0.999)
    epsilon: float = finite(0, default=1e-8)
    weight_decay: Any = scheduled(default=0.01, kw_only=True)

    slots: ClassVar[tuple[str, ...]] = Adam.slots
    renews: ClassVar[bool] = True
    decoupled: ClassVar[bool] = True
    schedulable: ClassVar[Bounds] = Adam.schedulable
    constants: ClassVar[tuple[str, ...]] = Adam.constants

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        return moments_step(self, g, slots, rate, step)


def moments_step(self: Any, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
    """Return rate m' / (sqrt(v') + epsilon), and the moments of this step."""
    xp, g, new = namespace(g), bounded(g), getattr(slots, "new", slots)
    b1, rest1, b2, rest2 = scalars(g, self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2)
    m = over(new["m"], xp.multiply, slots["m"], b1)
    m += rest1 * g
    g *= g
    g *= rest2
    v = over(new["v"], xp.multiply, slots["v"], b2)
    v += g
    # Both corrections are pulled out of the arrays: with c = sqrt(1 - b2^t) and d = 1 - b1^t,
    # (m / d) / (sqrt(v) / c + epsilon) = c / d * m / (sqrt(v) + c epsilon).
    c, d = self.corrections(step)
    root = over(g, xp.sqrt, v)
    root += c * least(self.epsilon, root.dtype)
    change = over(root, xp.divide, m, root)
    change *= rate * c / d
    return change, {"m": m, "v": v}


@value
class Adamax(Moments, Optimizer):
    """p <- p - rate m / ((1 - b1^t) u), with m as in `Adam` and u <- max(b2 u, |g| + epsilon).

    (Kingma & Ba 2015, algorithm 2.) The paper has no epsilon; PyTorch and optax add it to |g|, as here, Keras
    to u.

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    beta1, beta2 : float or schedule
        Shares of the mean and of the largest gradient that are kept, at least 0 and below 1.
    epsilon : float
        Keeps the division from dividing by 0.
    """

    learning_rate: Setting = scheduled(default=0.002)
    beta1: Any = scheduled(below=1, default=0.9)
    beta2: Any = scheduled(below=1, default=0.999)
    epsilon: float = finite(0, default=1e-8)

    slots: ClassVar[tuple[str, ...]] = ("m", "u")
    schedulable: ClassVar[Bounds] = Adam.schedulable
    constants: ClassVar[tuple[str, ...]] = Adam.constants

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        xp, m = namespace(g), slots["m"]
        m *= self.beta1
        m += (1 - self.beta1) * g
        u = xp.maximum(self.beta2 * slots["u"], xp.abs(g) + least(self.epsilon, g.dtype))
        return m / u * (rate / self.corrections(step)[1]), {"m": m, "u": u}


@value
class Nadam(Optimizer):
    """Adam with Nesterov's look ahead: p <- p - rate m' / (sqrt(v') + epsilon)  (Dozat 2016).

    With m, v and v' as in `Adam`, m' = (1 - u_t) g / (1 - u_1 ... u_t) + u_{t+1} m / (1 - u_1 ... u_{t+1}),
    where u_t = b1 (1 - 0.96^(t momentum_decay) / 2) warms the momentum up. This is PyTorch's form. In the
    paper ("Incorporating Nesterov momentum into Adam") m itself is made with u_t in place of b1. Keras has
    momentum_decay = 1; optax' ``nadam`` has b1 in place of every u. The u of past steps follow the schedule
    of beta1, u_{t+1} has its present value.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon
        As for `Adam`.
    momentum_decay : float
        The speed at which the momentum warms up.
    """

    learning_rate: Setting = scheduled(default=0.002)
    beta1: Any = scheduled(below=1, default=0.9)
    beta2: Any = scheduled(below=1, default=0.999)
    epsilon: float = finite(0, default=1e-8)
    momentum_decay: float = finite(0, default=0.004)

    slots: ClassVar[tuple[str, ...]] = Adam.slots
    schedulable: ClassVar[Bounds] = Adam.schedulable
    constants: ClassVar[tuple[str, ...]] = ("epsilon", "momentum_decay")
    counted: ClassVar[tuple[str, ...]] = ("_shares", "_filled")

    def at(self, step: int, group: Group) -> Self:
        # beta1 stays a schedule: the product of all shares so far needs it.
        now = Optimizer.at(self, step, group)
        if not callable(self.beta1):
            return now
        now = copy.copy(now)
        object.__setattr__(now, "beta1", self.beta1)
        return now

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        m, v, g = slots["m"], slots["v"], bounded(g)
        beta1, share, following, product = self._shares(step)
        m *= beta1
        m += (1 - beta1) * g
        v *= self.beta2
        v += (1 - self.beta2) * (g * g)
        root = namespace(v).sqrt(v)
        root /= self._filled(step)
        root += least(self.epsilon, root.dtype)
        g *= (1 - share) / (1 - product)
        g += following / (1 - product * following) * m
        g *= rate
        g /= root
        return g, {"m": m, "v": v}

    def _filled(self, step: int) -> float:
        """Return sqrt(1 - b2^t)."""
        filled: float = (1 - self.beta2**step) ** 0.5
        return filled

    def _shares(self, step: int) -> tuple[float, float, float, float]:
        """Return b1, u_t, u_{t+1} and u_1 ... u_t at a step (from 1)."""
        beta1 = at_step(self.beta1, step - 1)
        following = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * self.momentum_decay))
        return beta1, self._share(step), following, self._product(step)

    def _share(self, step: int) -> float:
        """Return u at a step (from 1)."""
        return at_step(self.beta1, step - 1) * (1 - 0.5 * math.pow(0.96, step * self.momentum_decay))

    def _product(self, step: int) -> float:
        """Return u_1 ... u_t, which is of no account once it is below 1e-20."""
        product = 1.0
        for past in range(1, step + 1):
            product *= self._share(past)
            if product < 1e-20:
                break
        return product
