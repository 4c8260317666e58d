"""Rebuilding a network with some of its layers replaced."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ..backend import Tree
from ..core.trees import Path
from .base import INFERENCE, Cache, Layer, Mask, Run

INNER = "activation"
"""The name of an activation inside a layer: the last part of its path."""


class Wrapper:
    """Stands in for a layer, and behaves like it except for what a subclass overrides.

    Settings, children and methods are the layer's, and so is the kind: ``isinstance`` says of the wrapper
    what it says of the layer, and ``dataclasses.replace`` makes a layer without it. So containers, losses and
    rules, users' own too, treat it as the layer, and need not know of it.

    Parameters
    ----------
    layer : Layer
        The layer.

    Examples
    --------
    >>> from lucidnet.layers import Dense, Sequential
    >>> wrapper = Wrapper(Dense(3, name="code"))
    >>> wrapper.name, wrapper.units, isinstance(wrapper, Dense), isinstance(wrapper, Sequential)
    ('code', 3, True, False)
    """

    def __init__(self, layer: Layer) -> None:
        self._layer = layer

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # protocols, such as those of copies and arrays, are not the layer's
            raise AttributeError(name)
        return getattr(self._layer, name)

    def flow(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache, Mask]:
        """Return the result of `forward`, and the layer's mask; wrappers of containers override this."""
        mask = self._layer.output_mask(x, run.mask)
        return *self.forward(params, x, run), mask

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._layer)

    @property
    def __dataclass_fields__(self) -> Any:
        return type(self._layer).__dataclass_fields__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._layer!r})"


class Thawed(Wrapper):
    """Stands in for a frozen layer whose gradients are needed: the same outputs, but not frozen.

    Parameters
    ----------
    layer : Layer
        The layer.
    made : Layer
        The same, with what stands in the places of the layers inside.
    """

    frozen = False

    def __init__(self, layer: Layer, made: Layer) -> None:
        Wrapper.__init__(self, layer)
        self._made = made

    def children(self) -> Any:
        """Return the layers inside, replaced likewise."""
        return self._made.children()

    def forward(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache]:
        """Run the layer as frozen."""
        return self._made.forward(params, x, run.child_of_frozen())

    def flow(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache, Mask]:
        """Run the layer as frozen, with the mask of the output."""
        return self._made.flow(params, x, run.child_of_frozen())

    def backward(self, params: Tree, cache: Cache, dy: Any, need_dx: bool = True) -> tuple[Any, Tree]:
        """Run the layer's backward pass."""
        return self._made.backward(params, cache, dy, need_dx)

    def route(self, params: Tree, cache: Cache, dy: Any, send: Any, need_dx: bool = True) -> tuple[Any, Tree]:
        """As `backward`, but with `send` on each inner edge."""
        return self._made.route(params, cache, dy, send, need_dx)

    def route_by(self, time: Any, feedback: Tree, learned: Tree) -> Callable[..., tuple[Any, Tree]]:
        """As `route`, by a rule through time."""
        return self._made.route_by(time, feedback, learned)


def thawed(net: Layer) -> Layer:
    """Return a network with the same outputs that also gives the gradients of frozen layers."""
    return rebuilt(net, lambda layer, made, path: Thawed(layer, made) if layer.frozen is True else made)


def unwrapped(layer: Any) -> Layer:
    """Return the layer inside any wrappers."""
    while isinstance(layer, Wrapper):
        layer = layer._layer
    return layer  # type: ignore[no-any-return]


def rebuilt(net: Layer, wrap: Callable[[Layer, Layer, Path], Any], path: Path = ()) -> Layer:
    """Replace each layer of a network.

    Parameters
    ----------
    net : Layer
        The network. If its layers are wrapped already, those inside the wrappers are taken.
    wrap : callable
        What takes the place of a layer: ``wrap(layer, made, path)`` gets the layer as it stands in the
        network, the same with what was made of the layers inside, and the path. An activation in a layer
        counts as a layer inside; its path ends in ``"activation"``.
    path : tuple of str
        Where the network itself stands.

    Examples
    --------
    >>> from lucidnet.layers import Dense, Residual, Sequential
    >>> net = Sequential([Dense(2, "tanh"), Residual(Dense(2))])
    >>> _ = rebuilt(net, lambda layer, made, path: print(".".join(path), layer) or made)
    dense0.activation Tanh()
    dense0 Dense(2, Tanh(), name='dense0')
    residual1.body.activation Linear()
    residual1.body Dense(2)
    residual1 Residual(Dense(2), name='residual1')
     Sequential((Dense(2, Tanh(), name='dense0'), Residual(Dense(2), name='residual1')))
    """
    net = unwrapped(net)
    made: dict[int, list[Layer]] = {}
    for name, layer in _inside(net):
        made.setdefault(id(layer), []).append(rebuilt(layer, wrap, (*path, name)))

    def swap(value: Any) -> Any:
        if found := made.get(id(value)):  # several, where one layer stands under several names
            return found.pop(0) if len(found) > 1 else found[0]
        if isinstance(value, Layer) and value.children():  # a container that the path does not name
            return _copied(value, swap)
        return value

    return wrap(net, _copied(net, swap) if made else net, path)  # type: ignore[no-any-return]


def _inside(layer: Layer) -> tuple[tuple[str, Layer], ...]:
    inner = getattr(layer, INNER, None)
    return layer.children() or (((INNER, inner),) if isinstance(inner, Layer) else ())


def _copied(layer: Layer, swap: Callable[[Any], Any]) -> Layer:
    """Copy a layer, replacing its attributes' values by what `swap` returns for them."""
    made = copy.copy(layer)
    vars(made).update({name: _swapped(value, swap) for name, value in vars(layer).items()})
    return made


def _swapped(value: Any, swap: Callable[[Any], Any]) -> Any:
    if hasattr(value, "_replace"):  # a named tuple
        return type(value)(*(_swapped(item, swap) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_swapped(item, swap) for item in value)
    if isinstance(value, dict):
        return {name: _swapped(item, swap) for name, item in value.items()}
    return swap(value)
