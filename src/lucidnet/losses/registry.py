"""The losses of the library, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core.exports import Known
from ..core.settings import is_function, shown
from ..core.value import get as _get
from ..errors import SettingError, lookup
from ..foreign import attribute
from ..foreign.networks import library
from .base import Loss
from .custom import custom

if TYPE_CHECKING:
    from .joint import Joint

KNOWN = Known(
    "lucidnet.losses",
    Loss,
    {
        "mse": "MeanSquaredError",
        "mean_squared_error": "MeanSquaredError",
        "half_squared_error": "HalfSquaredError",
        "mae": "MeanAbsoluteError",
        "mean_absolute_error": "MeanAbsoluteError",
        "binary_crossentropy": "BinaryCrossentropy",
        "categorical_crossentropy": "CategoricalCrossentropy",
        "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
        "categorical_hinge": "CategoricalHinge",
        "kl_divergence": "KLDivergence",
        "cosine": "CosineDistance",
    },
)
"""The loss classes, by name."""


def get(given: Any, weights: Mapping[str, float] | None = None) -> Loss:
    """Return the loss with a name; a loss returns itself; a function is wrapped, a dict joined.

    Parameters
    ----------
    given : str, Loss, callable, or dict of these
        The loss; one for each output by name, for a network with several.
    weights : dict of float, optional
        How much the loss of each output counts; 1 for those left out.

    Examples
    --------
    >>> get("mse")
    MeanSquaredError()
    """
    if weights is None and isinstance(given, (str, Loss)):
        return _get("loss", given, KNOWN, Loss)
    if weights is not None and not isinstance(weights, Mapping):
        raise SettingError(f"loss_weights: expected a dict of numbers by output, got {shown(weights)}")
    if isinstance(given, Mapping):
        return _joint(given, weights or {})
    if weights:
        raise SettingError(f"loss_weights: is for a dict of losses by output, got loss={shown(given)}")
    if is_function(given):
        theirs = type(given).__name__
        if library(given) and (ours := attribute("lucidnet.losses", theirs)):
            raise SettingError(f"loss: {theirs} takes tensors of {library(given)}: here it is losses.{ours}")
        return custom(given)
    return _get("loss", given, KNOWN, Loss)


def _joint(given: Mapping[str, Any], weights: Mapping[str, float]) -> Joint:
    from .joint import Joint

    for name in weights:
        lookup("output in loss_weights", name, given)
    losses = tuple((name, get(loss)) for name, loss in given.items())
    return Joint(losses, tuple(weights.get(name, 1.0) for name in given))
