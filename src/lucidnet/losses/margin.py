"""Losses with a margin between right and wrong (Vapnik 1995; Crammer & Singer 2001)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..backend import Array, Shape, namespace
from ..core.value import value
from ..errors import DataError, SettingError
from ..layers import Layer, Sigmoid, Softmax
from .base import Cache, Loss, check_values, mean_last
from .crossentropy import as_rows, check_classes, times


@value
class Hinge(Loss):
    """L = 1/k sum_j max(0, 1 - t_j y_j),  dL/dy = -t/k where t y < 1, with targets t = -1 or 1.

    Targets 0 and 1 are taken as -1 and 1. The output layer is linear or tanh.
    """

    def fuse(self, net: Layer) -> tuple[Layer, Loss, bool]:
        _, activation = net.split_activation()
        if isinstance(activation, (Sigmoid, Softmax)):
            raise SettingError(
                f"hinge takes signed scores, but the network ends in {activation!r}: "
                "let it end in activation='linear' or 'tanh'"
            )
        return net, self, False

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        short = 1 - target * prediction
        return mean_last(namespace(short).maximum(short, 0)), (short > 0, target)

    def slope(self, cache: Cache) -> Array:
        short, target = cache
        return -target * short / target.shape[-1]

    def check_target(self, target: Any, shape: Shape, dtype: str) -> Array:
        target = check_values(target, shape, dtype)
        found = set(np.unique(target).tolist())
        if found <= {0.0, 1.0}:
            return 2 * target - 1
        if not found <= {-1.0, 1.0}:
            raise DataError(f"hinge takes targets -1 and 1 (or 0 and 1), got {sorted(found)[:5]}")
        return target


@value
class CategoricalHinge(Loss):
    """L = max(0, 1 + max_{j wrong} y_j - y_right): the right class leads all others by 1.

    dL/dy is -1 for the right class and 1 for the best wrong one, where the lead is less than 1 (Crammer &
    Singer 2001). Targets are labels or one-hot rows. Keras takes 0 for the best wrong score if all are below
    it; PyTorch's ``MultiMarginLoss`` adds up what each wrong class lacks, over the number of classes.
    """

    takes_labels: ClassVar[bool] = True

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        xp = namespace(prediction)
        t = as_rows(target, prediction)
        wrong = xp.where(t > 0, -xp.inf, prediction)
        best = xp.max(wrong, axis=-1, keepdims=True)
        short = 1 + (best[..., 0] - xp.sum(times(t, prediction), axis=-1))
        rival = xp.astype(wrong == best, prediction.dtype)
        rival /= xp.sum(rival, axis=-1, keepdims=True)  # equal rivals share
        return xp.maximum(short, 0), ((short > 0)[..., None], rival - t)

    def slope(self, cache: Cache) -> Array:
        short, direction = cache
        return direction * short

    def check_target(self, target: Any, shape: Shape, dtype: str) -> Array:
        target = check_classes(target, shape, dtype)
        if target.ndim > len(shape) and not ((target > 0).sum(-1) == 1).all():
            raise DataError("categorical_hinge takes labels or one-hot rows: each row has a single 1")
        return target
