"""What the layers and rules of a network compute, as formulas for the page.

`formulas.json` has the formulas of the documentation as MathML, by the names of the classes;
`docs/site_tools/shown.py` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from ...core.trees import Path, dotted
from ...core.value import of_library
from ...layers import Graph, Layer, Recurrent, Sequential, walk
from ...rules.registry import Rule, get
from .recipe import sentence


@cache
def _written() -> dict[str, list[str]]:
    """Return value and gradient of each class as MathML, by its name."""
    text = resources.files(__package__).joinpath("formulas.json").read_text(encoding="utf-8")
    made: dict[str, list[str]] = json.loads(text)
    return made


def formulas_of(net: Layer, rule: Any) -> dict[str, Any]:
    """Return what a page tells of the layers and the rule of a network.

    Parameters
    ----------
    net : Layer
        The network.
    rule : str or Rule
        How it learns.

    Returns
    -------
    dict
        In ``sources`` what each layer takes, as `sources_of` tells; in ``layers`` the classes of each layer,
        its own and that of its activation, by its path; in ``rules`` those of its rule, through time if there
        are recurrent layers; in ``classes`` a sentence about each of them, and its formulas, if it has some.

    Examples
    --------
    >>> from lucidnet import layers, rules
    >>> net = layers.Sequential([layers.Input(2), layers.Dense(3, "tanh")])
    >>> found = formulas_of(net, rules.get("fa"))
    >>> found["layers"]["dense1"], found["rules"]["dense1"], found["classes"]["Tanh"]["says"]
    (['Dense', 'Tanh'], ['FeedbackAlignment'], 'y = tanh(x),  dy/dx = 1 - y^2.')
    """
    recurrent = any(isinstance(layer, Recurrent) for _, layer in walk(net))
    parts = {dotted(path): _parts(layer) for path, layer in walk(net) if path}
    rules = {
        dotted(path): [own.space, own.time] if recurrent else [own.space]
        for path, own in _rules(net, get(rule))
        if path
    }
    every = [one for own in (*parts.values(), *rules.values()) for one in own]
    return {
        "sources": sources_of(net),
        "layers": {name: [_kind(one) for one in own] for name, own in parts.items()},
        "rules": {name: [_kind(one) for one in own] for name, own in rules.items()},
        "classes": {_kind(one): _told(one) for one in every},
    }


def sources_of(net: Layer, path: Path = (), before: str | None = "") -> dict[str, str | None]:
    """Return the layer whose output each layer takes: empty for the network's input, None for several.

    Examples
    --------
    >>> from lucidnet.layers import Add, Dense
    >>> nodes = [("a", Dense(3), "x"), ("b", Dense(3), "x"), ("c", Add(), ["a", "b"]), ("d", Dense(1), "a")]
    >>> sources_of(Graph(inputs={"x": (2,)}, nodes=nodes, outputs=["c", "d"]))
    {'a': '', 'b': '', 'c': None, 'd': 'a'}
    >>> sources_of(Sequential([Dense(3), Add([Dense(3), Dense(3)]), Dense(1)]))["dense2"] is None
    True
    """
    found: dict[str, str | None] = {}
    if isinstance(net, Graph):
        known = dict.fromkeys(dict(net.inputs), before if len(net.inputs) == 1 else None)
        known |= {name: _whole(layer, dotted((*path, owner))) for name, owner, layer, _ in net.placed()}
        taken = {name: known[of[0]] if len(of) == 1 else None for name, *_, of in net.placed()}
    for name, child in net.children():
        here = dotted((*path, name))
        found[here] = taken[name] if isinstance(net, Graph) else before
        found |= sources_of(child, (*path, name), found[here])
        before = _whole(child, here) if isinstance(net, Sequential) else before
    return found


def _whole(layer: Layer, name: str) -> str | None:
    """Return a layer's name; None if several layers in it make its output together."""
    return None if len(layer.children()) > 1 and not isinstance(layer, Sequential) else name


def _rules(layer: Layer, rule: Rule, path: Path = ()) -> Iterator[tuple[Path, Rule]]:
    """Yield path and rule of each layer: its own rule, or that of what it is in."""
    rule = rule.within(layer)
    yield path, rule
    for name, child in layer.children():
        yield from _rules(child, rule, (*path, name))


def _kind(one: Any) -> str:
    """Return a class's name; with its module if it is a user's own, which may be called as one of ours is."""
    kind = type(one)
    return kind.__name__ if of_library(kind) else f"{kind.__module__}.{kind.__name__}"


def _parts(layer: Layer) -> list[Layer]:
    """Return a layer, and its activation if it has one."""
    inner = getattr(layer, "activation", None)
    return [layer, inner] if isinstance(inner, Layer) else [layer]


def _told(part: Any) -> dict[str, Any]:
    """Return the first line of a docstring, and the formulas, if the class is one of the library's."""
    known = _written().get(type(part).__name__, []) if of_library(part) else []
    return {"says": sentence(type(part)), "formulas": known}
