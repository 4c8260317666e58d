"""Adam's step in numbers: the running means of gradient and square, and the update they give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...backend import Array
from ...core.trees import Path, at
from ...engine.problem import Problem
from ...engine.state import State
from ...optimizers.adam import Adam
from .expressions import (
    Equation,
    Expression,
    difference,
    fraction,
    function,
    number,
    product,
    slope,
    square,
    symbol,
    total,
)

NOTE = "m and v are running means of the gradient and of its square"


class AdamStep(NamedTuple):
    """One Adam step of a weight array: its settings at this step, and the arrays before and after."""

    settings: Any
    rate: float
    step: int
    old: Array
    gradient: Array
    before: dict[str, Array]
    after: dict[str, Array]

    @property
    def filled(self) -> tuple[float, float]:
        """The bias corrections of m and v: 1 - b1^t and 1 - b2^t."""
        return 1 - self.settings.beta1**self.step, 1 - self.settings.beta2**self.step

    @property
    def made(self) -> Array:
        """The weights after the step, computed by the formula."""
        d, c = self.filled
        change = self.rate * self.after["m"] / d / (np.sqrt(self.after["v"] / c) + self.settings.epsilon)
        made: Array = self.old - change
        return made

    def means(self, letter: str, layer: int | None) -> Iterator[Equation]:
        """Yield the equations of both running means of each weight."""
        shares = {"m": self.settings.beta1, "v": self.settings.beta2}
        for index in np.ndindex(self.old.shape):
            places = [i + 1 for i in index]
            by = slope(symbol(letter, *places, layer=layer))
            for name, share in shares.items():
                quantity = f"{name}_{letter}"
                before, grad = number(float(self.before[name][index])), number(float(self.gradient[index]))
                ways = tuple(
                    total(product(number(share), kept), product(number(1 - share), new))
                    for kept, new in (
                        (symbol(quantity, *places, layer=layer), by if name == "m" else square(by)),
                        (before, grad if name == "m" else square(grad)),
                    )
                )
                left = symbol(quantity, *places, up="+", layer=layer)
                yield Equation(left, ways, float(self.after[name][index]))

    def change(self, letter: str, index: tuple[int, ...], layer: int | None) -> tuple[Expression, Expression]:
        """Return what is subtracted from a weight, in letters and in numbers."""
        places = [i + 1 for i in index]
        letters = [symbol(f"{name}_{letter}", *places, up="+", layer=layer) for name in ("m", "v")]
        numbers = [number(float(self.after[name][index])) for name in ("m", "v")]
        d, c = map(number, self.filled)
        first, second = (
            fraction(
                product(number(self.rate), fraction(m, d)),
                total(function("sqrt", fraction(v, c)), number(self.settings.epsilon)),
            )
            for m, v in (letters, numbers)
        )
        return first, second

    def weights(self, letter: str, layer: int | None, new: Array) -> Iterator[Equation]:
        """Yield the equation of each new weight."""
        for index in np.ndindex(self.old.shape):
            places = [i + 1 for i in index]
            weight, old = symbol(letter, *places, layer=layer), number(float(self.old[index]))
            letters, numbers = self.change(letter, index, layer)
            ways = difference(weight, letters), difference(old, numbers)
            yield Equation(symbol(letter, *places, up="+", layer=layer), ways, float(new[index]))


def adam_step(
    problem: Problem, before: State, after: State, grads: Any, path: Path, group: Any
) -> AdamStep | None:
    """Return the Adam step of a weight array; None if another optimizer or formula made the step."""
    optimizer, plan = problem.optimizer, problem.layout.parameters
    if type(optimizer) is not Adam or group is None:
        return None
    part, step = plan.slices[plan.paths.index(path)], before.step + 1
    old, gradient = at(before.params, path), at(grads, path)
    given = optimizer.learning_rate if group.learning_rate is None else group.learning_rate
    moments = [
        {name: np.asarray(state.memory[name][part]).reshape(old.shape) for name in ("m", "v")}
        for state in (before, after)
    ]
    now = optimizer.at(step, group)
    found = AdamStep(now, optimizer.rate(given, step), step, old, gradient, *moments)
    for name, share, new in (("m", now.beta1, gradient), ("v", now.beta2, np.square(gradient))):
        mean = share * found.before[name] + (1 - share) * new
        if not np.allclose(mean, found.after[name], rtol=1e-4, atol=0):
            return None  # of a gradient that was clipped, or has a penalty in it
    return found if np.allclose(found.made, at(after.params, path), rtol=1e-5, atol=1e-9) else None
