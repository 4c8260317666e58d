"""The closed table of classes that a file may name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from .. import initializers, layers, losses, metrics, optimizers, rules
from ..core.value import Value
from ..errors import SettingError

MODULES = (layers, initializers, losses, optimizers, optimizers.schedules, metrics, rules)


def registry(custom: Mapping[str, type] | None = None) -> dict[str, type]:
    """Return the classes of the package by name, and the caller's own.

    Raises
    ------
    SettingError
        If one's own class has the name of one of the package's, or is not a class of values.
    """
    known = {
        name: kind
        for module in MODULES
        for name in getattr(module, "__all__", vars(module))
        if inspect.isclass(kind := getattr(module, name)) and issubclass(kind, Value)
    }
    for name, kind in (custom or {}).items():
        if name in known:
            raise SettingError(f"custom: {name!r} is the name of a class of lucidnet; rename yours")
        if not (inspect.isclass(kind) and issubclass(kind, Value)):
            raise SettingError(f"custom: {name!r} must be a class such as a Layer or a Loss, got {kind!r}")
    return known | dict(custom or {})
