"""The learning-rate finder: a short training with a rate that grows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import count as numbers
from typing import Any

import numpy as np

from ..core.settings import count, finite, taken
from ..data.batches import BatchSource
from ..engine.protocol import NotFiniteError, Trainee

SMOOTH = 0.9
"""How much of the running mean of the loss is kept at each step."""
DIVERGED = 4.0
"""The test ends when the loss is so many times its best."""


@dataclass(frozen=True)
class RateCurve:
    """The loss against the learning rate, and a rate to take.

    Parameters
    ----------
    rates : tuple of float
        The rates of the steps.
    losses : tuple of float
        The losses, smoothed.
    suggestion : float
        Where the loss falls fastest.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float

    def plot(self, **look: Any) -> Any:
        """Return a figure of the curve with the suggestion (needs matplotlib); ``ax`` ...: see `plots`."""
        from ..plots.search import learning_rate_finder

        return learning_rate_finder(self.rates, self.losses, self.suggestion, **look)

    def __repr__(self) -> str:
        low, high, best = self.rates[0], self.rates[-1], self.suggestion
        return f"RateCurve({len(self.rates)} steps from {low:.1e} to {high:.1e}, suggestion {best:.1e})"


def find(model: Trainee, source: BatchSource, start: float, stop: float, steps: int) -> RateCurve:
    """Try rates from `start` to `stop`; the model is afterwards as it was before, bit for bit.

    The rate grows by the same factor at each step (Smith 2017, "Cyclical learning rates for training neural
    networks", section 3.3). The loss is a running mean, corrected for its start. The suggestion is the rate
    at which it falls fastest per factor of the rate, beyond the first tenth of the steps.
    """
    start = taken("lr_find", "start", start, finite(above=0))
    stop = taken("lr_find", "stop", stop, finite(above=start))
    steps = taken("lr_find", "steps", steps, count(10))
    factor = (stop / start) ** (1 / (steps - 1))
    optimizer = model.problem.optimizer.changed(learning_rate=lambda n: start * factor**n)
    problem = model.problem.changed(optimizer)
    state, rates, losses, mean = problem.start(model.state.params, model.seed), [], [], 0.0
    for number, batch in zip(range(steps), _endless(source), strict=False):
        given = [[batch]]
        ran = model.executor.run(problem.update, problem, state, given)
        if isinstance(ran.error, NotFiniteError):
            break
        if ran.error is not None:
            raise ran.error
        state = ran.state
        mean = SMOOTH * mean + (1 - SMOOTH) * ran.measured[0].loss
        rates.append(start * factor**number)
        losses.append(mean / (1 - SMOOTH ** (number + 1)))
        if losses[-1] > DIVERGED * min(losses):
            break
    return RateCurve(tuple(rates), tuple(losses), suggested(rates, losses))


def suggested(rates: list[float], losses: list[float]) -> float:
    """Return the rate at which the loss falls fastest; the largest before it rises if it never falls."""
    if len(rates) < 4:
        return rates[0] if rates else math.nan
    slopes = np.gradient(np.array(losses), np.log(rates))
    first = len(rates) // 10
    return rates[first + int(slopes[first:].argmin())]


def _endless(source: BatchSource) -> Any:
    for epoch in numbers():
        empty = True
        for batch in source.batches(epoch):
            empty = False
            yield batch
        if empty:
            return
