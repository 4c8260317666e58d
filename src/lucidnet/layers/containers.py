"""Containers: layers made of layers. They hold the wiring, and no formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..backend import Array, Shape, Stream, Tree
from ..core.settings import anything, instance
from ..core.trees import Path
from ..core.value import value
from ..errors import LucidnetError, SettingError, ShapeError
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, Send, backprop, both_count, nothing, trains
from .blank import blank_init
from .core import Input
from .dense import Dense
from .penalties import penalties
from .rebuild import Wrapper, rebuilt
from .ties import check_lent, check_owners, given_back, lent, ties_of
from .turned import of_time


@value
class Container(Layer):
    """Base class of containers; `backward` is `route` with plain backpropagation on every edge."""

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return self.route(params, cache, dy, backprop, need_dx)

    def inner_shapes(self, shape: Any) -> dict[str, Any]:
        # A container of your own is examined through `init`, whose layers record their arguments.
        seen: dict[str, Any] = {}

        def asked(layer: Layer, made: Layer, path: Path) -> Any:
            return _Asked(made, seen, path[0]) if len(path) == 1 else made

        blank_init(rebuilt(self, asked), shape)
        if any(name not in seen for name, _ in self.children()):
            raise NotImplementedError(f"{type(self).__name__} must define inner_shapes(shape)")
        return seen

    @cached_property
    def makes_masks(self) -> bool:
        return any(child.makes_masks for _, child in self.children())

    def flow(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache, Mask]:
        if self.makes_masks:
            raise ShapeError(
                f"{self.name or 'here'}, {type(self).__name__}: masks arise in layers inside; a container "
                "of your own carries them on by flow(params, x, run), which gives output, cache and mask"
            )
        return Layer.flow(self, params, x, run)

    def caches(self, cache: Cache) -> dict[str, Cache]:
        """Return the caches of the layers inside, by name."""
        return cache  # type: ignore[no-any-return]

    @cached_property
    def penalizes(self) -> bool:  # type: ignore[override]
        return any([child.penalizes for _, child in self.children()])

    def penalty(self, cache: Cache) -> Any:
        """Return what the layers inside add to the loss of a batch; see `penalties`."""
        return sum(value for value, _ in self.penalties(cache))

    def penalties(self, cache: Cache) -> list[tuple[Any, Any]]:
        """Return what each layer inside adds, and over how many examples that is a mean."""
        caches = self.caches(cache)
        inside: Any = ((child, caches[name]) for name, child in self.children() if child.penalizes)
        return [pair for child, kept in inside for pair in penalties(child, kept)]

    def absorb(self, params: Tree, cache: Cache) -> Tree:
        caches = self.caches(cache)
        return {name: child.absorb(params[name], caches[name]) for name, child in self.children()}

    def states(self, cache: Cache) -> Tree:
        caches = self.caches(cache)
        found = {name: child.states(caches[name]) for name, child in self.children()}
        return {name: states for name, states in found.items() if states}


class Composed(Container):
    """Base class of layers composed of others, in `body`."""

    if TYPE_CHECKING:
        body: Sequential

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return self.body.children()

    def output_shape(self, shape: Any) -> Any:
        return self.body.output_shape(shape)

    def inner_shapes(self, shape: Any) -> dict[str, Any]:
        return self.body.inner_shapes(shape)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        return self.body.init(rng, shape)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return self.flow(params, x, run)[:2]

    def flow(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache, Mask]:
        return self.body.flow(params, x, run)

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        return self.body.route(params, cache, dy, send, need_dx)


@value
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

    layers: Sequence[Layer] = anything()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "layers", named(self.layers, "Sequential"))
        vars(self)["ties"] = ties_of(self.children())

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return by_name(self.layers)

    def output_shape(self, shape: Any) -> Any:
        return self._flow(shape)[-1]

    def inner_shapes(self, shape: Any) -> dict[str, Any]:
        return dict(zip((layer.name for layer in self.layers), self._flow(shape), strict=False))

    def _flow(self, shape: Any) -> list[Any]:
        """Return the input shape, and the output shape of each layer."""
        shapes = [shape]
        for index, layer in enumerate(self.layers):
            with located(index, layer, self.layers[:index]):
                shapes.append(layer.output_shape(shapes[-1]))
        return shapes

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        check_owners(self.ties, dict(self.children()), "Sequential")
        params: Tree = {}
        sizes: dict[str, Shape] = {}
        for index, layer in enumerate(self.layers):
            with located(index, layer, self.layers[:index]):
                if layer.name in self.ties:
                    sizes[layer.name] = (shape[-1], layer.output_shape(shape)[-1])
                params[layer.name], shape = layer.init(rng.child(layer.name), shape)
        check_lent(self.ties, params, sizes)
        return params, shape

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        if run.mask is not None or self.makes_masks:
            return self.flow(params, x, run)[:2]
        params = lent(self.ties, params) if self.ties else params
        cache = {}
        for layer in self.layers:
            name = layer.name
            inner = run.child(name, None, self.frozen) if layer.asks else run
            x, cache[name] = layer.forward(params[name], x, inner)
        return x, cache

    def flow(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache, Mask]:
        mask = run.mask
        if mask is None and not self.makes_masks:
            return *self.forward(params, x, run), None
        params = lent(self.ties, params) if self.ties else params
        cache = {}
        for layer in self.layers:
            name = layer.name
            inner = run.child(name, mask, self.frozen)
            x, cache[name], mask = layer.flow(params[name], x, inner)
            inner.note(cache[name])
        return x, cache, mask

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        params = lent(self.ties, params) if self.ties else params
        grads = dict(params)  # in the order of the layers; unused ones have nothing
        first = 0  # no error goes below the first layer that learns, unless somebody wants it
        while (
            not need_dx
            and first < len(self.layers)
            and not trains(layer := self.layers[first], params[layer.name])
        ):
            first += 1
        for i in reversed(range(len(self.layers))):
            layer = self.layers[i]
            name = layer.name
            if i < first or (
                dy is None and not trains(layer, params[name])
            ):  # none comes back from whole numbers
                grads[name] = nothing(params[name]) if params[name] else {}
            else:
                dy, grads[name] = send(name, layer, params[name], cache[name], dy, need_dx or i > first)
        return (dy if need_dx else None), given_back(self.ties, grads) if self.ties else grads

    def takes(self) -> Any:
        return self.layers[0].takes()

    def split_activation(self) -> tuple[Layer, Layer | None]:
        return self._split

    @cached_property
    def _split(self) -> tuple[Layer, Layer | None]:
        *body, last = self.layers
        last, activation = last.split_activation()
        return replace(self, layers=(*body, last)), activation

    @classmethod
    def samples(cls) -> Samples:
        yield cls([Dense(4, "tanh"), cls([Dense(3, "sigmoid")]), Dense(2)]), (5,)


@value
class Residual(Container):
    """Skip connection: y = x + f(x),  dx = dy + f'^T dy (He et al. 2016).

    With a projection g, where f changes the shape: y = g(x) + f(x),  dx = g'^T dy + f'^T dy.

    Parameters
    ----------
    body : Layer
        The layer f (or a container of layers); without a projection its output has the shape of its
        input.
    projection : Layer, optional
        The layer g, such as ``Dense(64, use_bias=False)``.
    """

    body: Layer = instance(Layer, "a layer (several are joined in a Sequential)")
    projection: Layer | None = instance(
        Layer, "a layer (several are joined in a Sequential)", default=None, optional=True
    )

    def children(self) -> tuple[tuple[str, Layer], ...]:
        body = (("body", self.body),)
        return body if self.projection is None else (*body, ("projection", self.projection))

    def output_shape(self, shape: Any) -> Any:
        return self._joined(shape, {name: child.output_shape(shape) for name, child in self.children()})

    def inner_shapes(self, shape: Any) -> dict[str, Any]:
        return {name: shape for name, _ in self.children()}

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        params, shapes = {}, {}
        for name, child in self.children():
            params[name], shapes[name] = child.init(rng.child(name), shape)
        return params, self._joined(shape, shapes)

    def _joined(self, shape: Any, shapes: dict[str, Any]) -> Any:
        """Return the shape of the sum of body and projection; raise if they differ."""
        shapes = {"projection": shape} | shapes
        if shapes["body"] == shapes["projection"]:
            return shapes["body"]
        if self.projection is not None:
            raise ShapeError(
                f"body and projection must agree, but they give {shapes['body']} and {shapes['projection']}"
            )
        raise ShapeError(
            f"the body turns shape {shape} into {shapes['body']}, so x + f(x) does not exist; "
            f"end the body with a layer of {shape[-1]} outputs, or give a projection"
        )

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return self.flow(params, x, run)[:2]

    def flow(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache, Mask]:
        y, cache, masks = x, {}, [run.mask] if self.projection is None else []
        for name, child in reversed(self.children()):
            inner = run.child(name, frozen=self.frozen)
            out, cache[name], mask = child.flow(params[name], x, inner)
            inner.note(cache[name])
            masks.append(mask)
            y = out if name == "projection" else y + out
        return y, cache, both_count(masks)

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        grads, arrived = {}, [] if self.projection else [dy]
        for name, child in self.children():
            dx, grads[name] = send(name, child, params[name], cache[name], dy, need_dx)
            arrived.append(dx)
        return (summed(*arrived) if need_dx else None), grads

    @classmethod
    def samples(cls) -> Samples:
        yield cls(Dense(5, "sigmoid")), (5,)
        yield cls(Dense(3, "tanh"), Dense(3, use_bias=False)), (5,)


def summed(one: Any, other: Any) -> Any:
    """Return the sum of two errors at an input; None if either is None, as for whole-number inputs."""
    return None if one is None or other is None else one + other


def named(layers: Sequence[Layer], where: str) -> tuple[Layer, ...]:
    """Return the layers as a tuple, all named; raise if a name occurs twice."""
    if isinstance(layers, Layer) or not isinstance(layers, Iterable):
        raise SettingError(f"{where}: expected one or more layers, got {layers!r}; give a list")
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


class _Asked(Wrapper):
    """A layer that records the input shape that its container passes to it."""

    def __init__(self, layer: Layer, seen: dict[str, Any], name: str) -> None:
        Wrapper.__init__(self, layer)
        self._seen, self._name = seen, name

    def output_shape(self, shape: Any) -> Any:
        self._seen.setdefault(self._name, shape)
        return self._layer.output_shape(shape)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        self._seen.setdefault(self._name, shape)
        return self._layer.init(rng, shape)


@contextmanager
def located(index: int, layer: Layer, before: Sequence[Layer] = ()) -> Iterator[None]:
    """Add the layer in which an error arose, and the source of its input, to the message."""
    try:
        yield
    except LucidnetError as error:
        source = f" from layer {index - 1} {before[-1].describe()}" if before else ""
        source = "" if " from layer " in str(error) else source  # an inner container has already reported it
        said = of_time(str(error), before[-1] if before else None)
        raise type(error)(f"layer {index} {layer.describe()}: {said}{source}") from None


def by_name(layers: Sequence[Layer]) -> tuple[tuple[str, Layer], ...]:
    """Return pairs of name and layer."""
    return tuple((layer.name, layer) for layer in layers)


def first_leaf(layer: Layer) -> Layer:
    """Return the first layer that processes an input, skipping `Input`."""
    for _, child in layer.children():
        if not isinstance(child, Input):
            return first_leaf(child)
    return layer


def final(net: Layer) -> Layer:
    """Return what a network ends in: the last layer, of the innermost `Sequential`."""
    while isinstance(net, Sequential):
        net = net.layers[-1]
    return net
