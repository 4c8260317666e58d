"""Operations of layers of sequences: embeddings, positions, recurrent layers, attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...backend import Tree
from ...layers import (
    GRU,
    LSTM,
    Embedding,
    MultiHeadAttention,
    PositionalEmbedding,
    ReLU,
    Sigmoid,
    SimpleRNN,
    SinusoidalEncoding,
    Tanh,
)
from .operations import Operations, refused, translates

FUNCTIONS: dict[type, str] = {Tanh: "Tanh", ReLU: "Relu", Sigmoid: "Sigmoid"}
"""Activations that ONNX's recurrent layers may have."""


@translates(Embedding)
def embedding(to: Operations, layer: Embedding, params: Tree, x: str, shape: Any) -> str:
    """Add a look into a table of vectors."""
    if layer.mask_zero:
        raise refused(to, "masks (mask_zero=True) cannot be written with the operators of ONNX")
    numbers = to.add("Cast", x, to="int64")
    return to.add("Gather", to.array(params["W"], "W"), numbers, axis=0)


@translates(PositionalEmbedding)
def positions(to: Operations, layer: PositionalEmbedding, params: Tree, x: str, shape: Any) -> str:
    """Add learned vectors of places in a sequence."""
    if shape[0] is not None:
        return to.add("Add", x, to.array(params["W"][: shape[0]], "W"))
    bounds = to.whole([0], "begin"), time_steps(to, x), to.whole([0], "axes")
    return to.add("Add", x, to.add("Slice", to.array(params["W"], "W"), *bounds))


def time_steps(to: Operations, x: str) -> str:
    """Return how many time steps sequences have, as an array of one number."""
    return to.add("Gather", to.add("Shape", x), to.whole([1], "axis"), axis=0)


@translates(SinusoidalEncoding)
def waves(to: Operations, layer: SinusoidalEncoding, params: Tree, x: str, shape: Any) -> str:
    """Add waves of places in a sequence."""
    time, features = shape
    if time is None:
        raise refused(
            to, "waves for sequences of any length: say how long they are, in Input((time, features))"
        )
    encoded, _ = layer.forward({}, np.zeros((1, time, features), to.dtype))
    return to.add("Add", x, to.array(encoded[0], "waves"))


@translates(LSTM)
def lstm(to: Operations, layer: LSTM, params: Tree, x: Any, shape: Any) -> str:
    """Add a layer of LSTM units."""
    order = 0, 3, 1, 2  # i, o, f, c in place of i, f, g, o
    W, U, b = (blocks(params[name], layer.units, order) for name in ("W", "U", "b"))
    return recurrent(to, layer, "LSTM", (W, U, np.concatenate([b, np.zeros_like(b)])), x)


@translates(GRU)
def gru(to: Operations, layer: GRU, params: Tree, x: Any, shape: Any) -> str:
    """Add a gated recurrent unit."""
    inner = np.concatenate([np.zeros(2 * layer.units), params["c"]])
    arrays = params["W"], params["U"], np.concatenate([params["b"], inner])
    return recurrent(to, layer, "GRU", arrays, x, linear_before_reset=1)


@translates(SimpleRNN)
def rnn(to: Operations, layer: SimpleRNN, params: Tree, x: Any, shape: Any) -> str:
    """Add a plain recurrent layer."""
    kind = type(layer.activation)
    if kind not in FUNCTIONS:
        raise refused(
            to,
            f"a recurrent layer of ONNX has no activation {kind.__name__}: only "
            f"{', '.join(sorted(known.__name__ for known in FUNCTIONS))}",
        )
    b = np.concatenate([params["b"], np.zeros(layer.units)])
    return recurrent(to, layer, "RNN", (params["W"], params["U"], b), x, activations=[FUNCTIONS[kind]])


def blocks(array: Any, units: int, order: tuple[int, ...]) -> Any:
    """Return an array with its blocks of columns, one for each gate, in another order."""
    return np.concatenate([array[..., k * units : (k + 1) * units] for k in order], axis=-1)


def recurrent(to: Operations, layer: Any, kind: str, arrays: Any, x: Any, **settings: Any) -> str:
    """Add a recurrent layer with W (features, gates * units), U (units, gates * units) and both biases."""
    x, *states = x if isinstance(x, tuple) else (x,)
    W, U, b = (to.array(array.T[None], name) for array, name in zip(arrays, ("W", "U", "b"), strict=True))
    first = [to.add("Unsqueeze", state, to.whole([0], "axes")) for state in states]
    given = [to.turned(x, 1, 0, 2), W, U, b, *([""] if first else []), *first]
    settings |= {"hidden_size": layer.units, "direction": "reverse" if layer.go_backwards else "forward"}
    all_times, last = to.several(kind, 2, *given, **settings)
    if not layer.return_sequences:
        return to.add("Squeeze", last, to.whole([0], "axes"))
    return to.turned(to.add("Squeeze", all_times, to.whole([1], "axes")), 1, 0, 2)


@translates(MultiHeadAttention)
def attention(to: Operations, layer: MultiHeadAttention, params: Tree, x: Any, shape: Any) -> str:
    """Add attention: dense layers, products, and a softmax."""
    query, memory = x if isinstance(x, tuple) else (x, x)
    size = params["W_query"].shape[1] // layer.heads
    q, k, v = (
        to.turned(to.shaped(projected(to, params, part, source), 0, 0, layer.heads, size), 0, 2, *last)
        for part, source, last in (
            ("query", query, (1, 3)),
            ("key", memory, (3, 1)),
            ("value", memory, (1, 3)),
        )
    )
    scores = to.add("MatMul", to.add("Mul", q, to.array(size**-0.5, "factor")), k)
    if layer.causal:
        scores = unseen(to, scores, shape[0] if isinstance(x, tuple) else shape)
    mixed = to.add("MatMul", to.add("Softmax", scores, axis=-1), v)
    return projected(to, params, "out", to.shaped(to.turned(mixed, 0, 2, 1, 3), 0, 0, layer.heads * size))


def projected(to: Operations, params: Tree, part: str, x: str) -> str:
    """Return x W + b by the weights of one part of an attention layer."""
    y = to.add("MatMul", x, to.array(params[f"W_{part}"], f"W_{part}"))
    return to.add("Add", y, to.array(params[f"b_{part}"], f"b_{part}")) if f"b_{part}" in params else y


def unseen(to: Operations, scores: str, shape: Any) -> str:
    """Make the scores of keys that stand behind their query so small that their weight is 0."""
    least = to.array(np.finfo(to.dtype).min / 2, "least")
    everywhere = to.add("Expand", least, to.add("Shape", scores))
    return to.add("Add", scores, to.add("Trilu", everywhere, to.whole(1, "k"), upper=1))
