"""Trees of arrays, and how they are laid out in one flat vector."""

from .backend.layout import Layout as Layout
from .core.exports import export
from .core.trees import Path as Path
from .core.trees import at as at
from .core.trees import leaves as leaves
from .core.trees import put as put
from .core.trees import tree_map as tree_map

export(globals())
