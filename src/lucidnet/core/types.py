"""Types for checkers, where a setting is kept as something else than what may be given for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

T = TypeVar("T")


class Named(Generic[T]):
    """A setting that is kept as a value, and may be given by name, as a class or as a function, too."""

    if TYPE_CHECKING:

        def __get__(self, owner: object, kind: type | None = None, /) -> T: ...

        def __set__(self, owner: object, given: T | type[T] | str | Callable[[Any], Any], /) -> None: ...


class Inherited(Named[T]):
    """A setting of a base class; of an inherited one mypy knows only what may be given, so that is all."""

    if TYPE_CHECKING:

        def __set__(self, owner: object, given: Any, /) -> None: ...


def default(given: Any) -> Any:
    """Return the default of such a setting: what it is kept as."""
    return given
