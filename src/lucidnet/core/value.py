"""Values: frozen dataclasses that print, compare, hash, check and save themselves by their fields.

Layers, losses, optimizers and initializers are values. They hold settings, never arrays. A value of the
library is declared with `value`, and its settings with what `core.settings` has::

    @value
    class Dense(Layer):
        units: int = whole(1)
        use_bias: bool = flag(default=True)

One constructor, one comparison and one hash, those of `Value`, serve all of them: nothing is written and
compiled for each class, as `dataclasses.dataclass` does at import. A user's own subclass may be declared
so, or with ``@dataclass(frozen=True, repr=False)``; either way the settings that it inherits are checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, fields, is_dataclass
from functools import wraps
from typing import Any, TypeVar, dataclass_transform, overload

import numpy as np

from ..errors import SettingError, lookup
from . import settings
from .record import Record, plan_of, with_fields
from .settings import converted, shown

V = TypeVar("V", bound="Value")
C = TypeVar("C", bound=type)


class Value(Record):
    """The base of all values; a subclass is declared with `value`, or is a frozen dataclass."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if "__post_init__" in vars(cls) and not of_library(cls):
            _check_first(cls, cls.__post_init__)

    def __post_init__(self) -> None:
        """Convert and check all settings; a subclass goes on with what relates several of them."""
        own = vars(self)
        for name, check in plan_of(type(self)).checks:
            given = own.get(name, MISSING)
            if check is None:
                if isinstance(given, np.generic):
                    own[name] = given.item()
            elif given is not MISSING:
                own[name] = converted(check, self, name, given)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(_arguments(self))})"

    def settings(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, by name."""
        if not is_dataclass(self):  # a user's own class without settings
            return {}
        given = ((f, getattr(self, f.name)) for f in fields(self) if f.init)
        return {f.name: value for f, value in given if not _same(value, f.default)}


@overload
def value(kind: C, /) -> C: ...


@overload
def value(*, kw_only: bool) -> Callable[[C], C]: ...


@dataclass_transform(
    frozen_default=True,
    field_specifiers=(
        field,
        settings.setting,
        settings.whole,
        settings.count,
        settings.finite,
        settings.between,
        settings.scheduled,
        settings.flag,
        settings.choice,
        settings.text,
        settings.texts,
        settings.named,
        settings.instance,
        settings.function,
        settings.anything,
        settings.sequence,
    ),
)
def value(kind: Any = None, /, *, kw_only: bool = False) -> Any:
    """Make a subclass of `Value` a frozen dataclass, with the constructor, comparison and hash of `Value`.

    Parameters
    ----------
    kind : type
        The class; its annotations are its settings.
    kw_only : bool
        Whether its own settings can be given by name only.

    Examples
    --------
    >>> from lucidnet.core.settings import flag, whole
    >>> @value
    ... class Lens(Value):
    ...     width: int = whole(1)
    ...     coated: bool = flag(default=False)
    >>> Lens(3), Lens(3) == Lens(width=3), hash(Lens(3)) == hash(Lens(3))
    (Lens(3), True, True)
    >>> Lens("3")
    Traceback (most recent call last):
    lucidnet.errors.SettingError: Lens: width must be a whole number of 1 or more, got '3'
    """
    if kind is None:
        return lambda kind: with_fields(kind, kw_only)
    return with_fields(kind, kw_only)


def is_declared(kind: type, name: str) -> bool:
    """Tell whether a setting of a class is declared with its check."""
    return dict(plan_of(kind).checks).get(name) is not None


def _check_first(kind: Any, own: Callable[..., None]) -> None:
    """Let a user's own `__post_init__` find all settings checked, whether it asks for that or not."""

    @wraps(own)
    def checked_first(self: Any, *given: Any) -> None:
        Value.__post_init__(self)
        own(self, *given)

    kind.__post_init__ = checked_first


def of_library(value: object) -> bool:
    """Tell whether a class, or that of a value, is one of the library's own, and not a user's."""
    kind = value if isinstance(value, type) else type(value)
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def at_step(setting: Any, step: int) -> float:
    """Return a setting at a step (0, 1, ...): it is a number, or a schedule, a function of the step."""
    if not callable(setting):
        number: float = setting
        return number
    made = setting(step)
    if type(made) is float and math.isfinite(made):
        return made
    from .numeric import scalar

    return scalar(made, f"the schedule {shown(setting)} at step {step}")


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and value == default


def _arguments(value: Value) -> list[str]:
    """The arguments that make this value, the leading ones without their names."""
    settings = value.settings()
    written, leading = [], True
    given = [f for f in fields(value) if f.init] if is_dataclass(value) else []
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
        if plan_of(given).required:
            raise SettingError(f"{kind}: {given.__name__} needs settings of its own: give a value of it")
        return given()
    if isinstance(given, str):
        return lookup(kind, given, known)()
    names = ", ".join(sorted(known))
    raise SettingError(
        f"{kind}: expected a name ({names}) or an instance of {base.__name__}, got {shown(given)}"
    )


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
