"""Where in a network a rule is only approximate, though exact elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

from ..core.trees import Path, dotted
from ..core.value import of_library
from ..errors import InexactWarning
from ..layers import Graph, Layer, Sequential
from ..layers.rebuild import unwrapped
from .credit import places
from .registry import Rule
from .space.transported import KolenPollack

Tops = dict[Path, Any]
"""Recurrent layers that send down less than the full error, by path, with their rules through time."""


def approximate(net: Layer, rule: Rule, stream: bool = False) -> dict[Path, Tops]:
    """Return the layers whose gradients are approximate, each with the recurrent layers that cause it.

    Parameters
    ----------
    net : Layer
        The network.
    rule : Rule
        Its rule; single layers may have their own.
    stream : bool
        Whether time steps are seen one after the other: then no rule sends down what later times contribute.
    """
    found: dict[Path, Tops] = {}
    _descend(net, rule, (), {}, found, stream)
    return found


def _descend(layer: Layer, rule: Rule, path: Path, tops: Tops, found: dict[Path, Tops], stream: bool) -> Tops:
    """Return the recurrent layers that make the error at a layer's input approximate, given its output's."""
    own = rule.within(layer)
    if layer.frozen is True and not _carries(layer):
        return tops
    if isinstance(layer, Graph):
        return _graph(layer, own, path, tops, found, stream)
    if not layer.children():
        if tops and layer.frozen is not True and learns(layer):
            found[path] = found.get(path, {}) | tops
        if layer.transport and own.space.cuts:
            return {}
        return tops | ({path: own.time} if layer.carried and (stream or not own.time.carries) else {})
    if isinstance(layer, Sequential):
        for name, child in reversed(layer.children()):
            tops = _descend(child, own, (*path, name), tops, found, stream)
        return tops

    def through(tops: Tops) -> Tops:
        made = dict(tops)
        for name, child in layer.children():
            made |= _descend(child, own, (*path, name), tops, found, stream)
        return made

    below = through(tops)
    return below if of_library(layer) else through(below)  # the order inside is not known


def _carries(layer: Layer) -> bool:
    """Tell whether a layer is recurrent or contains a recurrent layer."""
    return bool(layer.carried) or any(_carries(child) for _, child in layer.children())


def _graph(graph: Graph, rule: Rule, path: Path, tops: Tops, found: dict[Path, Tops], stream: bool) -> Tops:
    at: dict[str, Tops] = {name: dict(tops) for name in graph.outputs}
    for name, owner, layer, sources in reversed(list(graph.placed())):
        made = _descend(layer, rule, (*path, owner), at.get(name, {}), found, stream)
        for source in sources:
            at[source] = at.get(source, {}) | made
    return {top: rule for name, _ in graph.inputs for top, rule in at.get(name, {}).items()}


def inexact(net: Layer, rule: Rule, optimizer: Any) -> Iterator[str]:
    """Yield, in words, where a rule falls short in a network of what its name promises."""
    yield from below(net, rule)
    crossed = set(reached(net))  # others have no B
    for path, layer, own in places(net, rule):
        inner = getattr(optimizer, "optimizer", optimizer)  # of an average of the weights
        decay = inner.weight_decay if layer.weight_decay is None else layer.weight_decay
        if isinstance(own.space, KolenPollack) and path in crossed and layer.l2 and decay == 0:
            yield (
                f"rule: {own.space!r} with l2={layer.l2!r} of layer {dotted(path)!r}: B takes W's penalty, "
                "not one of its own, and never comes to equal W. What brings them together is a decay of "
                f"both: give the optimizer weight_decay={2 * layer.l2:g} in its place"
            )
        if isinstance(own.space, KolenPollack) and path in crossed and layer.constraint is not None:
            yield (
                f"rule: {own.space!r} with constraint={layer.constraint!r} of layer {dotted(path)!r}: W is "
                "held to it after each step, B is not, and never comes to equal W: leave it out, or take 'wm'"
            )


def below(net: Layer, rule: Rule, stream: bool = False) -> Iterator[str]:
    """Yield one sentence if some layers get only an approximate gradient."""
    found = approximate(net, rule, stream)
    if found:
        tops = {path: time for above in found.values() for path, time in above.items()}
        who = ", ".join(f"{time!r} of layer {dotted(path)!r}" for path, time in tops.items())
        given = [dotted(path) for path in started(net) if path in tops]
        none = f", and nothing at all through the first state of {', '.join(given)}" if given else ""
        way_out = "" if stream else "For the true gradient there take 'bptt', or 'truncated' for a window. "
        yield (
            f"rule: {who}: approximate below, in {', '.join(map(dotted, found))}: only the error of the "
            f"same time step goes down to them, not what their past does to later ones{none}. "
            f"{way_out}To leave the layers below as they are, give them frozen=True"
        )


def reached(layer: Layer, path: Path = (), upstream: bool = False) -> Iterator[Path]:
    """Yield the paths of layers whose input needs an error, because layers before them learn."""
    if isinstance(layer, Sequential):
        for name, child in layer.children():
            yield from reached(child, (*path, name), upstream)
            upstream = upstream or learns(child)
    elif isinstance(layer, Graph):
        needed = {name: upstream for name, _ in layer.inputs}
        for name, owner, child, sources in layer.placed():
            above = any(needed[source] for source in sources)
            yield from reached(child, (*path, owner), above)
            needed[name] = above or learns(child)
    elif layer.children():
        for name, child in layer.children():
            yield from reached(child, (*path, name), upstream)
    elif upstream:
        yield path


def started(layer: Layer, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of recurrent layers whose first state comes from other layers."""
    if isinstance(layer, Graph):
        yield from (
            (*path, owner) for _, owner, one, sources in layer.placed() if one.carried and len(sources) > 1
        )
    for name, child in layer.children():
        yield from started(child, (*path, name))


def repeated(layer: Layer, path: Path = (), often: bool = False) -> Iterator[Path]:
    """Yield the paths of layers, with none inside, that a network uses several times."""
    owners = [owner for _, owner, _, _ in layer.placed()] if isinstance(layer, Graph) else []
    if often and not layer.children():
        yield path
    for name, child in layer.children():
        yield from repeated(child, (*path, name), often or owners.count(name) > 1)


def learns(layer: Layer) -> bool:
    """Tell whether a layer, or any layer inside it, has weights."""
    own = type(unwrapped(layer)).init is not Layer.init
    return any(map(learns, dict(layer.children()).values())) if layer.children() else own


def warn(messages: Iterator[str], stacklevel: int) -> None:
    """Issue each message as an `errors.InexactWarning`, at the caller `stacklevel` levels up."""
    for message in messages:
        warnings.warn(message, InexactWarning, stacklevel=stacklevel + 1)
