"""Count the shapes of batches that programs are compiled for, and warn if there are many."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

MANY = 8
"""The number of shapes that is warned of."""
PACKAGE = str(Path(__file__).parents[2])
KNOWN: WeakKeyDictionary[Any, dict[str, set[Any]]] = WeakKeyDictionary()
"""The shapes so far, by owner and by what is called."""


def noted(owner: Any, what: str, shapes: Any) -> None:
    """Note a call with batches of these shapes; warn once if there are many.

    Parameters
    ----------
    owner : object
        The executor, or whatever else has it compiled.
    what : str
        What is called, for the message.
    shapes : hashable
        The shapes.
    """
    known = KNOWN.setdefault(owner, {}).setdefault(what, set())
    if shapes in known:
        return
    known.add(shapes)
    if len(known) == MANY:
        warnings.warn(
            f"{what}: batches of {MANY} shapes came, the last of {_told(shapes)}, and JAX compiles a program "
            "for each, which takes longer than many steps: give batches of one size, without a smaller one "
            "at the end, and fill sequences up to a few lengths",
            stacklevel=_outside(),
        )


def shapes_in(tree: Any) -> tuple[Any, ...]:
    """Return the shapes of the arrays in a tree of tuples and dicts, in order."""
    if isinstance(tree, dict):
        return tuple(shape for one in tree.values() for shape in shapes_in(one))
    if isinstance(tree, (tuple, list)):
        return tuple(shape for one in tree for shape in shapes_in(one))
    return () if tree is None else (tuple(tree.shape),)


def _told(shapes: Any) -> str:
    return ", ".join(map(str, shapes))


def _outside() -> int:
    """Return the `stacklevel` of the first caller outside this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    return level
