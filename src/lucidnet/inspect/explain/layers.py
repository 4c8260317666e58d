"""One layer's forward pass, backward pass and update, as equations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...backend import Array
from ...layers import Dense, Layer, Linear, Softmax
from ...layers.activations import ActivationLayer, LogSoftmax
from ...layers.watched import Call
from .expressions import (
    Equation,
    Expression,
    bracketed,
    difference,
    fraction,
    function,
    number,
    product,
    slope,
    symbol,
    total,
)
from .formulas import derivative_of, value_of


@dataclass(frozen=True)
class ExplainedLayer:
    """A layer to be explained: its call, and that of the activation inside.

    Parameters
    ----------
    call : Call
        The layer.
    inner : Call, optional
        Its activation.
    out : str
        The letter of what it gives: "z" if an activation, or the loss, goes on from there.
    number : int
        Which layer it is, counted from 1; its weights carry that number.
    """

    call: Call
    inner: Call | None
    out: str
    number: int = 1

    @property
    def name(self) -> str:
        """The name of the layer."""
        return self.call.name

    @property
    def written_out(self) -> bool:
        """Whether it is explained operation by operation."""
        kinds = isinstance(self.call.layer, (Dense, ActivationLayer))
        return kinds and self.call.x.ndim == 2 and not isinstance(self.call.layer, LogSoftmax)

    @property
    def activation(self) -> Layer | None:
        """The activation that acts on z; None if it is linear."""
        layer = self.inner.layer if self.inner else self.call.layer
        return None if isinstance(layer, (Linear, Dense)) else layer

    def weight(self, letter: str, *index: int) -> Expression:
        """Return the symbol of a parameter, with the number of the layer."""
        return symbol(letter, *index, layer=self.number)

    def letter(self, name: str, example: int, unit: int) -> Expression:
        """Return the symbol of one unit and example; a single example is not numbered."""
        up = f"({example + 1})" if len(self.call.x) > 1 else ""
        return symbol(name, unit + 1, up=up)


def forward(part: ExplainedLayer) -> Iterator[Equation]:
    """Yield how the outputs are computed."""
    for example in range(len(part.call.x)):
        if isinstance(part.call.layer, Dense):
            yield from _sums(part, example)
        if part.inner or not isinstance(part.call.layer, Dense):
            yield from _activated(part, example)


def backward(part: ExplainedLayer) -> Iterator[Equation]:
    """Yield how the gradients are computed, from the error at the outputs."""
    for example in range(len(part.call.x)):
        yield from _through_activation(part, example)
    if isinstance(part.call.layer, Dense):
        yield from _weights(part)
        yield from _inputs(part)


def _sums(part: ExplainedLayer, example: int) -> Iterator[Equation]:
    """Yield z_j = sum_i x_i w_ij + b_j."""
    params, x = part.call.params, part.call.x[example]
    W, b = params["W"], params.get("b")
    z = (part.inner.x if part.inner else part.call.y)[example]
    for j in range(W.shape[1]):
        letters = [
            product(part.letter("x", example, i), part.weight("w", i + 1, j + 1)) for i in range(len(x))
        ]
        numbers = [product(number(x[i]), number(W[i, j])) for i in range(len(x))]
        if b is not None:
            letters, numbers = [*letters, part.weight("b", j + 1)], [*numbers, number(b[j])]
        yield Equation(part.letter(part.out, example, j), (total(*letters), total(*numbers)), float(z[j]))


def _activated(part: ExplainedLayer, example: int) -> Iterator[Equation]:
    """Yield y_j = f(z_j)."""
    call, activation = part.inner or part.call, part.activation
    if activation is None:
        return
    z, y = call.x[example], call.y[example]
    letters = [part.letter(_given(part), example, j) for j in range(len(z))]
    for j in range(len(z)):
        ways = activated(activation, letters, j), activated(activation, [number(v) for v in z], j)
        yield Equation(part.letter("y", example, j), ways, float(y[j]))


def activated(activation: Layer, z: list[Expression], j: int) -> Expression:
    """Return how an output of an activation is computed from its inputs."""
    if isinstance(activation, Softmax):
        return fraction(function("exp", z[j]), total(*(function("exp", other) for other in z)))
    return value_of(activation, z[j])


def _given(part: ExplainedLayer) -> str:
    """Return the letter of the activation's input: z in a dense layer, x in a layer of its own."""
    return "z" if isinstance(part.call.layer, Dense) else "x"


def _through_activation(part: ExplainedLayer, example: int) -> Iterator[Equation]:
    """Yield dL/dz_j = dL/dy_j f'(z_j)."""
    call, activation = part.inner or part.call, part.activation
    if activation is None or call.dx is None:
        return
    z, y, dy, dz = (array[example] for array in (call.x, call.y, call.dy, call.dx))
    given = _given(part)
    local = call.layer.backward({}, call.cache, np.ones_like(call.dy))[0][example]
    for j in range(len(z)):
        left, error = (slope(part.letter(name, example, j)) for name in (given, "y"))
        if isinstance(activation, Softmax):
            ways = _softmax_back(part, example, j, y, dy)
        else:
            letters = part.letter(given, example, j), part.letter("y", example, j)
            derivative = function("f'", letters[0])
            forms = derivative_of(activation, *letters), derivative_of(activation, number(z[j]), number(y[j]))
            yield Equation(derivative, forms, float(local[j]))
            ways = product(error, derivative), product(number(dy[j]), number(local[j]))
        yield Equation(left, ways, float(dz[j]))


def _softmax_back(
    part: ExplainedLayer, example: int, j: int, y: Array, dy: Array
) -> tuple[Expression, Expression]:
    """Return dL/dz_j = y_j (dL/dy_j - sum_k dL/dy_k y_k), in letters and in numbers."""
    units = range(len(y))
    outputs = [part.letter("y", example, k) for k in units]
    errors = [slope(output) for output in outputs]
    letters = difference(errors[j], bracketed(total(*(product(errors[k], outputs[k]) for k in units))))
    numbers = difference(
        number(dy[j]), bracketed(total(*(product(number(dy[k]), number(y[k])) for k in units)))
    )
    return product(outputs[j], letters), product(number(y[j]), numbers)


def _weights(part: ExplainedLayer) -> Iterator[Equation]:
    """Yield dL/dw_ij = x_i dL/dz_j and dL/db_j = dL/dz_j, summed over the examples."""
    x, errors, grads = part.call.x, _errors(part), part.call.grads
    examples = range(len(x))
    for i, j in np.ndindex(grads["W"].shape):
        letters = [product(part.letter("x", n, i), slope(part.letter(part.out, n, j))) for n in examples]
        numbers = [product(number(x[n, i]), number(errors[n, j])) for n in examples]
        left = slope(part.weight("w", i + 1, j + 1))
        yield Equation(left, (total(*letters), total(*numbers)), float(grads["W"][i, j]))
    for j, value in enumerate(grads.get("b", ())):
        letters = [slope(part.letter(part.out, n, j)) for n in examples]
        numbers = [number(errors[n, j]) for n in examples]
        yield Equation(slope(part.weight("b", j + 1)), (total(*letters), total(*numbers)), float(value))


def _inputs(part: ExplainedLayer) -> Iterator[Equation]:
    """Yield dL/dx_i = sum_j w_ij dL/dz_j."""
    dx, W, errors = part.call.dx, part.call.params["W"], _errors(part)
    for n, i in np.ndindex(dx.shape) if dx is not None else ():
        units = range(W.shape[1])
        letters = [product(part.weight("w", i + 1, j + 1), slope(part.letter(part.out, n, j))) for j in units]
        numbers = [product(number(W[i, j]), number(errors[n, j])) for j in units]
        yield Equation(slope(part.letter("x", n, i)), (total(*letters), total(*numbers)), float(dx[n, i]))


def _errors(part: ExplainedLayer) -> Array:
    errors: Any = part.inner.dx if part.inner else part.call.dy
    return errors
