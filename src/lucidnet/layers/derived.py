"""Users' own layers without a `backward`: JAX derives their gradient from their `forward`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from ..backend import Array, Tree
from ..backend.xla.autodiff import NOT_FOLLOWED, instead, not_followed, pullback
from ..core.own import written
from ..core.trees import tree_map
from ..errors import SettingError

NOTING = "__noting__"
"""The attribute that marks an adapted method."""


class Seen(NamedTuple):
    """The cache of a layer without `backward`: how to repeat its forward pass, and its own cache."""

    again: Callable[[Tree, Any], Any]
    x: Any
    cache: Any


def adapt(cls: Any, base: Any) -> None:
    """Make a class without `backward` keep what its forward pass was given; see `Seen`.

    A subclass of such a class may define `backward` again; it is then treated as any other.

    Parameters
    ----------
    cls : type
        A class of a user's own.
    base : type
        `Layer`, whose `backward` is that of layers without one.
    """
    if cls.backward is not base.backward or cls.forward is base.forward or cls.route is not base.route:
        return
    if not hasattr(cls.forward, NOTING):
        cls.forward = _noting(cls.forward, base)
    for name in ("absorb", "states"):
        if (method := written(cls, name, base)) is not None and not hasattr(method, NOTING):
            setattr(cls, name, _unpacking(method))


def _noting(forward: Callable[..., Any], base: Any) -> Callable[..., Any]:
    """Wrap a forward pass so that its cache is `Seen`, for layers without `backward`."""

    @wraps(forward)
    def noting(self: Any, params: Tree, x: Any, *run: Any, **named: Any) -> Any:
        if type(self).backward is not base.backward:
            return forward(self, params, x, *run, **named)
        made = forward(self, params, x, *run, **named)

        def again(params: Tree, x: Any) -> Any:
            return forward(self, params, x, *run, **named)[0]

        return made[0], Seen(again, x, made[1])

    setattr(noting, NOTING, True)
    return noting


def _unpacking(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method so that it receives the layer's own cache instead of `Seen`."""

    @wraps(method)
    def unpacking(self: Any, *given: Any) -> Any:
        *rest, cache = given
        return method(self, *rest, cache.cache if isinstance(cache, Seen) else cache)

    setattr(unpacking, NOTING, True)
    return unpacking


def derived_backward(
    layer: Any, params: Tree, cache: Any, dy: Array, need_dx: bool = True
) -> tuple[Any, Tree]:
    """Return the gradients of a layer without `backward`, in the form of `Layer.backward`.

    Raises
    ------
    MissingExtraError
        If JAX is not installed.
    SettingError
        If JAX cannot follow the layer's `forward`.
    """
    kind = type(layer).__name__
    if not isinstance(cache, Seen) or layer.children():
        more = ", and route(...), as there are layers inside" if layer.children() else ""
        raise NotImplementedError(f"{kind} must define backward(params, cache, dy, need_dx){more}")
    fixed = {name: params[name] for name in layer.buffers}
    trained = {name: tree_map(_same, branch) for name, branch in params.items() if name not in fixed}
    need_dx = need_dx and layer.differentiable
    if not trained and not need_dx:
        return None, {}

    def forward(trained: Tree, x: Any, fixed: Tree) -> Any:
        return cache.again(fixed | trained, x)

    try:
        given, wanted = (trained, cache.x, fixed), 2 if need_dx else 1
        grads, *dx = pullback(forward, given, dy, wanted, f"{kind} has no backward")
    except TypeError as error:
        if not_followed(error):
            raise unfollowed(layer, error) from error
        raise
    return (dx[0] if need_dx else None), grads


def _same(array: Array) -> Array:
    return array


def unfollowed(layer: Any, error: Exception, name: str = "forward") -> SettingError:
    """Return the error for a layer whose `forward` or `backward` JAX cannot trace."""
    said = NOT_FOLLOWED.format(f"{type(layer).__name__}.{name}")
    return SettingError(f"{layer.describe()}: {said}{instead(error)}")
