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

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from inspect import Parameter, Signature, get_annotations
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar, dataclass_transform, overload

import numpy as np

from ..errors import SettingError, lookup
from . import settings
from .settings import Check, converted

V = TypeVar("V", bound="Value")
C = TypeVar("C", bound=type)

FROZEN: Any = dataclass(frozen=True, repr=False)(type("Frozen", (), {})).__dataclass_params__  # type: ignore[attr-defined]
"""What `dataclasses` notes of a frozen class: it stands in all values, so that a subclass may be one."""


class Plan(NamedTuple):
    """What one constructor, comparison and hash must know of a class."""

    positional: tuple[str, ...]
    """The settings that may be given without their names, in order."""
    defaults: dict[str, Any]
    """All settings that may be given, in order, with what they are if not given, or `MISSING`."""
    required: frozenset[str]
    """Those that must be given."""
    factories: tuple[str, ...]
    """Those whose default is a function that makes it."""
    compared: Callable[[Any], Any]
    """What is compared and hashed of a value."""
    checks: tuple[tuple[str, Check | None], ...]
    """What each setting takes; None where nothing is declared."""
    declared: bool
    """Whether the class, or one that it inherits from, is a dataclass."""


class _LazySignature:
    """The arguments of a class, for `inspect.signature` and ``help``; found when they are asked for."""

    def __get__(self, instance: Any, owner: type) -> Signature | None:
        if instance is not None:
            raise AttributeError("__signature__")
        return _signature(owner) if owner.__init__ is Value.__init__ else None  # type: ignore[misc]


class Value:
    """The base of all values; a subclass is declared with `value`, or is a frozen dataclass."""

    __signature__ = _LazySignature()

    def __init__(self, /, *args: Any, **given: Any) -> None:
        plan = plan_of(type(self))
        if args:
            if len(args) > len(plan.positional) or not given.keys().isdisjoint(plan.positional[: len(args)]):
                raise wrong_arguments(type(self), args, given)
            given |= zip(plan.positional, args, strict=False)
        made = plan.defaults | given
        if len(made) > len(plan.defaults) or not given.keys() >= plan.required:
            raise wrong_arguments(type(self), (), given)
        for name in plan.factories:
            if name not in given:
                made[name] = made[name]()
        vars(self).update(made)
        self.__post_init__()

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

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        plan = plan_of(type(self))
        if not plan.declared or other.__class__ is not self.__class__:
            return NotImplemented
        return bool(plan.compared(self) == plan.compared(other))

    def __hash__(self) -> int:
        plan = plan_of(type(self))
        return hash(plan.compared(self)) if plan.declared else object.__hash__(self)

    def __setattr__(self, name: str, given: Any) -> None:
        if _is_fixed(type(self), name):
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, given)

    def __delattr__(self, name: str) -> None:
        if _is_fixed(type(self), name):
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    def __replace__(self: V, /, **changes: Any) -> V:
        return replace(self, **changes)  # type: ignore[type-var]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(_arguments(self))})"

    def settings(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, by name."""
        given = ((f, getattr(self, f.name)) for f in fields(self) if f.init)  # type: ignore[arg-type]
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
        return lambda kind: value_of(kind, kw_only)
    return value_of(kind, kw_only)


def value_of(kind: Any, kw_only: bool) -> Any:
    """Note the fields of a class as `dataclasses` does."""
    inherited: dict[str, Field[Any]] = {}
    for base in kind.__mro__[-1:0:-1]:
        inherited |= getattr(base, "__dataclass_fields__", {})
    if own := get_annotations(kind):
        # `dataclass` reads them from a class that has nothing else: of its own it takes no frozen base.
        given = {name: vars(kind)[name] for name in own if name in vars(kind)}
        names = {"__annotations__": own, "__module__": kind.__module__, "__doc__": kind.__doc__ or "A value."}
        alike: Any = dataclass(init=False, repr=False, eq=False, match_args=False, kw_only=kw_only)(
            type(kind.__name__, (), given | names)
        )
        for name, f in alike.__dataclass_fields__.items():
            inherited[name] = f
            if f.default is not MISSING:
                setattr(kind, name, f.default)
            elif name in given:
                delattr(kind, name)
    kind.__dataclass_fields__, kind.__dataclass_params__ = inherited, FROZEN
    setattr(kind, "__match_args__", plan_of(kind).positional)  # noqa: B010 - mypy takes no plain assignment
    return kind


def is_declared(kind: type, name: str) -> bool:
    """Tell whether a setting of a class is declared with its check."""
    return dict(plan_of(kind).checks).get(name) is not None


def plan_of(kind: type) -> Plan:
    """Return what there is to know of a class; it is found once."""
    found: Plan | None = vars(kind).get("_plan")
    return _planned(kind) if found is None else found


def _planned(kind: Any) -> Plan:
    known = getattr(kind, "__dataclass_fields__", None)
    every = [] if known is None else list(fields(kind))
    given = [f for f in every if f.init]
    ordered = [f for f in given if not f.kw_only] + [f for f in given if f.kw_only]
    made = {f.name: f.default_factory for f in ordered if f.default_factory is not MISSING}
    compared = tuple(f.name for f in every if (f.compare if f.hash is None else f.hash))
    plan = Plan(
        tuple(f.name for f in ordered if not f.kw_only),
        {f.name: f.default for f in ordered} | made,
        frozenset(f.name for f in ordered if f.name not in made and f.default is MISSING),
        tuple(made),
        attrgetter(*compared) if compared else lambda value: (),
        tuple((f.name, f.metadata.get("check")) for f in given),
        known is not None,
    )
    kind._plan = plan
    return plan


def _is_fixed(kind: type, name: str) -> bool:
    """Tell whether an attribute must stay: all of a value, the settings of what is derived from one."""
    return "__dataclass_fields__" in vars(kind) or name in plan_of(kind).defaults


def _signature(kind: type) -> Signature:
    """Return the arguments of a class whose constructor is that of all values."""
    plan = plan_of(kind)
    types = {f.name: f.type for f in fields(kind)} if plan.declared else {}
    parameters = [
        Parameter(
            name,
            Parameter.POSITIONAL_OR_KEYWORD if name in plan.positional else Parameter.KEYWORD_ONLY,
            default=Parameter.empty if default is MISSING else default,
            annotation=types[name],
        )
        for name, default in plan.defaults.items()
    ]
    return Signature(parameters, return_annotation=None)


def wrong_arguments(kind: type, args: tuple[Any, ...], given: Mapping[str, Any]) -> Exception:
    """Return the error for arguments that a class does not take, in the words of Python."""
    plan, name = plan_of(kind), f"{kind.__qualname__}.__init__()"
    for unknown in given:
        if unknown not in plan.defaults:
            return unknown_argument(kind, unknown)
    if len(args) > len(plan.positional):
        most, least = len(plan.positional) + 1, 1
        least += sum(setting in plan.required for setting in plan.positional)
        takes = f"from {least} to {most}" if least < most else str(most)
        plural = "" if takes == "1" else "s"
        return TypeError(f"{name} takes {takes} positional argument{plural} but {len(args) + 1} were given")
    for twice in plan.positional[: len(args)]:
        if twice in given:
            return TypeError(f"{name} got multiple values for argument {twice!r}")
    missing = [setting for setting in plan.defaults if setting in plan.required and setting not in given]
    words = " and ".join(filter(None, (", ".join(map(repr, missing[:-1])), repr(missing[-1]))))
    plural = "" if len(missing) == 1 else "s"
    return TypeError(f"{name} missing {len(missing)} required positional argument{plural}: {words}")


def unknown_argument(kind: type, name: str) -> Exception:
    """Return the error for an argument of a name that a class does not know."""
    return TypeError(f"{kind.__qualname__}.__init__() got an unexpected keyword argument {name!r}")


def of_library(value: object) -> bool:
    """Tell whether the class of a value is one of the library's own, and not a user's."""
    return type(value).__module__.partition(".")[0] == __name__.partition(".")[0]


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
