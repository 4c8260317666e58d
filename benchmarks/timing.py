"""Fair timing on a shared machine.

Each contender lives in a process of its own, so that the idle threads of one library do not slow the
other's work. They take turns, and ratios are taken turn by turn, so that a drift of the machine's speed
falls out.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

TURN = 0.2
"""Seconds that one contender works before the next takes over."""
PAUSE = 0.3
"""Seconds between turns, in which the threads of the last contender go to sleep."""

Works = dict[str, Callable[[], object]]


class Turn(NamedTuple):
    """The mean seconds of a call: by wall clock, and in CPU time of its process."""

    wall: float
    cpu: float


def hold(threads: int) -> str:
    """Pin this process and its children to as many cores as threads; say what was done.

    Not all libraries can be told how many threads to make: JAX makes one for each core that it may use.
    """
    if not hasattr(os, "sched_setaffinity"):
        return f"{threads} threads where a library can be told so; this system cannot hold JAX to that"
    cores = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, cores)
    return f"{threads} threads, each process held to {len(cores)} of {os.cpu_count()} cores"


class Worker:
    """A contender in a process of its own.

    Parameters
    ----------
    make : callable
        Called in that process with `arguments`; returns its works by name.

    Attributes
    ----------
    works : list of str
        What it can do.

    Raises
    ------
    ImportError
        If it needs a library that is not installed.
    """

    def __init__(self, make: Callable[..., Works], *arguments: Any) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        self.process.start()
        theirs.close()  # so that the end of a process that fails is seen here
        found = self.pipe.recv()
        if isinstance(found, ImportError):
            raise found
        self.works: list[str] = found

    def turn(self, work: str, calls: int, pause: float = PAUSE) -> Turn:
        """Run a work several times in a row, after a pause."""
        time.sleep(pause)
        self.pipe.send((work, calls))
        return Turn(*self.pipe.recv())

    def seconds_per_call(self, work: str, calls: int) -> float:
        """Return the mean time of a call over several in a row."""
        return self.turn(work, calls).wall

    def close(self) -> None:
        """End the process."""
        self.pipe.send(None)
        self.process.join()


def _serve(pipe: Connection, make: Callable[..., Works], arguments: tuple[Any, ...]) -> None:
    try:
        works = make(*arguments)
    except ImportError as error:  # a library that it is compared with is not there
        return pipe.send(error)
    gc.collect()
    gc.disable()
    with suppress(EOFError, BrokenPipeError):  # whoever asked has ended
        pipe.send(list(works))
        while order := pipe.recv():
            work, calls = works[order[0]], order[1]
            for _ in range(calls // 10):  # wake threads and caches up
                work()
            began, busy = time.perf_counter(), time.process_time()
            for _ in range(calls):
                work()
            pipe.send(((time.perf_counter() - began) / calls, (time.process_time() - busy) / calls))


def turns(workers: dict[str, Worker], work: str, rounds: int, pause: float = PAUSE) -> dict[str, list[Turn]]:
    """Return the turns of each contender, with a pause before each.

    Their order changes, so that each contender is next to each of the others equally often.
    """
    calls: dict[str, int] = {}
    made: dict[str, list[Turn]] = {name: [] for name in workers}
    for name, worker in workers.items():
        worker.turn(work, 1, pause=0)
        calls[name] = max(1, round(TURN / max(worker.turn(work, 3, pause).wall, 1e-7)))
    for turn in range(rounds):
        first = turn // 2 % len(workers)
        order = [*workers][first:] + [*workers][:first]
        for name in order if turn % 2 else reversed(order):
            made[name].append(workers[name].turn(work, calls[name], pause))
    return made


def median_ratio(own: list[Turn], other: list[Turn], clock: str = "wall") -> float:
    """Return the median of the turn-by-turn ratios own / other, by one of the clocks of `Turn`."""
    pairs = zip(own, other, strict=True)
    return statistics.median(float(getattr(a, clock) / getattr(b, clock)) for a, b in pairs)


def compare(workers: dict[str, Worker], work: str, rounds: int) -> dict[str, tuple[float, float]]:
    """Return each contender's median time, and the median of its turn-by-turn ratio to the first one.

    The ratio is first / contender: below 1 the first is faster.
    """
    times = {who: [turn.wall for turn in made] for who, made in turns(workers, work, rounds).items()}
    first = next(iter(times.values()))
    return {
        name: (statistics.median(own), statistics.median(a / b for a, b in zip(first, own, strict=True)))
        for name, own in times.items()
    }
