"""Which layer inside a container is at fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..backend import Array, Tree
from ..layers import Layer, Sequential, backprop
from ..value import Value
from .compare import compare
from .report import Report
from .subject import LayerSubject, LossSubject, ObjectiveSubject, Subject

Check = Callable[[LayerSubject], Report]


def faults_inside(subject: Subject, check: Check) -> Iterator[str]:
    """Yield what is wrong with the layers inside a network, each checked where it stands.

    If all of them are right, nothing is yielded: then the fault is in the wiring.
    """
    if isinstance(subject, ObjectiveSubject):
        yield from _in_objective(subject, check)
    elif isinstance(subject, LayerSubject) and subject.layer.children():
        for index, child in enumerate(inner_subjects(subject)):
            report = check(child)
            if not report.passed:
                reasons = report.likely or ("its gradient is wrong",)
                title = f"layer {index} {child.layer.describe()} ({child.layer.name})"
                yield from (f"{title}: {reason}" for reason in reasons)


def _in_objective(subject: ObjectiveSubject, check: Check) -> Iterator[str]:
    objective = subject.objective
    y, _ = objective.net.forward(subject.params, subject.x, subject.run)
    loss = LossSubject(objective.loss, y.copy(), subject.target)
    dy = loss.gradients()["prediction"]
    # The size of dy does not matter to a linear map; near 1 it is far from rounding.
    net = LayerSubject(objective.net, subject.params, subject.x, dy * len(dy), subject.run)
    yield from faults_inside(net, check)
    if compare(loss, 200, 0)[0].error > 1e-6:
        name = Value.__repr__(objective.loss)
        yield f"the loss {name}: its gradient is wrong; check it alone with check.gradients(loss)"


def inner_subjects(subject: LayerSubject) -> list[LayerSubject]:
    """Return the layers inside a container, each with the input and error that it gets in this pass."""
    layer, run = subject.layer, subject.run
    errors = _errors(subject)
    found = []
    x = subject.x
    for name, child in layer.children():
        params, inner_run = subject.params[name], run.child(name)
        if name in errors:
            found.append(LayerSubject(child, params, x.copy(), errors[name], inner_run))
        if isinstance(layer, Sequential):
            x, _ = child.forward(params, x, inner_run)
    return found


def _errors(subject: LayerSubject) -> dict[str, Array]:
    """Return the error that each inner layer gets."""
    seen: dict[str, Array] = {}

    def send(
        name: str, layer: Layer, params: Tree, cache: Any, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        seen[name] = dy.copy()
        return backprop(name, layer, params, cache, dy, need_dx)

    _, cache = subject.layer.forward(subject.params, subject.x, subject.run)
    subject.layer.route(subject.params, cache, subject.dy, send)
    return seen
