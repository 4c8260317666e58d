"""Hand-written gradients compared with finite differences, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backend import Array, Stream, Tree
from ..backend.xla.autodiff import not_followed, pullback
from ..layers.derived import unfollowed
from .numeric import slope, slopes
from .report import Entry
from .subject import LayerSubject, Subject, trained

FLOOR = 1e-4
"""Smaller gradients are treated as this large, because finite differences resolve no less."""

RESOLVED = 1e-7
"""If rounding is a larger share of the slope than this, the differences cannot reveal an error."""

DIRECTION = "random direction"
"""The name of the entry that stands for all arrays at once."""


def compare(subject: Subject, entries: int, seed: int) -> list[Entry]:
    """Compare the gradient by each array; if some are too large for that, also along a random direction."""
    analytic = subject.gradients()
    found = [
        _entry(subject, name, array, analytic.get(name), entries, seed)
        for name, array in subject.arrays.items()
    ]
    sampled = any(array.size > entries for array in subject.arrays.values())
    if sampled and all(np.isfinite(entry.error) for entry in found):
        found.append(_along(subject, analytic, seed))
    return found


def _entry(subject: Subject, name: str, array: Array, analytic: Any, entries: int, seed: int) -> Entry:
    if analytic is None or np.shape(analytic) != array.shape:
        return Entry(name, float("inf"))
    chosen = np.arange(array.size)
    if array.size > entries:
        chosen = np.sort(Stream(seed, path=("entries", name)).permutation(array.size)[:entries])
    found = slopes(subject.value, array, chosen)
    kept = [i for i, slope in enumerate(found) if not slope.kink]
    kinks = len(found) - len(kept)
    if not kept:
        return Entry(name, 0.0, kinks=kinks)
    a = np.asarray(analytic, np.float64).reshape(-1)[chosen[kept]]
    n = np.array([found[i].value for i in kept])
    noise = np.array([found[i].noise for i in kept])
    errors = relative(a, n, max(np.abs(a).max(), np.abs(n).max()), noise)
    worst = int(errors.argmax())
    where = tuple(int(i) for i in np.unravel_index(chosen[kept[worst]], array.shape))
    values, idle = (float(a[worst]), float(n[worst])), not a.any() and not n.any()
    return Entry(name, float(errors[worst]), where, *values, len(kept), kinks, idle)


def _along(subject: Subject, analytic: dict[str, Array], seed: int) -> Entry:
    """Compare the slope along one direction through all arrays, in which any wrong entry shows."""
    arrays = subject.arrays
    rng = Stream(seed, dtype="float64", path=("direction",))
    starts = {name: array.copy() for name, array in arrays.items()}
    count = sum(array.size for array in arrays.values())
    ways = {name: rng.child(name).normal(array.shape) / count**0.5 for name, array in arrays.items()}

    def moved(step: float) -> float:
        for name, array in arrays.items():
            array[...] = starts[name] + step * ways[name]
        return subject.value()

    found = slope(moved)
    for name, array in arrays.items():
        array[...] = starts[name]
    if found.kink:
        return Entry(DIRECTION, 0.0, kinks=1)
    a = sum(float((analytic[name] * way).sum()) for name, way in ways.items())
    typical = (sum(float((analytic[name] ** 2).sum()) for name in ways) / count) ** 0.5
    size = max(typical, abs(a), abs(found.value))
    error = relative(np.array([a]), np.array([found.value]), size, np.array([found.noise]))
    return Entry(DIRECTION, float(error[0]), (), a, found.value, 1)


def by_jax(subject: LayerSubject) -> Iterator[Entry]:
    """Compare a layer's gradients with those that JAX derives from its forward pass.

    Raises
    ------
    MissingExtraError
        If JAX is not installed.
    SettingError
        If it cannot follow the forward pass.
    """
    layer, analytic = subject.layer, subject.gradients()

    def forward(params: Tree, x: Any) -> Any:
        return layer.forward(params, x, subject.run)[0]

    given, wanted = (subject.params, subject.x), 1 + subject.differentiable
    try:
        grads, *dx = pullback(forward, given, subject.dy, wanted, "check.gradients(jax=True) needs JAX")
    except TypeError as error:
        if not_followed(error):
            raise unfollowed(layer, error) from error
        raise
    for name, found in (trained(layer, grads) | ({"x": dx[0]} if dx else {})).items():
        by_hand: Any = analytic.get(name)
        if np.shape(by_hand) != found.shape:
            yield Entry(f"{name}, by JAX", float("inf"))
            continue
        a, n = np.asarray(by_hand, np.float64), np.asarray(found, np.float64)
        errors = relative(a, n, max(np.abs(a).max(), np.abs(n).max()), np.zeros(()))
        where = np.unravel_index(int(errors.argmax()), errors.shape)
        place = tuple(map(int, where))
        values = float(errors[place]), place, float(a[place]), float(n[place])
        yield Entry(f"{name}, by JAX", *values, a.size)


def relative(a: Array, n: Array, size: float, noise: Array) -> Array:
    """Return |a - n| relative to the gradient's size, or to the rounding error if that is larger."""
    if not np.isfinite(a).all() or not np.isfinite(n).all():
        return np.where(np.isfinite(a) & np.isfinite(n), 0.0, np.inf)
    return np.abs(a - n) / np.maximum(max(size, FLOOR), noise / RESOLVED)
