"""Running the functions of this package on devices, as programs with each model's numbers and seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..backend import Array
from ..backend.splitmix import Keys, words_of
from ..core.trees import floats
from ..engine.numbers import Numbers, bound, table_of
from ..engine.placement import dtype_of, stripped
from ..engine.problem import Problem
from ..engine.state import State

NOTHING: Mapping[str, str] = {}


class Seeds(Keys):
    """The seeds of several models inside a program; the places of model k begin with k, as text."""

    def filled(self, seed: Any, rows: int, called: Mapping[str, str] = NOTHING) -> Array:
        """Return the table of words for the seeds of all models; `called` renames the runs of the program."""
        table = np.zeros((rows, 4), np.uint32)
        for place, (k, run, *path) in enumerate(self.places):
            words = words_of(seed[int(k)], (called.get(run, run), *path))
            table[place] = [half for word in words for half in (word >> 32, word & 0xFFFFFFFF)]
        return table


class Seed:
    """The seed of one model among several, as its streams use it."""

    def __init__(self, seeds: Seeds, number: int) -> None:
        self.seeds, self.number = seeds, number

    def words(self, path: tuple[str, ...]) -> tuple[Array, Array]:
        """Return the two 64-bit words of a place."""
        return self.seeds.words((str(self.number), *path))


def alone(
    executor: Any,
    key: Any,
    function: Callable[..., Any],
    problem: Problem,
    state: State,
    given: Any,
    called: Mapping[str, str] = NOTHING,
) -> Any:
    """Run a function of the problem, state and numbers of one model, and of arrays, on the devices.

    What it returns stays there: ``executor.mesh.fetch`` brings arrays to NumPy, `dressed` makes a state.

    Parameters
    ----------
    executor : OnJax
        The devices.
    key : hashable
        What the function does, as far as the problem does not say it.
    function : callable
        The function.
    problem, state
        The problem and the state, wherever they are.
    given : tree
        The function's other arguments.
    called : mapping of str to str
        The names of the runs that random numbers come from, by their names in the program.
    """

    def one(problems: Any, states: Any, seeds: Any, given: Any) -> Any:
        return function(problems[0](0), states[0], Numbers(seeds[0]), given)

    placed = executor.placement.put(problem, state, executor.mesh, None)
    return program(executor, key, one, (problem,), (placed,), (1,), given, called)


def program(
    executor: Any,
    key: Any,
    function: Callable[..., Any],
    problems: Sequence[Problem],
    states: Sequence[State],
    counts: Sequence[int],
    given: Any,
    called: Mapping[str, str] = NOTHING,
    needed: Sequence[int] | None = None,
) -> Any:
    """Run function(problems, states, seeds, given) as one compiled program, and return its result.

    Parameters
    ----------
    executor : OnJax
        The devices.
    key : hashable
        What the function does.
    function : callable
        The function. Its problems are functions of a whole number: the number of steps that it has made.
    problems, states : sequence
        The problems, and the states on the devices.
    counts : sequence of int
        For how many steps the program takes numbers.
    given : tree
        The function's other arguments.
    called : mapping of str to str
        See `alone`.
    needed : sequence of int, optional
        For how many of these steps numbers are needed, if not for all.
    """
    dtype, mesh, shared = dtype_of(states[0]), executor.mesh, tuple(problems)
    rows = [
        table_of(p, [int(s.step) + min(k, made - 1) for k in range(n)], dtype)
        for p, s, n, made in zip(problems, states, counts, needed or counts, strict=True)
    ]
    arguments = (tuple(map(stripped, states)), tuple(mesh.put(rows)), mesh.put(floats(given, dtype)))

    def traced(places: Any, table: Array, states: Any, rows: Any, given: Any) -> Any:
        seeds = Seeds(places, table)
        own = [partial(_numbered, p, table) for p, table in zip(shared, rows, strict=True)]
        return function(own, states, [Seed(seeds, k) for k in range(len(own))], given)

    made = executor.compiler.block((key, shared, tuple(counts)), traced, arguments, mesh)
    table = mesh.put(Seeds(made.places).filled([int(s.seed) for s in states], made.rows, called))
    return made.function(table, *arguments)


def _numbered(problem: Problem, rows: Array, step: int) -> Problem:
    return bound(problem, rows[step])
