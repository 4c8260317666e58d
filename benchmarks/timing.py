"""Fair timing on a shared machine: contenders take turns, and ratios are taken turn by turn."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

TURN = 0.15
"""Seconds that one contender works before the next takes over."""


def seconds_per_call(work: Callable[[], object], calls: int) -> float:
    """Return the mean time of so many calls in a row."""
    began = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - began) / calls


def calls_per_turn(work: Callable[[], object]) -> int:
    """Return how many calls fill a turn; also warms the work up."""
    work()
    return max(1, round(TURN / max(seconds_per_call(work, 3), 1e-7)))


def compare(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, tuple[float, float]]:
    """Return for each contender its median time, and the median of its turn-by-turn ratio to the first's.

    The ratio is first / contender: below 1 the first is faster.
    """
    calls = {name: calls_per_turn(work) for name, work in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds):
            order = list(contenders) if turn % 2 else list(reversed(contenders))
            for name in order:
                times[name].append(seconds_per_call(contenders[name], calls[name]))
    finally:
        gc.enable()
    first = next(iter(times.values()))
    return {
        name: (statistics.median(own), statistics.median(a / b for a, b in zip(first, own, strict=True)))
        for name, own in times.items()
    }
