"""Arrays that a device which is a processor reads where they lie, in the memory of whoever brought them."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np

from ...core.trees import Array, there
from ..memory import ALIGN


class Lent:
    """An array of which a program reads rows, without a copy of it.

    XLA takes memory as it is only from an address that 64 divides, and NumPy's large arrays begin 16 bytes
    behind one. So the program has all numbers from the next such address on as one vector, and copies of
    the few rows that begin before it.

    Parameters
    ----------
    first : array (h, ...)
        The rows that are not whole in the rest.
    rest : array (n,)
        All numbers but the first few.
    skip : int
        How many these are.
    """

    def __init__(self, first: Array, rest: Array, skip: int) -> None:
        self.first, self.rest, self.skip = first, rest, skip

    def rows(self, chosen: Array) -> Array:
        """Return some rows, inside a program; all are known to be there."""
        import jax.numpy as jnp
        from jax import lax

        shape = self.first.shape[1:]
        width = math.prod(shape)
        begin = jnp.maximum(chosen * width - self.skip, 0)[:, None]
        whole = lax.GatherDimensionNumbers((1,), collapsed_slice_dims=(), start_index_map=(0,))
        found = lax.gather(self.rest, begin, whole, (width,), mode="promise_in_bounds")
        before = (chosen < len(self.first)).reshape(-1, *[1] * len(shape))
        own = self.first[jnp.minimum(chosen, len(self.first) - 1)]
        made: Array = jnp.where(before, own, found.reshape(-1, *shape))
        return made


def lendable(array: Array, dtype: str) -> bool:
    """Tell whether a processor can read an array where it lies, for weights of a dtype.

    Of a mapped file it should not, as rows are better read ahead.
    """
    import jax

    owner = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return (
        there(array.dtype, dtype) == array.dtype
        and array.flags.c_contiguous
        and array.flags.aligned
        and array.nbytes > ALIGN
        and array.size < 1 << 31  # places of numbers are 32 bits wide
        and jax.dtypes.canonicalize_dtype(array.dtype) == array.dtype
        and not isinstance(owner, mmap.mmap)
    )


def lent(array: Array) -> Any:
    """Return an array as `Lent`, or as it is where its address is one that XLA takes."""
    skip = -array.ctypes.data % ALIGN // array.itemsize
    if not skip:
        return array
    rest = array.reshape(-1)[skip:]
    return Lent(array[: -(-skip // math.prod(array.shape[1:]))].copy(), rest, skip)
