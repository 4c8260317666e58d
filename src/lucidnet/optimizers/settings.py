"""Settings of an optimizer, and of the one it wraps, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ..errors import SettingError, lookup
from .base import Optimizer


def settable(optimizer: Optimizer) -> dict[str, Any]:
    """Return an optimizer's settings by name, including those of an optimizer that it wraps.

    Examples
    --------
    >>> from lucidnet.optimizers import EMA, SGD
    >>> {name: value for name, value in settable(EMA(SGD(0.1), 0.9)).items() if value}
    {'learning_rate': 0.1, 'decay': 0.9, 'optimizer': SGD(0.1)}
    """
    own = {f.name: getattr(optimizer, f.name) for f in fields(optimizer) if f.init}
    inner = own.get("optimizer")
    return (settable(inner) if isinstance(inner, Optimizer) else {}) | own


def check_rate(who: str, problem: Any) -> None:
    """Raise if nothing that is trained, of an `engine.problem.Problem`, takes the optimizer's learning rate.

    Raises
    ------
    SettingError
        If all of it has a rate of its own, which goes before that.
    """
    net, rates = problem.net, [group.learning_rate for group in problem.layout.groups]
    if rates and all(rate is not None for rate in rates):
        take_away = "set(layer='*', learning_rate=None) takes those away"
        if net.learning_rate is not None:  # which has no name to be set by
            take_away = f"make the network's {type(net).__name__} without learning_rate"
        raise SettingError(
            f"{who}: the learning rate has no effect, as all layers that are trained have one of their own: "
            f"{take_away}"
        )


def changed(optimizer: Optimizer, settings: Mapping[str, Any]) -> Optimizer:
    """Return the optimizer with other settings; raise if it would become one of another kind.

    Raises
    ------
    UnknownNameError
        If it has no setting of such a name.
    SettingError
        If a value is out of range, or would make it an optimizer of another kind.
    """
    if not settings:
        return optimizer
    known = settable(optimizer)
    for name in settings:
        lookup(f"setting of {type(optimizer).__name__}", name, known)
    made = optimizer.changed(**settings)
    if kind(made) != kind(optimizer):
        raise SettingError(
            f"{made!r} is another kind of optimizer than {optimizer!r}; compile(loss, optimizer) changes that"
        )
    return made


def kind(optimizer: Optimizer) -> tuple[Any, ...]:
    """Return the classes of an optimizer and of the optimizers inside it."""
    inner = (getattr(optimizer, f.name) for f in fields(optimizer))
    return type(optimizer), *(kind(value) for value in inner if isinstance(value, Optimizer))


def inner_optimizers(optimizer: Optimizer) -> list[tuple[str, Optimizer]]:
    """Return the optimizers inside another, with the names of the settings that hold them."""
    given = ((f.name, getattr(optimizer, f.name)) for f in fields(optimizer))
    return [(name, value) for name, value in given if isinstance(value, Optimizer)]
