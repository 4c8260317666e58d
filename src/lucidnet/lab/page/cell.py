"""How one number of a network comes about: the formula of its gradient, with the numbers in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.trees import at, dotted, leaves
from ...data.batch import Batch
from ...engine.protocol import Trainee
from ...errors import lookup
from ...inspect.trace import trace_step
from ...layers import Dense
from ...rules.registry import short_name
from .frame import looked_at, outputs, place
from .recipe import sentence

SHOWN = 4
"""The number of terms of a sum that are written out."""


def told(model: Trainee, batch: Batch, name: str, row: int, column: int) -> list[str]:
    """Explain, in lines of text, how one weight's gradient or one activation is computed on a batch.

    The sums of `Dense` layers are written out. Of all other layers the numbers are told, and the page shows
    the formula of the layer beside them.

    Parameters
    ----------
    model : Trainee
        The network.
    batch : Batch
        The examples.
    name : str
        A parameter such as ``"dense1.W"``, or a layer such as ``"dense1"``, for one of its activations.
    row, column : int
        The cell of the map that the page shows of it.
    """
    made = trace_step(model, batch)
    names = {dotted(path): path for path, _ in leaves(model.params)}
    layer = name.rpartition(".")[0] if name in names else name
    calls = {call.name: call for call in made.every_call if call.path and not call.is_inner}
    call = lookup("layer", layer, calls)
    if name not in names:
        return _activation(
            call, lookup("output of the layer", layer, dict(outputs(model.net, made))), row, column
        )
    values, grads = at(model.params, names[name]), dict(leaves(made.grads)).get(names[name])
    index, several = place(values.shape, row, column)
    # the slope before the activation: of a layer without one, or whose loss takes it over, its output's
    inner = [one for one in made.every_call if one.is_inner and one.name == layer]
    dz = inner[-1].dx if inner and inner[-1].dx is not None else call.dy
    entry = f"{name}[{', '.join(str(k + 1) for k in index)}]"
    value = f"{_first(several)}{entry} = {values[index]:.6g}"
    if grads is None:
        return [value, "It has no gradient: a running mean, which moves with the batches."]
    if dz is not None and isinstance(call.layer, Dense):
        return [value, *_sums(call.x, dz, float(grads[index]), index), _back("dz", dz, model)]
    gradient = f"gradient = {grads[index]:.6g}, over {_examples(call.x)}"
    return [value, gradient, _back("the error", dz, model)]


def _first(several: bool) -> str:
    """Return what stands before a number that is one of those of which the map shows the mean."""
    return "The first number of this block of the map: " if several else ""


def _back(what: str, dz: Any, model: Trainee) -> str:
    """Return by which rule the error came back to a layer."""
    rule, doc = short_name(model.rule), sentence(type(model.rule.space))
    if dz is None:
        return f"{rule} finds it without an error that comes back to the layer: {doc}"
    return f"{what} came back by {rule}: {doc}"


def _examples(x: Any) -> str:
    return f"{len(x)} examples" + (f" and their {x.shape[1]} times" if np.ndim(x) == 3 else "")


def _activation(call: Any, y: Any, row: int, column: int) -> list[str]:
    """Explain an entry of what a layer puts out, at a cell of its map."""
    shown, rows = looked_at(y)
    index, several = place(shown.shape, row, column)
    if isinstance(rows, list):
        height, width, beside, count, _ = rows
        (down, i), (right, j) = divmod(index[0], height + 1), divmod(index[1], width + 1)
        channel = down * beside + right
        if channel >= count or i == height or j == width:
            return ["This is a line between the channels."]
        index, where = (0, i, j, channel), f"example 1 at ({i + 1}, {j + 1})"
    elif rows == "example":
        where = f"example {index[0] + 1}"
    else:
        index = (0, *index)
        where = f"{rows} {', '.join(str(k + 1) for k in index[1:-1])} of example 1"
    head = f"{_first(several)}Unit {index[-1] + 1} for {where}: "
    if not isinstance(call.layer, Dense):
        return [f"{head}y = {y[index]:.6g}"]
    W, b, column = call.params["W"], call.params.get("b"), index[-1]
    x, w, bias = call.x[index[:-1]], W[:, column], 0.0 if b is None else float(b[column])
    kind = type(call.layer.activation).__name__
    words = [f"({p:.4g})({q:.4g})" for p, q in zip(x, w, strict=True)]
    return [
        f"{head}z = b + sum_i x_i W[i, {column + 1}], y = {kind}(z)",
        f"z = {bias:.4g} {_sum(x * w, words)} = {float(x @ w) + bias:.6g}",
    ]


def _sums(x: np.ndarray, dz: np.ndarray, grad: float, index: tuple[int, ...]) -> list[str]:
    """Write out the sum that is the gradient of a weight or bias of a `Dense` layer."""
    row, column = index if len(index) == 2 else (None, index[0])
    over = _examples(x)
    x, dz = (array.reshape(-1, array.shape[-1]) for array in (x, dz))
    errors = dz[:, column]
    terms = errors if row is None else x[:, row] * errors
    words = [f"({p:.4g})" for p in errors]
    if row is not None:
        words = [f"({q:.4g}){p}" for q, p in zip(x[:, row], words, strict=True)]
    left = "" if row is None else f"x_n{row + 1} "
    return [
        f"gradient = sum_n {left}dz_n{column + 1}, over {over}; z is before the activation",
        f"         = {_sum(terms, words).removeprefix('+ ')} = {grad:.6g}",
    ]


def _sum(terms: np.ndarray, words: list[str]) -> str:
    """Return the first terms of a sum as text, and the total of the others."""
    told = " ".join(f"+ {word}" for word in words[:SHOWN])
    rest = len(words) - SHOWN
    return told if rest <= 0 else f"{told} + {rest} more, {float(np.sum(terms[SHOWN:])):.4g}"
