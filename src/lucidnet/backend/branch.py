"""A choice between two ways: by Python where it is known, by the compiler where it is not yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .xla import loops


def branch(condition: Any, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
    """Return what one of two functions returns; only that one is called when the program runs.

    Parameters
    ----------
    condition : bool, or array of bool without axes
        Which; an array only while compiling.
    yes, no : callable
        They return trees of one structure.

    Examples
    --------
    >>> branch(True, lambda: 1, lambda: 2)
    1
    """
    if isinstance(condition, bool):
        return yes() if condition else no()
    return loops.branch(condition, yes, no)
