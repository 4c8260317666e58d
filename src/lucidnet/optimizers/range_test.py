"""Reading a learning-rate range test: which rates to take, and why; or that it tells nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array
from ..errors import SettingError
from .settings import check_rate

FEWEST = 8
"""The fewest steps from which anything can be told."""

NOISES, SHARE = 1.25, 0.01
"""How large a clear descent is, as a multiple of the noise between batches, and a share of the first loss.

Of flat curves of 100 steps, smoothed as by `lr_find`, 3 in 1,000 look like one; of 30 steps, 2 in 100.
"""

DIVERGED = 4.0
"""A loss has exploded when it is this many times its best."""

WINDOW, EVEN = 15, 0.005
"""How many steps apart `slide` compares slopes, and the share of the first loss that is no difference."""


class Suggestion(NamedTuple):
    """A suggested learning rate: the name of the method that found it, and the reason."""

    name: str
    rate: float
    reason: str

    def __str__(self) -> str:
        return f"{self.name:<8} {self.rate:.1e}  {self.reason}"


def check_tested(problem: Any) -> None:
    """Raise if the learning rate of a problem's optimizer has no effect, so that there is none to find."""
    if problem.optimizer.full_batch:
        raise SettingError(
            f"lr_find: {problem.optimizer!r} has no rate to find: it searches for the length of each "
            "step itself; compile with another optimizer, as 'adam' or 'sgd', or fit without lr_find"
        )
    check_rate("lr_find", problem)


def exploded(losses: Sequence[float]) -> bool:
    """Tell whether the last loss is so far above the best that the test should end.

    Losses may be below 0, as a negative logarithm of a density is. Then it is the distance from the best that
    counts, beside the size of the best or of the first, whichever is larger.

    Examples
    --------
    >>> exploded([2.0, 0.5, 1.9]), exploded([2.0, 0.5, 2.1])
    (False, True)
    >>> exploded([-2.0]), exploded([-2.0, -5.0, 4.0]), exploded([2.0, -0.1, 1.0]), exploded([2.0, -0.1, 6.0])
    (False, False, False, True)
    """
    best = min(losses)
    size = best if best > 0 else max(-best, abs(losses[0]))
    return losses[-1] > best + (DIVERGED - 1) * size


def suggestions(
    rates: Sequence[float], losses: Sequence[float], raw: Sequence[float]
) -> tuple[tuple[Suggestion, ...], str]:
    """Return the learning rates that a range test suggests; if none, why not.

    They have the names of fastai's `lr_find`, and are read off as there: *steep*, *valley* (its default),
    *minimum*, *slide*. (Smith 2017, where the test comes from, reads two rates off the accuracy: where it
    begins to rise, and where it no longer does.)

    Parameters
    ----------
    rates, losses : sequence of float
        The rate of each step, growing, and the smoothed loss there.
    raw : sequence of float
        The losses as they were measured.

    Returns
    -------
    suggestions, note : tuple of Suggestion, str
        The first suggestion is the rate of the steepest descent. If the loss falls there, over `WINDOW`
        steps, by no more than its noise from batch to batch, that place is chance: then *valley* comes first,
        and says why. Without a clear descent there is no suggestion, and the note says so.

    Examples
    --------
    >>> rates = [10.0 ** (k / 10 - 5) for k in range(50)]
    >>> falling = [2 - np.tanh(k / 10 - 2) for k in range(50)]
    >>> [(one.name, f"{one.rate:.0e}") for one in suggestions(rates, falling, falling)[0]]
    [('steep', '1e-03'), ('valley', '5e-03'), ('minimum', '8e-02'), ('slide', '3e-04')]
    >>> suggestions(rates, [2.0] * 50, [2.0] * 50)[1]
    'no clear descent: from 2 the loss fell to 2 at best, its noise from batch to batch is 0'
    """
    if len(rates) < FEWEST:
        return (), f"no clear descent: the loss was no number, or exploded, after {len(rates)} steps"
    x, y = np.array(rates), np.array(losses)
    noise, first = noise_of(np.array(raw)), float(np.mean(raw[: max(3, len(raw) // 4)]))
    clear = max(NOISES * noise, SHARE * abs(first))
    begin = len(y) // 10  # before that the mean runs over too few losses
    risen = np.flatnonzero(y[begin:] > np.minimum.accumulate(y[begin:]) + clear)
    end = begin + int(risen[0]) if risen.size else len(y)  # what it does after it has clearly risen is chance
    x, y = x[begin:end], y[begin:end]
    lowest = int(y.argmin())
    if lowest == 0 or not first - y[lowest] > clear:
        return (), (
            f"no clear descent: from {first:.4g} the loss fell to {y[lowest]:.4g} at best, its noise from "
            f"batch to batch is {noise:.2g}"
        )
    last = float(x[lowest])
    fastest, half = steep(x, y), "half way down the longest descent"
    if stands_out(y, int(np.searchsorted(x, fastest)), noise):
        found = [Suggestion("steep", fastest, "the loss falls fastest here, by factor of the rate")]
    else:
        found, half = [], f"{half}; the steepest place, {fastest:.1e}, does not stand out from the noise"
    found += [
        Suggestion("valley", valley(x, y), half),
        Suggestion("minimum", last / 10, f"a tenth of the rate with the lowest loss, {last:.1e}"),
    ]
    if (slid := slide(np.array(rates), np.array(losses), first)) is not None:
        found.append(
            Suggestion("slide", slid, f"{WINDOW} steps before the last place where the slope still changes")
        )
    return tuple(found), ""


def noise_of(raw: Array) -> float:
    """Return the standard deviation of the losses between batches, apart from their slow trend.

    It is found from second differences, whose variance is six times that of the noise, over the first half,
    where nothing diverges yet.
    """
    return float(np.sqrt(np.mean(np.diff(raw[: max(FEWEST, len(raw) // 2)], 2) ** 2) / 6))


def steep(rates: Array, losses: Array) -> float:
    """Return the rate at which the loss falls most steeply, on a logarithmic scale of rates."""
    return float(rates[np.gradient(losses, np.log(rates)).argmin()])


def stands_out(losses: Array, place: int, noise: float) -> bool:
    """Tell whether the smoothed loss falls by more than its noise within `WINDOW` steps around an index.

    In 120 range tests, falls at small rates, where nothing is learned, were up to half of the noise; where
    the loss really falls they were mostly 1 to 20 times the noise.
    """
    around = losses[max(0, place - WINDOW // 2) : place + WINDOW // 2 + 1]
    return bool(around[0] - around[-1] > noise)


def valley(rates: Array, losses: Array) -> float:
    """Return the rate in the middle of the longest decreasing subsequence of losses."""
    longest, before = np.ones(len(losses), int), np.arange(len(losses))
    for i in range(1, len(losses)):
        above = np.flatnonzero(losses[:i] > losses[i])
        if above.size:
            before[i] = above[longest[above].argmax()]
            longest[i] = longest[before[i]] + 1
    begin = end = int(longest.argmax())
    while before[begin] != begin:
        begin = int(before[begin])
    return float(rates[(begin + end) // 2])


def slide(rates: Array, losses: Array, first: float) -> float | None:
    """Return the rate at which the slope changes, searching from the largest down; None if nowhere.

    Two places `WINDOW` steps apart move down from the end until their slopes are alike; the lower one is
    taken.
    """
    slopes = np.gradient(losses)
    low = len(losses) - 1 - WINDOW
    found = None
    while low >= 0 and abs(slopes[low + WINDOW] - slopes[low]) > EVEN * abs(first):
        found, low = float(rates[low]), low - 1
    return found if low >= 0 else None
