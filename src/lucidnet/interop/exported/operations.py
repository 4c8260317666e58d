"""A network as a list of simple operations on arrays, from which files for other programs are written.

The operations are those of ONNX, version 20 of its operators (https://onnx.ai/onnx/operators/).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...backend import Array, Shape, Tree
from ...core.trees import Path, dotted
from ...core.value import of_library
from ...errors import SettingError
from ...layers import Layer


class Operation(NamedTuple):
    """One operation: what it is, the names of what goes in and comes out, and its settings."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: dict[str, Any]
    layer: str
    """The name of the layer that it belongs to."""


class Port(NamedTuple):
    """An input or output of the whole: its name, its type, and the shape of one example of it."""

    name: str
    dtype: str
    shape: Shape


class Operations:
    """The operations of a network, in order, with the arrays that they use.

    Parameters
    ----------
    dtype : str
        The type of its numbers.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []
        self.constants: dict[str, Array] = {}
        self.operations: list[Operation] = []
        self.path: Path = ()
        """The layer whose operations are added now."""
        self._names: set[str] = set()

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Add operations to an inner layer for the time being."""
        before, self.path = self.path, (*self.path, name)
        try:
            yield
        finally:
            self.path = before

    def named(self, name: str) -> str:
        """Return a name that nothing has yet: of this layer, with a number where it is needed."""
        whole = wanted = dotted((*self.path, name))
        number = 1
        while whole in self._names:
            number += 1
            whole = f"{wanted}{number}"
        self._names.add(whole)
        return whole

    def array(self, array: Any, name: str, dtype: str = "") -> str:
        """Add an array of numbers, in the type of the program if no other is given; return its name."""
        known, dtype = self.named(name), dtype or self.dtype
        with np.errstate(over="ignore"):
            made = np.array(array, dtype, order="C")
        if not np.isfinite(made).all():
            largest = np.abs(array).max()
            raise refused(self, f"{name} holds {largest:.3g}, which is too large for {dtype}")
        self.constants[known] = made
        return known

    def whole(self, numbers: Any, name: str = "sizes") -> str:
        """Add whole numbers, such as sizes and axes; return their name."""
        known = self.named(name)
        self.constants[known] = np.asarray(numbers, np.int64)
        return known

    def add(self, kind: str, *inputs: str, **settings: Any) -> str:
        """Add an operation with one output; return the name of that."""
        return self.several(kind, 1, *inputs, **settings)[0]

    def several(self, kind: str, count: int, *inputs: str, **settings: Any) -> tuple[str, ...]:
        """Add an operation with several outputs; return their names."""
        outputs = tuple(self.named(kind.lower()) for _ in range(count))
        self.call(kind, inputs, outputs, **settings)
        return outputs

    def call(self, kind: str, inputs: tuple[str, ...], outputs: tuple[str, ...], **settings: Any) -> None:
        """Add an operation whose outputs have names already."""
        self.operations.append(Operation(kind, inputs, outputs, settings, dotted(self.path)))

    def turned(self, x: str, *order: int) -> str:
        """Return an array with its axes in another order."""
        return x if order == tuple(range(len(order))) else self.add("Transpose", x, perm=list(order))

    def shaped(self, x: str, *sizes: int) -> str:
        """Return an array in another shape: 0 stands for the size that it has there, -1 for the rest."""
        return self.add("Reshape", x, self.whole(sizes))

    def mean(self, x: str, *axes: int, keep: bool = True) -> str:
        """Return the mean over some axes."""
        return self.add("ReduceMean", x, self.whole(axes, "axes"), keepdims=int(keep))

    def like(self, x: str, of: str) -> str:
        """Return an array in the shape of another, whose sizes may vary."""
        return self.add("Reshape", x, self.add("Shape", of))

    def layer(self, layer: Layer, params: Tree, x: Any, shape: Any) -> Any:
        """Add the operations of a layer; return the name of its output, or several by name.

        Parameters
        ----------
        layer : Layer
            The layer.
        params : tree
            Its parameters.
        x : str, or several
            The name of its input.
        shape : shape, or several
            The shape of one example of it.

        Raises
        ------
        SettingError
            If it cannot be written as such operations.
        """
        translate = TRANSLATIONS.get(type(layer))
        if translate is None:
            kind = type(layer).__name__
            own = "" if of_library(layer) else ": it is a class of your own"
            raise refused(self, f"{kind} cannot be written with the operators of ONNX{own}")
        return translate(self, layer, params, x, shape)


Translation: TypeAlias = Callable[[Operations, Any, Any, Any, Any], Any]

TRANSLATIONS: dict[type, Translation] = {}
"""How a layer of a class becomes operations. A subclass may compute something else, and is not in it."""


def translates(*kinds: type) -> Callable[[Translation], Translation]:
    """Return a decorator for the function that adds the operations of layers of some classes."""

    def kept(translation: Translation) -> Translation:
        TRANSLATIONS.update(dict.fromkeys(kinds, translation))
        return translation

    return kept


def refused(to: Operations, why: str) -> SettingError:
    """Return the error that tells which layer cannot be exported."""
    return SettingError(f"export: layer {dotted(to.path) or 'of the network'!r}: {why}")
