"""Watching layers: their inputs, their outputs, and the errors that come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..backend import Tree
from ..core.settings import flag, instance, taken
from ..core.text import plain, short
from ..core.trees import Path, dotted, tree_map
from .base import INFERENCE, Cache, Layer, Mask, Run, Send
from .rebuild import INNER, Wrapper, rebuilt


@dataclass(eq=False, repr=False)
class Call:
    """A call of a layer: its input and output, and the errors that came back.

    Parameters
    ----------
    path : tuple of str
        Where the layer stands; that of an activation inside a layer ends in ``"activation"``.
    layer : Layer
        The layer, as it stands in the network that is watched.
    params : tree
        Its parameters.
    x, y : array
        Input and output; y is None if the layer failed.
    run : Run
        The run it was part of.
    dy, dx : array or None
        The gradients of the loss by output and input; None if they were not asked for.
    grads : tree
        The gradients by its parameters.
    cache : tree
        What its forward pass kept.
    """

    path: Path
    layer: Layer
    params: Tree
    x: Any
    run: Run
    y: Any = None
    dy: Any = None
    dx: Any = None
    grads: Tree = field(default_factory=dict)
    cache: Cache = None

    @property
    def name(self) -> str:
        """The layer's path as text; for the activation inside a layer, that layer's path."""
        path = self.path[:-1] if self.is_inner else self.path
        return dotted(path) or type(self.layer).__name__

    @property
    def is_inner(self) -> bool:
        """Whether this is the call of an activation inside a layer."""
        return self.path[-1:] == (INNER,)

    def __repr__(self) -> str:
        x, y, dy, _ = self.cells()
        back = f", back {dy}" if dy else ""
        return plain(f"Call({self.name}: {type(self.layer).__name__}, {x} -> {y}{back})")

    def cells(self) -> list[str]:
        """Return the shapes of input, output, output error and input error, as text."""
        return ["" if array is None else short(array) for array in (self.x, self.y, self.dy, self.dx)]


class Watched(Wrapper):
    """Stands in for a layer, and records its calls in a list; see `Wrapper`.

    Parameters
    ----------
    layer : Layer
        The layer.
    calls : list of Call
        Where it notes them, in the order in which they begin.
    path : tuple of str
        Where it stands.
    made : Layer, optional
        What runs in its place: a copy in which the layers inside are watched, too.
    copies : bool
        Whether to note copies of the arrays, for layers that may change what they are given.

    Examples
    --------
    >>> import numpy as np
    >>> from lucidnet.layers import Dense
    >>> calls = []
    >>> layer = Watched(Dense(1), calls)
    >>> params = {"W": np.array([[2.0]]), "b": np.array([1.0])}
    >>> y, cache = layer.forward(params, np.array([[3.0]]))
    >>> dx, grads = layer.backward(params, cache, np.array([[10.0]]))
    >>> [(call.x.item(), call.y.item(), call.dy.item(), call.dx.item()) for call in calls]
    [(3.0, 7.0, 10.0, 20.0)]
    """

    def __init__(
        self,
        layer: Layer,
        calls: list[Call],
        path: Path = (),
        made: Layer | None = None,
        copies: bool = False,
    ) -> None:
        Wrapper.__init__(self, layer)
        self._calls, self._path, self._made, self._copies = calls, path, made or layer, copies

    def forward(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache]:
        """Run the layer, and record the call."""
        return self._watch(self._made.forward, params, x, run)  # type: ignore[no-any-return]

    def flow(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache, Mask]:
        """Run the layer with the mask of the output, and record the call."""
        return self._watch(self._made.flow, params, x, run)  # type: ignore[no-any-return]

    def _watch(self, function: Callable[..., Any], params: Tree, x: Any, run: Run) -> Any:
        call = Call(self._path, self._layer, params, self._noted(x), run)
        self._calls.append(call)
        made = function(params, x, run)
        call.y, call.cache = self._noted(made[0]), made[1]
        return made

    def backward(self, params: Tree, cache: Cache, dy: Any, need_dx: bool = True) -> tuple[Any, Tree]:
        """Run the layer's backward pass, and complete its recorded call."""
        return self._back(cache, dy, lambda: self._made.backward(params, cache, dy, need_dx))

    def route(
        self, params: Tree, cache: Cache, dy: Any, send: Send, need_dx: bool = True
    ) -> tuple[Any, Tree]:
        """As `backward`, but with `send` on each inner edge."""
        return self._back(cache, dy, lambda: self._made.route(params, cache, dy, send, need_dx))

    def route_by(self, time: Any, feedback: Tree, learned: Tree) -> Callable[..., tuple[Any, Tree]]:
        """As `route`, by a rule through time."""
        inner = self._made.route_by(time, feedback, learned)

        def route(params: Tree, cache: Cache, dy: Any, send: Send, need_dx: bool = True) -> tuple[Any, Tree]:
            return self._back(cache, dy, lambda: inner(params, cache, dy, send, need_dx))

        return route

    def _back(self, cache: Cache, dy: Any, function: Callable[[], tuple[Any, Tree]]) -> tuple[Any, Tree]:
        call = self._open(cache)
        if call is None:  # it has come back before
            return function()
        call.dy = self._noted(dy)
        dx, call.grads = function()
        call.dx = self._noted(dx)
        return dx, call.grads

    def _open(self, cache: Cache) -> Call | None:
        """Return the last call with this cache that has not been completed yet."""
        here = [call for call in self._calls if call.path == self._path]
        same = [call for call in here if call.cache is cache] or here  # a rule may change what was kept
        return next((call for call in reversed(same) if call.dy is None), None)

    def _noted(self, value: Any) -> Any:
        return _copied(value) if self._copies else value


def watched(net: Layer, calls: list[Call], copies: bool = False) -> Layer:
    """Return a network whose layers, and the activations inside them, record their calls in a list.

    A container's call stands before those of the layers in it.
    """
    net = taken("watch", "net", net, instance(Layer, "a network, as one layer"))
    copies = taken("watch", "copies", copies, flag())
    return rebuilt(net, lambda layer, made, path: Watched(layer, calls, path, made, copies))


def _copied(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_copied(item) for item in value)
    return tree_map(lambda array: array.copy() if hasattr(array, "copy") else array, value)
