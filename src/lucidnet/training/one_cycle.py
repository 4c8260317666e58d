"""The one-cycle policy: the learning rate up and down, the momentum down and up."""

from __future__ import annotations

from typing import Any

from ..optimizers import Optimizer
from ..optimizers.schedules import OneCycle, Schedule, Sequence


def cycled(optimizer: Optimizer, cycle: OneCycle, momentum: tuple[float, float], done: int) -> Optimizer:
    """Return an optimizer whose rate goes through a cycle, and its momentum opposite, after `done` steps."""
    changes: dict[str, Any] = {"learning_rate": after(done, cycle)}
    inner: Any = getattr(optimizer, "optimizer", optimizer)
    for name in ("momentum", "beta1"):
        # A momentum of 0 has no slot; beta1 always has one.
        if name in inner.schedulable and getattr(inner, name):
            changes[name] = after(done, cycle.momentum(*momentum))
    return optimizer.changed(**changes)


def after(steps: int, schedule: Schedule) -> Schedule:
    """Return a schedule that begins after some steps, and has its first value until then."""
    return Sequence((schedule(0), schedule), (steps,)) if steps else schedule
