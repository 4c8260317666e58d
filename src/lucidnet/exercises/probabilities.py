"""Lecture 2, losses of probabilities: steps, hints and known mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..layers import Softmax
from ..losses import BinaryCrossentropy, CategoricalCrossentropy
from .grading import Backward, Given, Rng, computed, loss_gradient, sizes
from .losses import Wrong, value_of


def _scores(rng: Rng) -> Given:
    n, k = sizes(rng, 2, at_least=3)
    z = rng.normal(size=(n, k))
    far = rng.choice([-800.0, 0.0, 800.0], size=(n, 1)) + np.zeros(k)
    far[0] = np.where(np.arange(k) == 1, 800.0, -800.0)  # the largest alone keeps such a row from overflow
    return {"z": z + far}


def _other_quotients(z: Any, e: Any) -> dict[str, Any]:
    """Return wrong softmaxes that are made of the exponentials e, by what is wrong in each."""
    turned = np.exp(z.max(-1, keepdims=True) - z)
    return {
        "exp(z) is divided by one sum of all rows: each row is a distribution of its own": e / e.sum(),
        "it is divided by the mean of each row, not by its sum": e / e.mean(-1, keepdims=True),
        "the sign in the exponent is wrong: exp(z - the largest)": turned / turned.sum(-1, keepdims=True),
        "it is the logarithm of the probabilities": np.log(e / e.sum(-1, keepdims=True)),
    }


def _softmax_mistakes(z: Any) -> Wrong:
    with np.errstate(all="ignore"):
        shifted = np.exp(z - z.max(-1, keepdims=True))
        columns = np.exp(z - z.max(0))
        overall = np.exp(z - z.max())
        plain = np.exp(z)
        middle = np.exp(z - z.mean(-1, keepdims=True))
        return {
            "the numbers overflow: subtract the largest of each row before exp": {
                "forward": plain / plain.sum(-1, keepdims=True)
            },
            "the numbers overflow: subtract the largest of each row, and no other number": {
                "forward": middle / middle.sum(-1, keepdims=True)
            },
            "the rows are not divided by their sum: probabilities add up to 1": {"forward": shifted},
            "it is normalized over the examples, axis 0: each row is a distribution of its own": {
                "forward": columns / columns.sum(0)
            },
            "it is divided by the sums over the examples, axis 0: each row is a distribution of its own": {
                "forward": shifted / shifted.sum(0)
            },
            "keepdims=True is missing in the sum: each row has to be divided by its own sum": {
                "forward": shifted / shifted.sum(-1)
            }
            if z.shape[0] == z.shape[1]
            else {},
            "the whole batch is divided by one sum: each row is a distribution of its own": {
                "forward": overall / overall.sum()
            },
            **{told: {"forward": made} for told, made in _other_quotients(z, shifted).items()},
            "the largest number of the whole batch is subtracted: other rows vanish; take that of each row": {
                "forward": overall / overall.sum(-1, keepdims=True)
            },
        }


_SOFTMAX = Backward(
    lambda rng: (Softmax(), rng.normal(size=sizes(rng, 2, at_least=3))),
    "backward",
    lambda at: {"p": at.y, "dp": at.dy},
    {"dz": "x"},
    lambda at, true: {
        "only p_i (1 - p_i) is there, each output's slope by its own input: the others count, too": {
            "dz": at.dy * at.y * (1 - at.y)
        },
        "the sum over j is missing": {"dz": at.y * at.dy},
        "the sum goes over the examples, axis 0: it goes over the classes of each row": {
            "dz": at.y * (at.dy - (at.y * at.dy).sum(0))
        },
        "the sum goes over the whole batch: it goes over the classes of each row": {
            "dz": at.y * (at.dy - (at.y * at.dy).sum())
        },
        "dp is left out: the chain rule multiplies it by the slope": {"dz": at.y * (1 - at.y)},
        "p is missing in the sum: sum_j p_j dp_j": {"dz": at.y * (at.dy - at.dy.sum(-1, keepdims=True))},
        "the sum is a mean: the effects of all classes add up": {
            "dz": at.y * (at.dy - (at.y * at.dy).mean(-1, keepdims=True))
        },
        "the sum is added: p_i (dp_i - sum_j p_j dp_j)": {
            "dz": at.y * (at.dy + (at.y * at.dy).sum(-1, keepdims=True))
        },
        "p multiplies the bracket, not its first term alone: p_i (dp_i - sum_j p_j dp_j)": {
            "dz": at.y * at.dy - (at.y * at.dy).sum(-1, keepdims=True)
        },
        "the slopes of the first row are taken for all: each row has its own": {
            "dz": at.dy @ (np.diag(at.y[0]) - np.outer(at.y[0], at.y[0]))
        },
        "p, which multiplies the bracket, is missing": {"dz": at.dy - (at.y * at.dy).sum(-1, keepdims=True)},
    },
)

SOFTMAX = (
    computed(
        "forward",
        "Subtract z.max(axis=-1, keepdims=True) first: that changes no quotient, and nothing overflows.",
        "forward",
        ("forward",),
        _scores,
        lambda z: {"forward": Softmax().forward({}, z)[0]},
        _softmax_mistakes,
    ),
    _SOFTMAX.step(
        "dz", "Every p_j holds z_i. First sum p * dp along each row (keepdims=True), then the bracket."
    ),
)


def _labelled(rng: Rng) -> Given:
    n, k = sizes(rng, 2, at_least=3)
    return {"z": 2 * rng.normal(size=(n, k)), "labels": rng.integers(0, k, size=n)}


def _far_labelled(rng: Rng) -> Given:
    given = _labelled(rng)
    z = given["z"]
    z += rng.permutation(np.resize([-800.0, 800.0, 0.0], len(z)))[:, None]
    own = np.arange(z.shape[1]) == given["labels"][0]
    z[0] = np.where(own, -800.0, 800.0) + rng.normal(size=own.shape)  # whose p is too small for its log
    return given


def _entropy_mistakes(z: Any, labels: Any) -> Wrong:
    with np.errstate(all="ignore"):
        rows = np.arange(len(z))
        shifted = z - z.max(-1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        plain = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
        own = log_p[rows, labels]
        return {
            "the numbers overflow: subtract the largest of each row, and take no log of a quotient": {
                "loss": -np.log(plain[rows, labels]).mean()
            },
            "it is a sum: take the mean over the examples": {"loss": -own.sum()},
            "the minus is missing: log p is at most 0, the loss at least 0": {"loss": own.mean()},
            "all classes are counted: only log p of the true class": {"loss": -log_p.sum(-1).mean()},
            "all classes are counted, and the mean is over n k: only log p of the true class, over n": {
                "loss": -log_p.mean()
            },
            "the labels of the whole batch are taken in each row: log_p[np.arange(n), labels] is one of each": {
                "loss": -log_p[:, labels].mean()
            },
            "the logarithm is that to the base 2: np.log": {
                "loss": -(shifted - np.log2(np.exp(shifted).sum(-1, keepdims=True)))[rows, labels].mean()
            },
            "the mean goes over the classes, too: divide by n only": {"loss": -own.sum() / z.size},
            "the log is missing: it is the mean probability of the true class": {"loss": -np.exp(own).mean()},
            "the softmax is missing: z holds scores, no log-probabilities": {"loss": -z[rows, labels].mean()},
            **_wrong_sums(shifted, rows, labels),
        }


def _wrong_sums(z: Any, rows: Any, labels: Any) -> dict[str, Any]:
    """Return what mistakes in log p = z - log sum exp(z) give, where the largest is subtracted already."""
    e = np.exp(z)
    total = e.sum(-1, keepdims=True)
    sums = {
        "the log of the sum is missing: log p = (z - m) - log(sum(exp(z - m)))": 0 * total,
        "the log of the sum is added: log p = (z - m) - log(sum(exp(z - m)))": -np.log(total),
        "the log of the sum is missing, the sum itself is subtracted": total,
        "it is the mean of exp(z - m), not the sum": np.log(e.mean(-1, keepdims=True)),
        "the sum goes over the examples, axis 0: each row has a sum of its own": np.log(e.sum(0)),
        "the sum goes over the whole batch: each row has a sum of its own": np.log(e.sum()),
    }
    if z.shape[0] == z.shape[1]:
        sums["keepdims=True is missing: each row has to meet its own sum"] = np.log(e.sum(-1))
    return {told: {"loss": -(z - made)[rows, labels].mean()} for told, made in sums.items()}


def _entropy_slopes(at: Given) -> Mapping[str, Any]:
    z, labels = at.values()
    p, e = Softmax().forward({}, z)[0], np.exp(z - z.max(-1, keepdims=True))
    hot = (labels[:, None] == np.arange(z.shape[1])) * 1.0
    return {
        "1/n is missing: the loss is a mean over the examples": p - hot,
        "it is divided by n k: the mean is over the n examples only": (p - hot) / z.size,
        "the sign is wrong: p - 1 at the true class": (hot - p) / len(z),
        "1 is not subtracted at the true class": p / len(z),
        "1 is subtracted at all labels of the batch in each row: p[np.arange(n), labels] is one of each row": (
            p - hot.any(0)
        )
        / len(z),
        "the other classes are left out: each score acts on the loss through the softmax": hot
        * (p - 1)
        / len(z),
        "scores z stand in place of probabilities: p = softmax(z) first": (z - hot) / len(z),
        "1 is added at the true class: p - 1": (p + hot) / len(z),
        "the number of the class is subtracted: it is 1, at the true class alone": (p - labels[:, None])
        / len(z),
        "labels count from 0: labels - 1 is the class before": (p - np.roll(hot, -1, 1)) / len(z),
        "the softmax goes over the examples, axis 0: each row is a distribution of its own": (
            Softmax().forward({}, z.T)[0].T - hot
        )
        / len(z),
        "the whole batch is divided by one sum: each row is a distribution of its own": (
            Softmax().forward({}, z.reshape(1, -1))[0].reshape(z.shape) - hot
        )
        / len(z),
        "it is divided by the sums over the examples, axis 0: each row has a sum of its own": (
            e / e.sum(0) - hot
        )
        / len(z),
        "exp(z - m) is not divided by its sum: p = softmax(z)": (e - hot) / len(z),
        "it is multiplied by n: divide": (p - hot) * len(z),
        "it is the slope by p, -1/p: go on through the softmax": -hot / p / len(z),
    }


CROSS_ENTROPY = (
    computed(
        "loss",
        "log p = (z - m) - log(sum(exp(z - m))) with m the row's largest. Pick z[np.arange(n), labels].",
        "loss",
        ("loss",),
        _far_labelled,
        lambda z, labels: value_of(CategoricalCrossentropy(from_logits=True), z, labels),
        _entropy_mistakes,
    ),
    loss_gradient(
        lambda rng: (CategoricalCrossentropy(from_logits=True), *_labelled(rng).values()),
        "gradient",
        lambda loss, z, labels: {"z": z, "labels": labels},
        "Softmax and log together give p - (1 at the true class). Mind the mean over n.",
        _entropy_slopes,
        lambda rng: (CategoricalCrossentropy(from_logits=True), *_far_labelled(rng).values()),
    ),
)


def _yes_or_no(rng: Rng) -> Given:
    n, k = sizes(rng, 2, at_least=3)
    return {"z": 2 * rng.normal(size=(n, k)), "t": rng.integers(0, 2, size=(n, k)) * 1.0}


def _far_yes_or_no(rng: Rng) -> Given:
    given = _yes_or_no(rng)
    z, t = given["z"], given["t"]
    z.flat[:4], t.flat[:4] = (-800.0, 800.0, -750.0, 750.0), (1.0, 0.0, 0.0, 1.0)
    return given


def _binary_mistakes(z: Any, t: Any) -> Wrong:
    with np.errstate(all="ignore"):
        p = 1 / (1 + np.exp(-z))
        right = np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))
        return {
            "the numbers overflow: exp of a large number, or log of 0; use max(z, 0) - z t + log(1 + exp(-|z|))": {
                "loss": -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
            },
            "it is a sum: take the mean over all entries": {"loss": right.sum()},
            "the minus is missing: the loss is at least 0": {"loss": -right.mean()},
            "the part of the entries with t = 0 is missing": {"loss": (t * right).mean()},
            "it is divided by n only: the mean is over all entries": {"loss": right.sum() / len(z)},
            "the numbers overflow: exp(z) of a large z is infinite; take exp(-|z|)": {
                "loss": (np.log1p(np.exp(z)) - z * t).mean()
            },
            "z t is missing: the target does not count": {"loss": (right + z * t).mean()},
            "z t is added: it is subtracted": {"loss": (right + 2 * z * t).mean()},
            "log(1 + exp(-|z|)) is missing": {"loss": (np.maximum(z, 0) - z * t).mean()},
            "log(1 + exp(-|z|)) is subtracted: it is added": {
                "loss": (np.maximum(z, 0) - z * t - np.log1p(np.exp(-np.abs(z)))).mean()
            },
            "max(z, 0) is missing": {"loss": (right - np.maximum(z, 0)).mean()},
            "z stands in place of max(z, 0)": {"loss": (right - np.maximum(z, 0) + z).mean()},
            "the log is missing: it is log(1 + exp(-|z|))": {
                "loss": (np.maximum(z, 0) - z * t + np.exp(-np.abs(z))).mean()
            },
        }


def _binary_slopes(at: Given) -> Mapping[str, Any]:
    z, t = at.values()
    p = 1 / (1 + np.exp(-z))
    return {
        "the mean is forgotten: divide by the number of all entries": p - t,
        "it is divided by n only: the mean is over all entries": (p - t) / len(z),
        "the sign is wrong: p - t": (t - p) / z.size,
        "the derivative of the sigmoid is too much: it cancels, what is left is p - t": (p - t)
        * p
        * (1 - p)
        / z.size,
        "scores z stand in place of probabilities: p = sigmoid(z) first": (z - t) / z.size,
        "it is the slope by p: go on through the sigmoid": (p - t) / (p * (1 - p)) / z.size,
        "entries with t = 0 are left out": t * (p - t) / z.size,
        "the sign in the exponent is wrong: p = 1 / (1 + exp(-z))": (1 - p - t) / z.size,
        "t is added: p - t": (p + t) / z.size,
        "t is left out: p - t": p / z.size,
        "p is 1 divided by 1 + exp(-z)": (1 / p - t) / z.size,
        "it is multiplied by the number of all entries: divide": (p - t) * z.size,
    }


BINARY_CROSS_ENTROPY = (
    computed(
        "loss",
        "Use the form with max(z, 0) and |z|: np.maximum, np.abs, np.log1p(x) = log(1 + x).",
        "loss",
        ("loss",),
        _far_yes_or_no,
        lambda z, t: value_of(BinaryCrossentropy(from_logits=True), z, t),
        _binary_mistakes,
    ),
    loss_gradient(
        lambda rng: (BinaryCrossentropy(from_logits=True), *_yes_or_no(rng).values()),
        "gradient",
        lambda loss, z, t: {"z": z, "t": t},
        "Derive -t log p - (1 - t) log(1 - p) by p, times p (1 - p): nearly all of it cancels. Mind the mean.",
        _binary_slopes,
    ),
)

STEPS = {
    "softmax": SOFTMAX,
    "cross-entropy": CROSS_ENTROPY,
    "binary-cross-entropy": BINARY_CROSS_ENTROPY,
}
