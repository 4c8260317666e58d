"""Wrong arguments that pictures are often called with: a model for an array, or the other way round."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from ..core.exports import exports
from ..core.settings import (
    UnfitError,
    choice,
    finite,
    listed,
    real,
    sequence,
    setting,
    taken,
    text,
    whole,
)
from ..errors import DataError, ShapeError, short

INSTEAD = {
    "activation_histograms": 'a history: model.fit(x, y, record=["activations/*"])',
    "alignment": 'a history: model.fit(x, y, record=["gradient_alignment"])',
    "attention_weights": "an array (heads, queries, keys); of a model: attention_maps(model, x)",
    "distance_map": "distances (rows, columns): SelfOrganizingMap.distances",
    "heat_map": 'weights: model.params["dense1"]["W"]',
    "learning_rate_finder": "learning rates and losses: model.lr_find(x, y).plot()",
    "overview": 'a history and weights: overview(model.history, model.params["dense1"]["W"])',
    "race_curves": "the curves of a race: lucidnet.race(...).plot()",
    "confusion_matrix": "counts (classes, classes), or a model and its data: confusion_matrix(model, x, y)",
    "training_curves": "a history: model.history",
    "worst_mistakes": "arrays, or a model and its data: worst_mistakes(model, x, y)",
}
"""What to write if a model was given instead of an array."""


CURVE = ("rates", "losses", "suggestion")
"""What `Model.lr_find` returns has these."""


def of_model(
    picture: str, given: Sequence[Any], named: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Replace a model, and its data if needed, or a curve, by the arrays that a picture is drawn from."""
    from ..data.named import probabilities

    if given and picture == "learning_rate_finder" and all(hasattr(given[0], name) for name in CURVE):
        return [*(getattr(given[0], name) for name in CURVE), *given[1:]], named
    if not given or not _is_model(model := given[0]):
        return given, named
    if picture == "first_layer_weights":
        W, shape = _first_weights(model), model.input_shape
        image = isinstance(shape, tuple) and len(shape) in (2, 3) and None not in shape
        if len(given) == 1 and image and math.prod(shape) == len(W):
            named = {"image_shape": shape, **named}
        return [W, *given[1:]], named
    if picture == "confusion_matrix" and len(given) == 3:
        from ..metrics import confusion_matrix

        y, made = given[2], probabilities(model, given[1])
        if model.net.makes_masks and (there := model.output_mask(given[1])) is not None:
            y, made = np.asarray(y)[there], made[there]  # as `evaluate` counts them
        counts = confusion_matrix(y, made, classes=model.classes)
        return [counts], {"classes": model.classes, **named}
    if picture == "worst_mistakes" and len(given) in (3, 4):
        x, y, *rest = given[1:]
        return [x, y, probabilities(model, x), *rest], {"classes": model.classes, **named}
    return given, named


def _first_weights(model: Any) -> Any:
    """Return the weights (inputs, units) of the first layer with weights."""
    from ..core.trees import leaves

    model.build()
    found = next((array for path, array in leaves(model.params) if path[-1] == "W"), None)
    if found is None or found.ndim != 2:
        what = "none" if found is None else f"weights {found.shape}; see convolution_filters(model)"
        raise ShapeError(
            f"first_layer_weights: expected weights (inputs, units) in the first layer, got {what}"
        )
    return found


def _names(given: Any, owner: Any) -> list[str]:
    return [str(name) for name in listed(given)]


def _tokens(given: Any, owner: Any) -> list[str]:
    return list(given) if isinstance(given, str) else _names(given, owner)


def _counts(given: Any, owner: Any) -> dict[str, int]:
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise UnfitError
    return {name: taken(owner, f"failed[{name!r}]", number, whole(0)) for name, number in given.items()}


def _rate(given: Any, owner: Any) -> float | None:
    """Accept a learning rate above zero; NaN, which means that there is none, becomes None."""
    if isinstance(given, float) and given != given:
        return None
    number = real(given)
    if number <= 0:
        raise UnfitError
    return number


SHAPES = "(height, width) or (height, width, channels)"
MOST = 10_000
"""The most points along an axis: nobody sees more."""

_TOKENS = setting("a sequence of names, or a text of characters", _tokens, optional=True)
TAKEN = {
    "classes": setting("a sequence of names", _names, optional=True),
    "directions": choice(1, 2),
    "failed": setting("a mapping of names to numbers of runs", _counts, optional=True),
    "image_shape": sequence(f"whole numbers, {SHAPES}", whole(1), optional=True),
    "keys": _TOKENS,
    "layer": text(optional=True),
    "limit": whole(1),
    "points": whole(3, MOST),
    "resolution": whole(2, MOST),
    "seed": whole(0),
    "span": finite(above=0),
    "suggestion": setting("a number above 0", _rate, optional=True),
    "tokens": _TOKENS,
}
"""Arguments of pictures that are not data, by name."""

MAPPINGS = ("history", "records", "quantities")
"""The arguments that hold numbers by name."""


def check_kinds(
    picture: str, parameters: Iterable[str], given: Iterable[Any], named: Mapping[str, Any]
) -> None:
    """Raise if a picture got a model where it needs arrays, or something else where it needs a model.

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
        if name in MAPPINGS and not _by_name(getattr(value, "steps", value)):
            raise DataError(f"{picture}: {name}: expected {INSTEAD[picture]}, got {short(value)}")


def fitting(picture: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments, with those that are not data checked."""
    return {
        name: taken(picture, name, value, TAKEN[name]) if name in TAKEN else value
        for name, value in given.items()
    }


def _by_name(given: Any) -> bool:
    """Tell whether something is a mapping of names to sequences."""
    if not isinstance(given, Mapping):
        return False
    return all(isinstance(name, str) and hasattr(value, "__len__") for name, value in given.items())


def _is_model(value: Any) -> bool:
    kind = type(value)
    return all(hasattr(kind, name) for name in ("net", "predict", "params"))


class Part(ModuleType):
    """A module of pictures; calling it, as in ``plots.weights(model)``, is an error that lists them."""

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Raise an error that lists the pictures of this module."""
        table = exports(self.__name__.rpartition(".")[0])
        found = [name for name, place in table.items() if place.module == self.__name__]
        raise TypeError(f"{self.__name__} is a module, no function: its pictures are {', '.join(found)}")


def make_part(module: str) -> None:
    """Make calling a module an error that lists its pictures."""
    if type(there := sys.modules.get(module)) is ModuleType:
        there.__class__ = Part
