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
from ...layers.graph import gathered, known
from ...layers.shapes import zeros
from ...layers.ties import lent
from .masks import both_count
from .operations import Operations, carries, refused, sizes_of


@carries(Sequential)
def sequential(to: Operations, net: Sequential, params: Tree, x: Any, shape: Any, mask: Any) -> Any:
    """Add layers one after the other."""
    params = lent(net.ties, params) if net.ties else params
    for layer in net.layers:
        with to.inside(layer.name):
            x, mask = to.flow(layer, params[layer.name], x, shape, mask)
        shape = layer.output_shape(shape)
    return x, mask


@carries(SeparableConv1D, SeparableConv2D, TransformerBlock)
def composed(to: Operations, layer: Any, params: Tree, x: Any, shape: Any, mask: Any) -> Any:
    """Add the layers that a layer is composed of."""
    return to.flow(layer.body, params, x, shape, mask)


@carries(Graph)
def graph(to: Operations, net: Graph, params: Tree, x: Any, shape: Any, mask: Any) -> Any:
    """Add the nodes of a graph."""
    params, only = lent(net.ties, params) if net.ties else params, net.inputs[0][0]
    values = dict(x) if isinstance(x, dict) else {only: x}
    shapes = dict(shape) if isinstance(shape, dict) else {only: shape}
    masks = dict.fromkeys(values) | (mask if isinstance(mask, dict) else {only: mask})
    for name, owner, layer, sources in net.placed():
        taken = gathered(shapes, sources)
        with to.inside(name):
            given = params[owner], gathered(values, sources), taken, known(gathered(masks, sources))
            values[name], masks[name] = to.flow(layer, *given)
        shapes[name] = layer.output_shape(taken)
    if len(net.outputs) == 1:
        return values[net.outputs[0]], masks[net.outputs[0]]
    return tuple({name: each[name] for name in net.outputs} for each in (values, masks))


@carries(Residual)
def residual(to: Operations, layer: Residual, params: Tree, x: str, shape: Any, mask: Any) -> Any:
    """Add a skip connection."""
    made, masks = {"projection": x}, {"projection": mask}
    for name, child in layer.children():
        with to.inside(name):
            made[name], masks[name] = to.flow(child, params[name], x, shape, mask)
    return to.add("Add", made["projection"], made["body"]), both_count(to, masks.values())


@carries(TimeDistributed)
def each_time(to: Operations, layer: TimeDistributed, params: Tree, x: str, shape: Any, mask: Any) -> Any:
    """Add a layer at each time step, as if the steps were examples."""
    step = shape[1:]
    made = layer.layer.output_shape(step)
    if None in step or None in made:
        raise refused(
            to, f"steps of shape {step}, where sizes can vary: give all sizes but the time in Input"
        )
    with to.inside("layer"):
        y, within = to.flow(layer.layer, params["layer"], to.shaped(x, -1, *step), step)
    if within is not None:
        raise refused(to, "a mask arises in the layer inside, of the times within one time step")
    if shape[0] is not None:
        return to.shaped(y, -1, shape[0], *made), mask
    return to.add("Reshape", y, to.add("Concat", sizes_of(to, x, 0, 1), to.whole(made), axis=0)), mask


def branches(
    to: Operations, layer: Any, params: Tree, x: Any, shape: Any, mask: Any
) -> tuple[list[Any], ...]:
    """Add the branches of a layer; return the names, the shapes and the masks of what they give."""
    count = max(len(layer.branches), 1)
    outputs = list(x) if isinstance(x, tuple) else [x] * count
    shapes = list(shape) if several(shape) else [shape] * count
    masks = list(mask) if isinstance(mask, tuple) else [mask] * len(outputs)
    for index, (name, branch) in enumerate(layer.children()):
        with to.inside(name):
            given = outputs[index], shapes[index], masks[index]
            outputs[index], masks[index] = to.flow(branch, params[name], *given)
        shapes[index] = branch.output_shape(shapes[index])
    return outputs, shapes, masks


JOINS: dict[type, str] = {Add: "Add", Multiply: "Mul", Subtract: "Sub", Maximum: "Max", Minimum: "Min"}


@carries(*JOINS)
def joined(to: Operations, layer: Any, params: Tree, x: Any, shape: Any, mask: Any) -> Any:
    """Add branches, and what joins them number by number."""
    outputs, _, masks = branches(to, layer, params, x, shape, mask)
    return reduce(partial(to.add, JOINS[type(layer)]), outputs), both_count(to, masks)


@carries(Average)
def average(to: Operations, layer: Average, params: Tree, x: Any, shape: Any, mask: Any) -> Any:
    """Add branches, and their mean."""
    outputs, _, masks = branches(to, layer, params, x, shape, mask)
    y = to.add("Mul", reduce(partial(to.add, "Add"), outputs), to.array(1 / len(outputs), "share"))
    return y, both_count(to, masks)


@carries(Concatenate)
def concatenate(to: Operations, layer: Concatenate, params: Tree, x: Any, shape: Any, mask: Any) -> Any:
    """Add branches, and put their outputs side by side, or one after the other with their masks."""
    outputs, shapes, masks = branches(to, layer, params, x, shape, mask)
    y, axes = to.add("Concat", *outputs, axis=layer.axis), len(shapes[0]) + 1
    if layer.axis % axes != 1 or axes < 3 or all(each is None for each in masks):
        return y, both_count(to, masks)
    several = zip(outputs, masks, strict=True)
    return y, to.add("Concat", *(every(to, x) if own is None else own for x, own in several), axis=1)


def every(to: Operations, x: str) -> str:
    """Return the mask of sequences in which all time steps count."""
    return to.add("Cast", to.add("Expand", to.whole([1], "one"), sizes_of(to, x, 0, 1)), to="bool")


@carries(Dot)
def dot(to: Operations, layer: Dot, params: Tree, x: Any, shape: Any, mask: Any) -> Any:
    """Add branches, and the scalar products of their outputs."""
    outputs, shapes, masks = branches(to, layer, params, x, shape, mask)
    given = layer.axes if isinstance(layer.axes, tuple) else (layer.axes,) * 2
    axes = [axis % (len(one) + 1) for axis, one in zip(given, shapes, strict=True)]
    if layer.normalize:
        outputs = [unit(to, y, axis) for y, axis in zip(outputs, axes, strict=True)]
    letters = iter("abcdefghijkl")
    one, other = (["n", *(next(letters) for _ in each)] for each in shapes)
    other[axes[1]] = one[axes[0]]
    left = [letter for letter in (*one, *other[1:]) if letter != one[axes[0]]]
    y = to.add("Einsum", *outputs, equation=f"{''.join(one)},{''.join(other)}->{''.join(left)}")
    layer.join_masks(masks, list(zeros(shapes, "float32", 1)))  # raises if there can be none
    return (y if len(left) > 1 else to.shaped(y, 0, 1)), masks[0]


def unit(to: Operations, x: str, axis: int) -> str:
    """Divide vectors by their lengths; a length below 1e-12 is taken for that."""
    square = to.add("ReduceSum", to.add("Mul", x, x), to.whole([axis], "axes"), keepdims=1)
    return to.add("Div", x, to.add("Max", to.add("Sqrt", square), to.array(1e-12, "least")))
