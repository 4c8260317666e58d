"""A user's own activation, from a function and its derivative."""

from __future__ import annotations

from collections.abc import Callable

from ...backend import Array, Tree
from ...backend import derivative as automatic
from ...backend.results import called, followed, returned
from ...core import settings
from ...core.own import mixes
from ...core.value import value
from ...errors import SettingError
from ..base import INFERENCE, Cache, Run
from .base import ActivationLayer


@value
class CustomActivation(ActivationLayer):
    """y = f(x),  dy/dx = f'(x), element by element.

    Parameters
    ----------
    function, derivative : callable
        f and f', each from an array to an array of the same shape.

    Raises
    ------
    SettingError
        If a number that f returns depends on more than one of its inputs, as in softmax or ``x - x.mean(0)``:
        its derivative is then not one number for each input. A subclass of `Layer` may do that.
    """

    function: Callable[[Array], Array] = settings.function(takes=1)
    derivative: Callable[[Array], Array] = settings.function(takes=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if mixes(self.function):
            raise SettingError(
                f"activation: {settings.shown(self.function)} does not work element by element: what it "
                "returns in one place changes with what stands in others, as in softmax or x - x.mean(0). "
                "Write it as a subclass of Layer, with forward (and backward, which JAX finds if left out)"
            )

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return called(self.function, "this activation", x, shape=x.shape), x

    def backward(self, params: Tree, x: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        what = "the derivative of this activation"
        made = followed(what, self.derivative, x)
        return dy * (made if isinstance(made, (int, float)) else returned(made, x, what, x.shape)), {}


def custom(
    function: Callable[[Array], Array], derivative: Callable[[Array], Array] | None = None
) -> CustomActivation:
    """Make an activation of an elementwise function and its derivative.

    If the derivative is left out it comes from JAX, if that is installed. A function that mixes the numbers
    it is given, as softmax does, is an error: write a subclass of `Layer`. Such an activation cannot be saved
    with a model, as a file holds no code; a subclass of `Layer` can.

    Examples
    --------
    >>> import numpy as np
    >>> square = custom(lambda x: x * x, lambda x: 2 * x)
    >>> y, cache = square.forward({}, np.array([3.0]))
    >>> square.backward({}, cache, np.array([1.0]))[0]
    array([6.])
    """
    if derivative is None:
        derivative = automatic(function, "this activation", "layers.Activation(f, derivative)")
    return CustomActivation(function, derivative)
