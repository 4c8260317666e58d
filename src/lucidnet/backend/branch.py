"""Choosing between two functions: in Python if the condition is known, else in the compiled program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .xla import loops


def branch(condition: Any, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
    """Call one of two functions and return its result; the other is never run.

    Parameters
    ----------
    condition : bool, or array of bool without axes
        The condition; it is an array only while compiling.
    yes, no : callable
        Functions that return trees of one structure.

    Examples
    --------
    >>> branch(True, lambda: 1, lambda: 2)
    1
    """
    if isinstance(condition, bool):
        return yes() if condition else no()
    return loops.branch(condition, yes, no)


def choose(condition: Any, make: Callable[[], Any], other: Any, small: bool = False) -> Any:
    """Return the result of `make` if a condition holds, else an existing tree of the same structure.

    While compiling, both may be computed: a GPU would have to ask the host which one is wanted, and if they
    are `small` this is faster on a CPU, too.
    """
    if isinstance(condition, bool):
        return make() if condition else other
    from .xla.device import cond, where

    return where(condition, make(), other) if small else cond(condition, make, other)
