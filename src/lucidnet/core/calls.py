"""Function arguments, declared once with their checks, as settings are: ``@takes(n=count(1))``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

from ..foreign import by_name, keyword
from .numeric import numeric, plainly
from .settings import UnfitError, converted, setting

F = TypeVar("F", bound=Callable[..., Any])

CO_VARKEYWORDS = 0x08
"""The flag of a function that takes any keyword; copied from `inspect` to save its import."""


def takes(title: str = "", **declared: Any) -> Callable[[F], F]:
    """Check and convert a function's arguments as declared; see `core.settings`.

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
        known = {*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]}
        takes_all = bool(code.co_flags & CO_VARKEYWORDS)
        checks = {name: declaration.metadata["check"] for name, declaration in declared.items()}
        first = next((place for place, name in enumerate(names) if name in checks), len(names))

        def made(name: str, given: Any) -> Any:
            return converted(checks[name], owner, name, given) if name in checks else given

        @wraps(function)
        def call(*args: Any, **named: Any) -> Any:
            if not named and len(args) <= first:  # nothing that is checked
                return function(*args)
            if error := by_name(owner, function, len(args)):
                raise error
            if not (takes_all or named.keys() <= known):
                raise unknown_argument(owner, named, known)
            args = (*map(made, names, args), *args[len(names) :])
            return function(*args, **{name: made(name, given) for name, given in named.items()})

        return call  # type: ignore[return-value]

    return checked


def unknown_argument(owner: str, named: Iterable[str], known: Iterable[str]) -> TypeError:
    """Return the error for an unknown keyword argument, with a hint at what may be meant."""
    from ..errors import suggestion

    known = set(known) - {"self"}
    name = next(one for one in named if one not in known)
    ours = keyword(owner, name) or keyword("function", name)
    hint = f"here it is {ours}" if ours and ours.split(",")[0] in known else suggestion(name, known)
    return TypeError(f"{owner}() got an unexpected keyword argument {name!r}: {hint}")


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
