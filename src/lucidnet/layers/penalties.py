"""Penalties that layers add to a batch's loss besides those on weights, and their gradients.

A leaf layer that does so sets `penalizes`. Its ``penalty(cache)`` returns what it adds, from what its forward
pass kept, and ``penalty_slope(cache)`` the gradient of that by its input. If that is a mean over examples, of
which masks may leave out some, ``penalty_terms(cache)`` is their number. Its `backward` knows nothing of the
penalty, nor of the rest of the loss: the penalty's gradient is added by what crosses the edges.
"""

from __future__ import annotations

from operator import add
from typing import Any

from ..backend import Array, Tree
from ..core.trees import Path, dotted
from ..errors import SettingError
from .base import Cache, Layer, Mask, Run, Send, backprop, walk


def penalties(layer: Any, cache: Cache) -> list[tuple[Any, Any]]:
    """Return what a layer, or each inside, adds to the loss, and the number of its terms, None if unknown."""
    if layer.children():
        return layer.penalties(cache)  # type: ignore[no-any-return]
    terms = getattr(layer, "penalty_terms", None)
    return [(layer.penalty(cache), None if terms is None else terms(cache))]


def penalizing(net: Layer) -> list[Path]:
    """Return the paths of the layers that add something to the loss, without containers."""
    return [path for path, layer in walk(net) if layer.penalizes and not layer.children()]


def penalized(
    net: Layer, cache: Cache, loss: Any, parts: tuple[Any, ...], run: Run
) -> tuple[Any, tuple[Any, ...]]:
    """Add what layers add to the loss of a batch; with masks each is another of the `Loss.parts`.

    It then is a mean over other values than the loss is.
    """
    added = penalties(net, cache)
    own = tuple(pair for pair in added if pair[1] is not None) if run.masks is not None else ()
    return sum((value for value, _ in added), start=loss), (*parts, *own)


def check_one_mean(net: Layer, mask: Mask, argument: str) -> None:
    """Raise if layers add means over other numbers of values than the loss has, to a batch of several.

    Raises
    ------
    SettingError
        If the loss is a mean over the time steps that count.
    """
    masks = mask.values() if isinstance(mask, dict) else (mask,)
    if net.penalizes and any(one is not None and one.ndim > 1 for one in masks):
        where = dotted(penalizing(net)[0])
        raise SettingError(
            f"{argument}: what layer {where!r} adds to the loss is a mean over examples, and the "
            f"loss, as there is a mask, one over the time steps that count: leave {argument} out"
        )


def chain_rule(net: Layer) -> Send:
    """Return the `send` of the chain rule for a network, including its layers' penalties."""
    return _with_penalties if net.penalizes else backprop


def _with_penalties(
    name: str, layer: Layer, params: Tree, cache: Cache, dy: Array, need_dx: bool = True
) -> tuple[Array, Tree]:
    dx, grads = layer.route(params, cache, dy, _with_penalties, need_dx)
    return (with_slope(layer, cache, dx) if layer.penalizes else dx), grads


def with_slope(layer: Any, cache: Cache, dx: Any) -> Any:
    """Add the slope of a layer's penalty to the error at its input."""
    if dx is None or layer.children():
        return dx
    slope = layer.penalty_slope(cache)
    return tuple(map(add, dx, slope)) if isinstance(dx, tuple) else dx + slope
