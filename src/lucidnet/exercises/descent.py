"""Lecture 4, optimizers: steps, hints and known mistakes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..optimizers import SGD, Adam, ClipGlobalNorm, RMSprop
from ..optimizers.schedules import OneCycle
from .grading import Given, Rng, computed, sizes

Wrong = Mapping[str, Mapping[str, Any]]


def _weights(rng: Rng, *memory: str) -> Given:
    """Return weights, their gradient, and an optimizer's slots, as in the middle of a training."""
    shape = sizes(rng, 2, at_least=3)
    given: Given = {"p": rng.normal(size=shape), "g": 2 * rng.normal(size=shape)}
    return given | {name: rng.normal(size=shape) for name in memory}


def _moved(optimizer: Any, p: Any, g: Any, rate: float, step: int = 1, **slots: Any) -> dict[str, Any]:
    """Return weights and slots after a step of one of the library's optimizers."""
    change, after = optimizer.descend(p, g.copy(), {name: a.copy() for name, a in slots.items()}, rate, step)
    return {"p": p - change, **after}


def _rolling(rng: Rng) -> Given:
    rate, momentum = float(rng.uniform(0.05, 0.5)), float(rng.uniform(0.5, 0.9))
    return _weights(rng, "v") | {"rate": rate, "momentum": momentum}


def _rolled(p: Any, g: Any, v: Any, rate: float, momentum: float) -> dict[str, Any]:
    moved = _moved(SGD(rate, momentum), p, g, rate, velocity=v)
    return {"p": moved["p"], "v": moved["velocity"]}


def _rolling_mistakes(p: Any, g: Any, v: Any, rate: float, momentum: float) -> Wrong:
    new = momentum * v + g
    mean = momentum * v + (1 - momentum) * g
    inside = momentum * v - rate * g
    return {
        "the gradient is not used": {"v": momentum * v},
        "momentum multiplies g: it belongs to the old velocity": {"v": v + momentum * g},
        "the rate stands in place of momentum": {"v": rate * v + g},
        "momentum multiplies both: it belongs to the old velocity alone": {"v": momentum * (v + g)},
        "the old velocity is forgotten: v' = momentum v + g": {"v": g, "p": p - rate * g},
        "the old velocity is not shrunk by the momentum": {"v": v + g, "p": p - rate * (v + g)},
        "g is multiplied by 1 - momentum, as in a running mean: here it is v' = momentum v + g": {
            "v": mean,
            "p": p - rate * mean,
        },
        "the rate stands in the velocity: here it multiplies the velocity when the weights move": {
            "v": momentum * v + rate * g,
            "p": p - (momentum * v + rate * g),
        },
        "the rate and a minus stand in the velocity: here it is v' = momentum v + g": {
            "v": inside,
            "p": p + inside,
        },
        "the sign of g is wrong in the velocity": {"v": momentum * v - g},
        "the weights climb: descend, p - rate v'": {"p": p + rate * new},
        "the weights move by the old velocity: use v'": {"p": p - rate * v},
        "the weights move by the gradient: use v'": {"p": p - rate * g},
        "the rate is left out": {"p": p - new},
        "the old p is forgotten: p' = p - rate v'": {"p": rate * new},
        "that is Nesterov's step, which looks ahead: here p' = p - rate v'": {
            "p": p - rate * (g + momentum * new)
        },
    }


MOMENTUM = (
    computed(
        "v",
        "Keep a share `momentum` of the old velocity, and add the gradient. Make a new array.",
        "step",
        ("p", "v"),
        _rolling,
        _rolled,
        _rolling_mistakes,
    ),
    computed(
        "p",
        "Go against the new velocity, by the rate.",
        "step",
        ("p", "v"),
        _rolling,
        _rolled,
        _rolling_mistakes,
    ),
)


def _scaled(rng: Rng) -> Given:
    given = _weights(rng, "v")
    given["v"] = given["v"] ** 2 + 0.1
    return given | {
        "rate": float(rng.uniform(0.05, 0.5)),
        "rho": float(rng.uniform(0.6, 0.95)),
        "epsilon": float(rng.uniform(0.1, 0.3)),
    }


def _scale(p: Any, g: Any, v: Any, rate: float, rho: float, epsilon: float) -> dict[str, Any]:
    return _moved(RMSprop(rate, rho, 0.0, epsilon), p, g, rate, v=v)


def _scale_mistakes(p: Any, g: Any, v: Any, rate: float, rho: float, epsilon: float) -> Wrong:
    new = rho * v + (1 - rho) * g**2
    return {
        "the gradient is not squared": {"v": rho * v + (1 - rho) * g},
        "the size of the gradient stands in place of its square": {"v": rho * v + (1 - rho) * np.abs(g)},
        "the old v is squared: it is a mean of squares already": {"v": rho * v**2 + (1 - rho) * g**2},
        "only the sign of g is left: divide g by the root": {"p": p - rate * np.sign(g)},
        "rho and 1 - rho are exchanged: the share rho is kept": {"v": (1 - rho) * v + rho * g**2},
        "1 - rho is missing, so that v is no mean": {"v": rho * v + g**2},
        "the squares are added up for ever, as in Adagrad: v has to forget": {"v": v + g**2},
        "the mean is squared: the squares are averaged": {"v": (rho * v + (1 - rho) * g) ** 2},
        "epsilon stands under the root: here it is added to the root": {
            "p": p - rate * g / np.sqrt(new + epsilon)
        },
        "the root is missing": {"p": p - rate * g / (new + epsilon)},
        "epsilon is left out": {"p": p - rate * g / np.sqrt(new)},
        "epsilon is added to the weights: put the root and epsilon in brackets": {
            "p": p - rate * g / np.sqrt(new) + epsilon
        },
        "the weights are moved with the old v: use v'": {"p": p - rate * g / (np.sqrt(v) + epsilon)},
        "the weights climb: the step is subtracted": {"p": p + rate * g / (np.sqrt(new) + epsilon)},
        "the step is multiplied by the root: divide": {"p": p - rate * g * (np.sqrt(new) + epsilon)},
        "the rate is left out": {"p": p - g / (np.sqrt(new) + epsilon)},
        "rho stands in place of 1 - rho": {"v": rho * v + rho * g**2},
        "g is left out of the step": {"p": p - rate / (np.sqrt(new) + epsilon)},
        "it is not divided by the root of v'": {"p": p - rate * g},
        "the old p is forgotten: the step is subtracted from it": {"p": rate * g / (np.sqrt(new) + epsilon)},
    }


RMSPROP = (
    computed(
        "v",
        "A running mean of g * g: the share rho of the old, 1 - rho of the new.",
        "step",
        ("p", "v"),
        _scaled,
        _scale,
        _scale_mistakes,
    ),
    computed(
        "p",
        "Divide g by (the root of v', plus epsilon), each entry by its own.",
        "step",
        ("p", "v"),
        _scaled,
        _scale,
        _scale_mistakes,
    ),
)


def _moments(rng: Rng) -> Given:
    given = _weights(rng, "m", "v")
    given["v"] = given["v"] ** 2 + 0.1
    return given | {
        "t": int(rng.integers(3, 7)),  # where beta, beta^t and beta^(t - 1) differ
        "rate": float(rng.uniform(0.05, 0.5)),
        "beta1": float(rng.uniform(0.6, 0.8)),
        "beta2": float(rng.uniform(0.85, 0.95)),
        "epsilon": float(rng.uniform(0.1, 0.3)),
    }


def _adam(
    p: Any, g: Any, m: Any, v: Any, t: int, rate: float, beta1: float, beta2: float, epsilon: float
) -> Given:
    return _moved(Adam(rate, beta1, beta2, epsilon), p, g, rate, t, m=m, v=v)


def _wrong_means(g: Any, m: Any, v: Any, t: int, beta1: float, beta2: float) -> Wrong:
    one, two = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    c, d = 1 - beta1**t, 1 - beta2**t
    return {
        "beta and 1 - beta are exchanged: the share beta of the old is kept": {
            "m": (1 - beta1) * m + beta1 * g,
            "v": (1 - beta2) * v + beta2 * g**2,
        },
        "1 - beta is missing, so that it is no mean": {"m": beta1 * m + g, "v": beta2 * v + g**2},
        "the gradient is not squared": {"v": beta2 * v + (1 - beta2) * g},
        "m' stands in place of g: v is the mean of the squares of g": {"v": beta2 * v + (1 - beta2) * one**2},
        "beta stands in place of 1 - beta": {"m": beta1 * m + beta1 * g, "v": beta2 * v + beta2 * g**2},
        "beta1 stands in place of beta2": {"v": beta1 * v + (1 - beta1) * g**2},
        "beta2 stands in place of beta1": {"m": beta2 * m + (1 - beta2) * g},
        "the corrected mean is kept: what is remembered stays uncorrected, else it is corrected again "
        "in the next step": {"m": one / c, "v": two / d},
    }


def _miscorrected(m: Any, v: Any, t: int, beta1: float, beta2: float) -> dict[str, tuple[Any, Any]]:
    """Return both means after a wrong bias correction of m, of v or of both."""

    def ways(mean: Any, beta: float) -> dict[str, Any]:
        right = 1 - beta**t
        return {
            "is missing: divide m' by 1 - beta1^t, v' by 1 - beta2^t": mean,
            "counts steps from 0: t is 1 in the first step": mean / (1 - beta ** (t - 1)),
            "counts steps one too many": mean / (1 - beta ** (t + 1)),
            "multiplies: divide by 1 - beta^t": mean * right,
            "has beta not raised to the power t": mean / (1 - beta),
            "has beta times t in place of beta^t": mean / (1 - beta * t),
            "divides by beta^t, in place of 1 - beta^t": mean / beta**t,
        }

    of_m, of_v = ways(m, beta1), ways(v, beta2)
    right_m, right_v = m / (1 - beta1**t), v / (1 - beta2**t)
    return {
        **{f"the bias correction {told}": (of_m[told], of_v[told]) for told in of_m},
        **{f"the bias correction of m {told}": (made, right_v) for told, made in of_m.items()},
        **{f"the bias correction of v {told}": (right_m, made) for told, made in of_v.items()},
    }


def _adam_mistakes(
    p: Any, g: Any, m: Any, v: Any, t: int, rate: float, beta1: float, beta2: float, epsilon: float
) -> Wrong:
    one, two = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    c, d = 1 - beta1**t, 1 - beta2**t

    def moved(m: Any, v: Any) -> dict[str, Any]:
        with np.errstate(invalid="ignore"):  # roots of negative numbers, too
            return {"p": p - rate * m / (np.sqrt(v) + epsilon)}

    before = moved(beta1 * (m / c) + (1 - beta1) * g, beta2 * (v / d) + (1 - beta2) * g**2)
    return {
        **_wrong_means(g, m, v, t, beta1, beta2),
        **{told: moved(*pair) for told, pair in _miscorrected(one, two, t, beta1, beta2).items()},
        "the bias correction comes too early: correct the new means, not the old ones": before,
        "beta1 and beta2 are exchanged in the bias correction": moved(one / d, two / c),
        "epsilon is left out": {"p": p - rate * one / c / np.sqrt(two / d)},
        "it is not divided by the root of v'": {"p": p - rate * one / c},
        "epsilon stands under the root: here it is added to the root": {
            "p": p - rate * one / c / np.sqrt(two / d + epsilon)
        },
        "epsilon is added to the weights: put the root and epsilon in brackets": {
            "p": p - rate * one / c / np.sqrt(two / d) + epsilon
        },
        "epsilon is added before the bias correction of v: correct v first, then add it to the root": {
            "p": p - rate * one / c * np.sqrt(d) / (np.sqrt(two) + epsilon)
        },
        "the root is missing": {"p": p - rate * one / c / (two / d + epsilon)},
        "the weights climb: the step is subtracted": {"p": p + rate * one / c / (np.sqrt(two / d) + epsilon)},
        "g stands in place of its mean m: the step goes along m": moved(g, two / d),
        "the rate is left out": {"p": p - one / c / (np.sqrt(two / d) + epsilon)},
        "the old means are used: use m' and v'": moved(m / c, v / d),
    }


_ADAM_ASKED = ("step", ("p", "m", "v"), _moments, _adam, _adam_mistakes)

ADAM = (
    computed("m", "A running mean of g: the share beta1 of the old, 1 - beta1 of the new.", *_ADAM_ASKED),
    computed("v", "A running mean of g * g, with beta2.", *_ADAM_ASKED),
    computed(
        "p",
        "First the corrected means, under names of their own: m' / (1 - beta1**t), v' / (1 - beta2**t). Then "
        "the step. What is returned as m and v stays uncorrected.",
        *_ADAM_ASKED,
    ),
)


def _two_gradients(rng: Rng) -> Given:
    into, out = sizes(rng, 2, at_least=3)
    dW, db = rng.normal(size=(into, out)), 3 * rng.normal(size=out)
    return {"dW": dW, "db": db, "limit": float(rng.uniform(0.2, 0.5))}


def _norm(dW: Any, db: Any) -> float:
    return float(((dW**2).sum() + (db**2).sum()) ** 0.5)


def _small_gradients(rng: Rng) -> Given:
    given = _two_gradients(rng)
    return given | {"limit": _norm(given["dW"], given["db"]) * float(rng.uniform(1.1, 2.0))}


def _clipped(dW: Any, db: Any, limit: float) -> dict[str, Any]:
    vector = np.concatenate([dW.ravel(), db])
    ClipGlobalNorm(limit)(vector, [slice(0, dW.size), slice(dW.size, None)])
    return {"dW": vector[: dW.size].reshape(dW.shape), "db": vector[dW.size :]}


def _wrong_norms(dW: Any, db: Any) -> dict[str, float]:
    a, b = (dW**2).sum(), (db**2).sum()
    squares = {
        "db is left out of the norm": a,
        "dW is left out of the norm": b,
        "the mean of the squares of dW is taken: it is their sum": (dW**2).mean() + b,
        "the mean of the squares of db is taken: it is their sum": a + (db**2).mean(),
        "the means of the squares are taken: it is their sum": (dW**2).mean() + (db**2).mean(),
        "the entries of dW are not squared": dW.sum() + b,
        "the entries of db are not squared": a + db.sum(),
        "the sizes of the entries are added: the norm is the root of their squares": (
            float(np.abs(dW).sum() + np.abs(db).sum()) ** 2
        ),
    }
    largest = {"it is the largest entry, not the norm": float(max(np.abs(dW).max(), np.abs(db).max()))}
    return {told: float(square) ** 0.5 for told, square in squares.items() if square > 0} | largest


def _clip_mistakes(dW: Any, db: Any, limit: float) -> Wrong:
    size = _norm(dW, db)

    def times(factor: float, other: float | None = None) -> dict[str, Any]:
        return {"dW": dW * factor, "db": db * (factor if other is None else other)}

    each = [min(1.0, limit / float(np.linalg.norm(a))) for a in (dW, db)]
    return {
        "gradients that are small enough are made larger: leave them as they are": times(limit / size)
        if size < limit
        else {},
        "each array is scaled by its own norm, which turns the direction: take one norm of both": times(
            *each
        ),
        "single entries are cut off, which turns the direction: scale all by one factor": {
            "dW": np.clip(dW, -limit, limit),
            "db": np.clip(db, -limit, limit),
        },
        "the root is missing: that is the square of the norm": times(min(1.0, limit / size**2)),
        "the norms of both are added: add their squares, then take the root": times(
            min(1.0, limit / float(np.linalg.norm(dW) + np.linalg.norm(db)))
        ),
        "it has the norm 1: multiply by the limit": times(1 / size),
        "it is never scaled": times(1.0) if size > limit else {},
        **{told: times(min(1.0, limit / norm)) for told, norm in _wrong_norms(dW, db).items()},
        "limit is the factor itself: divide it by the norm": times(limit),
        "the factor is the wrong way round: limit / norm": times(size / limit),
    }


CLIPPING = (
    computed(
        "clip",
        "The root of the sum of all squares, of both arrays together; both are multiplied by limit / norm.",
        "clip",
        ("dW", "db"),
        _two_gradients,
        _clipped,
        _clip_mistakes,
    ),
    computed(
        "small",
        "Only where the norm is above the limit: an if, or the factor min(1, limit / norm).",
        "clip",
        ("dW", "db"),
        _small_gradients,
        _clipped,
        _clip_mistakes,
    ),
)


def _way_up(rng: Rng) -> Given:
    given = _cycle(rng)
    return given | {"step": int(rng.integers(1, given["warmup"]))}


def _way_down(rng: Rng) -> Given:
    given = _cycle(rng)
    return given | {"step": int(rng.integers(given["warmup"] + 1, given["steps"]))}


def _cycle(rng: Rng) -> Given:
    warmup = int(rng.integers(6, 15))
    return {
        "step": 0,
        "steps": warmup + int(rng.integers(12, 30)),
        "warmup": warmup,
        "peak": float(rng.uniform(0.1, 2.0)),
        "low": float(rng.uniform(0.01, 0.05)),
        "last": float(rng.uniform(0.0001, 0.001)),
    }


def _one_cycle(step: int, steps: int, warmup: int, peak: float, low: float, last: float) -> dict[str, Any]:
    shape = OneCycle(peak, steps, (warmup + 1) / steps, peak / low, low / last)
    return {"rate": shape(step)}


def _soft(share: float) -> float:
    return (1 - math.cos(math.pi * share)) / 2


def _wrong_shares(step: int, steps: int, warmup: int) -> dict[str, float]:
    """Return wrong values of s, the share of the way."""
    if step <= warmup:
        return {
            "s is 0 at step 0: it is not (step + 1) / warmup": (step + 1) / warmup,
            "s is 1 at step warmup: it is not step / (warmup - 1)": step / (warmup - 1),
            "s is step / warmup, not the other way round": warmup / step,
            "on the way up s is step / warmup, not step / steps": step / steps,
        }
    wrong = {
        "(step - warmup) / (steps - 1)": (step - warmup) / (steps - 1),
        "(step - warmup) / steps": (step - warmup) / steps,
        "(step - warmup) / warmup": (step - warmup) / warmup,
        "step / (steps - 1 - warmup)": step / (steps - 1 - warmup),
        "step / steps": step / steps,
        "step / warmup": step / warmup,
        "(step - warmup) / (steps - 2 - warmup)": (step - warmup) / (steps - 2 - warmup),
        "(step - warmup) / (steps + 1 - warmup)": (step - warmup) / (steps + 1 - warmup),
    }
    right = "on the way down s is (step - warmup) / (steps - 1 - warmup)"
    return {f"{right}, not {told}": s for told, s in wrong.items()}


def _cycle_mistakes(step: int, steps: int, warmup: int, peak: float, low: float, last: float) -> Wrong:
    up, down = step / warmup, (step - warmup) / (steps - 1 - warmup)
    share = up if step <= warmup else down
    first, end = (low, peak) if step <= warmup else (peak, last)

    def at(weight: float, first: float = first, end: float = end) -> dict[str, Any]:
        return {"rate": first + (end - first) * weight}

    half = _soft(share)
    return {
        "it goes in a straight line: follow the cosine": at(share),
        "it goes the wrong way: at the beginning of a phase the cosine is 1": at(1 - half),
        "the factor 1/2 is missing: (1 - cos) / 2 goes from 0 to 1": at(2 * half),
        "the cosine goes through half a turn, pi: here it is a whole turn": at(_soft(2 * share)),
        "it is a quarter of a turn: cos(pi s) goes from 1 to -1": at(1 - math.cos(math.pi * share / 2)),
        "it falls back to low: it has to end at last": at(half, end=low) if step > warmup else {},
        "it stays at low: s is 0 all the way, as with // , which rounds down": {"rate": low},
        "the last step is number steps - 1": at(_soft((step - warmup) / (steps - warmup))),
        "the way down is counted from step 0: it begins at warmup": at(_soft(step / (steps - 1))),
        "it rises from 0: it begins at low": {"rate": peak * half},
        "the beginning is missing: from + (to - from) ...": {"rate": (end - first) * half},
        "to is not the way that is left: it is to - from": {"rate": first + end * half},
        "to and from are exchanged": at(half, end, first),
        "it is subtracted: from + (to - from) ...": at(-half),
        "pi is missing: cos(pi s)": at((1 - math.cos(share)) / 2),
        "to - from is missing: from + (to - from) ...": {"rate": first + half},
        "the way up goes on after warmup": at(_soft(up), low, peak) if step > warmup else {},
        "it is cos / 2, in place of (1 - cos) / 2": at(math.cos(math.pi * share) / 2),
        **{told: at(_soft(s)) for told, s in _wrong_shares(step, steps, warmup).items()},
        "it stays at the peak": {"rate": peak},
    }


ONE_CYCLE = (
    computed(
        "up",
        "s = step / warmup goes from 0 to 1; (1 - cos(pi s)) / 2 does so, too, but softly. low + (peak - low) "
        "times that.",
        "rate",
        ("rate",),
        _way_up,
        _one_cycle,
        _cycle_mistakes,
    ),
    computed(
        "down",
        "s = (step - warmup) / (steps - 1 - warmup), from peak to last.",
        "rate",
        ("rate",),
        _way_down,
        _one_cycle,
        _cycle_mistakes,
    ),
)

STEPS = {
    "momentum": MOMENTUM,
    "rmsprop": RMSPROP,
    "adam": ADAM,
    "clipping": CLIPPING,
    "one-cycle": ONE_CYCLE,
}
