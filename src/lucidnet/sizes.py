"""A network of dense layers, built from the sizes of its layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .core.calls import takes
from .core.settings import UnfitError, listed, sequence, setting, whole
from .errors import SettingError
from .layers import Dense, Input, Layer, activations
from .model import Model


def _as_activations(given: Any, owner: Any) -> Any:
    """Return an activation, or a tuple of activations."""
    if isinstance(given, (str, Layer)):
        return activations.get(given)
    return tuple(_as_activations(one, owner) for one in listed(given))


@takes(
    sizes=sequence("two or more sizes of layers, of the inputs first", whole(1), least=2),
    activation=setting("an activation, or one for each hidden layer", _as_activations),
    output=setting("an activation", lambda given, owner: _one(given), optional=True),
)
def mlp(
    sizes: Sequence[int],
    *,
    activation: str | Layer | Sequence[str | Layer] = "relu",
    output: str | Layer | None = None,
    **model: Any,
) -> Model:
    """Return a `Model` of dense layers of these sizes: inputs first, outputs last.

    Parameters
    ----------
    sizes : sequence of int
        The number of features of an input, the units of each hidden layer, and the number of outputs.
    activation : str, Layer, or sequence of them
        The activation of the hidden layers, or one for each.
    output : str or Layer, optional
        The activation of the last layer: ``"softmax"`` for classes, ``"sigmoid"`` for yes or no; none if not
        given, as for numbers.
    **model
        Other arguments of `Model`: ``seed``, ``dtype``, ``backend``, ``mesh``.

    Examples
    --------
    >>> mlp([2, 3, 2], output="softmax", seed=1)
    Model([
        Input((2,), name='input0'),
        Dense(3, ReLU(), name='dense1'),
        Dense(2, Softmax(), name='dense2'),
    ], seed=1, dtype='float32')
    """
    first, *hidden, last = sizes
    each = activation if isinstance(activation, tuple) else (activation,) * len(hidden)
    if len(each) != len(hidden):
        last_too = "; that of the last layer is output=" * (len(each) == len(hidden) + 1)
        raise SettingError(
            f"mlp: activation has {len(each)} activations for {len(hidden)} hidden layers{last_too}"
        )
    layers = [Dense(units, activation=one) for units, one in zip(hidden, each, strict=True)]
    end = Dense(last, activation="linear" if output is None else output)
    return Model([Input(first), *layers, end], **model)


def _one(given: Any) -> Layer:
    if not isinstance(given, (str, Layer)):
        raise UnfitError
    return activations.get(given)
