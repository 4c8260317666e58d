"""Finding where a network first became NaN or infinite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Array, Tree
from ..core.trees import Path, leaves
from ..data.batch import materialize
from ..engine.problem import Problem
from ..engine.protocol import Executor, NotFiniteError, Ran
from ..engine.state import Measured, State
from ..engine.update import measured_gradient, training_run
from ..errors import NonFiniteError
from ..layers import Layer, Run, Sequential

if TYPE_CHECKING:
    from ..layers.watched import Call


ITSELF = "the loss itself"
"""What is not finite where all layers are."""


def settled(
    ran: Ran[State], problem: Problem, executor: Executor, steps: Sequence[Sequence[Any]]
) -> tuple[State, BaseException]:
    """Return the state to continue from after steps that ended early, and the error to raise.

    A step whose loss or gradient is not finite is not made. If the step before it ruined the weights (before
    that one, the same batches gave finite numbers), that step is undone, too.

    Parameters
    ----------
    ran : Ran
        The result of the steps.
    problem : Problem
        What is trained.
    executor : Executor
        The executor that made them.
    steps : sequence of sequence of Batch
        The batches of each step.
    """
    if not isinstance(ran.error, NotFiniteError):
        assert ran.error is not None
        return ran.state, ran.error
    batches = steps[len(ran.measured)]
    told = executor.gather(str(non_finite(problem, executor.host(ran.state), batches, ran.error.measured)))
    # Of several processes one alone may have the rows in question.
    error = NonFiniteError(min(told, key=lambda text: ITSELF in text))
    if (previous := ran.previous()) is not None:
        with np.errstate(all="ignore"):
            found = measured_gradient(problem, executor.host(previous), [*map(materialize, batches)])
        if all(executor.gather(found.good)):
            return previous, error
    return ran.state, error


def non_finite(
    problem: Problem, state: State, batches: Sequence[Any], measured: Measured | None = None
) -> NonFiniteError:
    """Return the error that names the step and the first quantity that is not finite.

    Parameters
    ----------
    problem : Problem
        What is trained.
    state : State
        The state before the step, on NumPy.
    batches : sequence of Batch
        The batches of the step.
    measured : Measured, optional
        What the step measured.
    """
    losses = [float(loss) for loss in measured.losses] if measured else [float("nan")] * len(batches)
    number = next((k for k, loss in enumerate(losses) if not np.isfinite(loss)), 0)
    loss, batch, grads = losses[number], materialize(batches[number]), {}
    run = training_run(state, batch, number=number)
    net = problem.objective.net
    with np.errstate(all="ignore"):
        with suppress(Exception):  # a layer may fail on such numbers
            grads = problem.objective.gradient(state.params, batch, run, state.feedback.weights).grads
        where = next(_quantities(net, state.params, batch.x, run, grads), ITSELF)
    value = f"the loss is {loss:g}" if not np.isfinite(loss) else "the gradient is not finite"
    return NonFiniteError(
        f"step {state.step}: {value}; the first quantity that is not finite is {where}. "
        "The weights of the last good step are kept, and what the optimizer remembers. Try a smaller "
        "learning rate, clip=ClipGlobalNorm(1.0) in the optimizer, or data scaled to about [-1, 1]"
    )


def _quantities(net: Layer, params: Tree, x: Array, run: Run, grads: Tree) -> Iterator[str]:
    """Yield what is not finite: parameters and outputs from the first layer on, then gradients."""
    from ..layers.watched import watched

    # A layer that fails on such numbers comes after the one that made them.
    calls: list[Call] = []
    with np.errstate(all="ignore"), suppress(Exception):
        watched(net, calls).forward(params, x, run)
    for call in _ended(calls):
        inside = {name for name, _ in call.layer.children()}
        for path in _bad(call.params):
            if path[0] not in inside:
                yield f"the parameter {'/'.join((*call.path[1:], *path))} of {_title(net, call.path)}"
        if call.y is not None and list(_bad(call.y)):
            inner = f"{'/'.join(call.path[1:])} {call.layer.describe()} in " if call.path[1:] else ""
            yield f"the output of {inner}{_title(net, call.path)}"
    for path in _bad(grads):
        yield f"the gradient of {'/'.join(path)}"


def _ended(calls: list[Call]) -> Iterator[Call]:
    """Yield layer calls in the order in which they ended: a container's after those inside."""
    going: list[Call] = []
    for call in calls:
        while going and not (going[-1].path == call.path[: len(going[-1].path)] != call.path):
            yield going.pop()
        if not call.is_inner:
            going.append(call)
    yield from reversed(going)


def _title(net: Layer, path: Path) -> str:
    """Return a message's name for the top-level layer that a path leads to or into."""
    if not path:
        return f"layer 0 {net.describe()}"
    names, layers = zip(*net.children(), strict=True)
    index = names.index(path[0])
    return f"layer {index if isinstance(net, Sequential) else repr(path[0])} {layers[index].describe()}"


def _bad(tree: Tree) -> Iterator[Path]:
    """Yield the paths of arrays that are not finite."""
    return (path for path, array in leaves(tree) if not np.isfinite(array).all())
