"""What users' functions read by name, on which a compiled program depends that was made of them."""

from __future__ import annotations

import marshal
import os
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import cached_property, lru_cache, partial
from itertools import count
from threading import Lock
from types import CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any
from weakref import ref
from zlib import crc32

import numpy as np

from ..errors import outside
from .settings import shown
from .value import Value, of_library

INSIDE = ("__wrapped__", "__func__", "func", "function")
"""Where decorators, methods, `functools.partial` and `losses.order` have the function."""
MANY = 8
"""The number of values that is warned of, as each is a program to compile."""
LOCK = Lock()
WRITTEN: set[tuple[Any, str]] = set()
"""What functions in models change themselves, so that `Model.set` or `compile` makes no programs for it."""


class Reads:
    """Looks up what a user's functions and objects read by name: numbers, arrays, other functions.

    Parameters
    ----------
    owners : sequence
        The functions and objects.
    what : str, optional
        What messages call them. Functions in models have none, and it is known of all of these together what
        they change themselves.
    instead : str
        What to do in place of changing such values often.
    """

    def __init__(self, owners: Sequence[Any], what: str = "", instead: str = "change it seldom") -> None:
        self.functions = [each for owner in owners for each in _functions(owner)]
        self.what, self.instead = what, instead
        self.known: dict[Any, dict[tuple[int, str], Any]] = {}
        """What was read so far, of the first `MANY` values."""
        self.codes = [_code_of(function) for function in self.functions]
        self.written: set[tuple[Any, str]] = set() if what else WRITTEN
        """What they change themselves while being traced, such as a list of calls: which code, and where."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Reads, (self.functions, self.what, self.instead)  # code cannot be pickled

    def now(self) -> frozenset[Any]:
        """Return what they read now, in a form that can be compared; warn if it changes often."""
        if not self.functions:
            return frozenset()
        found = self._found()
        read = frozenset(found.items())
        if len(self.known) < MANY and read not in self.known:
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

    def traced(self, before: frozenset[Any]) -> list[str]:
        """Return the names of what tracing them has changed, which makes no other programs any more."""
        now = self._found() if self.functions else {}
        written = sorted(place for place, held in before if place in now and now[place] != held)
        self.written.update((self.codes[k], name) for k, name in written)
        return [name for _, name in written]

    def _found(self) -> dict[tuple[int, str], Any]:
        return {
            (k, name): fingerprint(held)
            for k, function in enumerate(self.functions)
            for name, held in settings_of(function).items()
            if (self.codes[k], name) not in self.written
        }


def _functions(owner: Any) -> Iterator[Any]:
    """Yield a function itself, and of an object of a user's class its methods."""
    if isinstance(owner, type) or (not hasattr(owner, "__dict__") and not callable(owner)):
        return
    if of_library(owner) or isinstance(owner, FunctionType | MethodType) or hasattr(owner, "func"):
        yield owner
        return
    for kind in type(owner).__mro__[:-1]:
        if _of_users(kind.__module__):
            own = (
                each for name, each in vars(kind).items() if name == "__call__" or not name.startswith("__")
            )
            yield from (MethodType(each, owner) for each in own if isinstance(each, FunctionType))


# --- what a function reads -----------------------------------------------------------------------------


def _inside(function: Any) -> Any:
    """Return the function that a decorator, a method or the like has inside; None if it has none."""
    return next((held for name in INSIDE if (held := getattr(function, name, None)) is not None), None)


def named_in(function: Any) -> tuple[frozenset[str], dict[str, Any]]:
    """Return the names in a function's own code, and what those are that it has from around it."""
    if (inner := _inside(function)) is not None:
        return named_in(inner)
    code = getattr(function, "__code__", None)
    if code is None:  # an object that can be called
        call = getattr(type(function).__call__, "__code__", None) if callable(function) else None
        return (frozenset(), {}) if call is None else named_in(type(function).__call__)
    return _names(code)[0], _around(function)


def _code_of(function: Any) -> Any:
    """Return a function's own code; of an object without any its class."""
    inner = _inside(function)
    return getattr(function, "__code__", type(function)) if inner is None else _code_of(inner)


def _around(function: Any) -> dict[str, Any]:
    """Return what a function reads by name from its module, and from the functions around it."""
    known = getattr(function, "__globals__", {})
    return {name: known[name] for name in _names(function.__code__)[1] if name in known} | held_in(function)


def held_in(function: Any) -> dict[str, Any]:
    """Return what a function has from the functions around it."""
    cells = zip(function.__code__.co_freevars, getattr(function, "__closure__", None) or (), strict=False)
    held = {}
    for name, cell in cells:
        try:
            held[name] = cell.cell_contents
        except ValueError:  # it is not filled in yet
            held[name] = None
    return held


@lru_cache(4096)
def _names(code: CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """Return all names in code and in functions inside, and those that are read from the module."""
    from dis import get_instructions

    steps = get_instructions(code)
    read = {str(step.argval) for step in steps if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    inner = [_names(part) for part in code.co_consts if isinstance(part, CodeType)]
    names = frozenset({*code.co_names, *code.co_freevars})
    return names.union(*(each for each, _ in inner)), frozenset(read).union(*(each for _, each in inner))


def settings_of(function: Any) -> dict[str, Any]:
    """Return the numbers, arrays, functions and the like that a function reads by name.

    Of a user's own functions that it calls the code is among them, and what they read; of objects, classes
    and modules of a user's own, what they have under the names that stand in the code. What belongs to Python
    or to an installed package is not looked into.

    Examples
    --------
    >>> rate = 0.5
    >>> settings_of(lambda x: rate * x)
    {'rate': 0.5}
    """
    return _Look(function).found


class _Look:
    """What a function reads by name, by where it stands: ``"self.scaler.mean"``."""

    def __init__(self, function: Any) -> None:
        self.found: dict[str, Any] = {}
        self.seen: set[Any] = set()
        self.home = getattr(function, "__module__", None)
        self.function(function, "")

    def function(self, function: Any, around: str, owner: Any = None) -> None:
        """Look at what a function reads, and a method's object has."""
        while not isinstance(function, FunctionType):
            owner = getattr(function, "__self__", owner)
            if isinstance(function, partial):
                self.value((function.args, function.keywords), f"{around}arguments", frozenset())
            if (inner := _inside(function)) is None:
                inner, owner = vars(type(function)).get("__call__"), function  # an object that can be called
                if not isinstance(inner, FunctionType):
                    return
            function = inner
        if (key := (id(function), id(owner))) in self.seen:
            return
        self.seen.add(key)
        if function.__defaults__ or function.__kwdefaults__:
            self.value((function.__defaults__, function.__kwdefaults__), f"{around}arguments", frozenset())
        names, known = _names(function.__code__)[0], _around(function)
        if owner is not None:
            known["self"] = owner
        for name in sorted(known):
            self.value(known[name], around + name, names)

    def value(self, held: Any, place: str, names: frozenset[str]) -> None:
        """Note a value; look into functions, objects, classes and modules, and lists of them."""
        if isinstance(held, PLAIN) or is_array(held):
            self.found[place] = held
        elif isinstance(held, (list, tuple, dict)):
            self.found[place] = held
            parts = [*held.items()] if isinstance(held, dict) else enumerate(held)
            for name, part in parts if len(held) <= LONG else ():
                if isinstance(part, FunctionType) or hasattr(part, "__dict__"):
                    self.value(part, f"{place}[{name!r}]", names)
        elif isinstance(held, (FunctionType, MethodType, partial)):
            self.found[place] = getattr(held, "__code__", held)
            if isinstance(held, partial) or self.owns(held):
                self.function(held, f"{place}.")
        else:
            self.found[place] = held
            if of_library(held):
                if names & WEIGHTS and "live" in getattr(held, "__dict__", {}):
                    self.found[f"{place}.params"] = held.live.params.vector
            elif (self.owns(held) or not isinstance(held, (type, ModuleType))) and place.count(".") < DEEP:
                self.attributes(held, place, names)

    def attributes(self, one: Any, place: str, names: frozenset[str]) -> None:
        """Look at what an object, class or module has under some names."""
        if (key := (id(one), names)) in self.seen:
            return
        self.seen.add(key)
        own, has = getattr(one, "__dict__", {}), dict[str, Any]()
        kind = one if isinstance(one, type) else type(one)
        for each in reversed(kind.__mro__[:-1]):
            if self.owns(each):
                has |= vars(each)
        fixed = {name for name, held in has.items() if isinstance(held, cached_property)}
        has |= {name: held for name, held in own.items() if name not in fixed}
        if kind is not one:
            names = names.union(["__call__"])
        if names & {"getattr", "vars", "__dict__"}:
            names = names.union(own)
        for name in sorted(names & has.keys()):
            held = has[name]
            if isinstance(held, MemberDescriptorType):  # of a class with slots
                held = getattr(one, name, None)
            if isinstance(held, (property, cached_property)):
                held = held.fget if isinstance(held, property) else held.func
            if isinstance(held, FunctionType) and kind is not one and (name not in own or name in fixed):
                held = MethodType(held, one)
            elif isinstance(held, (staticmethod, classmethod)):
                held = held.__func__
            self.value(held, f"{place}.{name}", names)

    def owns(self, held: Any) -> bool:
        """Tell whether a function, object, class or module is of a user's own code."""
        if isinstance(held, ModuleType):
            return _of_users(held.__name__)
        named = isinstance(held, (type, FunctionType, MethodType))
        module = str(getattr(held if named else type(held), "__module__", "builtins"))
        return module == self.home or _of_users(module)


@lru_cache(4096)
def _of_users(module: str) -> bool:
    """Tell whether a module is neither Python's, nor of an installed package, nor of this library."""
    file, package = getattr(sys.modules.get(module), "__file__", None), module.partition(".")[0]
    if package == "lucidnet" or file is None:
        return package != "lucidnet" and package not in sys.stdlib_module_names
    python = os.path.dirname(os.__file__) + os.sep
    return not (file.startswith(python) or "site-packages" in file or "dist-packages" in file)


# --- values that can be compared -----------------------------------------------------------------------

PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic, Enum)
"""Types of single values."""
FLAT = {bool, int, float, str, type(None)}
"""Types of single values of which Python makes bytes quickly."""
LONG, DEEP = 1000, 32
"""The longest list in which objects with attributes are looked for, and how far from object to object."""
WEIGHTS = {"params", "get_weights", "state"}
"""What functions call that read a model's weights."""
PRINTS: dict[int, tuple[Any, Any]] = {}
"""Fingerprints of arrays that nobody can write into, which are made once, by ``id``."""
NUMBERS = count()


def is_array(held: Any) -> bool:
    """Tell whether something is an array, and none in a program that is being compiled."""
    return hasattr(type(held), "__array__") and not type(held).__name__.endswith("Tracer")


def fingerprint(held: Any, seen: dict[int, int] | None = None) -> Any:
    """Return a hashable value that changes when something changes that a function reads.

    Examples
    --------
    >>> weights = [np.zeros(3), 1.0]
    >>> before = fingerprint(weights)
    >>> weights[0][1] = 5
    >>> fingerprint(weights) == before
    False
    """
    if isinstance(held, PLAIN):
        return repr(held)
    if is_array(held):
        return _bytes_of(held) if hasattr(held, "flags") or not hasattr(held, "sharding") else _once(held)
    if isinstance(held, (list, tuple, dict, set, frozenset, deque)):
        seen = {} if seen is None else seen
        if id(held) in seen:  # what holds itself, or stands here twice
            return seen[id(held)]
        seen[id(held)] = len(seen)
        parts = [*held.keys(), *held.values()] if isinstance(held, dict) else [*held]
        if isinstance(held, (set, frozenset)):
            parts.sort(key=repr)
        if set(map(type, parts)) <= FLAT:
            return type(held).__name__, len(parts), crc32(marshal.dumps(parts, 2))
        return type(held).__name__, tuple([fingerprint(part, seen) for part in parts])
    if isinstance(held, (Value, CodeType)):
        try:
            hash(held)
        except (TypeError, AttributeError):  # a setting is an array, or not set
            return type(held).__name__, fingerprint({**vars(held)}, seen)
        return held
    named = callable(held) or isinstance(held, ModuleType)
    name = getattr(held, "__qualname__", getattr(held, "__name__", "")) if named else ""
    return type(held).__name__, str(name)


def _bytes_of(given: Any) -> Any:
    """Return the shape, dtype and checksum of an array; None if it cannot be read."""
    try:
        array = np.asarray(given)
    except (TypeError, RuntimeError):  # random keys, or what other processes have
        return None
    if array.dtype.hasobject:
        return array.shape, repr(array)
    flat: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return array.shape, array.dtype.str, crc32(flat)


def _once(array: Any) -> Any:
    """Return the fingerprint of an array of JAX, which nobody writes into: it is taken once."""
    key = id(array)
    known = PRINTS.get(key)
    if known is None or known[0]() is not array:
        known = PRINTS[key] = ref(array, lambda _: PRINTS.pop(key, None)), _bytes_of(array) or next(NUMBERS)
    return known[1]


# --- programs ------------------------------------------------------------------------------------------


def reads_in(key: Any) -> Sequence[Reads]:
    """Return the `Reads` of all users' functions that a program is made of."""
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
        The `Reads` of the users' functions in it.
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
