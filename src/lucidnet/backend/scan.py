"""A loop over time: a plain loop on NumPy, one compiled loop on JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.trees import Array
from .xla import loops


def scan(
    step: Callable[[Any, tuple[Any, ...]], tuple[Any, Any, tuple[Array, ...]]],
    carry: Any,
    xs: tuple[Any, ...],
    reverse: bool = False,
) -> tuple[Any, Any, tuple[Array, ...]]:
    """Call ``carry, kept, outs = step(carry, x_t)`` for each time t.

    Parameters
    ----------
    step : callable
        A function of the carry and a tuple with the inputs of time t, that returns the new carry, what to
        keep for a later scan over the same times, and a tuple of output arrays.
    carry : tree of tuples and arrays
        The carry that the first step gets.
    xs : tuple
        Arrays (time, ...), or what another scan kept; None stands for a None at each time.
    reverse : bool
        Whether to begin with the last time.

    Returns
    -------
    tuple
        The carry after the last step, what was kept (by time), and a tuple of outputs (time, ...).

    Examples
    --------
    >>> def add(total, now):
    ...     return total + now[0], None, (total + now[0],)
    >>> total, kept, (sums,) = scan(add, 0.0, (np.array([1.0, 2.0]),))
    >>> total.item(), sums
    (3.0, array([1., 3.]))
    """
    first = next(x for x in xs if x is not None)
    if not isinstance(first, (np.ndarray, list)):
        return loops.scan(step, carry, xs, reverse)
    times = len(first)
    kept: list[Any] = [None] * times
    made: tuple[Array, ...] = ()
    for t in reversed(range(times)) if reverse else range(times):
        carry, kept[t], outs = step(carry, tuple(None if x is None else x[t] for x in xs))
        made = made or tuple(np.empty((times, *out.shape), out.dtype) for out in outs)
        for stack, out in zip(made, outs, strict=True):
            stack[t] = out
    return carry, kept, made
