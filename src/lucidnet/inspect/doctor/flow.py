"""How errors travel back through the layers, and how large the steps are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...backend import Array, length
from ...engine.update import training_run
from ...rules.credit import places
from ...rules.registry import Rule
from ...rules.space.direct import Shallow
from ..trace import Trace
from .evidence import Evidence
from .labels import baseline
from .report import Sign
from .units import idle_units

FURTHER = (10, 100, 1000, 10_000, 100_000)
"""The multiples of a step's length that are tried, to see whether the steps are too short."""

BETTER = 0.03
"""By what share of itself, and of a constant output's loss, the loss must then fall."""

SPIKE = 2.0
"""A loss that is this many times the first one is damage done by training."""

LOST = 0.4
"""So is a growth by this of a layer's share of dead or saturated units."""


def growing(evidence: Evidence) -> Iterator[Sign]:
    """Yield each layer's error size before training, relative to that at the last layer."""
    last, ratios = _ratios(evidence.before)
    yield from (_sign(name, ratio, last) for name, ratio in ratios.items())


def shrinking(evidence: Evidence) -> Iterator[Sign]:
    """Yield each layer's relative error size, before or after training, whichever is larger."""
    last, before = _ratios(evidence.before)
    _, after = _ratios(evidence.after)
    for name, ratio in before.items():
        largest = max(ratio, after.get(name, 0.0))
        if largest or not _sends_nothing(evidence):
            yield _sign(name, largest, last)


def _sends_nothing(evidence: Evidence) -> bool:
    """Tell whether some layer's rule sends no error down by definition."""
    problem = evidence.model.problem
    found = places(problem.objective.net, problem.rule or Rule())
    return any(isinstance(own.space, Shallow) for _, _, own in found)


def _ratios(made: Trace) -> tuple[str, dict[str, float]]:
    """Return the name of the last layer with weights, and each layer's error size relative to its.

    If there is no error at the last layer, nothing can be said about the others.
    """
    sizes = error_sizes(made)
    last = list(sizes)[-1] if sizes else ""
    return last, {name: size / sizes[last] for name, size in sizes.items() if sizes[last]}


def _sign(name: str, ratio: float, last: str) -> Sign:
    sentence = f"the error that reaches layer {name} is {ratio:.2g} times that at the last layer, {last}"
    return Sign(ratio, sentence, name)


def error_sizes(made: Trace) -> dict[str, float]:
    """Return the norm of the gradient by the output, for each layer with weights."""
    sizes: dict[str, float] = {}
    for call in made.calls:
        if isinstance(call.dy, np.ndarray) and isinstance(call.params, dict) and call.params:
            sizes.setdefault(call.name, length(call.dy))
    return sizes


def update_ratios(evidence: Evidence) -> Array:
    """Return, for each step, the median of |update| / |weights| over all weight arrays.

    Weights are measured before the first step; those that start at zero, where they are largest. A healthy
    ratio is about 1e-3 (Karpathy 2015, notes of the course CS231n, "Ratio of weights:updates").
    """
    records = evidence.records
    if not records or not records[0].sizes:
        return np.zeros(0)
    largest = {name: max(r.sizes[name] for r in records) or 1.0 for name in records[0].sizes}
    sizes = {name: size or largest[name] for name, size in records[0].sizes.items()}
    if _sends_nothing(evidence):  # below it no weights move, and none should
        sizes = {name: size for name, size in sizes.items() if any(r.changes[name] for r in records)} or sizes
    return np.median([[r.changes[name] / size for name, size in sizes.items()] for r in records], axis=1)


def large_steps(evidence: Evidence) -> Iterator[Sign]:
    """Yield the largest update-to-weight ratio of all steps, if training has done harm."""
    ratios, harm = update_ratios(evidence), _harm(evidence)
    if harm and ratios.size:
        ratio = float(np.nanmax(ratios))
        yield Sign(ratio, f"a step changes the weights by up to {ratio:.2g} of their size, and {harm}")


def _harm(evidence: Evidence) -> str:
    """Describe the harm that training has done; "" if none."""
    first, last = evidence.before.loss, evidence.after.loss
    most = max([record.loss for record in evidence.records], default=first)
    if evidence.failure:
        return "training ended in NaN or infinity"
    if not last <= first or most > SPIKE * first:
        return f"the loss went from {first:.4g} up to {max(most, last):.4g}, and is {last:.4g} at the end"
    pairs = zip(idle_units(evidence.before), idle_units(evidence.after), strict=True)
    lost = next(((name, now) for (name, early), (_, now) in pairs if now - early > LOST), None)
    return f"{lost[1]:.0%} of the units of layer {lost[0]} are dead or saturated afterwards" if lost else ""


def small_steps(evidence: Evidence) -> Iterator[Sign]:
    """Yield the median update-to-weight ratio, if going further along the same path lowers the loss a lot."""
    ratios = update_ratios(evidence)
    if evidence.failure or not ratios.size:
        return
    start, now = evidence.before.loss, evidence.after.loss
    far, times = min((further(evidence, times), times) for times in FURTHER)
    if now - far > BETTER * max(now, baseline(evidence)):
        ratio = float(np.median(ratios))
        yield Sign(
            ratio,
            f"a step changes the weights by {ratio:.2g} of their size; {len(evidence.records)} steps took "
            f"the loss from {start:.4g} to {now:.4g}, and {times} times as far the same way it is {far:.4g}",
        )


def further(evidence: Evidence, times: float) -> float:
    """Return the probe's loss at `times` times the distance that the steps have moved the weights."""
    vector = evidence.start.vector + times * (evidence.end.vector - evidence.start.vector)
    params = evidence.end.params.layout.unravel(vector)
    model, probe = evidence.model, evidence.probe
    run = training_run(evidence.end.reset(), probe)
    loss = float(model.problem.objective.evaluate(params, probe, run).loss)
    return loss if np.isfinite(loss) else np.inf


def not_finite(evidence: Evidence) -> Iterator[Sign]:
    """Yield 1 if training ended in NaN or infinity."""
    yield Sign(float(bool(evidence.failure)), f"training broke off: {evidence.failure}")
