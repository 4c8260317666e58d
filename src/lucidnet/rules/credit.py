"""How rules, the network's and those of single layers, meet the layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..backend import Array, Tree
from ..core.trees import Path
from ..layers import Layer, walk
from ..layers.base import Cache
from .base import Edge, Signals, carriers
from .registry import Rule, get
from .space.transported import Backprop
from .time.bptt import BPTT

TIME = "time"
"""Where, among a recurrent layer's feedback weights, those of its rule through time stand."""

Passage = Callable[[Any, Any, Path, Tree, Tree], Callable[..., tuple[Any, Tree]]]
"""How a recurrent layer is passed: from layer, rule through time, path, feedback weights, and where those go
that have changed, to a function like `Layer.route`."""


class Credit:
    """What passes the layers of a network by a rule: `send` crosses one edge.

    Parameters
    ----------
    rule : Rule
        The rule here; inner layers inherit it, unless they have their own.
    feedback : tree
        The feedback weights from here on.
    signals : Signals
        What is known at the network's output.
    learned : dict
        Feedback weights that have changed on the way are put here, by path.
    passage : callable, optional
        How recurrent layers are passed; by `Layer.route_by` if not given.
    path : tuple of str
        Where this is.
    """

    __slots__ = ("feedback", "learned", "passage", "path", "rule", "signals")

    def __init__(
        self,
        rule: Rule,
        feedback: Tree,
        signals: Signals,
        learned: dict[Path, Tree],
        passage: Passage | None = None,
        path: Path = (),
    ) -> None:
        self.rule, self.feedback, self.signals = rule, feedback, signals
        self.learned, self.passage, self.path = learned, passage, path

    def send(
        self, name: str, layer: Layer, params: Tree, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Any, Tree]:
        """Return the gradients of the input and of the parameters of a layer inside, or of all (name "")."""
        path, B = ((*self.path, name), self.feedback.get(name, {})) if name else (self.path, self.feedback)
        rule = self.rule if layer.rule is None else get(layer.rule)
        own: Tree = {}
        if self.passage is not None and layer.carried:
            route = self.passage(layer, rule.time, path, B, own)
        else:
            route = layer.route_by(rule.time, B, own)
        inside = Credit(rule, B, self.signals, self.learned, self.passage, path)
        edge = Edge(layer, params, cache, dy, need_dx, B, self.signals, route)
        dx, grads, new = rule.space.cross(edge, inside.send)
        if own or new is not None:
            self.learned[path] = (new or {}) | own
        return dx, grads


def plain(net: Layer, rule: Rule) -> bool:
    """Tell whether a network is trained by the chain rule alone."""
    rules = (chosen(layer, rule) for _, layer in walk(net))
    return all(isinstance(r.space, Backprop) and isinstance(r.time, BPTT) for r in rules)


def chosen(layer: Layer, rule: Rule) -> Rule:
    """Return the rule of a layer: its own, or that of what is around it."""
    return rule if layer.rule is None else get(layer.rule)


def places(net: Layer, rule: Any, path: Path = ()) -> Iterator[tuple[Path, Layer, Rule]]:
    """Yield path, layer and rule of each layer with weights that carry the error."""
    own = chosen(net, rule)
    if carriers(net):
        yield path, net, own
    for name, child in net.children():
        yield from places(child, own, (*path, name))
