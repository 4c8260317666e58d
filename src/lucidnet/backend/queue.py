"""A queue that holds trees back for a fixed number of steps; a tree may hold more than arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .xla import loops


def queue(like: tuple[Any, ...], places: int) -> tuple[Any, ...]:
    """Return an empty queue with `places` slots for trees like the given one, whose first entry is an array.

    On NumPy a slot holds a tree unchanged; while compiling, each array of the tree has an array of zeros
    (places, ...), so that nothing grows.
    """
    if isinstance(like[0], np.ndarray):
        return (None,) * places
    arrays, _ = loops.parted(like)
    return tuple(array.__array_namespace__().zeros((places, *array.shape), array.dtype) for array in arrays)


def exchanged(held: tuple[Any, ...], place: Any, new: Any) -> tuple[tuple[Any, ...], Any]:
    """Put a tree into one slot of the queue; return the new queue and the tree that was in the slot before.

    Examples
    --------
    >>> exchanged(("a", "b"), 1, "c")
    (('a', 'c'), 'b')
    """
    if isinstance(place, (int, np.integer)):
        return (*held[:place], new, *held[place + 1 :]), held[place]
    arrays, restored = loops.parted(new)
    old = restored([array[place] for array in held])
    return tuple(there.at[place].set(array) for there, array in zip(held, arrays, strict=True)), old
