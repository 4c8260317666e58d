"""How many shapes of batches something was compiled for: each takes a program of its own."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

MANY = 8
"""After how many shapes it is said that there are many."""
PACKAGE = str(Path(__file__).parents[2])
KNOWN: WeakKeyDictionary[Any, dict[str, set[Any]]] = WeakKeyDictionary()
"""What came so far, by who runs it, and by what is called."""


def noted(owner: Any, what: str, shapes: Any) -> None:
    """Note that something is called with batches of these shapes; warn once if there are many.

    Parameters
    ----------
    owner : object
        Who has it compiled.
    what : str
        What is called, as a person calls it.
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
    """Return how many frames above its caller is the first that is not of this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    return level
