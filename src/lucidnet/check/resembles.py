"""What wrong numbers look like beside the right ones and the arrays at hand.

They are one of these arrays, a product of two of them, right but for a term or a factor, or right in a
part. Nothing here knows what was to be computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

from ..backend import Array
from .evidence import agree, multiple

Named = dict[str, Array]


def resembles(own: Any, true: Any, at_hand: Mapping[str, Any], tolerance: float) -> str | None:
    """Return a sentence on what wrong numbers look like; None if they look like nothing.

    Parameters
    ----------
    own, true : array
        The wrong numbers, and the right ones.
    at_hand : dict of str to array or number
        What they may have been made of, by the names under which it is known.
    tolerance : float
        The relative difference up to which two arrays are the same.

    Examples
    --------
    >>> x, W = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[7.0, 1.0], [2.0, 4.0]])
    >>> resembles(W @ x, x @ W, {"x": x, "W": W}, 1e-9)
    'it is W @ x'
    >>> resembles(x @ W, x @ W + x, {"x": x, "W": W}, 1e-9)
    'x is missing: add it'
    """
    own, true = np.asarray(own, np.float64), np.asarray(true, np.float64)
    if own.shape != true.shape or not np.isfinite(own).all() or not own.any():
        return None
    arrays = {name: np.asarray(array, np.float64) for name, array in at_hand.items()}
    for find in (_turned, _known, _terms, _factors, _products, _multiples):
        if sentence := next(find(own, true, arrays, tolerance), None):
            return sentence
    return None


def _known(own: Array, true: Array, arrays: Named, tolerance: float) -> Iterator[str]:
    """Yield the array, turned or added up or not, whose numbers these are."""
    for name, array in arrays.items():
        ways = {f"{name} itself": array, f"{name}.T": array.T}
        for axis in range(array.ndim if array.ndim > own.ndim else 0):
            ways |= {f"{name}.{how}({axis})": getattr(array, how)(axis) for how in ("sum", "mean")}
        yield from (f"it is {way}" for way, made in ways.items() if agree(own, made, tolerance))
    for (one, a), (other, b) in product(arrays.items(), repeat=2):
        if one != other and _fits(a, own) and _fits(b, own):
            ways = {f"{one} + {other}": a + b, f"{one} - {other}": a - b}
            yield from (f"it is {way}" for way, made in ways.items() if agree(own, made, tolerance))


def _terms(own: Array, true: Array, arrays: Named, tolerance: float) -> Iterator[str]:
    """Yield the array, as it is or times a number, by which these numbers are too large or too small."""
    scalars = {name: float(array) for name, array in arrays.items() if array.ndim == 0}
    weighed = {f"{name} * ": number for name, number in scalars.items()}
    weighed |= {f"(1 - {name}) * ": 1 - number for name, number in scalars.items()}
    powers = arrays | {f"{name}**2": array**2 for name, array in arrays.items() if array.ndim}
    for name, array in powers.items():
        for much, number in {"": 1.0, **(weighed if array.ndim else {})}.items():
            if not _fits(term := number * array, own):
                continue
            term = np.broadcast_to(term, own.shape)
            for count, lacking, surplus in (
                (1, "is missing: add it", "is too much"),
                (2, "has the wrong sign: add it", "has the wrong sign: subtract it"),
            ):
                if agree(true - own, count * term, tolerance):
                    yield f"{much}{name} {lacking}"
                if agree(own - true, count * term, tolerance):
                    yield f"{much}{name} {surplus}"


def _factors(own: Array, true: Array, arrays: Named, tolerance: float) -> Iterator[str]:
    """Yield the factor, made of one array, that is missing or one too many."""
    for name, array in arrays.items():
        ways = {name: array, f"{name}**2": array**2, f"1 - {name}": 1 - array, f"1 - {name}**2": 1 - array**2}
        if (array > 0).all():
            ways |= {f"the root of {name}": array**0.5}
        for way, factor in ways.items():
            if _fits(factor, own):
                if agree(own * factor, true, tolerance):
                    yield f"the factor {way} is missing"
                if agree(own, true * factor, tolerance):
                    yield f"the factor {way} is one too many"


def _products(own: Array, true: Array, arrays: Named, tolerance: float) -> Iterator[str]:
    """Yield the product of two arrays, plus a third or not, whose numbers these are."""
    if multiple(own, true, tolerance) is not None:
        return  # the right product, by a constant factor
    matrices = {name: array for name, array in arrays.items() if array.ndim == 2}
    matrices |= {f"{name}.T": array.T for name, array in matrices.items()}
    terms = {"": np.zeros(()), **{f" + {name}": one for name, one in arrays.items() if _fits(one, own)}}
    for (one, a), (other, b) in product(matrices.items(), repeat=2):
        ways = {f"{one} @ {other}": a @ b} if a.shape[1] == b.shape[0] else {}
        if a.shape == b.shape and one <= other:
            ways[f"{one} * {other}"] = a * b
        for (way, made), (term, added) in product(ways.items(), terms.items()):
            if made.shape == own.shape and agree(own, made + added, tolerance):
                yield f"it is {way}{term}"


def _multiples(own: Array, true: Array, arrays: Named, tolerance: float) -> Iterator[str]:
    """Yield the array of which some multiple is missing or too much."""
    if multiple(own, true, tolerance) is not None:
        return
    for name, array in arrays.items():
        if array.ndim and _fits(array, own):
            times = multiple(own - true, np.broadcast_to(array, own.shape), tolerance)
            if times is not None:
                yield f"{abs(times):.4g} * {name} is {'too much' if times > 0 else 'missing: add it'}"


def _turned(own: Array, true: Array, arrays: Named, tolerance: float) -> Iterator[str]:
    """Yield that these numbers are transposed, if they are."""
    if own.ndim == 2 and own.shape[0] == own.shape[1] and agree(own, true.T, tolerance):
        yield "it is transposed"


def right_in_part(own: Any, true: Any, at_hand: Mapping[str, Any], tolerance: float) -> str | None:
    """Return a sentence on where numbers are right: at some places of an axis, or for one sign of an array.

    Examples
    --------
    >>> right_in_part(np.array([[1.0, 2.0, 0.0]]), np.array([[1.0, 2.0, 3.0]]), {}, 1e-9)
    'it is wrong in [:, -1] only'
    """
    right = _right(np.asarray(own, np.float64), np.asarray(true, np.float64), tolerance)
    for axis in range(right.ndim):
        across = tuple(other for other in range(right.ndim) if other != axis)
        good = right.all(across)
        # where only some numbers are wrong, those that are right in a whole slice are so by chance
        if good.any() and not good.all() and right.mean(across)[~good].max() <= CHANCE:
            for word, places in (("wrong", ~good), ("right", good)):
                if place := _run(places):
                    return f"it is {word} in [{':, ' * axis}{place}] only"
    for name, array in at_hand.items():
        for sign in (1, -1) if np.shape(array) == right.shape else ():
            if right.any() and not right.all() and np.array_equal(right, sign * array > 0):
                return f"it is right only where {name} {'>' if sign > 0 else '<'} 0"
    for name, array in at_hand.items():
        for sign, side in ((1, "above"), (-1, "below")) if np.shape(array) == right.shape else ():
            if math.comb(right.size, int(right.sum())) < CHOICES:
                continue
            inner, outer = (sign * np.asarray(array)[right]).max(), (sign * np.asarray(array)[~right]).min()
            if inner < outer:
                return f"it is wrong only where {name} is {side} {sign * (inner + outer) / 2:.2g} or so"
    return None


CHANCE = 0.5
"""The largest share of right numbers in a slice that is called wrong."""

CHOICES = 200
"""In at least so many ways as many numbers could be right, so that a border among them is no chance."""


def _right(own: Array, true: Array, tolerance: float) -> Array:
    return np.abs(own - true) <= tolerance * np.abs(true).max(initial=0.0)


def _run(places: Array) -> str | None:
    """Return the index of the places that are marked, if they lie together at one end."""
    marked = np.flatnonzero(places)
    first, last, size = int(marked[0]), int(marked[-1]), len(places)
    if len(marked) != last - first + 1:
        few = len(marked) <= FEW_PLACES and 2 * len(marked) < size
        return str([-1 if place == size - 1 else int(place) for place in marked]) if few else None
    if len(marked) == 1:
        return "-1" if last == size - 1 else str(first)
    if first == 0:
        return f":{last - size + 1}"
    return f"{first}:" if last == size - 1 else None


FEW_PLACES = 3
"""The most places apart that are named one by one."""


def _fits(array: Array, to: Array) -> bool:
    """Tell whether an array can be broadcast to another's shape."""
    try:
        return bool(np.broadcast_shapes(array.shape, to.shape) == to.shape)
    except ValueError:
        return False
