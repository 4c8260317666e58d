"""The arguments of functions, declared once with their checks, as settings are: ``@takes(n=count(1))``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from .numeric import numeric, plainly
from .settings import UnfitError, converted, setting

F = TypeVar("F", bound=Callable[..., Any])


def takes(title: str = "", **declared: Any) -> Callable[[F], F]:
    """Have arguments of a function converted, or refused, as they are declared; see `core.settings`.

    Parameters
    ----------
    title : str
        What the function is called in messages; its name if not given.
    **declared
        A declaration for each argument that is to be checked.

    Examples
    --------
    >>> from lucidnet.core.settings import count
    >>> @takes(n=count(1))
    ... def letters(n, of="a"):
    ...     return n * of
    >>> letters(3)
    'aaa'
    >>> letters("3")
    Traceback (most recent call last):
    lucidnet.errors.SettingError: letters: n must be a whole number of 1 or more, got '3'
    """

    def checked(function: F) -> F:
        code, owner = function.__code__, title or function.__name__
        names = code.co_varnames[: code.co_argcount]
        checks = {name: declaration.metadata["check"] for name, declaration in declared.items()}

        def made(name: str, given: Any) -> Any:
            return converted(checks[name], owner, name, given) if name in checks else given

        @wraps(function)
        def call(*args: Any, **named: Any) -> Any:
            args = (*map(made, names, args), *args[len(names) :])
            return function(*args, **{name: made(name, given) for name, given in named.items()})

        return call  # type: ignore[return-value]

    return checked


def array_like(*, optional: bool = False) -> Any:
    """Declare data: whatever becomes an array of numbers without losing anything."""

    def convert(given: Any, owner: Any) -> Any:
        from ..errors import DataError

        try:
            return numeric(given, "it")
        except DataError as error:
            raise DataError(plainly(error)) from None

    return setting("an array of numbers", convert, optional=optional)


def model_like() -> Any:
    """Declare a model: what has a network."""

    def convert(given: Any, owner: Any) -> Any:
        if not hasattr(type(given), "net"):
            raise UnfitError
        return given

    return setting("a Model", convert)
