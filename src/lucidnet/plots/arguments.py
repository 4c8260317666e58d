"""What people call a picture with by mistake: a model for an array, an array for a model, a module."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from ..core.exports import exports
from ..errors import DataError, short

INSTEAD = {
    "activation_histograms": 'a history: model.fit(x, y, record=["activations/*"])',
    "alignment": 'a history: model.fit(x, y, record=["gradient_alignment"])',
    "attention_weights": "an array (heads, queries, keys); of a model: attention_maps(model, x)",
    "confusion_matrix": "a matrix of counts: metrics.confusion_matrix(y, model.predict(x))",
    "distance_map": "distances (rows, columns): SelfOrganizingMap.distances",
    "first_layer_weights": 'weights (inputs, units): model.params["dense1"]["W"]',
    "heat_map": 'weights: model.params["dense1"]["W"]',
    "learning_rate_finder": "learning rates and losses: model.find_learning_rate(x, y).plot()",
    "overview": 'a history and weights: overview(model.history, model.params["dense1"]["W"])',
    "race_curves": "the curves of a race: lucidnet.race(...).plot()",
    "training_curves": "a history: model.history",
    "worst_mistakes": "arrays: worst_mistakes(x, y, model.predict(x))",
}
"""What to write where a model was given in place of an array."""

MAPPINGS = ("history", "records", "quantities")
"""The arguments that hold numbers by name."""


def check_kinds(
    picture: str, parameters: Iterable[str], given: Iterable[Any], named: Mapping[str, Any]
) -> None:
    """Raise if a model was given to a picture that is made of arrays, or something else in place of a model.

    Parameters
    ----------
    picture : str
        The name of the function.
    parameters : iterable of str
        The names of its parameters.
    given, named
        The arguments that it was called with, in order and by name.
    """
    for name, value in [*zip(parameters, given, strict=False), *named.items()]:
        if name == "model" and not _is_model(value):
            raise DataError(f"{picture}: model: expected a lucidnet.Model, got {short(value)}")
        if name != "model" and _is_model(value):
            raise DataError(f"{picture}: expected {INSTEAD.get(picture, 'an array')}; {name} is a Model")
        if name in MAPPINGS and not isinstance(getattr(value, "steps", value), Mapping):
            raise DataError(f"{picture}: expected {INSTEAD[picture]}, got {short(value)}")


def _is_model(value: Any) -> bool:
    kind = type(value)
    return all(hasattr(kind, name) for name in ("net", "predict", "params"))


class Part(ModuleType):
    """A module of pictures; who calls it, as in ``plots.weights(model)``, is told what is in it."""

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Raise, and say which pictures this module has."""
        table = exports(self.__name__.rpartition(".")[0])
        found = [name for name, place in table.items() if place.module == self.__name__]
        raise TypeError(f"{self.__name__} is a module, no function: its pictures are {', '.join(found)}")


def make_part(module: str) -> None:
    """Have a module say which pictures it has when it is called."""
    if type(there := sys.modules.get(module)) is ModuleType:
        there.__class__ = Part
