"""Branches: layers side by side, whose outputs are joined.

Each branch sees the same input. If the input is a tuple of arrays, as at a node of a `Graph` with several
sources, branch i sees the i-th; without branches the inputs themselves are joined.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from functools import reduce
from operator import add, mul
from typing import Any

from ..backend import Array, Shape, Stream, Tree, namespace, norm
from ..core.settings import UnfitError, anything, flag, setting
from ..core.value import value
from ..errors import SettingError, ShapeError
from .axes import AXIS, as_axis, at_end, back, place
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, Send, both_count, several
from .containers import Container, by_name, located, named, summed
from .dense import Dense


@value
class Branches(Container):
    """Base class of branches; subclasses define how outputs are joined and errors are split.

    Parameters
    ----------
    branches : sequence of Layer
        The branches f_i; if there are none, the arrays of a tuple are joined.
    """

    branches: Sequence[Layer] = anything(default=())

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.branches
        sizes = given if isinstance(given, (list, tuple)) else (given,)
        if sizes and all(type(each) is int and -9 < each < 9 for each in sizes):
            kind = type(self).__name__
            name = next((each.name for each in fields(self) if each.name in ("axis", "axes")), "")
            hint = f"; an axis goes by name, {kind}({name}={given})" if name else ""
            raise SettingError(f"{kind}: branches: expected one or more layers, got {given!r}{hint}")
        made = (
            ()
            if isinstance(given, (list, tuple)) and not given
            else named(given, f"{type(self).__name__}: branches")
        )
        object.__setattr__(self, "branches", made)

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return by_name(self.branches)

    def joined(self, shapes: list[Shape]) -> Shape:
        """Return the shape of the joined output; raise if the outputs cannot be joined."""
        raise NotImplementedError(f"{type(self).__name__} must define joined(shapes)")

    def join(self, outputs: list[Array]) -> tuple[Array, Any]:
        """Join the branches' outputs; return the result, and what `parts` needs."""
        raise NotImplementedError(f"{type(self).__name__} must define join(outputs)")

    def parts(self, kept: Any, dy: Array) -> list[Array]:
        """Split the error of the joined output into the error of each branch."""
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
        """Return the input shape of each branch; without branches, the shapes to be joined."""
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
        return y, (caches, kept, paired), self.join_masks(masks, inputs)

    def join_masks(self, masks: list[Mask], outputs: list[Array]) -> Mask:
        """Return the mask of the joined output: by default, time steps must count in all branches."""
        return both_count(masks)

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
        return (tuple(arrived) if paired else reduce(summed, arrived)), grads

    @classmethod
    def samples(cls) -> Samples:
        yield cls([Dense(3, "tanh"), Dense(3)]), (5,)


@value
class Concatenate(Branches):
    """The branches' outputs side by side on one axis, the last if none is given: y = [f_1(x), f_2(x), ...].

    Each branch is sent its own part of dy.

    Parameters
    ----------
    axis : int
        The axis, counted as in the arrays: 0 is the examples, 1 the time of sequences, -1 the last.

    Examples
    --------
    >>> from lucidnet.layers import Dense
    >>> Concatenate([Dense(2), Dense(3)]).output_shape((4,))
    (5,)
    >>> Concatenate(axis=1).output_shape(((7, 4), (2, 4)))
    (9, 4)
    """

    axis: int = setting(AXIS, as_axis, default=-1)

    def joined(self, shapes: list[Shape]) -> Shape:
        if len({len(shape) for shape in shapes}) > 1:
            raise ShapeError(f"the outputs' shapes {shapes} must have as many axes as each other")
        at = place(self, self.axis, shapes[0]) - 1
        if len({(*shape[:at], *shape[at + 1 :]) for shape in shapes}) > 1:
            which = "the last" if at == len(shapes[0]) - 1 else f"that of axis {at + 1}"
            raise ShapeError(f"the outputs' shapes {shapes} must agree in all sizes but {which}")
        several = [shape[at] for shape in shapes]
        size: Any = None if None in several else sum(several)
        return (*shapes[0][:at], size, *shapes[0][at + 1 :])

    def join(self, outputs: list[Array]) -> tuple[Array, Any]:
        joined = namespace(outputs[0]).concat(outputs, axis=self.axis)
        return joined, [y.shape[self.axis] for y in outputs]

    def parts(self, kept: Any, dy: Array) -> list[Array]:
        ends = [sum(kept[: i + 1]) for i in range(len(kept))]
        before = (slice(None),) * (self.axis % dy.ndim)
        return [dy[(*before, slice(end - size, end))] for size, end in zip(kept, ends, strict=True)]

    def join_masks(self, masks: list[Mask], outputs: list[Array]) -> Mask:
        if self.axis % outputs[0].ndim != 1 or outputs[0].ndim < 3 or all(mask is None for mask in masks):
            return both_count(masks)
        xp = namespace(outputs[0])  # one sequence after the other
        pairs = zip(masks, outputs, strict=True)
        return xp.concat(
            [xp.ones(y.shape[:2], dtype=bool) if m is None else xp.asarray(m) for m, y in pairs], axis=1
        )


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


@value
class Subtract(Branches):
    """The second branch's output taken from the first's: y = f_1(x) - f_2(x); they are sent dy and -dy.

    Examples
    --------
    >>> import numpy as np
    >>> Subtract().forward({}, (np.array([[3.0]]), np.array([[1.0]])))[0]
    array([[2.]])
    """

    def joined(self, shapes: list[Shape]) -> Shape:
        return _same(_two(self, shapes))

    def join(self, outputs: list[Array]) -> tuple[Array, Any]:
        return outputs[0] - outputs[1], None

    def parts(self, kept: Any, dy: Array) -> list[Array]:
        return [dy, -dy]

    @classmethod
    def samples(cls) -> Samples:
        yield cls([Dense(3, "tanh"), Dense(3)]), (5,)


@value
class Average(Branches):
    """The mean of k branches' outputs: y = (f_1(x) + f_2(x) + ...) / k; each is sent dy / k.

    Examples
    --------
    >>> import numpy as np
    >>> Average().forward({}, (np.array([[3.0]]), np.array([[1.0]])))[0]
    array([[2.]])
    """

    def joined(self, shapes: list[Shape]) -> Shape:
        return _same(shapes)

    def join(self, outputs: list[Array]) -> tuple[Array, Any]:
        return reduce(add, outputs) / len(outputs), len(outputs)

    def parts(self, kept: Any, dy: Array) -> list[Array]:
        return [dy / kept] * kept


@value
class Extreme(Branches):
    """The base of `Maximum` and `Minimum`: each number comes from one branch, which is sent its dy."""

    def better(self, one: Array, other: Array) -> Array:
        """Return where the first of two arrays is preferred."""
        raise NotImplementedError(f"{type(self).__name__} must define better(one, other)")

    def joined(self, shapes: list[Shape]) -> Shape:
        return _same(shapes)

    def join(self, outputs: list[Array]) -> tuple[Array, Any]:
        xp, y = namespace(outputs[0]), outputs[0]
        chosen = xp.zeros(y.shape, dtype="int32")
        for index, other in enumerate(outputs[1:], 1):
            here = self.better(other, y) | xp.isnan(other)  # NaN should be noticed
            y, chosen = xp.where(here, other, y), xp.where(here, index, chosen)
        return xp.asarray(y, copy=True) if y is outputs[0] else y, (chosen, len(outputs))

    def parts(self, kept: Any, dy: Array) -> list[Array]:
        chosen, count = kept
        xp = namespace(dy)
        zero = xp.asarray(0, dtype=dy.dtype)
        return [xp.where(chosen == index, dy, zero) for index in range(count)]

    @classmethod
    def samples(cls) -> Samples:
        if cls is not Extreme:
            yield cls([Dense(3, "tanh"), Dense(3)]), (5,)


@value
class Maximum(Extreme):
    """The largest of the branches' outputs, number by number: y = max(f_1(x), f_2(x), ...).

    dy goes to the branch that has the (first) maximum, as in `MaxPooling2D`; PyTorch divides it among equals.

    Examples
    --------
    >>> import numpy as np
    >>> Maximum().forward({}, (np.array([[3.0, 0.0]]), np.array([[1.0, 1.0]])))[0]
    array([[3., 1.]])
    """

    def better(self, one: Array, other: Array) -> Array:
        return one > other


@value
class Minimum(Extreme):
    """The smallest of the branches' outputs, number by number: y = min(f_1(x), f_2(x), ...).

    dy goes to the branch that has the (first) minimum.

    Examples
    --------
    >>> import numpy as np
    >>> Minimum().forward({}, (np.array([[3.0, 0.0]]), np.array([[1.0, 1.0]])))[0]
    array([[1., 0.]])
    """

    def better(self, one: Array, other: Array) -> Array:
        return one < other


def _axes_of_both(given: Any, owner: Any) -> int | tuple[int, int]:
    if not isinstance(given, (tuple, list)):
        return as_axis(given, owner)
    if len(given) != 2:
        raise UnfitError
    one, other = (as_axis(axis, owner) for axis in given)
    return one if one == other else (one, other)


@value
class Dot(Branches):
    """Scalar products of two branches' outputs along one axis of each: y = sum_k a_k b_k.

    All other axes of a come first in the output, then those of b; of two vectors (n, k) it is (n, 1). With
    normalization a and b are divided by their lengths first, and y is the cosine of the angle between them::

        da = dy b      db = dy a
        a = u / |u|:   du = (da - a sum(a da)) / |u|

    (That is Keras' layer. A length below 1e-12 is taken for 1e-12, as in PyTorch's ``normalize``.)

    Parameters
    ----------
    axes : int or pair of int
        The axis of both, or of each, counted as in the arrays, where 0 is the examples.
    normalize : bool
        Whether the vectors along that axis are divided by their lengths.

    Examples
    --------
    >>> import numpy as np
    >>> Dot().forward({}, (np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])))[0]
    array([[11.]])
    >>> Dot(axes=2).output_shape(((7, 4), (5, 4)))
    (7, 5)
    """

    axes: Any = setting(
        "the number of an axis other than 0 (the examples), or two", _axes_of_both, default=-1
    )
    normalize: bool = flag(default=False)

    def _both(self, shapes: list[Shape]) -> list[tuple[int]]:
        given = self.axes if isinstance(self.axes, tuple) else (self.axes,) * 2
        return [(place(self, axis, shape),) for axis, shape in zip(given, shapes, strict=True)]

    def joined(self, shapes: list[Shape]) -> Shape:
        (i,), (j,) = self._both(_two(self, shapes))
        one, other = shapes
        if one[i - 1] != other[j - 1] and None not in (one[i - 1], other[j - 1]):
            raise ShapeError(
                f"Dot: the sizes {one[i - 1]} and {other[j - 1]} along axes={self.axes} of the outputs' "
                f"shapes {shapes} must be the same"
            )
        return (*one[: i - 1], *one[i:], *other[: j - 1], *other[j:]) or (1,)

    def join(self, outputs: list[Array]) -> tuple[Array, Any]:
        xp, shapes = namespace(outputs[0]), [y.shape for y in outputs]
        axes = self._both([shape[1:] for shape in shapes])
        rows = []
        for y, axis in zip(outputs, axes, strict=True):  # (n, places, k)
            ends = at_end(y, axis)
            rows.append(ends.reshape(len(y), math.prod(ends.shape[1:-1]), ends.shape[-1]))
        lengths: list[Any] = [None, None]
        if self.normalize:
            least = xp.asarray(SHORTEST, dtype=outputs[0].dtype)
            for k, a in enumerate(rows):
                size, scale = norm(a, -1, keepdims=True)
                lengths[k] = xp.maximum(size * scale, least)
                rows[k] = a / lengths[k]
        a, b = rows
        y = a @ xp.permute_dims(b, (0, 2, 1))
        return y.reshape(len(y), *self.joined([shape[1:] for shape in shapes])), (a, b, lengths, axes, shapes)

    def parts(self, kept: Any, dy: Array) -> list[Array]:
        a, b, lengths, axes, shapes = kept
        xp = namespace(dy)
        dy = dy.reshape(len(a), a.shape[1], b.shape[1])
        slopes = [dy @ b, xp.permute_dims(dy, (0, 2, 1)) @ a]
        for k, (unit, length) in enumerate(zip((a, b), lengths, strict=True)):
            if length is not None:
                away = (unit * slopes[k]).sum(-1, keepdims=True)
                short = length <= SHORTEST  # the divisor is a constant
                slopes[k] = (slopes[k] - xp.where(short, xp.asarray(0, dtype=dy.dtype), unit * away)) / length
        several = zip(slopes, axes, shapes, strict=True)
        return [back(slope, axis, shape) for slope, axis, shape in several]

    def join_masks(self, masks: list[Mask], outputs: list[Array]) -> Mask:
        if all(mask is None for mask in masks):
            return None
        (i,), _ = self._both([y.shape[1:] for y in outputs])
        if i == 1 or masks[1] is not None:
            raise ShapeError(
                f"{self.name or 'here'}, {self.describe()}: the time steps of a mask are summed over, or are "
                "not the first axis of the output: set what does not count to 0 by a layer before"
            )
        return masks[0]

    @classmethod
    def samples(cls) -> Samples:
        yield cls([Dense(3, "tanh"), Dense(3)]), (5,)
        yield cls([Dense(3, "tanh"), Dense(3)], axes=2, normalize=True), (4, 5)


SHORTEST = 1e-12
"""The smallest length by which a vector is divided."""


def _two(layer: Layer, shapes: list[Shape]) -> list[Shape]:
    """Return the two shapes; raise if there are more or fewer."""
    if len(shapes) != 2:
        raise ShapeError(f"{type(layer).__name__} takes two inputs or branches, got {len(shapes)}")
    return shapes


def _same(shapes: list[Shape]) -> Shape:
    if len(set(shapes)) > 1:
        raise ShapeError(f"the outputs' shapes {shapes} must be the same")
    return shapes[0]
