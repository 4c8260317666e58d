"""Containers: layers made of layers. They hold the wiring and no formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..backend import Array, Shape, Stream, Tree, namespace
from ..errors import LucidnetError, SettingError, ShapeError
from .base import INFERENCE, Cache, Layer, Run, Send, backprop


@dataclass(frozen=True, repr=False)
class Container(Layer):
    """The base of containers: `backward` is `route` with plain backpropagation on every edge."""

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return self.route(params, cache, dy, backprop, need_dx)


@dataclass(frozen=True, repr=False)
class Sequential(Container):
    """Layers one after the other: y = f_n(... f_2(f_1(x))).

    Parameters
    ----------
    layers : sequence of Layer
        The layers in order; those without a name get one from class and position: ``dense1``.

    Examples
    --------
    >>> from lucidnet.layers import Dense, Dropout
    >>> [layer.name for layer in Sequential([Dense(8), Dropout(0.5), Dense(2, name="out")]).layers]
    ['dense0', 'dropout1', 'out']
    """

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        Layer.__post_init__(self)
        object.__setattr__(self, "layers", named(self.layers, "Sequential"))

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return _by_name(self.layers)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        params, source = {}, ""
        for index, (name, layer) in enumerate(self.children()):
            params[name], shape = init_child(index, layer, rng, shape, source)
            source = f" from layer {index} {layer.describe()}"
        return params, shape

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        cache = {}
        for layer in self.layers:
            name = layer.name
            x, cache[name] = layer.forward(params[name], x, run.child(name) if run.train else run)
        return x, cache

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        grads = dict(params)  # in the order of the layers; those that nobody asks keep their empty tree
        for i in reversed(range(len(self.layers))):
            layer = self.layers[i]
            name = layer.name
            upstream = need_dx or any(params[before.name] for before in self.layers[:i])
            if upstream or params[name]:
                dy, grads[name] = send(name, layer, params[name], cache[name], dy, upstream)
        return (dy if need_dx else None), grads

    def split_activation(self) -> tuple[Layer, Layer | None]:
        *body, last = self.layers
        last, activation = last.split_activation()
        return replace(self, layers=(*body, last)), activation


@dataclass(frozen=True, repr=False)
class Residual(Container):
    """Skip connection: y = x + f(x),  dx = dy + f'^T dy (He et al. 2016).

    Parameters
    ----------
    body : Layer
        The layer f (or a container of layers); its output has the shape of its input.
    """

    body: Layer

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return (("body", self.body),)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        params, out = self.body.init(rng.child("body"), shape)
        if out != shape:
            raise ShapeError(
                f"{self.describe()}: the body turns shape {shape} into {out}, so x + f(x) does not exist; "
                f"end the body with a layer of {shape[-1]} outputs"
            )
        return {"body": params}, shape

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        y, cache = self.body.forward(params["body"], x, run.child("body"))
        return x + y, {"body": cache}

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        dx, grads = send("body", self.body, params["body"], cache["body"], dy, need_dx)
        return (dy + dx if need_dx else None), {"body": grads}


@dataclass(frozen=True, repr=False)
class Concatenate(Container):
    """Branches that see the same input, their outputs side by side on the last axis.

    y = [f_1(x), f_2(x), ...]; each branch is sent its part of dy, and dx is the sum of theirs.

    Parameters
    ----------
    branches : sequence of Layer
        The branches f_i; their outputs agree in all sizes but the last.
    """

    branches: Sequence[Layer]

    def __post_init__(self) -> None:
        Layer.__post_init__(self)
        object.__setattr__(self, "branches", named(self.branches, "Concatenate"))

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return _by_name(self.branches)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        params, shapes = init_branches(self, rng, shape)
        if len({s[:-1] for s in shapes}) > 1:
            raise ShapeError(f"{self.describe()}: outputs {shapes} differ in more than the last size")
        return params, (*shapes[0][:-1], sum(s[-1] for s in shapes))

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        outputs, cache = run_branches(self, params, x, run)
        return namespace(x).concat(outputs, axis=-1), (cache, [y.shape[-1] for y in outputs])

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        caches, sizes = cache
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
        parts = [dy[..., end - size : end] for size, end in zip(sizes, ends, strict=True)]
        return route_branches(self, params, caches, parts, send, need_dx)


@dataclass(frozen=True, repr=False)
class Add(Container):
    """Branches that see the same input, their outputs added: y = f_1(x) + f_2(x) + ...

    Each branch is sent the whole dy, and dx is the sum of theirs.

    Parameters
    ----------
    branches : sequence of Layer
        The branches f_i; their outputs have one shape.
    """

    branches: Sequence[Layer]

    def __post_init__(self) -> None:
        Layer.__post_init__(self)
        object.__setattr__(self, "branches", named(self.branches, "Add"))

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return _by_name(self.branches)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        params, shapes = init_branches(self, rng, shape)
        if len(set(shapes)) > 1:
            raise ShapeError(f"{self.describe()}: the branches' outputs differ in shape: {shapes}")
        return params, shapes[0]

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        outputs, cache = run_branches(self, params, x, run)
        return total(outputs), cache

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        return route_branches(self, params, cache, [dy] * len(self.branches), send, need_dx)


def named(layers: Sequence[Layer], where: str) -> tuple[Layer, ...]:
    """Return the layers as a tuple, each with a name; names are checked to be unique."""
    layers = tuple(layers)
    if not layers or not all(isinstance(layer, Layer) for layer in layers):
        raise SettingError(f"{where}: expected one or more layers, got {list(layers)!r}")
    made = tuple(
        layer if layer.name else replace(layer, name=f"{type(layer).__name__.lower()}{index}")
        for index, layer in enumerate(layers)
    )
    names = [layer.name for layer in made]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise SettingError(f"{where}: layers {names.index(name)} and {index} are both named {name!r}")
    return made


def init_child(index: int, layer: Layer, rng: Stream, shape: Shape, source: str) -> tuple[Tree, Shape]:
    """Initialize one layer of a container; errors say which layer, and where its input comes from."""
    try:
        return layer.init(rng.child(layer.name), shape)
    except LucidnetError as error:
        raise type(error)(f"layer {index} {layer.describe()}: {error}{source}") from None


def init_branches(self: Concatenate | Add, rng: Stream, shape: Shape) -> tuple[Tree, list[Shape]]:
    """Initialize all branches for inputs of one shape."""
    params, shapes = {}, []
    for index, (name, branch) in enumerate(self.children()):
        params[name], out = init_child(index, branch, rng, shape, "")
        shapes.append(out)
    return params, shapes


def run_branches(self: Concatenate | Add, params: Tree, x: Array, run: Run) -> tuple[list[Array], Cache]:
    """Run all branches forward on one input."""
    outputs, cache = [], {}
    for name, branch in self.children():
        y, cache[name] = branch.forward(params[name], x, run.child(name))
        outputs.append(y)
    return outputs, cache


def route_branches(
    self: Concatenate | Add, params: Tree, cache: Cache, parts: list[Array], send: Send, need_dx: bool
) -> tuple[Array, Tree]:
    """Send each branch its part of the error; add up what comes back at the input."""
    grads, arrived = {}, []
    for (name, branch), dy in zip(self.children(), parts, strict=True):
        dx, grads[name] = send(name, branch, params[name], cache[name], dy, need_dx)
        arrived.append(dx)
    return (total(arrived) if need_dx else None), grads


def total(arrays: Sequence[Array]) -> Array:
    """Add arrays up, without changing the first."""
    first, *others = arrays
    for other in others:
        first = first + other
    return first


def _by_name(layers: Sequence[Layer]) -> tuple[tuple[str, Layer], ...]:
    return tuple((layer.name, layer) for layer in layers)
