"""Types for checkers, where a setting is stored as something other than what may be given for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

T = TypeVar("T")


class Named(Generic[T]):
    """The type of a setting that is kept as a value, but may be given by name, as a class or a function."""

    if TYPE_CHECKING:

        def __get__(self, owner: object, kind: type | None = None, /) -> T: ...

        def __set__(self, owner: object, given: T | type[T] | str | Callable[[Any], Any], /) -> None: ...


class Inherited(Named[T]):
    """The type of a setting that a base class declares: type checkers accept anything for it."""

    if TYPE_CHECKING:

        def __set__(self, owner: object, given: Any, /) -> None: ...


def default(given: Any) -> Any:
    """Return the default of a `Named` setting, typed for checkers."""
    return given
