"""Which mistake explains a wrong gradient by one array: each hypothesis predicts numbers.

A hypothesis is a function from the evidence to a sentence, or None where the numbers speak against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, replace
from itertools import combinations
from typing import Any

import numpy as np

from ..backend import Array, Stream, length
from ..core.trees import put, tree_map
from ..layers import Layer
from .evidence import WrongGradient, agree, numeric
from .nearly import clipped, displaced, few_digits, half_a_product, same_everywhere
from .numeric import slopes
from .resembles import resembles
from .subject import LayerSubject, LossSubject, example
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
    cut = ", or cut off to whole numbers" if np.abs(e.numeric).max() < 1 else ""
    return f"it is all zero, and should not be: it is never computed, or overwritten{cut}"


def whole_numbers(e: WrongGradient) -> str | None:
    """The gradient was brought to whole numbers."""
    cut_off = np.array_equal(e.analytic, np.trunc(e.numeric)) and not np.array_equal(e.analytic, e.numeric)
    if cut_off and e.analytic.any():
        return "it is cut off to whole numbers: it is kept in an array of whole numbers, as of np.zeros_like"
    return None


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
        if e.subject.layer.children():
            return (
                "the gradient is not accumulated: dy arrives unchanged, that of the inner layers is missing"
            )
        if agree(np.sort(dy, axis=None), np.sort(e.numeric, axis=None)):
            return "dy arrives unchanged, where its numbers belong elsewhere: undo how forward has moved them"
        return "dy arrives unchanged, the layer's own slope is missing"
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
    """The gradient is N times too large or too small, for N examples, or for N of something else."""
    causes = _causes(e)
    if causes and (other := _of_other_sizes(e)) is not None:
        causes = {cause: count for cause, count in causes.items() if cause in _causes(other)}
    if e.factor is None or not causes:
        return None
    sign = " (and the sign is wrong)" if e.factor < 0 else ""
    much = f"it is {e.factor:.6g} times what it should be"
    for power in (1.0, -1.0):
        fits = [what for what, by in causes if by == power and what != BATCH]
        if n := causes.get((BATCH, power)):
            also = f"; or by the number of {' or '.join(fits)}, which are as many" if fits else ""
            if power > 0:
                return f"1/N is missing: it is {n} times too large, for a batch of {n}{sign}{also}"
            return f"it is divided by the batch size ({n}) once too often{sign}{also}"
        if fits:
            missing = "the division by it is missing" if power > 0 else "it is divided by it once too often"
            return f"{much}; there are {causes[fits[0], power]} {' or '.join(fits)}: {missing}"
    return f"{much}, by the root of the number of {' or '.join(what for what, _ in causes)}"


BATCH = "examples"


def _causes(e: WrongGradient) -> dict[tuple[str, float], int]:
    """Return the sizes whose power is the factor by which a gradient is wrong, by name and power."""
    if e.factor is None:
        return {}
    size = abs(e.factor)
    sizes = {BATCH: e.subject.parts} | _counts(e)
    powers = (1.0, -1.0, 0.5, -0.5)
    return {
        (what, power): count
        for what, count in sizes.items()
        for power in (powers if what != BATCH else powers[:2])
        if count > 1 and abs(size - count**power) < 1e-5 * size
    }


def _of_other_sizes(e: WrongGradient) -> WrongGradient | None:
    """Return the gradient for other numbers of examples and features; None if there is none.

    There a number of examples is no longer as large as one of features, or as a constant.
    """
    subject: Any = e.subject
    made: Any = None
    for grown in (1, 2, 0):
        with suppress(Exception):  # the layer or loss, perhaps somebody's own, does not take such arrays
            if isinstance(subject, LayerSubject) and subject.run.mask is None:
                shape = tuple((grown + 1) * size if grown else size for size in subject.x.shape[1:])
                x = example(Stream(0, dtype="float64"), subject.parts + 3, shape)
                x = np.abs(x) if (subject.x > 0).all() else x
                made = LayerSubject.of(subject.layer, x, 0, subject.run.train)
            elif isinstance(subject, LossSubject) and subject.parts > 1:
                rows, cut = slice(1, None), np.s_[..., 1:]
                p, t, w = subject.prediction[rows], subject.target[rows], subject.weights
                if grown and p.shape == t.shape and p.shape[-1] > 2:
                    p, t = p[cut], t[cut]
                made = LossSubject(subject.loss, p.copy(), t.copy(), None if w is None else w[rows])
            if made is None or made.arrays[e.name].size > MOST_OTHER:
                return None
            found = WrongGradient.of(made, e.name)
            if found.analytic.shape == found.numeric.shape:
                return found
    return None


MOST_OTHER = 3000
"""The most numbers of an array whose gradient is found anew, with other sizes."""


def _counts(e: WrongGradient) -> dict[str, int]:
    """Return the sizes by which a gradient is divided by mistake, besides that of the batch."""
    subject = e.subject
    if isinstance(subject, LayerSubject):
        inner, sizes = (
            subject.dy.shape[1:-1],
            {"inputs": subject.x.shape[-1], "outputs": subject.dy.shape[-1]},
        )
    elif isinstance(subject, LossSubject):
        inner, sizes = subject.prediction.shape[1:-1], {"outputs": subject.prediction.shape[-1]}
    else:
        return {}
    places, name = int(np.prod(inner)), "time steps" if len(inner) == 1 else "places"
    found = {name: places} | sizes | {f"{name} of all examples": places * subject.parts}
    if isinstance(subject, LayerSubject) and subject.x.ndim > 2:
        of_input = int(np.prod(subject.x.shape[1:-1]))
        if of_input % places == 0:
            found |= {f"{name} of the input for each output": of_input // places}
    return {what: size for what, size in found.items() if size > 1 and (inner or "of all" not in what)}


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
    made = e.subject.gradients()
    for name, other in e.subject.arrays.items():
        fits = name != e.name and other.shape == e.analytic.shape
        if fits and agree(e.analytic, numeric(e.subject, other)):
            both = ": they are exchanged" if agree(np.asarray(made[name], float), e.numeric) else ""
            return f"it is the gradient of {name}{both}"
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


def statistics_forgotten(e: WrongGradient) -> str | None:
    """What comes back through a mean, a variance or a norm is missing from the gradient by x, or wrong.

    The true gradient of a function that subtracts a mean adds up to 0; one that leaves the variance out has a
    rest along x - mean (Ioffe & Szegedy 2015, section 3), and so on. Here only that rest is wrong.
    """
    if not isinstance(e.subject, LayerSubject) or e.name != "x" or e.subject.layer.children():
        return None
    a, n, x = e.analytic, e.numeric, e.subject.x
    axes = {0: "the examples of the batch", tuple(range(1, x.ndim)): "each example", -1: "the features"}
    for axis, words in reversed(axes.items()):
        size, mean = x.size // x.sum(axis).size, np.ones_like(x)
        spread = x - x.mean(axis, keepdims=True)
        ways = {
            "mean": (mean,),
            "variance": (spread,),
            "mean and the variance": (mean, spread),
            "norm": (x,),
        }
        for what, directions in ways.items():
            if (size - len(directions)) * (x.size // size) < 4 or size <= len(directions):
                continue
            rest, without = a - n, n
            for direction in directions:
                rest, without = (_across(array, direction, axis) for array in (rest, without))
            # epsilon keeps a small part along x - mean
            if length(rest) < 1e-5 * length(a - n) and length(n - without) < 0.1 * length(n):
                return f"what comes back through the {what} over {words} is missing or wrong (axis {axis})"
    return None


def _across(a: Array, direction: Array, axis: Any) -> Array:
    """Subtract from arrays their projection on a direction, along some axes."""
    size = (direction * direction).sum(axis, keepdims=True)
    return a - direction * (a * direction).sum(axis, keepdims=True) / np.where(size > 0, size, 1)


def other_softmax(e: WrongGradient) -> str | None:
    """Forward is a softmax, whose gradient has one form only."""
    if not isinstance(e.subject, LayerSubject) or e.name != "x":
        return None
    y, dy = np.asarray(e.subject.forward()[0]), e.subject.dy
    for axis in range(-1, -y.ndim, -1) if y.shape == e.numeric.shape and (y > 0).all() else ():
        total = y.sum(axis)
        if agree(total, np.ones_like(total)) and agree(
            y * (dy - (dy * y).sum(axis, keepdims=True)), e.numeric
        ):
            formula = f"dx = y * (dy - (dy * y).sum({axis}, keepdims=True))"
            return f"forward is a softmax over axis {axis}, for which {formula}"
    return None


def same_time_only(e: WrongGradient) -> str | None:
    """Each input hears of the output of its own time step only."""
    subject = e.subject
    if not isinstance(subject, LayerSubject) or e.name != "x" or subject.x.ndim != 3:
        return None
    if subject.dy.ndim == 2 and e.analytic[:, -1].any() and not e.analytic[:, :-1].any():
        return "the error is not carried back in time: only the last time step has a gradient"
    if subject.dy.ndim != 3 or subject.dy.shape[1] != subject.x.shape[1] or subject.dy.shape[1] < 2:
        return None
    own = np.zeros_like(subject.x)
    for t in range(subject.x.shape[1]):
        dy = np.zeros_like(subject.dy)
        dy[:, t] = subject.dy[:, t]
        own[:, t] = numeric(replace(subject, dy=dy), subject.x)[:, t]
    if not agree(e.analytic, own):
        return None
    return (
        "errors are not carried back in time: each step hears of its own output, not of what later ones say"
    )


def counted_once(e: WrongGradient) -> str | None:
    """Rows of a table that several numbers in x ask for have got one error only."""
    if not isinstance(e.subject, LayerSubject) or e.subject.differentiable:
        return None
    rows, counts = np.unique(e.subject.x, return_counts=True)
    several = [int(row) for row, count in zip(rows, counts, strict=True) if count > 1]
    if not several or not 0 <= rows[0] <= rows[-1] < len(e.numeric):
        return None
    wrong = np.abs(e.analytic - e.numeric).reshape(len(e.numeric), -1).max(1) > 1e-6 * np.abs(e.numeric).max()
    if not wrong.any() or not set(np.flatnonzero(wrong)) <= set(several):
        return None
    return (
        f"rows that occur several times in x (such as {several[0]}) get one of their errors only: += adds "
        "once for an index that is repeated, np.add.at(grad, x, dy) adds all"
    )


def turned_kernel(e: WrongGradient) -> str | None:
    """The error goes back through weights that are turned around along an axis, or not transposed."""
    if not isinstance(e.subject, LayerSubject) or e.name != "x":
        return None
    for name, W in e.subject.arrays.items():
        if name == "x" or W.ndim < 3:
            continue
        ways = {
            f"is turned around on the way back (axis {', '.join(map(str, axes))})": np.flip(W, axes)
            for axes in ((0,), (1,), (0, 1))
        }
        if W.shape[-1] == W.shape[-2]:
            told = "is not transposed on the way back: its last two axes have to change places"
            ways[told] = W.swapaxes(-1, -2)
        for told, turned in ways.items():
            params = put(tree_map(np.copy, e.subject.params), tuple(name.split("/")), turned.copy())
            if agree(e.analytic, numeric(other := replace(e.subject, params=params), other.x)):
                return f"{name} {told}"
    return None


def wrong_order(e: WrongGradient) -> str | None:
    """The numbers are right, but in the wrong places."""
    if e.analytic.size < 4 or not agree(np.sort(e.analytic, axis=None), np.sort(e.numeric, axis=None)):
        return None
    return (
        "the numbers are right, but in another order: an axis is transposed or reshaped wrongly, or they are "
        "put where forward did not take them from"
    )


def made_of_others(e: WrongGradient) -> str | None:
    """The gradient is another product of the arrays at hand, or has a term or factor too many or too few."""
    subject = e.subject
    if isinstance(subject, LossSubject):
        return resembles(e.analytic, e.numeric, subject.given, 1e-5)
    if not isinstance(subject, LayerSubject):
        return None
    y, cache = subject.forward()
    at_hand = {"y": y} | {name: array for name, array in _kept(cache) if array is not y}
    numbers = {name: one for name, one in _settings(subject.layer) if name not in subject.given}
    return resembles(e.analytic, e.numeric, numbers | subject.given | at_hand, 1e-5)


def _settings(layer: Any) -> Iterator[tuple[str, float]]:
    """Yield the numbers among a layer's own settings, such as a temperature, but for 0, 1 and -1."""
    for field in fields(layer):
        number = getattr(layer, field.name)
        own = isinstance(number, (int, float)) and not isinstance(number, bool) and number not in (0, 1, -1)
        if own and field.name not in Layer.__dataclass_fields__:
            yield field.name, float(number)


def _kept(cache: Any) -> Iterator[tuple[str, Array]]:
    """Yield the arrays that a cache keeps, by the name under which backward finds them."""
    if isinstance(cache, np.ndarray):
        yield "cache", cache
    places: Any = cache.items() if isinstance(cache, dict) else ()
    for place, one in enumerate(cache) if isinstance(cache, (tuple, list)) else places:
        if isinstance(one, np.ndarray):
            yield f"cache[{place!r}]", one


def wrong_factor(e: WrongGradient) -> str | None:
    """The gradient is a constant multiple of the right one."""
    if e.factor is None or abs(e.factor - 1) < 1e-4:
        return None
    if abs(float(np.linalg.norm(e.analytic)) - 1) < 1e-9:
        return f"it is {e.factor:.6g} times what it should be: it is divided by its own norm"
    return f"it is {e.factor:.6g} times what it should be: a constant factor is wrong or missing"


HYPOTHESES: tuple[Callable[[WrongGradient], str | None], ...] = (
    not_finite,
    whole_numbers,
    all_zero,
    wrong_sign,
    statistics_forgotten,
    skip_path,
    weights_ignored,
    wrong_mean,
    transposed,
    weight_not_transposed,
    wrong_place,
    branch_missing,
    one_part_only,
    one_time_step_only,
    same_time_only,
    counted_once,
    diagonal_only,
    other_softmax,
    turned_kernel,
    mask_forgotten,
    displaced,
    half_a_product,
    made_of_others,
    wrong_order,
    wrong_factor,
    same_everywhere,
    clipped,
    few_digits,
)
