"""The batches and the results of steps of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from ..backend.memory import sealed
from ..core.finite import check_some, first_bad
from ..core.numeric import numeric
from ..core.settings import shown
from ..core.trees import floats, mapped
from ..errors import SettingError


def alike(blocks: Sequence[Any]) -> list[list[Any]]:
    """Group neighbouring batches of the same form, as a program is for one form."""
    return [list(group) for _, group in groupby(blocks, _form)]


def _form(block: Any) -> Any:
    """Return the shapes and dtypes of a batch."""
    if isinstance(block, dict):
        return {name: _form(one) for name, one in block.items()}
    if isinstance(block, (tuple, list)):
        return tuple(map(_form, block))
    return None if block is None else (block.shape, block.dtype)


def numbers(batch: Any, dtype: str, copies: bool) -> Any:
    """Convert a batch to arrays that cannot be written; real numbers get the dtype of the models."""
    if type(batch) is np.ndarray and batch.dtype == dtype and batch.size:
        return sealed(batch.copy() if copies else batch)
    if isinstance(batch, list) and any(isinstance(part, (dict, tuple, np.ndarray)) for part in batch):
        batch = tuple(batch)
    if isinstance(batch, (dict, tuple)):
        parts = batch.items() if isinstance(batch, dict) else enumerate(batch)
        made = {name: numbers(part, dtype, copies) for name, part in parts}
        return made if isinstance(batch, dict) else tuple(made.values())
    if batch is None:
        return None
    made = numeric(batch, "OwnStep: a batch")
    check_some(made, "OwnStep: a batch")
    return mapped(lambda array: sealed(np.array(array) if copies else np.asarray(array)), floats(made, dtype))


def wrong_in(batch: Any, where: str = "") -> str:
    """Return the end of a message that names a number of a batch that is not finite; "" if all are."""
    if isinstance(batch, (dict, tuple)):
        parts = batch.items() if isinstance(batch, dict) else enumerate(batch)
        return next(filter(None, (wrong_in(part, f"{where}[{name!r}]") for name, part in parts)), "")
    if batch is None or batch.dtype.kind != "f" or np.isfinite(batch).all():
        return ""
    index = first_bad(batch)
    return f". The batch itself has {batch[index]:g} at {index}{f' of batch{where}' if where else ''}"


def as_arrays(told: Any) -> Any:
    """Check a step's result: tuples and dicts of numbers, arrays and None.

    Raises
    ------
    SettingError
        If it contains anything else, which would be lost in a program.
    """
    if isinstance(told, dict):
        return {name: as_arrays(one) for name, one in told.items()}
    if isinstance(told, (tuple, list)):
        return tuple(map(as_arrays, told))
    kind = getattr(getattr(told, "dtype", None), "kind", None)
    if told is None or isinstance(told, (bool, int, float)) or (kind is not None and kind in "biuf"):
        return told
    if kind == "V" and "float" in told.dtype.name:  # bfloat16 and its kin
        return told
    raise SettingError(
        f"OwnStep: the step returned {shown(told)}: what it tells must be numbers or arrays of numbers, or a "
        "tuple or dict of such"
    )
