"""Which mistake explains a wrong gradient: each hypothesis predicts numbers, and is held against them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..backend import Array
from .elementwise import Elementwise, elementwise
from .numeric import slopes
from .subject import LayerSubject, Subject

MOST_ENTRIES = 5000
"""Larger arrays are not explained: the whole of their numeric gradient would take too long."""


@dataclass(frozen=True)
class Evidence:
    """A wrong gradient: what backward says, and what finite differences say."""

    subject: Subject
    name: str
    analytic: Array
    numeric: Array

    @cached_property
    def factor(self) -> float | None:
        """The constant by which the analytic gradient is too large, if there is one."""
        size = float((self.numeric * self.numeric).sum())
        factor = float((self.analytic * self.numeric).sum()) / size if size else 0.0
        return factor if factor and agree(self.analytic, factor * self.numeric) else None


def agree(a: Array, b: Array, tolerance: float = 1e-5) -> bool:
    """Tell whether two arrays are the same but for rounding, and not all zero."""
    if np.shape(a) != np.shape(b) or not np.size(a):
        return False
    scale = max(float(np.abs(a).max()), float(np.abs(b).max()))
    return 1e-9 < scale < np.inf and float(np.abs(a - b).max()) <= tolerance * scale


def explain(subject: Subject, failed: list[str]) -> Iterator[str]:
    """Yield the likely mistakes for the arrays whose gradients are wrong."""
    view = elementwise(subject) if isinstance(subject, LayerSubject) else None
    reasons = list(_about_slopes(view)) if view else []
    if reasons:
        yield from reasons
        return
    analytic = subject.gradients()
    for name in failed:
        array = subject.arrays[name]
        if array.size > MOST_ENTRIES:
            yield f"{name}: too large to look for the mistake; check a smaller layer of this kind"
            continue
        evidence = Evidence(subject, name, np.asarray(analytic[name]), numeric(subject, array))
        sentence = next(filter(None, (hypothesis(evidence) for hypothesis in HYPOTHESES)), None)
        yield f"{name}: {sentence or 'no known mistake explains these numbers; compare the formula'}"


def numeric(subject: Subject, array: Array, only: int | None = None) -> Array:
    """Return the whole gradient by an array from finite differences."""
    found = slopes(lambda: subject.value(only), array, range(array.size))
    return np.array([slope.value for slope in found]).reshape(array.shape)


# --- hypotheses about the gradient by one array -------------------------------------------------------


def wrong_sign(e: Evidence) -> str | None:
    """The gradient is minus the right one."""
    if e.factor is not None and abs(e.factor + 1) < 1e-5:
        return "the sign is wrong"
    return None


def wrong_mean(e: Evidence) -> str | None:
    """The gradient is N times the right one, or 1/N of it, for N examples."""
    n = e.subject.parts
    if e.factor is None or n < 2:
        return None
    sign = " (and the sign is wrong)" if e.factor < 0 else ""
    if abs(abs(e.factor) - n) < 1e-5 * n:
        return f"1/N is missing: it is {n} times too large, for a batch of {n}{sign}"
    if abs(abs(e.factor) - 1 / n) < 1e-5:
        return f"it is divided by the batch size ({n}) once too often{sign}"
    return None


def wrong_factor(e: Evidence) -> str | None:
    """The gradient is a constant times the right one."""
    if e.factor is None or abs(e.factor - 1) < 1e-4:
        return None
    return f"it is {e.factor:.6g} times what it should be: a constant factor is wrong or missing"


def transposed(e: Evidence) -> str | None:
    """The numbers are right, in the order of the transposed matrix."""
    n = e.numeric
    if n.ndim < 2:
        return None
    if n.shape == n.T.shape and agree(e.analytic, n.T):
        return "it is transposed"
    if agree(e.analytic, n.T.reshape(n.shape)):
        return "it is transposed, and then reshaped to fit"
    return None


def one_part_only(e: Evidence) -> str | None:
    """The gradient is what one example alone adds."""
    n = e.subject.parts
    for i in range(n if n > 1 else 0):
        if agree(e.analytic, numeric(e.subject, e.subject.arrays[e.name], only=i)):
            which = {0: "the first", n - 1: "the last"}.get(i, f"number {i}")
            return (
                f"the gradient is not accumulated: it is that of {which} of {n} examples alone; "
                "add the contributions up (+= in a loop, sum over the batch)"
            )
    return None


def one_moment_only(e: Evidence) -> str | None:
    """The gradient is what one time step alone adds, for outputs (n, time, features)."""
    subject = e.subject
    if not isinstance(subject, LayerSubject) or subject.dy.ndim != 3 or subject.dy.shape[1] < 2:
        return None
    for t in range(subject.dy.shape[1]):
        dy = np.zeros_like(subject.dy)
        dy[:, t] = subject.dy[:, t]
        part = LayerSubject(subject.layer, subject.params, subject.x, dy, subject.run)
        if agree(e.analytic, numeric(part, part.arrays[e.name])):
            return (
                f"the gradient is not accumulated: it is that of time step {t} alone; "
                "add the contributions of all time steps up"
            )
    return None


def skip_path(e: Evidence) -> str | None:
    """One of two paths to the input is forgotten: dy alone arrives, or all but dy."""
    if not isinstance(e.subject, LayerSubject) or e.name != "x":
        return None
    dy = e.subject.dy
    if agree(e.analytic, dy):
        return "the gradient is not accumulated: dy arrives unchanged, that of the inner layers is missing"
    if dy.shape == e.numeric.shape and agree(e.analytic + dy, e.numeric):
        return "the gradient is not accumulated: the skip path's share, dy, is missing"
    return None


def mask_forgotten(e: Evidence) -> str | None:
    """The gradient is right, or off by a factor, where it should not be 0; elsewhere it is not 0."""
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


HYPOTHESES: tuple[Callable[[Evidence], str | None], ...] = (
    wrong_sign,
    skip_path,
    wrong_mean,
    transposed,
    one_part_only,
    one_moment_only,
    mask_forgotten,
    wrong_factor,
)


# --- hypotheses about the slope of an elementwise function ---------------------------------------------


def _about_slopes(view: Elementwise) -> Iterator[str]:
    """Yield the mistake in the derivative of an elementwise function, if it is one of these."""
    true, claimed = view.slope(view.z), view.claimed
    if agree(claimed, true):
        return
    for hypothesis in (_masked, _no_derivative, _at_output, _formula_of_output):
        if sentence := hypothesis(view, true):
            yield sentence
            return


def _masked(view: Elementwise, true: Array) -> str | None:
    zero = np.abs(true) < 1e-9
    if not zero.any() or zero.all() or np.abs(view.claimed[zero]).max() < 1e-9:
        return None
    ratio = view.claimed[~zero] / true[~zero]
    if not agree(ratio, np.full_like(ratio, ratio.flat[0])) or not ratio.flat[0] > 0:
        return None
    return (
        f"a mask is not applied: the derivative is 0 at {zero.sum()} of {zero.size} outputs, "
        "but backward lets the error through there"
    )


def _no_derivative(view: Elementwise, true: Array) -> str | None:
    if agree(view.claimed, np.ones_like(true)):
        return "the activation's derivative is missing: backward passes dy on unchanged"
    return None


def _at_output(view: Elementwise, true: Array) -> str | None:
    if agree(view.claimed, view.slope(view.f(view.z)), 1e-4):
        return "the derivative is taken at the wrong point: at the output y, in place of the input"
    return None


def _formula_of_output(view: Elementwise, true: Array) -> str | None:
    point, valid = view.inverse(view.z)
    if valid.sum() >= 3 and agree(view.claimed[valid], view.slope(point)[valid], 1e-4):
        return (
            "the derivative is taken at the wrong point: its formula is meant for the output y, "
            "but it is given the input"
        )
    return None
