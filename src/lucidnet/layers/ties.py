"""Tied weights: a layer that uses another layer's weights, transposed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..backend import Tree
from ..core.trees import dotted
from ..errors import SettingError, ShapeError, suggestion
from .base import Layer, walk

TIED = "W"
"""The name of the tied weights, in the layer that owns them and in the one that uses them."""


def ties_of(layers: Sequence[tuple[str, Layer]]) -> dict[str, str]:
    """Return the name of the layer that each tied layer of a container takes its weights from."""
    return {name: layer.tied_to for name, layer in layers if layer.tied_to}


def check_owners(ties: Mapping[str, str], names: Iterable[str], where: str) -> None:
    """Raise if a layer is tied to a missing layer, or to one that is tied itself."""
    for name, owner in ties.items():
        others = [other for other in names if other != name]
        if owner not in others:
            raise SettingError(
                f"{where}: layer {name!r} is tied to {owner!r}, but beside it there is no layer of this "
                f"name: {suggestion(owner, others)}"
            )
        if owner in ties:
            raise SettingError(f"{where}: layer {name!r} is tied to {owner!r}, which is tied itself")


def lent(ties: Mapping[str, str], params: Tree) -> Tree:
    """Return a container's parameters with the tied layers' weights filled in."""
    made = dict(params)
    for name, owner in ties.items():
        made[name] = {TIED: params[owner][TIED].T} | params[name]
    return made


def given_back(ties: Mapping[str, str], grads: Tree) -> Tree:
    """Return gradients in which those of tied weights are added to their owners'."""
    made = dict(grads)
    for name, owner in ties.items():
        own = dict(grads[name])
        lent_to = own.pop(TIED, None)
        made[name] = own
        if lent_to is not None:
            made[owner] = made[owner] | {TIED: made[owner][TIED] + lent_to.T}
    return made


def check_lent(ties: Mapping[str, str], params: Tree, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise if an owner's weights, transposed, do not have the shape (inputs, units) that is needed."""
    for name, owner in ties.items():
        weights = params[owner].get(TIED) if isinstance(params[owner], dict) else None
        if weights is None or len(getattr(weights, "shape", ())) != 2:
            raise ShapeError(
                f"layer {name!r} is tied to {owner!r}, which has no matrix {TIED}: tie it to an "
                "Embedding or a "
                "Dense"
            )
        if weights.shape[::-1] != shapes[name]:
            inputs, units = shapes[name]
            raise ShapeError(
                f"layer {name!r} is tied to {owner!r}: it takes {inputs} features and has {units} "
                "units, so the "
                f"weights there must be {(units, inputs)}, got {weights.shape}"
            )


def check_ties(net: Layer) -> None:
    """Raise if a tied layer lies where no container can provide its weights.

    Raises
    ------
    SettingError
        With its place.
    """
    inside = {path: dict(layer.children()) for path, layer in walk(net)}
    lending = {path for path, layer in walk(net) if layer.ties}
    for path, layer in walk(net):
        if layer.tied_to and (not path or path[:-1] not in lending or path[-1] not in inside[path[:-1]]):
            raise SettingError(
                f"{dotted(path) or 'the network'}, {layer.describe()}: tied={layer.tied_to!r} names a "
                "layer beside "
                "it in a Sequential or a Graph, and this one stands in neither"
            )
