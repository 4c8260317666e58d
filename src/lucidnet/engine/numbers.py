"""The settings of an optimizer as numbers of a step, for programs that cannot call schedules."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from typing import Any

from ..optimizers import Group, Optimizer

Numbers = dict[str, Any]


def numbers_of(optimizer: Optimizer, groups: Sequence[Group], step: int) -> Numbers:
    """Return all numbers that change from step to step, of an optimizer and those inside it (from 1)."""
    now = optimizer.at(step, Group(0, 0))
    own = {name: getattr(now, name) for name in _scheduled(optimizer)}
    decays = [setting for setting in _decays(optimizer, groups) if callable(setting)]
    return {
        "rates": [optimizer.rate(setting, step) for setting in _rates(optimizer, groups)],
        "decays": [optimizer.at(step, Group(0, 0, None, setting)).weight_decay for setting in decays],
        "own": {name: value for name, value in own.items() if not callable(value)},
        "counted": {name: getattr(now, name)(step) for name in optimizer.counted},
        "inner": {name: numbers_of(inner, groups, step) for name, inner in _inner(optimizer)},
    }


def with_numbers(optimizer: Optimizer, groups: Sequence[Group], numbers: Numbers) -> Optimizer:
    """Return an optimizer that finds these numbers where it had schedules."""
    made = copy.copy(optimizer)
    rates, decays = _rates(optimizer, groups), [d for d in _decays(optimizer, groups) if callable(d)]

    def at(step: Any, group: Group) -> Optimizer:
        now = copy.copy(made)
        decay = optimizer.weight_decay if group.weight_decay is None else group.weight_decay
        given = numbers["decays"][decays.index(decay)] if callable(decay) else decay
        return _set(now, numbers["own"] | {"weight_decay": given})

    counted = {name: partial(_constant, value) for name, value in numbers["counted"].items()}
    inner = {name: with_numbers(own, groups, numbers["inner"][name]) for name, own in _inner(optimizer)}
    own = {"at": at, "rate": lambda setting, step: numbers["rates"][rates.index(setting)]}
    return _set(made, own | counted | inner)


def changes(optimizer: Optimizer, groups: Sequence[Group]) -> bool:
    """Tell whether any of these numbers changes from step to step; if not, they can stand in the program."""
    given = [*_rates(optimizer, groups), *_decays(optimizer, groups)]
    own = any(map(callable, given)) or bool(_scheduled(optimizer) or optimizer.counted)
    return own or any(changes(inner, groups) for _, inner in _inner(optimizer))


def _constant(value: Any, step: Any) -> Any:
    return value


def _set(optimizer: Optimizer, values: dict[str, Any]) -> Optimizer:
    for name, value in values.items():
        object.__setattr__(optimizer, name, value)
    return optimizer


def _scheduled(optimizer: Optimizer) -> list[str]:
    """Return the names of settings that follow a schedule; the others are constants of the program."""
    names = (name for name in optimizer.schedulable if name != "weight_decay")
    return [name for name in names if callable(getattr(optimizer, name))]


def _rates(optimizer: Optimizer, groups: Sequence[Group]) -> list[Any]:
    return [optimizer.learning_rate, *(g.learning_rate for g in groups if g.learning_rate is not None)]


def _decays(optimizer: Optimizer, groups: Sequence[Group]) -> list[Any]:
    return [optimizer.weight_decay, *(g.weight_decay for g in groups if g.weight_decay is not None)]


def _inner(optimizer: Optimizer) -> list[tuple[str, Optimizer]]:
    given = ((f.name, getattr(optimizer, f.name)) for f in fields(optimizer))
    return [(name, value) for name, value in given if isinstance(value, Optimizer)]
