"""Which mistake explains a wrong gradient by one array: each hypothesis predicts numbers.

A hypothesis is a function from the evidence to a sentence, or None where the numbers speak against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np

from .evidence import WrongGradient, agree, numeric
from .numeric import slopes
from .subject import LayerSubject, LossSubject
from .visits import visits

ADD_UP = "add the contributions up (+= in a loop, sum over the batch)"


def not_finite(e: WrongGradient) -> str | None:
    """The gradient is not a number."""
    bad = (~np.isfinite(e.analytic)).sum()
    return f"{bad} of {e.analytic.size} entries are NaN or infinite" if bad else None


def all_zero(e: WrongGradient) -> str | None:
    """The gradient was never computed."""
    if e.analytic.any() or not e.numeric.any():
        return None
    return "it is all zero, and should not be: it is never computed, or overwritten"


def wrong_sign(e: WrongGradient) -> str | None:
    """The gradient is minus the right one."""
    if e.factor is not None and abs(e.factor + 1) < 1e-5:
        return "the sign is wrong"
    return None


def skip_path(e: WrongGradient) -> str | None:
    """One of two paths to the input is missing: only dy arrives, or everything but dy."""
    if not isinstance(e.subject, LayerSubject) or e.name != "x":
        return None
    dy = e.subject.dy
    if agree(e.analytic, dy):
        inner = "that of the inner layers" if e.subject.layer.children() else "the layer's own slope"
        return f"the gradient is not accumulated: dy arrives unchanged, {inner} is missing"
    if dy.shape == e.numeric.shape and agree(e.analytic + dy, e.numeric):
        return "the gradient is not accumulated: the skip path's share, dy, is missing; return dy + dx"
    return None


def branch_missing(e: WrongGradient) -> str | None:
    """The gradients that come back from some of the inner layers are missing."""
    if not isinstance(e.subject, LayerSubject) or e.name != "x" or not e.subject.layer.children():
        return None
    seen = {visit.name: visit.call.dx for visit in visits(e.subject) if visit.call is not None}
    shares = {name: dx for name, dx in seen.items() if np.shape(dx) == e.numeric.shape}
    for count in range(1, len(shares)):
        for lost in combinations(shares, count):
            if agree(e.analytic + sum(shares[name] for name in lost), e.numeric):
                return (
                    f"the gradient is not accumulated: what comes back from {' and '.join(lost)} is lost; "
                    "add up what comes back from all of them"
                )
    return None


def wrong_mean(e: WrongGradient) -> str | None:
    """The gradient is N times too large or too small, for N examples."""
    n = e.subject.parts
    if e.factor is None or n < 2:
        return None
    sign = " (and the sign is wrong)" if e.factor < 0 else ""
    if abs(abs(e.factor) - n) < 1e-5 * n:
        return f"1/N is missing: it is {n} times too large, for a batch of {n}{sign}"
    if abs(abs(e.factor) - 1 / n) < 1e-5:
        return f"it is divided by the batch size ({n}) once too often{sign}"
    return None


def weights_ignored(e: WrongGradient) -> str | None:
    """The gradient of a weighted loss ignores the weights."""
    if not isinstance(e.subject, LossSubject) or e.subject.weights is None:
        return None
    plain = replace(e.subject, weights=None)
    if agree(e.analytic, numeric(plain, plain.prediction)):
        return "the examples' weights are not applied: multiply each example's slope by its weight"
    return None


def transposed(e: WrongGradient) -> str | None:
    """The numbers are right, in the order of the transposed matrix."""
    n = e.numeric
    if n.ndim < 2:
        return None
    if n.shape == n.T.shape and agree(e.analytic, n.T):
        return "it is transposed"
    if agree(e.analytic, n.T.reshape(n.shape)):
        return "it is transposed, and then reshaped to fit"
    return None


def weight_not_transposed(e: WrongGradient) -> str | None:
    """The error is carried back by a square W instead of its transpose."""
    if not isinstance(e.subject, LayerSubject) or e.name != "x":
        return None
    width = e.numeric.shape[-1]
    a, n = e.analytic.reshape(-1, width), e.numeric.reshape(-1, width)
    for name, W in e.subject.arrays.items():
        if name != "x" and W.shape == (width, width):
            local = np.linalg.lstsq(W, n.T)[0].T  # n = local W^T
            if agree(a, local @ W):
                return f"{name} is not transposed on the way back: dx takes {name}.T"
    return None


def wrong_place(e: WrongGradient) -> str | None:
    """The gradient belongs to another array."""
    for name, other in e.subject.arrays.items():
        fits = name != e.name and other.shape == e.analytic.shape
        if fits and agree(e.analytic, numeric(e.subject, other)):
            return f"it is the gradient of {name}: they are exchanged"
    return None


def one_part_only(e: WrongGradient) -> str | None:
    """The gradient is that of a single example."""
    n = e.subject.parts
    for i in range(n if n > 1 else 0):
        if agree(e.analytic, numeric(e.subject, e.subject.arrays[e.name], only=i)):
            which = {0: "the first", n - 1: "the last"}.get(i, f"number {i}")
            return f"the gradient is not accumulated: it is that of {which} of {n} examples alone; {ADD_UP}"
    return None


def one_time_step_only(e: WrongGradient) -> str | None:
    """The gradient is that of a single time step, for outputs (n, time, features)."""
    subject = e.subject
    if not isinstance(subject, LayerSubject) or subject.dy.ndim != 3 or subject.dy.shape[1] < 2:
        return None
    for t in range(subject.dy.shape[1]):
        dy = np.zeros_like(subject.dy)
        dy[:, t] = subject.dy[:, t]
        part = replace(subject, dy=dy)
        if agree(e.analytic, numeric(part, part.arrays[e.name])):
            return f"the gradient is not accumulated: it is that of time step {t} alone; {ADD_UP}"
    return None


def diagonal_only(e: WrongGradient) -> str | None:
    """The gradient has each output's slope by its own input, but not by the other inputs."""
    subject = e.subject
    if not isinstance(subject, LayerSubject) or e.name != "x" or subject.dy.shape != subject.x.shape:
        return None
    own = np.zeros_like(subject.dy)
    for i in range(own.size):
        dy = np.zeros_like(own)
        dy.flat[i] = subject.dy.flat[i]
        own.flat[i] = slopes(replace(subject, dy=dy).value, subject.x, [i])[0].value
    if not agree(e.analytic, own):
        return None
    return "only the slope of each output by its own input is there: that by the other inputs is missing"


def mask_forgotten(e: WrongGradient) -> str | None:
    """The gradient is right up to a factor where it should not be 0, but not 0 elsewhere."""
    zero = np.abs(e.numeric) <= 1e-9 * np.abs(e.numeric).max(initial=1e-9)
    if not zero.any() or zero.all() or not np.abs(e.analytic[zero]).max() > 0:
        return None
    a, n = e.analytic[~zero], e.numeric[~zero]
    factor = float((a * n).sum() / (n * n).sum())
    if not factor or not agree(a, factor * n):
        return None
    return (
        f"a mask is not applied: {zero.sum()} entries should be 0, as the forward pass lets nothing through"
    )


def wrong_order(e: WrongGradient) -> str | None:
    """The numbers are right, but in the wrong places."""
    if e.analytic.size < 4 or not agree(np.sort(e.analytic, axis=None), np.sort(e.numeric, axis=None)):
        return None
    return "the numbers are right, but in another order: an axis is transposed or reshaped wrongly"


def wrong_factor(e: WrongGradient) -> str | None:
    """The gradient is a constant multiple of the right one."""
    if e.factor is None or abs(e.factor - 1) < 1e-4:
        return None
    return f"it is {e.factor:.6g} times what it should be: a constant factor is wrong or missing"


HYPOTHESES: tuple[Callable[[WrongGradient], str | None], ...] = (
    not_finite,
    all_zero,
    wrong_sign,
    skip_path,
    weights_ignored,
    wrong_mean,
    transposed,
    weight_not_transposed,
    wrong_place,
    branch_missing,
    one_part_only,
    one_time_step_only,
    diagonal_only,
    mask_forgotten,
    wrong_order,
    wrong_factor,
)
