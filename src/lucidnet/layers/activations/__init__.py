"""Activations: layers without parameters that act on each element, or on the last axis.

`Dense(10, activation="relu")` takes one by name; `Activation("relu")` is the same as a layer of its
own. One's own is `custom(function, derivative)`, or a subclass of `Layer`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...backend import Array
from ...core.settings import is_function, title_of
from ...core.value import get as _get
from ...errors import SettingError
from ..base import NO_STREAM, Layer
from .base import ActivationLayer, Linear
from .custom import CustomActivation, custom
from .rectifiers import ELU, SELU, Abs, LeakyReLU, ReLU
from .sigmoidal import HardSigmoid, Sigmoid, Softplus, Softsign, Tanh
from .smooth import GELU, Mish, SiLU
from .softmax import LogSoftmax, Softmax

KNOWN: dict[str, Callable[[], Layer]] = {
    "linear": Linear,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "silu": SiLU,
    "mish": Mish,
    "softplus": Softplus,
    "softsign": Softsign,
    "hard_sigmoid": HardSigmoid,
    "abs": Abs,
    "softmax": Softmax,
    "log_softmax": LogSoftmax,
}

ONE = "a name, a layer without weights, or a function"
"""What a layer takes as its activation."""

__all__ = [
    "ELU",
    "GELU",
    "KNOWN",
    "SELU",
    "Abs",
    "Activation",
    "ActivationLayer",
    "CustomActivation",
    "HardSigmoid",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Mish",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "custom",
    "get",
    "inside",
]


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
    """Return an activation that another layer holds: one without weights, for it has no place for them."""
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
    """Make a layer of an activation: known by name, or one's own function with its derivative.

    Parameters
    ----------
    function : str, Layer or callable
        A known name, an activation, or an elementwise function of an array.
    derivative : callable, optional
        Derivative of one's own function; from automatic differentiation in JAX if left out.
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
    if callable(function) and not isinstance(function, type):
        return replace(custom(function, derivative), name=name)
    return replace(get(function), name=name)
