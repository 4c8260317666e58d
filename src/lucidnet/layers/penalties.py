"""Penalties that layers add to a batch's loss besides those on weights, and their gradients.

A leaf layer that does so sets `penalizes`. Its ``penalty(cache)`` returns what it adds, from what its forward
pass kept, and ``penalty_slope(cache)`` the gradient of that by its input. Its `backward` knows nothing of the
penalty, nor of the rest of the loss: the penalty's gradient is added by what crosses the edges.
"""

from __future__ import annotations

from operator import add
from typing import Any

from ..backend import Array, Tree
from .base import Cache, Layer, Send, backprop


def penalized(net: Any, cache: Cache, loss: Any) -> Any:
    """Add the penalties of a network's layers to the loss of a batch."""
    return loss + net.penalty(cache)


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
