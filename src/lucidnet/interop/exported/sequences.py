"""Operations of layers of sequences: positions, attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...backend import Tree
from ...layers import MultiHeadAttention, PositionalEmbedding, SinusoidalEncoding
from .operations import Operations, sizes_of, translates, zeroed


@translates(PositionalEmbedding)
def positions(to: Operations, layer: PositionalEmbedding, params: Tree, x: str, shape: Any) -> str:
    """Add learned vectors of places in a sequence."""
    if shape[0] is not None:
        return to.add("Add", x, to.array(params["W"][: shape[0]], "W"))
    bounds = to.whole([0], "begin"), sizes_of(to, x, 1), to.whole([0], "axes")
    return to.add("Add", x, to.add("Slice", to.array(params["W"], "W"), *bounds))


@translates(SinusoidalEncoding)
def waves(to: Operations, layer: SinusoidalEncoding, params: Tree, x: str, shape: Any) -> str:
    """Add waves of places in a sequence."""
    time, features = shape
    if time is not None:
        encoded, _ = layer.forward({}, np.zeros((1, time, features), to.dtype))
        return to.add("Add", x, to.array(encoded[0], "waves"))
    ends = to.whole(0, "begin"), to.add("Squeeze", sizes_of(to, x, 1), to.whole([0], "axes"))
    times = to.add("Cast", to.add("Range", *ends, to.whole(1, "step")), to="float64")
    feature = np.arange(features)
    lengths = to.array(10000.0 ** (feature // 2 * 2 / features), "lengths", "float64")
    angle = to.add("Div", to.add("Unsqueeze", times, to.whole([1], "axes")), lengths)
    quarter = to.array(np.where(feature % 2, np.pi / 2, 0.0), "quarter", "float64")  # cos a = sin(a + pi / 2)
    return to.add("Add", x, to.add("Cast", to.add("Sin", to.add("Add", angle, quarter)), to=to.dtype))


@translates(MultiHeadAttention)
def attention(to: Operations, layer: MultiHeadAttention, params: Tree, x: Any, shape: Any) -> str:
    """Add attention: dense layers, products, and a softmax."""
    query, memory = x if isinstance(x, tuple) else (x, x)
    mask = to.mask[1] if isinstance(to.mask, tuple) else to.mask
    known = zeroed(to, mask, memory, 3)
    size = params["W_query"].shape[1] // layer.heads

    def heads(part: str, source: str, *last: int) -> str:
        y = to.called(projected(to, params, part, source), part)
        return to.called(to.turned(to.shaped(y, 0, 0, layer.heads, size), 0, 2, *last), part[0])

    q, k, v = heads("query", query, 1, 3), heads("key", known, 3, 1), heads("value", known, 1, 3)
    scores = to.add("MatMul", to.add("Mul", q, to.array(size**-0.5, "factor")), k)
    weights = to.called(seen(to, to.called(scores, "scores"), mask, layer.causal), "weights")
    mixed = to.called(to.turned(to.add("MatMul", weights, v), 0, 2, 1, 3), "mixed")
    return projected(to, params, "out", to.shaped(mixed, 0, 0, layer.heads * size))


def seen(to: Operations, scores: str, mask: str | None, causal: bool) -> str:
    """Return the weights of the keys for each query: none of what is masked, or stands behind the query."""
    if mask is None and not causal:
        return to.add("Softmax", scores, axis=-1)
    one = to.array(1, "one")
    keys = one if mask is None else to.numbers(to.add("Unsqueeze", mask, to.whole([1, 2], "axes")))
    visible = to.add("Expand", keys, to.add("Shape", scores))
    visible = to.add("Trilu", visible, to.whole(0, "k"), upper=0) if causal else visible
    visible = to.called(visible, "visible")
    least = to.array(np.finfo(to.dtype).max / 2, "much")
    scores = to.add("Add", scores, to.add("Mul", to.add("Sub", visible, one), least))
    weights = to.add("Softmax", scores, axis=-1)
    if mask is None:
        return weights
    return to.add("Mul", weights, to.add("ReduceMax", visible, to.whole([-1], "axes"), keepdims=1))


def projected(to: Operations, params: Tree, part: str, x: str) -> str:
    """Return x W + b by the weights of one part of an attention layer."""
    y = to.add("MatMul", x, to.array(params[f"W_{part}"], f"W_{part}"))
    return to.add("Add", y, to.array(params[f"b_{part}"], f"b_{part}")) if f"b_{part}" in params else y
