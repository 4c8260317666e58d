"""Containers with other layers inside."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from .base import Layer


def rebuilt(container: Layer, swap: Callable[[Any], Any]) -> Layer:
    """Return a copy of a container; `swap` gets everything in its fields, and returns what stands there."""
    made = copy.copy(container)
    for field in fields(container) if is_dataclass(container) else ():
        object.__setattr__(made, field.name, _swapped(getattr(container, field.name), swap))
    return made


def _swapped(value: Any, swap: Callable[[Any], Any]) -> Any:
    if hasattr(value, "_replace"):  # a named tuple
        return type(value)(*(_swapped(item, swap) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_swapped(item, swap) for item in value)
    if isinstance(value, dict):
        return {name: _swapped(item, swap) for name, item in value.items()}
    return swap(value)


def with_leaves(net: Layer, change: Callable[[Layer], Layer]) -> Layer:
    """Return a network whose leaves, the layers without others inside, are changed ones."""

    def swap(value: Any) -> Any:
        return with_leaves(value, change) if isinstance(value, Layer) else value

    return rebuilt(net, swap) if net.children() else change(net)
