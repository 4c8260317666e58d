"""Lecture 2, losses of numbers: steps, hints and known mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..losses import Huber, Loss, MeanSquaredError
from .grading import Given, Rng, computed, loss_gradient, sizes

Wrong = Mapping[str, Mapping[str, Any]]


def value_of(loss: Loss, prediction: Any, target: Any) -> dict[str, Any]:
    """Return the value of a loss of the library, by the name that the exercises give it."""
    return {"loss": float(loss.forward(prediction, target)[0])}


def _pair(rng: Rng) -> Given:
    n, k = sizes(rng, 2)
    return {"y": rng.normal(size=(n, k)), "t": rng.normal(size=(n, k))}


def _squared_mistakes(y: Any, t: Any) -> Wrong:
    e = y - t
    return {
        "it is a sum: divide by the number of all entries, n k": {"loss": (e**2).sum()},
        "it is divided by n only: divide by the number of all entries, n k": {"loss": (e**2).sum() / len(y)},
        "the square is missing: it is the mean of the errors": {"loss": e.mean()},
        "it is the mean of the absolute errors: they have to be squared": {"loss": np.abs(e).mean()},
        "the factor 1/2 belongs to another loss: here it is the plain mean": {"loss": (e**2).mean() / 2},
        "the root is too much: it is the mean square itself": {"loss": (e**2).mean() ** 0.5},
        "y and t are added: the error is their difference": {"loss": ((y + t) ** 2).mean()},
        "t is left out: the error is y - t": {"loss": (y**2).mean()},
        "y is left out: the error is y - t": {"loss": (t**2).mean()},
        "it is the square of the mean: the squares are averaged": {"loss": e.mean() ** 2},
        "the squares of y and t are subtracted: it is their difference that is squared": {
            "loss": (y**2 - t**2).mean()
        },
        "the root of a sum is taken: it is the mean of the squares": {"loss": (e**2).sum() ** 0.5},
    }


SQUARED_ERROR = (
    computed(
        "loss",
        "y - t for all entries at once, squared, then the mean over all of them.",
        "loss",
        ("loss",),
        _pair,
        lambda y, t: value_of(MeanSquaredError(), y, t),
        _squared_mistakes,
    ),
    loss_gradient(
        lambda rng: (MeanSquaredError(), *_pair(rng).values()),
        "gradient",
        lambda loss, y, t: {"y": y, "t": t},
        "Of n k terms e^2 / (n k) only one holds y_ij. Derive it: 2 e_ij / (n k).",
        lambda at: {
            "the mean is forgotten: the loss is divided by n k, so is its gradient": 2 * (at["y"] - at["t"]),
            "it is divided by n only: the mean is over all n k entries": 2
            * (at["y"] - at["t"])
            / len(at["y"]),
            "the 2 of the square is missing": (at["y"] - at["t"]) / at["y"].size,
            "the sign is wrong: y - t, not t - y": 2 * (at["t"] - at["y"]) / at["y"].size,
            "y and t are added: the error is their difference": 2 * (at["y"] + at["t"]) / at["y"].size,
            "t is left out: the error is y - t": 2 * at["y"] / at["y"].size,
            "it is multiplied by the number of all entries, n k: divide": 2
            * (at["y"] - at["t"])
            * at["y"].size,
            "the square is still there: the slope of e^2 is 2 e": 2 * (at["y"] - at["t"]) ** 2 / at["y"].size,
            "it is the slope of the absolute error: that of e^2 is 2 e": np.sign(at["y"] - at["t"])
            / at["y"].size,
        },
    ),
)


def _far_pair(rng: Rng) -> Given:
    n, k = sizes(rng, 2, at_least=3)
    return {
        "y": 2 * rng.normal(size=(n, k)),
        "t": 2 * rng.normal(size=(n, k)),
        "delta": rng.uniform(0.7, 1.5),
    }


def _huber_mistakes(y: Any, t: Any, delta: float) -> Wrong:
    e = y - t
    size, near = np.abs(e), np.abs(e) <= delta
    return {
        "the 1/2 of the square is missing": {"loss": np.where(near, e**2, delta * (size - delta / 2)).mean()},
        "the two parts do not meet at delta: far away it is delta (|e| - delta / 2)": {
            "loss": np.where(near, e**2 / 2, delta * size).mean()
        },
        "far away |e| has to be multiplied by delta": {
            "loss": np.where(near, e**2 / 2, size - delta / 2).mean()
        },
        "it is a sum: take the mean over all entries": {
            "loss": np.where(near, e**2 / 2, delta * (size - delta / 2)).sum()
        },
        "the sign of e counts: take |e| where it is large": {
            "loss": np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)).mean()
        },
        "the two parts are exchanged": {"loss": np.where(near, delta * (size - delta / 2), e**2 / 2).mean()},
        "it is divided by n only: the mean is over all n k entries": {
            "loss": np.where(near, e**2 / 2, delta * (size - delta / 2)).sum() / len(y)
        },
        "y and t are added: the error is their difference": value_of(Huber(delta), y, -t),
        "t is left out: the error is y - t": value_of(Huber(delta), y, 0 * t),
        "it is e^2 / 2 everywhere: far away it is delta (|e| - delta / 2)": {"loss": (e**2 / 2).mean()},
        "it is delta (|e| - delta / 2) everywhere: near 0 it is e^2 / 2": {
            "loss": (delta * (size - delta / 2)).mean()
        },
        "far away it is delta / 2, not delta, that is subtracted": {
            "loss": np.where(near, e**2 / 2, delta * (size - delta)).mean()
        },
        "far away delta / 2 is subtracted, not added": {
            "loss": np.where(near, e**2 / 2, delta * (size + delta / 2)).mean()
        },
        "far away it takes |e|, not e": {"loss": np.where(near, e**2 / 2, delta * (e - delta / 2)).mean()},
        "near 0 e is squared: e^2 / 2": {"loss": np.where(near, e / 2, delta * (size - delta / 2)).mean()},
        "the parts meet where |e| = delta, not where e^2 = delta": {
            "loss": np.where(e**2 <= delta, e**2 / 2, delta * (size - delta / 2)).mean()
        },
    }


def _huber_slopes(at: Given) -> Mapping[str, Any]:
    y, t, delta = at.values()
    e = y - t
    return {
        "it is not clipped: where |e| is larger than delta the slope is delta or -delta": e / e.size,
        "where |e| is large the slope is delta sign(e), not sign(e)": np.where(
            np.abs(e) <= delta, e, np.sign(e)
        )
        / e.size,
        "the sign is lost: for e below -delta the slope is -delta": np.where(np.abs(e) <= delta, e, delta)
        / e.size,
        "only one side is clipped: the slope lies between -delta and delta": np.minimum(e, delta) / e.size,
        "the mean is forgotten: divide by the number of all entries": np.clip(e, -delta, delta),
        "it is divided by n only: the mean is over all n k entries": np.clip(e, -delta, delta) / len(e),
        "y and t are added: the error is their difference": np.clip(y + t, -delta, delta) / e.size,
        "t is left out: the error is y - t": np.clip(y, -delta, delta) / e.size,
        "it is delta sign(e) everywhere: near 0 the slope is e": delta * np.sign(e) / e.size,
        "errors below 0 are cut off: the slope lies between -delta and delta": np.clip(e, 0, delta) / e.size,
        "the 1/2 of the square is forgotten: the slope of e^2 / 2 is e": 2
        * np.clip(e, -delta, delta)
        / e.size,
        "it is 0 where |e| is large: there the slope is delta or -delta": np.where(np.abs(e) <= delta, e, 0)
        / e.size,
    }


def _huber_case(rng: Rng) -> tuple[Loss, Any, Any]:
    given = _far_pair(rng)
    return Huber(given["delta"]), given["y"], given["t"]


HUBER = (
    computed(
        "loss",
        "np.where(np.abs(e) <= delta, near, far) takes one formula here, the other there; then the mean.",
        "loss",
        ("loss",),
        _far_pair,
        lambda y, t, delta: value_of(Huber(delta), y, t),
        _huber_mistakes,
    ),
    loss_gradient(
        _huber_case,
        "gradient",
        lambda loss, y, t: {"y": y, "t": t, "delta": loss.delta},  # type: ignore[attr-defined]
        "Near: h' = e. Far: h' = delta times the sign of e. Together that is e, clipped. Mind the mean.",
        _huber_slopes,
    ),
)


STEPS = {
    "squared-error": SQUARED_ERROR,
    "huber": HUBER,
}
