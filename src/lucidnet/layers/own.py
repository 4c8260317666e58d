"""Layers of a user's own: what their functions take and return is checked, and made the engine's arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..backend import Tree, returned
from ..backend.xla.autodiff import not_followed
from ..core.numeric import numeric, plain
from ..core.trees import dotted, leaves, mapped, tree_map
from ..errors import SettingError, ShapeError

TAKES = {
    "init": ("rng", "shape"),
    "forward": ("params", "x", "run"),
    "backward": ("params", "cache", "dy", "need_dx"),
}
"""What is given to the functions that a user writes."""
WRITE = {
    "forward": "forward(self, params, x, run)",
    "backward": "backward(self, params, cache, dy, need_dx=True)",
}
PAIRS = {
    "init": "its parameters (a dict of arrays by name) and the shape of one output",
    "forward": "the output and what is to be kept (None if nothing is)",
    "backward": "the gradient of the input (None if it is not needed) and a dict of those of the parameters",
}
MARK = "__checked__"


def check(cls: Any) -> None:
    """Have the functions that a class defines checked, when it is made and when they are called.

    Raises
    ------
    SettingError
        If one of them cannot be called with what it is given.
    """
    for name, makes in {"init": _init, "forward": _forward, "backward": _backward}.items():
        method = vars(cls).get(name)
        if callable(method) and not hasattr(method, MARK):
            _check_takes(cls, name, method)
            made = wraps(method)(makes(method))
            setattr(made, MARK, True)
            setattr(cls, name, made)


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
    """Return what a function has returned, if it is a pair."""
    if isinstance(made, tuple) and len(made) == 2:
        return made
    got = f"{len(made)} things" if isinstance(made, tuple) else f"a {type(made).__name__}"
    raise SettingError(f"{type(layer).__name__}.{name} returns {got}: return a pair, {PAIRS[name]}")


def _init(init: Callable[..., Any]) -> Callable[..., Any]:
    def checked(self: Any, rng: Any, shape: Any) -> Any:
        params, made = _pair(self, "init", init(self, rng, shape))
        title = f"{type(self).__name__}.init"
        if not isinstance(params, dict) or not isinstance(made, (tuple, dict)):
            raise SettingError(
                f"{title} returns a {type(params).__name__} and a {type(made).__name__}: return a pair, "
                f"{PAIRS['init']}"
            )

        def brought(array: Any) -> Any:
            if plain(array):  # blank arrays, which have only a shape, among them
                return array
            return numeric(array, f"{title}: a parameter").astype(rng.dtype)

        return tree_map(brought, params), made

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
                f"{title} returns a {type(grads).__name__}: return a pair, {PAIRS['backward']}"
            )
        if isinstance(dy, (tuple, dict)):
            return dx, grads
        what = f"{title}: a gradient"
        return tuple(mapped(lambda array: returned(array, dy, what), tree) for tree in (dx, grads))

    return checked


def _followed(layer: Any, name: str, function: Callable[..., Any], given: Any, named: Any) -> Any:
    try:
        return function(*given, **named)
    except Exception as error:
        if not_followed(error):
            from .derived import unfollowed

            raise unfollowed(layer, name) from error
        raise


def _like(x: Any, params: Tree) -> Any:
    """Return an array of the library and dtype that the output is to have: an input, or else a weight."""
    arrays = [*(x.values() if isinstance(x, dict) else x if isinstance(x, tuple) else (x,))]
    arrays += [array for _, array in leaves(params)] if isinstance(params, dict) else []
    return next(
        (array for array in arrays if getattr(array, "dtype", None) is not None and array.dtype.kind == "f"),
        None,
    )


def check_slopes(net: Any, params: Tree, shape: Any) -> None:
    """Raise if the `backward` of a layer of a user's own returns a gradient of another shape than its input.

    NumPy would broadcast it, and the layers below would learn something else. Each such layer is tried on
    two examples; what it does not take it is not tried on.

    Raises
    ------
    ShapeError
        With the layer, and both shapes.
    """
    from ..core.value import of_library
    from .base import INFERENCE, Layer, walk
    from .shapes import input_shapes

    own = [(path, layer) for path, layer in walk(net) if path and not of_library(layer)]
    own = [(path, layer) for path, layer in own if not layer.children() and layer.differentiable]
    own = [(path, layer) for path, layer in own if type(layer).backward is not Layer.backward]
    if not own:
        return
    shapes = input_shapes(net, shape, known_only=True)
    for path, layer in own:
        taken = shapes.get(path)
        if not isinstance(taken, tuple) or not all(size is None or isinstance(size, int) for size in taken):
            continue
        _try(layer, path, params, tuple(3 if size is None else size for size in taken), INFERENCE)


def _try(layer: Any, path: Any, params: Tree, shape: Any, run: Any) -> None:
    weights = params
    for name in path:
        weights = weights.get(name, {}) if isinstance(weights, dict) else {}
    dtype = next((array.dtype for _, array in leaves(params)), np.dtype("float32"))
    x = np.full((2, *shape), 0.5, dtype)
    try:
        with np.errstate(all="ignore"):
            y, cache = layer.forward(weights, x, run)
            dx, _ = layer.backward(weights, cache, np.ones_like(y), True)
    except SettingError:
        raise
    except Exception:  # of what it does not take, or of its own: a training will say it
        return
    if np.shape(dx) != x.shape:
        raise ShapeError(
            f"{dotted(path)}, {layer.describe()}: its backward returns a gradient of shape {np.shape(dx)} "
            f"for an input of shape {x.shape}: it must have that of the input"
        )
