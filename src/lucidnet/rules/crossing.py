"""How rules, the network's and those of single layers, meet the layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from ..backend import Array, Shape, Tree, namespace
from ..layers import Layer, Recurrent, walk
from ..layers.base import Cache, Send
from ..tree import Path, tree_map
from .base import Route, Signals, SpaceRule, carriers
from .registry import Rule, get
from .space.transported import Backprop
from .time.base import TimeRule
from .time.bptt import BPTT


def plain(net: Layer, rule: Rule) -> bool:
    """Tell whether a network is trained by the chain rule alone."""
    rules = (chosen(layer, rule) for _, layer in walk(net))
    return all(isinstance(r.space, Backprop) and isinstance(r.time, BPTT) for r in rules)


RouteOf: TypeAlias = Callable[[Rule, Path], Route]
"""From a layer's rule and path to how the layer itself is passed."""


def through(rule: Rule, path: Path) -> Route:
    """Return how a rule passes a layer itself: recurrent ones by its way through time."""

    def route(
        layer: Layer, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool
    ) -> tuple[Array, Tree]:
        if isinstance(layer, Recurrent):
            time: TimeRule = rule.time
            return time.route(layer, params, cache, dy, need_dx)
        return layer.route(params, cache, dy, send, need_dx)

    return route


def crossing(rule: Rule, B: Tree, signals: Signals, route_of: RouteOf = through, path: Path = ()) -> Send:
    """Return the `send` with which containers cross their edges by a rule; inner layers inherit it."""

    def send(
        name: str, layer: Layer, params: Tree, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        own, inner, here = chosen(layer, rule), B.get(name, {}), (*path, name)
        space: SpaceRule = own.space
        below = crossing(own, inner, signals, route_of, here)
        route = route_of(own, here)
        return space.cross(layer, params, cache, dy, need_dx, inner, below, signals, route)

    return send


def chosen(layer: Layer, rule: Rule) -> Rule:
    """Return the rule of a layer: its own, or that of what is around it."""
    return rule if layer.rule is None else get(layer.rule)


def places(net: Layer, rule: Rule, path: Path = ()) -> Iterator[tuple[Path, Layer, Rule]]:
    """Yield path, layer and rule of each layer with weights that carry the error."""
    own = chosen(net, rule)
    if carriers(net):
        yield path, net, own
    for name, child in net.children():
        yield from places(child, own, (*path, name))


def input_shapes(net: Layer, params: Tree, x: Any) -> tuple[dict[Path, Shape], Any]:
    """Return the shape of one input of each layer inside, by path, and the network's output.

    Found by sending an error of zeros down: what comes back from a layer has the shape of its input.
    """
    y, cache = net.forward(params, x)
    found: dict[Path, Shape] = {}

    def at(path: Path) -> Send:
        def send(
            name: str, layer: Layer, params: Tree, cache: Cache, dy: Array, need_dx: bool = True
        ) -> tuple[Array, Tree]:
            here = (*path, name)
            dx, grads = layer.route(params, cache, dy, at(here), need_dx)
            if dx is not None and not isinstance(dx, tuple):
                found[here] = tuple(dx.shape[1:])
            return dx, grads

        return send

    net.route(params, cache, tree_map(lambda a: namespace(a).zeros_like(a), y), at(()), False)
    return found, y
