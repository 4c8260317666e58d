"""Branches: layers that see the same input side by side, and how their outputs are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..backend import Array, Shape, Stream, Tree, namespace
from ..errors import ShapeError
from .base import INFERENCE, Cache, Layer, Run, Send
from .containers import Container, by_name, init_child, named


@dataclass(frozen=True, repr=False)
class Branches(Container):
    """The base of branches: each sees x, and dx is the sum of what comes back from each.

    Parameters
    ----------
    branches : sequence of Layer
        The branches f_i.
    """

    branches: Sequence[Layer]

    def __post_init__(self) -> None:
        Layer.__post_init__(self)
        object.__setattr__(self, "branches", named(self.branches, type(self).__name__))

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return by_name(self.branches)

    def joined(self, shapes: list[Shape]) -> Shape:
        """Return the shape of the output, or raise if the branches' outputs cannot be joined."""
        raise NotImplementedError(f"{type(self).__name__} must define joined(shapes)")

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        params, shapes = {}, []
        for index, branch in enumerate(self.branches):
            params[branch.name], out = init_child(index, branch, rng, shape, "")
            shapes.append(out)
        return params, self.joined(shapes)


@dataclass(frozen=True, repr=False)
class Concatenate(Branches):
    """The branches' outputs side by side on the last axis: y = [f_1(x), f_2(x), ...].

    Each branch is sent its own part of dy.

    Examples
    --------
    >>> from lucidnet.layers import Dense
    >>> Concatenate([Dense(2), Dense(3)]).init(Stream(0), (4,))[1]
    (5,)
    """

    def joined(self, shapes: list[Shape]) -> Shape:
        if len({s[:-1] for s in shapes}) > 1:
            raise ShapeError(f"the outputs' shapes {shapes} must agree in all sizes but the last")
        return (*shapes[0][:-1], sum(s[-1] for s in shapes))

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        outputs, cache = run_branches(self, params, x, run)
        return namespace(x).concat(outputs, axis=-1), (cache, [y.shape[-1] for y in outputs])

    def caches(self, cache: Cache) -> dict[str, Cache]:
        return cache[0]  # type: ignore[no-any-return]

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        caches, sizes = cache
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
        parts = [dy[..., end - size : end] for size, end in zip(sizes, ends, strict=True)]
        return route_branches(self, params, caches, parts, send, need_dx)


@dataclass(frozen=True, repr=False)
class Add(Branches):
    """The branches' outputs added up: y = f_1(x) + f_2(x) + ...

    Each branch is sent the whole dy.

    Examples
    --------
    >>> from lucidnet.layers import Dense
    >>> Add([Dense(2), Dense(2)]).init(Stream(0), (4,))[1]
    (2,)
    """

    def joined(self, shapes: list[Shape]) -> Shape:
        if len(set(shapes)) > 1:
            raise ShapeError(f"the outputs' shapes {shapes} must be the same")
        return shapes[0]

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        outputs, cache = run_branches(self, params, x, run)
        return total(outputs), cache

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        return route_branches(self, params, cache, [dy] * len(self.branches), send, need_dx)


def run_branches(self: Branches, params: Tree, x: Array, run: Run) -> tuple[list[Array], Cache]:
    """Run all branches forward on one input."""
    outputs, cache = [], {}
    for name, branch in self.children():
        y, cache[name] = branch.forward(params[name], x, run.child(name))
        outputs.append(y)
    return outputs, cache


def route_branches(
    self: Branches, params: Tree, cache: Cache, parts: list[Array], send: Send, need_dx: bool
) -> tuple[Array, Tree]:
    """Send each branch its part of the error; add up what comes back at the input."""
    grads, arrived = {}, []
    for (name, branch), dy in zip(self.children(), parts, strict=True):
        dx, grads[name] = send(name, branch, params[name], cache[name], dy, need_dx)
        arrived.append(dx)
    return (total(arrived) if need_dx else None), grads


def total(arrays: Sequence[Array]) -> Array:
    """Add arrays up, without changing any of them."""
    first, *others = arrays
    for other in others:
        first = first + other
    return first
