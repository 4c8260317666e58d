"""Gradients that are nearly right: their numbers are moved, cut off, rounded, or added up too far."""

from __future__ import annotations

import numpy as np

from .evidence import WrongGradient, agree
from .subject import LayerSubject


def displaced(e: WrongGradient) -> str | None:
    """The numbers are right, but turned around, shifted, or by halves exchanged, along an axis."""
    a, n = e.analytic, e.numeric
    if a.shape != n.shape or a.size < 4:
        return None
    for axis in range(a.ndim):
        size, before, after = a.shape[axis], np.moveaxis(a, axis, 0), np.moveaxis(n, axis, 0)
        if size > 1 and agree(before, after[::-1]):
            return f"it is turned around along axis {axis}"
        if size > 3 and agree(before, np.roll(after, size // 2, 0)):
            return f"its halves along axis {axis} are exchanged"
        for by in [sign * k for k in range(1, min(3, size // 2) + 1) for sign in (1, -1)]:
            moved, left = (before[by:], after[:-by]) if by > 0 else (before[:by], after[-by:])
            if len(left) > 1 and moved.size >= 4 and agree(moved, left):
                way = "back" if by > 0 else "forward"
                return f"it is shifted by {abs(by)} along axis {axis}: move it {way} by as much"
    return None


def half_a_product(e: WrongGradient) -> str | None:
    """The output is the input times something that depends on it, and only one of the two slopes is there."""
    if not isinstance(e.subject, LayerSubject) or e.name != "x" or e.factor is not None:
        return None
    x, dy, y = e.subject.x, e.subject.dy, e.subject.forward()[0]
    if not y.shape == x.shape == e.analytic.shape == e.numeric.shape:
        return None
    for there, what in ((e.analytic, "x itself"), (e.numeric - e.analytic, "what x is multiplied by")):
        if agree(there * x, dy * y):
            return (
                f"half of the product rule: forward makes x times a function of x, and only the slope of "
                f"{what} is there"
            )
    return None


def same_everywhere(e: WrongGradient) -> str | None:
    """A sum over too many axes was broadcast to the gradient's shape."""
    a, n = e.analytic, e.numeric
    if a.size < 2 or not agree(a, np.full_like(a, a.flat[0])) or agree(n, np.full_like(n, n.flat[0])):
        return None
    how = "sum" if agree(a.flat[:1], n.sum(keepdims=True).ravel()) else "mean"
    if how == "mean" and not agree(a.flat[:1], n.mean(keepdims=True).ravel()):
        return None
    return f"it is the same number everywhere, the {how} of all: it goes over too many axes"


def clipped(e: WrongGradient) -> str | None:
    """The gradient is cut off at some size."""
    limit = float(np.abs(e.analytic).max())
    cut = np.abs(e.numeric) > limit * (1 + 1e-6)
    if cut.sum() < 2 or not agree(e.analytic, np.clip(e.numeric, -limit, limit)):
        return None
    layer = isinstance(e.subject, LayerSubject)
    way = ": clipping belongs to the optimizer (clip=ClipValue(...))" if layer else " in both directions"
    return f"it is cut off at {limit:.4g}{way}"


def few_digits(e: WrongGradient) -> str | None:
    """The gradient is right up to rounding to a few digits."""
    a, n = e.analytic, e.numeric
    error = np.abs(a - n) / np.abs(n).max(initial=1e-300)
    if a.size < 2 or error.max() > 2e-3 or (error < 1e-6).mean() > 0.5:
        return None
    digits = int(-np.log10(error.max()))
    return f"it is right to {digits} digits only: something on the way is rounded, or kept in few bits"
