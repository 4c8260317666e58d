"""Messages that translate words of Keras, PyTorch and scikit-learn into the names used here.

Each entry is a foreign word and ours, which may be followed by a remark. Nothing here makes a foreign word
work: an unknown keyword stays a `TypeError`, an unknown attribute an `AttributeError`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, wraps
from inspect import CO_VARARGS, signature, unwrap
from typing import TYPE_CHECKING, Any, TypeVar

from .attributes import ATTRIBUTES
from .keywords import KEYWORDS, MEANT
from .methods import PLACED
from .names import MOMENTS, NAMES, THEIR_METHODS

__all__ = ["ATTRIBUTES", "KEYWORDS", "MOMENTS", "NAMES"]

K = TypeVar("K", bound=type)


def keyword(kind: type | str, name: str) -> str | None:
    """Return what a foreign keyword of a class or method is called here, if it is known.

    If our name is that of a setting, the class must have it.
    """
    ours = _of(KEYWORDS, kind, name)
    if ours is None or isinstance(kind, str):
        return ours
    setting, after = re.fullmatch(r"(\w+)(.*)", ours).groups()  # type: ignore[union-attr]
    return ours if after.startswith("(") or setting in signature(kind).parameters else None


def meant(kind: type, name: str, given: Any) -> str:
    """Return what may be meant by what a setting does not take, after a semicolon; else ""."""
    if name == "learning_rate" and isinstance(given, (tuple, list, dict)):
        if given and all(isinstance(rate, (int, float)) for rate in given):
            return "; rates that change are a schedule: Piecewise(((0, 0.1), (100, 0.01))), by steps"
        return f"; the model brings its weights: {kind.__name__}(0.01)"
    if type(given) is not int:
        return ""
    words = (MEANT.get((one.__name__, name)) for one in kind.__mro__)
    return next((f"; {said.format(kind=kind.__name__)}" for said in words if said), "")


def attribute(place: type | str, name: str) -> str | None:
    """Return what a foreign attribute of a class or module is called here, if it is known."""
    return _of(ATTRIBUTES, place, name)


def word(kind: str, name: str) -> str | None:
    """Return our name for a foreign one, such as the name of a loss; None if it is unknown."""
    kind = "rule" if kind.startswith("rule") else kind
    return NAMES.get(kind, {}).get(name.lower())


def _of(table: Mapping[str, Mapping[str, str]], place: type | str, name: str) -> str | None:
    places = [kind.__name__ for kind in place.__mro__] if isinstance(place, type) else [place]
    return next((table[one][name] for one in places if name in table.get(one, ())), None)


def undefined(given: Any, ours: str) -> NotImplementedError:
    """Return the error for a method that a class of somebody's own must define.

    It names the method of another library that stands there instead, which nobody calls.
    """
    kinds = [kind for kind in type(given).__mro__ if not kind.__module__.startswith("lucidnet.")]
    theirs = next((name for name in THEIR_METHODS for kind in kinds if name in vars(kind)), None)
    hint = f": nobody calls {theirs}()" if theirs else ""
    return NotImplementedError(f"{type(given).__name__} must define {ours}{hint}")


NO_ESTIMATOR = (
    "a Model is no scikit-learn estimator: in pipelines and searches use lucidnet.sklearn.NetClassifier or "
    "NetRegressor, which take layers=[...]"
)


def check_caller(depth: int) -> None:
    """Raise `TypeError` if scikit-learn is the caller, `depth` frames up: it mistakes a model for its own."""
    if sys._getframe(depth + 1).f_globals.get("__name__", "").startswith("sklearn."):
        raise TypeError(NO_ESTIMATOR)


def only(given: object, name: str, *names: str) -> None:
    """Raise `AttributeError`, with a hint at our name, if an attribute is none of those allowed."""
    if name not in names:
        if name == "score":  # with which searches begin
            check_caller(2)
        ours = attribute(type(given), name)
        hint = f": here it is {ours}" if ours else ""
        raise AttributeError(f"{type(given).__name__!r} object has no attribute {name!r}{hint}")


class _Elsewhere:
    """A foreign attribute name: reading or setting it raises an error that tells ours.

    Objects of a user's subclass may have an attribute of that name.
    """

    def __init__(self, name: str, ours: str) -> None:
        self.name, self.ours = name, ours

    def __get__(self, given: Any, owner: type) -> Any:
        if self.name in getattr(given, "__dict__", ()):
            return vars(given)[self.name]
        raise AttributeError(
            f"{owner.__name__!r} object has no attribute {self.name!r}: here it is {self.ours}"
        )

    def __set__(self, given: Any, value: Any) -> None:
        if not type(given).__module__.startswith("lucidnet."):
            vars(given)[self.name] = value
            return
        raise AttributeError(
            f"a {type(given).__name__.lower()}'s {self.name!r} cannot be set: here it is {self.ours}"
        )


def _called(given: Any, *args: Any, **settings: Any) -> Any:
    """Raise `TypeError`, saying what to write in place of a call."""
    raise TypeError(f"{type(given).__name__!r} object is not callable: here it is {_call_of(given, args)}")


def _call_of(given: Any, args: tuple[Any, ...]) -> str | None:
    ours = attribute(type(given), "__call__")
    if (
        ours is None
        or not args
        or attribute(type(args[0]), "__call__") in (None, attribute("Model", "__call__"))
    ):
        return ours
    return "Model([...]) of layers in a row, or a Graph(inputs, nodes, outputs) of branches"


def called(given: Any) -> bool:
    """Tell whether something is callable only to raise an error that says what to write instead."""
    return callable(given) and type(given).__call__ is _called


def uncalled(cls: K) -> K:
    """Make calling an object of this class, or taking an item of it, raise an error that says what to do."""
    cls.__call__ = _called  # type: ignore[method-assign]
    if "__getitem__" in ATTRIBUTES[cls.__name__]:
        setattr(cls, "__getitem__", _taken)  # noqa: B010 - mypy takes no plain assignment
    return cls


def _taken(given: Any, key: Any) -> Any:
    """Raise `TypeError`, saying what to write in place of an item."""
    ours = attribute(type(given), "__getitem__")
    raise TypeError(f"{type(given).__name__!r} object is not subscriptable: here it is {ours}")


def answering(cls: K) -> K:
    """Make foreign attribute names of a class raise an error that tells ours."""
    for name, ours in ATTRIBUTES[cls.__name__].items():
        setattr(cls, name, _Elsewhere(name, ours))
    return cls


# --- keywords: looked at before Python does -----------------------------------------------------------

MISSPELT = 0.8
"""How alike (0 to 1) a word and the name of a setting must be for one to stand for the other."""


def hint(kind: type | str, name: str, known: Iterable[str]) -> str:
    """Return what an unknown keyword is called here, or which of those known is meant; "" if nobody knows."""
    if ours := keyword(kind, name):
        return f": here it is {ours}"
    from difflib import get_close_matches

    near = get_close_matches(name[:100].lower(), sorted(known), 1, MISSPELT)
    return f": did you mean {near[0]!r}?" if near else ""


@lru_cache(maxsize=512)
def _parameters(function: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    """Return the names of the parameters of a function, and whether it takes other keywords as well."""
    parameters = signature(function).parameters
    return frozenset(parameters), any(one.kind is one.VAR_KEYWORD for one in parameters.values())


def refuse(kind: type | str, given: Mapping[str, Any], function: Callable[..., Any]) -> None:
    """Raise `TypeError` for a foreign or misspelt keyword that a class or method does not take.

    A user's own function that takes any keywords is left to itself.
    """
    known, others = _parameters(function)
    if others and not getattr(function, "__module__", "lucidnet.").startswith("lucidnet."):
        return
    for name in given.keys() - known:
        if told := hint(kind, name, () if others else known):
            title = kind if isinstance(kind, str) else kind.__qualname__
            raise TypeError(f"{title}() got an unexpected keyword argument {name!r}{told}")


def refusing(*methods: str) -> Callable[[K], K]:
    """Make foreign keywords of some methods of a class raise an error that tells ours."""

    def changed(cls: K) -> K:
        for name in methods:
            title = cls.__name__ if name == "__init__" else name
            if name != "__init__" and cls.__name__ != "Model":
                title = f"{cls.__name__}.{name}"
            setattr(cls, name, _refusing(title, vars(cls)[name]))
        return cls

    return changed


BY_PLACE = 4
"""How many of the arguments that are given by name a message lists."""


def by_name(title: str, function: Callable[..., Any], count: int) -> TypeError | None:
    """Return the error for arguments by place that a function takes by name only; None if there are none.

    Examples
    --------
    >>> def f(x, *, epochs=1): ...
    >>> by_name("f", f, 2)
    TypeError('f() takes x by place, got 2 arguments: give the others by name, epochs=')
    """
    code = function.__code__
    if count <= code.co_argcount or not code.co_kwonlyargcount or code.co_flags & CO_VARARGS:
        return None
    placed = code.co_varnames[: code.co_argcount]
    others = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    bound = placed[:1] in (("self",), ("cls",))
    if ours := PLACED.get(title):
        return TypeError(
            f"{title}() takes {placed[bound]} alone by place, got {count - bound}: here it is {ours}"
        )
    listed = " and ".join(placed[bound:]) or "nothing"
    names = ", ".join(f"{name}=" for name in others[:BY_PLACE]) + (" ..." if len(others) > BY_PLACE else "")
    return TypeError(
        f"{title}() takes {listed} by place, got {count - bound} arguments: give the others by name, {names}"
    )


def _refusing(title: str, method: Callable[..., Any]) -> Callable[..., Any]:
    inner = unwrap(method)
    code, placed = inner.__code__, inner.__code__.co_argcount
    known = frozenset(code.co_varnames[: placed + code.co_kwonlyargcount])

    @wraps(method)
    def call(*args: Any, **settings: Any) -> Any:
        if title == "fit":
            check_caller(1)
        if title == "Model" and len(args) > 2:
            raise TypeError(
                "Model() takes its layers as one list: Model([Input(64), Dense(10)]), or sizes: mlp([64, 10])"
            )
        if not known.issuperset(settings):
            refuse(title, settings, method)
        if len(args) > placed and (error := by_name(title, inner, len(args))):
            raise error
        return method(*args, **settings)

    return call


class Refusing:
    """Base class whose constructor tells our name for a foreign keyword."""

    if not TYPE_CHECKING:

        def __new__(cls, *args, **settings):
            if (args or settings) and cls.__init__ is object.__init__:
                raise TypeError(f"{cls.__qualname__}() takes no arguments")
            refuse(cls, settings, cls.__init__)
            return super().__new__(cls)

        class _OfInit:
            """Makes a class's signature that of its ``__init__``, not of ``__new__`` above."""

            def __get__(self, given, owner):
                if given is not None or owner.__init__ is object.__init__:
                    return None
                made = signature(owner.__init__)
                return made.replace(parameters=list(made.parameters.values())[1:])

        __signature__ = _OfInit()
