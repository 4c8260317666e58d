"""How rules, the network's and those of single layers, meet the layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from ..backend import Array, Shape, Tree, namespace
from ..core.trees import Path, put, tree_map
from ..layers import Layer, Recurrent, walk
from ..layers.base import Cache, Send
from .base import Route, Signals, SpaceRule, carriers
from .registry import Rule, get
from .space.transported import Backprop
from .time.base import TimeRule
from .time.bptt import BPTT


def plain(net: Layer, rule: Rule) -> bool:
    """Tell whether a network is trained by the chain rule alone."""
    rules = (chosen(layer, rule) for _, layer in walk(net))
    return all(isinstance(r.space, Backprop) and isinstance(r.time, BPTT) for r in rules)


RouteOf: TypeAlias = Callable[[Rule, Path, Tree], Route]
"""From a layer's rule, path and feedback weights to how the layer itself is passed."""

TIME = "time"
"""Where, among a recurrent layer's feedback weights, those of its rule through time stand."""


def through(learned: Tree) -> RouteOf:
    """Return how rules pass layers themselves: recurrent ones by their way through time.

    What a rule through time has made of its own weights is put into the tree `learned`.
    """

    def route_of(rule: Rule, path: Path, B: Tree) -> Route:
        def route(
            layer: Layer, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool
        ) -> tuple[Array, Tree]:
            if not isinstance(layer, Recurrent):
                return layer.route(params, cache, dy, send, need_dx)
            time: TimeRule = rule.time
            dx, grads, own = time.route(layer, params, cache, dy, need_dx, B.get(TIME, {}))
            if own:
                put(learned, (*path, TIME), own)
            return dx, grads

        return route

    return route_of


class Crossing(NamedTuple):
    """What passes layers by a rule: the whole network by `cross`, the edges of containers by `send`.

    Parameters
    ----------
    rule : Rule
        The rule here; inner layers inherit it, unless they have their own.
    B : tree
        The feedback weights from here on.
    signals : Signals
        What is known at the output.
    route_of : callable
        How a rule passes a layer itself.
    path : tuple of str
        Where this is.
    """

    rule: Rule
    B: Tree
    signals: Signals
    route_of: RouteOf
    path: Path = ()

    def cross(
        self, layer: Layer, params: Tree, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        """Return the gradients of a layer's input and parameters, the layer being the one that is here."""
        here = self._replace(rule=chosen(layer, self.rule))
        space: SpaceRule = here.rule.space
        route = self.route_of(here.rule, self.path, self.B)
        return space.cross(layer, params, cache, dy, need_dx, self.B, here.send, self.signals, route)

    def send(
        self, name: str, layer: Layer, params: Tree, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        """Return the same for a layer inside the one that is here."""
        inner = self._replace(B=self.B.get(name, {}), path=(*self.path, name))
        return inner.cross(layer, params, cache, dy, need_dx)


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
