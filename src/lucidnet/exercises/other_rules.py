"""Lecture 5, other learning rules: steps, hints and known mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backend import Array, Tree
from ..check import rule as check_rule
from ..core.settings import anything
from ..core.value import value
from ..layers import Dense, Input, Layer, Sequential, Tanh
from ..layers.base import Send
from ..optimizers import SGD
from ..rules import FeedbackAlignment, FixedSign
from ..rules.edge import Edge
from ..rules.space.transported import Transported
from .grading import Call, ExerciseStep, Given, Rng, array_of, computed, settled, several, sizes
from .pupil import WrongAnswerError

Wrong = Mapping[str, Mapping[str, Any]]


def _edge(rng: Rng) -> Given:
    n, into, out = sizes(rng, 3)
    matrices = {"x": (n, into), "W": (into, out), "B": (into, out), "dy": (n, out)}
    return {name: rng.normal(size=shape) for name, shape in matrices.items()}


def _crossed(carried: Any, x: Any, dy: Any) -> dict[str, Any]:
    """Return the gradients of a dense layer whose error is carried back by the given weights."""
    layer = Dense(dy.shape[1])
    params = {"W": carried, "b": np.zeros(dy.shape[1])}
    dx, grads = layer.backward(params, layer.forward(params, x)[1], dy)
    return {"dx": dx, "dW": grads["W"], "db": grads["b"]}


def _aligned(x: Any, W: Any, B: Any, dy: Any) -> dict[str, Any]:
    return _crossed(B, x, dy)


def _aligned_mistakes(x: Any, W: Any, B: Any, dy: Any) -> Wrong:
    square = x.shape[0] == x.shape[1] == dy.shape[1]
    right = _crossed(B, x, dy)
    return {
        "W carries the error back: that is backpropagation; B has to stand in its place": {"dx": dy @ W.T},
        "B is not transposed: dx takes B.T": {"dx": dy @ B} if square else {},
        "x is not transposed: dW takes x.T": {"dW": x @ dy} if square else {},
        "W and B are added: B alone carries the error": {"dx": dy @ (W + B).T},
        "B is used in dW, too: the weights learn as in backpropagation, dW = x^T dy": {
            "dW": x.T @ (x @ B),
        },
        "it is the mean over the examples: their effects add up": {
            "dW": right["dW"] / len(x),
            "db": right["db"] / len(x),
        },
        "the sum goes over the outputs, axis 1: it goes over the examples, axis 0": {"db": dy.sum(1)},
    }


@value
class _AnsweredRule(Transported):
    """A rule of the library whose pass through a dense layer is computed by a student's file."""

    inner: Any = anything(default=FeedbackAlignment())
    asked: Any = anything(default=None)

    def carried_by(self, W: Array, B: Array) -> Array:
        return self.inner.carried_by(W, B)

    def mirrored(self, layer: Layer, params: Tree, last: bool) -> Tree | None:
        return self.inner.mirrored(layer, params, last)

    def cross(self, edge: Edge, send: Send) -> tuple[Any, Tree, Tree | None]:
        if not (isinstance(edge.layer, Dense) and "W" in edge.B):
            return *edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx), None
        found = self.asked(x=edge.cache[0], W=edge.params["W"], B=edge.B["W"], dy=edge.dy)
        dx, grads, _ = super().cross(edge, send)
        own = {
            name: settled(found[f"d{name}"], right) for name, right in grads.items() if f"d{name}" in found
        }
        return found["dx"] if dx is None else settled(found["dx"], dx), grads | own, None


def _in_a_network(
    inner: Transported, function: str, names: tuple[str, ...], returns: tuple[str, ...]
) -> ExerciseStep:
    """Return a step in which a network learns by the student's rule, as `check.rule` tests it."""

    def look(call: Call, rng: Rng) -> None:
        if not rng.square:  # once is enough: it takes many questions
            return

        def asked(**given: Any) -> dict[str, Any]:
            made = several(function, call(function, **{name: given[name] for name in names}), returns)
            return {name: array_of(name, array) for name, array in made.items()}

        out = int(rng.integers(2, 5))
        net = Sequential([Input(5), Dense(6), Tanh(), Dense(4), Tanh(), Dense(out)])
        own = _AnsweredRule(inner=inner, asked=asked)
        for finding in check_rule(own, net=net, seed=int(rng.integers(1000))).findings:
            about = finding.what.startswith(("setting", "reads"))
            if finding.passed is False and not about:
                raise WrongAnswerError(f"in a network: {finding.what}: {finding.seen}")

    return ExerciseStep(
        "network", "Every step before is right: look for what the function keeps between calls.", look
    )


_FA_RETURNS = ("dx", "dW", "db")
_FA_ASKED = ("backward", _FA_RETURNS, _edge, _aligned, _aligned_mistakes)

FEEDBACK_ALIGNMENT = (
    computed("db", "As in the exercise dense: a sum over the examples.", *_FA_ASKED),
    computed("dW", "As in the exercise dense. Only the way further back is another one.", *_FA_ASKED),
    computed(
        "dx", "As in backpropagation, with B in place of W: B has its shape (inputs, outputs).", *_FA_ASKED
    ),
    _in_a_network(FeedbackAlignment(), "backward", ("x", "W", "B", "dy"), _FA_RETURNS),
)


def _signed(rng: Rng) -> Given:
    given = _edge(rng)
    return {name: given[name] for name in ("W", "B", "dy")}


def _by_sign(W: Any, B: Any, dy: Any) -> dict[str, Any]:
    V = FixedSign().carried_by(W, B)
    return {"V": V, "dx": _crossed(V, np.zeros((len(dy), len(V))), dy)["dx"]}


def _sign_mistakes(W: Any, B: Any, dy: Any) -> Wrong:
    square = dy.shape[0] == dy.shape[1] == len(W)
    wrong = {
        "the sizes of W are used: W gives the signs only, B the sizes": W,
        "B keeps its own signs: take |B|": B * np.sign(W),
        "the signs of B are used: they are W's": np.abs(B),
        "signs and sizes are exchanged: the signs are W's, the sizes B's": np.abs(W) * np.sign(B),
        "all sizes are 1: take those of B": np.sign(W),
        "B itself is used, as in feedback alignment: its signs have to be W's": B,
        "the sign is wrong": -np.abs(B) * np.sign(W),
        "W itself gives more than its signs: take sign(W)": np.abs(B) * W,
    }
    made = {sentence: {"V": V, "dx": dy @ V.T} for sentence, V in wrong.items()}
    V = np.abs(B) * np.sign(W)
    return made | {"V is not transposed: dx takes V.T": {"dx": dy @ V} if square else {}}


_SIGN_ASKED = ("backward", ("dx", "V"), _signed, _by_sign, _sign_mistakes)

SIGN_SYMMETRY = (
    computed("V", "np.sign gives the signs, np.abs the sizes; entry by entry.", *_SIGN_ASKED),
    computed("dx", "V carries the error as W does in backpropagation.", *_SIGN_ASKED),
    _in_a_network(FixedSign(), "backward", ("W", "B", "dy"), ("dx", "V")),
)


def _direct(rng: Rng) -> Given:
    n, into, units, out = sizes(rng, 4)
    x, W = rng.normal(size=(n, into)), rng.normal(size=(into, units))
    h = np.tanh(x @ W + rng.normal(size=units))
    return {"x": x, "h": h, "B": rng.normal(size=(out, units)), "e": rng.normal(size=(n, out))}


def _directly(x: Any, h: Any, B: Any, e: Any) -> dict[str, Any]:
    da, _ = Tanh().backward({}, h, e @ B)
    made = _crossed(np.zeros((x.shape[1], h.shape[1])), x, da)
    return {"da": da, "dW": made["dW"], "db": made["db"]}


def _direct_mistakes(x: Any, h: Any, B: Any, e: Any) -> Wrong:
    square = len({*x.shape, *h.shape, *e.shape}) == 1

    def made(da: Any) -> dict[str, Any]:
        return {"da": da, "dW": x.T @ da, "db": da.sum(0)}

    back = e @ B
    da = back * (1 - h**2)
    return {
        "the derivative of tanh, 1 - h^2, is missing": made(back),
        "e B is left out: da = (e B) (1 - h^2)": made(1 - h**2),
        "the derivative of tanh is 1 - h^2, not 1 + h^2": made(back * (1 + h**2)),
        "the derivative of tanh is 1 - h^2, not 1 - h": made(back * (1 - h)),
        "the derivative of tanh is 1 - h^2, not h^2": made(back * h**2),
        "it is divided by the derivative of tanh: multiply": made(back / (1 - h**2)),
        "B is left out: dh = e B": made(e * (1 - h**2)) if square else {},
        "the product stands the wrong way round: e B, not B e": made((B @ e) * (1 - h**2)) if square else {},
        "e and B are multiplied entry by entry: e B is a product of matrices": made(e * B * (1 - h**2))
        if square
        else {},
        "the derivative of tanh has the wrong formula: h (1 - h) is that of the sigmoid": made(
            back * h * (1 - h)
        ),
        "the derivative of tanh is taken at the wrong point: h is the output already": made(
            back * (1 - np.tanh(h) ** 2)
        ),
        "B is transposed: it has the shape (outputs, units), so e B": made((e @ B.T) * (1 - h**2))
        if square
        else {},
        "h stands in place of x: these are the weights below h": {"dW": h.T @ da}
        if x.shape == h.shape
        else {},
        "x is not transposed: dW takes x.T": {"dW": x @ da} if square else {},
        "it is the mean over the examples: their effects add up": {"dW": x.T @ da / len(x), "db": da.mean(0)},
        "the sum goes over the units, axis 1: it goes over the examples, axis 0": {"db": da.sum(1)},
    }


_DIRECT_ASKED = ("hidden", ("da", "dW", "db"), _direct, _directly, _direct_mistakes)

DIRECT_FEEDBACK = (
    computed("da", "e B in place of what would come back, then through the tanh as ever.", *_DIRECT_ASKED),
    computed("dW", "From da on it is the exercise dense: the input is x, the error da.", *_DIRECT_ASKED),
    computed("db", "A sum over the examples.", *_DIRECT_ASKED),
)


def _pair(rng: Rng) -> Given:
    shape = sizes(rng, 2)
    given: Given = {name: rng.normal(size=shape) for name in ("W", "B", "g")}
    return given | {"rate": float(rng.uniform(0.05, 0.5)), "decay": float(rng.uniform(0.1, 0.5))}


def _taught(W: Any, B: Any, g: Any, rate: float, decay: float) -> dict[str, Any]:
    optimizer = SGD(rate, weight_decay=decay)
    made, _ = optimizer.update({"W": g, "B": g}, optimizer.init({"W": W, "B": B}), {"W": W, "B": B})
    return dict(made)


def _pair_mistakes(W: Any, B: Any, g: Any, rate: float, decay: float) -> Wrong:
    def made(kept: float, step: float, W: Any = W, B: Any = B) -> dict[str, Any]:
        return {"W": kept * W - step * g, "B": kept * B - step * g}

    return {
        "the decay is forgotten: without it W and B keep their distance for ever": made(1, rate),
        "the decay is not multiplied by the rate": made(1 - decay, rate),
        "it grows in place of decaying: the decay is subtracted": made(1 + rate * decay, rate),
        "the weights climb: descend, - rate g": made(1 - rate * decay, -rate),
        "the rate is left out": made(1 - decay, 1),
        "it climbs: descend, W - rate (g + decay W)": made(1 + rate * decay, -rate),
        "the old weights are forgotten: W' = W - rate (g + decay W)": made(rate * decay, -rate),
        "the decay is left out, W itself is added to g": made(1 - rate, rate),
        "the decay is added to g by itself: it has to be multiplied by the weights": {
            "W": W - rate * (g + decay),
            "B": B - rate * (g + decay),
        },
        "B does not learn: it takes the same change as W": {"B": B},
        "B decays with W's weights, in place of its own": {"B": B - rate * (g + decay * W)},
        "B begins at W: it is changed by the same g, but has weights of its own": {
            "B": W - rate * (g + decay * B)
        },
        "only the share decay of the weights is kept: they shrink by rate decay": made(decay, rate),
        "the weights grow: rate decay times them is subtracted": made(1 + decay, rate),
        "B is set to W: it may not read W, it only takes the same g": {"B": W - rate * (g + decay * W)},
        "B moves the wrong way": {"B": (1 - rate * decay) * B + rate * g},
    }


_PAIR_ASKED = ("step", ("W", "B"), _pair, _taught, _pair_mistakes)

KOLEN_POLLACK = (
    computed("W", "A step of gradient descent on g + decay W.", *_PAIR_ASKED),
    computed("B", "The same step, with B in place of W; g stays g.", *_PAIR_ASKED),
)


def _trace(rng: Rng) -> Given:
    n, into, units = sizes(rng, 3)
    return {
        "P": rng.normal(size=(n, into, units)),
        "x": rng.normal(size=(n, into)),
        "slope": rng.uniform(0.2, 1.0, size=(n, units)),
        "tau": float(rng.uniform(2.0, 6.0)),
    }


def _advanced(P: Any, x: Any, slope: Any, tau: float) -> dict[str, Any]:
    return {"advance": P + (np.einsum("ni,nj->nij", x, slope) - P) / tau}


def _trace_mistakes(P: Any, x: Any, slope: Any, tau: float) -> Wrong:
    new = x[:, :, None] * slope[:, None, :]
    square = x.shape == slope.shape
    turned = slope[:, :, None] * x[:, None, :]
    return {
        "1/tau, which multiplies what is new, is missing": {"advance": (1 - 1 / tau) * P + new},
        "the old trace does not fade: multiply it by 1 - 1/tau": {"advance": P + new / tau},
        "the old trace is forgotten": {"advance": new / tau},
        "what is new is left out": {"advance": (1 - 1 / tau) * P},
        "what is new is subtracted: add it": {"advance": (1 - 1 / tau) * P - new / tau},
        "the old trace fades by 1 - 1/tau, not 1/tau": {"advance": P / tau + new / tau},
        "the old trace fades by 1 - 1/tau, not 1 - tau": {"advance": (1 - tau) * P + new / tau},
        "the old trace grows: 1 - 1/tau, not 1 + 1/tau": {"advance": (1 + 1 / tau) * P + new / tau},
        "the input x is missing": {"advance": (1 - 1 / tau) * P + slope[:, None, :] / tau},
        "x and the slope are added: multiply them": {
            "advance": (1 - 1 / tau) * P + (x[:, :, None] + slope[:, None, :]) / tau
        },
        "1/tau and 1 - 1/tau are exchanged": {"advance": P / tau + (1 - 1 / tau) * new},
        "the slope f'(a) is missing": {"advance": (1 - 1 / tau) * P + x[:, :, None] / tau + 0 * P},
        "the trace is [n, unit, input]: it has to be [n, input, unit], as W": {
            "advance": (1 - 1 / tau) * P + turned / tau
        }
        if square
        else {},
        "tau multiplies: divide by it": {"advance": (1 - 1 / tau) * P + new * tau},
    }


def _traced(rng: Rng) -> Given:
    given = _trace(rng)
    return {"P": given["P"], "error": rng.normal(size=given["slope"].shape)}


def _learned(P: Any, error: Any) -> dict[str, Any]:
    return {"gradient": np.tensordot(P * error[:, None, :], np.ones(len(P)), axes=(0, 0))}


def _learned_mistakes(P: Any, error: Any) -> Wrong:
    right = _learned(P, error)["gradient"]
    return {
        "it is the mean over the examples: their effects add up": {"gradient": right / len(P)},
        "the sum over the examples is missing": {"gradient": P * error[:, None, :]},
        "the errors are added up before they meet the traces: each example's own error belongs to its trace": {
            "gradient": P.sum(0) * error.sum(0)
        },
        "it is that of the first example alone: add up over the examples": {"gradient": P[0] * error[0]},
        "the errors are left out": {"gradient": P.sum(0)},
        "errors and traces are added: multiply them": {"gradient": (P + error[:, None, :]).sum(0)},
        **{
            f"the sum goes over the {what}, axis {axis}: it goes over the examples, axis 0": {
                "gradient": (P * error[:, None, :]).sum(axis)
            }
            for axis, what in ((1, "inputs"), (2, "units"))
        },
        "the error of a unit belongs to its column, not to a row": {
            "gradient": (P * error[:, :, None]).sum(0)
        }
        if P.shape[1] == P.shape[2]
        else {},
    }


def _sequence(rng: Rng) -> Given:
    n, times, into, units = sizes(rng, 4)
    return {
        "x": rng.normal(size=(n, times, into)),
        "slope": rng.uniform(0.2, 1.0, size=(n, times, units)),
        "error": rng.normal(size=(n, times, units)),
        "tau": float(rng.uniform(2.0, 6.0)),
    }


def _online(x: Any, slope: Any, error: Any, tau: float) -> dict[str, Any]:
    """Return the gradient without traces: each error times all earlier inputs, which fade with age."""
    age = np.subtract.outer(np.arange(x.shape[1]), np.arange(x.shape[1]))
    faded = np.where(age >= 0, (1 - 1 / tau) ** np.maximum(age, 0), 0.0) / tau
    return {"total": np.einsum("ntj,ts,nsj,nsi->ij", error, faded, slope, x)}


def _online_mistakes(x: Any, slope: Any, error: Any, tau: float) -> Wrong:
    def total(error: Any) -> Any:
        return _online(x, slope, error, tau)["total"]

    times, last, late = x.shape[1], np.zeros_like(error), np.zeros_like(error)
    last[:, -1] = error[:, -1]
    late[:, :-1] = error[:, 1:]
    return {
        "only the last time is used: each time adds its error times the trace as it is then": {
            "total": total(last)
        },
        "it is the mean over the times: add up": {"total": total(error) / times},
        "the first time is left out: range(times) begins at 0": {
            "total": _online(x[:, 1:], slope[:, 1:], error[:, 1:], tau)["total"]
        },
        "the last time is left out: it is times - 1": {
            "total": _online(x[:, :-1], slope[:, :-1], error[:, :-1], tau)["total"]
        },
        "the error meets the trace of the time before: advance the trace first": {"total": total(late)},
        "the trace begins anew at each time: keep it": {
            "total": np.einsum("ntj,ntj,nti->ij", error, slope, x) / tau
        },
        "it is the mean over the examples: their effects add up": {"total": total(error) / len(x)},
    }


RFLO = (
    computed(
        "advance",
        "x[:, :, None] * slope[:, None, :] is each input times each unit's slope, (n, inputs, units).",
        "advance",
        ("advance",),
        _trace,
        _advanced,
        _trace_mistakes,
    ),
    computed(
        "gradient",
        "error[:, None, :] meets every input of its unit; then sum over the examples.",
        "gradient",
        ("gradient",),
        _traced,
        _learned,
        _learned_mistakes,
    ),
    computed(
        "total",
        "Begin with a trace of zeros; at each time first `advance`, then add `gradient`.",
        "total",
        ("total",),
        _sequence,
        _online,
        _online_mistakes,
    ),
)

STEPS = {
    "feedback-alignment": FEEDBACK_ALIGNMENT,
    "sign-symmetry": SIGN_SYMMETRY,
    "direct-feedback": DIRECT_FEEDBACK,
    "kolen-pollack": KOLEN_POLLACK,
    "rflo": RFLO,
}
