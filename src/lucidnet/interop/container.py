"""Named arrays and a description in one safetensors file, verified by hash.

The format: eight bytes with the length of the header, a header in JSON that gives each array's type,
shape and place, then the arrays' bytes. In the header's metadata, under "lucidnet", stand the version
of this layout, a SHA-256 of description and arrays, and the description, all as JSON. The header is
checked here before anything is allocated; the safetensors library does the writing and reading itself.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import atomic
from ..backend import Array
from ..errors import FileError

VERSION = 1
"""The version of the layout that this code writes; it reads all up to it."""

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BOOL": "|b1"}
LONGEST_HEADER = 100_000_000
DAMAGED = "the file is damaged; use a copy of it, or save the model anew"


def write(path: str | os.PathLike[str], tensors: Mapping[str, Array], description: Any) -> None:
    """Write arrays by name, and a description that JSON can hold, to a file; see `atomic.write`."""
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    text = json.dumps(description, ensure_ascii=False)
    ours = {"version": VERSION, "sha256": fingerprint(text, arrays), "description": text}
    # A single entry: the library writes several in no fixed order, and equal models make equal files.
    atomic.write(path, [save(arrays, {"lucidnet": json.dumps(ours, ensure_ascii=False)})])


def read(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Array]]:
    """Return the description and the arrays of a file that `write` wrote.

    Raises
    ------
    FileError
        If the file is missing, damaged, of a newer version, or not one of lucidnet's.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = Path(path)
    data = _bytes(path)
    text, sha256 = _metadata(path, check_header(path, data))
    try:
        arrays = load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise FileError(f"{path}: {error}; {DAMAGED}") from error
    if fingerprint(text, arrays) != sha256:
        raise FileError(f"{path}: its content does not match its SHA-256; {DAMAGED}")
    return json.loads(text), arrays


def fingerprint(text: str, arrays: Mapping[str, Array]) -> str:
    """Return the SHA-256 of a description and of arrays: names, types, shapes and bytes, by name."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).data if array.size else b"")
    return digest.hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise FileError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise FileError(f"{path}: is a folder; name a file in it") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error


def check_header(path: Path, data: bytes) -> dict[str, Any]:
    """Return the header of a safetensors file, if it fits the file in every respect."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(len(data) - 8, LONGEST_HEADER):
        raise FileError(f"{path}: is not a safetensors file, or ends too early; {DAMAGED}")
    try:
        header = json.loads(data[8 : 8 + length].decode())
        places = sorted(_place(entry) for name, entry in header.items() if name != "__metadata__")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise FileError(f"{path}: its header makes no sense ({error}); {DAMAGED}") from error
    end = 0
    for begin, stop in places:
        if begin != end:
            raise FileError(f"{path}: its arrays do not lie side by side; {DAMAGED}")
        end = stop
    if end != len(data) - 8 - length:
        raise FileError(f"{path}: holds {len(data) - 8 - length} bytes of arrays, expected {end}; {DAMAGED}")
    return dict(header)


def _place(entry: Mapping[str, Any]) -> tuple[int, int]:
    """Return where an array begins and ends, if that agrees with its type and shape."""
    dtype, shape, (begin, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if dtype not in DTYPES:
        raise ValueError(f"type {dtype!r} is not one of {', '.join(DTYPES)}")
    if not all(type(size) is int and size >= 0 for size in (*shape, begin)):
        raise ValueError(f"shape {shape} or offset {begin!r} is not made of whole numbers of 0 or more")
    if stop - begin != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
        raise ValueError(f"{stop - begin} bytes do not hold {dtype} of shape {shape}")
    return begin, stop


def _metadata(path: Path, header: Mapping[str, Any]) -> tuple[str, str]:
    """Return description and hash."""
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or "lucidnet" not in metadata:
        raise FileError(
            f"{path}: was not written by lucidnet; its arrays can be read with safetensors.numpy.load_file "
            "and set with model.set_weights"
        )
    try:
        ours = json.loads(metadata["lucidnet"])
        version, text, sha256 = ours["version"], str(ours["description"]), str(ours["sha256"])
    except (ValueError, TypeError, KeyError) as error:
        raise FileError(f"{path}: its metadata makes no sense ({error}); {DAMAGED}") from error
    if version != VERSION:
        raise FileError(
            f"{path}: has version {version!r}, this lucidnet reads version {VERSION}: "
            "install a newer lucidnet"
        )
    return text, sha256
