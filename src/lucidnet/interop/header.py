"""The header of a safetensors file, fully checked before any array is allocated."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import FileError
from ..foreign.networks import of_file

DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
"""The array dtypes, as named by safetensors and by NumPy."""

LONGEST = 100_000_000
AXES = 64
"""The most axes of a NumPy array."""
DAMAGED = "the file is damaged; use a copy of it, or save the model anew"


class TensorSlot(NamedTuple):
    """Where an array's bytes lie, counted from the end of the header, with its dtype and shape."""

    begin: int
    stop: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


def read_header(path: Path, file: BinaryIO) -> tuple[dict[str, Any], int]:
    """Read the JSON header of a file; return it with the number of bytes that follow."""
    rest = os.fstat(file.fileno()).st_size - 8
    length = int.from_bytes(file.read(8), "little")
    if length > min(rest, LONGEST):
        other = "name a model that save has written (.safetensors); a command takes it before the data"
        remedy = DAMAGED if path.suffix.lower() in (".safetensors", "") else of_file(path.suffix) or other
        raise FileError(path, "is not a safetensors file, or ends too early", remedy)
    try:
        return dict(parsed(file.read(length).decode()).items()), rest - length
    except (ValueError, AttributeError, RecursionError) as error:
        raise FileError(path, f"its header makes no sense ({error})", DAMAGED) from error


def parsed(text: str) -> Any:
    """Parse JSON; an object with a repeated name is an error.

    If a name occurs twice, some programs take the first and some the last: what one has checked, another
    would not use.

    Raises
    ------
    ValueError
        If the text is no JSON, or a name is there twice.
    """
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"the name {name!r} stands there twice")
        made[name] = value
    return made


def check_slots(path: Path, header: Mapping[str, Any], size: int) -> dict[str, TensorSlot]:
    """Return the slot of each array; raise unless they fill the file without gap or overlap."""
    try:
        slots = {name: _slot(entry) for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise FileError(path, f"its header makes no sense ({error})", DAMAGED) from error
    end = 0
    for begin, stop in sorted(slot[:2] for slot in slots.values()):
        if begin != end:
            raise FileError(path, "its arrays do not lie side by side", DAMAGED)
        end = stop
    if end != size:
        raise FileError(path, f"holds {size} bytes of arrays, expected {end}", DAMAGED)
    return slots


def _slot(entry: Mapping[str, Any]) -> TensorSlot:
    """Return the slot of an array; raise if it disagrees with its dtype and shape."""
    dtype, shape, (begin, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if dtype not in DTYPES:
        raise ValueError(f"type {dtype!r} is not one of {', '.join(DTYPES)}")
    if len(shape) > AXES:
        raise ValueError(f"there is no array of {len(shape)} axes")
    if not all(type(size) is int and size >= 0 for size in (*shape, begin, stop)):
        raise ValueError(f"shape {shape} or offsets {begin!r}, {stop!r} are not whole numbers of 0 or more")
    if math.prod(filter(None, shape)) >= 2**60:  # even if another is 0
        raise ValueError(f"there is no array of shape {shape}")
    slot = TensorSlot(begin, stop, np.dtype(DTYPES[dtype]), tuple(shape))
    if stop - begin != math.prod(shape) * slot.dtype.itemsize:
        raise ValueError(f"{stop - begin} bytes do not hold {dtype} of shape {shape}")
    return slot
