"""A network as a list of simple operations on arrays, from which files for other programs are written.

The operations are those of ONNX, version 20 of its operators (https://onnx.ai/onnx/operators/).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...backend import Array, Shape, Tree
from ...core.settings import shown
from ...core.trees import Path, dotted
from ...core.value import of_library
from ...errors import SettingError
from ...layers import Layer
from ...layers.base import several
from ...layers.shapes import zeros


class Operation(NamedTuple):
    """One operation: what it is, the names of what goes in and comes out, and its settings."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: dict[str, Any]
    layer: str
    """The name of the layer that it belongs to."""


class Subgraph(NamedTuple):
    """What happens at one time step of a loop: the names of states and inputs, what it gives, and how."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    operations: list[Operation]


Step: TypeAlias = Callable[[tuple[str, ...], tuple[str, ...]], tuple[tuple[str, ...], tuple[str, ...]]]
"""What adds one time step: of the names of states and inputs those of the next states, and of outputs."""


class Port(NamedTuple):
    """An input or output of the whole: its name, its type, and the shape of one example of it."""

    name: str
    dtype: str
    shape: Shape
    of: str = ""
    """The input whose time steps it tells of, if it is a mask."""


class Operations:
    """The operations of a network, in order, with the arrays that they use.

    Parameters
    ----------
    dtype : str
        The type of its numbers.
    loops : bool
        Whether recurrent layers are loops over time, even where there is an operation that is one as a whole.
    """

    def __init__(self, dtype: str, loops: bool = False) -> None:
        self.dtype, self.loops = dtype, loops
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []
        self.constants: dict[str, Array] = {}
        self.operations: list[Operation] = []
        self.path: Path = ()
        """The layer whose operations are added now."""
        self.mask: Any = None
        """The mask of its input: the name of an array (n, time), a tuple of several, or None."""
        self.described: dict[str, str] = {}
        """What each layer is, by name."""
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
        return self._only(dotted((*self.path, name)))

    def reserve(self, names: Iterable[str]) -> None:
        """Keep names for the inputs and outputs."""
        self._names.update(names)

    def _only(self, wanted: str) -> str:
        """Return a name that nothing has yet, and keep it."""
        whole, number = wanted, 1
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
        if made.dtype.kind == "f" and (np.isinf(made) & np.isfinite(array)).any():
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

    def called(self, value: str, name: str = "") -> str:
        """Give a value of the last operation another name, if it is one: else that of its layer."""
        last = self.operations[-1] if self.operations else None
        if last is None or value not in last.outputs or last.layer != dotted(self.path):
            return value
        self._names.discard(value)
        known = self.named(name) if name else self._only(dotted(self.path))
        self.operations[-1] = renamed(last, value, known)
        return known

    def give_out(self, value: str, port: Port) -> None:
        """Make a value an output of the whole, under the name of that."""
        before = {*(each.name for each in (*self.inputs, *self.outputs)), *self.constants}
        if value in before:
            self.call("Identity", (value,), (port.name,))
        else:
            self.operations = [renamed(each, value, port.name) for each in self.operations]
        self.outputs.append(port)

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

    def zero(self, x: str, dimensions: int, value: float = 0.0) -> str:
        """Return sequences (n, time, ...) with zeros, or another value, where time steps do not count."""
        return zeroed(self, first_mask(self), x, dimensions, value)

    def spread(self, mask: str, dimensions: int) -> str:
        """Return a mask (n, time) with as many axes as what it tells of."""
        axes = list(range(2, dimensions))
        return self.add("Unsqueeze", mask, self.whole(axes, "axes")) if axes else mask

    def numbers(self, mask: str) -> str:
        """Return a mask as numbers 0 and 1."""
        return self.add("Cast", mask, to=self.dtype)

    def scan(
        self, step: Step, states: dict[str, str], arrays: dict[str, str], backwards: bool
    ) -> tuple[str, ...]:
        """Add a loop over time; return the names of the last states, then of the outputs of all times.

        Parameters
        ----------
        step : function
            What adds the operations of one time step, step(states, parts of the arrays), and returns the
            names of the next states and of the outputs.
        states : dict
            The first states, by the names that they have in the loop.
        arrays : dict
            What is looked at, time first, likewise.
        backwards : bool
            Whether to go from the last time to the first.
        """
        before, now = tuple(map(self.named, states)), tuple(map(self.named, arrays))
        outside, self.operations = self.operations, []
        made, told = step(before, now)
        outputs: list[str] = []
        for name in (*made, *told):  # each output of a loop has a name of its own
            outputs.append(self.add("Identity", name) if name in (*outputs, *before, *now) else name)
        inner, self.operations = self.operations, outside
        body = Subgraph((*before, *now), tuple(outputs), inner)
        ends = tuple(self.named(f"last_{name}") for name in states) + (self.named("outputs"),) * len(told)
        self.call("Scan", (*states.values(), *arrays.values()), ends, body=body, backwards=backwards)
        return ends

    def flow(self, layer: Layer, params: Tree, x: Any, shape: Any, mask: Any = None) -> tuple[Any, Any]:
        """Add the operations of a layer; return the name of its output, or several by name, and of its mask.

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
        mask : str, or several, optional
            The name of its mask (n, time); None if there is none.

        Raises
        ------
        SettingError
            If it cannot be written as such operations.
        """
        translate = TRANSLATIONS.get(type(layer))
        if translate is None and of_library(layer):
            raise refused(self, f"{type(layer).__name__} cannot be written with the operators of ONNX")
        self.described.setdefault(dotted(self.path), layer.describe())
        made, after = (translate or leaf(own))(self, layer, params, x, shape, mask)
        return (self.called(made) if isinstance(made, str) else made), after

    def layer(self, layer: Layer, params: Tree, x: Any, shape: Any) -> Any:
        """Add the operations of a layer that no mask reaches; return the name of its output."""
        return self.flow(layer, params, x, shape)[0]


def first_mask(to: Operations) -> str | None:
    """Return the mask of the only input, or of the first of several; None if there is none."""
    mask: str | None = to.mask[0] if isinstance(to.mask, tuple) else to.mask
    return mask


def zeroed(to: Operations, mask: str | None, x: str, dimensions: int, value: float = 0.0) -> str:
    """Return sequences with zeros, or another value, where the steps of some mask do not count."""
    if mask is None:
        return x
    return to.add("Where", to.spread(mask, dimensions), x, to.array(value, "filler"))


def sizes_of(to: Operations, x: str, *axes: int) -> str:
    """Return the sizes of some axes of an array, which are known when the program runs."""
    return to.add("Gather", to.add("Shape", x), to.whole(axes, "axes"), axis=0)


def renamed(operation: Operation, old: str, new: str) -> Operation:
    """Return an operation with another name of a value."""
    inputs, outputs = (tuple(new if n == old else n for n in part) for part in operation[1:3])
    return operation._replace(inputs=inputs, outputs=outputs)


def prune(to: Operations) -> None:
    """Leave out what no output needs."""
    to.operations, needed = needed_of(to.operations, {port.name for port in to.outputs})
    to.constants = {name: array for name, array in to.constants.items() if name in needed}


def needed_of(operations: list[Operation], wanted: set[str]) -> tuple[list[Operation], set[str]]:
    """Return the operations that some values need, in order, and the names of all that is needed."""
    kept: list[Operation] = []
    needed = set(wanted)
    for each in reversed(operations):
        if needed.isdisjoint(each.outputs):
            continue
        needed |= set(each.inputs)
        if (body := each.settings.get("body")) is not None:
            inner, more = needed_of(body.operations, set(body.outputs))
            each = each._replace(settings=each.settings | {"body": body._replace(operations=inner)})
            needed |= more
        kept.append(each)
    return kept[::-1], needed


Flow: TypeAlias = Callable[[Operations, Any, Any, Any, Any, Any], tuple[Any, Any]]
Translation: TypeAlias = Callable[[Operations, Any, Any, Any, Any], Any]

TRANSLATIONS: dict[type, Flow] = {}
"""How a layer of a class becomes operations. A subclass may compute something else, and is not in it."""
After: TypeAlias = Callable[[Operations, Any, Any, Any], Any]
MASKS: dict[type, After] = {}
"""What becomes of the mask at layers that make one, or that change the number of time steps."""


def leaf(translation: Translation) -> Flow:
    """Return the function for a layer whose output's mask is known from that of its input."""

    def flow(to: Operations, layer: Any, params: Any, x: Any, shape: Any, mask: Any) -> tuple[Any, Any]:
        outside, to.mask = to.mask, mask
        after: After = MASKS.get(type(layer), kept)
        left = after(to, layer, x, shape)
        made = translation(to, layer, params, x, shape)
        to.mask = outside
        return made, left

    return flow


def translates(*kinds: type) -> Callable[[Translation], Translation]:
    """Return a decorator for the function that adds the operations of layers of some classes."""

    def known(translation: Translation) -> Translation:
        TRANSLATIONS.update(dict.fromkeys(kinds, leaf(translation)))
        return translation

    return known


def carries(*kinds: type) -> Callable[[Flow], Flow]:
    """Return a decorator for the function of containers, which carries the masks on."""

    def known(flow: Flow) -> Flow:
        TRANSLATIONS.update(dict.fromkeys(kinds, flow))
        return flow

    return known


def kept(to: Operations, layer: Layer, x: Any, shape: Any) -> Any:
    """Return the mask of a layer's output, where that is the one of an input, or none.

    The layer itself is asked, with a mask of one example: it also knows when there can be no mask.
    """
    given = to.mask if isinstance(to.mask, tuple) else (to.mask,)
    if all(mask is None for mask in given):
        return None
    blank, whole = zeros(shape, "float32", 1), several(shape)
    blanks = blank if whole else (blank,)
    tried = tuple(
        None if m is None else np.ones(x.shape[:2], bool) for m, x in zip(given, blanks, strict=True)
    )
    made = layer.output_mask(blank, tried if whole else tried[0])
    if made is None:
        return None
    for name, mask in zip(given, tried, strict=True):
        if made is mask:
            return name
    raise refused(to, f"what {type(layer).__name__} makes of a mask cannot be written")


def own(to: Operations, layer: Any, params: Tree, x: Any, shape: Any) -> Any:
    """Add the operations of a layer of somebody's own, if it says which."""
    kind = type(layer)
    if not callable(getattr(kind, "operations", None)):
        raise refused(
            to,
            f"{kind.__name__} is a class of your own: write operations(self, to, params, x, shape), which "
            "adds what it does, as to.add('Mul', x, to.array(2.0, 'two')), and returns its output's name",
        )
    made = layer.operations(to, params, x, shape)
    if not isinstance(made, str):
        raise refused(to, f"{kind.__name__}.operations: expected the name of its output, got {shown(made)}")
    return made


def refused(to: Operations, why: str) -> SettingError:
    """Return the error that tells which layer cannot be exported."""
    return SettingError(f"export: layer {dotted(to.path) or 'of the network'!r}: {why}")
