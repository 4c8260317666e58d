"""Compiled work on a device through JAX: jit, loops, and choices made while the program runs.

JAX serves as an array language and a compiler; its automatic differentiation is not used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...core.trees import Array, Tree
from ...errors import SettingError
from .lent import Lent
from .target import compiling_for, target
from .whole import in_one_piece


def compiled(
    function: Callable[..., Any], given: tuple[Any, ...], donate: tuple[int, ...] = (), sharding: Any = None
) -> Callable[..., Any]:
    """Compile a function for arguments like the given ones; the buffers of those in `donate` may be reused.

    `sharding` says how the results lie on the devices; the compiler chooses if it is not given.
    """
    import jax

    settings = {} if sharding is None else {"out_shardings": sharding}
    here = target()
    if here.whole and here.processor and (whole := in_one_piece(function, given, settings)):
        return whole
    with compiling_for(here._replace(whole=False)):
        made: Callable[..., Any] = (
            jax.jit(function, donate_argnums=donate, **settings).lower(*given).compile()
        )
    return made


def shapes_of(function: Callable[..., Any], *given: Any) -> Any:
    """Return the shapes and dtypes of a function's result without computing it."""
    import jax

    return jax.eval_shape(function, *given)


def signature(tree: Tree) -> Any:
    """Return what a compiled program depends on: a tree's structure, and its arrays' shapes and dtypes."""
    import jax

    arrays, structure = jax.tree.flatten(tree)
    return structure, tuple((array.shape, array.dtype) for array in arrays)


def keep_programs(folder: Path) -> None:
    """Keep compiled programs in a folder from run to run, unless JAX has been told of another."""
    import jax

    settings: Any = jax.config
    if settings.jax_compilation_cache_dir is None:
        settings.update("jax_compilation_cache_dir", str(folder))
        settings.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def repeated(step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any) -> tuple[Any, Any]:
    """Call ``carry, out = step(carry, x)`` for each x, in one compiled loop."""
    from jax import lax

    carry, outs = lax.scan(step, carry, xs)
    return carry, outs


def where(condition: Array, one: Tree, other: Tree) -> Tree:
    """Select one of two trees of the same structure by a condition known only at run time."""
    import jax

    return jax.tree.map(lambda a, b: jax.numpy.where(condition, a, b), one, other)


def cond(condition: Array, make: Callable[[], Tree], other: Tree) -> Tree:
    """Return the result of `make` if a condition holds at run time, else another tree of the same structure.

    A CPU does not compute the branch not taken; a GPU, which would have to ask the host, does.
    """
    from jax import lax

    if target().processor:
        made: Tree = lax.cond(condition, make, lambda: other)
        return made
    return where(condition, make(), other)


def all_finite(arrays: Sequence[Array], numbers: Sequence[Array] = ()) -> Array:
    """Tell whether all numbers are finite; on a processor by their squares or sums, which is a fast pass."""
    import jax.numpy as jnp
    from jax import lax

    beside = jnp.stack([jnp.isfinite(number) for number in numbers]).all() if numbers else True

    def plain() -> Array:
        return jnp.stack([jnp.isfinite(array).all() for array in arrays]).all()

    if not target().processor:
        return plain() & beside
    if target().whole:
        return jnp.isfinite(jnp.stack([_sum(array) for array in arrays])).all() & beside
    # A product of an array with itself as a vector would be summed by slower loops, on a copy of its own.
    squares = jnp.stack([jnp.isfinite((array * array).sum()) for array in arrays]).all()
    made: Array = lax.cond(squares, lambda: squares, plain)  # squares may overflow
    return made & beside


def _sum(array: Array) -> Array:
    """Return a sum that is finite if and only if all numbers of an array are; only for kernels.

    The numbers are scaled down, so that the sum cannot overflow, and some may be counted twice. The rows are
    added in quarters, as a kernel adds the numbers of one sum one by one, but those of many sums at once.
    """
    from jax import lax

    rows = array.reshape(-1, array.shape[-1]) * 2.0**-30
    while len(rows) > 8:
        size = -(-len(rows) // 4)
        rows = sum(rows[min(k * size, len(rows) - size) :][:size] for k in range(4))
    settled: Any = lax.optimization_barrier  # or all is computed again for each number of the sum
    made: Array = settled(settled(rows).sum(0)).sum()
    return made


def rows_of(array: Array, chosen: Array) -> Array:
    """Return some rows of an array; the indices are known to be in range."""
    if isinstance(array, Lent):
        return array.rows(chosen)
    rows: Array = array.at[chosen].get(mode="promise_in_bounds")
    return rows


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Allow 64 bits while working in float64, as JAX does not by itself.

    Raises
    ------
    SettingError
        If this process was forked from one in which JAX works: its threads are not here.
    """
    if FORKED:
        raise SettingError(
            "jax: this process was forked from one in which JAX was at work already, and would wait for ever "
            "for JAX's threads, which are not in it: start processes anew, as "
            "multiprocessing.get_context('spawn') does, or use a model with backend='numpy' in it"
        )
    import jax

    allowed: Any = jax.config
    with jax.enable_x64(dtype == "float64" or allowed.jax_enable_x64):
        yield


FORKED: list[bool] = []
"""Not empty in a process that was forked from one in which JAX was at work."""


def _forked() -> None:
    bridge = sys.modules.get("jax._src.xla_bridge")
    if bridge is not None and bridge.backends_are_initialized():
        FORKED.append(True)


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_forked)
