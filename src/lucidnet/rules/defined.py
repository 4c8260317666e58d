"""Checks that a rule can be applied to a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..backend import Tree
from ..core.trees import dotted
from ..core.value import of_library
from ..errors import SettingError
from ..layers import Layer, Recurrent, walk
from ..layers.activations.softmax import OverAxis
from ..layers.base import several
from ..layers.endings import outputs
from ..layers.penalties import penalizing
from ..layers.shapes import input_shapes
from ..layers.stepwise import check_stepwise
from .base import SpaceRule
from .coupling import mixing
from .credit import broadcast, places
from .edge import carriers
from .feedback import varying
from .registry import Rule, get
from .scope import below, inexact, learns, reached, repeated, warn
from .space.direct import Direct, DirectRandomTargetProjection, sent
from .space.transported import Backprop, Transported, WeightMirror
from .time.base import NOT_ONLINE
from .time.bptt import BPTT
from .time.kernl import KeRNL
from .time.local import RFLO

TIMES = 64
"""The number of time steps assumed here where it varies."""


def check_defined(net: Layer, rule: Rule, optimizer: Any = None) -> None:
    """Raise `SettingError` if the rule of a network, or of one of its layers, cannot be applied to it.

    With an optimizer it warns of what is only approximate there (`InexactWarning`), six calls above.
    """
    broadcast(net, rule)  # raises where two layers ask for different errors
    for path, layer, own in places(net, rule):
        if layer.derived and isinstance(own.space, Transported):
            raise SettingError(
                f"rule: {own.space!r} passes layer {dotted(path)!r} by other weights than "
                f"{', '.join(carriers(layer))}, but {type(layer).__name__} has no backward that takes them: "
                "write it, backward(params, cache, dy, need_dx=True), or declare no transport"
            )
    _check_steps(net, rule)
    _check_penalties(net, rule)
    _check_tied(net, rule)
    _check_carried(net, rule)
    for where, layer, own in _scopes(net, rule):
        _check_followed(where, layer, own)
        _check_time(where, layer, own)
        _check_outputs(where, net, own)
        if own.space.whole:
            _check_whole(where, net, layer, own)
    _check_sent(net, rule)
    if optimizer is not None:
        warn(inexact(net, rule, optimizer), 6)


def _check_steps(net: Layer, rule: Rule) -> None:
    """Raise if a rule sends per-example signals into a layer that treats time steps as examples."""
    apart = [path for path, layer in walk(net) if layer.splits_examples]
    for path, _, own in places(net, rule):
        around = [outer for outer in apart if outer == path[: len(outer)]]
        if around and (isinstance(own.space, Direct) or getattr(own.space, "alone", False)):
            raise SettingError(
                f"rule: {own.space!r} tells each layer something for each example, but in layer "
                f"{dotted(around[0])!r} each time step is an example of its own: take 'fa', or layers "
                "that go "
                "over time by themselves"
            )


def _check_penalties(net: Layer, rule: Rule) -> None:
    """Raise if a layer's own penalty would not reach the layers below it, or the rule would ignore it."""
    adding = penalizing(net)
    for _, _, own in places(net, rule) if adding else ():
        if own.space.cuts or own.space.whole:
            raise SettingError(
                f"rule: layer {dotted(adding[0])!r} adds a penalty of its own to the loss, of whose gradient "
                f"{own.space!r} knows nothing: take 'backprop', 'fa' or its kin, or leave the penalty "
                "out (kl=0)"
            )


def _check_tied(net: Layer, rule: Rule) -> None:
    """Raise if a rule would cross a layer with tied weights in another way than plain backprop."""
    for path, layer, own in places(net, rule):
        apart = own.space.whole and not getattr(own.space, "alone", False)  # only forward passes are made
        if layer.tied_to and not own.space.exact and not apart:
            raise SettingError(
                f"rule: layer {dotted(path)!r} takes its weights from {layer.tied_to!r} (tied), which "
                f"goes with plain backpropagation across layers or 'wp', not with {own.space!r}: take one of "
                "these, or leave tied out"
            )


def _check_carried(net: Layer, rule: Rule) -> None:
    """Raise if a rule cannot do with a recurrent layer what it does."""
    again, crossed = set(repeated(net)), set(reached(net))
    for path, layer, own in places(net, rule):
        if not layer.carried:
            continue
        where, space, time = f"rule: layer {dotted(path)!r}, {type(layer).__name__},", own.space, own.time
        if of_library(layer) and not isinstance(layer, Recurrent):
            if type(time) is not BPTT:
                raise SettingError(
                    f"{where} goes back in time by backpropagation alone, not by {time!r}: take 'bptt', or "
                    "give that layer rule='bptt'"
                )
            if getattr(space, "alone", False) or (isinstance(space, WeightMirror) and path in crossed):
                other = "'wp'" if space.whole else "'fa' or 'kp', or give that layer rule='backprop'"
                raise SettingError(f"{where} has no such noise as {space!r} sends: take {other}")
        activation = getattr(layer, "activation", None)
        if isinstance(time, (RFLO, KeRNL)) and isinstance(activation, OverAxis):
            raise SettingError(
                f"{where} has activation {activation!r}, in which each unit depends on all others, but "
                f"{time!r} has traces of each unit alone: take another activation, or 'rtrl', SnAp(1), "
                "'uoro', 'truncated' or 'bptt'"
            )
        if isinstance(time, KeRNL) and path in again:
            raise SettingError(
                f"{where} is used several times, with an influence of its own each time, but {time!r} learns "
                "one for a layer: take 'rtrl', 'snap1', 'uoro', 'rflo' or 'bptt', or give each place a layer "
                "of its own"
            )


def _check_whole(where: str, net: Layer, layer: Layer, rule: Rule) -> None:
    """Raise if a rule that estimates all gradients at once is given to one layer, or combined with others."""
    if layer is not net:
        raise SettingError(
            f"{where} {rule.space!r} perturbs the whole network and has no part for single layers: "
            "give it to compile(rule=...)"
        )
    if not isinstance(rule.time, BPTT) or any(inner.rule is not None for _, inner in walk(net)):
        raise SettingError(
            f"{where} {rule.space!r} estimates all gradients by noise: it goes with no other rule, "
            "neither through time nor of single layers"
        )
    mixed = next(mixing(net), None) if getattr(rule.space, "alone", False) else None
    if mixed is not None:
        raise SettingError(
            f"{where} {rule.space!r} takes the change of each example's own loss, but layer "
            f"{dotted(mixed)!r} mixes the examples of a batch by its statistics: take LayerNormalization, "
            "freeze it (frozen=True), or take the rule 'wp', whose loss is that of the whole batch"
        )


def _check_outputs(where: str, net: Layer, rule: Rule) -> None:
    """Raise if a network has several outputs, but its rule needs the loss or the target of a single one."""
    needs = {
        "the targets": isinstance(rule.space, DirectRandomTargetProjection),
        "each example's own loss": getattr(rule.space, "alone", False),
    }
    for what, needed in needs.items():
        if needed and (names := outputs(net)):
            raise SettingError(
                f"{where} {rule.space!r} takes {what} of one output, but this network has {len(names)}: "
                f"{', '.join(names)}. Rules for several are fa, kp, wm, usf, frsf, brsf, dfa, wp"
            )


def _check_sent(net: Layer, rule: Rule) -> None:
    """Raise if the output's error cannot be sent to some layer, as far as shapes are known yet."""
    direct = {path: own.space for path, _, own in places(net, rule) if isinstance(own.space, Direct)}
    shape = net.takes()
    if not direct or shape is None:
        return
    known, sizes = _shapes(net, shape), _shapes(net, _filled(shape))
    y = sizes[()]
    if isinstance(y, dict):
        if len({each[:-1] for each in y.values()}) > 1:
            raise SettingError(
                f"rule: {next(iter(direct.values()))!r} sends the errors of all outputs side by side to all "
                f"layers, but they differ in shape: {y}"
            )
        y = (*next(iter(y.values()))[:-1], sum(each[-1] for each in y.values()))
    y = varying(y, known[()])
    for path in reached(net):
        inputs: Any = varying(sizes.get(path), known.get(path)) if path in direct else None
        for one in () if inputs is None else inputs if several(inputs) else (inputs,):
            sent(direct[path], one, y)


def _shapes(net: Layer, shape: Any) -> dict[Any, Any]:
    """Return the input shapes of all layers by path, and the network's output shape at the path ()."""
    return input_shapes(net, shape, known_only=True) | {(): net.output_shape(shape)}


def _filled(shape: Any) -> Any:
    """Return a shape with a fixed number in place of each size that varies."""
    if isinstance(shape, dict):
        return {name: _filled(inner) for name, inner in shape.items()}
    return tuple(
        _filled(size) if isinstance(size, tuple) else TIMES if size is None else size for size in shape
    )


def _scopes(net: Layer, rule: Rule) -> Iterator[tuple[str, Layer, Rule]]:
    """Yield every place where a rule was given: the network first, then layers with rules of their own."""
    yield "rule:", net, rule
    for path, layer in walk(net):
        if layer.rule is not None:
            yield f"layer {dotted(path)!r}: rule", layer, get(layer.rule)


def _check_followed(where: str, layer: Layer, rule: Rule) -> None:
    """Raise if a layer without parameters was given a rule of the library, which would do nothing there."""
    if layer.rule is not None and not learns(layer) and of_library(rule.space) and of_library(rule.time):
        raise SettingError(
            f"{where}={layer.rule!r} has no effect, because this layer has no parameters: give it "
            "to one that has some"
        )


def _check_time(where: str, layer: Layer, rule: Rule) -> None:
    if isinstance(rule.time, BPTT) or any(inner.carried for _, inner in walk(layer)):
        return
    raise SettingError(
        f"{where} {rule.time!r} says how credit goes back in time, but there is no recurrent layer here "
        "(SimpleRNN, LeakyRNN, GRU, LSTM)"
    )


def check_stream(net: Layer, rule: Rule, params: Tree, shape: Any, optimizer: Any) -> None:
    """Raise `SettingError` if a rule or a network cannot learn online, time step by time step.

    It warns of what the rule only approximates (`InexactWarning`), four calls above.
    """
    if optimizer.full_batch:
        raise SettingError(
            f"online: {type(optimizer).__name__} needs the loss of all data at several points, not the "
            "gradient of one time: compile with another optimizer, such as 'adam'"
        )
    recurrent: list[Any] = [(layer, own) for _, layer, own in places(net, rule) if layer.carried]
    if not recurrent:
        raise SettingError("online: the network has no recurrent layer, so each step is a train_step")
    if apart := [layer for _, layer in walk(net) if layer.splits_examples]:
        raise SettingError(
            f"online: in {apart[0].describe()} each time step is an example of its own, of whose recurrent "
            "layers nothing is carried on: put layers beside each other without it"
        )
    for layer, _ in recurrent:
        if not isinstance(layer, Recurrent):
            raise SettingError(f"online: {layer.describe()} learns from whole sequences alone: use fit")
    if net.penalizes:
        raise SettingError(
            "online: a layer adds a penalty of its own to the loss of a batch: leave it out (kl=0)"
        )
    for where, _, own in _scopes(net, rule):
        _check_crossed(where, own)
    for layer, own in recurrent:
        if not own.time.online:
            beside = "" if isinstance(own.space, Backprop) else f", as in {Rule(own.space, RFLO())!r}"
            raise SettingError(NOT_ONLINE.format(own.time) + beside)
        if layer.go_backwards:
            raise SettingError("online: a layer that goes backwards cannot learn from a stream")
    check_defined(net, rule)
    check_stepwise(net, params, shape, "online", "use fit on whole sequences")
    warn(below(net, rule, stream=True), 4)


def _check_crossed(where: str, rule: Rule) -> None:
    """Raise if a rule across layers finds gradients in another way than by crossing edges."""
    if type(rule.space).gradient is not SpaceRule.gradient:
        raise SettingError(
            f"online: {where} {rule.space!r} finds the gradient of a whole batch at once, not at each step: "
            "take 'fa' or its kin, or fit on whole sequences"
        )
