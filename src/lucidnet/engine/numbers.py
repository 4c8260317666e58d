"""The numbers a step takes besides its batches, which compiled programs receive as arguments.

A program depends on the structure of a network and an optimizer (`structure`), but not on the values of
rates, momenta, decays, penalties and the seed: another value compiles nothing. Only a setting of 0 may be
left out of a program, so that a change from or to 0 may need another one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array
from ..core.trees import Path
from ..core.value import at_step
from ..layers import Layer, walk
from ..layers.rebuild import rebuilt
from ..optimizers import Group, Optimizer
from ..optimizers.penalties import Penalties
from ..optimizers.settings import inner_optimizers
from .problem import Problem
from .structure import mark

ALL = Group(0, 0)
"""A group without settings of its own."""


class Numbers(NamedTuple):
    """The numbers that a step is given besides its batches.

    Parameters
    ----------
    seed : int or Keys
        The seed of all random numbers of the training.
    made : bool
        Whether the step is made at all: what fills a block up is not, nor what follows a bad step.
    """

    seed: Any
    made: Any = True


class Nth(int):
    """Stands for the setting of a group inside a program: the index of that group."""


class Reader(NamedTuple):
    """Reads one or several numbers for a step, counted from 0; `follows`: whether they change with it."""

    read: Callable[[int], float | tuple[float, ...]]
    follows: bool


def readers(problem: Problem) -> list[Reader]:
    """Return a reader for each number that a program takes, in the order in which `bound` uses them."""
    found = list(_of_optimizer(problem.optimizer, problem.layout.groups))
    for penalty in problem.layout.penalties:
        found += [Reader(partial(at_step, factor), False) for factor in (penalty.l1, penalty.l2) if factor]
    for (_, name), layer in _scheduled(problem.objective.net).items():
        found.append(Reader(partial(layer.setting_at, name), callable(getattr(layer, name))))
    return found


def table_of(problem: Problem, steps: Sequence[int], dtype: str) -> Array:
    """Return the numbers of several steps, one row per step (steps, numbers)."""
    known = vars(problem)
    if "_readers" not in known:  # a problem never changes, so they are found once
        known["_readers"] = readers(problem)
    columns = []
    for read, follows in known["_readers"]:
        asked = steps if follows else steps[:1]
        rows = np.array([read(step) for step in asked], dtype).reshape(len(asked), -1)
        columns.append(rows if follows else np.repeat(rows, len(steps), axis=0))
    return np.concatenate(columns, axis=1)


def bound(problem: Problem, row: Array) -> Problem:
    """Return a problem whose settings and schedules are replaced by the numbers in a row."""
    numbers = iter(range(len(row)))

    def take() -> Any:
        return row[next(numbers)]

    layout = problem.layout
    optimizer, groups = _with(problem.optimizer, layout.groups, take)
    penalties = Penalties(
        p._replace(l1=take() if p.l1 else 0.0, l2=take() if p.l2 else 0.0) for p in layout.penalties
    )
    made = replace(
        problem,
        optimizer=optimizer,
        layout=replace(layout, groups=groups, penalties=penalties),
        objective=replace(problem.objective, net=_net_with(problem.objective.net, take)),
    )
    if problem.taught is None:
        return made
    known = dict(zip(layout.sources, groups, strict=True))  # its groups take theirs from the same layers
    theirs = (
        known[source]._replace(start=group.start, stop=group.stop)
        for source, group in zip(problem.taught.sources, problem.taught.groups, strict=True)
    )
    return replace(made, taught=replace(problem.taught, groups=tuple(theirs)))


def _setting(optimizer: Optimizer, name: str, group: Group, follows: bool) -> Reader:
    """Return a reader for an optimizer's setting in a group, or for what one of its methods returns."""
    settings = *(getattr(optimizer, one) for one in optimizer.schedulable), group.weight_decay
    fixed = None if any(map(callable, settings)) else optimizer.at(1, group)
    counted = name in optimizer.counted

    def read(step: int) -> Any:
        value = getattr(fixed or optimizer.at(step + 1, group), name)
        # A schedule left by `at`, because the optimizer needs its value at other steps, is a number here.
        return value(step + 1) if counted else at_step(value, step)

    return Reader(read, follows)


def _of_optimizer(optimizer: Optimizer, groups: Sequence[Group]) -> Iterator[Reader]:
    counts = any(getattr(optimizer, name) for name in optimizer.hosted)

    def rate(setting: Any) -> Reader:
        return Reader(lambda k: optimizer.rate(setting, k + 1), callable(setting) or counts)

    yield rate(optimizer.learning_rate)
    for group in groups:
        if mark(group.learning_rate):
            yield rate(group.learning_rate)
        if mark(decay := group.weight_decay):
            yield _setting(optimizer, "weight_decay", Group(0, 0, None, decay), callable(decay))
    for name in optimizer.schedulable:
        if mark(setting := getattr(optimizer, name)):
            yield _setting(optimizer, name, ALL, callable(setting))
    for name in optimizer.counted:
        yield _setting(optimizer, name, ALL, True)
    for _, inner in inner_optimizers(optimizer):
        yield from _of_optimizer(inner, groups)


def _with(
    optimizer: Optimizer, groups: Sequence[Group], take: Callable[[], Any]
) -> tuple[Optimizer, tuple[Group, ...]]:
    """Return an optimizer and groups whose settings and schedules are replaced by numbers."""
    made, own, rates, decays = copy.copy(optimizer), take(), {}, {}
    for k, group in enumerate(groups):
        if mark(group.learning_rate):
            rates[k] = take()
        if mark(group.weight_decay):
            decays[k] = take()

    def rate(setting: Any, step: Any) -> Any:
        if isinstance(setting, Nth):
            return rates[setting]
        return own if setting is None or mark(setting) else 0.0  # a layer's own rate of 0 is no number

    def at(step: Any, group: Group) -> Optimizer:
        now, decay = copy.copy(made), group.weight_decay
        if decay is not None:
            vars(now)["weight_decay"] = decays[decay] if isinstance(decay, Nth) else 0.0
        return now

    settings = {name: take() for name in optimizer.schedulable if mark(getattr(optimizer, name))}
    for name in optimizer.counted:
        given = getattr(optimizer.at(1, ALL), name)(1)
        value = tuple(take() for _ in given) if isinstance(given, tuple) else take()
        settings[name] = lambda step, value=value: value
    inner = {name: _with(own, groups, take)[0] for name, own in inner_optimizers(optimizer)}
    vars(made).update(settings | inner | {"rate": rate, "at": at})
    numbered = (
        group._replace(**{n: Nth(k) for n in ("learning_rate", "weight_decay") if mark(getattr(group, n))})
        for k, group in enumerate(groups)
    )
    return made, tuple(numbered)


def _scheduled(net: Layer) -> dict[tuple[Path, str], Layer]:
    """Return the layers with a setting that may follow a schedule, by path and name; not those set to 0."""
    given = ((path, name, layer) for path, layer in walk(net) for name in layer.schedulable)
    return {(path, name): layer for path, name, layer in given if mark(getattr(layer, name))}


def _net_with(net: Layer, take: Callable[[], Any]) -> Layer:
    """Return a network whose schedulable settings are replaced by numbers."""
    numbers = {key: take() for key in _scheduled(net)}
    if not numbers:
        return net

    def wrap(layer: Layer, made: Layer, path: Path) -> Layer:
        own = {name: numbers[path, name] for name in layer.schedulable if (path, name) in numbers}
        if own:
            made = copy.copy(made)
            vars(made).update(own)
        return made

    return rebuilt(net, wrap)
