"""Operations of containers: layers one after the other, graphs, branches and skips."""

from __future__ import annotations

from functools import partial, reduce
from typing import Any

from ...backend import Tree
from ...layers import (
    Add,
    Average,
    Concatenate,
    Dot,
    Graph,
    Maximum,
    Minimum,
    Multiply,
    Residual,
    SeparableConv1D,
    SeparableConv2D,
    Sequential,
    Subtract,
    TimeDistributed,
    TransformerBlock,
)
from ...layers.base import several
from ...layers.graph import gathered
from ...layers.ties import lent
from .operations import Operations, refused, translates


@translates(Sequential)
def sequential(to: Operations, net: Sequential, params: Tree, x: Any, shape: Any) -> Any:
    """Add layers one after the other."""
    params = lent(net.ties, params) if net.ties else params
    for layer in net.layers:
        with to.inside(layer.name):
            x = to.layer(layer, params[layer.name], x, shape)
        shape = layer.output_shape(shape)
    return x


@translates(SeparableConv1D, SeparableConv2D, TransformerBlock)
def composed(to: Operations, layer: Any, params: Tree, x: Any, shape: Any) -> Any:
    """Add the layers that a layer is composed of."""
    return to.layer(layer.body, params, x, shape)


@translates(Graph)
def graph(to: Operations, net: Graph, params: Tree, x: Any, shape: Any) -> Any:
    """Add the nodes of a graph."""
    params = lent(net.ties, params) if net.ties else params
    values = dict(x) if isinstance(x, dict) else {net.inputs[0][0]: x}
    shapes = dict(shape) if isinstance(shape, dict) else {net.inputs[0][0]: shape}
    for name, owner, layer, sources in net.placed():
        taken = gathered(shapes, sources)
        with to.inside(name):
            values[name] = to.layer(layer, params[owner], gathered(values, sources), taken)
        shapes[name] = layer.output_shape(taken)
    return values[net.outputs[0]] if len(net.outputs) == 1 else {name: values[name] for name in net.outputs}


@translates(Residual)
def residual(to: Operations, layer: Residual, params: Tree, x: str, shape: Any) -> str:
    """Add a skip connection."""
    made = {"projection": x}
    for name, child in layer.children():
        with to.inside(name):
            made[name] = to.layer(child, params[name], x, shape)
    return to.add("Add", made["projection"], made["body"])


@translates(TimeDistributed)
def each_time(to: Operations, layer: TimeDistributed, params: Tree, x: str, shape: Any) -> str:
    """Add a layer at each time step, as if the steps were examples."""
    step = shape[1:]
    made = layer.layer.output_shape(step)
    if None in step or None in made:
        raise refused(
            to, f"steps of shape {step}, where sizes can vary: give all sizes but the time in Input"
        )
    with to.inside("layer"):
        y = to.layer(layer.layer, params["layer"], to.shaped(x, -1, *step), step)
    if shape[0] is not None:
        return to.shaped(y, -1, shape[0], *made)
    first = to.add("Gather", to.add("Shape", x), to.whole([0, 1], "axes"), axis=0)
    return to.add("Reshape", y, to.add("Concat", first, to.whole(made), axis=0))


def branches(to: Operations, layer: Any, params: Tree, x: Any, shape: Any) -> tuple[list[str], list[Any]]:
    """Add the branches of a layer; return the names and the shapes of what they give."""
    count = max(len(layer.branches), 1)
    outputs = list(x) if isinstance(x, tuple) else [x] * count
    shapes = list(shape) if several(shape) else [shape] * count
    for index, (name, branch) in enumerate(layer.children()):
        with to.inside(name):
            outputs[index] = to.layer(branch, params[name], outputs[index], shapes[index])
        shapes[index] = branch.output_shape(shapes[index])
    return outputs, shapes


JOINS: dict[type, str] = {Add: "Add", Multiply: "Mul", Subtract: "Sub", Maximum: "Max", Minimum: "Min"}


@translates(*JOINS)
def joined(to: Operations, layer: Any, params: Tree, x: Any, shape: Any) -> str:
    """Add branches, and what joins them number by number."""
    outputs, _ = branches(to, layer, params, x, shape)
    return reduce(partial(to.add, JOINS[type(layer)]), outputs)


@translates(Average)
def average(to: Operations, layer: Average, params: Tree, x: Any, shape: Any) -> str:
    """Add branches, and their mean."""
    outputs, _ = branches(to, layer, params, x, shape)
    return to.add("Mul", reduce(partial(to.add, "Add"), outputs), to.array(1 / len(outputs), "share"))


@translates(Concatenate)
def concatenate(to: Operations, layer: Concatenate, params: Tree, x: Any, shape: Any) -> str:
    """Add branches, and put their outputs side by side."""
    return to.add("Concat", *branches(to, layer, params, x, shape)[0], axis=layer.axis)


@translates(Dot)
def dot(to: Operations, layer: Dot, params: Tree, x: Any, shape: Any) -> str:
    """Add branches, and the scalar products of their outputs."""
    outputs, shapes = branches(to, layer, params, x, shape)
    given = layer.axes if isinstance(layer.axes, tuple) else (layer.axes,) * 2
    axes = [axis % (len(one) + 1) for axis, one in zip(given, shapes, strict=True)]
    if layer.normalize:
        outputs = [unit(to, y, axis) for y, axis in zip(outputs, axes, strict=True)]
    letters = iter("abcdefghijkl")
    one, other = (["n", *(next(letters) for _ in each)] for each in shapes)
    other[axes[1]] = one[axes[0]]
    left = [letter for letter in (*one, *other[1:]) if letter != one[axes[0]]]
    y = to.add("Einsum", *outputs, equation=f"{''.join(one)},{''.join(other)}->{''.join(left)}")
    return y if len(left) > 1 else to.shaped(y, 0, 1)


def unit(to: Operations, x: str, axis: int) -> str:
    """Divide vectors by their lengths; a length below 1e-12 is taken for that."""
    square = to.add("ReduceSum", to.add("Mul", x, x), to.whole([axis], "axes"), keepdims=1)
    return to.add("Div", x, to.add("Max", to.add("Sqrt", square), to.array(1e-12, "least")))
