"""What a learning rule is: how the error crosses the edges of a network, in space and in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from ..backend import Array, Shape, Stream, Tree
from ..core.value import Value
from ..layers import Layer
from ..layers.base import Cache, Send


class Signals(NamedTuple):
    """What is known at the network's output, and broadcast to whoever wants it.

    Parameters
    ----------
    error : array (n, ..., outputs)
        The gradient of the mean loss by the network's output (by the logits, where loss and final
        activation are computed together); of several outputs side by side.
    target : array
        The targets, as the loss takes them.
    """

    error: Array
    target: Array


Route = Callable[..., tuple[Array, Tree]]
"""How a layer itself is crossed: route(layer, params, cache, dy, send, need_dx)."""


@dataclass(frozen=True, repr=False)
class SpaceRule(Value):
    """How the error crosses a layer on its way down; a subclass overrides what differs from backprop.

    Feedback weights B are a tree like that of the parameters, with entries only for layers that have
    some. Parameters are never changed here, B only by `learn`.
    """

    reads: ClassVar[str] = ""
    """What a weight's update depends on: names of `locality`, with commas."""
    memory: ClassVar[str] = ""
    """The numbers that the rule keeps."""
    cost: ClassVar[str] = ""
    """The products that it takes."""
    exact: ClassVar[bool] = False
    """Whether it gives the true gradient."""

    pools: ClassVar[bool] = False
    """Whether examples count that have no error: then none may be added that do not count."""

    phase: ClassVar[bool] = False
    """Whether B has a phase of its own between steps: `learn`."""

    def feedback(self, layer: Layer, params: Tree, inputs: Shape, outputs: Shape, rng: Stream) -> Tree:
        """Return fresh feedback weights of a layer with weights that carry the error; {} for none.

        Parameters
        ----------
        layer : Layer
            A layer with `transport` weights.
        params : tree
            Its parameters.
        inputs, outputs : tuple of int
            The shapes of one input of the layer, and of one output of the whole network.
        rng : Stream
            Random numbers of this place.
        """
        return {}

    def cross(
        self,
        layer: Layer,
        params: Tree,
        cache: Cache,
        dy: Array,
        need_dx: bool,
        B: Tree,
        send: Send,
        signals: Signals,
        route: Route,
    ) -> tuple[Array, Tree]:
        """Return dx and the gradients of a layer, given the error at its output."""
        return route(layer, params, cache, dy, send, need_dx)

    def taught(self, layer: Layer, B: Tree, grads: Tree) -> Tree | None:
        """Return the gradients by which the optimizer changes B; None if B does not learn like that."""
        return None

    def counterparts(self, layer: Layer, params: Tree, B: Tree, last: bool) -> list[tuple[Array, Array]]:
        """Return what carries the error, beside the weights that it stands for; `last`: of the last layer."""
        return []

    def mirrored(self, layer: Layer, params: Tree, last: bool) -> Tree | None:
        """Return the feedback weights with which the rule is backprop; None if there are none."""
        return None

    def learn(self, layer: Layer, params: Tree, inputs: Shape, B: Tree, rng: Stream) -> Tree:
        """Return B after a phase of its own, between two steps."""
        return B


def carriers(layer: Layer) -> tuple[str, ...]:
    """Return the names of the weights that carry the error through a leaf."""
    return () if layer.children() else layer.transport
