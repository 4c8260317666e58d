"""Finding the mistake in an elementwise derivative that explains the slopes used by backward."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..backend import Array
from .elementwise import Elementwise, elementwise
from .evidence import agree
from .subject import LayerSubject


def derivative_mistakes(subject: LayerSubject) -> tuple[dict[str, str], str | None]:
    """Return the likely mistake in an elementwise derivative, by the gradient that shows it.

    The second result says where the derivative is wrong, for a mistake that is not known; None if one of the
    gradients is right, and so the derivative.
    """
    view = elementwise(subject)
    if view is None:
        return {}, None
    true = view.slope(view.z)
    found: dict[str, str] = {}
    wrong = [
        (name, claimed)
        for name, claimed in view.claims.items()
        if np.isfinite(claimed).all() and not agree(claimed, true)
    ]
    for name, claimed in wrong:
        sentences = (mistake(view, claimed, true) for mistake in MISTAKES)
        if sentence := next(filter(None, sentences), None):
            found[name] = sentence
    if not wrong or len(wrong) < len(view.claims):
        return found, None
    return found, _place(view, wrong[0][1], true)


def _masked(view: Elementwise, claimed: Array, true: Array) -> str | None:
    """The derivative is right up to a factor where it is not 0, but not 0 where it should be."""
    zero = np.abs(true) < 1e-9
    if not zero.any() or zero.all() or np.abs(claimed[zero]).max() < 1e-9:
        return None
    ratio = claimed[~zero] / true[~zero]
    if not agree(ratio, np.full_like(ratio, ratio.flat[0])) or not ratio.flat[0] > 0:
        return None
    return (
        f"a mask is not applied: the derivative is 0 at {zero.sum()} of {zero.size} outputs, "
        "but backward lets the error through there; multiply dy by the forward pass's mask"
    )


def _other_mask(view: Elementwise, claimed: Array, true: Array) -> str | None:
    """Both slopes are 0 or one constant, but in different places."""
    size = np.abs(true).max()
    on, claimed_on = np.abs(true) > 1e-6 * size, np.abs(claimed) > 1e-6 * size
    wrong = on != claimed_on
    if on.all() or claimed_on.all() or not claimed_on.any() or not wrong.any():
        return None
    if not (agree(true, on * size) and agree(claimed, claimed_on * size)):
        return None
    return (
        f"the mask is not applied as in the forward pass: at {wrong.sum()} of {wrong.size} outputs backward "
        "lets through what forward stops, or stops what it lets through; keep forward's mask in the cache"
    )


def _no_derivative(view: Elementwise, claimed: Array, true: Array) -> str | None:
    if agree(claimed, np.ones_like(true)):
        return "the activation's derivative is missing: backward passes dy on unchanged; multiply by f'"
    return None


def _at_output(view: Elementwise, claimed: Array, true: Array) -> str | None:
    if agree(claimed, view.slope(view.f(view.z)), 1e-4):
        return (
            "the derivative is taken at the wrong point: at the output y, in place of the input; "
            "keep in the cache what its formula is meant for"
        )
    return None


def _formula_of_output(view: Elementwise, claimed: Array, true: Array) -> str | None:
    point, valid = view.inverse(view.z)
    if valid.sum() >= 3 and agree(claimed[valid], view.slope(point)[valid], 1e-4):
        return (
            "the derivative is taken at the wrong point: its formula is meant for the output y, "
            "but it is given the input; keep y in the cache"
        )
    return None


MISTAKES: tuple[Callable[[Elementwise, Array, Array], str | None], ...] = (
    _masked,
    _other_mask,
    _no_derivative,
    _at_output,
    _formula_of_output,
)


def _place(view: Elementwise, claimed: Array, true: Array) -> str:
    """Return where a derivative is wrong: for which inputs, and by how much at the worst of them."""
    wrong = np.abs(claimed - true) > 1e-5 * np.abs(true).max()
    i = int(np.abs(claimed - true).argmax())
    z, used, slope = (array.reshape(-1)[i] for array in (view.z, claimed, true))
    at = f"at an input of {z:.3g} backward multiplies dy by {used:.4g}, while forward's slope is {slope:.4g}"
    inputs, there = view.z.reshape(-1), wrong.reshape(-1)
    for side, sign in (("above", 1), ("below", -1)) if wrong.any() and not wrong.all() else ():
        inner, outer = (sign * inputs[~there]).max(), (sign * inputs[there]).min()
        if inner < outer:
            border = 0.0 if inner <= 0 <= outer else sign * (inner + outer) / 2
            return f"the derivative is wrong for inputs {side} {border:.3g}: {at}"
    return f"the derivative is wrong: {at}"
