"""A training step narrated from its trace: forward, loss, backward, update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...backend import Array, one_hot
from ...core.text import legible
from ...core.trees import Path, at, dotted, leaves
from ...data.batch import Batch
from ...engine.problem import Problem
from ...engine.state import State
from ...layers import Input, Linear
from ...layers.rebuild import INNER
from ...optimizers.sgd import SGD
from ..trace import Trace
from .expressions import (
    Equation,
    Expression,
    difference,
    fraction,
    function,
    number,
    product,
    slope,
    symbol,
    total,
)
from .formulas import loss_of, slope_of, told_of
from .layers import ExplainedLayer, activated, backward, forward
from .moments import NOTE, AdamStep, adam_step

MOST_SHOWN = 8
"""The most numbers shown of an array in a layer that is not written out."""


@legible
class Section(NamedTuple):
    """A section of the explanation: a title, sentences, and equations."""

    title: str
    notes: tuple[str, ...]
    equations: tuple[Equation, ...]


class Told(NamedTuple):
    """What is explained: the problem, a batch, its trace, the states before and after, and the loss."""

    problem: Problem
    batch: Batch
    seen: Trace
    before: State
    after: State
    measured: float

    @property
    def fused(self) -> bool:
        """Whether the final activation is fused with the loss."""
        return self.problem.objective.fused


def story(told: Told) -> tuple[Section, ...]:
    """Return the sections that tell a training step."""
    parts = list(_parts(told))
    backwards = [_backward(told, part, above) for part, above in zip(parts, [*parts[1:], None], strict=True)]
    forwards = [_forward(part) for part in parts]
    numbers = {part.call.path: part.number for part in parts}
    return (*forwards, _loss(told, parts[-1]), *reversed(backwards), *_updates(told, numbers))


def legend(told: Told) -> str:
    """Return which number each layer's weights carry."""
    return ", ".join(f"{part.number} {part.name}" for part in _parts(told))


def _parts(told: Told) -> Iterator[ExplainedLayer]:
    """Yield the layers in order, without those that pass their input on unchanged."""
    calls = told.seen.calls
    shown = [c for c in calls if not c.is_inner and not isinstance(c.layer, (Input, Linear))]
    for place, call in enumerate(shown, 1):
        inner = next((c for c in calls[calls.index(call) :] if c.path == (*call.path, INNER)), None)
        idle = inner is None or isinstance(inner.layer, Linear)
        last = told.fused and call is shown[-1]
        yield ExplainedLayer(call, None if idle else inner, "z" if last or not idle else "y", place)


def _forward(part: ExplainedLayer) -> Section:
    title = f"Forward: {part.name} = {part.call.layer.describe()}"
    if part.written_out:
        return Section(title, (), tuple(forward(part)))
    notes = (*told_of(part.call.layer), f"in: {_numbers(part.call.x)}", f"out: {_numbers(part.call.y)}")
    return Section(title, notes, ())


def _loss(told: Told, last: ExplainedLayer) -> Section:
    loss, prediction = told.problem.loss, told.seen.prediction
    target = told.batch.target
    rows = one_hot(target, prediction.shape[-1], like=prediction) if target.ndim == 1 else target
    equations = list(_output(told, last)) if told.fused else []
    several = len(prediction) > 1
    for n in range(len(prediction)):
        values = told.problem.objective.loss.forward(last.call.y[n : n + 1], target[n : n + 1])[0]
        left = symbol("L", up=f"({n + 1})") if several else symbol("L")
        equations.append(Equation(left, _loss_ways(told, last, rows, n), float(values)))
    if several:
        equations.append(_mean_loss([e.value for e in equations[-len(prediction) :]]))
    penalties = told.measured - told.seen.loss
    notes = [f"{loss!r}, with y = output and t = target"]
    notes += [f"penalties l1, l2 add {penalties:.6g}"] if penalties else []
    if told.problem.net.penalizes:
        added = told.seen.loss - float(np.mean([e.value for e in equations[-len(prediction) - several :]]))
        notes.append(f"penalties of layers add {added:.6g}")
    return Section("Loss", tuple(notes), tuple(equations))


def _output(told: Told, last: ExplainedLayer) -> Iterator[Equation]:
    """Yield the equations of the final activation, which is fused with the loss."""
    activation = told.problem.net.split_activation()[1]
    assert activation is not None
    for n, j in np.ndindex(told.seen.prediction.shape):
        z = last.call.y[n]
        letters = [last.letter("z", n, k) for k in range(len(z))]
        ways = activated(activation, letters, j), activated(activation, [number(v) for v in z], j)
        yield Equation(last.letter("y", n, j), ways, float(told.seen.prediction[n, j]))


def _loss_ways(told: Told, last: ExplainedLayer, rows: Array, n: int) -> tuple[Expression, ...]:
    units, y = range(rows.shape[-1]), told.seen.prediction[n]
    letters = [(last.letter("y", n, j), last.letter("t", n, j)) for j in units]
    written = loss_of(told.problem.loss, letters)
    if written is None:
        return (function(type(told.problem.loss).__name__, symbol("y"), symbol("t")),)
    numbers = loss_of(told.problem.loss, [(number(y[j]), number(rows[n, j])) for j in units])
    return (written, numbers) if numbers else (written,)


def _mean_loss(values: Sequence[float]) -> Equation:
    factor = fraction(number(1), number(len(values)))
    letters = [symbol("L", up=f"({n + 1})") for n in range(len(values))]
    ways = product(factor, total(*letters)), product(factor, total(*map(number, values)))
    return Equation(symbol("L"), ways, float(np.mean(values)))


def _backward(told: Told, part: ExplainedLayer, above: ExplainedLayer | None) -> Section:
    title = f"Backward: {part.name}"
    errors = () if above else tuple(_errors(told, part))
    if part.written_out:
        return Section(title, _source(part, above) if above else (), (*errors, *backward(part)))
    notes = [f"∂L/∂out: {_numbers(part.call.dy)}"]
    notes += [f"∂L/∂in: {_numbers(part.call.dx)}"] if part.call.dx is not None else []
    notes += [f"∂L/∂{dotted(path)}: {_numbers(array)}" for path, array in leaves(part.call.grads)]
    return Section(title, tuple(notes), errors)


def _source(part: ExplainedLayer, above: ExplainedLayer) -> tuple[str, ...]:
    """Say where the error at a layer's output comes from."""
    if above.call.dx is part.call.dy:
        what = "∂L/∂x" if above.written_out else "∂L/∂in"
        return (f"∂L/∂{part.out if part.activation is None else 'y'} is {what} of {above.name}",)
    return (f"∂L/∂y, the sum of what comes back to here: {_numbers(part.call.dy)}",)


def _errors(told: Told, part: ExplainedLayer) -> Iterator[Equation]:
    """Yield the derivative of the loss by the output, or by its logits."""
    loss, prediction, target = told.problem.loss, told.seen.prediction, told.batch.target
    rows = one_hot(target, prediction.shape[-1], like=prediction) if target.ndim == 1 else target
    count, units = len(prediction), prediction.shape[-1]
    error = part.call.dy if part.inner is None else part.inner.dy
    for n, j in np.ndindex(prediction.shape):
        letters = part.letter("y", n, j), part.letter("t", n, j)
        numbers = number(prediction[n, j]), number(rows[n, j])
        forms = [slope_of(loss, told.fused, units, pair) for pair in (letters, numbers)]
        ways = tuple(
            form if count == 1 else product(fraction(number(1), number(count)), form)
            for form in forms
            if form
        )
        left = slope(part.letter("z" if told.fused else "y", n, j))
        yield Equation(left, ways, float(error[n, j]))


def _updates(told: Told, numbers: dict[Path, int]) -> Iterator[Section]:
    """Yield a section for each layer with weights: what the optimizer makes of its gradients."""
    made: dict[Path, list[tuple[str, Array]]] = {}
    for path in told.problem.layout.parameters.paths:
        array = at(told.before.params, path)
        made.setdefault(path[:-1], []).append((path[-1], array))
    for path, arrays in made.items():
        layer = numbers.get(path)
        steps = [(_letter(name), _adam(told, (*path, name))) for name, _ in arrays]
        how = f"{told.problem.optimizer!r}, step {told.before.step + 1}"
        if all(step is not None for _, step in steps):
            means = tuple(e for letter, step in steps if step for e in step.means(letter, layer))
            yield Section(f"Moments: {dotted(path)}", (f"{how}; {NOTE}",), means)
            new = [at(told.after.params, (*path, name)) for name, _ in arrays]
            updates = zip(steps, new, strict=True)
            weights = tuple(
                e for (letter, step), w in updates if step for e in step.weights(letter, layer, w)
            )
            yield Section(f"Update: {dotted(path)}", (how,), weights)
            continue
        equations = [e for name, array in arrays for e in _update(told, (*path, name), array, layer)]
        rates = [_rate(told, (*path, name)) for name, _ in arrays]
        notes = (f"{how}; Δ is what it subtracts",) if None in rates else (how,)
        yield Section(f"Update: {dotted(path)}", notes, tuple(equations))


def _update(told: Told, path: Path, old: Array, layer: int | None) -> Iterator[Equation]:
    new, gradient = at(told.after.params, path), at(told.seen.grads, path)
    rate = _rate(told, path)
    for index in np.ndindex(old.shape):
        letter, places = _letter(path[-1]), [i + 1 for i in index]
        before, after = float(old[index]), float(new[index])
        weight = symbol(letter, *places, layer=layer)
        if rate is None:
            change, value = symbol(f"Δ{letter}", *places, layer=layer), number(before - after)
        else:
            change = product(number(rate), slope(weight))
            value = product(number(rate), number(gradient[index]))
        ways = difference(weight, change), difference(number(before), value)
        yield Equation(symbol(letter, *places, up="+", layer=layer), ways, after)


def _rate(told: Told, path: Path) -> float | None:
    """Return the learning rate if the step is exactly rate times gradient; else None."""
    optimizer, group = told.problem.optimizer, _group(told, path)
    if not isinstance(optimizer, SGD) or group is None:
        return None
    given = optimizer.learning_rate if group.learning_rate is None else group.learning_rate
    rate = optimizer.rate(given, told.before.step + 1)
    expected = at(told.before.params, path) - rate * at(told.seen.grads, path)
    return rate if np.allclose(expected, at(told.after.params, path), rtol=1e-6, atol=1e-9) else None


def _adam(told: Told, path: Path) -> AdamStep | None:
    """Return the Adam step of an array; None if it is none."""
    return adam_step(told.problem, told.before, told.after, told.seen.grads, path, _group(told, path))


def _group(told: Told, path: Path) -> Any:
    """Return the parameter group of an array; None if it is not trained."""
    plan = told.problem.layout
    start = plan.parameters.slices[plan.parameters.paths.index(path)].start
    return next((group for group in plan.groups if group.start <= start < group.stop), None)


def _letter(name: str) -> str:
    return {"W": "w"}.get(name, name)


def _numbers(array: Any) -> str:
    """Write the first numbers of an array, or of several: those of a layer with several inputs."""
    if isinstance(array, tuple):
        return "; ".join(map(_numbers, array))
    values = np.asarray(array).ravel()
    more = f" ... ({values.size} numbers)" if values.size > MOST_SHOWN else ""
    return ", ".join(f"{value:.6g}" for value in values[:MOST_SHOWN]) + more
