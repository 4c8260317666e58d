"""Lecture 1, backward passes: steps, hints and known mistakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..layers import Dense, ReLU, Sequential, Sigmoid
from .grading import At, Backward, Given, Rng, computed, sizes


def _some_points(rng: Rng) -> Given:
    n, k = sizes(rng, 2, at_least=4)
    x, w = rng.normal(size=(4 * n, k)), rng.normal(size=k)
    return {"x": x, "w": w, "b": -float(np.quantile(x @ w, 0.3))}  # some of each class


def _classes(x: Any, w: Any, b: float) -> Mapping[str, Any]:
    return {"predict": np.heaviside(x @ w + b, 0.0)}


def _no_classes(x: Any, w: Any, b: float) -> Mapping[str, Mapping[str, Any]]:
    z = x @ w + b
    return {
        "the threshold is missing: it returns the sum x w + b itself, in place of 0 or 1": {"predict": z},
        "the bias b is left out": {"predict": np.heaviside(x @ w, 0.0)},
        "the bias b is subtracted": {"predict": np.heaviside(x @ w - b, 0.0)},
        "the answers are exchanged: 1 belongs to a sum above 0": {"predict": np.heaviside(-z, 0.0)},
        "it answers -1 and 1 where it should answer 0 and 1": {"predict": np.sign(z)},
        "the answer changes where the sum is 0.5: it should where the sum is 0": {
            "predict": np.heaviside(z - 0.5, 0.0)
        },
        "it is the sigmoid of the sum: the answer is 1 or 0": {"predict": 1 / (1 + np.exp(-z))},
    }


def _a_pass(rng: Rng) -> Given:
    given = _some_points(rng)
    wrong = 1 - _classes(**given)["predict"]  # each needs a correction at first
    return given | {"t": wrong, "rate": float(rng.uniform(0.1, 1.0))}


def _corrected(
    x: Any,
    w: Any,
    b: float,
    t: Any,
    rate: float,
    signs: tuple[float, float] = (1, 1),
    in_turn: bool = True,
    with_b: float = 1,
    with_x: bool = True,
    keep: tuple[float, float] = (1, 1),
    wrong: Callable[[float, float], float] = lambda goal, y: goal - y,
    answer: Callable[[float], float] = lambda z: float(z > 0),
) -> dict[str, Any]:
    """Return the weights after one pass over the data; `signs` are factors of the changes to w and b."""
    first, first_b = w, b
    for row, goal in zip(x, t, strict=True):
        judged = (w, b) if in_turn else (first, first_b)
        error = wrong(goal, answer(row @ judged[0] + with_b * judged[1]))
        w = keep[0] * w + signs[0] * rate * error * (row if with_x else 1)
        b = keep[1] * b + signs[1] * rate * error
    return {"w": w, "b": b}


def _badly_corrected(x: Any, w: Any, b: float, t: Any, rate: float) -> Mapping[str, Mapping[str, Any]]:
    given = (x, w, b, t)
    turned = "the sign is wrong: where the answer is too small, w has to move towards x, and b up"
    return {
        "the bias does not learn: it moves by rate (t - y)": _corrected(*given, rate, (1, 0)),
        "w does not learn": _corrected(*given, rate, (0, 1)),
        turned: _corrected(*given, rate, (-1, -1)),
        f"{turned} (that of b is right)": _corrected(*given, rate, (-1, 1)),
        f"{turned} (that of w is right)": _corrected(*given, rate, (1, -1)),
        "the rate is left out": _corrected(*given, 1.0),
        "the rate is left out in the step of w": _corrected(*given, rate, (1 / rate, 1)),
        "the rate is left out in the step of b": _corrected(*given, rate, (1, 1 / rate)),
        "the answers are found without the bias b": _corrected(*given, rate, with_b=0),
        "the bias b is subtracted where the answers are found": _corrected(*given, rate, with_b=-1),
        "x is left out in the step of w": _corrected(*given, rate, with_x=False),
        "the error is t - y, the difference, not t + y": _corrected(*given, rate, wrong=lambda t, y: t + y),
        "t is left out of the error, t - y": _corrected(*given, rate, wrong=lambda t, y: y),
        "the old w is forgotten: w' = w + rate (t - y) x": _corrected(*given, rate, keep=(0, 1)),
        "the old b is forgotten: b' = b + rate (t - y)": _corrected(*given, rate, keep=(1, 0)),
        "all examples are judged by the first weights: each has to be judged by those of the one before": (
            _corrected(*given, rate, in_turn=False)
        ),
        "the sum x w + b stands in place of the answer y, which is 1 or 0": _corrected(
            *given, rate, answer=float
        ),
        "the last example is left out: go through all of them": _corrected(x[:-1], w, b, t[:-1], rate),
        "only the first example is used: go through all of them": _corrected(x[:1], w, b, t[:1], rate),
        "every example is learned, also where the answer was right: multiply by t - y, not by t": {
            "w": w + rate * (t @ x),
            "b": b + rate * t.sum(),
        },
    }


PERCEPTRON = (
    computed(
        "predict",
        "x @ w has one sum for each row of x. Add b, compare with 0; `np.where`, or `(... > 0) * 1.0`.",
        "predict",
        ("predict",),
        _some_points,
        _classes,
        _no_classes,
    ),
    computed(
        "w",
        "Loop over the rows: y from the weights as they are now, then w = w + rate * (t[i] - y) * x[i].",
        "learn",
        ("w", "b"),
        _a_pass,
        _corrected,
        _badly_corrected,
    ),
    computed(
        "b",
        "b is the weight of an input that is always 1: the update of w, with 1 in place of x[i].",
        "learn",
        ("w", "b"),
        _a_pass,
        _corrected,
        _badly_corrected,
    ),
)


def _affine(rng: Rng) -> Given:
    n, into, out = sizes(rng, 3)
    return {"x": rng.normal(size=(n, into)), "W": rng.normal(size=(into, out)), "b": rng.normal(size=out)}


def _affine_forward(x: Any, W: Any, b: Any) -> Mapping[str, Any]:
    return {"forward": Dense(W.shape[1]).forward({"W": W, "b": b}, x)[0]}


def _affine_mistakes(x: Any, W: Any, b: Any) -> Mapping[str, Mapping[str, Any]]:
    turned = _square(x, W)
    return {
        "W and x are exchanged: each row of x is multiplied by W from the right, x @ W": (
            {"forward": W @ x + b} if turned else {}
        ),
        "W is transposed: it has the shape (inputs, outputs) already": (
            {"forward": x @ W.T + b} if turned else {}
        ),
        "* multiplies entry by entry: the product of matrices is x @ W": {"forward": x * W + b}
        if turned
        else {},
        "b is added to the rows: b_k belongs to output k, column k of all rows": {
            "forward": x @ W + b[:, None]
        }
        if turned
        else {},
        "the result is turned around: W.T @ x.T is (x @ W).T": {"forward": W.T @ x.T + b} if turned else {},
        "the bias b is left out": {"forward": x @ W},
        "b is subtracted": {"forward": x @ W - b},
        **{
            f"it has gone through {name}: here y is x W + b itself": {"forward": of(x @ W + b)}
            for name, of in (("ReLU", lambda z: np.maximum(z, 0)), ("tanh", np.tanh))
        },
        "W is divided by the number of inputs: the sum is no mean": {"forward": x @ W / len(W) + b},
    }


def _square(*arrays: Any) -> bool:
    """Tell whether all arrays are square matrices."""
    return all(array.shape[0] == array.shape[1] for array in arrays)


def _dense_case(rng: Rng) -> tuple[Any, Any]:
    n, into, out = sizes(rng, 3)
    return Dense(out), rng.normal(size=(n, into))


_DENSE = Backward(
    _dense_case,
    "backward",
    lambda at: {"x": at.x, "W": at.params["W"], "dy": at.dy},
    {"dx": "x", "dW": "W", "db": "b"},
    lambda at, true: {
        "x is not transposed: dW takes x.T": {"dW": at.x @ at.dy} if _square(at.x, at.dy) else {},
        "W is not transposed: dx takes W.T": {"dx": at.dy @ at.params["W"]} if _square(at.x, at.dy) else {},
        "the sum goes over the outputs, axis 1: it has to go over the examples, axis 0": {"db": at.dy.sum(1)},
        "it is the mean over the examples: their effects add up": {
            "db": at.dy.mean(0),
            "dW": true / len(at.x),
        },
    },
)

DENSE = (
    computed(
        "forward",
        "`x @ W` multiplies all rows at once; b is added to each of them by itself (broadcasting).",
        "forward",
        ("forward",),
        _affine,
        _affine_forward,
        _affine_mistakes,
    ),
    _DENSE.step(
        "db", "b_k is added to y_k of every example, so its effects add up: a sum over the rows of dy."
    ),
    _DENSE.step("dW", "dW has the shape of W (inputs, outputs). Which product of x and dy has it?"),
    _DENSE.step("dx", "x_i acts on every output y_k by W_ik: sum over k. dx has the shape of x."),
)


def _numbers(rng: Rng) -> Given:
    return {"z": 2 * rng.normal(size=sizes(rng, 2, at_least=3))}


def _sigmoid_mistakes(z: Any) -> Mapping[str, Mapping[str, Any]]:
    return {
        "the sign in the exponent is wrong: exp(-z)": {"forward": 1 / (1 + np.exp(z))},
        "it is the hyperbolic tangent, which goes from -1 to 1; the sigmoid goes from 0 to 1": {
            "forward": np.tanh(z)
        },
        "the 1 in 1 + exp(-z) is missing": {"forward": np.exp(z)},
        "it is 1 + exp(-z): the sigmoid is 1 divided by it": {"forward": 1 + np.exp(-z)},
        "the sign before exp(-z) is wrong: 1 + exp(-z)": {"forward": 1 / (1 - np.exp(-z))},
        "it is the derivative of the sigmoid: return the sigmoid itself": {
            "forward": np.exp(-z) / (1 + np.exp(-z)) ** 2
        },
    }


_SIGMOID = Backward(
    lambda rng: (Sigmoid(), 1.5 * rng.normal(size=sizes(rng, 2, at_least=3))),
    "backward",
    lambda at: {"y": at.y, "dy": at.dy},
    {"dz": "x"},
    lambda at, true: {
        "y is the sigmoid already: it is taken a second time": {
            "dz": at.dy * Sigmoid().forward({}, at.y)[0] * (1 - Sigmoid().forward({}, at.y)[0])
        },
        "the factor y is missing: sigmoid'(z) = y (1 - y)": {"dz": at.dy * (1 - at.y)},
        "the factor 1 - y is missing: sigmoid'(z) = y (1 - y)": {"dz": at.dy * at.y},
        "that is the derivative of tanh, 1 - y^2: the sigmoid's is y (1 - y)": {"dz": at.dy * (1 - at.y**2)},
        "dy is left out: the chain rule multiplies it by the slope": {"dz": at.y * (1 - at.y)},
    },
)

SIGMOID = (
    computed(
        "forward",
        "Write the formula with np.exp(-z); it holds for all numbers of the array at once.",
        "forward",
        ("forward",),
        _numbers,
        lambda z: {"forward": Sigmoid().forward({}, z)[0]},
        _sigmoid_mistakes,
    ),
    _SIGMOID.step(
        "dz", "The slope can be written with y alone, sigmoid'(z) = y (1 - y); then the chain rule."
    ),
)


def _relu_case(rng: Rng) -> tuple[Any, Any]:
    x = rng.normal(size=sizes(rng, 2, at_least=3))
    x.flat[::4] *= 1e-9  # where differences meet the kink
    return ReLU(), x


_RELU = Backward(
    _relu_case,
    "backward",
    lambda at: {"z": at.x, "dy": at.dy},
    {"dz": "x"},
    lambda at, true: {
        "the mask is taken from dy, in place of z: what went through is decided by the forward pass": {
            "dz": np.maximum(at.dy, 0)
        },
        "dy is left out: the chain rule multiplies it by the slope, 0 or 1": {"dz": 1.0 * (at.x > 0)},
        "the mask is the other way round: dy goes on where z > 0": {"dz": at.dy * (at.x <= 0)},
        "dy is multiplied by the output: the slope of ReLU is 1 where z > 0": {"dz": at.dy * at.y},
    },
)

RELU = (
    computed(
        "forward",
        "np.maximum compares each number with another (np.max finds the largest of all).",
        "forward",
        ("forward",),
        _numbers,
        lambda z: {"forward": ReLU().forward({}, z)[0]},
        lambda z: {
            "negative numbers are turned around: they should become 0": {"forward": np.abs(z)},
            "the wrong half is kept: positive numbers stay": {"forward": np.minimum(z, 0)},
            "it is the mask: where z > 0 the number itself stays": {"forward": 1.0 * (z > 0)},
            "nothing is cut off: numbers below 0 become 0": {"forward": z},
        },
    ),
    _RELU.step("dz", "Where z > 0, y is z and the slope 1; elsewhere y stays 0 whatever z does, slope 0."),
)


def _two_case(rng: Rng) -> tuple[Any, Any]:
    n, into, hidden, out = sizes(rng, 4)
    return Sequential([Dense(hidden, "tanh"), Dense(out)]), rng.normal(size=(n, into))


def _two_given(at: At) -> Given:
    first, second = at.params["dense0"], at.params["dense1"]
    h = np.tanh(at.x @ first["W"] + first["b"])
    return {"x": at.x, "h": h, "W1": first["W"], "W2": second["W"], "dy": at.dy}


def _two_between(at: At) -> Given:
    _, h, _, W2, dy = _two_given(at).values()
    return {"dh": dy @ W2.T, "da": dy @ W2.T * (1 - h**2)}


def _two_mistakes(at: At, true: Any) -> Mapping[str, Mapping[str, Any]]:
    x, h, W1, W2, dy = _two_given(at).values()
    dh = dy @ W2.T
    turned = _first_layer(x, dy @ W2 * (1 - h**2), at) if _square(x, dy) else {}
    slope = "the derivative of tanh is forgotten on the way: da = dh (1 - h^2)"
    wrong = "the derivative of tanh is written with the wrong formula: it is 1 - h^2"
    without = _first_layer(x, dh, at)
    return {
        "W2 is not transposed: dh takes W2.T": turned,
        "W1 is not transposed: dx takes W1.T": {"dx": dh * (1 - h**2) @ W1} if _square(x, dy) else {},
        slope: without,
        "W2 is left out on the way back: dh = dy W2^T": _first_layer(x, dy * (1 - h**2), at)
        if dy.shape == h.shape
        else {},
        "the product stands the wrong way round: dh = dy W2^T, not W2^T dy": (
            _first_layer(x, W2.T @ dy * (1 - h**2), at) if _square(x, dy) else {}
        ),
        "dh is left out: da = dh (1 - h^2)": _first_layer(x, 1 - h**2, at),
        "the derivative of tanh is 1 - h^2, not (1 - h)^2": _first_layer(x, dh * (1 - h) ** 2, at),
        "the derivative of tanh is 1 - h^2: h > 0 is that of ReLU": _first_layer(x, dh * (h > 0), at),
        "the derivative of tanh is 1 - h^2, not 1 + h^2": _first_layer(x, dh * (1 + h**2), at),
        "the derivative of tanh is 1 - h^2, not h^2": _first_layer(x, dh * h**2, at),
        "it is divided by the derivative of tanh: multiply": _first_layer(x, dh / (1 - h**2), at),
        wrong: _first_layer(x, dh * h * (1 - h), at),
        "the derivative of tanh is 1 - h^2, not 1 - h": _first_layer(x, dh * (1 - h), at),
        "the derivative of tanh is taken at the wrong point: h is the output already, so 1 - h^2": (
            _first_layer(x, dh * (1 - np.tanh(h) ** 2), at)
        ),
        "it is the mean over the examples: their effects add up": dict.fromkeys(
            ("dW1", "db1", "dW2", "db2"), true / len(x)
        ),
        "h stands in place of x: the first layer's input is x": {"dW1": h.T @ (dh * (1 - h**2))}
        if x.shape == h.shape
        else {},
        "x stands in place of h: the second layer's input is h": {"dW2": x.T @ dy}
        if x.shape == h.shape
        else {},
    }


def _first_layer(x: Any, da: Any, at: At) -> dict[str, Any]:
    return {"da": da, "dW1": x.T @ da, "db1": da.sum(0), "dx": da @ at.params["dense0"]["W"].T}


_TWO = Backward(
    _two_case,
    "backward",
    _two_given,
    {"dx": "x", "dW1": "dense0/W", "db1": "dense0/b", "dW2": "dense1/W", "db2": "dense1/b"},
    _two_mistakes,
    _two_between,
)

TWO_LAYERS = (
    _TWO.step("db2", "As in the exercise dense: y = h W2 + b2, so b2 sees dy itself."),
    _TWO.step("dW2", "The second layer's input is h: dW2 = (its input)^T (the error at its output)."),
    _TWO.step("db1", "First dh = dy W2^T, then through the tanh: da = dh (1 - h^2). b1 sees da."),
    _TWO.step("dW1", "The first layer's input is x, the error at its output (before tanh) is da."),
    _TWO.step("dx", "One layer further: as dh comes from dy by W2, dx comes from da by W1."),
)

STEPS = {
    "perceptron": PERCEPTRON,
    "dense": DENSE,
    "sigmoid": SIGMOID,
    "relu": RELU,
    "two-layers": TWO_LAYERS,
}
