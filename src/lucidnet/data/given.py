"""The forms in which data are given to a training, and what goes with which of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import DataError, SettingError


def validation(given: Any) -> dict[str, Any]:
    """Return validation data by name: x, and if there are any y, sample_weight and mask.

    Parameters
    ----------
    given : (x, y), (x, y, sample_weight), dict or data set
        What was given.

    Examples
    --------
    >>> validation(([[1.0]], [0], [0.5]))
    {'x': [[1.0]], 'y': [0], 'sample_weight': [0.5]}
    """
    if isinstance(given, Mapping):
        if not {"x", "y"} <= given.keys() <= {"x", "y", "sample_weight", "mask"}:
            raise DataError(
                "validation_data: expected a dict with x, y, and if there are any mask and sample_weight, "
                f"got the names {sorted(map(str, given))}"
            )
        return dict(given)
    if not isinstance(given, (tuple, list)):
        return {"x": given}
    if len(given) not in (1, 2, 3):
        raise DataError(
            "validation_data: expected (x, y), (x, y, sample_weight), or a dict with x, y, mask and "
            f"sample_weight, got {len(given)} things"
        )
    if len(given) == 3 and given[2] is not None and np.asarray(given[2]).dtype == bool:
        raise DataError(
            "validation_data: the third is a weight for each example, as in Keras, but it is true or false; "
            'for a mask write validation_data={"x": x, "y": y, "mask": mask}'
        )
    return dict(zip(("x", "y", "sample_weight"), given, strict=False))


def with_arrays(class_weight: Any = None, **given: Any) -> None:
    """Raise if something is given that a data set has to bring with its batches."""
    for name, value in given.items():
        if value is not None:
            raise SettingError(
                f"{name}: goes with arrays; a data set brings what belongs to it, in batches (x, y) or "
                "(x, y, weights), and validation data are given as validation_data"
            )
    if isinstance(class_weight, str):
        raise SettingError(
            f"class_weight={class_weight!r}: the classes of a data set are not counted before the training; "
            "pass a dict with a weight for each class"
        )
