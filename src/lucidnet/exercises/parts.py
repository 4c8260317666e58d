"""Lecture 3, layers: steps, hints and known mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..layers import Conv1D, Layer, LayerNormalization, MaxPooling1D
from .grading import At, Backward, Given, Rng, computed, means, sizes

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
        "the mean is added: subtract it": made((x + m) / np.sqrt(v + epsilon)),
        "the sign is wrong: x - m, not m - x": made((m - x) / np.sqrt(v + epsilon)),
        **{told: made(h) for told, h in _wrong_spreads(x, epsilon).items()},
        **_without_keepdims(x, g, b, epsilon),
        "g and b are exchanged: y = g h + b": {"y": b * (x - m) / np.sqrt(v + epsilon) + g},
        "b is scaled, too: y = g h + b, not g (h + b)": {"y": g * ((x - m) / np.sqrt(v + epsilon) + b)},
        "it is divided by the deviation of the whole batch: each row has its own": made((x - m) / x.std()),
        "scale g and shift b are left out": {"y": (x - m) / np.sqrt(v + epsilon)},
    }


def _wrong_spreads(x: Any, epsilon: float) -> dict[str, Any]:
    """Return normalized numbers with a wrong mean or variance, or wrongly divided by it."""
    m, v, k = x.mean(-1, keepdims=True), x.var(-1, keepdims=True), x.shape[-1]
    squares = (x - m) ** 2

    def made(m: Any, v: Any) -> Any:
        return (x - m) / np.sqrt(v + epsilon)

    def with_mean(m: Any) -> Any:
        return made(m, ((x - m) ** 2).mean(-1, keepdims=True))

    return {
        "the mean m is a sum: divide by k": with_mean(k * m),
        "the variance v is a sum: divide by k": made(m, k * v),
        "the mean is not subtracted in the variance": made(m, (x**2).mean(-1, keepdims=True)),
        "the differences are not squared in the variance": made(m, 0.0),
        "it is multiplied by the root: divide": (x - m) * np.sqrt(v + epsilon),
        "it is not divided by the root": x - m,
        "the mean is taken over the examples, axis 0: each row has its own": with_mean(x.mean(0)),
        "the variance is taken over the examples, axis 0: each row has its own": made(m, squares.mean(0)),
        "the variance is that of the whole batch: each row has its own": made(m, squares.mean()),
    }


def _without_keepdims(x: Any, g: Any, b: Any, epsilon: float) -> Wrong:
    """Return what comes out if means of rows meet columns."""
    if x.shape[0] != x.shape[1]:
        return {}
    told = "keepdims=True is missing in the {}: each row has to meet its own"
    m = x.mean(-1)
    v = ((x - m) ** 2).mean(-1, keepdims=True)
    right, of_row = x - x.mean(-1, keepdims=True), x.var(-1)
    return {
        told.format("mean"): {"y": g * (x - m) / np.sqrt(v + epsilon) + b},
        told.format("variance"): {"y": g * right / np.sqrt(of_row + epsilon) + b},
        told.format("mean and the variance"): {
            "y": g * (x - m) / np.sqrt(((x - m) ** 2).mean(-1) + epsilon) + b
        },
    }


def _norm_case(rng: Rng) -> tuple[Layer, Any]:
    return LayerNormalization(), 2 * rng.normal(size=sizes(rng, 2, at_least=4))


def _norm_given(at: At) -> Given:
    x, epsilon = at.x, LayerNormalization().epsilon
    s = 1 / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return {"h": (x - x.mean(-1, keepdims=True)) * s, "s": s, "g": at.params["gamma"], "dy": at.dy}


def _back_without_keepdims(at: At) -> Wrong:
    """Return what comes back if means of rows meet columns."""
    h, s, g, dy = _norm_given(at).values()
    if len(h) != len(g):
        return {}
    d, told = dy * g, "keepdims=True is missing in {}: each row has to meet its own"
    first, second = d.mean(-1, keepdims=True), (d * h).mean(-1, keepdims=True)
    return {
        told.format("mean(dh)"): {"dx": s * (d - first.T - h * second)},
        told.format("mean(dh h)"): {"dx": s * (d - first - h * second.T)},
        told.format("both means"): {"dx": s * (d - first.T - h * second.T)},
    }


def _wrong_scales(at: At) -> Wrong:
    h, _, _, dy = _norm_given(at).values()
    return {
        "h is left out: y = g h + b": {"dg": dy.sum(0)},
        "it is the mean over the examples: their effects add up": {"db": dy.mean(0), "dg": (dy * h).mean(0)},
        "the sum goes over the features, axis 1: it goes over the examples, axis 0": {
            "db": dy.sum(-1),
            "dg": (dy * h).sum(-1),
        },
        "x stands in place of h": {"dg": (dy * at.x).sum(0)},
        "s is too much: h has been divided already": {"dg": (dy * h * _norm_given(at)["s"]).sum(0)},
    }


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
        "it is divided by s: multiply": {"dx": (d - mean - share) / s},
        "the way over the variance is added: - h mean(dh h)": dx(mean, -share),
        "the way over the mean is added: - mean(dh)": dx(-mean, share),
        "both means are added: dh - mean(dh) - h mean(dh h)": dx(-mean, -share),
        "dh itself is missing: dh - mean(dh) - h mean(dh h)": {"dx": -s * (mean + share)},
        "h is missing in the last term: h mean(dh h)": dx(mean, (d * h).mean(-1, keepdims=True)),
        "the mean is missing in the last term: h mean(dh h)": dx(mean, h * d * h),
        "mean(dh) goes over the examples, axis 0: it goes over the features of each row": dx(
            d.mean(0), share
        ),
        "mean(dh h) goes over the examples, axis 0: it goes over the features of each row": dx(
            mean, h * (d * h).mean(0)
        ),
        "dy is divided by g: dh = dy g": {
            "dx": s * (dy / g - (dy / g).mean(-1, keepdims=True) - h * (dy / g * h).mean(-1, keepdims=True))
        },
        "g is left out: dh = dy g": {
            "dx": s * (dy - dy.mean(-1, keepdims=True) - h * (dy * h).mean(-1, keepdims=True))
        },
        "sums stand where means belong": dx(mean * len(g), share * len(g)),
        **_wrong_scales(at),
        **_back_without_keepdims(at),
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
    two = np.zeros_like(W)
    two[-1] = W[-1]
    return {
        "the kernel is turned around: W[j] meets x[t + j]": {"forward": _convolved(x, W[::-1])},
        "y is overwritten: only the last place of the kernel is left; add up (+=)": {
            "forward": _convolved(x, two)
        },
        "the first place of the kernel is left out: range(size) begins at 0": {
            "forward": _convolved(x, np.concatenate([0 * W[:1], W[1:]]))
        },
        "the last place of the kernel is left out": {
            "forward": _convolved(x, np.concatenate([W[:-1], 0 * W[-1:]]))
        },
        "only the first place of the kernel is used: add up over j": {"forward": _convolved(x, one)},
        "it is longer than allowed: only windows that lie whole in x": {
            "forward": _convolved(np.pad(x, ((0, 0), (0, last), (0, 0))), W)
        },
        "x is not shifted: place j of the kernel meets x[:, j : j + times]": {
            "forward": x[:, : x.shape[1] - last] @ W.sum(0)
        },
        "the mean over the kernel's places is taken: it is a sum": {"forward": _convolved(x, W) / len(W)},
    }


def _conv_back(at: At) -> Given:
    return {"x": at.x, "W": at.params["W"], "dy": at.dy}


def _conv_back_mistakes(at: At, true: Any) -> Wrong:
    x, W, dy = _conv_back(at).values()
    times = dy.shape[1]
    turned, overwritten, crossed, plain = (np.zeros_like(x) for _ in range(4))
    square = W.shape[1] == W.shape[2]
    for j in range(len(W)):
        if square:
            crossed[:, j : j + times] += dy @ W[j]
            plain[:, j : j + times] += dy
        turned[:, j : j + times] += dy @ W[len(W) - 1 - j].T
        overwritten[:, j : j + times] = dy @ W[j].T
    return {
        "the kernel is turned around: place j of the kernel met x[t + j]": {"dx": turned, "dW": true[::-1]},
        "what comes back is overwritten: an x lies in several windows, so add it up (+=)": {
            "dx": overwritten
        },
        "W[j] is not transposed: dx takes dy @ W[j].T": {"dx": crossed} if square else {},
        "W is left out: dx takes dy @ W[j].T": {"dx": plain} if square else {},
        "dx is not shifted: what comes back by place j belongs to dx[:, j : j + times]": {
            "dx": np.pad(dy @ W.sum(0).T, ((0, 0), (0, len(W) - 1), (0, 0)))
        },
        "x is not shifted: place j of the kernel met x[:, j : j + times]": {
            "dW": np.repeat(np.einsum("ntc,ntf->cf", x[:, :times], dy)[None], len(W), 0)
        },
        "what belongs to one place of the kernel is added to all: dW[j]": {
            "dW": np.repeat(true.sum(0, keepdims=True), len(W), 0) if true.shape == W.shape else None
        },
        **means(true, **{"examples": len(x), "places": times, "places of the kernel": len(W)}),
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
        "the largest gets nothing, and the others the error": {"dx": errors * (true == 0)},
        "the largest number of the whole batch is sought: that of each window": {
            "dx": ((windows == windows.max()) * dy[:, :, None]).reshape(x.shape)
        },
        **{
            f"the largest is sought over the {what}: over the places of each window, axis 2": {
                "dx": ((windows == windows.max(axis, keepdims=True)) * dy[:, :, None]).reshape(x.shape)
            }
            for what, axis in (("examples, axis 0", 0), ("windows, axis 1", 1), ("channels, axis 3", 3))
        },
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
            "it is the first number of each window: take the largest": {"forward": x[:, ::size]},
            "it is the place of the largest: take the number itself": {"forward": _cut(x, size).argmax(2)},
            **{
                f"the largest is found over the {what}, axis {axis}: it is that of each window, axis 2": {
                    "forward": _cut(x, size).max(axis)
                }
                for what, axis in (("examples", 0), ("windows", 1), ("channels", 3))
                if _cut(x, size).shape[axis] == size
            },
        },
    ),
    _POOL.step("dx", "Find the largest of each window with argmax(axis=2); there dy arrives, elsewhere 0."),
)


STEPS = {
    "layer-norm": LAYER_NORM,
    "convolution": CONVOLUTION,
    "max-pool": MAX_POOL,
}
