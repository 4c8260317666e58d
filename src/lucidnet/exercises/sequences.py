"""Lecture 3, layers of sequences: steps, hints and known mistakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.value import value
from ..layers import Dropout, Layer, SimpleRNN
from ..layers.base import INFERENCE, Cache, Run
from ..layers.dotproduct import attend, attend_back
from .grading import At, Backward, Given, Rng, computed, means, sizes

Wrong = Mapping[str, Mapping[str, Any]]


def _rnn_case(rng: Rng) -> tuple[Layer, Any]:
    n, times, into, units = sizes(rng, 4)
    return SimpleRNN(units, return_sequences=True), 0.7 * rng.normal(size=(n, times, into))


def _rnn_given(at: At) -> Given:
    return {"x": at.x, "h": at.y, "W": at.params["W"], "U": at.params["U"], "dh": at.dy}


def _own_slope(h: Any, t: int) -> Any:
    return 1 - h[:, t] ** 2


LAST_FIRST = slice(None, None, -1)
"""The order of the times on the way back."""


def _errors(
    at: At,
    order: slice = LAST_FIRST,
    *,
    slope: Callable[[Any, int], Any] = _own_slope,
    join: Callable[[Any, Any, Any], Any] = lambda dh, later, slope: (dh + later) * slope,
    back: Callable[[Any, Any, Any], Any] = lambda da, error, U: da @ U.T,
) -> Any:
    """Return the errors da at all times (n, time, units).

    Mistakes have other times in `order`, and another way to find the slope of tanh, to join an error with what
    comes from later, and to send it back in time.
    """
    h, U, dh = at.y, at.params["U"], at.dy
    found, later = np.zeros_like(h), np.zeros_like(h[:, 0])
    for t in range(h.shape[1])[order]:
        found[:, t] = join(dh[:, t], later, slope(h, t))
        later = back(found[:, t], dh[:, t] + later, U)
    return found


def _unrolled(at: At, order: slice = LAST_FIRST, **how: Any) -> dict[str, Any]:
    """Return the gradients of a recurrent layer; the arguments are those of `_errors`."""
    x, h, da = at.x, at.y, _errors(at, order, **how)
    return {
        "dx": da @ at.params["W"].T,
        "dW": np.einsum("nti,ntj->ij", x, da),
        "dU": np.einsum("nti,ntj->ij", h[:, :-1], da[:, 1:]),  # before the first time h is 0
        "db": da.sum((0, 1)),
    }


WRONG_SLOPES: dict[str, Callable[[Any, int], Any]] = {
    "the derivative of tanh, 1 - h^2, is missing": lambda h, t: 1,
    "the derivative of tanh is taken at the wrong point: h is the output already, so 1 - h^2": (
        lambda h, t: 1 - np.tanh(h[:, t]) ** 2
    ),
    "the slope is that of the time before: da_t takes 1 - h_t^2": lambda h, t: 1 - h[:, t - 1] ** 2,
    "the derivative of tanh is 1 - h^2, not 1 + h^2": lambda h, t: 1 + h[:, t] ** 2,
    "the derivative of tanh is 1 - h^2, not 1 - h": lambda h, t: 1 - h[:, t],
    "the derivative of tanh is 1 - h^2, not h^2": lambda h, t: h[:, t] ** 2,
    "the derivative of tanh is 1 - h^2: h (1 - h) is that of the sigmoid": lambda h, t: (
        h[:, t] * (1 - h[:, t])
    ),
    "it is divided by the derivative of tanh: multiply": lambda h, t: 1 / (1 - h[:, t] ** 2),
}
"""Mistakes in the slope of tanh at time t, by sentence."""


def _wrong_loops(at: At) -> Wrong:
    """Return what mistakes in the loop over time give, for all gradients at once."""
    return {
        "no error comes back from later times: h_t acts on h_(t+1), too; add da_(t+1) U^T": _unrolled(
            at, back=lambda da, error, U: 0 * da
        ),
        **{told: _unrolled(at, slope=slope) for told, slope in WRONG_SLOPES.items()},
        "what comes back from later is subtracted: add it": _unrolled(
            at, join=lambda dh, later, slope: (dh - later) * slope
        ),
        "dh_t and what comes back from later are left out: da_t = (dh_t + ...) (1 - h_t^2)": _unrolled(
            at, join=lambda dh, later, slope: slope
        ),
        "U is left out on the way back: da U^T": _unrolled(at, back=lambda da, error, U: da),
        "the product stands the wrong way round on the way back: da U^T, not U^T da": _unrolled(
            at, back=lambda da, error, U: U.T @ da
        )
        if len(at.x) == at.y.shape[-1]
        else {},
        "what comes back from later passes the tanh, too: add it to dh_t before 1 - h_t^2": _unrolled(
            at, join=lambda dh, later, slope: dh * slope + later
        ),
        "what goes back has not passed the tanh: it is da_t U^T": _unrolled(
            at, back=lambda da, error, U: error @ U.T
        ),
        "U is not transposed on the way back: da U^T": _unrolled(at, back=lambda da, error, U: da @ U),
        "the loop goes forwards in time: what comes back comes from later, so begin at the last": _unrolled(
            at, slice(None)
        ),
        "the first time is left out: range(times) begins at 0": _unrolled(at, slice(None, 0, -1)),
        "the last time is left out: it is times - 1": _unrolled(at, slice(-2, None, -1)),
    }


def _rnn_mistakes(at: At, true: Any) -> Wrong:
    x, h, W, U, dh = _rnn_given(at).values()
    da = dh * (1 - h**2)
    return {
        **_wrong_loops(at),
        **means(true, examples=len(x), times=h.shape[1]),
        "before the first time h is 0, but h[:, t - 1] at t = 0 is h[:, -1], the last": {
            "dU": np.einsum("nti,ntj->ij", np.roll(h, 1, axis=1), _errors(at))
        },
        "dh stands in place of da: through the tanh first, and what comes back from later is added": {
            "db": dh.sum((0, 1)),
            "dW": np.einsum("nti,ntj->ij", x, dh),
            "dU": np.einsum("nti,ntj->ij", h[:, :-1], dh[:, 1:]),
            "dx": dh @ W.T,
        },
        "dW takes x of the same time, not of the time before": {
            "dW": np.einsum("nti,ntj->ij", np.roll(x, 1, axis=1), _errors(at))
        },
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
        "dU takes h of the time before, not of the same time (and the first time is left out)": {
            "dU": np.einsum("nti,ntj->ij", h[:, 1:], _errors(at)[:, 1:])
        },
        "it is overwritten at each time: add up over all times": {"dU": h[:, 0].T @ _errors(at)[:, 1]},
        **(_turned_around(at) if len(x) == len(W) == len(U) else {}),
    }


def _turned_around(at: At) -> Wrong:
    """Return products whose factors are not transposed, or exchanged, where all sizes are the same."""
    x, h, da = at.x.swapaxes(0, 1), at.y.swapaxes(0, 1), _errors(at).swapaxes(0, 1)
    return {
        "x is not transposed: dW takes x[:, t].T @ da": {"dW": (x @ da).sum(0)},
        "h is not transposed: dU takes h[:, t - 1].T @ da": {"dU": (h[:-1] @ da[1:]).sum(0)},
        "the product stands the wrong way round: x[:, t].T @ da, h[:, t - 1].T @ da": {
            "dW": (da @ x.swapaxes(1, 2)).sum(0),
            "dU": (da[1:] @ h[:-1].swapaxes(1, 2)).sum(0),
        },
    }


def _first(at: At) -> Any:
    return _errors(at)[:, 0]


_RNN = Backward(
    _rnn_case,
    "backward",
    _rnn_given,
    {"dx": "x", "dW": "W", "dU": "U", "db": "b"},
    _rnn_mistakes,
    lambda at: {"da": _errors(at)},
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
        "the scores are divided by the root of the number of keys: d is the length of a key": made(
            scores / len(k) ** 0.5
        ),
        "values stand in place of keys: S = q k^T": made(q @ v.T / size**0.5),
        "A is divided by the sums over the queries: each row adds up to 1, axis -1": {
            "A": np.exp(scores / size**0.5) / np.exp(scores / size**0.5).sum(-2, keepdims=True)
        },
        "keys stand in place of values: o = A v": {"o": made(scores / size**0.5)["A"] @ k},
        "exp is missing: A is exp(S), divided by its sum": {
            "A": scores / scores.sum(-1, keepdims=True),
            "o": scores / scores.sum(-1, keepdims=True) @ v,
        },
        "A is not divided by its sum over the keys": {"A": np.exp(scores / size**0.5)},
        "A is not divided by its sum over the keys (the largest is subtracted already)": {
            "A": np.exp((scores - scores.max(-1, keepdims=True)) / size**0.5)
        },
        "it is divided by the sum over all keys and queries: each row adds up to 1": {
            "A": np.exp((scores - scores.max()) / size**0.5)
            / np.exp((scores - scores.max()) / size**0.5).sum((-2, -1), keepdims=True)
        },
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
        "A, which multiplies the bracket, is missing: dS = A (dA - sum_j A dA)": both(
            dA - (A * dA).sum(-1, keepdims=True)
        ),
        "A is missing in the sum: dS = A (dA - sum_j A dA)": both(A * (dA - dA.sum(-1, keepdims=True))),
        "the sum is added: dS = A (dA - sum_j A dA)": both(A * (dA + (A * dA).sum(-1, keepdims=True))),
        "it is multiplied by sqrt(d) on the way back: divide": {
            name: array * root**2 for name, array in both(dS).items()
        },
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
    lambda at: {"dA": at.dy @ at.params["v"].T},
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
    "recurrent": RECURRENT,
    "attention": ATTENTION,
}
