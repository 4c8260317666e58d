"""Settings, each declared once, with its check: ``units: int = whole(1)``.

A declaration is a field of a value (`core.value`), with what it takes in its metadata. The value converts
what it was given, numbers of NumPy to Python's and names to what they stand for, or raises `SettingError`
with class, setting, what was given and what is expected. Arguments of functions are checked by `taken`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, field
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from ..errors import LucidnetError, SettingError
from ..foreign import called, meant

SHOWN = 120
"""How many characters of what was given a message shows."""


LONGEST = 2**63 - 1
"""The largest number that Python counts to in the loops of `itertools`."""


class UnfitError(Exception):
    """What was given is not what is expected. Whoever asked says of which setting.

    A text in it says what is expected in place of the check's words, where less is more: of a number that
    is too large, "at most 1".
    """


class Check(NamedTuple):
    """What a setting takes: in words, and as a function that converts it or raises `UnfitError`.

    The function gets what was given, and the value it is for (or the name of a function that was called).
    """

    expected: str
    convert: Callable[[Any, Any], Any]
    optional: bool = False


def shown(given: Any) -> str:
    """Return what was given as messages show it: not longer than a line or two."""
    try:
        text = " ".join(repr(given).split())
    except Exception:  # an object that cannot say what it is must not hide what is wrong
        text = f"an object of {type(given)}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 4]} ..."


def converted(check: Check, owner: Any, name: str, given: Any) -> Any:
    """Return what was given for a setting as it is kept, or raise what is wrong with it."""
    if given is None and check.optional:
        return None
    try:
        return check.convert(given, owner)
    except UnfitError as unfit:
        title = owner if isinstance(owner, str) else title_of(owner)
        expected = str(unfit) or (f"{check.expected}, or None" if check.optional else check.expected)
        hint = meant(type(owner), name, given)
        raise SettingError(f"{title}: {name} must be {expected}, got {shown(given)}{hint}") from None
    except LucidnetError as error:  # of a name, or of a value inside
        title, said = owner if isinstance(owner, str) else title_of(owner), str(error)
        if said.startswith(f"{title}: {name} "):
            raise
        hint = meant(type(owner), name, given)
        raise type(error)(f"{title}: {name}: {said.removeprefix(f'{name}: ')}{hint}") from None


def title_of(owner: Any) -> str:
    """Return how messages call a value: by its class, or by the function whose arguments it holds."""
    return str(getattr(owner, "title", "") or type(owner).__name__)


def taken(owner: Any, name: str, given: Any, declared: Any) -> Any:
    """Return an argument as a declaration takes it, or raise.

    Examples
    --------
    >>> taken("fit", "epochs", "many", whole(1))
    Traceback (most recent call last):
    lucidnet.errors.SettingError: fit: epochs must be a whole number of 1 or more, got 'many'
    """
    return converted(declared.metadata["check"], owner, name, given)


def setting(
    expected: str,
    convert: Callable[[Any, Any], Any],
    *,
    default: Any = MISSING,
    optional: bool = False,
    kw_only: Any = MISSING,
) -> Any:
    """Declare a setting: what is expected, in words, and a function that converts it or raises `UnfitError`.

    Parameters
    ----------
    expected : str
        What must be given, as in "units must be ...".
    convert : callable
        ``convert(given, owner)`` returns what is kept; the owner is the value that is being made.
    default : optional
        What it is if not given; without one it must be given.
    optional : bool
        Whether None may be given.
    kw_only : bool
        Whether it can be given by name only.
    """
    check = Check(expected, convert, optional)
    made: Field[Any] = field(default=default, kw_only=kw_only, metadata={"check": check})
    return made


# --- numbers -------------------------------------------------------------------------------------------


def whole(least: int | None = 1, most: int | None = None, **declared: Any) -> Any:
    """Declare a whole number within bounds; NumPy's are made Python's, and a bool is none."""

    def convert(given: Any, owner: Any) -> int:
        if isinstance(given, (bool, np.bool_)) or not isinstance(given, (int, np.integer)):
            raise UnfitError
        number = int(given)
        if most is not None and number > most:
            raise UnfitError("below 2**63" if most == LONGEST else "")
        if least is not None and number < least:
            raise UnfitError
        return number

    open_end = most is None or most == LONGEST
    bound = "" if least is None else f" of {least} or more" if open_end else f" from {least} to {most}"
    return setting(f"a whole number{bound}", convert, **declared)


class Range(NamedTuple):
    """What a number must be: at least, above, below or at most another."""

    least: float | None = None
    above: float | None = None
    below: float | None = None
    most: float | None = None

    def has(self, number: float) -> bool:
        """Tell whether a number lies in this range."""
        return (
            (self.least is None or number >= self.least)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
            and (self.most is None or number <= self.most)
        )

    def __str__(self) -> str:
        if self.least is not None and self.most is not None:
            return f"from {self.least:g} to {self.most:g}"
        words = zip(("at least", "above", "below", "at most"), self, strict=True)
        return " and ".join(f"{word} {bound:g}" for word, bound in words if bound is not None)


ANY = Range()


def real(given: Any, allowed: Range = ANY) -> float:
    """Return a finite number of Python in a range; raise `UnfitError` for anything else."""
    if isinstance(given, (bool, np.bool_)) or not isinstance(given, (int, float, np.integer, np.floating)):
        raise UnfitError
    try:
        number = float(given)
    except OverflowError:
        raise UnfitError("a finite number") from None
    if not math.isfinite(number):
        raise UnfitError("a finite number")
    if not allowed.has(number):
        raise UnfitError(f"{allowed}")
    return int(given) if isinstance(given, (int, np.integer)) else number


def in_words(allowed: Range) -> str:
    """Return what a number in a range is called."""
    return ", ".join(filter(None, ("a finite number", str(allowed))))


def count(least: int = 1, **declared: Any) -> Any:
    """Declare how often something is done: a whole number that loops of Python can count to."""
    return whole(least, LONGEST, **declared)


def finite(
    least: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    most: float | None = None,
    **declared: Any,
) -> Any:
    """Declare a finite number within bounds; NumPy's are made Python's, and a bool is none."""
    allowed = Range(least, above, below, most)
    return setting(in_words(allowed), lambda given, owner: real(given, allowed), **declared)


def between(least: float, most: float, **declared: Any) -> Any:
    """Declare a number from one bound to another, both of them allowed."""
    allowed = Range(least, most=most)
    return setting(in_words(allowed), lambda given, owner: real(given, allowed), **declared)


def is_function(given: Any) -> bool:
    """Tell whether something can be called, and is no class that somebody forgot to make a value of."""
    return callable(given) and not isinstance(given, type) and not called(given)


def scheduled(
    least: float | None = 0.0, *, below: float | None = None, most: float | None = None, **declared: Any
) -> Any:
    """Declare a number within bounds, or a schedule: a function from the step (0, 1, ...) to one."""
    allowed = Range(least, None, below, most)

    def convert(given: Any, owner: Any) -> Any:
        if not is_function(given):
            return real(given, allowed)
        _check_takes(given, 1)
        return given

    return setting(f"{in_words(allowed)}, or a schedule", convert, **declared)


def accepts(function: Callable[..., Any], count: int) -> bool:
    """Tell whether a function can be called with so many arguments, as far as that can be known.

    Examples
    --------
    >>> accepts(lambda step: 0.1, 1), accepts(lambda: 0.1, 1), accepts(max, 1)
    (True, False, True)
    """
    from inspect import signature

    try:
        known = signature(function)
    except (TypeError, ValueError):  # of a function of another language
        return True
    try:
        known.bind(*(None,) * count)
    except TypeError:
        return False
    return True


def _check_takes(given: Any, count: int) -> None:
    module = str(getattr(given, "__module__", ""))
    if module.partition(".")[0] != "lucidnet" and not accepts(given, count):
        raise UnfitError(f"a function of {count} argument{'s' * (count > 1)}")


# --- words ---------------------------------------------------------------------------------------------


def flag(**declared: Any) -> Any:
    """Declare a yes or no: True or False, and no number or text that passes for one."""

    def convert(given: Any, owner: Any) -> bool:
        if not isinstance(given, (bool, np.bool_)):
            raise UnfitError
        return bool(given)

    return setting("True or False", convert, **declared)


def choice(*options: str | int, **declared: Any) -> Any:
    """Declare one of some words or numbers."""

    def convert(given: Any, owner: Any) -> Any:
        if isinstance(given, np.integer):
            given = int(given)
        if isinstance(given, bool) or not isinstance(given, (str, int)) or given not in options:
            raise UnfitError
        return str(given) if isinstance(given, str) else given

    return setting(f"one of {', '.join(map(str, options))}", convert, **declared)


def text(*, empty: bool = False, without: str = "", **declared: Any) -> Any:
    """Declare a text, which may be empty or not, and has none of some characters in it."""

    def convert(given: Any, owner: Any) -> str:
        if not isinstance(given, str) or not (given or empty) or any(c in given for c in without):
            raise UnfitError
        if not writable(given):
            raise UnfitError("a text that can be written: U+D800 to U+DFFF alone are no characters")
        return str(given)

    said = f" without {' and '.join(map(repr, without))}" if without else ""
    return setting(f"a text{said}", convert, **declared)


def writable(text: str) -> bool:
    """Tell whether all of a text are characters, so that a file can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def texts(*, least: int = 0, one: bool = False, **declared: Any) -> Any:
    """Declare several texts: a sequence of them; of one alone only if that is said."""

    def convert(given: Any, owner: Any) -> tuple[str, ...]:
        items = (given,) if one and isinstance(given, str) else listed(given)
        if len(items) < least or not all(isinstance(item, str) and item and writable(item) for item in items):
            raise UnfitError
        return items

    return setting("a sequence of texts" + (", or one" if one else ""), convert, **declared)


def path_like(**declared: Any) -> Any:
    """Declare the path of a file or folder: a text, or an object such as `pathlib.Path`."""

    def convert(given: Any, owner: Any) -> Any:
        if not isinstance(given, (str, PathLike)) or not (text := str(given)) or "\0" in text:
            raise UnfitError
        return given

    return setting("a path", convert, **declared)


# --- values and functions ------------------------------------------------------------------------------


def named(module: Any, *, values: str = "", **declared: Any) -> Any:
    """Declare a value that may be given by its name: the `get` of a module turns one into the other."""

    def convert(given: Any, owner: Any) -> Any:
        return module.get(given)

    return setting(values or "a name or a value", convert, **declared)


def instance(kind: type | tuple[type, ...], expected: str, **declared: Any) -> Any:
    """Declare a value of a class; `expected` says which in words."""

    def convert(given: Any, owner: Any) -> Any:
        if not isinstance(given, kind):
            raise UnfitError
        return given

    return setting(expected, convert, **declared)


def function(expected: str = "a function", takes: int | None = None, **declared: Any) -> Any:
    """Declare something that can be called, with so many arguments if that is said."""

    def convert(given: Any, owner: Any) -> Any:
        if not is_function(given):
            raise UnfitError
        if takes is not None:
            _check_takes(given, takes)
        return given

    return setting(expected, convert, **declared)


def anything(**declared: Any) -> Any:
    """Declare a setting whose check stands elsewhere, since it takes other settings to know."""
    return setting("anything", lambda given, owner: given, **declared)


# --- several -------------------------------------------------------------------------------------------


def listed(given: Any) -> tuple[Any, ...]:
    """Return the items of a sequence; raise `UnfitError` for a text, a mapping, or what has no items."""
    if isinstance(given, (str, bytes, dict)) or not isinstance(given, Iterable):
        raise UnfitError
    try:
        return tuple(given)
    except Exception:  # an array of no axes, a generator that fails
        raise UnfitError from None


def sequence(expected: str, item: Any, *, least: int = 1, length: int | None = None, **declared: Any) -> Any:
    """Declare a sequence, kept as a tuple, of what another declaration takes."""
    check: Check = item.metadata["check"]

    def convert(given: Any, owner: Any) -> tuple[Any, ...]:
        items = listed(given)
        if len(items) < least or length not in (None, len(items)):
            raise UnfitError
        return tuple(check.convert(one, owner) for one in items)

    many = "a sequence of" if length is None else f"{length}"
    return setting(f"{many} {expected}", convert, **declared)
