"""The forms in which training data may be given, and which arguments go with each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from ..core.finite import BLOCK
from ..core.settings import count, shown, taken
from ..errors import DataError, FileError, SettingError, ShapeError

T = TypeVar("T")


def validation(given: Any) -> dict[str, Any]:
    """Return validation data by name: x, and where given y, sample_weight and mask.

    Parameters
    ----------
    given : (x, y), (x, y, sample_weight), dict or data set
        The object given.

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
"""Arguments that go with arrays only, and what to do instead with a data set."""


def with_arrays(
    class_weight: Any = None,
    optimizer: Any = None,
    dataset: Any = None,
    batch_size: int | None = None,
    shuffle: Any = None,
    sample_weight: Any = None,
    mask: Any = None,
    validation_split: float = 0.0,
) -> None:
    """Raise if an argument has no effect on batches that come from a data set or file.

    Parameters
    ----------
    class_weight : optional
        Weights of classes: a dict of them is used.
    optimizer : Optimizer, optional
        What makes the steps, if the batches are to train on.
    dataset : Dataset, optional
        The data set; None for arrays in a file.
    batch_size, shuffle, sample_weight, mask, validation_split : optional
        Other arguments that belong to arrays only.
    """
    if dataset is not None and getattr(optimizer, "full_batch", False) and dataset.length != 1:
        raise SettingError(
            f"{type(optimizer).__name__} takes all examples in each step, and a data set gives them in "
            "batches: give arrays, or a data set of one batch"
        )
    given = {"batch_size": batch_size, "shuffle": None if shuffle is IF_POSSIBLE else shuffle}
    given |= {"sample_weight": sample_weight, "validation_split": validation_split or None, "mask": mask}
    for name, value in given.items():
        if value is not None:
            stored = "arrays in a file have no masks; load them, x[:]"
            where = stored if dataset is None else OF_BATCHES[name]
            raise SettingError(f"{name}: goes with arrays in memory; {where}; got {shown(value)}")
    if isinstance(class_weight, str):
        whose = "arrays in a file" if dataset is None else "a data set"
        raise SettingError(
            f"class_weight={class_weight!r}: the classes of {whose} are not counted before the training; "
            "pass a dict with a weight for each class"
        )


BATCH = 32
"""The default batch size."""
IF_POSSIBLE: Any = object()
"""Stands for shuffling in each epoch, where the network allows it."""


def order_of(problem: Any, n: int, batch_size: int | None, shuffle: Any) -> tuple[int, bool]:
    """Return the batch size, and whether each epoch is shuffled.

    Parameters
    ----------
    problem : Problem
        The problem to train, with its settings.
    n : int
        How many examples there are.
    batch_size, shuffle : optional
        As they were given, None if not.

    Raises
    ------
    SettingError
        If one of them cannot be followed.
    """
    optimizer, stateful = problem.optimizer, bool(problem.layout.stateful)
    size = None if batch_size is None else taken("batches", "batch_size", batch_size, count(1))
    if optimizer.full_batch:
        if (size or n) < n:
            raise SettingError(
                f"batch_size={size} has no effect with {type(optimizer).__name__}, which takes all {n} "
                "examples in each step: leave it out"
            )
        return n, False
    if stateful and shuffle in (None, True):
        raise SettingError(
            "fit: a stateful layer goes on where the batch before stopped, so batches must keep their "
            "order: pass shuffle=False"
        )
    return size or BATCH, shuffle is None or (not stateful if shuffle is IF_POSSIBLE else shuffle)


def check_accumulate(optimizer: Any, accumulate: int) -> None:
    """Raise if gradients are to be accumulated with an optimizer that uses all examples in each step."""
    if optimizer.full_batch and accumulate > 1:
        raise SettingError(
            f"accumulate={accumulate} has no effect with {type(optimizer).__name__}, which takes all "
            "examples in each step: leave it out"
        )


def to_validate(measured: Callable[..., T], validation_data: Any, validation_split: float) -> T | None:
    """Apply a function to validation data given by name; None if there are none.

    Errors in them are reported under the name ``validation_data``; giving validation data twice is an error,
    too.
    """
    if validation_data is None:
        return None
    if validation_split:
        raise SettingError(
            f"validation_split={validation_split:g} has no effect, as there are validation_data: give one "
            "of the two"
        )
    given = validation(validation_data)
    try:
        return measured(**given)
    except FileError:  # which names its own file
        raise
    except (DataError, ShapeError) as error:
        raise type(error)(f"validation_data: {error}") from None


def check_names(x: Any, shapes: Mapping[str, Any], name: str) -> None:
    """Raise `DataError` if inputs are not a dict of the inputs that there are."""
    if not isinstance(x, Mapping) or x.keys() != shapes.keys():
        got = f"the names {sorted(map(str, x))}" if isinstance(x, Mapping) else type(x).__name__
        raise DataError(f"{name}: expected a dict with the inputs {sorted(shapes)}, got {got}")


def mask_error(mask: Any, x: Any, name: str) -> ShapeError:
    """Return the error of a mask that is none of the time steps of inputs (n, time, ...)."""
    n, time = x.shape[:2]
    return ShapeError(
        f"{name}: expected {(n, time)}, true or false (1 or 0) for each time step, or {(n,)}, the "
        f"whole-number length of each sequence, got {mask.dtype} of shape {mask.shape}"
        f"{'' if mask.shape != (n, time) else ' with other values'}"
        f"{'; a size of batches is given by name, batch_size=' if mask.ndim == 0 else ''}"
    )


HUGE = 1e9
"""The size from which numbers are fillers, whose square, or the square of that, may be infinite."""


def unfilled(x: Any, mask: Any) -> Any:
    """Return inputs without odd numbers in time steps that do not count: there are zeros instead.

    They change no result, but what is huge may become infinite before it is multiplied by 0, NaN stays NaN,
    and a whole number may be none of an embedding's.

    Parameters
    ----------
    x : array (n, time, ...), or several by name
        The inputs.
    mask : array (n, time) of bool, or several by name, optional
        Which time steps count.

    Examples
    --------
    >>> unfilled(np.array([[[1.0], [1e20]]]), np.array([[True, False]])).tolist()
    [[[1.0], [0.0]]]
    """
    if isinstance(x, dict):
        return {name: unfilled(array, (mask or {}).get(name)) for name, array in x.items()}
    if mask is None or x.dtype.kind not in "iuf" or not x.size:
        return x
    rows, most = max(1, BLOCK // x[0].size), HUGE if x.dtype.kind == "f" else 0
    found = any(
        not (np.abs(x[start : start + rows][~mask[start : start + rows]]) <= most).all()
        for start in range(0, len(x), rows)
    )
    return np.where(mask.reshape(*mask.shape, *(1,) * (x.ndim - 2)), x, x.dtype.type(0)) if found else x
