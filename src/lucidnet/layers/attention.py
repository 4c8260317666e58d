"""Attention: each step of a sequence looks at all the others."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import initializers
from ..backend import Array, Shape, Stream, Tree
from ..core.settings import finite, flag, named, whole
from ..core.types import Named
from ..core.value import value
from ..errors import ShapeError
from ..initializers import Initializer
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, several, zeroed
from .core import Dropout
from .dotproduct import attend, attend_back
from .recurrent.base import sequence


@value
class MultiHeadAttention(Layer):
    """Means of values, weighted by how well keys fit queries; several heads side by side.

    With q = x W_query + b_query, k = x W_key and v = x W_value + b_value, divided among the heads::

        A = softmax(q k^T / sqrt(key_dimension))      o = A v      y = o W_out + b_out

    (Vaswani et al. 2017, "Attention is all you need", section 3.2.) The gradients inside are those of
    `dotproduct.attend_back`, around them those of four dense layers.

    Inputs are sequences (n, time, features), which attend to themselves, or tuples of two: the queries'
    sequence, and the memory that it looks at (cross-attention). The mask of the sequence that is looked at
    says which keys count.

    Parameters
    ----------
    heads : int
        Number of heads.
    key_dimension : int, optional
        Length of each head's queries, keys and values; features / heads if not given.
    causal : bool
        Whether each step sees itself and those before it only.
    dropout : float
        The probability of dropping a weight of A in training.
    use_bias : bool
        Whether to have biases. Keys have none: it would add the same to all scores of a query, which does not
        change softmax.
    initializer : str or Initializer
        Initial values of the four weights W; Glorot's uniform distribution if not given.
    """

    heads: int = whole(1)
    key_dimension: int | None = whole(1, default=None, optional=True)
    causal: bool = flag(default=False)
    dropout: float = finite(0, below=1, default=0.0)
    use_bias: bool = flag(default=True)
    initializer: Named[Initializer] = named(initializers, default=initializers.VarianceScaling())

    transport: ClassVar[tuple[str, ...]] = ("W_query", "W_key", "W_value", "W_out")
    penalized: ClassVar[tuple[str, ...]] = transport

    def output_shape(self, shape: Any) -> Any:
        (_, features), _ = self._sequences(shape)
        if self.key_dimension is None and features % self.heads:
            raise ShapeError(
                f"{features} features cannot be divided among {self.heads} heads; give key_dimension"
            )
        return shape[0] if several(shape) else shape

    def _sequences(self, shape: Any) -> list[tuple[int | None, int]]:
        """Return the numbers of time steps and features of the query sequence and of the memory."""
        given = shape if several(shape) else (shape, shape)
        if isinstance(given, dict) or len(given) != 2:
            raise ShapeError(
                f"MultiHeadAttention takes sequences, or a tuple of two (of queries, memory), got {shape}"
            )
        return [sequence(part) for part in given]

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out = self.output_shape(shape)
        (_, features), memory = self._sequences(shape)
        inner = self.heads * (self.key_dimension or features // self.heads)
        sizes = {"query": (features, inner), "key": (memory[-1], inner), "value": (memory[-1], inner)}
        params = {}
        for name, size in (sizes | {"out": (inner, features)}).items():
            params[f"W_{name}"] = self.initializer(rng.child(f"W_{name}"), size)
            if self.use_bias and name != "key":
                params[f"b_{name}"] = rng.full(size[1:], 0)
        return params, out

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return mask[0] if isinstance(mask, tuple) else mask

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        query, memory = x if isinstance(x, tuple) else (x, None)
        seen_from = query if memory is None else memory
        counts = self._counts(seen_from, run)
        known = zeroed(seen_from, counts)  # masked numbers, however large, add nothing
        sources = self._sources(query, known)
        q, k, v = (self._divided(self._projected(params, part, source)) for part, source in sources)
        mixed, seen = attend(q, k, v, counts, self.causal, Dropout(self.dropout), run)
        joined = self._joined(mixed)
        return self._projected(params, "out", joined), (query, known, memory is None, joined, seen)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Any, Tree]:
        query, known, alone, joined, seen = cache
        dmixed, grads = self._unprojected(params, "out", joined, dy)
        slopes = attend_back(seen, self._divided(dmixed), Dropout(self.dropout))
        arrived = []
        for (part, source), slope in zip(self._sources(query, known), slopes, strict=True):
            dx, more = self._unprojected(params, part, source, self._joined(slope), need_dx)
            arrived.append(dx)
            grads |= more
        grads = {name: grads[name] for name in params}
        if not need_dx:
            return None, grads
        dquery, dkey, dvalue = arrived
        dmemory = dkey + dvalue
        return (dquery + dmemory if alone else (dquery, dmemory)), grads

    def weights(self, params: Tree, x: Array, run: Run = INFERENCE) -> Array:
        """Return the attention weights A (n, heads, time, time), one row per query; for plots."""
        return self.forward(params, x, run)[1][-1].weights

    def _sources(self, query: Array, memory: Array) -> list[tuple[str, Array]]:
        """Return the arrays that queries, keys and values are computed from."""
        return [("query", query), ("key", memory), ("value", memory)]

    def _projected(self, params: Tree, part: str, x: Array) -> Array:
        """Return x W + b for all rows, by one matrix product."""
        y = x.reshape(-1, x.shape[-1]) @ params[f"W_{part}"]
        if f"b_{part}" in params:
            y += params[f"b_{part}"]
        return y.reshape(*x.shape[:-1], y.shape[-1])

    def _unprojected(
        self, params: Tree, part: str, x: Array, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        """Return the gradients for x W + b."""
        rows, deltas = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
        grads = {f"W_{part}": rows.T @ deltas}
        if f"b_{part}" in params:
            grads[f"b_{part}"] = deltas.sum(0)
        return ((deltas @ params[f"W_{part}"].T).reshape(x.shape) if need_dx else None), grads

    def _divided(self, x: Array) -> Array:
        """Return (n, time, heads * size) as (n, heads, time, size)."""
        n, time, inner = x.shape
        return x.reshape(n, time, self.heads, inner // self.heads).swapaxes(1, 2)

    def _joined(self, x: Array) -> Array:
        """Return (n, heads, time, size) as (n, time, heads * size)."""
        return x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], x.shape[1] * x.shape[3])

    def _counts(self, memory: Array, run: Run) -> Array | None:
        """Return which keys count; raise if the mask does not match them."""
        mask = run.mask[1] if isinstance(run.mask, tuple) else run.mask
        if mask is not None and mask.shape != memory.shape[:2]:
            raise ShapeError(
                f"{self.describe()}: expected a mask {memory.shape[:2]} of the keys, got {mask.shape}"
            )
        return mask

    @classmethod
    def samples(cls) -> Samples:
        yield cls(2), (5, 4)
        yield cls(2, 3, causal=True, use_bias=False), (5, 4)
