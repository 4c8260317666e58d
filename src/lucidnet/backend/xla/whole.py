"""Compile a program with a small loop as one kernel.

In each iteration of a loop, XLA calls one kernel for each fusion, product and copy of the body. An online
step has some 35 of them, and for a small network the calls take longer than the arithmetic. A call that is
marked `xla_cpu_small_call` is compiled as a single kernel instead, with all loops inside. XLA itself marks
loops that access less than 1 KB; this module decides which others are worth it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from math import prod
from typing import Any

TRIED = (0, 8), (0, 10)
"""The first and the last version of JAX with which this was tried. The mark is not documented, and XLA aborts
the process on a kernel that it does not like: with another version programs are compiled as usual."""
LARGEST = 1 << 16
"""The most numbers that an array in the loop may have; for larger ones the calls do not matter."""
LARGEST_SUM = 1 << 12
"""Sums of so many numbers or more XLA gives to a library, which cannot be called inside a kernel."""
UNKNOWN = ("scatter", "sort", "top_k", "fft", "conv_", "custom", "ffi_", "pure_callback", "io_callback")
"""The first letters of the operations that cannot be part of such a kernel."""


def in_one_piece(
    function: Callable[..., Any], given: tuple[Any, ...], settings: Any
) -> Callable[..., Any] | None:
    """Return a function compiled as one kernel; None if it has no loop, is too large, or cannot be one.

    It is also None with a version of JAX that is not among those tried.

    Parameters
    ----------
    function : callable
        The function.
    given : tuple of trees
        Arguments with the shapes and dtypes that it will be given.
    settings : dict
        Settings of `jax.jit`: ``out_shardings``, or nothing.
    """
    import jax

    if not TRIED[0] <= jax.__version_info__[:2] <= TRIED[1]:
        return None
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
    """Return one number of each array, so that the kernel reads all its arguments: XLA aborts otherwise."""
    import jax.numpy as jnp

    return jnp.stack([array.reshape(-1)[0].astype("float32") for array in arrays])


def _steps(jaxpr: Any, within: bool) -> Iterator[Any]:
    """Yield the operations inside loops of more than one step."""
    for step in jaxpr.eqns:
        inner = list(_inner(step))
        if within and not inner:
            yield step
        loop = step.primitive.name == "while" or step.params.get("length", 1) > 1
        for one in inner:
            yield from _steps(one, within or loop)


def _inner(step: Any) -> Iterator[Any]:
    """Yield the programs inside an operation: the body of a loop, the branches of a condition."""
    for value in step.params.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            one = getattr(one, "jaxpr", one)
            if hasattr(one, "eqns"):
                yield one


def _small(step: Any) -> bool:
    """Whether an operation can be part of a kernel, and is small."""
    name: str = step.primitive.name
    shapes: list[tuple[int, ...]] = [one.aval.shape for one in step.invars]
    if name.startswith(UNKNOWN) or any(prod(made.aval.shape) > LARGEST for made in step.outvars):
        return False
    if name.startswith(("reduce", "arg", "cum")):
        size = prod(shapes[0])
        return size < LARGEST_SUM or size == prod(step.outvars[0].aval.shape)
    if name == "dot_general":  # that of two matrices is a library's, too
        (summed, _), (both, _) = step.params["dimension_numbers"]
        depth, vector = (prod(shapes[0][axis] for axis in axes) for axes in (summed, (*summed, *both)))
        return depth == 1 or vector in [prod(shape) for shape in shapes]
    return True
