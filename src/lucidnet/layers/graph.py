"""Networks of any shape: several named inputs and outputs, and layers used in several places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from operator import add
from typing import Any

from ..backend import Shape, Stream, Tree
from ..core.settings import UnfitError, listed, setting
from ..core.trees import leaves, tree_map
from ..core.value import value
from ..errors import LucidnetError, ShapeError
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, Send, nothing, trains
from .blank import blank_init
from .containers import Container, summed
from .core import Input, filled, fits
from .dense import Dense
from .nodes import Node, check, nodes
from .penalties import penalties
from .ties import check_lent, check_owners, given_back, lent, ties_of
from .turned import of_time


def _inputs(given: Any, owner: Any) -> tuple[tuple[str, Shape], ...]:
    pairs = listed(given.items() if isinstance(given, Mapping) else given)
    named = all(isinstance(p, (tuple, list)) and len(p) == 2 and isinstance(p[0], str) for p in pairs)
    if not pairs or not named:
        raise UnfitError
    return tuple((name, Input(shape).takes()) for name, shape in pairs)


def _nodes(given: Any, owner: Any) -> tuple[Node, ...]:
    made = tuple(nodes(listed(given)))
    if not made:
        raise UnfitError
    return made


def _outputs(given: Any, owner: Any) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else listed(given)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise UnfitError
    return names


@value
class Graph(Container):
    """Layers that take their inputs from each other by name; no node comes before its sources.

    A layer whose output goes to several nodes gets the sum of the errors that come back from them, and a
    layer in several places gets the sum of its gradients there.

    Parameters
    ----------
    inputs : dict of shapes
        The shape of one example of each input.
    nodes : sequence of (name, layer, source)
        A source is the name of an input or of an earlier node; a tuple of several goes into layers such as
        `Concatenate`, `Add` or `Multiply` (without branches). In place of a layer, the name of an earlier
        node stands for that node's layer, with its weights.
    outputs : str or sequence of str
        The nodes whose outputs are the network's.

    Notes
    -----
    With one input x may be an array, else it is a dict of arrays; with one output y is an array, else
    a dict.

    Examples
    --------
    >>> from lucidnet.layers import Concatenate, Dense
    >>> twin = Graph(
    ...     inputs={"left": (4,), "right": (4,)},
    ...     nodes=[
    ...         ("code", Dense(3, "tanh"), "left"),
    ...         ("other", "code", "right"),
    ...         ("both", Concatenate(), ("code", "other")),
    ...         ("alike", Dense(1, "sigmoid"), "both"),
    ...     ],
    ...     outputs="alike",
    ... )
    >>> params, shape = twin.init(Stream(0), twin.takes())
    >>> list(params), shape
    (['code', 'both', 'alike'], (1,))
    """

    inputs: Any = setting("a dict from names to shapes", _inputs)
    nodes: Sequence[Any] = setting("a sequence of (name, layer, source)", _nodes)
    outputs: Any = setting("the name of a node, or a sequence of them", _outputs)

    def __post_init__(self) -> None:
        super().__post_init__()
        check(dict(self.inputs), self.nodes, self.outputs)
        vars(self)["ties"] = ties_of(self.children())

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, each once, in the order in which they first occur."""
        return tuple(layer for _, layer in self.children())

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return tuple((node.name, node.layer) for node in self.nodes if isinstance(node.layer, Layer))

    def placed(self) -> Iterator[tuple[str, str, Layer, tuple[str, ...]]]:
        """Yield each node's name, the name of the node that owns its layer, the layer, and the sources."""
        layers = dict(self.children())
        for name, layer, sources in self.nodes:
            owner = layer if isinstance(layer, str) else name
            yield name, owner, layers[owner], sources

    def takes(self) -> Any:
        return self.inputs[0][1] if len(self.inputs) == 1 else dict(self.inputs)

    def output_shape(self, shape: Any) -> Any:
        return self._out(self.node_shapes(shape))

    def inner_shapes(self, shape: Any) -> dict[str, Any]:
        shapes = self.node_shapes(shape)
        return {name: gathered(shapes, sources) for name, owner, _, sources in self.placed() if name == owner}

    def node_shapes(self, shape: Any) -> dict[str, Any]:
        """Return the shapes of all inputs, and of each node's output."""
        shapes = self._inputs(shape)
        first: dict[str, Any] = {}  # the inputs of the layer at its first place
        for name, owner, layer, sources in self.placed():
            taken = gathered(shapes, sources)
            with _located(name, layer, sources, self):
                shapes[name] = layer.output_shape(taken)
            before = first.setdefault(owner, taken)
            if before != taken and _needs(layer, before) != _needs(layer, taken):
                raise ShapeError(f"node {name!r} shares the layer of {owner!r}, but their inputs differ")
        return shapes

    def _inputs(self, shape: Any) -> dict[str, Any]:
        """Return the shape of each input by name; raise if they do not match the graph's inputs."""
        given, expected = shape if isinstance(shape, dict) else {self.inputs[0][0]: shape}, dict(self.inputs)
        if given.keys() != expected.keys() or not all(fits(given[name], expected[name]) for name in expected):
            raise ShapeError(f"expected inputs of shape {self.takes()} per example, got {shape}")
        return {name: filled(given[name], expected[name]) for name in expected}

    def init(self, rng: Stream, shape: Any) -> tuple[Tree, Any]:
        shapes, params = self.node_shapes(shape), {}
        sizes: dict[str, Shape] = {}
        check_owners(self.ties, dict(self.children()), "Graph")
        for name, owner, layer, sources in self.placed():
            if name == owner:
                with _located(name, layer, sources, self):
                    params[name], _ = layer.init(rng.child(name), gathered(shapes, sources))
                if name in self.ties:
                    sizes[name] = (gathered(shapes, sources)[-1], shapes[name][-1])
        check_lent(self.ties, params, sizes)
        return params, self._out(shapes)

    def _out(self, values: dict[str, Any]) -> Any:
        return values[self.outputs[0]] if len(self.outputs) == 1 else {n: values[n] for n in self.outputs}

    def forward(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache]:
        return self.flow(params, x, run)[:2]

    def flow(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache, Mask]:
        values = dict(x) if isinstance(x, dict) else {self.inputs[0][0]: x}
        masks = dict.fromkeys(values)
        if run.mask is not None:
            masks |= run.mask if isinstance(run.mask, dict) else {self.inputs[0][0]: run.mask}
        params = lent(self.ties, params) if self.ties else params
        cache = {}
        for name, owner, layer, sources in self.placed():
            inner = run.child(name, known(gathered(masks, sources)), self.frozen)
            y, cache[name], masks[name] = layer.flow(params[owner], gathered(values, sources), inner)
            inner.note(cache[name])
            values[name] = y
        return self._out(values), cache, known(self._out(masks))

    def route(
        self, params: Tree, cache: Cache, dy: Any, send: Send, need_dx: bool = True
    ) -> tuple[Any, Tree]:
        params = lent(self.ties, params) if self.ties else params
        wanted = self._wanted(params, need_dx)
        errors = dict(dy) if isinstance(dy, dict) else {self.outputs[0]: dy}
        grads: Tree = dict.fromkeys(params)
        for name, owner, layer, sources in reversed(list(self.placed())):
            need = any(wanted[source] for source in sources)
            if not need and not trains(layer, params[owner]):
                continue
            if errors[name] is None and not trains(layer, params[owner]):
                errors |= dict.fromkeys(sources)  # its output is taken as whole numbers
                continue
            dx, made = send(owner, layer, params[owner], cache[name], errors[name], need)
            grads[owner] = made if grads[owner] is None else tree_map(add, grads[owner], made)
            for source, part in zip(sources, dx if len(sources) > 1 else (dx,), strict=True) if need else ():
                errors[source] = summed(errors[source], part) if source in errors else part
        grads = {name: nothing(params[name]) if made is None else made for name, made in grads.items()}
        grads = given_back(self.ties, grads) if self.ties else grads
        back = {name: errors.get(name) for name, _ in self.inputs}
        return (back if len(back) > 1 else back[self.inputs[0][0]]) if need_dx else None, grads

    def _wanted(self, params: Tree, need_dx: bool) -> dict[str, bool]:
        """Return, for each input and node, whether the gradient by its output is needed."""
        wanted = dict.fromkeys(dict(self.inputs), need_dx)
        for name, owner, layer, sources in self.placed():
            wanted[name] = trains(layer, params[owner]) or any(wanted[source] for source in sources)
        return wanted

    def absorb(self, params: Tree, cache: Cache) -> Tree:
        params = dict(params)
        for name, owner, layer, _ in self.placed():
            params[owner] = layer.absorb(params[owner], cache[name])
        return params

    def penalties(self, cache: Cache) -> list[tuple[Any, Any]]:
        inside: Any = ((layer, cache[name]) for name, _, layer, _ in self.placed() if layer.penalizes)
        return [pair for layer, kept in inside for pair in penalties(layer, kept)]

    def states(self, cache: Cache) -> Tree:
        found = {name: layer.states(cache[name]) for name, _, layer, _ in self.placed()}
        return {name: states for name, states in found.items() if states}

    def split_output(self, output: str) -> tuple[Graph, Layer | None]:
        """Split the final activation off one output: return the graph without it, and the activation.

        It stays if other nodes take the output, or share the layer: the graph is then returned unchanged.
        """
        index = next(i for i, node in enumerate(self.nodes) if node.name == output)
        node = self.nodes[index]
        used = any(output in other.sources or other.layer == output for other in self.nodes)
        if used or isinstance(node.layer, str):
            owner = next(layer for name, _, layer, _ in self.placed() if name == output)
            return self, owner.split_activation()[1]
        layer, activation = node.layer.split_activation()
        nodes = (*self.nodes[:index], node._replace(layer=layer), *self.nodes[index + 1 :])
        return replace(self, nodes=nodes), activation

    def split_activation(self) -> tuple[Layer, Layer | None]:
        return self.split_output(self.outputs[0]) if len(self.outputs) == 1 else (self, None)

    @classmethod
    def samples(cls) -> Samples:
        twice = [("a", Dense(5, "tanh"), "x"), ("b", "a", "a"), ("c", Dense(2), "b")]  # a is b, too
        yield cls({"x": (5,)}, twice, "c"), (5,)


def gathered(values: dict[str, Any], sources: tuple[str, ...]) -> Any:
    """Return a node's input: the value of its source, or a tuple if it has several."""
    return values[sources[0]] if len(sources) == 1 else tuple(values[source] for source in sources)


def known(mask: Mask) -> Mask:
    """Return a mask; None if all its parts are None."""
    parts = mask.values() if isinstance(mask, dict) else mask if isinstance(mask, tuple) else (mask,)
    return None if all(part is None for part in parts) else mask


def _needs(layer: Layer, shape: Any) -> list[Shape]:
    """Return the shapes of a layer's parameters."""
    return [array.shape for _, array in leaves(blank_init(layer, shape)[0])]


@contextmanager
def _located(name: str, layer: Layer, sources: tuple[str, ...], graph: Graph) -> Iterator[None]:
    """Add the node in which an error arose to the message."""
    try:
        yield
    except LucidnetError as error:
        said = of_time(str(error), dict(graph.children()).get(sources[0]))
        raise type(error)(f"node {name!r} {layer.describe()}: {said}, from {sources}") from None
