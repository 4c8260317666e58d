"""What the layers inside a container receive and return in one forward and backward pass."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.trees import tree_map
from ..inspect import Call, watch
from ..layers import Layer
from .packed import Packed, joined, shapes
from .subject import LayerSubject


@dataclass(frozen=True)
class Visit:
    """A layer inside a container, and its first call; None if it was not called."""

    index: int
    name: str
    layer: Layer
    call: Call | None = None

    @property
    def subject(self) -> LayerSubject | None:
        """The layer with the input and error that it received; None if either is missing."""
        call = self.call
        if call is None or call.dy is None:
            return None
        layer: Any = self.layer
        x, dy = call.x, call.dy
        if isinstance(x, (tuple, dict)) or isinstance(dy, dict):
            layer = Packed(layer, shapes(x))
            x, dy = joined(x), layer.side_by_side(dy)
        if not isinstance(x, np.ndarray) or not isinstance(dy, np.ndarray):
            return None
        params = tree_map(np.copy, call.params)  # which are tried out with other numbers
        return LayerSubject(layer, params, x.copy(), dy.copy(), call.run)


def visits(subject: LayerSubject) -> list[Visit]:
    """Run a container forward and backward; return the call of each layer inside.

    This covers whatever the container does with them, in `route` or in `backward`.
    """
    # If it fails, then inside a layer that has noted what it was given, and is reported there.
    layer: Any = subject.layer
    packed = type(layer) is Packed
    with watch(layer.inside if packed else layer, copies=True) as calls, suppress(Exception):
        replace(subject, layer=layer.around(calls.net) if packed else calls.net).gradients()
    first = {call.path: call for call in reversed(calls)}
    children = enumerate(subject.layer.children())
    return [Visit(i, name, child, first.get((name,))) for i, (name, child) in children]
