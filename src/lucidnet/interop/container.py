"""Named arrays and a description in one safetensors file, verified by hash.

The format: eight bytes with the length of the header, a header in JSON that gives each array's type,
shape and place, then the arrays' bytes. In the header's metadata, under "lucidnet", stand the version
of this layout, a SHA-256 of description and arrays, and the description, all as JSON. The safetensors
library does the writing; reading is done here, into one block of memory of which the arrays are views.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Array
from ..core import files as atomic
from ..errors import FileError
from .header import DAMAGED, DTYPES, TensorSlot, check_slots, parsed, read_header

VERSION = 1
"""The version of the layout that this code writes and reads."""


def write(path: str | os.PathLike[str], tensors: Mapping[str, Array], description: Any) -> None:
    """Write named arrays and a JSON description to a file, atomically.

    Raises
    ------
    FileError
        If an array or the description is of a kind that `read` could not bring back, or the file
        cannot be written; what was there before is still there.
    """
    from safetensors import SafetensorError

    try:
        data = _encode(tensors, description)
    except (SafetensorError, TypeError, ValueError, RecursionError) as error:
        what = "a model file holds arrays of numbers, and numbers, texts, lists and dicts that describe them"
        raise FileError(path, f"was not written: {error}", what) from error
    atomic.write(path, [data])


def _encode(tensors: Mapping[str, Array], description: Any) -> bytes:
    from safetensors.numpy import save

    arrays = {name: _plain(name, array) for name, array in tensors.items()}
    text = json.dumps(description, ensure_ascii=False)
    ours = {"version": VERSION, "sha256": fingerprint(text, arrays), "description": text}
    # A single entry: the library writes several in no fixed order, and equal models should make equal files.
    return bytes(save(arrays, {"lucidnet": json.dumps(ours, ensure_ascii=False)}))


def _plain(name: str, array: Array) -> Array:
    """Return an array as the file holds it: contiguous and little-endian, in its own shape."""
    array = np.asarray(array)
    dtype = array.dtype.newbyteorder("<")
    if name == "__metadata__" or dtype.str not in DTYPES.values():
        raise TypeError(f"array {name!r} has a type or name that has no place in the format: {array.dtype}")
    return np.asarray(array, dtype, order="C")


def read(path: str | os.PathLike[str], max_bytes: int | None = None) -> tuple[Any, dict[str, Array]]:
    """Return the description and the arrays of a file that `write` wrote.

    Raises
    ------
    FileError
        If the file is missing, damaged, too large, of a newer version, or not one of lucidnet's.
    """
    return _read(Path(path), False, max_bytes)


def read_any(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Array]]:
    """Read the arrays of any safetensors file, and the description if `write` wrote it (else None).

    Raises
    ------
    FileError
        As for `read`, but that other programs' files are fine.
    """
    return _read(Path(path), True)


def _read(path: Path, others: bool, max_bytes: int | None = None) -> tuple[Any, dict[str, Array]]:
    with atomic.opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        atomic.check_size(path, size, size, max_bytes)
        header, size = read_header(path, file)
        metadata = header.get("__metadata__")
        foreign = others and not (isinstance(metadata, dict) and "lucidnet" in metadata)
        text, sha256 = ("null", "") if foreign else _metadata(path, header)
        slots = check_slots(path, header, size)
        data = np.zeros(size, "u1")
        file.readinto(data.data)
    arrays = {name: _view(data, slot) for name, slot in slots.items()}
    try:
        if not foreign and fingerprint(text, arrays) != sha256:
            raise FileError(path, "its content does not match its SHA-256", DAMAGED)
        return parsed(text), arrays
    except (ValueError, RecursionError) as error:
        raise FileError(path, f"its description makes no sense ({error})", DAMAGED) from error


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the description alone, without verifying its hash; {} if it is no dict.

    Raises
    ------
    FileError
        As for `read`.
    """
    path = Path(path)
    with atomic.opened(path) as file:
        text, _ = _metadata(path, read_header(path, file)[0])
    try:
        found = parsed(text)
    except (ValueError, RecursionError) as error:
        raise FileError(path, f"its description makes no sense ({error})", DAMAGED) from error
    return found if isinstance(found, dict) else {}


def _view(data: Array, slot: TensorSlot) -> Array:
    return data[slot.begin : slot.stop].view(slot.dtype).reshape(slot.shape)


def fingerprint(text: str, arrays: Mapping[str, Array]) -> str:
    """Return the SHA-256 of a description and of arrays: their names, dtypes, shapes and bytes."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        # Not repr: which letters that escapes depends on the version of Python.
        digest.update(ascii((name, array.dtype.str, array.shape)).encode())
        digest.update(array.reshape(-1).data if array.size else b"")
    return digest.hexdigest()


def _metadata(path: Path, header: Mapping[str, Any]) -> tuple[str, str]:
    """Return the description and its hash."""
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or "lucidnet" not in metadata:
        remedy = "its arrays can be read with safetensors.numpy.load_file and set with model.load_weights"
        raise FileError(path, "was not written by lucidnet", remedy)
    try:
        ours = parsed(metadata["lucidnet"])
        version, text, sha256 = int(ours["version"]), str(ours["description"]), str(ours["sha256"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise FileError(path, f"its metadata makes no sense ({error})", DAMAGED) from error
    if version > VERSION:
        reason = f"has version {version}, this lucidnet reads version {VERSION}"
        raise FileError(path, reason, "install a newer lucidnet")
    if version != VERSION:
        raise FileError(path, f"has version {version}, which never was", DAMAGED)
    return text, sha256
