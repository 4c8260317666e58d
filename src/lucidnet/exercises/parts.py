"""Lecture 3, layers: steps, hints and known mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.value import value
from ..layers import Conv1D, Dropout, Layer, LayerNormalization, MaxPooling1D, SimpleRNN
from ..layers.base import INFERENCE, Cache, Run
from ..layers.dotproduct import attend, attend_back
from .grading import At, Backward, Given, Rng, computed, sizes

Wrong = Mapping[str, Mapping[str, Any]]


def _normalized(rng: Rng) -> Given:
    n, k = sizes(rng, 2, at_least=4)
    numbers = {"x": 3 * rng.normal(size=(n, k)) + 2, "g": rng.normal(size=k), "b": rng.normal(size=k)}
    return numbers | {"epsilon": float(rng.uniform(0.05, 0.3))}


def _normalize(x: Any, g: Any, b: Any, epsilon: float) -> dict[str, Any]:
    layer, k = LayerNormalization(epsilon=epsilon), x.shape[-1]
    y, (h, s) = layer.forward({"gamma": g, "beta": b}, x)
    return {"y": y, "h": h, "s": np.reshape(s, (len(x), 1)) if k else s}


def _normalize_mistakes(x: Any, g: Any, b: Any, epsilon: float) -> Wrong:
    m, v = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)

    def made(h: Any) -> dict[str, Any]:
        return {"y": g * h + b}

    unbiased = x.var(-1, keepdims=True, ddof=1)
    return {
        "mean and variance are taken over the examples, axis 0, as batch normalization does: take each row": (
            made((x - x.mean(0)) / np.sqrt(x.var(0) + epsilon))
        ),
        "mean and variance are those of the whole batch: each row has its own": (
            made((x - x.mean()) / np.sqrt(x.var() + epsilon))
        ),
        "it is divided by the variance: take its root": made((x - m) / (v + epsilon)),
        "epsilon belongs under the root": made((x - m) / (np.sqrt(v) + epsilon)),
        "epsilon is left out": made((x - m) / np.sqrt(v)),
        "the variance is divided by k - 1: here it is the mean of the squares, over k": (
            made((x - m) / np.sqrt(unbiased + epsilon))
        ),
        "the mean is not subtracted": made(x / np.sqrt(v + epsilon)),
        "scale g and shift b are left out": {"y": (x - m) / np.sqrt(v + epsilon)},
    }


def _norm_case(rng: Rng) -> tuple[Layer, Any]:
    return LayerNormalization(), 2 * rng.normal(size=sizes(rng, 2, at_least=4))


def _norm_given(at: At) -> Given:
    x, epsilon = at.x, LayerNormalization().epsilon
    s = 1 / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return {"h": (x - x.mean(-1, keepdims=True)) * s, "s": s, "g": at.params["gamma"], "dy": at.dy}


def _norm_mistakes(at: At, true: Any) -> Wrong:
    h, s, g, dy = _norm_given(at).values()
    d = dy * g

    def dx(first: Any, second: Any) -> dict[str, Any]:
        return {"dx": s * (d - first - second)}

    mean, share = d.mean(-1, keepdims=True), h * (d * h).mean(-1, keepdims=True)
    return {
        "mean and variance depend on x, too: the two means are missing": dx(0, 0),
        "the way over the variance is missing: - h mean(dh h)": dx(mean, 0),
        "the way over the mean is missing: - mean(dh)": dx(0, share),
        "the means go over the examples, axis 0: they go over the features of each row": dx(
            d.mean(0), h * (d * h).mean(0)
        ),
        "the means go over the whole batch: they go over the features of each row": dx(
            d.mean(), h * (d * h).mean()
        ),
        "s is left out": {"dx": d - mean - share},
        "g is left out: dh = dy g": {
            "dx": s * (dy - dy.mean(-1, keepdims=True) - h * (dy * h).mean(-1, keepdims=True))
        },
        "sums stand where means belong": dx(mean * len(g), share * len(g)),
        "h is left out: y = g h + b": {"dg": dy.sum(0)},
        "it is the mean over the examples: their effects add up": {"db": dy.mean(0), "dg": (dy * h).mean(0)},
        "the sum goes over the features, axis 1: it goes over the examples, axis 0": {
            "db": dy.sum(-1),
            "dg": (dy * h).sum(-1),
        },
        "x stands in place of h": {"dg": (dy * at.x).sum(0)},
    }


_NORM = Backward(
    _norm_case, "backward", _norm_given, {"dx": "x", "dg": "gamma", "db": "beta"}, _norm_mistakes
)

LAYER_NORM = (
    computed(
        "y",
        "x.mean(axis=-1, keepdims=True) and x.var(axis=-1, keepdims=True) belong to each row; "
        "epsilon stands under the root.",
        "forward",
        ("y",),
        _normalized,
        _normalize,
        _normalize_mistakes,
    ),
    _NORM.step("db", "y = g h + b, and b is shared by all rows."),
    _NORM.step("dg", "y = g h + b: the slope of y by g is h; g is shared by all rows."),
    _NORM.step(
        "dx",
        "Begin with dh = dy g. x moves h in three ways: by itself, by the mean m, by the variance in s. "
        "Together dx = s (dh - mean(dh) - h mean(dh h)), the means over each row.",
    ),
)


def _conv_case(rng: Rng) -> tuple[Layer, Any]:
    n, channels, filters, size = sizes(rng, 4)
    return Conv1D(filters, size, use_bias=False), rng.normal(
        size=(n, size + int(rng.integers(2, 5)), channels)
    )


def _windows(rng: Rng) -> Given:
    layer, x = _conv_case(rng)
    shape = (layer.kernel_size[0] if isinstance(layer.kernel_size, tuple) else layer.kernel_size,)  # type: ignore[attr-defined]
    return {"x": x, "W": rng.normal(size=(*shape, x.shape[-1], layer.filters))}  # type: ignore[attr-defined]


def _convolved(x: Any, W: Any) -> Any:
    return Conv1D(W.shape[-1], len(W), use_bias=False).forward({"W": W}, x)[0]


def _conv_mistakes(x: Any, W: Any) -> Wrong:
    last = len(W) - 1
    one = np.zeros_like(W)
    one[0] = W[0]
    return {
        "the kernel is turned around: W[j] meets x[t + j]": {"forward": _convolved(x, W[::-1])},
        "only the first place of the kernel is used: add up over j": {"forward": _convolved(x, one)},
        "it is longer than allowed: only windows that lie whole in x": {
            "forward": _convolved(np.pad(x, ((0, 0), (0, last), (0, 0))), W)
        },
        "the mean over the kernel's places is taken: it is a sum": {"forward": _convolved(x, W) / len(W)},
    }


def _conv_back(at: At) -> Given:
    return {"x": at.x, "W": at.params["W"], "dy": at.dy}


def _conv_back_mistakes(at: At, true: Any) -> Wrong:
    x, W, dy = _conv_back(at).values()
    times = dy.shape[1]
    turned = np.zeros_like(x)
    overwritten = np.zeros_like(x)
    for j in range(len(W)):
        turned[:, j : j + times] += dy @ W[len(W) - 1 - j].T
        overwritten[:, j : j + times] = dy @ W[j].T
    return {
        "the kernel is turned around: place j of the kernel met x[t + j]": {"dx": turned, "dW": true[::-1]},
        "what comes back is overwritten: an x lies in several windows, so add it up (+=)": {
            "dx": overwritten
        },
        "it is the mean over the examples: their effects add up": {"dW": true / len(x)},
        "it is the mean over the places: their effects add up": {"dW": true / times},
        "it is that of the first place alone: W is used at each place, so add up over t": {
            "dW": np.stack([x[:, j].T @ dy[:, 0] for j in range(len(W))])
        },
    }


_CONV = Backward(_conv_case, "backward", _conv_back, {"dx": "x", "dW": "W"}, _conv_back_mistakes)

CONVOLUTION = (
    computed(
        "forward",
        "Loop over j, the places of the kernel: x[:, j : j + times] @ W[j], with times = T - size + 1.",
        "forward",
        ("forward",),
        _windows,
        lambda x, W: {"forward": _convolved(x, W)},
        _conv_mistakes,
    ),
    _CONV.step(
        "dW", "For each j: x[:, j : j + times] and dy belong together; sum their products over n and t."
    ),
    _CONV.step("dx", "Begin with zeros; for each j add dy @ W[j].T to dx[:, j : j + times]."),
)


def _pool_case(rng: Rng) -> tuple[Layer, Any]:
    n, channels, size, count = sizes(rng, 4)
    return MaxPooling1D(size), rng.normal(size=(n, size * count, channels))


def _pooled(rng: Rng) -> Given:
    layer, x = _pool_case(rng)
    size: Any = layer.pool_size  # type: ignore[attr-defined]
    return {"x": x - 2, "size": int(size[0] if isinstance(size, tuple) else size)}


def _cut(x: Any, size: int) -> Any:
    return x.reshape(len(x), -1, size, x.shape[-1])


def _pool_back(at: At) -> Given:
    return {"x": at.x, "size": at.x.shape[1] // at.y.shape[1], "dy": at.dy}


def _pool_mistakes(at: At, true: Any) -> Wrong:
    x, size, dy = _pool_back(at).values()
    windows, errors = _cut(x, size), np.repeat(dy, size, axis=1)
    first = np.zeros_like(windows)
    first[:, :, 0] = dy
    return {
        "every number of a window gets the error: only the largest moved the output": {"dx": errors},
        "the error is shared out, as for a mean: the largest gets all of it": {"dx": errors / size},
        "the error goes to the first number of each window: it goes to the largest": {
            "dx": first.reshape(x.shape)
        },
        "dy is left out: at the largest number stands dy, not 1": {"dx": (true != 0) * 1.0},
        "the input stands in place of the error": {"dx": x * (true != 0)},
    }


_POOL = Backward(_pool_case, "backward", _pool_back, {"dx": "x"}, _pool_mistakes)

MAX_POOL = (
    computed(
        "forward",
        "x.reshape(n, T // size, size, channels) puts each window on an axis of its own: axis 2.",
        "forward",
        ("forward",),
        _pooled,
        lambda x, size: {"forward": MaxPooling1D(size).forward({}, x)[0]},
        lambda x, size: {
            "it is the mean of each window: take the largest": {"forward": _cut(x, size).mean(2)},
            "it is the smallest of each window": {"forward": _cut(x, size).min(2)},
            "the largest in size, whatever its sign, is not the largest": {
                "forward": np.take_along_axis(_cut(x, size), np.abs(_cut(x, size)).argmax(2)[:, :, None], 2)[
                    :, :, 0
                ]
            },
            "negative numbers count, too: do not begin with 0": {
                "forward": np.maximum(_cut(x, size).max(2), 0)
            },
            "it is the sum of each window: take the largest": {"forward": _cut(x, size).sum(2)},
        },
    ),
    _POOL.step("dx", "Find the largest of each window with argmax(axis=2); there dy arrives, elsewhere 0."),
)


def _rnn_case(rng: Rng) -> tuple[Layer, Any]:
    n, times, into, units = sizes(rng, 4)
    return SimpleRNN(units, return_sequences=True), 0.7 * rng.normal(size=(n, times, into))


def _rnn_given(at: At) -> Given:
    return {"x": at.x, "h": at.y, "W": at.params["W"], "U": at.params["U"], "dh": at.dy}


def _unrolled(at: At, *, carry: bool = True, slope: bool = True, turn: bool = True) -> dict[str, Any]:
    """Return the gradients of a recurrent layer, leaving out parts of the backward pass on request."""
    x, h, W, U, dh = _rnn_given(at).values()
    n, times, units = h.shape
    found = {"dx": np.zeros_like(x), "dW": np.zeros_like(W), "dU": np.zeros_like(U), "db": np.zeros(units)}
    later = np.zeros((n, units))
    for t in reversed(range(times)):
        da = (dh[:, t] + later) * (1 - h[:, t] ** 2 if slope else 1)
        before = h[:, t - 1] if t else np.zeros((n, units))
        found["dx"][:, t] = da @ W.T
        found["dW"] += x[:, t].T @ da
        found["dU"] += before.T @ da
        found["db"] += da.sum(0)
        later = da @ (U.T if turn else U) if carry else 0 * later
    return found


def _rnn_mistakes(at: At, true: Any) -> Wrong:
    x, h, W, U, dh = _rnn_given(at).values()
    da = dh * (1 - h**2)
    return {
        "no error comes back from later times: h_t acts on h_(t+1), too; add da_(t+1) U^T": _unrolled(
            at, carry=False
        ),
        "the derivative of tanh, 1 - h^2, is missing": _unrolled(at, slope=False),
        "U is not transposed on the way back: da U^T": _unrolled(at, turn=False),
        "W is not transposed: dx takes W.T": {"dx": _errors(at) @ W} if len(W) == len(U) else {},
        "it is that of the last time alone: add up over all times": {
            "db": da[:, -1].sum(0),
            "dW": x[:, -1].T @ da[:, -1],
            "dU": h[:, -2].T @ da[:, -1],
        },
        "it is that of the first time alone: add up over all times": {
            "db": _first(at).sum(0),
            "dW": x[:, 0].T @ _first(at),
        },
        "dU takes h of the time before, not of the same time": {
            "dU": np.einsum("nti,ntj->ij", h, _errors(at))
        },
    }


def _errors(at: At) -> Any:
    """Return the errors da at all times (n, time, units)."""
    h, U = at.y, at.params["U"]
    found, later = np.zeros_like(h), np.zeros_like(h[:, 0])
    for t in reversed(range(h.shape[1])):
        found[:, t] = (at.dy[:, t] + later) * (1 - h[:, t] ** 2)
        later = found[:, t] @ U.T
    return found


def _first(at: At) -> Any:
    return _errors(at)[:, 0]


_RNN = Backward(
    _rnn_case, "backward", _rnn_given, {"dx": "x", "dW": "W", "dU": "U", "db": "b"}, _rnn_mistakes
)

RECURRENT = (
    _RNN.step(
        "db",
        "Go through the times from the last to the first. At each: dh[:, t] plus what came back from t + 1, "
        "times 1 - h[:, t]^2, is da; then da @ U.T is what goes back to t - 1.",
    ),
    _RNN.step("dW", "W is used at each time: begin with zeros, and add x[:, t].T @ da at each t."),
    _RNN.step(
        "dU", "As dW, but the input that U meets at time t is h[:, t - 1], which is 0 before the first."
    ),
    _RNN.step("dx", "x[:, t] acts on a_t only, by W."),
)


@value
class _Attention(Layer):
    """Attention of the queries x to keys and values that are parameters, shared by all examples."""

    def init(self, rng: Any, shape: Any) -> Any:
        return {name: rng.child(name).normal((shape[0] + 1, shape[1])) for name in ("k", "v")}, shape

    def forward(self, params: Any, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache]:
        keys, values = (params[name][None, None] for name in ("k", "v"))
        y, seen = attend(x[:, None], keys, values, None, False, Dropout(0.0), run)
        return y[:, 0], seen

    def backward(self, params: Any, cache: Cache, dy: Any, need_dx: bool = True) -> tuple[Any, Any]:
        dq, dk, dv = attend_back(cache, dy[:, None], Dropout(0.0))
        return dq[:, 0], {"k": dk.sum((0, 1)), "v": dv.sum((0, 1))}


def _asked(rng: Rng) -> Given:
    n, times, size = sizes(rng, 3)
    return {
        "q": rng.normal(size=(n, times, size)),
        "k": rng.normal(size=(times + 1, size)),
        "v": rng.normal(size=(times + 1, size)),
    }


def _attended(q: Any, k: Any, v: Any) -> dict[str, Any]:
    o, seen = _Attention().forward({"k": k, "v": v}, q)
    return {"A": seen.weights[:, 0], "o": o}


def _attended_mistakes(q: Any, k: Any, v: Any) -> Wrong:
    size = q.shape[-1]

    def made(scores: Any, axis: int = -1) -> dict[str, Any]:
        A = np.exp(scores - scores.max(axis, keepdims=True))
        A /= A.sum(axis, keepdims=True)
        return {"A": A, "o": A @ v}

    scores = q @ k.T
    return {
        "the scores are not divided by sqrt(d)": made(scores),
        "the scores are divided by d, in place of its root": made(scores / size),
        "softmax goes over the queries: the weights of each query add up to 1, axis -1": made(
            scores / size**0.5, -2
        ),
        "the softmax is missing": {"A": scores / size**0.5, "o": scores / size**0.5 @ v},
        "the scores are multiplied by sqrt(d): divide": made(scores * size**0.5),
        "keys stand in place of values: o = A v": {"o": made(scores / size**0.5)["A"] @ k},
    }


def _attention_given(at: At) -> Given:
    q, k, v = at.x, at.params["k"], at.params["v"]
    return {"q": q, "k": k, "v": v, "A": _attended(q, k, v)["A"], "do": at.dy}


def _attention_mistakes(at: At, true: Any) -> Wrong:
    q, k, _, A, do = _attention_given(at).values()
    dA = do @ at.params["v"].T
    dS = A * (dA - (A * dA).sum(-1, keepdims=True))
    root = q.shape[-1] ** 0.5

    def both(dS: Any) -> dict[str, Any]:
        return {"dq": dS @ k / root, "dk": np.einsum("nij,nic->jc", dS, q) / root}

    return {
        "the division by sqrt(d) is missing on the way back": {
            name: array * root for name, array in both(dS).items()
        },
        "the softmax is passed by its diagonal only: dS = A (dA - sum_j A dA)": both(A * (1 - A) * dA),
        "the derivative of the softmax is missing: dS = A (dA - sum_j A dA)": both(dA),
        "the sum in the derivative of the softmax is missing: dS = A (dA - sum_j A dA)": both(A * dA),
        "the sum in the derivative of the softmax goes over the queries: over the keys, axis -1": both(
            A * (dA - (A * dA).sum(-2, keepdims=True))
        ),
        "it is the mean over the examples: their effects add up": {"dv": true / len(q), "dk": true / len(q)},
        "it is that of the first example alone: add up over the examples": {
            "dv": A[0].T @ do[0],
            "dk": dS[0].T @ q[0] / root,
        },
    }


_ATTENTION = Backward(
    lambda rng: (_Attention(), rng.normal(size=sizes(rng, 3))),
    "backward",
    _attention_given,
    {"dq": "x", "dk": "k", "dv": "v"},
    _attention_mistakes,
)

ATTENTION = (
    computed(
        "A",
        "Scores: q @ k.T / sqrt(d), one row of scores for each query; softmax along the last axis.",
        "forward",
        ("A", "o"),
        _asked,
        _attended,
        _attended_mistakes,
    ),
    computed(
        "o",
        "Each query takes a mean of the values, with its weights.",
        "forward",
        ("A", "o"),
        _asked,
        _attended,
        _attended_mistakes,
    ),
    _ATTENTION.step(
        "dv", "o = A v is a product as in the exercise dense; v is shared, so sum over the examples."
    ),
    _ATTENTION.step("dq", "dA = do v^T; through the softmax dS = A (dA - sum_j A dA); S = q k^T / sqrt(d)."),
    _ATTENTION.step("dk", "As dq, from the other side of the product S = q k^T; sum over the examples."),
)

STEPS = {
    "layer-norm": LAYER_NORM,
    "convolution": CONVOLUTION,
    "max-pool": MAX_POOL,
    "recurrent": RECURRENT,
    "attention": ATTENTION,
}
