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
from .text import FUNCTIONS, WIDTH, call, shortened

V = TypeVar("V", bound="Value")
C = TypeVar("C", bound=type)


class Value(Record):
    """The base of all values; a subclass is declared with `value`, or is a frozen dataclass."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if "__post_init__" in vars(cls) and not of_library(cls):
            _check_first(cls, cls.__post_init__)

    def __post_init__(self) -> None:
        """Convert and check all settings; subclasses add checks that relate several of them."""
        own = vars(self)
        for name, check in plan_of(type(self)).checks:
            given = own.get(name, MISSING)
            if check is None:
                if isinstance(given, np.generic):
                    own[name] = given.item()
            elif given is not MISSING and (given is not None or not check.optional):
                own[name] = converted(check, self, name, given)

    def __repr__(self) -> str:
        line = in_line(self)
        return line if len(line) <= WIDTH else shortened(_in_lines(self))

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
        Whether its own settings must be given by name.

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
    """Tell whether a class declares a setting together with its check."""
    return dict(plan_of(kind).checks).get(name) is not None


def _check_first(kind: Any, own: Callable[..., None]) -> None:
    """Check all settings before a user's own `__post_init__` runs, whether or not it calls the base's."""

    @wraps(own)
    def checked_first(self: Any, *given: Any) -> None:
        Value.__post_init__(self)
        own(self, *given)

    kind.__post_init__ = checked_first


def of_library(value: object) -> bool:
    """Tell whether a class, or a value's class, is defined in the library rather than by a user."""
    kind = value if isinstance(value, type) else type(value)
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def at_step(setting: Any, step: int) -> float:
    """Return a setting's value at a step (0, 1, ...): the number, or the schedule's value."""
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


def described(value: Value) -> str:
    """Format a value by its settings, in one line, even if a user's class has a repr of its own."""
    return f"{type(value).__name__}({', '.join(_arguments(value, in_line))})"


def in_line(value: Any) -> str:
    """Format a value, or one of its settings, in one line of any length."""
    if isinstance(value, Value) and type(value).__repr__ is Value.__repr__:
        return described(value)
    if isinstance(value, FUNCTIONS):
        return value.__name__
    if isinstance(value, tuple) and not _has_words(value):
        return f"({', '.join(map(in_line, value))}{',' * (len(value) == 1)})"
    return repr(value)


def _has_words(several: tuple[Any, ...]) -> bool:
    """Tell whether a tuple's repr shows the names of its fields."""
    return hasattr(several, "_fields") and not repr(several).startswith("(")


def _in_lines(value: Any) -> str:
    """Format a value or a setting; if it is too long for a line, one argument per line."""
    line = in_line(value)
    if len(line) <= WIDTH - 10:
        return line
    if isinstance(value, tuple) and not _has_words(value):
        return call("", [_in_lines(part) for part in value])
    own = isinstance(value, Value) and type(value).__repr__ is Value.__repr__
    return call(type(value).__name__, _arguments(value, _in_lines)) if own else line


def _arguments(value: Value, write: Callable[[Any], str]) -> list[str]:
    """Return the arguments that would make this value, the leading ones without their names."""
    if not plan_of(type(value)).declared:  # a base class, or a user's class that is no dataclass
        return []
    settings = value.settings()
    written, leading = [], True
    given = [f for f in fields(value) if f.init] if is_dataclass(value) else []
    for f in sorted(given, key=lambda f: bool(f.kw_only)):
        leading = leading and f.name in settings and not f.kw_only
        if f.name in settings:
            setting = write(settings[f.name])
            written.append(setting if leading else f"{f.name}={setting}")
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
        f"{f'; one of your own is a subclass of {base.__name__}' if _is_own(given) else ''}"
    )


def _is_own(given: Any) -> bool:
    """Tell whether something is a function or an object of somebody's own, and no plain data."""
    return callable(given) or hasattr(given, "__dict__")


DEEPEST = 100
"""How deeply values may be nested in a file; Python's own limit, about twice that, strikes anywhere."""


def to_config(value: Any, depth: int = 0, place: str = "", other: Callable[[Any], Any] | None = None) -> Any:
    """Turn a value into plain dicts, lists, numbers and strings, ready for JSON.

    Parameters
    ----------
    value : Value, or several
        The value.
    depth, place
        How deep and where in others it lies.
    other : callable, optional
        Describes code and the like, if this is to be compared, and not to be read again.

    Raises
    ------
    SettingError
        If something in it is code, and is not described; says where (`place`), and what to do.
    """
    if isinstance(value, Value) and is_dataclass(value):
        _check_depth(depth)
        own = " ".join(filter(None, (type(value).__name__, getattr(value, "name", ""))))
        # All fields, including defaults: a default may change between versions.
        given = {
            f.name: to_config(getattr(value, f.name), depth + 1, f"{own}: {f.name}=", other)
            for f in fields(value)
            if f.init
        }
        return {"type": type(value).__name__} | given
    if isinstance(value, (list, tuple)):
        return [to_config(item, depth, place, other) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if other is not None and isinstance(value, Mapping):
        return {str(name): to_config(item, depth, place, other) for name, item in value.items()}
    if other is not None:
        return other(value)
    if isinstance(value, Value):
        raise SettingError(
            f"{place}{shown(value)} cannot be saved: its class is no dataclass, so that nobody knows its "
            f"settings: write @dataclass(frozen=True, repr=False) above class {type(value).__name__}"
        )
    raise SettingError(
        f"{place}{shown(value)} cannot be saved: a file holds names and numbers, never code. Write a class "
        "(class Mine(Layer), or of a Loss or Schedule), and load with custom={'Mine': Mine}; or keep the "
        "weights alone, numpy.save(file, model.get_weights()), for model.set_weights(numpy.load(file))"
    )


def from_config(config: Any, registry: Mapping[str, type], depth: int = 0) -> Any:
    """Build the value that `to_config` described; only classes of the registry are made.

    Raises
    ------
    UnknownNameError
        If the description names a class that the registry does not hold.
    SettingError
        If a setting is wrong, or values are nested more than `DEEPEST` deep.
    """
    if isinstance(config, dict):
        _check_depth(depth)
        settings = {str(k): from_config(v, registry, depth + 1) for k, v in config.items() if k != "type"}
        return lookup("type", str(config.get("type")), registry)(**settings)
    if isinstance(config, list):
        return tuple(from_config(item, registry, depth) for item in config)
    return config


def _check_depth(depth: int) -> None:
    if depth > DEEPEST:
        raise SettingError(f"more than {DEEPEST} layers lie in each other, which no file may hold")
