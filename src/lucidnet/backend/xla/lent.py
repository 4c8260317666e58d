"""Arrays that a CPU device reads where they are, in the memory of whoever brought them."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np

from ...core.trees import Array, there
from ..memory import ALIGN


class Lent:
    """An array from which a program gathers rows without a copy of the whole.

    XLA uses memory as it is only if its address is a multiple of 64, but NumPy's large arrays begin 16 bytes
    after one. So the program is given everything from the next such address on as one vector, and a copy of
    the few rows that begin before it.

    Parameters
    ----------
    first : array (h, ...)
        The rows that are not whole in `rest`.
    rest : array (n,)
        All numbers but the first few.
    skip : int
        How many those are.
    """

    def __init__(self, first: Array, rest: Array, skip: int) -> None:
        self.first, self.rest, self.skip = first, rest, skip

    def rows(self, chosen: Array) -> Array:
        """Return some rows, inside a program; the indices are known to be in range."""
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
    """Tell whether a CPU device can read an array where it is, in a training with weights of a dtype.

    A memory-mapped file is left to the thread that gathers rows ahead: reading from it may wait for a disk.
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
        and array.size < 1 << 31  # indices have 32 bits
        and jax.dtypes.canonicalize_dtype(array.dtype) == array.dtype
        and not isinstance(owner, mmap.mmap)
    )


def lent(array: Array) -> Any:
    """Return an array as `Lent`, or unchanged if XLA can use its memory as it is."""
    skip = -array.ctypes.data % ALIGN // array.itemsize
    if not skip:
        return array
    rest = array.reshape(-1)[skip:]
    return Lent(array[: -(-skip // math.prod(array.shape[1:]))].copy(), rest, skip)
