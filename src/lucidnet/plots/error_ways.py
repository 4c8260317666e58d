"""How errors travel back through a network, by its learning rule and those of single layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..core.trees import Path
from .wiring import Wiring

if TYPE_CHECKING:
    from ..engine.protocol import Trainee


class ErrorWay(NamedTuple):
    """One arrow of an error to the output of a box.

    Parameters
    ----------
    rule : str
        The name of the rule.
    target : int
        The box that the error comes to.
    source : int, optional
        The box that it passes; None where it comes from the network's output straight.
    """

    rule: str
    target: int
    source: int | None


class ErrorWays(NamedTuple):
    """All arrows of errors in a network, a text for each rule, and the recurrent layers' time rules."""

    ways: list[ErrorWay]
    said: dict[str, str]
    times: dict[int, str]


def error_ways(model: Trainee, wiring: Wiring) -> ErrorWays:
    """Return the ways of errors through a compiled model; none if it is not compiled."""
    found = ErrorWays([], {}, {})
    if model.rule is None:
        return found
    from ..rules.credit import places
    from ..rules.registry import Rule, get, short_name
    from ..rules.space.direct import Direct, Shallow

    rule = get(model.rule)
    placed = list(places(model.net, rule))
    carriers = {_box_of(wiring, path) for path, *_ in placed}
    for path, layer, own in placed:
        box, name = _box_of(wiring, path), short_name(Rule(own.space))
        if box is None:
            continue
        if layer.carried:
            found.times[box] = short_name(Rule(time=own.time)) if own.time != Rule().time else "bptt"
        if own.space.whole or isinstance(own.space, Shallow):
            continue
        direct = isinstance(own.space, Direct)
        for source in _learning(wiring, box):
            found.ways.append(ErrorWay(name, source, None if direct else box))
            found.ways.extend(
                way for way in _through(wiring, name, source, carriers) if way not in found.ways
            )
        found.said[name] = _in_words(name, direct)
    if not found.ways:
        reason = "estimated by noise" if rule.space.whole else "none passes a layer with weights"
        found.said.clear()
        found.said[""] = f"errors: {reason}"
    return found


def _in_words(rule: str, direct: bool) -> str:
    if direct:
        return f"{rule}: the output's error, straight to each layer"
    return f"{rule}: error from layer to layer by {'the' if rule == 'backprop' else 'feedback'} weights"


def _box_of(wiring: Wiring, path: Path) -> int | None:
    """Return the box of a layer, or that of the closed container around it."""
    numbers = {box.path: number for number, box in enumerate(wiring.boxes) if box.path is not None}
    inside = (path[:length] for length in range(len(path), 0, -1))
    return next((numbers[part] for part in inside if part in numbers), None)


def _through(wiring: Wiring, rule: str, box: int, carriers: set[int | None]) -> Iterator[ErrorWay]:
    """Yield the further ways of an error from a box, up to boxes whose weights the rule is about.

    Others, with weights or without, pass it on as in backpropagation: normalizations, poolings.
    """
    if box in carriers:
        return
    for source in _learning(wiring, box):
        yield ErrorWay(rule, source, box)
        yield from _through(wiring, rule, source, carriers)


def _learning(wiring: Wiring, box: int) -> list[int]:
    """Return the boxes just above one that learn, or that have learning boxes above them."""
    learns: dict[int, bool] = {}
    for number, other in enumerate(wiring.boxes):  # no box comes before its sources
        above = any(learns[source] for source in wiring.sources(number))
        learns[number] = above or other.weights > 0 or other.kind == "shared"
    return [source for source in wiring.sources(box) if learns[source]]
