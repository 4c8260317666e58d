"""Settings, each declared once, with its check: ``units: int = whole(1)``.

A declaration is a field of a value (`core.value`), with its check in the field's metadata. The value converts
what it is given (NumPy's numbers to Python's, names to what they stand for), or raises `SettingError` with
class, setting, what was given and what is expected. Arguments of functions are checked by `taken`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, field
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from ..errors import LucidnetError, SettingError
from ..foreign import called, meant

SHOWN = 120
"""The most characters of a given value that a message shows."""


LONGEST = 2**63 - 1
"""The largest number that Python counts to in the loops of `itertools`."""


class UnfitError(Exception):
    """A given value is not what is expected; the caller adds which setting it is.

    A text in it replaces the check's words for what is expected, where less is more: for a number that is too
    large, "at most 1".
    """


class Check(NamedTuple):
    """What a setting accepts: in words, and as a function that converts it or raises `UnfitError`.

    The function gets the given value, and the object it is for (or the name of the function called).
    """

    expected: str
    convert: Callable[[Any, Any], Any]
    optional: bool = False


ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+(?=>)|(?<=<function )\S*<locals>\.")
"""What the repr of an object says of where it lies, and that of a function of where it was made."""


def shown(given: Any) -> str:
    """Return the repr of a given value for a message, cut to a line or two, without addresses in memory."""
    try:
        text = ADDRESS.sub("", " ".join(repr(given).split()))
    except Exception:  # an object with a broken repr must not hide what is wrong
        text = f"an object of {type(given)}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 4]} ..."


def converted(check: Check, owner: Any, name: str, given: Any) -> Any:
    """Convert a given value for a setting, or raise a `SettingError` that says what is wrong."""
    if given is None and check.optional:
        return None
    try:
        return check.convert(given, owner)
    except UnfitError as unfit:
        title = owner if isinstance(owner, str) else title_of(owner)
        expected = str(unfit) or (f"{check.expected}, or None" if check.optional else check.expected)
        hint = meant(type(owner), name, given)
        raise SettingError(f"{title}: {name} must be {expected}, got {shown(given)}{hint}") from None
    except LucidnetError as error:  # from a name, or from a value inside
        title, said = owner if isinstance(owner, str) else title_of(owner), str(error)
        if said.startswith(f"{title}: {name} "):
            raise
        hint = meant(type(owner), name, given)
        raise type(error)(f"{title}: {name}: {said.removeprefix(f'{name}: ')}{hint}") from None


def title_of(owner: Any) -> str:
    """Return what messages call a value: its class, or the function whose arguments it holds."""
    return str(getattr(owner, "title", "") or type(owner).__name__)


def taken(owner: Any, name: str, given: Any, declared: Any) -> Any:
    """Check and convert an argument as declared.

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
        ``convert(given, owner)`` returns the value to keep; the owner is the object being made.
    default : optional
        The default; without one, the setting must be given.
    optional : bool
        Whether None may be given.
    kw_only : bool
        Whether it must be given by name.
    """
    check = Check(expected, convert, optional)
    made: Field[Any] = field(default=default, kw_only=kw_only, metadata={"check": check})
    return made


# --- numbers -------------------------------------------------------------------------------------------


def whole(least: int | None = 1, most: int | None = None, **declared: Any) -> Any:
    """Declare a whole number within bounds; NumPy integers become Python's, booleans are refused."""

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
    """The bounds of a number: at least, above, below, at most."""

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
    """Return a finite Python number within a range; raise `UnfitError` for anything else."""
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
    """Describe a number within a range in words."""
    return ", ".join(filter(None, ("a finite number", str(allowed))))


def count(least: int = 1, **declared: Any) -> Any:
    """Declare a count: a whole number that Python loops can count to."""
    return whole(least, LONGEST, **declared)


def finite(
    least: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    most: float | None = None,
    **declared: Any,
) -> Any:
    """Declare a finite number within bounds; NumPy numbers become Python's, booleans are refused."""
    allowed = Range(least, above, below, most)
    return setting(in_words(allowed), lambda given, owner: real(given, allowed), **declared)


def between(least: float, most: float, **declared: Any) -> Any:
    """Declare a number between two bounds, both included."""
    allowed = Range(least, most=most)
    return setting(in_words(allowed), lambda given, owner: real(given, allowed), **declared)


def is_function(given: Any) -> bool:
    """Tell whether something is callable, and not a class that was passed in place of an instance."""
    return callable(given) and not isinstance(given, type) and not called(given)


def scheduled(
    least: float | None = 0.0, *, below: float | None = None, most: float | None = None, **declared: Any
) -> Any:
    """Declare a number within bounds, or a schedule: a function that maps the step (0, 1, ...) to one."""
    allowed = Range(least, None, below, most)

    def convert(given: Any, owner: Any) -> Any:
        if not is_function(given):
            return real(given, allowed)
        _check_takes(given, 1)
        if getattr(given, "__code__", accepts.__code__).co_varnames[:1] in (("epoch",), ("epochs",)):
            raise UnfitError("a function of the step, one for each batch, not of the epoch (step // steps)")
        return given

    return setting(f"{in_words(allowed)}, or a schedule", convert, **declared)


def accepts(function: Callable[..., Any], count: int) -> bool:
    """Tell whether a function accepts `count` positional arguments; True if that cannot be known.

    Examples
    --------
    >>> accepts(lambda step: 0.1, 1), accepts(lambda: 0.1, 1), accepts(max, 1)
    (True, False, True)
    """
    from inspect import signature

    try:
        known = signature(function)
    except (TypeError, ValueError):  # a function written in another language
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
    """Declare a boolean; numbers and texts are refused."""

    def convert(given: Any, owner: Any) -> bool:
        if not isinstance(given, (bool, np.bool_)):
            raise UnfitError
        return bool(given)

    return setting("True or False", convert, **declared)


def choice(*options: str | int, **declared: Any) -> Any:
    """Declare one of several given words or numbers."""

    def convert(given: Any, owner: Any) -> Any:
        if isinstance(given, np.integer):
            given = int(given)
        if isinstance(given, bool) or not isinstance(given, (str, int)) or given not in options:
            raise UnfitError
        return str(given) if isinstance(given, str) else given

    return setting(f"one of {', '.join(map(str, options))}", convert, **declared)


def text(*, empty: bool = False, without: str = "", **declared: Any) -> Any:
    """Declare a text, possibly empty, that holds none of the characters in `without`."""

    def convert(given: Any, owner: Any) -> str:
        if not isinstance(given, str) or not (given or empty) or any(c in given for c in without):
            raise UnfitError
        if not writable(given):
            raise UnfitError("a text that can be written: U+D800 to U+DFFF alone are no characters")
        return str(given)

    said = f" without {' and '.join(map(repr, without))}" if without else ""
    return setting(f"a text{said}", convert, **declared)


def writable(text: str) -> bool:
    """Tell whether a text can be encoded as UTF-8, so that a file can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def texts(*, least: int = 0, one: bool = False, **declared: Any) -> Any:
    """Declare a sequence of texts; with `one` a single text is accepted, too."""

    def convert(given: Any, owner: Any) -> tuple[str, ...]:
        items = (given,) if one and isinstance(given, str) else listed(given)
        if len(items) < least or not all(isinstance(item, str) and item and writable(item) for item in items):
            raise UnfitError
        return items

    return setting("a sequence of texts" + (", or one" if one else ""), convert, **declared)


def path_like(**declared: Any) -> Any:
    """Declare the path of a file or folder: a text, or a path object such as `pathlib.Path`."""

    def convert(given: Any, owner: Any) -> Any:
        if not isinstance(given, (str, PathLike)) or not (text := str(given)) or "\0" in text:
            raise UnfitError
        return given

    return setting("a path", convert, **declared)


# --- values and functions ------------------------------------------------------------------------------


def named(module: Any, *, values: str = "", **declared: Any) -> Any:
    """Declare a value that can also be given by its name, which the `get` of a module looks up."""

    def convert(given: Any, owner: Any) -> Any:
        return module.get(given)

    return setting(values or "a name or a value", convert, **declared)


def instance(kind: type | tuple[type, ...], expected: str, **declared: Any) -> Any:
    """Declare an instance of a class; `expected` describes it in words."""

    def convert(given: Any, owner: Any) -> Any:
        if not isinstance(given, kind):
            raise UnfitError
        return given

    return setting(expected, convert, **declared)


def function(expected: str = "a function", takes: int | None = None, **declared: Any) -> Any:
    """Declare a callable; `takes` is the number of arguments that it must accept."""

    def convert(given: Any, owner: Any) -> Any:
        if not is_function(given):
            raise UnfitError
        if takes is not None:
            _check_takes(given, takes)
        return given

    return setting(expected, convert, **declared)


def anything(**declared: Any) -> Any:
    """Declare a setting that is checked elsewhere, because the check depends on other settings."""
    return setting("anything", lambda given, owner: given, **declared)


# --- several -------------------------------------------------------------------------------------------


def listed(given: Any) -> tuple[Any, ...]:
    """Return the items of a sequence as a tuple; raise `UnfitError` for a text, a mapping, or no iterable."""
    if isinstance(given, (str, bytes, dict)) or not isinstance(given, Iterable):
        raise UnfitError
    try:
        return tuple(given)
    except Exception:  # an array of no axes, a generator that fails
        raise UnfitError from None


def sequence(expected: str, item: Any, *, least: int = 1, length: int | None = None, **declared: Any) -> Any:
    """Declare a sequence (kept as a tuple) of items that each satisfy another declaration."""
    check: Check = item.metadata["check"]

    def convert(given: Any, owner: Any) -> tuple[Any, ...]:
        items = listed(given)
        if len(items) < least or length not in (None, len(items)):
            raise UnfitError
        return tuple(check.convert(one, owner) for one in items)

    many = "a sequence of" if length is None else f"{length}"
    return setting(f"{many} {expected}", convert, **declared)
