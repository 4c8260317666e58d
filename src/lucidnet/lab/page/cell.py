"""How one number of a network comes about: the formula of its gradient, with the numbers in it."""

from __future__ import annotations

import numpy as np

from ...core.settings import taken, whole
from ...core.trees import at, dotted, leaves
from ...data.batch import Batch
from ...engine.protocol import Trainee
from ...errors import lookup
from ...inspect.trace import trace_step
from ...layers import Dense
from ...rules.registry import short_name

SHOWN = 4
"""The number of terms of a sum that are written out."""


def told(model: Trainee, batch: Batch, name: str, row: int, column: int) -> list[str]:
    """Explain, in lines of text, how one weight's gradient or one activation is computed on a batch.

    Parameters
    ----------
    model : Trainee
        The network.
    batch : Batch
        The examples.
    name : str
        A parameter such as ``"dense1.W"``, or a layer such as ``"dense1"``, for one of its activations.
    row, column : int
        The entry; for activations, the example and the unit.
    """
    made = trace_step(model, batch)
    names = {dotted(path): path for path, _ in leaves(model.params)}
    layer = name.rpartition(".")[0] if name in names else name
    calls = {call.name: call for call in made.every_call if call.path and not call.is_inner}
    call = lookup("layer", layer, calls)
    if not isinstance(call.layer, Dense):
        return [f"{name}: sums are written out for Dense layers; {layer} is {type(call.layer).__name__}."]
    W, b = call.params["W"], call.params.get("b")
    row = taken("cell", "row", row, whole(0, max(len(W), len(batch.x))))
    column = taken("cell", "column", column, whole(0, W.shape[-1] - 1))
    if name not in names:
        row = min(row, len(call.x) - 1)
        return _activation(call.layer, call.x[row], W[:, column], b, row, column)
    inner = [one for one in made.every_call if one.is_inner and one.name == layer]
    # the slope before the activation: of a layer without one, or whose loss takes it over, its output's
    dz = inner[-1].dx if inner and inner[-1].dx is not None else call.dy
    return _gradient(
        model, name, call.x, dz, at(made.grads, names[name]), at(model.params, names[name]), row, column
    )


def _activation(layer: Dense, x: np.ndarray, w: np.ndarray, b: object, row: int, column: int) -> list[str]:
    bias = 0.0 if b is None else float(np.asarray(b)[column])
    z = float(x @ w) + bias
    kind = type(layer.activation).__name__
    return [
        f"Unit {column + 1} for example {row + 1}: z = b + sum_i x_i W[i, {column + 1}], y = {kind}(z)",
        f"z = {bias:.4g} {_sum(x * w, [f'({p:.4g})({q:.4g})' for p, q in zip(x, w, strict=True)])} = {z:.6g}",
    ]


def _gradient(
    model: Trainee, name: str, x: np.ndarray, dz: np.ndarray, grads: np.ndarray, values: np.ndarray,
    row: int, column: int,
) -> list[str]:  # fmt: skip
    rule = short_name(model.rule)
    bias = values.ndim == 1
    row = 0 if bias else taken("cell", "row", row, whole(0, values.shape[0] - 1))
    value = values[column] if bias else values[row, column]
    grad = grads[column] if bias else grads[row, column]
    where = f"{name}[{column + 1}]" if bias else f"{name}[{row + 1}, {column + 1}]"
    terms = dz[:, column] if bias else x[:, row] * dz[:, column]
    left = "" if bias else f"x_n{row + 1} "
    words = [f"({p:.4g})" for p in dz[:, column]]
    if not bias:
        words = [f"({q:.4g}){p}" for q, p in zip(x[:, row], words, strict=True)]
    lines = [
        f"{where} = {value:.6g}",
        f"gradient = sum_n {left}dz_n{column + 1}, over {len(dz)} examples; z is before the activation",
        f"         = {_sum(terms, words).removeprefix('+ ')} = {grad:.6g}",
        f"dz came back by {rule}: {_doc(model)}",
    ]
    return lines


def _doc(model: Trainee) -> str:
    return (type(model.rule.space).__doc__ or "").partition("\n")[0].replace("``", "").replace("`", "")


def _sum(terms: np.ndarray, words: list[str]) -> str:
    """Return the first terms of a sum as text, and the total of the others."""
    told = " ".join(f"+ {word}" for word in words[:SHOWN])
    rest = len(words) - SHOWN
    return told if rest <= 0 else f"{told} + {rest} more, {float(np.sum(terms[SHOWN:])):.4g}"
