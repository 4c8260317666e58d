"""The learning-rate finder: a short training with a growing rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from os import PathLike
from typing import Any

from ..core.epochs import rates_on_page
from ..core.settings import count, finite, taken
from ..data.batches import BatchSource, endless
from ..engine.protocol import NotFiniteError, Trainee
from ..optimizers.range_test import Suggestion, check_tested, exploded, suggestions

SMOOTH = 0.9
"""The share of the running mean of the loss that is kept at each step."""


@dataclass(frozen=True, repr=False)
class RateCurve:
    """The loss as a function of the learning rate, and a suggested rate.

    Parameters
    ----------
    rates : tuple of float
        The rates of the steps.
    losses : tuple of float
        The losses, smoothed.
    suggestion : float
        Where the loss falls fastest, or half way down if that is chance; NaN without a clear descent.
    suggestions : tuple of Suggestion
        Several rates, each with its name and reason.
    note : str
        Why there is no suggestion, if there is none.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float
    suggestions: tuple[Suggestion, ...] = ()
    note: str = ""

    def plot(self, path: str | PathLike[str] | None = None, **look: Any) -> Any:
        """Return a figure of the curve with the suggestion (needs matplotlib); ``ax`` ...: see `plots`."""
        from ..plots.search import learning_rate_finder

        return learning_rate_finder(self.rates, self.losses, self.suggestion, path=path, **look)

    def _repr_html_(self) -> str:
        return rates_on_page(str(self), self.rates, self.losses, self.suggestion)

    def __str__(self) -> str:
        return "\n".join([repr(self), *map(str, self.suggestions or [self.note])])

    def __repr__(self) -> str:
        ends = f" from {self.rates[0]:.1e} to {self.rates[-1]:.1e}" if self.rates else ""
        return f"RateCurve({len(self.rates):,} steps{ends}, suggestion {self.suggestion:.1e})"


def find(model: Trainee, source: BatchSource, start: float, stop: float, steps: int) -> RateCurve:
    """Try rates from `start` to `stop`, and restore the model bit for bit afterwards.

    This is the range test of Smith 2017 ("Cyclical learning rates for training neural networks", section 3.3)
    in fastai's form: the rate grows by the same factor at each step, where the paper adds the same to it, and
    the loss is watched, not the accuracy: a running mean, corrected for its start. The suggestion is the rate
    at which it falls fastest per factor of the rate, beyond the first tenth of the steps, if that stands out
    from the noise from batch to batch; see `suggestions`.
    """
    start = taken("lr_find", "start", start, finite(above=0))
    stop = taken("lr_find", "stop", stop, finite(above=start))
    steps = taken("lr_find", "steps", steps, count(10))
    check_tested(model.problem)
    factor = (stop / start) ** (1 / (steps - 1))
    optimizer = model.problem.optimizer.changed(learning_rate=lambda n: start * factor**n)
    problem = model.problem.changed(optimizer)
    state, rates, losses, raw, mean = problem.start(model.state.params, model.seed), [], [], [], 0.0
    for number, batch in zip(range(steps), endless(source, model.executor.shard(problem)), strict=False):
        ran = model.executor.run(problem.update, problem, state, [[batch]])
        if isinstance(ran.error, NotFiniteError):
            break
        if ran.error is not None:
            raise ran.error
        state = ran.state
        raw.append(ran.measured[0].loss)
        mean = SMOOTH * mean + (1 - SMOOTH) * raw[-1]
        rates.append(start * factor**number)
        losses.append(mean / (1 - SMOOTH ** (number + 1)))
        if exploded(losses):
            break
    found, note = suggestions(rates, losses, raw)
    return RateCurve(tuple(rates), tuple(losses), found[0].rate if found else math.nan, found, note)
