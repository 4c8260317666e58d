"""The formulas of activations and losses: the value, and the local derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ...core.value import of_library
from ...layers import Layer, ReLU, Sigmoid, Tanh
from ...losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    HalfSquaredError,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from .expressions import (
    Expression,
    above,
    difference,
    fraction,
    function,
    negative,
    number,
    product,
    square,
    total,
)

Activation: TypeAlias = Callable[[Expression], Expression]
Derivative: TypeAlias = Callable[[Expression, Expression], Expression]
Pairs: TypeAlias = Sequence[tuple[Expression, Expression]]
"""A network's outputs and their targets."""

ONE, ZERO = number(1), number(0)


def told_of(layer: Layer) -> tuple[str, ...]:
    """Return the first line of a library layer's docstring, as a tuple; empty for other layers."""
    lines = (type(layer).__doc__ or "").strip().splitlines()
    return (lines[0].replace("`", ""),) if lines and of_library(layer) else ()


def value_of(activation: Layer, z: Expression) -> Expression:
    """Return the formula of an activation's value."""
    kind = type(activation)
    return VALUES[kind](z) if kind in VALUES else function(kind.__name__, z)


def derivative_of(activation: Layer, z: Expression, y: Expression) -> Expression:
    """Return the formula of an activation's derivative, by its input or output."""
    kind = type(activation)
    return DERIVATIVES[kind](z, y) if kind in DERIVATIVES else function("f'", z)


VALUES: dict[type[Layer], Activation] = {
    Sigmoid: lambda z: fraction(ONE, total(ONE, function("exp", negative(z)))),
    Tanh: lambda z: function("tanh", z),
    ReLU: lambda z: function("max", ZERO, z),
}

DERIVATIVES: dict[type[Layer], Derivative] = {
    Sigmoid: lambda z, y: product(y, difference(ONE, y)),
    Tanh: lambda z, y: difference(ONE, square(y)),
    ReLU: lambda z, y: above(z, ZERO),
}


def loss_of(loss: Loss, pairs: Pairs) -> Expression | None:
    """Return the formula of one example's loss; None if there is none for this loss."""
    written = LOSSES.get(type(loss))
    told = written and not (getattr(loss, "label_smoothing", 0) or getattr(loss, "from_logits", False))
    return written(pairs) if written and told else None


def slope_of(loss: Loss, fused: bool, count: int, pair: tuple[Expression, Expression]) -> Expression | None:
    """Return the derivative of one example's loss by an output, or by its logit if fused; else None."""
    written = SLOPES.get((type(loss), fused))
    return written(count, *pair) if written and not getattr(loss, "label_smoothing", 0) else None


def _over(count: int, inner: Expression) -> Expression:
    """Return a quantity divided by the number of outputs."""
    return inner if count == 1 else product(fraction(ONE, number(count)), inner)


def _squares(pairs: Pairs) -> Expression:
    return total(*(square(difference(y, t)) for y, t in pairs))


def _entropy(pairs: Pairs) -> Expression:
    return negative(total(*(product(t, function("log", y)) for y, t in pairs)))


def _entropies(pairs: Pairs) -> Expression:
    terms = [
        total(
            product(t, function("log", y)), product(difference(ONE, t), function("log", difference(ONE, y)))
        )
        for y, t in pairs
    ]
    return _over(len(pairs), negative(total(*terms)))


def _half(pairs: Pairs) -> Expression:
    return product(fraction(ONE, number(2)), _squares(pairs))


def _mean(pairs: Pairs) -> Expression:
    return _over(len(pairs), _squares(pairs))


LOSSES: dict[type[Loss], Callable[[Pairs], Expression]] = {
    HalfSquaredError: _half,
    MeanSquaredError: _mean,
    CategoricalCrossentropy: _entropy,
    SparseCategoricalCrossentropy: _entropy,
    BinaryCrossentropy: _entropies,
}


def _twice(count: int, y: Expression, t: Expression) -> Expression:
    factor = number(2) if count == 1 else fraction(number(2), number(count))
    return product(factor, difference(y, t))


def _error(count: int, y: Expression, t: Expression) -> Expression:
    return difference(y, t)


def _mean_error(count: int, y: Expression, t: Expression) -> Expression:
    return _over(count, difference(y, t))


SLOPES: dict[tuple[type[Loss], bool], Callable[[int, Expression, Expression], Expression]] = {
    (HalfSquaredError, False): _error,
    (MeanSquaredError, False): _twice,
    (CategoricalCrossentropy, True): _error,
    (SparseCategoricalCrossentropy, True): _error,
    (BinaryCrossentropy, True): _mean_error,
}
"""By the loss, and whether it is computed from logits (Bishop 2006, equations 4.91 and 4.109)."""
