"""How the rules of a network and of single layers are applied to the layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..backend import Array, Tree
from ..core.settings import shown
from ..core.trees import Path
from ..core.value import of_library
from ..errors import SettingError
from ..layers import Graph, Layer, Sequential
from ..layers.activations import Linear
from ..layers.base import Cache
from ..layers.penalties import with_slope
from ..losses import Loss
from ..losses.activated import fused_at
from .edge import Axes, Edge, Signals, carriers
from .own import crossed

R = TypeVar("R", bound=Axes)

Passage = Callable[[Any, Any, Path, Tree, Tree], Callable[..., tuple[Any, Tree]]]
"""How to cross a recurrent layer: a function of layer, rule through time, path, feedback weights, and a tree
for changed ones, that returns a function like `Layer.route`."""


class Credit:
    """Carries the error back through a network by a rule; `send` takes it across one edge.

    Parameters
    ----------
    rule : Rule
        The rule here; inner layers inherit it, unless they have their own.
    feedback : tree
        The feedback weights from here on.
    signals : Signals
        What is known at the network's output.
    learned : dict
        Collects feedback weights that have changed, by path.
    passage : callable, optional
        How recurrent layers are crossed; by `Layer.route_by` if not given.
    path : tuple of str
        The path of this place.
    uses : dict, optional
        Counts how often layers with rules of a user's own have been crossed, by path.
    """

    __slots__ = ("feedback", "learned", "passage", "path", "rule", "signals", "uses")

    def __init__(
        self,
        rule: Axes,
        feedback: Tree,
        signals: Signals,
        learned: dict[Path, Tree],
        passage: Passage | None = None,
        path: Path = (),
        uses: dict[Path, int] | None = None,
    ) -> None:
        self.rule, self.feedback, self.signals = rule, feedback, signals
        self.learned, self.passage, self.path = learned, passage, path
        self.uses = {} if uses is None else uses

    def send(
        self, name: str, layer: Layer, params: Tree, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Any, Tree]:
        """Return a layer's gradients by input and parameters, for the inner layer `name`, or the net ("")."""
        path, B = ((*self.path, name), self.feedback.get(name, {})) if name else (self.path, self.feedback)
        rule = self.rule if layer.rule is None else self.rule.within(layer)
        own: Tree = {}
        if self.passage is not None and layer.carried:
            route = self.passage(layer, rule.time, path, B, own)
        else:
            route = layer.route_by(rule.time, B, own)
        inside = Credit(rule, B, self.signals, self.learned, self.passage, path, self.uses)
        edge = Edge(layer, params, cache, dy, need_dx, B, self.signals, route)
        if of_library(rule.space):
            dx, grads, new = rule.space.cross(edge, inside.send)
        else:
            self.uses[path] = 1 + (use := self.uses.get(path, 0))
            now = edge if path not in self.learned else edge._replace(B=B | self.learned[path])
            dx, grads, new = crossed(rule.space, now, inside.send, path, use)
        if own or new is not None:
            self.learned[path] = self.learned.get(path, {}) | (new or {}) | own
        return (with_slope(layer, cache, dx) if layer.penalizes else dx), grads


def broadcast(net: Layer, rule: Axes) -> str | None:
    """Return which output error the rules of a network broadcast; None for what suits loss and network.

    Raises
    ------
    SettingError
        If two layers ask for different errors.
    """
    asked = {own.space.broadcasts: own.space for _, _, own in places(net, rule)}
    asked.pop(None, None)
    if odd := [space for error, space in asked.items() if error not in ("preactivation", "output")]:
        raise SettingError(
            f"rule: {type(odd[0]).__name__}.broadcasts must be 'preactivation', 'output' or None, got "
            f"{shown(odd[0].broadcasts)}"
        )
    if len(asked) > 1:
        one, two = asked.values()
        raise SettingError(
            f"rule: {one!r} and {two!r} ask for two different errors at the network's output: give both the "
            "same error=..."
        )
    return next(iter(asked), None)


def fused_by(net: Layer, loss: Loss, rule: Axes) -> tuple[Layer, Loss, bool]:
    """Return network and loss as a rule trains them together, the way `Loss.fuse` does it."""
    return fused_at(net, loss, broadcast(net, rule))


def ending(net: Layer) -> Path | None:
    """Return the path of the layer whose output is the network's output and is used nowhere else, or None."""
    if isinstance(net, Sequential):
        last = next((layer for layer in reversed(net.layers) if not isinstance(layer, Linear)), None)
        inner = None if last is None else ending(last)
        return None if last is None or inner is None else (last.name, *inner)
    if isinstance(net, Graph):
        name = net.outputs[0]
        used = any(name in node.sources or node.layer == name for node in net.nodes)
        layer = dict(net.children()).get(name)
        inner = None if len(net.outputs) > 1 or used or layer is None else ending(layer)
        return None if inner is None else (name, *inner)
    return None if net.children() else ()


def places(net: Layer, rule: R, path: Path = ()) -> Iterator[tuple[Path, Layer, R]]:
    """Yield path, layer and rule of each layer with weights that carry the error."""
    own = rule.within(net)
    if carriers(net):
        yield path, net, own
    for name, child in net.children():
        yield from places(child, own, (*path, name))
