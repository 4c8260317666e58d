"""Whether a rule is defined for a network."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.trees import dotted
from ..errors import SettingError
from ..layers import Layer, walk
from .credit import places
from .edge import carriers
from .registry import Rule, get
from .space.transported import Transported
from .time.bptt import BPTT


def check_defined(net: Layer, rule: Rule) -> None:
    """Raise `SettingError` if a rule, or that of a single layer, cannot be followed in a network."""
    for path, layer, own in places(net, rule):
        if layer.derived and isinstance(own.space, Transported):
            raise SettingError(
                f"rule: {own.space!r} passes layer {dotted(path)!r} by other weights than "
                f"{', '.join(carriers(layer))}, but {type(layer).__name__} has no backward that takes them: "
                "write it, backward(params, cache, dy, need_dx=True), or declare no transport"
            )
    for where, layer, own in _scopes(net, rule):
        _check_time(where, layer, own)
        if not own.space.whole:
            continue
        if layer is not net:
            raise SettingError(
                f"{where} {own.space!r} perturbs the whole network and has no part for single layers: "
                "give it to compile(rule=...)"
            )
        if not isinstance(own.time, BPTT) or any(inner.rule is not None for _, inner in walk(net)):
            raise SettingError(
                f"{where} {own.space!r} estimates all gradients by noise: it goes with no other rule, "
                "neither through time nor of single layers"
            )


def _scopes(net: Layer, rule: Rule) -> Iterator[tuple[str, Layer, Rule]]:
    """Yield each layer to which a rule was given, the network first."""
    yield "rule:", net, rule
    for path, layer in walk(net):
        if layer.rule is not None:
            yield f"layer {dotted(path)!r}: rule", layer, get(layer.rule)


def _check_time(where: str, layer: Layer, rule: Rule) -> None:
    if isinstance(rule.time, BPTT) or any(inner.carried for _, inner in walk(layer)):
        return
    raise SettingError(
        f"{where} {rule.time!r} says how credit goes back in time, but there is no recurrent layer here "
        "(SimpleRNN, LeakyRNN, GRU, LSTM)"
    )
