"""A network as the graph that TensorBoard draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..layers import Graph, Layer, Sequential


def graph(net: Layer) -> Any:
    """Return the layers as a graph that TensorBoard draws."""
    from tensorboardX.proto.graph_pb2 import GraphDef

    return GraphDef(node=list(nodes(net)))


def nodes(net: Layer) -> Iterator[Any]:
    """Yield a node for each layer without others inside; each takes the output of the one before."""
    from tensorboardX.proto.attr_value_pb2 import AttrValue
    from tensorboardX.proto.node_def_pb2 import NodeDef

    for name, layer, sources in chain(net, "", []):
        settings = {"settings": AttrValue(s=layer.describe().encode())}
        yield NodeDef(name=name, op=type(layer).__name__, input=sources, attr=settings)


def chain(net: Layer, path: str, sources: list[str]) -> Iterator[tuple[str, Layer, list[str]]]:
    """Yield the leaves of a network with what they take their input from."""
    outputs: dict[str, list[str]] = {}
    for name, layer in net.children():
        here = f"{path}/{name}" if path else name
        taken = sources
        if isinstance(net, Graph):
            given = next(node.sources for node in net.nodes if node.name == name)
            taken = [leaf for source in given for leaf in outputs.get(source, [])]
        inside = list(chain(layer, here, taken)) if layer.children() else [(here, layer, taken)]
        yield from inside
        outputs[name] = [inside[-1][0]]
        if isinstance(net, Sequential):
            sources = outputs[name]
