"""Where a network first became NaN or infinite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..backend import Array, Tree
from ..core.trees import leaves
from ..engine.objective import Objective
from ..errors import NonFiniteError
from ..layers import Layer, Run, Sequential


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
    chain = net.layers if isinstance(net, Sequential) else (net,)
    with np.errstate(all="ignore"):
        for index, layer in enumerate(chain):
            inner = params[layer.name] if isinstance(net, Sequential) else params
            title = f"layer {index} {layer.describe()}"
            for path, array in leaves(inner):
                if not np.isfinite(array).all():
                    yield f"the parameter {'/'.join(path)} of {title}"
            x, _ = layer.forward(inner, x, run.child(layer.name))
            if not all(np.isfinite(array).all() for _, array in leaves(x)):
                yield f"the output of {title}"
    for path, array in leaves(grads):
        if not np.isfinite(array).all():
            yield f"the gradient of {'/'.join(path)}"
