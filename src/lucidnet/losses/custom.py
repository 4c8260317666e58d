"""One's own loss, from a function and its derivative."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..backend import Array
from ..backend import derivative as automatic
from ..core import settings
from ..core.value import value
from .base import Cache, Loss


@value
class CustomLoss(Loss):
    """L_i = f(y, t)_i,  dL_i/dy_i = f'(y, t)_i.

    Parameters
    ----------
    function : callable
        From predictions (n, ..., k) and targets to one value per example (n, ...).
    derivative : callable
        From the same to the derivative of each value by its prediction, (n, ..., k).
    """

    function: Callable[[Array, Array], Array] = settings.function()
    derivative: Callable[[Array, Array], Array] = settings.function()

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        return self.function(prediction, target), (prediction, target)

    def slope(self, cache: Cache) -> Array:
        return self.derivative(*cache)

    @classmethod
    def samples(cls) -> Iterator[Loss]:
        yield cls(lambda y, t: ((y - t) ** 4).sum(-1), lambda y, t: 4 * (y - t) ** 3)


def custom(
    function: Callable[[Array, Array], Array],
    derivative: Callable[[Array, Array], Array] | None = None,
) -> CustomLoss:
    """Make a loss of a function of (prediction, target) and its derivative by the prediction.

    The function returns one value per example; the mean over the batch is taken for you. Where the
    derivative is left out it comes from JAX, if that is installed. Such a loss cannot be saved with
    a model: a file holds no code. Write a subclass of `Loss` for that.

    Examples
    --------
    >>> import numpy as np
    >>> fourth = custom(lambda y, t: ((y - t) ** 4).sum(-1), lambda y, t: 4 * (y - t) ** 3)
    >>> value, cache = fourth.forward(np.array([[2.0]]), np.array([[1.0]]))
    >>> float(value), fourth.backward(cache)
    (1.0, array([[4.]]))
    """
    return CustomLoss(function, derivative or automatic(function, "this loss"))
