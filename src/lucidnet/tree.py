"""Trees of arrays, and where they lie in one flat vector."""

from .backend.layout import Layout
from .core.trees import Path, at, leaves, put, tree_map

__all__ = ["Layout", "Path", "at", "leaves", "put", "tree_map"]
