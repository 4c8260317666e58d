"""What is put aside for a number of steps: any tree, also one that holds more than arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.trees import Array
from ..errors import SettingError

PLAIN = (np.ndarray, np.generic, bool, int, float, str, np.dtype, type, slice)
"""What else a tree may hold: it is the same at each step, or the program would be another."""


def queue(like: tuple[Any, ...], places: int) -> tuple[Any, ...]:
    """Return empty places for trees like one, whose first entry is an array.

    On NumPy a place holds a tree as it is; while compiling, an array of zeros (places, ...) for each of its
    arrays, so that nothing grows.
    """
    if isinstance(like[0], np.ndarray):
        return (None,) * places
    arrays, _ = _parted(like)
    return tuple(array.__array_namespace__().zeros((places, *array.shape), array.dtype) for array in arrays)


def exchanged(held: tuple[Any, ...], place: Any, new: Any) -> tuple[tuple[Any, ...], Any]:
    """Return the queue with a tree at a place, and what has been there.

    Examples
    --------
    >>> exchanged(("a", "b"), 1, "c")
    (('a', 'c'), 'b')
    """
    if isinstance(place, (int, np.integer)):
        return (*held[:place], new, *held[place + 1 :]), held[place]
    arrays, restored = _parted(new)
    old = restored([array[place] for array in held])
    return tuple(there.at[place].set(array) for there, array in zip(held, arrays, strict=True)), old


def _parted(tree: Any) -> tuple[list[Array], Callable[[list[Array]], Any]]:
    """Return the arrays of a tree, and what puts others like them into their places."""
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
