"""What a compiled program is for: a network and an optimizer without their numbers."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from ..layers import Layer
from ..layers.rebuild import rebuilt
from ..optimizers import Optimizer

SHARED = ("learning_rate", "weight_decay", "l1", "l2")
"""The numbers among the settings that all layers share."""


def structure(value: Any) -> Any:
    """Return a network or an optimizer without its numbers: what a program is for."""
    if isinstance(value, Layer):
        return rebuilt(value, lambda layer, made, path: _marked(made, (*SHARED, *layer.schedulable)))
    inner = {name: structure(own) for name, own in inner_optimizers(value)}
    return _marked(value, ("learning_rate", *value.schedulable, *value.hosted), inner)


class Structure:
    """A network or an optimizer without its numbers, to be compared: what a compiled program is for.

    Parameters
    ----------
    *values : Layer, Optimizer or any other value
        What is compared; of others than the first two all counts.
    """

    def __init__(self, *values: Any) -> None:
        self.values = tuple(structure(v) if isinstance(v, Layer | Optimizer) else v for v in values)
        try:
            self.hash = hash(self.values)
        except TypeError:  # a user's layer with a setting that cannot be compared
            self.values, self.hash = (self,), id(self)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        same = isinstance(other, Structure) and self.hash == other.hash
        return same and self.values[0] is not self and self.values == other.values  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return self.hash


def _marked(value: Any, names: Sequence[str], others: Mapping[str, Any] | None = None) -> Any:
    """Return a copy of a value in which something stands for its numbers."""
    made = copy.copy(value)
    vars(made).update({name: mark(getattr(value, name)) for name in names} | dict(others or {}))
    return made


def mark(setting: Any) -> Any:
    """Return what stands for a setting: nothing, 0, or any other number or schedule."""
    return setting if setting is None or (not callable(setting) and not setting) else "a number"


def inner_optimizers(optimizer: Optimizer) -> list[tuple[str, Optimizer]]:
    """Return the optimizers inside another, by the names of its settings."""
    given = ((f.name, getattr(optimizer, f.name)) for f in fields(optimizer))
    return [(name, value) for name, value in given if isinstance(value, Optimizer)]
