"""Compiled work on a device, by JAX: what is jit, what is a loop, what is chosen when the program runs.

JAX serves as an array language and a compiler; its automatic differentiation is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...core.trees import Array, Tree
from .lent import Lent
from .target import target


def compiled(
    function: Callable[..., Any], given: tuple[Any, ...], donate: tuple[int, ...] = (), sharding: Any = None
) -> Callable[..., Any]:
    """Return a function compiled for arguments such as these; some of them are given away to it.

    `sharding` says how the results lie on the devices; the compiler chooses if it is not given.
    """
    import jax

    settings = {} if sharding is None else {"out_shardings": sharding}
    made: Callable[..., Any] = jax.jit(function, donate_argnums=donate, **settings).lower(*given).compile()
    return made


def shapes_of(function: Callable[..., Any], *given: Any) -> Any:
    """Return what a function makes as shapes and dtypes; nothing is calculated."""
    import jax

    return jax.eval_shape(function, *given)


def signature(tree: Tree) -> Any:
    """Return what a program is compiled for: the structure of a tree of arrays, their shapes and dtypes."""
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
    """Return one tree or another of the same structure, as a condition tells at run time."""
    import jax

    return jax.tree.map(lambda a, b: jax.numpy.where(condition, a, b), one, other)


def cond(condition: Array, make: Callable[[], Tree], other: Tree) -> Tree:
    """Return what a function makes, or another tree of the same structure.

    A processor does not work out what is not taken; a card would have to ask the host, so it does.
    """
    from jax import lax

    if target().processor:
        made: Tree = lax.cond(condition, make, lambda: other)
        return made
    return where(condition, make(), other)


def all_finite(arrays: Sequence[Array], numbers: Sequence[Array] = ()) -> Array:
    """Tell whether all numbers are finite; on a processor by their squares, which is a fast pass."""
    import jax.numpy as jnp
    from jax import lax

    beside = jnp.stack([jnp.isfinite(number) for number in numbers]).all() if numbers else True

    def plain() -> Array:
        return jnp.stack([jnp.isfinite(array).all() for array in arrays]).all()

    if not target().processor:
        return plain() & beside
    # A product of an array with itself as a vector would be added up by slower loops, on a copy of its own.
    squares = jnp.stack([jnp.isfinite((array * array).sum()) for array in arrays]).all()
    made: Array = lax.cond(squares, lambda: squares, plain)  # squares may overflow
    return made & beside


def rows_of(array: Array, chosen: Array) -> Array:
    """Return some rows of an array; all are known to be there."""
    if isinstance(array, Lent):
        return array.rows(chosen)
    rows: Array = array.at[chosen].get(mode="promise_in_bounds")
    return rows


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Allow 64 bits while working in float64, as JAX does not by itself."""
    import jax

    allowed: Any = jax.config
    with jax.enable_x64(dtype == "float64" or allowed.jax_enable_x64):
        yield
