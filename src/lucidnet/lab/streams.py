"""Races over a stream, in which the participants learn at each time step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array
from ..core.numeric import numeric
from ..core.settings import UnfitError, count, is_function, setting, taken
from ..data.dataset import kept
from ..data.fingerprint import of_arrays
from ..errors import DataError, NonFiniteError, SettingError
from ..model import Model
from ..training.history import History, Result
from .outcome import RaceRun
from .running import Tell, peak

SETTINGS = ("every", "delay", "stretch")
ROWS = 20
"""The default number of rows made of a stream of known length."""
STRETCH = 1000
"""The default number of time steps in a row, if the stream's length is unknown."""


def _online(given: Any, owner: Any) -> bool | Mapping[str, Any]:
    if isinstance(given, (bool, np.bool_)):
        return bool(given)
    if not isinstance(given, Mapping) or not given or not given.keys() <= set(SETTINGS):
        raise UnfitError
    return given


ONLINE = setting(f"True, or a dict with some of {', '.join(SETTINGS)}", _online)


class Stretch(NamedTuple):
    """A part of a stream: inputs and targets (time, n, ...), weights (time, n)."""

    x: Any
    y: Any
    weights: Any


@dataclass(frozen=True)
class Streaming:
    """What all runs of an online race share: the stream, and how to learn from it.

    Parameters
    ----------
    x, y
        Inputs and targets (time, n, ...); or x alone is a function that gives a fresh iterator of the
        (x, y) or (x, y, weights) of each time step.
    weights
        Weights (time, n), if there are any.
    epochs : int
        How often to go through the stream; states begin anew each time.
    every, delay : int
        As for `Model.online`.
    stretch : int
        How many time steps are summed up in a row of the history.
    rules : dict
        The rule of each who takes part, by name.
    """

    x: Any
    y: Any
    weights: Any
    epochs: int
    every: int = 1
    delay: int = 0
    stretch: int = STRETCH
    rules: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        x: Any,
        y: Any,
        given: Any,
        settings: Mapping[str, Any],
        epochs: int | None,
        rules: dict[str, Any],
    ) -> Streaming:
        """Check the arguments of an online race.

        Raises
        ------
        SettingError
            If one of them has no meaning where a stream is learned from.
        """
        how = {} if given is True else given
        for name in settings.keys() - {"sample_weight"}:
            raise SettingError(
                f"race: {name} has no meaning in an online race, where each time step is learned once"
            )
        if is_function(x):
            if y is not None or "sample_weight" in settings:
                raise SettingError(
                    "race: a stream that a function gives brings its targets and weights: (x, y, weights)"
                )
            stretch = STRETCH
        else:
            x, y = numeric(x, "race: x"), numeric(y, "race: y")
            if x.ndim < 2 or y.shape[:2] != x.shape[:2]:
                raise DataError(
                    "race: online races take inputs and targets (time, n, ...), of one length, got shapes "
                    f"{x.shape} and {y.shape}"
                )
            stretch = max(1, len(x) // ROWS)
        taken_in: dict[str, Any] = {"every": 1, "delay": 0, "stretch": stretch, **how}
        made = {
            name: taken("race", f"online: {name}", value, count(0 if name == "delay" else 1))
            for name, value in taken_in.items()
        }
        passes = taken("race", "epochs", 1 if epochs is None else epochs, count(1))
        return cls(x, y, settings.get("sample_weight"), passes, **made, rules=rules)

    def facts(self, model: Model) -> dict[str, Any]:
        """Return settings and data as plain data, to be compared."""
        data = None
        if not is_function(self.x):
            weights = None if self.weights is None else np.asarray(self.weights)
            data = {
                name: of_arrays(one) for name, one in (("x", self.x), ("y", self.y), ("weights", weights))
            }
        online = {name: getattr(self, name) for name in ("every", "delay", "stretch", "epochs")}
        return {"online": online, "data": data}

    def run(self, name: str, seed: int, model: Model, own: dict[str, Any], facts: Any, tell: Tell) -> RaceRun:
        """Train a model on the stream."""
        learner = model.online(self.rules[name], self.every, self.delay)
        history, failed, seconds, first = History(), None, 0.0, None
        total = None if is_function(self.x) else self.epochs * -(-len(self.x) // self.stretch)
        try:
            for epoch in range(self.epochs):
                learner.reset()
                late = _Late(self.delay)
                for part in self._stretches():
                    first = first or part
                    began = time.perf_counter()
                    outputs = learner.run(*part)
                    seconds += time.perf_counter() - began
                    result = _measured(model, learner.losses, late.shifted(outputs), part)
                    history.append(result)
                    share = history.epochs / total if total else epoch / self.epochs
                    tell(share, lambda result=result: result)  # type: ignore[misc]
        except NonFiniteError as error:
            failed = str(error)
        if first is None:
            raise DataError("race: the stream gave nothing: there is nothing to learn from")
        memory = (
            0 if failed else peak(lambda: learner.step(first.x[0], None if first.y is None else first.y[0]))
        )
        return RaceRun(name, seed, history, seconds, memory, facts, failed)

    def _stretches(self) -> Iterator[Stretch]:
        """Yield the stream in stretches."""
        if not is_function(self.x):
            for start in range(0, len(self.x), self.stretch):
                part = slice(start, start + self.stretch)
                weights = None if self.weights is None else np.asarray(self.weights)[part]
                yield Stretch(self.x[part], self.y[part], weights)
            return
        stream = iter(self.x())
        while items := list(map(kept, islice(stream, self.stretch))):  # it may fill the same arrays again
            if not all(isinstance(one, (tuple, list)) and len(one) in (2, 3) for one in items):
                raise DataError("race: a stream gives (x, y) or (x, y, weights) for each time step")
            columns = [np.asarray(column) for column in zip(*items, strict=True)]
            yield Stretch(columns[0], columns[1], columns[2] if len(columns) == 3 else None)

    def shape(self) -> Any:
        """Return the shape of one input: a sequence of any length."""
        part = next(self._stretches(), None)
        if part is None:
            raise DataError("race: the stream gave nothing: there is nothing to learn from")
        return (None, *np.shape(part.x)[2:])


class _Late:
    """Holds outputs until the targets of their times arrive."""

    def __init__(self, delay: int) -> None:
        self.delay = delay
        self.waiting: Array | None = None

    def shifted(self, outputs: Array) -> Array:
        """Return the outputs delayed by `delay` time steps; NaN where there are none yet."""
        if self.waiting is None:
            self.waiting = np.full((self.delay, *outputs.shape[1:]), np.nan, outputs.dtype)
        both = np.concatenate([self.waiting, outputs])
        made, self.waiting = both[: len(outputs)], both[len(outputs) :]
        return made


def _measured(model: Model, losses: Array, outputs: Array, part: Stretch) -> Result:
    """Return a stretch's mean loss, and the metrics of outputs against their targets."""
    known = losses[np.isfinite(losses)]
    result = Result(loss=float(known.mean()) if len(known) else float("nan"))
    if not model.metrics:
        return result
    target, outputs = (np.reshape(one, (-1, *np.shape(one)[2:])) for one in (part.y, outputs))
    counts = np.isfinite(outputs.reshape(len(outputs), -1)).all(1)
    if part.weights is not None:
        counts &= np.ravel(part.weights) != 0
    for metric in model.metrics:
        result[metric.name] = metric.result(metric.update(metric.start(), target[counts], outputs[counts]))
    return result
