"""Activations by name, and activations as separate layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...backend import Array
from ...core.exports import Known
from ...core.settings import is_function, shown, title_of
from ...core.value import get as _get
from ...errors import SettingError
from ..base import NO_STREAM, Layer
from .base import ActivationLayer
from .custom import custom

KNOWN = Known(
    "lucidnet.layers.activations",
    ActivationLayer,
    {"leaky_relu": "LeakyReLU", "hard_sigmoid": "HardSigmoid", "log_softmax": "LogSoftmax"},
)
"""The activation classes, by name."""

ONE = "a name, a layer without weights, or a function"
"""What a layer accepts as its activation."""


def get(given: Any) -> Layer:
    """Return the activation with a name; an activation returns itself; a function is wrapped.

    Examples
    --------
    >>> get("tanh")
    Tanh()
    """
    if is_function(given):
        return custom(given)
    return _get("activation", given, KNOWN, Layer)


def inside(given: Any, owner: Layer) -> Layer:
    """Return the activation for another layer to hold; raise if it has weights of its own."""
    made = get(given)
    if made.children() or made.init(NO_STREAM, (1,))[0]:
        raise SettingError(
            f"{title_of(owner)}: activation must be a layer without weights, got {made!r}; "
            "put it behind, as a layer of its own"
        )
    return made


def Activation(  # noqa: N802 - it makes a layer, and reads as one
    function: str | Layer | Callable[[Array], Array],
    derivative: Callable[[Array], Array] | None = None,
    *,
    name: str = "",
) -> Layer:
    """Make a layer of an activation: a known one by name, or your own function with its derivative.

    Parameters
    ----------
    function : str, Layer or callable
        A known name, an activation, or an elementwise function of an array.
    derivative : callable, optional
        Derivative of your own function; by automatic differentiation in JAX if left out.
    name : str, optional
        The name of the layer.

    Examples
    --------
    >>> Activation("relu", name="gate")
    ReLU(name='gate')
    >>> import numpy as np
    >>> Activation(lambda x: x * x, lambda x: 2 * x).forward({}, np.array([3.0]))[0]
    array([9.])
    """
    if callable(function) and is_function(function):
        return replace(custom(function, derivative), name=name)
    if derivative is not None:
        raise SettingError(
            f"Activation: derivative has no effect, as {shown(function)} brings its own: leave it out"
        )
    return replace(get(function), name=name)
