"""A user's own loss, from a function and its derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np

from ..backend import Array, Shape, called
from ..backend import derivative as automatic
from ..core import settings
from ..core.order import Ordered, order_setting, target_first
from ..core.settings import UnfitError, setting
from ..core.value import value
from ..errors import SettingError, ShapeError
from .base import Cache, Loss


def _sizes(given: Any, owner: Any) -> Shape:
    sizes = (given,) if isinstance(given, (int, np.integer)) else given
    whole = isinstance(sizes, (tuple, list)) and all(isinstance(n, (int, np.integer)) for n in sizes)
    if not whole or any(isinstance(n, bool) or n < 1 for n in sizes):
        raise UnfitError
    return tuple(map(int, sizes))


@value
class Custom(Loss):
    """L_i = f(t, y)_i,  dL_i/dy_i = f'(t, y)_i, for targets t and predictions y.

    The names of the function's arguments say which is which: one of them is, or contains, ``prediction``,
    ``pred``, ``output``, ``logits`` or ``p``, or the other ``target``, ``true``, ``label``, ``t`` or
    ``desired``. If the names say nothing, `order` must.

    Parameters
    ----------
    function : callable
        A function from targets and predictions (n, ..., k) to one value per example (n, ...).
    derivative : callable, optional
        A function of the same arguments that returns the derivative of each value by its prediction, (n, ...,
        k), in the order that its own names tell, or else in the function's; from JAX if left out.
    order : {"target, prediction", "prediction, target"}, optional
        Which comes first, for both.
    target : int or tuple of int, optional
        The shape of one target, if it is not that of one output, such as 1 for the density that an output of
        means and deviations gives to a number; () for a number each.

    Examples
    --------
    >>> def pinball(target, prediction):  # the quantile of 90 %
    ...     above = (target - prediction)[..., 0]
    ...     return above * (0.9 * (above > 0) - 0.1 * (above <= 0))
    >>> import numpy as np
    >>> loss = Custom(pinball, lambda target, prediction: 0.1 - 1.0 * (target > prediction))
    >>> value, cache = loss.forward(np.array([[1.0]]), np.array([[3.0]]))
    >>> float(value), loss.backward(cache)
    (1.8, array([[-0.9]]))
    """

    function: Callable[..., Array] = settings.function()
    derivative: Callable[..., Array] | None = settings.function(default=None, optional=True)
    order: str | None = order_setting()
    target: Any = setting(
        "the shape of one target, such as 1 or (28, 28)", _sizes, default=None, optional=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.ordered

    @cached_property
    def ordered(self) -> tuple[Callable[..., Array], Callable[..., Array]]:
        """Function and derivative, wrapped to take the prediction first."""
        try:
            swapped = target_first(self.function, self.order, "losses.Custom")
            found = Ordered(self.function, swapped)
            if self.derivative is None:
                return found, automatic(found, "this loss", "losses.Custom(f, derivative)")
        except SettingError as error:
            raise SettingError(f"Custom: function of the loss: {error}") from None
        try:
            swapped = target_first(self.derivative, self.order, "losses.Custom", swapped)
        except SettingError as error:
            raise SettingError(f"Custom: derivative of the loss: {error}") from None
        return found, Ordered(self.derivative, swapped)

    @property
    def independent(self) -> bool:
        return False

    def target_shape(self, shape: Shape) -> Shape:
        return shape if self.target is None else self.target

    def check_target(self, target: Any, shape: Shape, dtype: str) -> Array:
        try:
            return super().check_target(target, shape, dtype)
        except ShapeError as error:
            if self.target is not None:
                raise ShapeError(f"{error}; the loss says target={self.target}") from None
            given = np.shape(target)[1:]
            raise ShapeError(
                f"{error}; if a target has another shape than an output, say it: "
                f"losses.Custom(function, target={given[0] if len(given) == 1 else given})"
            ) from None

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        made = called(self.ordered[0], "this loss", prediction, target)
        return made, (prediction, target)

    def slope(self, cache: Cache) -> Array:
        what = "the derivative of this loss"
        return called(self.ordered[1], what, *cache, shape=cache[0].shape)

    @classmethod
    def samples(cls) -> Iterator[Loss]:
        yield cls(lambda target, y: ((y - target) ** 4).sum(-1), lambda target, y: 4 * (y - target) ** 3)


def custom(
    function: Callable[..., Array],
    derivative: Callable[..., Array] | None = None,
    order: Any = None,
    target: Any = None,
) -> Custom:
    """Make a loss of a function of target and prediction, and its derivative by the prediction.

    The function returns one value per example; the mean over the batch is taken for you. If the derivative is
    left out it comes from JAX, if that is installed. The argument names, or `order`, say which argument is
    which, and `target` the shape of one target, if it is not that of an output; see `Custom`. Such a loss
    cannot be saved with a model: a file holds no code. Write a subclass of `Loss` for that.

    Examples
    --------
    >>> import numpy as np
    >>> fourth = custom(lambda t, y: ((y - t) ** 4).sum(-1), lambda t, y: 4 * (y - t) ** 3)
    >>> value, cache = fourth.forward(np.array([[2.0]]), np.array([[1.0]]))
    >>> float(value), fourth.backward(cache)
    (1.0, array([[4.]]))
    """
    return Custom(function, derivative, order, target)
