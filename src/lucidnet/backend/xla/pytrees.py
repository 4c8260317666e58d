"""Flat trees and a vector's parts, registered as JAX pytrees."""

from __future__ import annotations

from functools import cache
from typing import Any

from ...core.trees import ReadOnly
from ..layout import Flat
from ..parts import Parts


@cache
def register() -> None:
    """Tell JAX, once, that `Flat`, `Parts` and `ReadOnly` are containers of arrays."""
    import jax

    tree: Any = jax.tree_util
    tree.register_pytree_node(
        Parts,
        lambda parts: (tuple(parts.arrays), tuple(parts.starts)),
        lambda starts, arrays: Parts(arrays, starts),
    )
    tree.register_pytree_node(
        ReadOnly,
        lambda given: (tuple(given.values()), tuple(given)),
        lambda names, values: dict(zip(names, values, strict=True)),
    )
    tree.register_pytree_node(
        Flat,
        lambda flat: (tuple(flat.vector.arrays), flat.layout),
        lambda layout, arrays: Flat(layout, layout.parts(arrays), arrays),
    )
