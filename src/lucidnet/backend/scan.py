"""A loop over time: a plain loop on NumPy, one compiled loop on JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.trees import Array
from .arrays import namespace
from .xla.target import target

LARGE = 8192
"""From how many numbers at a time on fetching ahead saves time."""


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
        From what is carried on and a tuple of what belongs to time t, to what is carried on, what is
        kept for a later scan over the same times, and a tuple of output arrays.
    carry : tree of tuples and arrays
        What is carried into the first step.
    xs : tuple
        Arrays (time, ...), or what another scan kept; None stands for a None at each time.
    reverse : bool
        Whether to begin with the last time.

    Returns
    -------
    tuple
        What was carried out of the last step, what was kept (by time), and a tuple of outputs (time, ...).

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
        return _compiled(step, carry, xs, reverse)
    times = len(first)
    kept: list[Any] = [None] * times
    made: tuple[Array, ...] = ()
    for t in reversed(range(times)) if reverse else range(times):
        carry, kept[t], outs = step(carry, tuple(None if x is None else x[t] for x in xs))
        made = made or tuple(np.empty((times, *out.shape), out.dtype) for out in outs)
        for stack, out in zip(made, outs, strict=True):
            stack[t] = out
    return carry, kept, made


def _compiled(
    step: Any, carry: Any, xs: tuple[Any, ...], reverse: bool
) -> tuple[Any, Any, tuple[Array, ...]]:
    import jax

    if target().processor and max(x[0].size for x in jax.tree.leaves(xs)) >= LARGE:
        return _ahead(step, carry, xs, reverse)

    def body(carry: Any, x: tuple[Any, ...]) -> tuple[Any, Any]:
        carry, kept, outs = step(carry, x)
        return carry, (kept, outs)

    carry, (kept, outs) = jax.lax.scan(body, carry, xs, reverse=reverse)
    return carry, kept, outs


def _ahead(step: Any, carry: Any, xs: tuple[Any, ...], reverse: bool) -> tuple[Any, Any, tuple[Array, ...]]:
    """Call a step for each time; what belongs to a time is fetched at the end of the time before.

    On a processor the compiler joins reading an array at a time with all that is computed of it, into code
    that is not vectorized. What comes from the time before it cannot join. Outputs take the place of inputs
    of their shape, which have been read by then, so that less memory goes through the caches.
    """
    import jax
    from jax import lax

    arrays, shape = jax.tree.flatten(xs)
    times = len(arrays[0])

    def fetched(stacks: list[Array], t: Any) -> Any:
        now = [lax.dynamic_index_in_dim(x, t, keepdims=False) for x in stacks[: len(arrays)]]
        return jax.tree.unflatten(shape, now)

    def body(carry: Any, t: Any) -> tuple[Any, None]:
        carry, now, stacks = carry
        carry, *made = step(carry, now)
        for k, out in zip(places, jax.tree.leaves(made), strict=True):
            stacks[k] = lax.dynamic_update_index_in_dim(stacks[k], out, t, 0)
        return (carry, fetched(stacks, t - 1 if reverse else t + 1), stacks), None

    order = np.arange(times, dtype=np.uint32)  # before the first time and after the last: some other time
    order = order[::-1] if reverse else order
    now = fetched(arrays, order[0])
    made, outputs = jax.tree.flatten(jax.eval_shape(step, carry, now)[1:])
    places, stacks = _places(arrays, made)
    (carry, _, stacks), _ = lax.scan(body, (carry, now, stacks), order)
    kept, outs = jax.tree.unflatten(outputs, [stacks[k] for k in places])
    return carry, kept, outs


def _places(arrays: list[Array], made: list[Any]) -> tuple[list[int], list[Array]]:
    """Return arrays for all times to write to, inputs first, and the number of that of each output."""
    xp, stacks, places = namespace(arrays[0]), list(arrays), list[int]()
    for out in made:
        alike = (k for k, x in enumerate(arrays) if x.dtype == out.dtype and x.shape[1:] == out.shape)
        place = next((k for k in alike if k not in places), len(stacks))
        if place == len(stacks):
            stacks.append(xp.zeros((len(arrays[0]), *out.shape), dtype=out.dtype))
        places.append(place)
    return places, stacks
