"""The one-cycle policy: the learning rate up and down, the momentum down and up."""

from __future__ import annotations

from typing import Any

from ..errors import SettingError
from .base import Optimizer
from .schedules import OneCycle, Schedule, Sequence

MOMENTUM = 0.95, 0.85


def cycled(
    optimizer: Optimizer, cycle: OneCycle, momentum: tuple[float, float] | None, done: int
) -> Optimizer:
    """Return an optimizer whose rate runs one cycle after `done` steps, and its momentum the opposite.

    Raises
    ------
    SettingError
        If a momentum is given, and the optimizer has none.
    """
    changes: dict[str, Any] = {"learning_rate": after(done, cycle)}
    inner: Any = getattr(optimizer, "optimizer", optimizer)
    for name in ("momentum", "beta1"):
        # A momentum of 0 has no slot; beta1 always has one.
        if name in inner.schedulable and getattr(inner, name):
            changes[name] = after(done, cycle.momentum(*(momentum or MOMENTUM)))
    if momentum and len(changes) == 1:
        has = "a momentum of 0" if "momentum" in inner.schedulable else "no momentum"
        raise SettingError(
            f"fit_one_cycle: momentum={momentum} has no effect: {inner!r} has {has}; leave it out, or "
            "compile with one that has, as SGD(momentum=0.9) or Adam()"
        )
    return optimizer.changed(**changes)


def after(steps: int, schedule: Schedule) -> Schedule:
    """Delay a schedule by some steps, in which its first value holds."""
    return Sequence((schedule(0), schedule), (steps,)) if steps else schedule
