"""Values recorded at steps, in long form: one row for each number, as data frames expect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

STEP_COLUMNS = ("step", "quantity", "layer", "parameter", "index", "value")
"""The columns: see `step_rows`."""
OF_PARAMETERS = ("weights", "grads", "updates")
"""Quantities that exist for each parameter of a layer."""


def step_rows(steps: Mapping[str, Sequence[tuple[int, Any]]]) -> Iterator[dict[str, Any]]:
    """Yield one row for each number recorded at a step, in the order of `STEP_COLUMNS`.

    ``step`` is the number of the step, ``quantity`` what was recorded (``"gradient_alignment"``,
    ``"weights"``, ``"grads"``, ``"val_loss"``), ``layer`` and ``parameter`` what it belongs to (empty if to
    neither), ``index`` the place in an array, as ``"2,0"`` (empty for a single number), ``value`` the number.

    Examples
    --------
    >>> for row in step_rows({"sign_agreement/dense1": [(0, 0.5)], "dense1.b": [(0, np.zeros(1))]}):
    ...     print(list(row.values()))
    [0, 'sign_agreement', 'dense1', '', '', 0.5]
    [0, 'weights', 'dense1', 'b', '0', 0.0]
    """
    for name, pairs in steps.items():
        for step, value in pairs:
            quantity, _, place = name.rpartition("/")
            if not quantity:
                quantity, place = ("weights", name) if np.ndim(value) else (name, "")
            layer, parameter = place, ""
            if quantity in OF_PARAMETERS:
                layer, _, parameter = place.rpartition(".")
            for index, number in np.ndenumerate(value):
                cells = (step, quantity, layer, parameter, ",".join(map(str, index)), number.item())
                yield dict(zip(STEP_COLUMNS, cells, strict=True))


def history_csv(history: Any, path: str | PathLike[str] | None, steps: bool) -> str:
    """Return a history (or what was recorded at its steps) as CSV; write it to a file if a path is given."""
    from .files import csv_text
    from .settings import flag, taken

    if taken("to_csv", "steps", steps, flag()):
        return csv_text(STEP_COLUMNS, history.step_rows(), path)
    return csv_text(("epoch", *history), history.rows(), path)
