"""Records: frozen dataclasses that generate and compile no code when their module is imported.

`dataclasses.dataclass` writes five or six functions for each class and compiles them, which took more than
half of the time of ``import lucidnet``. Here one constructor, one comparison and one hash serve all classes.
`dataclasses.fields` and `replace`, `inspect.signature`, and subclasses with ``@dataclass(frozen=True)`` work
as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields, replace
from inspect import Parameter, Signature, get_annotations
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, TypeVar, dataclass_transform, overload

from .. import foreign
from .text import call, short

R = TypeVar("R", bound="Record")
C = TypeVar("C", bound=type)

FROZEN: Any = dataclass(init=False, repr=False, eq=False)(
    type("Frozen", (), {"__doc__": "-"})
).__dataclass_params__  # type: ignore[attr-defined]
"""The attribute `dataclasses` sets on a class; all records have it, so that a subclass may be frozen."""
FROZEN.frozen = FROZEN.eq = True


class Plan(NamedTuple):
    """What the shared constructor, comparison and hash need to know about a class."""

    positional: tuple[str, ...]
    """The settings that may be given by position, in order."""
    defaults: dict[str, Any]
    """All settings in order, with their defaults, or `MISSING`."""
    required: frozenset[str]
    """The settings without a default."""
    factories: tuple[str, ...]
    """The settings whose default is made by a function."""
    compared: Callable[[Any], Any]
    """The fields that are compared and hashed."""
    checks: tuple[tuple[str, Any], ...]
    """The checks of each setting, as declared by `core.settings`; None if it has none."""
    declared: bool
    """Whether the class, or a base class, is a dataclass."""


class _LazySignature:
    """A class's signature, for `inspect.signature` and ``help``, computed when it is asked for."""

    def __get__(self, instance: Any, owner: type) -> Signature | None:
        if instance is not None:
            raise AttributeError("__signature__")
        return _signature(owner) if owner.__init__ is Record.__init__ else None  # type: ignore[misc]


class Record:
    """The base of records; a subclass is declared with `record`, or is a frozen dataclass."""

    __signature__ = _LazySignature()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

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
        """Run after all fields are set; subclasses check them here."""

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
            ours = foreign.attribute(type(self), name)
            raise FrozenInstanceError(
                f"cannot assign to field {name!r}: here it is {ours}"
                if ours
                else f"cannot assign to field {name!r}: a {type(self).__name__} does not change: "
                f"model.set({name}=...) changes a model's, dataclasses.replace(it, {name}=...) makes another"
            )
        object.__setattr__(self, name, given)

    def __delattr__(self, name: str) -> None:
        if _is_fixed(type(self), name):
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    def __replace__(self: R, /, **changes: Any) -> R:
        return replace(self, **changes)

    def __repr__(self) -> str:
        given = [f"{f.name}={short(getattr(self, f.name))}" for f in fields(self) if f.repr]
        return call(type(self).__qualname__, given)


@overload
def record(kind: C, /) -> C: ...


@overload
def record(*, kw_only: bool) -> Callable[[C], C]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(kind: Any = None, /, *, kw_only: bool = False) -> Any:
    """Make a subclass of `Record` a frozen dataclass, with the constructor, comparison and hash of `Record`.

    Parameters
    ----------
    kind : type
        The class; its annotations are its fields.
    kw_only : bool
        Whether its own fields can be given by name only.

    Examples
    --------
    >>> @record
    ... class Place(Record):
    ...     row: int
    ...     column: int = 0
    >>> Place(3), Place(3) == Place(row=3), replace(Place(3), column=1)
    (Place(row=3, column=0), True, Place(row=3, column=1))
    """
    if kind is None:
        return lambda kind: with_fields(kind, kw_only)
    return with_fields(kind, kw_only)


def with_fields(kind: Any, kw_only: bool) -> Any:
    """Collect the fields of a class as `dataclasses` does."""
    inherited: dict[str, Field[Any]] = {}
    for base in kind.__mro__[-1:0:-1]:
        inherited |= getattr(base, "__dataclass_fields__", {})
    if own := get_annotations(kind):
        # `dataclass` reads them from a class that has nothing else: of its own it takes no frozen base.
        given = {name: vars(kind)[name] for name in own if name in vars(kind)}
        names = {
            "__annotations__": own,
            "__module__": kind.__module__,
            "__doc__": kind.__doc__ or "-",
        }
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


def plan_of(kind: type) -> Plan:
    """Return what there is to know of a class; it is found once."""
    try:
        return kind.__dict__["_plan"]  # type: ignore[no-any-return]
    except KeyError:
        return _planned(kind)


def _made_by_dataclasses(function: Any) -> bool:
    """Tell whether `dataclasses` generated a function: its code comes from no file."""
    return getattr(getattr(function, "__code__", None), "co_filename", "") == "<string>"


def _planned(kind: Any) -> Plan:
    # One that `dataclasses` has written lists all that is inherited: the library's own tells what was given.
    written = getattr(vars(kind).get("__repr__"), "__wrapped__", None)
    if _made_by_dataclasses(written):
        del kind.__repr__
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
    """Tell whether an attribute is read-only: any of a record, the fields of a class derived from one."""
    return "__dataclass_fields__" in vars(kind) or name in plan_of(kind).defaults


def _signature(kind: type) -> Signature:
    """Return the signature of a class with the shared constructor."""
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
    """Return the error for wrong constructor arguments, worded as Python words it."""
    plan, name = plan_of(kind), f"{kind.__qualname__}.__init__()"
    if bare := next((one for one in kind.__mro__ if _lacks_dataclass(one)), None):
        fields = ", ".join(vars(bare)["__annotations__"])
        return TypeError(
            f"{name} does not know {fields}: write @dataclass(frozen=True) above class {bare.__name__}"
        )
    for unknown in given:
        if unknown not in plan.defaults:
            return unknown_argument(kind, unknown)
    if len(args) > len(plan.positional):
        most, least = len(plan.positional) + 1, 1
        least += sum(setting in plan.required for setting in plan.positional)
        takes = f"from {least} to {most}" if least < most else str(most)
        plural = "" if takes == "1" else "s"
        ours = foreign.keyword(kind, "*args")  # where another library's class of this name takes some
        return TypeError(
            f"{name} takes {takes} positional argument{plural} but {len(args) + 1} were given"
            f"{f': here it is {ours}' if ours else ''}"
        )
    for twice, first in zip(plan.positional, args, strict=False):
        if twice in given:
            values = f"{short(first)} by its place, {short(given[twice])} by name"
            return TypeError(f"{name} got multiple values for argument {twice!r}: {values}")
    missing = [setting for setting in plan.defaults if setting in plan.required and setting not in given]
    words = " and ".join(filter(None, (", ".join(map(repr, missing[:-1])), repr(missing[-1]))))
    plural = "" if len(missing) == 1 else "s"
    return TypeError(f"{name} missing {len(missing)} required positional argument{plural}: {words}")


def _lacks_dataclass(kind: type) -> bool:
    """Tell whether a class of somebody's own names fields, but is no dataclass."""
    own = vars(kind)
    fields = [name for name, hint in own.get("__annotations__", {}).items() if "ClassVar" not in str(hint)]
    return bool(fields) and "__dataclass_fields__" not in own and not kind.__module__.startswith("lucidnet.")


def unknown_argument(kind: type, name: str) -> Exception:
    """Return the error for an unknown keyword argument of a class."""
    hint = foreign.hint(kind, name, plan_of(kind).defaults)
    return TypeError(f"{kind.__qualname__}.__init__() got an unexpected keyword argument {name!r}{hint}")
