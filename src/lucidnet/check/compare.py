"""Hand-written gradients held against finite differences, entry by entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, Stream
from .numeric import slopes
from .report import Entry
from .subject import Subject

FLOOR = 1e-4
"""Gradients smaller than this count as this large: finite differences resolve no more."""


def compare(subject: Subject, entries: int, seed: int) -> list[Entry]:
    """Compare the gradients by each array."""
    analytic = subject.gradients()
    return [
        _entry(subject, name, array, analytic.get(name), entries, seed)
        for name, array in subject.arrays.items()
    ]


def _entry(subject: Subject, name: str, array: Array, analytic: Any, entries: int, seed: int) -> Entry:
    if analytic is None or np.shape(analytic) != array.shape:
        return Entry(name, float("inf"))
    chosen = np.arange(array.size)
    if array.size > entries:
        chosen = np.sort(Stream(seed, path=("entries", name)).permutation(array.size)[:entries])
    found = slopes(subject.value, array, chosen)
    smooth = np.array([not slope.kink for slope in found], bool)
    a = np.asarray(analytic, np.float64).reshape(-1)[chosen][smooth]
    n = np.array([slope.value for slope in found])[smooth]
    kinks = int((~smooth).sum())
    if not a.size:
        return Entry(name, 0.0, kinks=kinks)
    errors = np.abs(a - n)
    errors[~np.isfinite(errors)] = np.inf
    worst = int(errors.argmax())
    scale = max(np.abs(a).max(), np.abs(n).max(), FLOOR)
    where = tuple(int(i) for i in np.unravel_index(chosen[smooth][worst], array.shape))
    error = float(errors[worst] / scale) if np.isfinite(errors[worst]) else float("inf")
    return Entry(name, error, where, float(a[worst]), float(n[worst]), int(a.size), kinks)
