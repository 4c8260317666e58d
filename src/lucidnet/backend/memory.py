"""Memory: reusing what each step frees, and arrays that a device reads without a copy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..core.trees import Array, Shape

ALIGN = 64
"""The alignment in bytes that XLA wants of an array's address."""
MOST = (32 << 20) - (1 << 16)
"""A size in bytes just below glibc's adaptive limit (DEFAULT_MMAP_THRESHOLD_MAX, mallopt(3))."""


@cache
def keep_freed() -> None:
    """Make the C library keep up to 64 MiB that one step frees, so that the next step can use it again.

    glibc returns large arrays to the system as soon as they are freed, and each page of the next ones costs a
    page fault: a quarter of a step of a convolutional or recurrent network. It raises its limits when an
    array between the old limit and the largest one is freed, so one is freed here, whose pages are never
    touched. Other C libraries have limits of their own; there this does nothing.
    """
    np.empty(MOST, np.uint8)


def aligned(shape: Shape, dtype: Any) -> Array:
    """Return an empty array, aligned so that a CPU device can read it without a copy."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + ALIGN, np.uint8)
    begin = -memory.ctypes.data % ALIGN
    made: Array = memory[begin : begin + size].view(dtype).reshape(shape)
    return made


def sealed(array: Any) -> Any:
    """Return a read-only view of a NumPy array; anything else is returned unchanged."""
    if not isinstance(array, np.ndarray):
        return array
    view = array.view()
    view.setflags(write=False)  # a third quicker than by its flags
    return view
