"""The errors of lucidnet, and two small helpers that raise the most common ones.

Every message says what was given, what was expected, where, and what to do about it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from importlib import import_module
from pickle import PicklingError
from types import ModuleType
from typing import TypeVar

from . import foreign

_T = TypeVar("_T")


class LucidnetError(Exception):
    """The base of all errors that lucidnet raises on purpose."""


class ShapeError(LucidnetError, ValueError):
    """An array does not have the shape that a layer, loss or metric needs."""


class DataError(LucidnetError, ValueError):
    """The data cannot be trained on: empty, not finite, labels out of range, lengths that differ."""


class SettingError(LucidnetError, ValueError):
    """A setting has a value outside its range, or does not fit the other settings."""


class UnknownNameError(LucidnetError, ValueError):
    """A name that nothing answers to; the message suggests the nearest known one."""


class InexactWarning(UserWarning):
    """Something is only approximate, though its name promises more, or cannot work as intended here."""


class MeaningWarning(UserWarning):
    """Something is taken as it stands, but looks as if another library's order was meant."""


class NotReadyError(LucidnetError, RuntimeError):
    """A model was asked for something before it was compiled, or before its input size was known."""


class NonFiniteError(LucidnetError, ArithmeticError):
    """Training produced NaN or infinity; that step was not made: the model is as after the last good one."""


class WorkerError(LucidnetError, RuntimeError):
    """One of several processes that train together has gone."""


class Terminated(SystemExit):
    """SIGTERM asked this process to end; the step was finished, and saved if there is a place for it.

    If it is not caught, the process ends with exit code 143, as shells expect. Like every `SystemExit` it is
    no `Exception`: ``except Exception`` lets it through.
    """

    def __init__(self, message: str = "ended by SIGTERM") -> None:
        super().__init__(143)
        self.message = message

    def __str__(self) -> str:
        return self.message


class FileError(LucidnetError):
    """A file is damaged, too large, of an unknown version, does not fit, or cannot be written.

    Parameters
    ----------
    file : path
        The file or folder; empty if the code that notices does not know it: the code that opened the file
        then fills it in. A single argument is the reason.
    reason : str
        What is wrong with it.
    remedy : str
        What to do about it.

    Examples
    --------
    >>> error = FileError("model.safetensors", "ends too early", "use a copy of it")
    >>> print(error)
    model.safetensors: ends too early; use a copy of it
    >>> error.file, error.reason, error.remedy
    ('model.safetensors', 'ends too early', 'use a copy of it')
    """

    LONGEST = 2000
    """The most characters of a name or reason that are shown; those in a file may be of any length."""

    def __init__(self, file: object, reason: str | None = None, remedy: str = "") -> None:
        if reason is None:
            file, reason = "", str(file)
        super().__init__(str(file), str(reason), str(remedy))
        self.file, self.reason, self.remedy = self.args

    def __str__(self) -> str:
        file, reason = (
            part if len(part) <= self.LONGEST else f"{part[: self.LONGEST]} ..." for part in self.args[:2]
        )
        file = file if file.isprintable() else repr(file)[1:-1]  # a name may steer the terminal
        said = f"{file}: {reason}" if file else reason
        said = f"{said}; {self.remedy}" if self.remedy else said
        # So that it can be printed: names in a file, and of files, may hold invalid characters.
        return said.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


class ContentError(FileError, DataError):
    """A file is whole, but what is in it cannot be used: a cell is no number, lengths differ."""


class MismatchError(FileError, SettingError):
    """A file is whole, but of another model or training than this one."""


class UnpicklableError(LucidnetError, PicklingError):
    """Something cannot be pickled; the message names where it stands."""


class MissingExtraError(LucidnetError, ImportError):
    """An optional dependency is not installed."""


def outside(*others: str) -> int:
    """Return the `stacklevel` for `warnings.warn` of the first caller outside lucidnet (and others).

    NumPy stands between where it decorates a function, as `errstate` does.
    """
    level, inside = 1, tuple(f"{name}." for name in ("lucidnet", "numpy", *others))
    while sys._getframe(level).f_globals.get("__name__", "").startswith(inside):
        level += 1
    return level


def lookup(kind: str, name: str, known: Mapping[str, _T]) -> _T:
    """Return ``known[name]``, or raise with the nearest known name.

    Examples
    --------
    >>> lookup("activation", "rellu", {"relu": 1, "tanh": 2})
    Traceback (most recent call last):
    lucidnet.errors.UnknownNameError: unknown activation 'rellu': did you mean 'relu'? Known: relu, tanh.
    """
    if not isinstance(name, str):  # an invalid name must not even be looked up
        given = " ".join(repr(name).split())[:120]
        raise UnknownNameError(f"unknown {kind} {given}: {suggestion('', known)}")
    if name in known:
        return known[name]
    ours = foreign.word(kind, name)
    raise UnknownNameError(f"unknown {kind} {short(name)}: {suggestion(name, known, ours)}")


LONG = 100
"""The number of characters of a name that are shown, and compared with known names."""


def short(name: object) -> str:
    """Return a name as messages show it, however long it is."""
    text = repr(name)
    return text if len(text) <= LONG else f"{text[:LONG]} ..."


def suggestion(name: str, known: Iterable[str], meant: str | None = None) -> str:
    """Return a hint: the known name that was probably meant, and a list of all of them."""
    names = sorted(known)
    near = meant or nearest(str(name).lower(), names)
    hint = f"did you mean {near!r}? " if near else ""
    return f"{hint}Known: {some(names)}."


MANY = 60
"""The most names that a message lists."""


def some(names: Iterable[object], most: int = MANY) -> str:
    """List names in a message; of very many the first, and how many more there are.

    Examples
    --------
    >>> some("abcde", 3), some([])
    ('a, b, c and 2 more', 'nothing')
    """
    every = [str(name) for name in names]
    shown = ", ".join(every[:most]) or "nothing"
    return f"{shown} and {len(every) - most:,} more" if len(every) > most else shown


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name that comes nearest to one, if any is near; the same in other letters is nearest."""
    import difflib

    names = list(known)
    same = (one for one in names if one.lower() == name.lower())
    return next(same, None) or next(
        iter(difflib.get_close_matches(name[:LONG], names, n=1, cutoff=0.5)), None
    )


def optional(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra of lucidnet brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"this needs {package}, which is not installed: pip install 'lucidnet[{extra}]'"
        ) from error


def __dir__() -> list[str]:
    here = (name for name, one in globals().items() if getattr(one, "__module__", "") == __name__)
    return sorted(name for name in here if not name.startswith("_"))
