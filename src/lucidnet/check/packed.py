"""A layer of several inputs or outputs as one of a single flat array, to be checked like any other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..backend import Array, Stream, Tree, namespace
from ..core.trees import mapped, ordered
from ..layers import Embedding, Graph, Input, Sequential
from ..layers.base import INFERENCE, Cache, Layer, Run, several
from ..layers.containers import first_leaf
from ..layers.rebuild import Wrapper


class Packed(Wrapper):
    """Stands in for a layer: what it takes and gives in several arrays lies side by side in one, (n, size).

    Parameters
    ----------
    layer : Layer
        The layer.
    shape : shape
        The shapes of its inputs, in a tuple or by name, or that of its one input.

    Examples
    --------
    >>> import numpy as np
    >>> from lucidnet.layers import Subtract
    >>> layer = Packed(Subtract(), ((2,), (2,)))
    >>> layer.forward({}, np.array([[5.0, 6.0, 1.0, 2.0]]))[0]
    array([[4., 4.]])
    """

    def __init__(self, layer: Layer, shape: Any) -> None:
        Wrapper.__init__(self, layer)
        self.inside, self.shape, self._made = layer, shape, layer.output_shape(shape)

    @property
    def smooth(self) -> bool:
        """Whether there is a gradient by all inputs."""
        return not embedded(self.inside)

    def around(self, layer: Layer) -> Packed:
        """Return a net with another layer in the place of the one inside."""
        return Packed(layer, self.shape)

    def init(self, rng: Stream, shape: Any) -> tuple[Tree, Any]:
        """Return the layer's first weights, and the shape of one output."""
        return self._layer.init(rng, self.shape)[0], self.output_shape(shape)

    def output_shape(self, shape: Any) -> Any:
        """Return the shape of one output."""
        return (_size(self._made),) if several(self._made) else self._made

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        """Run the layer on the parts of one array."""
        y, cache = self._layer.forward(params, apart(x, self.shape), run)
        return self.side_by_side(y), cache

    def backward(
        self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True
    ) -> tuple[Array | None, Tree]:
        """Go back from the parts of one array."""
        dx, grads = self._layer.backward(params, cache, apart(dy, self._made), need_dx)
        return joined(ordered(dx, self.shape)) if need_dx and self.smooth else None, grads

    def side_by_side(self, parts: Any) -> Any:
        """Return what belongs to several outputs, such as their errors, in one array, in their order."""
        return joined(ordered(parts, self._made))


def joined(parts: Any) -> Any:
    """Return arrays (n, ...) side by side in one, (n, size); a single array stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> joined((np.zeros((2, 3)), np.zeros((2, 4, 5)))).shape
    (2, 23)
    """
    if not isinstance(parts, (tuple, dict)):
        return parts
    flat = [array.reshape(len(array), -1) for array in _arrays(parts)]
    return namespace(flat[0]).concat(flat, axis=1)


def apart(array: Array, shape: Any) -> Any:
    """Return the arrays of some shapes that lie side by side in one; the inverse of `joined`.

    Examples
    --------
    >>> import numpy as np
    >>> [part.shape for part in apart(np.zeros((2, 23)), ((3,), (4, 5)))]
    [(2, 3), (2, 4, 5)]
    """
    if not several(shape):
        return array
    made, start = {}, 0
    for name, own in shape.items() if isinstance(shape, dict) else enumerate(shape):
        part = array[:, start : start + _size(own)]
        made[name] = apart(part, own) if several(own) else part.reshape(len(array), *own)
        start += _size(own)
    return made if isinstance(shape, dict) else tuple(made.values())


def shapes(parts: Any) -> Any:
    """Return the shape of one example of each of several arrays."""
    return mapped(lambda array: tuple(array.shape[1:]), parts)


def embedded(net: Layer) -> dict[str, int]:
    """Return the vocabulary size of each input that goes into an embedding, by name ("" if unnamed)."""
    while isinstance(net, Sequential):
        net = next(layer for layer in net.layers if not isinstance(layer, Input))
    if not isinstance(net, Graph):
        first = first_leaf(net)
        return {"": first.vocabulary} if isinstance(first, Embedding) else {}
    found: dict[str, int] = {}
    for _, _, layer, sources in net.placed():
        first = first_leaf(layer)
        if isinstance(first, Embedding):
            found |= {source: first.vocabulary for source in sources}
    return (
        found if len(net.inputs) > 1 else {"": found[net.inputs[0][0]]} if net.inputs[0][0] in found else {}
    )


def _size(shape: Any) -> int:
    if not several(shape):
        return math.prod(shape)
    return sum(map(_size, shape.values() if isinstance(shape, dict) else shape))


def _arrays(parts: Any) -> Iterator[Array]:
    if isinstance(parts, (tuple, dict)):
        for part in parts.values() if isinstance(parts, dict) else parts:
            yield from _arrays(part)
    else:
        yield parts
