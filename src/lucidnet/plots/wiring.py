"""The wiring of a network's layers, flattened into boxes and the lines between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..core.trees import Path, at, leaves
from ..layers import Layer, Residual, Sequential, TransformerBlock, walk
from ..layers.branches import Add, Branches, Multiply
from ..layers.core import Input
from ..layers.graph import Graph
from .names import shortened

MOST = 120
"""The most layers in a row that are all shown; of more, the first and the last."""
LONGEST, NAME = 46, 24
"""The most characters of a line in a box, and of a layer's name where more is said beside it."""
MOST_BOXES = 150
"""In networks with more boxes, containers are shown closed."""


class Box(NamedTuple):
    """A box in the picture: a layer, an input, or a place where branches join.

    Parameters
    ----------
    title, detail : str
        What is written in it: two lines.
    kind : str
        "input", "layer", "join", "shared", "more" or "loss".
    path : tuple of str, optional
        Where its weights stand among the parameters.
    weights : int
        How many numbers it learns.
    mark : str, optional
        What else is written in it.
    """

    title: str
    detail: str
    kind: str
    path: Path | None = None
    weights: int = 0
    mark: str = ""


class Ends(NamedTuple):
    """Several boxes side by side, with the shapes of their outputs."""

    boxes: list[int]
    shapes: list[Any]

    def part(self, number: int) -> Ends:
        """Return one of the boxes as `Ends`."""
        return Ends([self.boxes[number]], [self.shapes[number]])

    def shape(self, layer: Layer) -> Any:
        """Return the shapes together, in the form that a layer behind the boxes takes."""
        if len(self.shapes) == 1:
            return self.shapes[0]
        if isinstance(takes := layer.takes(), dict):
            return dict(zip(takes, self.shapes, strict=True))
        return tuple(self.shapes)


@dataclass
class Wiring:
    """The boxes of a network, in the order of the forward pass, and the edges between them.

    Parameters
    ----------
    params : tree
        The network's parameters.
    depth : int
        How deep containers are opened.
    """

    params: Any
    depth: int = 99
    boxes: list[Box] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)
    shared: list[tuple[int, int]] = field(default_factory=list)
    """Pairs of a box and the one whose weights it shares."""
    ends: list[int] = field(default_factory=list)
    """The boxes whose outputs are the network's outputs."""

    def put(self, box: Box, sources: list[int]) -> int:
        """Add a box with edges from its sources, and return its number."""
        self.boxes.append(box)
        number = len(self.boxes) - 1
        self.edges += [(source, number) for source in sources]
        return number

    def sources(self, number: int) -> list[int]:
        """Return the sources of a box."""
        return [source for source, target in self.edges if target == number]

    def lead(self, layer: Layer, path: Path, given: Ends) -> Ends:
        """Add the boxes of a layer behind others; return the boxes at its end."""
        opened = len(path) < self.depth
        if opened and isinstance(layer, (Sequential, TransformerBlock)):
            return self._chain(layer, path, given)
        if opened and isinstance(layer, Residual):
            return self._residual(layer, path, given)
        if opened and isinstance(layer, Branches) and layer.branches:
            return self._branches(layer, path, given)
        if opened and isinstance(layer, Graph):
            return self._graph(layer, path, given)
        shape = layer.output_shape(given.shape(layer))
        return Ends([self.put(self._box(layer, path, shape), given.boxes)], [shape])

    def _chain(self, layer: Layer, path: Path, given: Ends) -> Ends:
        inside = layer.children()
        hidden = range(MOST // 2, len(inside) - MOST // 2) if len(inside) > MOST else range(0)
        for number, (name, child) in enumerate(inside):
            if number not in hidden:
                given = self.lead(child, (*path, name), given)
                continue
            shape = child.output_shape(given.shape(child))
            given = Ends(given.boxes, [shape])
            if number == hidden[-1]:
                more = self._more(path, [inside[k] for k in hidden], shape)
                given = Ends([self.put(more, given.boxes)], [shape])
        return given

    def _more(self, path: Path, hidden: list[tuple[str, Layer]], shape: Any) -> Box:
        weights = sum(self._count((*path, name)) for name, _ in hidden)
        return Box(f"{len(hidden)} more layers", self._detail(shape, weights), "more", None, weights)

    def _residual(self, layer: Residual, path: Path, given: Ends) -> Ends:
        body = self.lead(layer.body, (*path, "body"), given)
        around = given.boxes
        if layer.projection is not None:
            around = self.lead(layer.projection, (*path, "projection"), given).boxes
        join = Box("+", layer.name or "residual", "join")
        return Ends([self.put(join, [*body.boxes, *around])], body.shapes)

    def _branches(self, layer: Branches, path: Path, given: Ends) -> Ends:
        boxes, shapes = [], []
        for number, (name, child) in enumerate(layer.children()):
            end = self.lead(child, (*path, name), given.part(number) if len(given.boxes) > 1 else given)
            boxes += end.boxes
            shapes += end.shapes
        sign = {Add: "+", Multiply: "×"}.get(type(layer), type(layer).__name__)
        return Ends([self.put(Box(sign, layer.name, "join"), boxes)], [layer.joined(shapes)])

    def _graph(self, layer: Graph, path: Path, given: Ends) -> Ends:
        made = {name: given.part(k) for k, (name, _) in enumerate(layer.inputs)}
        for name, owner, inner, origins in layer.placed():
            before = Ends(*([one for o in origins for one in made[o][k]] for k in (0, 1)))
            if owner == name:
                made[name] = self.lead(inner, (*path, name), before)
                continue
            shape = inner.output_shape(before.shape(inner))
            box = Box(f"{name} = {owner}", f"its weights → {in_words(shape)}", "shared")
            made[name] = Ends([self.put(box, before.boxes)], [shape])
            self.shared.append((made[name].boxes[0], made[owner].boxes[0]))
        return Ends(*([one for name in layer.outputs for one in made[name][k]] for k in (0, 1)))

    def _box(self, layer: Layer, path: Path, shape: Any) -> Box:
        weights, name = self._count(path), path[-1] if path else type(layer).__name__
        if isinstance(layer, Input):
            return Box(name, in_words(shape), "input", path)
        what = f"{type(layer).__name__}(...)" if layer.children() else layer.describe().replace("()", "")
        same = what.split("(")[0].lower() == name.lower()
        short = shortened(name, NAME)
        title = what if same else f"{short}: {shortened(what, LONGEST - 2 - len(short))}"
        return Box(title, self._detail(shape, weights), "layer", path, weights)

    def _detail(self, shape: Any, weights: int) -> str:
        return f"→ {in_words(shape)}" + (f"   {weights:,} weights" if weights else "")

    def _count(self, path: Path) -> int:
        try:
            return sum(int(array.size) for _, array in leaves(at(self.params, path)))
        except KeyError:
            return 0


def in_words(shape: Any) -> str:
    """Write a shape for readers, such as ``28 × 28 × 1``.

    Examples
    --------
    >>> in_words((28, 28, 1)), in_words((None, 8)), in_words({"a": (2,), "b": (3,)})
    ('28 × 28 × 1', 'any × 8', 'a 2, b 3')
    """
    if isinstance(shape, dict):
        return ", ".join(f"{name} {in_words(inner)}" for name, inner in shape.items())
    if shape and isinstance(shape[0], tuple):
        return ", ".join(in_words(inner) for inner in shape)
    return " × ".join("any" if size is None else str(size) for size in shape) or "1"


def wired(net: Layer, params: Any, shape: Any) -> Wiring:
    """Return the wiring of a network; the containers of a large network stay closed.

    Parameters
    ----------
    net : Layer
        The network.
    params : tree
        Its parameters.
    shape : tuple of int, or several by name
        The shape of one input.
    """
    deepest = max(len(path) for path, _ in walk(net))
    for depth in range(deepest, 0, -1):
        wiring = Wiring(params, depth)
        wiring.ends = _lead_in(wiring, net, shape)
        if len(wiring.boxes) <= MOST_BOXES:
            break
    return wiring


def _lead_in(wiring: Wiring, net: Layer, shape: Any) -> list[int]:
    """Add the inputs and layers of a network; return the boxes of its outputs."""
    first = net
    while isinstance(first, Sequential):
        first = first.children()[0][1]
    if isinstance(first, Input):
        return wiring.lead(net, (), Ends([], [shape])).boxes
    given = shape if isinstance(shape, dict) else {"input": shape}
    boxes = [wiring.put(Box(name, in_words(s), "input"), []) for name, s in given.items()]
    return wiring.lead(net, (), Ends(boxes, list(given.values()))).boxes
