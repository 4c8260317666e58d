"""The forms in which data are given to a training, and what goes with which of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.settings import count, shown, taken
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


OF_BATCHES = {
    "batch_size": "a data set brings its batches: say how large they are there, dataset.batch(32)",
    "shuffle": "a data set has an order of its own: shuffle it there, dataset.shuffle(seed) before batch",
    "sample_weight": "a data set brings the weights of its examples, in batches (x, y, weights)",
    "validation_split": "the last part of a data set is not known before the training: give validation_data, "
    "or both parts of dataset.split(0.2)",
    "mask": "a data set gives batches (x, y) or (x, y, weights), without masks: begin the network with "
    "Masking(), or give arrays",
}
"""What goes with arrays only, and what to do about it with a data set."""


def with_arrays(optimizer: Any, dataset: Any, class_weight: Any = None, **given: Any) -> None:
    """Raise if something is given that has no effect on batches that come from elsewhere.

    Parameters
    ----------
    optimizer : Optimizer, optional
        What makes the steps, if the batches are to train on.
    dataset : Dataset, optional
        Where they come from; None if that is arrays in a file.
    class_weight : optional
        Weights of classes: a dict of them is used.
    **given
        What else was given, by name; None if it was not.
    """
    stored = dataset is None
    if not stored and getattr(optimizer, "full_batch", False) and dataset.length != 1:
        raise SettingError(
            f"{type(optimizer).__name__} takes all examples in each step, and a data set gives them in "
            "batches: give arrays, or a data set of one batch"
        )
    for name, value in given.items():
        if value is not None:
            where = "arrays in a file have no masks; load them, x[:]" if stored else OF_BATCHES[name]
            raise SettingError(f"{name}: goes with arrays in memory; {where}; got {shown(value)}")
    if isinstance(class_weight, str):
        whose = "arrays in a file" if stored else "a data set"
        raise SettingError(
            f"class_weight={class_weight!r}: the classes of {whose} are not counted before the training; "
            "pass a dict with a weight for each class"
        )


BATCH = 32
"""Examples in a batch, if nobody says how many."""
IF_POSSIBLE: Any = object()
"""Stands for an order of its own each epoch, where the network allows one."""


def checked_order(
    optimizer: Any, stateful: Any, n: int, batch_size: int | None, shuffle: bool | None
) -> tuple[int, bool]:
    """Return how many examples a batch has, and whether each epoch has an order of its own.

    Parameters
    ----------
    optimizer : Optimizer
        What makes the steps.
    stateful : optional
        Whether there are layers that go on where the batch before stopped.
    n : int
        How many examples there are.
    batch_size, shuffle : optional
        As they were given, None if not.

    Raises
    ------
    SettingError
        If one of them cannot be followed.
    """
    size = None if batch_size is None else taken("batches", "batch_size", batch_size, count(1))
    if optimizer.full_batch:
        if shuffle is True or (size or n) < n:
            name, given = ("shuffle", shuffle) if shuffle is True else ("batch_size", size)
            raise SettingError(
                f"{name}={given} has no effect with {type(optimizer).__name__}, which takes all {n} examples "
                "in each step: leave it out"
            )
        return n, False
    if stateful and shuffle in (None, True):
        raise SettingError(
            "fit: a stateful layer goes on where the batch before stopped, so batches must keep their "
            "order: pass shuffle=False"
        )
    return size or BATCH, shuffle is None or (not stateful if shuffle is IF_POSSIBLE else shuffle)


def checked_pair(validation_data: Any, validation_split: float) -> None:
    """Raise if there are two answers to what to validate on."""
    if validation_data is not None and validation_split:
        raise SettingError(
            f"validation_split={validation_split:g} has no effect, as there are validation_data: give one "
            "of the two"
        )
