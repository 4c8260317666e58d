"""What users' functions read by name, on which a compiled program depends that was made of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from types import FunctionType, MethodType
from typing import Any

from ..errors import outside
from .own import fingerprint, settings_of
from .settings import shown
from .value import of_library

MANY = 8
"""The number of values that is warned of, as each is a program to compile."""
LOCK = Lock()


class Reads:
    """Looks what some functions and objects of a user's read by name: numbers, arrays, other functions.

    Parameters
    ----------
    owners : sequence
        The functions and objects.
    what : str, optional
        What messages call them.
    instead : str
        What to do in place of changing such values often.
    """

    def __init__(self, owners: Sequence[Any], what: str = "", instead: str = "change it seldom") -> None:
        self.functions = [each for owner in owners for each in _functions(owner)]
        self.what, self.instead = what, instead
        self.known: dict[Any, dict[tuple[int, str], Any]] = {}
        """What was read so far."""
        self.written: set[tuple[int, str]] = set()
        """Places of what they change themselves while being traced, such as a list of calls."""

    def now(self) -> tuple[Any, ...]:
        """Return what they read now, in a form that can be compared; warn if it changes often."""
        if not self.functions:
            return ()
        found = self._found()
        if (read := tuple(found.items())) not in self.known:
            if len(self.known) == MANY - 1:
                last = next(reversed(self.known.values()))
                changing = [place for place in found if found[place] != last.get(place)]
                what = self.what or shown(self.functions[changing[0][0] if changing else 0])
                names = ", ".join(name for _, name in changing)
                warnings.warn(
                    f"{what} has read {MANY} values of {names}: each is a program of its own to compile; "
                    f"{self.instead}",
                    stacklevel=outside(),
                )
            self.known[read] = found
        return read

    def traced(self, before: tuple[Any, ...]) -> list[str]:
        """Return the names of what tracing them has changed, which makes no other programs any more."""
        now = self._found() if self.functions else {}
        written = sorted(place for place, held in before if place in now and now[place] != held)
        self.written.update(written)
        return [name for _, name in written]

    def _found(self) -> dict[tuple[int, str], Any]:
        return {
            (k, name): fingerprint(held)
            for k, function in enumerate(self.functions)
            for name, held in settings_of(function).items()
            if (k, name) not in self.written
        }


def _functions(owner: Any) -> Iterator[Any]:
    """Yield a function itself, and of an object of a user's class its methods."""
    if isinstance(owner, type) or (not hasattr(owner, "__dict__") and not callable(owner)):
        return
    if of_library(owner) or isinstance(owner, FunctionType | MethodType) or hasattr(owner, "func"):
        yield owner
        return
    for kind in type(owner).__mro__[:-1]:
        if not of_library(kind):
            own = (each for each in vars(kind).values() if isinstance(each, FunctionType))
            yield from (MethodType(each, owner) for each in own)


def reads_in(key: Any) -> Sequence[Reads]:
    """Return what tells what users' functions read, for all that a program is made of."""
    if isinstance(key, tuple):
        return [each for part in key for each in reads_in(part)]
    found = getattr(key, "structure", None)
    found = getattr(key, "reads", None) if found is None else found
    if isinstance(found, Reads):
        return [found] if found.functions else []
    return reads_in(found) if found is not None else []


def kept(
    programs: dict[Any, Any], key: Any, reads: Sequence[Reads], make: Callable[[], Any], most: int
) -> Any:
    """Return a program from a cache, or make it; the least recently used one is dropped.

    Parameters
    ----------
    programs : dict
        The cache, most recently used last.
    key : hashable
        What the program is made of.
    reads : sequence of Reads
        What tells what users' functions in it read.
    make : callable
        Makes the program.
    most : int
        How many programs are kept.
    """
    read = [each.now() for each in reads]
    with LOCK:
        made = programs.pop((key, *read), None)
    if made is None:
        made = make()
        for each, before in zip(reads, read, strict=True):
            each.traced(before)
        read = [each.now() for each in reads]
    with LOCK:
        while len(programs) >= most:
            programs.pop(next(iter(programs)))
        programs[key, *read] = made
    return made
