"""Units that do nothing: dead, saturated, or identical to others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...backend import Array
from ...core.trees import leaves
from ...data.batch import rows
from ...layers import HardSigmoid, Layer, ReLU, Sigmoid, Softsign, Tanh
from ..trace import Trace
from .evidence import FEW, Evidence
from .report import Sign

FLAT = 0.04
"""An activation is saturated where its derivative is below this share of its maximum."""

LIMITS: dict[type[Layer], tuple[float, float]] = {
    Tanh: (-((1 - FLAT) ** 0.5), (1 - FLAT) ** 0.5),
    Sigmoid: (0.5 - 0.5 * (1 - FLAT) ** 0.5, 0.5 + 0.5 * (1 - FLAT) ** 0.5),
    Softsign: (FLAT**0.5 - 1, 1 - FLAT**0.5),
    HardSigmoid: (1e-7, 1 - 1e-7),
}
"""Output limits between which the derivative is larger; it is 1 - y^2, y (1 - y), (1 - |y|)^2, 1/6 or 0."""


def dead_from_the_start(evidence: Evidence) -> Iterator[Sign]:
    """Yield each layer's share of ReLUs that are 0 for all examples, before training and after."""
    before, after = (dict(_relus(made)) for made in (evidence.before, evidence.after))
    for name in before:
        dead = _silent(before[name]) & _silent(after.get(name, before[name]))
        yield _dead(name, dead, len(before[name]))


def dead(evidence: Evidence) -> Iterator[Sign]:
    """Yield each layer's share of ReLUs that are 0 for all examples after training."""
    for name, y in _relus(evidence.after):
        yield _dead(name, _silent(y), len(y))


def saturated_from_the_start(evidence: Evidence) -> Iterator[Sign]:
    """Yield each hidden layer's share of saturated outputs before training."""
    yield from _saturated(evidence.before)


def saturated(evidence: Evidence) -> Iterator[Sign]:
    """Yield each hidden layer's share of saturated outputs after training."""
    yield from _saturated(evidence.after)


def idle_units(made: Trace) -> Iterator[tuple[str, float]]:
    """Yield each layer's share of dead ReLUs or saturated outputs."""
    for name, y in _relus(made):
        yield name, float(_silent(y).mean())
    for sign in _saturated(made):
        yield sign.layer, sign.number


def alike(evidence: Evidence) -> Iterator[Sign]:
    """Yield the share of distinct units in each hidden layer, before or after training."""
    before, after = (list(_different(made)) for made in (evidence.before, evidence.after))
    for (name, units, early), (_, _, late) in list(zip(before, after, strict=False))[:-1]:
        different = max(early, late)
        yield Sign(
            different / units,
            f"{units} units of layer {name}, but only {different} different: equal units get equal "
            "gradients, and stay equal",
            name,
        )


def _different(made: Trace) -> Iterator[tuple[str, int, int]]:
    """Yield each layer with weights, its number of units, and its number of distinct units."""
    for call in made.calls:
        if isinstance(call.params, dict) and "W" in call.params:
            units = call.params["W"].shape[-1]
            arrays = [a.reshape(-1, units) for _, a in leaves(call.params) if a.shape[-1] == units]
            columns = np.concatenate(arrays)
            size = float(np.abs(columns).max()) or 1.0
            yield call.name, units, np.unique((columns / size).round(5) + 0.0, axis=1).shape[1]


def _silent(y: Array) -> Array:
    return (y == 0).all(0)


def _dead(name: str, dead: Array, rows: int) -> Sign:
    share = float(dead.mean())
    return Sign(
        share,
        f"{dead.sum()} of {dead.size} ReLUs of layer {name} ({share:.0%}) are dead: they give 0 for all "
        f"{rows} inputs looked at, so no error comes through and their weights do not change",
        name,
    )


def _saturated(made: Trace) -> Iterator[Sign]:
    for name, y, kind in _typed(made, tuple(LIMITS)):
        low, high = LIMITS[kind]
        share = float(((y < low) | (y > high)).mean())
        yield Sign(
            share,
            f"{share:.0%} of the outputs of layer {name} ({kind.__name__.lower()}) are saturated: there the "
            f"derivative is below {FLAT:.0%} of its largest, and hardly any error comes through",
            name,
        )


def _relus(made: Trace) -> Iterator[tuple[str, Array]]:
    """Yield the outputs (rows, units) of all ReLUs; nothing if there are too few examples."""
    if rows(made.prediction) >= FEW:
        yield from ((name, y) for name, y, _ in _typed(made, (ReLU,), last=True))


def _typed(
    made: Trace, kinds: tuple[type[Layer], ...], last: bool = False
) -> Iterator[tuple[str, Array, type[Layer]]]:
    """Yield the outputs (rows, units) of activations of some kinds; the network's own only if `last`."""
    output = {id(array) for _, array in leaves(made.prediction)}
    found: dict[tuple[str, type[Layer]], list[Array]] = {}
    for call in made.calls:
        if isinstance(call.layer, kinds) and (last or id(call.y) not in output):
            found.setdefault((call.name, type(call.layer)), []).append(call.y.reshape(-1, call.y.shape[-1]))
    for (name, kind), arrays in found.items():
        yield name, np.concatenate(arrays), kind
