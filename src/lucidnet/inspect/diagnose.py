"""Where a network first became NaN or infinite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from ..backend import Array, Tree
from ..core.trees import Path, leaves
from ..engine.objective import Objective
from ..errors import NonFiniteError
from ..layers import Layer, Run, Sequential
from ..layers.base import masked
from ..layers.watched import Call
from .watching import watch


def non_finite(
    objective: Objective, params: Tree, x: Array, loss: float, grads: Tree, run: Run, step: int
) -> NonFiniteError:
    """Return the error that names the step and the first quantity that is not finite."""
    where = next(_quantities(objective.net, params, x, run, grads), "the loss itself")
    value = f"the loss is {loss:g}" if not np.isfinite(loss) else "the gradient is not finite"
    return NonFiniteError(
        f"step {step}: {value}; the first quantity that is not finite is {where}. "
        "The weights of the last good step are kept. Try a smaller learning rate, "
        "clip=ClipGlobalNorm(1.0) in the optimizer, or data scaled to about [-1, 1]"
    )


def _quantities(net: Layer, params: Tree, x: Array, run: Run, grads: Tree) -> Iterator[str]:
    """Yield what is not finite: parameters and outputs from the first layer on, then gradients."""
    # A layer that fails on such numbers stands behind the one that made them.
    with watch(net) as calls, np.errstate(all="ignore"), suppress(Exception):
        calls.net.forward(params, x, masked(net, x, run))
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
    """Yield the calls of layers in the order in which they ended: a container's after those inside."""
    going: list[Call] = []
    for call in calls:
        while going and not (going[-1].path == call.path[: len(going[-1].path)] != call.path):
            yield going.pop()
        if not call.is_inner:
            going.append(call)
    yield from reversed(going)


def _title(net: Layer, path: Path) -> str:
    """Return the layer of the network itself that a path leads to or into, as it is written in messages."""
    if not path:
        return f"layer 0 {net.describe()}"
    names, layers = zip(*net.children(), strict=True)
    index = names.index(path[0])
    return f"layer {index if isinstance(net, Sequential) else repr(path[0])} {layers[index].describe()}"


def _bad(tree: Tree) -> Iterator[Path]:
    """Yield the paths of the arrays that are not finite."""
    return (path for path, array in leaves(tree) if not np.isfinite(array).all())
