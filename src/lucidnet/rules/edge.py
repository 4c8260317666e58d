"""An edge of a network, as rules cross it, and the signals known there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, Self

from ..backend import Array, Tree
from ..layers import Layer
from ..layers.base import Cache, Mask

TIME = "time"
"""The key, among a recurrent layer's feedback weights, of those of its rule through time."""


class Varying(int):
    """A size that varies from batch to batch; the number itself is its size in the current batch."""


class Signals(NamedTuple):
    """What is known at the network's output, and broadcast to the rules that need it.

    Parameters
    ----------
    error : array (n, ..., outputs)
        The gradient of the mean loss by the network's output (by the input of the final activation, if loss
        and activation are computed together, or if a rule asks for that: `SpaceRule.broadcasts`); with
        several outputs, side by side.
    target : array
        The targets, as the loss takes them.
    mask : Mask
        Which time steps of the output count.
    masks : dict
        Which time steps of the input of each layer count, by ``id`` of what the layer kept.
    weights : array (n,) or (n, time), optional
        A weight for each example, or for each of its time steps.
    valid : array (n,) of bool, optional
        Which examples count.
    stream : Stream, optional
        Random numbers of this step; none in a stream of `Model.online`.
    """

    error: Array
    target: Array
    mask: Mask = None
    masks: Mapping[int, Mask] | None = None
    weights: Array | None = None
    valid: Array | None = None
    stream: Any = None


class Edge(NamedTuple):
    """One edge of a network, from a layer's output down to its input, as a rule crosses it.

    Parameters
    ----------
    layer : Layer
        The layer.
    params : tree
        Its parameters.
    cache : Any
        What its forward pass kept.
    dy : array
        The error at its output.
    need_dx : bool
        Whether the error at its input is needed.
    B : tree
        Its feedback weights.
    signals : Signals
        What is known at the network's output.
    route : callable
        Crosses the layer itself: route(params, cache, dy, send, need_dx). For most layers it is their own
        `route`; a rule through time crosses recurrent layers.
    stream : Stream
        Random numbers of this place and step, for rules of one's own: ``edge.stream.normal(edge.dy.shape)``.
    """

    layer: Layer
    params: Tree
    cache: Cache
    dy: Any
    need_dx: bool
    B: Tree
    signals: Signals
    route: Callable[..., tuple[Any, Tree]]
    stream: Any = None


class Axes(Protocol):
    """A learning rule as layers see it: across layers, and through time."""

    @property
    def space(self) -> Any:
        """How the error crosses layers."""

    @property
    def time(self) -> Any:
        """How recurrent layers carry it back in time."""

    def within(self, layer: Layer) -> Self:
        """Return the rule of a layer: its own, or this one if it has none."""


def carriers(layer: Layer) -> tuple[str, ...]:
    """Return the names of a leaf's weights that carry the error back; none for a container."""
    return () if layer.children() else layer.transport
