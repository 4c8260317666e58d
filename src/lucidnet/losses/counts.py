"""A loss for counts, of how often something happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..backend import Array, Shape, namespace
from ..core.settings import flag
from ..core.value import value
from ..errors import DataError, SettingError
from ..layers import Abs, Exponential, HardSigmoid, Layer, ReLU, Sigmoid, Softmax, Softplus
from .base import Cache, Loss, check_values, mean_last
from .crossentropy import floor, known, times

POSITIVE = (Abs, HardSigmoid, ReLU, Sigmoid, Softmax, Softplus)
"""Activations besides the exponential whose outputs are positive rates."""


@value
class Poisson(Loss):
    """L = 1/k sum_j (y_j - t_j log y_j) for counts t_j whose expected values are y_j.

    The negative logarithm of Poisson's distribution, without log t!, which no weight changes (McCullagh &
    Nelder 1989, "Generalized Linear Models", section 6.2). dL/dy = (1 - t / y) / k; from z = log y::

        L = 1/k sum_j (exp(z_j) - t_j z_j),     dL/dz = (exp(z) - t) / k

    After a final exponential a model computes it from z by itself.

    Parameters
    ----------
    from_logs : bool
        Whether predictions are the logarithms z.
    """

    from_logs: bool = flag(default=False)

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        xp = namespace(prediction)
        if self.from_logs:
            rate = xp.exp(prediction)
            return mean_last(rate - times(target, prediction)), (rate, target)
        return mean_last(prediction - target * xp.log(floor(prediction))), (prediction, target)

    def slope(self, cache: Cache) -> Array:
        rate, target = cache
        if self.from_logs:
            return (rate - target) / rate.shape[-1]
        return (1 - target / floor(rate)) / rate.shape[-1]

    def fuse(self, net: Layer) -> tuple[Layer, Loss, bool]:
        body, activation = net.split_activation()
        if isinstance(activation, Exponential) and not self.from_logs:
            if body == net:  # other nodes of a graph need the expected counts: the loss takes them, too
                return net, self, False
            return body, replace(self, from_logs=True), True
        if self.from_logs:
            if not isinstance(activation, (Exponential, *POSITIVE)):
                return net, self, False
            raise SettingError(
                f"Poisson(from_logs=True) takes logarithms, but the network already ends in {activation!r}"
            )
        if activation is not None and (isinstance(activation, POSITIVE) or not known(activation)):
            return net, self, False
        raise SettingError(
            f"Poisson takes expected counts, which are above 0, but the network ends in "
            f"{activation or 'no activation'}: let it end in activation='exponential' or 'softplus', or use "
            "Poisson(from_logs=True)"
        )

    def check_target(self, target: Any, shape: Shape, dtype: str) -> Array:
        target = check_values(target, shape, dtype)
        if target.size and target.min() < 0:
            raise DataError(f"poisson takes counts of 0 or more, got {np.min(target):g}")
        return target

    @classmethod
    def samples(cls) -> Iterator[Loss]:
        yield cls(from_logs=True)
