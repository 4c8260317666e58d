"""The contract of a schedule, and schedules composed of others."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar

from ...core.settings import finite, scheduled, sequence, whole
from ...core.value import Value, at_step, is_declared, value
from ...errors import SettingError

SETTINGS = "schedules, functions of the step, or numbers"


MOST_DRAWN = 200
"""The approximate number of steps that a schedule's picture shows."""


def _steps(setting: Any) -> int:
    """Return the sum of all numbers of steps in a schedule, which are its whole numbers."""
    if isinstance(setting, Value) and is_dataclass(setting):
        return sum(_steps(getattr(setting, f.name)) for f in fields(setting))
    if isinstance(setting, (tuple, list)):
        return sum(map(_steps, setting))
    return setting if isinstance(setting, int) and not isinstance(setting, bool) else 0


class Schedule(Value):
    """A function of the step: ``schedule(0)`` is the value in the first step of a training.

    Any setting may be a schedule: learning rate, momentum, beta1, weight decay, the rate of a `Dropout`. A
    plain function of the step works as well, but cannot be saved. After its end a schedule stays at its last
    value. ``2 * a`` and ``a * b`` are products.
    """

    counts: ClassVar[tuple[str, ...]] = ()
    """The fields that are numbers of steps: whole, and at least 1."""

    positive: ClassVar[tuple[str, ...]] = ()
    """The fields that must be above 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for f in fields(self) if is_dataclass(self) else ():
            given = getattr(self, f.name)
            if is_declared(type(self), f.name):
                continue
            if f.name in self.counts and not (isinstance(given, int) and given >= 1):
                raise self.error(f.name, "a whole number of steps, 1 or more")
            if f.type in (float, "float") and not is_number(given):
                raise self.error(f.name, "a finite number")
            if f.name in self.positive and not given > 0:
                raise self.error(f.name, "above 0")

    def __call__(self, step: int) -> float:
        """Return the value at a step, 0, 1, ..."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")

    def __mul__(self, other: Any) -> Product:
        return Product((self, other))

    __rmul__ = __mul__

    def _repr_html_(self) -> str:
        from ...core import page

        last = max(2 * _steps(self), MOST_DRAWN // 2)
        shown = list(range(0, last, max(1, last // MOST_DRAWN)))
        curve = page.curves("value", {"value": [self(step) for step in shown]}, shown, across="step")
        return page.fragment(page.paragraph(repr(self)), curve)

    def error(self, name: str, expected: str) -> SettingError:
        """Return the error for an invalid field."""
        return SettingError(f"{type(self).__name__}: {name} must be {expected}, got {getattr(self, name)!r}")


@value
class Fixed(Schedule):
    """The same value at every step.

    Parameters
    ----------
    value : float
        The value.
    """

    value: float = finite()

    def __call__(self, step: int) -> float:
        """Return the value of the schedule at a step."""
        return self.value


@value
class Sequence(Schedule):
    """One schedule after the other, each from its own step 0 (PyTorch's ``SequentialLR``).

    Parameters
    ----------
    schedules : sequence of schedule or float
        The parts, in order.
    starts : sequence of int
        The steps at which the second, third, ... part begin.

    Examples
    --------
    >>> from lucidnet.optimizers.schedules import Cosine, Polynomial
    >>> rate = Sequence([Polynomial(0.0, 0.1, 5), Cosine(0.1, 0.0, 10), 0.001], [5, 15])
    >>> [round(rate(step), 4) for step in (0, 4, 5, 10, 15, 99)]
    [0.0, 0.08, 0.1, 0.05, 0.001, 0.001]
    """

    schedules: Any = sequence(SETTINGS, scheduled(None))
    starts: Any = sequence("steps, 1 or more", whole(1), least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.starts) + 1 != len(self.schedules) or list(self.starts) != sorted(set(self.starts)):
            raise self.error(
                "starts",
                f"{len(self.schedules) - 1} rising steps, one for each of the schedules but the first",
            )

    def __call__(self, step: int) -> float:
        """Return the value of the part that the step lies in."""
        index = bisect_right(self.starts, step)
        return at_step(self.schedules[index], step - (0, *self.starts)[index])


@value
class Product(Schedule):
    """The product of schedules and numbers (PyTorch's ``ChainedScheduler`` of factors).

    Parameters
    ----------
    factors : sequence of schedule or float
        The factors of the product.
    """

    factors: Any = sequence(SETTINGS, scheduled(None))

    def __call__(self, step: int) -> float:
        """Return the product at a step."""
        return math.prod((at_step(factor, step) for factor in self.factors), start=1.0)


@value
class Warmup(Schedule):
    """Rise linearly to the first value of another schedule, then follow that (Goyal et al. 2017).

    ``start + (then(0) - start) step / steps`` below `steps`, after that ``then(step - steps)``.

    Parameters
    ----------
    steps : int
        The number of steps of the rise.
    then : schedule or float
        The schedule that follows.
    start : float
        The value at step 0, not larger than the one it rises to.

    Examples
    --------
    >>> [round(Warmup(4, 0.1)(step), 3) for step in range(6)]
    [0.0, 0.025, 0.05, 0.075, 0.1, 0.1]
    """

    steps: int = whole(1)
    then: Any = scheduled(None)
    start: float = finite(default=0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.then):
            self._check(self.then)

    def _check(self, top: float) -> float:
        """Return the value to rise to; raise if it is below the start."""
        if abs(self.start) > abs(top):
            raise self.error("start", f"at most {top:g}, the value that it rises to")
        return top

    def __call__(self, step: int) -> float:
        """Return the value on the rise, or that of the following schedule."""
        if step >= self.steps:
            return at_step(self.then, step - self.steps)
        return self.start + (self._check(at_step(self.then, 0)) - self.start) * step / self.steps


def is_number(given: Any) -> bool:
    """Tell whether something is a finite number."""
    return isinstance(given, (int, float)) and math.isfinite(given)
