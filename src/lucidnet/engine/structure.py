"""What a compiled program depends on: the network, optimizer and so on, without their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from itertools import chain
from types import FunctionType
from typing import Any

from ..core.reads import Reads
from ..core.value import Value, of_library
from ..layers import Layer
from ..optimizers import Optimizer

SHARED = ("learning_rate", "weight_decay", "l1", "l2")
"""The numeric settings that all layers share."""


class Structured:
    """The base of what is equal if one compiled program serves both: if their `structure` is."""

    structure: Any

    def __eq__(self, other: object) -> bool:
        return self is other or (type(other) is type(self) and self.structure == other.structure)

    def __hash__(self) -> int:
        return hash(self.structure)


class Same:
    """Wraps a value that equals only itself."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def form(value: Any) -> Any:
    """Return what a program depends on in a value: its type and settings, except numbers passed to it.

    A user's own object equals only itself: what it does may depend on more than its fields.
    """
    if isinstance(value, Value) and of_library(value):
        numbers = _numbers_of(value)
        given = ((f.name, getattr(value, f.name)) for f in fields(value))
        return type(value), tuple((name, mark(own) if name in numbers else form(own)) for name, own in given)
    if isinstance(value, (tuple, list)):
        return type(value), tuple(map(form, value))
    if isinstance(value, Mapping):
        return dict, tuple((name, form(own)) for name, own in value.items())
    if value is None or isinstance(value, (bool, int, float, str)):
        return type(value), value
    named = isinstance(value, (type, FunctionType)) and str(value.__module__).startswith("lucidnet.")
    return value if named else Same(value)


class Structure:
    """What a program is compiled for, in a form that can be compared and hashed.

    Parameters
    ----------
    *values
        What is trained, as a whole.
    once : object, optional
        Made anew whenever a network is compiled. If something of a user's own is among the values a program
        is only good for one: its functions may read what has changed since.
    """

    def __init__(self, *values: Any, once: Any = None) -> None:
        made = form(values)
        self.reads = Reads(own := _own(made))
        self.form = (made, Same(once)) if once is not None and own else made
        self.hash = hash(self.form)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Structure):
            return False
        return self is other or (self.hash == other.hash and self.form == other.form)

    def __hash__(self) -> int:
        return self.hash


def _own(made: Any) -> tuple[Any, ...]:
    """Return the user's own objects in a form."""
    inside = map(_own, made) if isinstance(made, tuple) else ()
    return (made.value,) if isinstance(made, Same) else tuple(chain.from_iterable(inside))


def _numbers_of(value: Value) -> tuple[str, ...]:
    """Return the names of the settings that a program receives as numbers."""
    if isinstance(value, Layer):
        return (*SHARED, *value.schedulable)
    if isinstance(value, Optimizer):
        return ("learning_rate", *value.schedulable, *value.hosted)
    return ()


def mark(setting: Any) -> Any:
    """Replace a setting by a mark that tells only None, 0, and any other number or schedule apart."""
    return setting if setting is None or (not callable(setting) and not setting) else "a number"
