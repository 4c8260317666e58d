"""Branches: layers side by side, and how their outputs are joined.

Each branch sees the same input. Where the input is a tuple of arrays, as at a node of a `Graph` with
several sources, branch i sees the i-th; and where there are no branches the inputs themselves are joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add, mul
from typing import Any

from ..backend import Array, Shape, Stream, Tree, namespace
from ..core.settings import anything
from ..core.value import value
from ..errors import ShapeError
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, Send, both_count, several
from .containers import Container, by_name, located, named
from .dense import Dense


@value
class Branches(Container):
    """The base of branches; a subclass writes how outputs are joined, and errors taken apart.

    Parameters
    ----------
    branches : sequence of Layer
        The branches f_i; none joins the arrays of a tuple.
    """

    branches: Sequence[Layer] = anything(default=())

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.branches
        made = (
            ()
            if isinstance(given, (list, tuple)) and not given
            else named(given, f"{type(self).__name__}: branches")
        )
        object.__setattr__(self, "branches", made)

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return by_name(self.branches)

    def joined(self, shapes: list[Shape]) -> Shape:
        """Return the shape of the output, or raise if the branches' outputs cannot be joined."""
        raise NotImplementedError(f"{type(self).__name__} must define joined(shapes)")

    def join(self, outputs: list[Array]) -> tuple[Array, Any]:
        """Return the output, and what `parts` needs."""
        raise NotImplementedError(f"{type(self).__name__} must define join(outputs)")

    def parts(self, kept: Any, dy: Array) -> list[Array]:
        """Return the error of each branch."""
        raise NotImplementedError(f"{type(self).__name__} must define parts(kept, dy)")

    def output_shape(self, shape: Any) -> Any:
        shapes = self._inputs(shape)
        for index, branch in enumerate(self.branches):
            with located(index, branch):
                shapes[index] = branch.output_shape(shapes[index])
        return self.joined(shapes)

    def inner_shapes(self, shape: Any) -> dict[str, Any]:
        names = (branch.name for branch in self.branches)
        return dict(zip(names, self._inputs(shape), strict=False))

    def _inputs(self, shape: Any) -> list[Any]:
        """Return the shape of the input of each branch; without branches, of what is joined."""
        if isinstance(shape, dict):
            kind = type(self).__name__
            raise ShapeError(f"{kind} takes one input or a tuple of them, got {shape}")
        shapes = list(shape) if several(shape) else [shape] * max(len(self.branches), 1)
        if self.branches and len(shapes) != len(self.branches):
            raise ShapeError(f"expected {len(self.branches)} inputs, one for each branch, got {len(shapes)}")
        return shapes

    def init(self, rng: Stream, shape: Any) -> tuple[Tree, Shape]:
        shapes, params = self._inputs(shape), {}
        for index, branch in enumerate(self.branches):
            with located(index, branch):
                params[branch.name], shapes[index] = branch.init(rng.child(branch.name), shapes[index])
        return params, self.joined(shapes)

    def forward(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return self.flow(params, x, run)[:2]

    def flow(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Array, Cache, Mask]:
        paired = isinstance(x, tuple)
        inputs = list(x) if paired else [x] * max(len(self.branches), 1)
        masks = list(run.mask) if isinstance(run.mask, tuple) else [run.mask] * len(inputs)
        caches = {}
        for i, (name, branch) in enumerate(self.children()):
            inner = run.child(name, masks[i], self.frozen)
            inputs[i], caches[name], masks[i] = branch.flow(params[name], inputs[i], inner)
            inner.note(caches[name])
        y, kept = self.join(inputs)
        return y, (caches, kept, paired), both_count(masks)

    def caches(self, cache: Cache) -> dict[str, Cache]:
        return cache[0]  # type: ignore[no-any-return]

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Any, Tree]:
        caches, kept, paired = cache
        grads, arrived = {}, self.parts(kept, dy)
        for i, (name, branch) in enumerate(self.children()):
            arrived[i], grads[name] = send(name, branch, params[name], caches[name], arrived[i], need_dx)
        if not need_dx:
            return None, grads
        return (tuple(arrived) if paired else reduce(add, arrived)), grads

    @classmethod
    def samples(cls) -> Samples:
        yield cls([Dense(3, "tanh"), Dense(3)]), (5,)


@value
class Concatenate(Branches):
    """The branches' outputs side by side on the last axis: y = [f_1(x), f_2(x), ...].

    Each branch is sent its own part of dy.

    Examples
    --------
    >>> from lucidnet.layers import Dense
    >>> Concatenate([Dense(2), Dense(3)]).output_shape((4,))
    (5,)
    """

    def joined(self, shapes: list[Shape]) -> Shape:
        if len({s[:-1] for s in shapes}) > 1:
            raise ShapeError(f"the outputs' shapes {shapes} must agree in all sizes but the last")
        last = [s[-1] for s in shapes]
        width: Any = None if None in last else sum(last)
        return (*shapes[0][:-1], width)

    def join(self, outputs: list[Array]) -> tuple[Array, Any]:
        return namespace(outputs[0]).concat(outputs, axis=-1), [y.shape[-1] for y in outputs]

    def parts(self, kept: Any, dy: Array) -> list[Array]:
        ends = [sum(kept[: i + 1]) for i in range(len(kept))]
        return [dy[..., end - size : end] for size, end in zip(kept, ends, strict=True)]


@value
class Add(Branches):
    """The branches' outputs added up: y = f_1(x) + f_2(x) + ...

    Each branch is sent the whole dy.

    Examples
    --------
    >>> from lucidnet.layers import Dense
    >>> Add([Dense(2), Dense(2)]).output_shape((4,))
    (2,)
    """

    def joined(self, shapes: list[Shape]) -> Shape:
        return _same(shapes)

    def join(self, outputs: list[Array]) -> tuple[Array, Any]:
        return reduce(add, outputs), len(outputs)

    def parts(self, kept: Any, dy: Array) -> list[Array]:
        return [dy] * kept


@value
class Multiply(Branches):
    """The branches' outputs multiplied: y = f_1(x) f_2(x) ...; branch i is sent dy times all others.

    Examples
    --------
    >>> from lucidnet.layers import Dense
    >>> Multiply([Dense(2), Dense(2, "sigmoid")]).output_shape((4,))
    (2,)
    """

    def joined(self, shapes: list[Shape]) -> Shape:
        return _same(shapes)

    def join(self, outputs: list[Array]) -> tuple[Array, Any]:
        return reduce(mul, outputs), outputs

    def parts(self, kept: Any, dy: Array) -> list[Array]:
        # Not by dividing the product: a factor may be 0.
        return [reduce(mul, kept[:i] + kept[i + 1 :], dy) for i in range(len(kept))]


def _same(shapes: list[Shape]) -> Shape:
    if len(set(shapes)) > 1:
        raise ShapeError(f"the outputs' shapes {shapes} must be the same")
    return shapes[0]
