"""The closed list of classes that a file may name."""

from __future__ import annotations

import inspect
from collections import ChainMap
from collections.abc import Mapping

from ..core.exports import Classes
from ..core.value import Value
from ..errors import SettingError

KNOWN = Classes(
    Value,
    "lucidnet.layers",
    "lucidnet.initializers",
    "lucidnet.losses",
    "lucidnet.optimizers",
    "lucidnet.optimizers.schedules",
    "lucidnet.metrics",
    "lucidnet.rules",
)
"""The values that the package exports, by name."""


def registry(custom: Mapping[str, type] | None = None) -> Mapping[str, type]:
    """Return the library's classes and the caller's own, by name.

    Raises
    ------
    SettingError
        If one's own class has the name of one of the package's, or is not a class of values.
    """
    own = dict(custom or {})
    for name, kind in own.items():
        if name in KNOWN:
            raise SettingError(f"custom: {name!r} is the name of a class of lucidnet; rename yours")
        if not (inspect.isclass(kind) and issubclass(kind, Value)):
            raise SettingError(f"custom: {name!r} must be a class such as a Layer or a Loss, got {kind!r}")
    return ChainMap(own, KNOWN)  # type: ignore[arg-type]  # which nobody writes to
