"""Checking the nodes of a graph."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..core.settings import shown
from ..errors import SettingError, suggestion
from .base import Layer


class Node(NamedTuple):
    """A node of a graph; `layer` is the name of another node if it shares that node's layer."""

    name: str
    layer: Layer | str
    sources: tuple[str, ...]

    def __repr__(self) -> str:
        return repr(tuple(self))


def nodes(given: Any) -> Iterator[Node]:
    """Convert tuples (name, layer, sources) to nodes.

    Raises
    ------
    SettingError
        If one of them is something else.
    """
    for node in given:
        if not _is_node(node):
            raise SettingError(f"expected (name, layer, source), got {shown(node)}")
        name, layer, sources = node
        layer = layer if isinstance(layer, str) else replace(layer, name=name)
        yield Node(name, layer, (sources,) if isinstance(sources, str) else tuple(sources))


def _is_node(given: Any) -> bool:
    """Tell whether something is a tuple (name, layer, sources); the layer may be given by name."""
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        return False
    name, layer, sources = given
    several = (sources,) if isinstance(sources, str) else sources
    texts = isinstance(name, str) and isinstance(several, (tuple, list)) and bool(several)
    return texts and isinstance(layer, (Layer, str)) and all(isinstance(one, str) for one in several)


def check(inputs: Collection[str], given: Sequence[Node], outputs: Collection[str]) -> None:
    """Raise `SettingError` if a graph's names are missing, not unique, or lead to no output."""
    names = [*inputs, *(node.name for node in given)]
    if doubled := [name for i, name in enumerate(names) if name in names[:i]]:
        raise SettingError(f"Graph: two inputs or nodes are named {doubled[0]!r}")
    _check_sources(inputs, given)
    if missing := [name for name in outputs if name in inputs or name not in names]:
        raise SettingError(f"Graph: outputs: there is no node {missing[0]!r} to be an output")
    used = {source for node in given for source in node.sources} | set(outputs)
    if idle := [name for name in names if name not in used]:
        raise SettingError(f"Graph: {idle[0]!r} leads to no output; take it out, or name it in outputs")


def _check_sources(inputs: Collection[str], given: Sequence[Node]) -> None:
    earlier, layers = dict.fromkeys(inputs), set()
    for node in given:
        for source in node.sources:
            if source not in earlier:
                raise SettingError(
                    f"Graph: node {node.name!r} takes {source!r}, which does not stand before it: "
                    f"{suggestion(source, earlier)}"
                )
        if isinstance(node.layer, Layer):
            layers.add(node.name)
        elif node.layer not in layers:
            raise SettingError(
                f"Graph: node {node.name!r} shares the layer of {node.layer!r}, but before it there is no "
                "node of this name with a layer of its own"
            )
        earlier[node.name] = None
