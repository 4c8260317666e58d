"""Small loops in one piece: one kernel for the whole loop, not one for each of its parts.

Each time around a loop XLA calls some 35 kernels on a processor, each for a few numbers in a small network:
the calls take longer than the work. A call marked as small it compiles as one kernel, all loops within
included. It does so by itself for loops of less than 1 KB; which others pay is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from math import prod
from typing import Any

LARGEST = 1 << 16
"""How many numbers an array within the loop may have: larger ones take longer than the calls."""
LARGEST_SUM = 1 << 12
"""How many numbers may be added up or compared: from here on XLA calls a library, which a kernel cannot."""
UNKNOWN = ("scatter", "sort", "top_k", "fft", "conv_", "custom", "ffi_", "pure_callback", "io_callback")
"""How operations begin that a kernel cannot hold."""


def in_one_piece(
    function: Callable[..., Any], given: tuple[Any, ...], settings: Any
) -> Callable[..., Any] | None:
    """Return a function compiled as one kernel; None if it has no loop, is too large, or cannot be one."""
    import jax

    mark: Any = import_module("jax.experimental.xla_metadata").set_xla_metadata
    arrays, structure = jax.tree.flatten(given)
    full = [number for number, array in enumerate(arrays) if array.size]
    empty = {k: (array.shape, array.dtype) for k, array in enumerate(arrays) if not array.size}

    def kernel(*arrays: Any) -> Any:
        made: Any = {k: jax.numpy.zeros(*like) for k, like in empty.items()}
        made |= zip(full, arrays, strict=True)
        return function(*jax.tree.unflatten(structure, [made[k] for k in range(len(made))])), _seen(arrays)

    def marked(*given: Any) -> Any:
        arrays = jax.tree.leaves(given)
        made = jax.jit(kernel)(*(arrays[number] for number in full))
        return mark(made, xla_cpu_small_call="true", inlineable="false")

    if settings:
        settings = {"out_shardings": (settings["out_shardings"], None)}
    traced = jax.jit(marked, **settings).trace(*given)
    steps = list(_steps(traced.jaxpr.jaxpr, False))
    if not steps or not all(map(_small, steps)):
        return None
    try:
        made = traced.lower().compile()
    except jax.errors.JaxRuntimeError:  # an operation that is not among UNKNOWN
        return None
    return lambda *given: made(*given)[0]


def _seen(arrays: tuple[Any, ...]) -> Any:
    """Return a number of each array: XLA ends the process where a kernel does not read what it is given."""
    import jax.numpy as jnp

    return jnp.stack([array.reshape(-1)[0].astype("float32") for array in arrays])


def _steps(jaxpr: Any, within: bool) -> Iterator[Any]:
    """Yield the operations within loops."""
    for step in jaxpr.eqns:
        inner = list(_inner(step))
        if within and not inner:
            yield step
        loop = step.primitive.name == "while" or step.params.get("length", 1) > 1
        for one in inner:
            yield from _steps(one, within or loop)


def _inner(step: Any) -> Iterator[Any]:
    """Yield the programs that an operation runs: a loop's body, the branches of a choice."""
    for value in step.params.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            one = getattr(one, "jaxpr", one)
            if hasattr(one, "eqns"):
                yield one


def _small(step: Any) -> bool:
    """Tell whether an operation may be part of a kernel, and is small enough to."""
    name: str = step.primitive.name
    shapes = [one.aval.shape for one in step.invars]
    if name.startswith(UNKNOWN) or any(prod(made.aval.shape) > LARGEST for made in step.outvars):
        return False
    if name.startswith(("reduce", "arg", "cum")):
        return prod(shapes[0]) < LARGEST_SUM or prod(shapes[0]) == prod(step.outvars[0].aval.shape)
    if name == "dot_general":  # of two matrices it is a library's, too
        (summed, _), (both, _) = step.params["dimension_numbers"]
        depth, vector = (prod(shapes[0][axis] for axis in axes) for axes in (summed, (*summed, *both)))
        return bool(depth == 1 or vector in map(prod, shapes))
    return True
