"""Values: frozen dataclasses that print, compare, hash and save themselves by their fields.

Layers, losses, optimizers and initializers are values. They hold settings, never arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from ..errors import SettingError, lookup

V = TypeVar("V", bound="Value")


class Value:
    """The base of all values; a subclass is a dataclass with ``frozen=True, repr=False``."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(_arguments(self))})"

    def settings(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, by name."""
        given = ((f, getattr(self, f.name)) for f in fields(self) if f.init)  # type: ignore[arg-type]
        return {f.name: value for f, value in given if not _same(value, f.default)}


def plain_numbers(value: Value) -> None:
    """Turn NumPy numbers among the fields of a value that is being made into Python's own."""
    for f in fields(value):  # type: ignore[arg-type]
        if isinstance(given := getattr(value, f.name, None), np.generic):
            object.__setattr__(value, f.name, given.item())


def of_library(value: object) -> bool:
    """Tell whether a class, or that of a value, is one of the library's own, and not a user's."""
    kind = value if isinstance(value, type) else type(value)
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def in_range(given: Any, least: float = 0.0, below: float | None = None) -> bool:
    """Tell whether something is a number, at least one bound and below another."""
    return isinstance(given, (int, float)) and given >= least and (below is None or given < below)


def at_step(setting: Any, step: int) -> float:
    """Return a setting at a step (0, 1, ...): it is a number, or a schedule, a function of the step."""
    number: float = float(setting(step)) if callable(setting) else setting
    return number


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and value == default


def _arguments(value: Value) -> list[str]:
    """The arguments that make this value, the leading ones without their names."""
    settings = value.settings()
    written, leading = [], True
    given = [f for f in fields(value) if f.init]  # type: ignore[arg-type]
    for f in sorted(given, key=lambda f: bool(f.kw_only)):
        leading = leading and f.name in settings and not f.kw_only
        if f.name in settings:
            written.append(repr(settings[f.name]) if leading else f"{f.name}={settings[f.name]!r}")
    return written


def get(kind: str, given: Any, known: Mapping[str, Callable[[], V]], base: type[V]) -> V:
    """Return a value from itself, its class or its name.

    Raises
    ------
    UnknownNameError
        If the name is not known; the message suggests the nearest one.
    SettingError
        If what was given is neither a name nor a value of this kind.
    """
    if isinstance(given, base):
        return given
    if isinstance(given, type) and issubclass(given, base):
        return given()
    if isinstance(given, str):
        return lookup(kind, given, known)()
    names = ", ".join(sorted(known))
    raise SettingError(f"{kind}: expected a name ({names}) or an instance of {base.__name__}, got {given!r}")


def to_config(value: Any) -> Any:
    """Turn a value into plain dicts, lists, numbers and strings, ready for JSON."""
    if isinstance(value, Value) and is_dataclass(value):
        # All fields, also the default ones: a default may change between versions.
        given = {f.name: to_config(getattr(value, f.name)) for f in fields(value) if f.init}
        return {"type": type(value).__name__} | given
    if isinstance(value, (list, tuple)):
        return [to_config(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise SettingError(
        f"{value!r} cannot be saved: a file holds names and numbers, never code; "
        "make it a class of its own (a frozen dataclass) and pass it as custom={...} when loading"
    )


def from_config(config: Any, registry: Mapping[str, type]) -> Any:
    """Build the value that `to_config` described; only classes of the registry are made.

    Raises
    ------
    UnknownNameError
        If the description names a class that the registry does not hold.
    """
    if isinstance(config, dict):
        settings = {str(k): from_config(v, registry) for k, v in config.items() if k != "type"}
        return lookup("type", str(config.get("type")), registry)(**settings)
    if isinstance(config, list):
        return tuple(from_config(item, registry) for item in config)
    return config
