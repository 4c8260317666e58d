"""Functions and classes written by users: calling them, and checking that they do what they must."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeAlias

import numpy as np

from ..errors import SettingError
from .reads import held_in, named_in
from .settings import accepts, shown
from .value import of_library

Views: TypeAlias = "dict[int, tuple[Any, Any]]"
"""Views that were lent out, each with its array, by the view's ``id``."""

TRACED = -1
"""The key in `Views` that says that JAX traces the function."""


def traced(given: Any) -> bool:
    """Tell whether something stands for an array in a program that JAX is compiling."""
    return type(given).__name__.endswith("Tracer")


def _lent(given: Any, views: Views) -> Any:
    """Replace the NumPy arrays in arguments by read-only views."""
    if isinstance(given, np.ndarray) and given.flags.writeable:
        view = given.view()
        view.flags.writeable = False
        views[id(view)] = view, given
        return view
    if traced(given):
        views[TRACED] = given, given
    return _each(given, _lent, views)


def _given_back(made: Any, views: Views) -> Any:
    """Replace the read-only views of `_lent` in a result by the arrays themselves."""
    if isinstance(made, np.ndarray):
        return views[id(made)][1] if id(made) in views else made
    return _each(made, _given_back, views)


def _each(tree: Any, function: Callable[[Any, Views], Any], views: Views) -> Any:
    if type(tree) is tuple:
        return tuple([function(part, views) for part in tree])
    return {name: function(part, views) for name, part in tree.items()} if type(tree) is dict else tree


def run(what: str, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Call a user's function on arrays that it cannot modify.

    Raises
    ------
    SettingError
        If it writes into its arguments, takes tensors of PyTorch, or branches on a whole array.
    """
    views: Views = {}
    lent, lent_named = _lent(given, views), _lent(named, views)
    if TRACED in views:
        check_draws(what, function)
    try:
        made = function(*lent, **lent_named)
    except (ValueError, TypeError, AttributeError) as error:
        if reason := _reason(error):
            name = getattr(getattr(function, "function", function), "__name__", "")
            which = "" if name in what else f", {name},"
            raise SettingError(f"{what}{which} {reason}") from error
        raise
    return _given_back(made, views)


def _reason(error: Exception) -> str:
    """Explain a common mistake behind an error of a user's function; "" if it is none of them."""
    said, trace = str(error), error.__traceback__
    if isinstance(error, ValueError) and "read-only" in said:
        return "writes into what it was given: make a new array, x = x * 2 and not x *= 2, or x = x.copy()"
    if isinstance(error, ValueError) and "truth value of an array" in said:
        return (
            "decides by an array as if it were one number (if, and, or, max(x, 0)): choose for each of its "
            "numbers, xp = x.__array_namespace__(), then xp.where(x > 0, x, 0) or xp.maximum(x, 0)"
        )
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    inside = str(trace.tb_frame.f_globals.get("__name__", "")) if trace is not None else ""
    if inside.partition(".")[0] == "torch" or "must be Tensor" in said:
        return (
            "takes tensors of PyTorch, and is given arrays: take what lucidnet has by name, such as 'relu' "
            "or 'mse', or write it with operators and functions of the array (xp = x.__array_namespace__())"
        )
    return ""


def check_draws(what: str, function: Any) -> None:
    """Raise if a function that JAX traces draws random numbers: the program would have the same in each step.

    Raises
    ------
    SettingError
        With what it calls, and where random numbers come from instead.
    """
    if drawn := draws(function):
        raise SettingError(
            f"{what} draws random numbers by {drawn}, which a compiled program would do only once, for all "
            "steps: a layer takes them from run.stream, as in run.stream.normal(x.shape), a rule from "
            "edge.stream in its cross; anything else is given them, as a part of the batch"
        )


def draws(function: Any) -> str:
    """Return what a function's own code draws random numbers by; "" if by nothing that is known.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> draws(lambda x: x + np.random.randn()), draws(lambda x: x * rng.random()), draws(lambda x: x + 1)
    ('np.random', 'rng', '')
    """
    import random

    names, known = named_in(function)
    mine = getattr(getattr(function, "__self__", None), "__dict__", {})
    known |= {f"self.{name}": mine[name] for name in names & mine.keys()}
    for name in sorted(known):
        held = known[name]
        if held is np and "random" in names:
            return f"{name}.random"
        source = getattr(held, "__self__", held)  # of a method, such as numpy.random.randn
        if (
            source is random
            or source is np.random
            or isinstance(source, (random.Random, np.random.Generator, np.random.RandomState))
        ):
            return name
    return ""


def from_numpy(function: Any) -> tuple[str, ...]:
    """Return the names of the NumPy functions that a function's own code calls, in order.

    Examples
    --------
    >>> from_numpy(lambda x: np.exp(-x) + np.pi * x.sum())
    ('exp',)
    """
    code, known = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    if _is_numpy_function(function):
        return (function.__name__,)
    if code is None:  # a method's, that of functools.partial, or none
        inner = getattr(function, "__func__", None) or getattr(function, "func", None)
        return from_numpy(inner) if inner is not None else ()
    return tuple(dict.fromkeys(_numpy_names(code, known | held_in(function))))


def _numpy_names(code: Any, known: dict[str, Any]) -> Iterator[str]:
    """Yield the names of NumPy's functions in code, those in functions inside, too."""
    from dis import get_instructions

    before: Any = None
    for step in get_instructions(code):
        found = known.get(step.argval) if isinstance(step.argval, str) else None
        if before is np and isinstance(step.argval, str):
            found = getattr(np, step.argval, None)
        if found is not np and _is_numpy_function(found):
            yield str(step.argval)
        if hasattr(step.argval, "co_code"):
            yield from _numpy_names(step.argval, known)
        before = found if step.opname.startswith("LOAD") else None


def _is_numpy_function(found: Any) -> bool:
    module = str(getattr(found, "__module__", "") or "").partition(".")[0]
    return isinstance(found, np.ufunc) or (
        module == "numpy" and callable(found) and not isinstance(found, type)
    )


def written(cls: type, name: str, base: type) -> Any:
    """Return a method that a user's class overrides; None if it inherits the method of `base`.

    Examples
    --------
    >>> class Base: ...
    >>> class Beside:
    ...     __module__ = "theirs"
    ...     def step(self): ...
    >>> class Own(Beside, Base): ...
    >>> written(Own, "step", Base) is Beside.step, written(Own, "other", Base)
    (True, None)
    """
    for kind in cls.__mro__[:-1]:
        if name in vars(kind):
            own = kind is cls or not (issubclass(kind, base) or of_library(kind))
            return vars(kind)[name] if own else None
    return None


def check_methods(cls: type, base: type) -> None:
    """Raise if a method that a class overrides cannot be called like the method of its base class.

    Raises
    ------
    SettingError
        With what it takes, and what it is given.
    """
    from inspect import Parameter, signature

    for name, theirs in vars(base).items():
        method = written(cls, name, base)
        if (name.startswith("__") and name != "__call__") or not callable(method) or not callable(theirs):
            continue
        if isinstance(method, type):
            continue
        needed = [
            parameter.name
            for parameter in list(signature(theirs).parameters.values())
            if parameter.default is Parameter.empty and parameter.kind is Parameter.POSITIONAL_OR_KEYWORD
        ]
        if not accepts(method, len(needed)):
            raise SettingError(
                f"{cls.__name__}.{name} takes {signature(method)}, but is called with "
                f"{', '.join(needed[1:]) or 'nothing'}: write {name}({', '.join(needed)})"
            )


def check_callback(cls: Any, base: type) -> None:
    """Raise if a callback's method cannot be called; make its return values be checked."""
    if of_library(cls):
        return
    check_methods(cls, base)
    if (room := written(cls, "room", base)) is not None:
        whole = "a whole number of steps of 1 or more, or None"
        cls.room = checking("room", room, whole, lambda made: made is None or _is_whole(made))
    if (owned := written(cls, "owned", base)) is not None:
        cls.owned = checking("owned", owned, "a Path, or None", _is_path)


def _is_path(made: Any) -> bool:
    return made is None or hasattr(made, "__fspath__")


def _is_whole(made: Any) -> bool:
    return isinstance(made, (int, np.integer)) and not isinstance(made, bool) and bool(made >= 1)


def checking(
    name: str, method: Callable[..., Any], expected: str, fits: Callable[[Any], bool]
) -> Callable[..., Any]:
    """Wrap a method so that an unexpected return value raises a clear `SettingError`."""

    @wraps(method)
    def checked(self: Any, *given: Any) -> Any:
        made = method(self, *given)
        if not fits(made):
            raise SettingError(f"{type(self).__name__}.{name} must return {expected}, got {shown(made)}")
        return made

    return checked


PROBES = (3, 4), (2, 3, 2, 4)
"""Shapes on which a function is tried in turn, until it takes one."""


def mixes(function: Callable[..., Any]) -> bool:
    """Tell whether any output of an array function depends on more than one number of its input.

    One number of a small array is made the largest, then the smallest, to see whether other outputs change.
    Nothing is known of a function that takes no such array, or is not deterministic.

    Examples
    --------
    >>> mixes(np.tanh), mixes(lambda v: v - v.mean(0))
    (False, True)
    """
    for shape in PROBES:
        signed = (np.arange(np.prod(shape), dtype="float32").reshape(shape) * 7 % 11 - 5) / 4
        try:
            with np.errstate(all="ignore"):
                return _mixes_at(function, signed) or _mixes_at(function, np.abs(signed) + 0.5)
        except Exception:  # it does not take such an array: training will raise, or go well
            continue
    return False


def _mixes_at(function: Callable[..., Any], base: Any) -> bool:
    plain, again = (np.asarray(function(base.copy())) for _ in range(2))
    if plain.shape != base.shape or plain.dtype.kind not in "biuf":
        return False
    others = np.ones(base.shape, bool)
    place = tuple(size // 2 for size in base.shape)
    others[place] = False
    if not np.array_equal(plain, again, equal_nan=plain.dtype.kind == "f"):
        return False
    for number in (2.0, -2.0 if base.min() < 0 else 0.25):
        changed = base.copy()
        changed[place] = number
        made = np.asarray(function(changed))
        if not np.allclose(made[others], plain[others], rtol=1e-4, atol=1e-6, equal_nan=True):
            return True
    return False
