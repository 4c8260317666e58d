"""Users' own layers: their results are checked, and converted to the engine's arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..backend import Tree, returned
from ..backend.xla.autodiff import not_followed
from ..core.numeric import in_dtype
from ..core.own import run, written
from ..core.trees import leaves, mapped, tree_map
from ..errors import SettingError

TAKES = {
    "init": ("rng", "shape"),
    "forward": ("params", "x", "run"),
    "backward": ("params", "cache", "dy", "need_dx"),
    "absorb": ("params", "cache"),
}
"""The arguments of the functions that users write."""
WRITE = {
    "forward": "forward(self, params, x, run)",
    "backward": "backward(self, params, cache, dy, need_dx=True)",
    "absorb": "absorb(self, params, cache)",
}
PAIRS = {
    "init": "its parameters (a dict of arrays by name) and the shape of one output",
    "forward": "the output and what is to be kept (None if nothing is)",
    "backward": "the gradient of the input (None if it is not needed) and a dict of those of the parameters",
}
MARK = "__checked__"


def check(cls: Any, base: type) -> None:
    """Make the methods of a user's layer class be checked, on definition and on each call.

    Raises
    ------
    SettingError
        If one of them cannot be called with what it is given.
    """
    _check_made_by_fields(cls)
    for name, makes in {
        "init": _init,
        "forward": _forward,
        "backward": _backward,
        "absorb": _absorb,
    }.items():
        method = written(cls, name, base)
        if callable(method) and not hasattr(method, MARK):
            _check_takes(cls, name, method)
            made = wraps(method)(makes(method))
            setattr(made, MARK, True)
            setattr(cls, name, made)


def _check_made_by_fields(cls: Any) -> None:
    """Raise if a class has its own ``__init__`` that leaves out the settings common to all layers."""
    if (code := getattr(vars(cls).get("__init__"), "__code__", None)) is None or "children" in vars(cls):
        return  # a user's own container may hold its layers in any way
    names, takes_all = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount], code.co_flags & 0x08
    if code.co_filename != "<string>" and "name" not in names and not takes_all:
        raise SettingError(
            f"{cls.__name__}.__init__: a layer has no constructor of its own: its settings are fields, as in "
            f"@dataclass(frozen=True), class {cls.__name__}(Layer), and init(self, rng, shape) gives weights"
        )


def _check_takes(cls: Any, name: str, method: Any) -> None:
    from inspect import signature

    known = signature(method)
    try:
        known.bind(None, *TAKES[name])
    except TypeError:
        raise SettingError(
            f"{cls.__name__}.{name} takes {known}, but is called with {', '.join(TAKES[name])}: write "
            f"{WRITE.get(name, f'{name}(self, rng, shape)')}"
        ) from None


def _pair(layer: Any, name: str, made: Any) -> Any:
    """Return the result of a user's method if it is a pair; else raise."""
    if isinstance(made, tuple) and len(made) == 2:
        return made
    got = f"{len(made)} things" if isinstance(made, tuple) else _kind(made)
    raise SettingError(f"{type(layer).__name__}.{name} returns {got}: return a pair, {PAIRS[name]}")


def _kind(made: Any) -> str:
    """Return what a result is, in words; a missing return is the likely reason for None."""
    kind = type(made).__name__.removeprefix("nd")
    article = "an" if kind[0] in "aeiou" else "a"
    return "None, as if a return were missing" if made is None else f"{article} {kind}"


def _init(init: Callable[..., Any]) -> Callable[..., Any]:
    def checked(self: Any, rng: Any, shape: Any) -> Any:
        title = f"{type(self).__name__}.init"
        try:
            given = init(self, rng, shape)
        except TypeError as error:
            if "Stream." not in str(error):
                raise
            raise SettingError(f"{title}: {error}: a shape is one tuple, as in rng.normal((4, 3))") from error
        params, made = _pair(self, "init", given)
        if not isinstance(params, dict) or not isinstance(made, (tuple, dict)):
            raise SettingError(
                f"{title} returns {_kind(params)} and {_kind(made)}: return a pair, {PAIRS['init']}"
            )
        return tree_map(lambda array: in_dtype(array, rng.dtype, f"{title}: a parameter"), params), made

    return checked


def _forward(forward: Callable[..., Any]) -> Callable[..., Any]:
    def checked(self: Any, params: Tree, x: Any, *run: Any, **named: Any) -> Any:
        made = _followed(self, "forward", forward, (self, params, x, *run), named)
        y, cache = _pair(self, "forward", made)
        like = _like(x, params)
        if isinstance(y, (tuple, dict)) or like is None:
            return y, cache
        return returned(y, like, f"{type(self).__name__}.forward"), cache

    return checked


def _backward(backward: Callable[..., Any]) -> Callable[..., Any]:
    def checked(self: Any, params: Tree, cache: Any, dy: Any, *need: Any, **named: Any) -> Any:
        made = _followed(self, "backward", backward, (self, params, cache, dy, *need), named)
        dx, grads = _pair(self, "backward", made)
        title = f"{type(self).__name__}.backward"
        if not isinstance(grads, dict):
            raise SettingError(
                f"{title} returns {_kind(dx)} and {_kind(grads)}: return a pair, {PAIRS['backward']}"
            )
        if isinstance(dy, (tuple, dict)):
            return dx, grads
        what = f"{title}: a gradient"
        return tuple(mapped(lambda array: returned(array, dy, what), tree) for tree in (dx, grads))

    return checked


def _absorb(absorb: Callable[..., Any]) -> Callable[..., Any]:
    def checked(self: Any, params: Tree, cache: Any) -> Any:
        return _followed(self, "absorb", absorb, (self, params, cache), {})

    return checked


def _followed(layer: Any, name: str, function: Callable[..., Any], given: Any, named: Any) -> Any:
    try:
        return run(f"{type(layer).__name__}.{name}", function, *given, **named)
    except Exception as error:
        if not_followed(error):
            from .derived import unfollowed

            raise unfollowed(layer, error, name) from error
        raise


def _like(x: Any, params: Tree) -> Any:
    """Return an array that has the library and dtype the output should have: an input, or a weight."""
    arrays = [*(x.values() if isinstance(x, dict) else x if isinstance(x, tuple) else (x,))]
    arrays += [array for _, array in leaves(params)] if isinstance(params, dict) else []
    return next(
        (array for array in arrays if getattr(array, "dtype", None) is not None and array.dtype.kind == "f"),
        None,
    )
