"""Inside a compiled program: loops over time, branches, and queues of trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.trees import Array
from ...errors import SettingError
from ..arrays import namespace
from .target import target

LARGE = 8192
"""The number of values fetched at a time from which on fetching ahead saves time."""
PLAIN = (np.ndarray, np.generic, bool, int, float, str, np.dtype, type, slice)
"""Other types that a queue may hold; such values are equal at each step, or the program would differ."""


def branch(condition: Array, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
    """Call one of two functions, chosen at run time, and return its result; see `branch.branch`."""
    from jax import lax

    return lax.cond(condition, yes, no)


def scan(step: Any, carry: Any, xs: tuple[Any, ...], reverse: bool) -> tuple[Any, Any, tuple[Array, ...]]:
    """Call a step function for each time; see `scan.scan`."""
    import jax

    if target().processor and max(x[0].size for x in jax.tree.leaves(xs)) >= LARGE:
        return _ahead(step, carry, xs, reverse)

    def body(carry: Any, x: tuple[Any, ...]) -> tuple[Any, Any]:
        carry, kept, outs = step(carry, x)
        return carry, (kept, outs)

    carry, (kept, outs) = jax.lax.scan(body, carry, xs, reverse=reverse)
    return carry, kept, outs


def _ahead(step: Any, carry: Any, xs: tuple[Any, ...], reverse: bool) -> tuple[Any, Any, tuple[Array, ...]]:
    """Call a step function for each time, fetching each time's input at the end of the time before.

    On a CPU the compiler would fuse reading an array at one time with everything computed from it, into code
    that is not vectorized; what comes from the time before cannot be fused. Outputs overwrite inputs of their
    shape, which have been read by then, so that less memory passes through the caches.
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

    order = np.arange(times, dtype=np.uint32)  # before the first time and after the last: any other time
    order = order[::-1] if reverse else order
    now = fetched(arrays, order[0])
    made, outputs = jax.tree.flatten(jax.eval_shape(step, carry, now)[1:])
    places, stacks = _places(arrays, made)
    (carry, _, stacks), _ = lax.scan(body, (carry, now, stacks), order)
    kept, outs = jax.tree.unflatten(outputs, [stacks[k] for k in places])
    return carry, kept, outs


def _places(arrays: list[Array], made: list[Any]) -> tuple[list[int], list[Array]]:
    """Return the stacks that outputs are written to, inputs first, and the stack of each output."""
    xp, stacks, places = namespace(arrays[0]), list(arrays), list[int]()
    for out in made:
        alike = (k for k, x in enumerate(arrays) if x.dtype == out.dtype and x.shape[1:] == out.shape)
        place = next((k for k in alike if k not in places), len(stacks))
        if place == len(stacks):
            stacks.append(xp.zeros((len(arrays[0]), *out.shape), dtype=out.dtype))
        places.append(place)
    return places, stacks


def parted(tree: Any) -> tuple[list[Array], Callable[[list[Array]], Any]]:
    """Return the arrays of a tree, and a function that rebuilds it from arrays like them; see `queue`."""
    import jax

    found, form = jax.tree.flatten(tree)
    moving = [isinstance(leaf, jax.Array) for leaf in found]
    for leaf, moves in zip(found, moving, strict=True):
        if not (moves or isinstance(leaf, PLAIN)):
            raise SettingError(
                f"a compiled program cannot put aside what a layer keeps as {type(leaf).__name__}: "
                "let it keep arrays, numbers, tuples and dicts, or take backend='numpy'"
            )

    def restored(arrays: list[Array]) -> Any:
        others = iter(arrays)
        return jax.tree.unflatten(
            form, [next(others) if moves else leaf for leaf, moves in zip(found, moving, strict=True)]
        )

    return [leaf for leaf, moves in zip(found, moving, strict=True) if moves], restored
