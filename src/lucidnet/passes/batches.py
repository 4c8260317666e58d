"""The batches and the results of steps of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from ..backend.memory import sealed
from ..core.finite import check_some, first_bad, in_precision, not_finite
from ..core.numeric import numeric
from ..core.settings import shown
from ..core.trees import there
from ..errors import DataError, SettingError

SAFE = 1e76
"""A sum of squares up to which all numbers are finite in float32."""


def alike(blocks: Sequence[Any]) -> list[list[Any]]:
    """Group neighbouring batches of the same form, as a program is for one form."""
    return [list(group) for _, group in groupby(blocks, form_of)]


def form_of(block: Any) -> Any:
    """Return the shapes and dtypes of a batch."""
    if isinstance(block, dict):
        return tuple((name, form_of(one)) for name, one in block.items())
    if isinstance(block, (tuple, list)):
        return tuple(map(form_of, block))
    return None if block is None else (block.shape, block.dtype)


def numbers(batch: Any, dtype: str, copies: bool, name: str = "a batch") -> Any:
    """Convert a batch to arrays that cannot be written; real numbers get the dtype of the models."""
    if type(batch) is np.ndarray and batch.dtype == dtype and batch.size:
        return sealed(batch.copy() if copies else batch)
    if isinstance(batch, list) and any(
        isinstance(one, (dict, tuple)) or hasattr(one, "shape") for one in batch
    ):
        batch = tuple(batch)
    if isinstance(batch, tuple):
        return tuple([numbers(part, dtype, copies, name) for part in batch])
    if isinstance(batch, dict):
        return {each: numbers(part, dtype, copies, name) for each, part in batch.items()}
    if batch is None:
        return None
    given = numeric(batch, f"OwnStep: {name}")
    check_some(given, f"OwnStep: {name}")
    kind = there(given.dtype, dtype)
    if given.dtype == kind:
        return sealed(given.copy() if copies else given)
    if float(np.vdot(given, given)) < SAFE:
        return sealed(given.astype(kind))
    made = in_precision(given, kind)
    if (lost := np.isfinite(given) & ~np.isfinite(made)).any():
        index = first_bad(np.where(lost, np.nan, 0))
        raise DataError(not_finite(given[index], index, f"OwnStep: {name}", dtype))
    return sealed(made)


def check_whole(batch: Any, number: int) -> None:
    """Raise if whole numbers are too large for programs in float32, where they have 32 bits."""
    if isinstance(batch, (dict, tuple)):
        for part in batch.values() if isinstance(batch, dict) else batch:
            check_whole(part, number)
    elif batch is not None and batch.dtype.kind in "iu" and batch.itemsize > 4:
        least, most = (np.iinfo(f"{batch.dtype.kind}4").min, np.iinfo(f"{batch.dtype.kind}4").max)
        if (wrong := (batch < least) | (batch > most)).any():
            index = first_bad(np.where(wrong, np.nan, 0))
            raise DataError(
                f"OwnStep: batch {number} holds {batch[index]} at index {index}: in a program of JAX whole "
                f"numbers have 32 bits, up to {most}; take dtype='float64', where they have 64"
            )


def wrong_in(batch: Any, where: str = "") -> str:
    """Return the end of a message that names a number of a batch that is not finite; "" if all are."""
    if isinstance(batch, (dict, tuple)):
        parts = batch.items() if isinstance(batch, dict) else enumerate(batch)
        return next(filter(None, (wrong_in(part, f"{where}[{name!r}]") for name, part in parts)), "")
    if batch is None or batch.dtype.kind != "f" or np.isfinite(batch).all():
        return ""
    index = first_bad(batch)
    return f". The batch itself has {batch[index]:g} at {index}{f' of batch{where}' if where else ''}"


def in_order(told: Any, form: Any) -> Any:
    """Return what a program tells with its names in the order in which the step gave them, not sorted."""
    if isinstance(told, dict):
        return {name: in_order(told[name], inner) for name, inner in form.items()}
    return tuple(map(in_order, told, form)) if isinstance(told, tuple) else told


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
