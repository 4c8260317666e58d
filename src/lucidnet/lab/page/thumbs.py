"""Small pictures of the data sets to choose from: a few points, a line, or a digit."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ... import data as sets
from ...backend import Array
from .planes import PLANES
from .task import GENERATED, SEQUENCES, TIMES, DataSetup, make

POINTS = 70


@cache
def thumbs() -> dict[str, dict[str, Any]]:
    """Return the numbers to draw each data set's thumbnail from, in whole numbers up to 100."""
    made: dict[str, dict[str, Any]] = {}
    for name in (*GENERATED, *PLANES):
        noise = {"xor": 0.25, "gaussians": 0.5}.get(name, 0.03)
        task = make(DataSetup(name, n=2 * POINTS, noise=noise))
        labels = task.y if task.is_classes else task.y > 0
        made[name] = {"points": np.column_stack([_even(task.x), labels]).astype(int).tolist()}
    for name in SEQUENCES:
        _, y = getattr(sets.tasks, name)(1, TIMES if name == "periodic_pattern" else 24, seed=0)
        made[name] = {"line": _even(y.reshape(-1, 1))[:, 0].astype(int).tolist()}
    (x, _), _ = sets.load("digits", test_split=0.5, seed=0)
    made["digits"] = {"pixels": _even(x[3].reshape(-1, 1))[:, 0].astype(int).tolist()}
    return made


def _even(values: Array) -> Array:
    low, high = values.min(), values.max()
    return np.round((values - low) / (high - low or 1) * 100)
