"""Trees of weights as people read them."""

from __future__ import annotations

import sys

from ..core.trees import ReadOnly, Tree


def read_only(tree: Tree) -> Tree:
    """Return a read-only view of a tree; where JAX is in use, it is a tree for its functions, too."""
    if "jax" in sys.modules:
        from .xla.pytrees import register

        register()
    return ReadOnly.of(tree)
