"""Count the shapes of batches that programs are compiled for, and warn if there are many."""

from __future__ import annotations

import warnings
from typing import Any
from weakref import WeakKeyDictionary

from ...errors import outside

MANY = 8
"""The number of shapes that is warned of."""
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
            f"{what}: batches of {MANY} shapes came, the last of {', '.join(map(str, shapes))}, and JAX "
            "compiles a program for each, which takes longer than many steps: give batches of one size, "
            "without a smaller one at the end, and fill sequences up to a few lengths",
            stacklevel=outside(),
        )


def shapes_in(tree: Any) -> tuple[Any, ...]:
    """Return the shapes of the arrays in a tree of tuples and dicts, in order."""
    if isinstance(tree, dict):
        return tuple(shape for one in tree.values() for shape in shapes_in(one))
    if isinstance(tree, (tuple, list)):
        return tuple(shape for one in tree for shape in shapes_in(one))
    return () if tree is None else (tuple(tree.shape),)
