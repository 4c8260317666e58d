"""Arrays from NPZ files: only those asked for, with sizes known before memory is allocated.

An NPZ file is a ZIP file of NPY files, and an NPY file is a header, a literal of Python, and the numbers
(https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). `numpy.load` makes an array of what
the header says, reads whatever it is told to, and takes of two members with one name the last.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.files import MOST_COMPRESSED, check_size, opened, reading
from ..errors import FileError

Array = npt.NDArray[Any]

REMEDY = "write it anew with numpy.savez"
HEADERS = {1: 2, 2: 4}
"""The bytes that hold the header's length, by version; version 3 differs only in names of fields."""
LONGEST = 10_000
"""The longest header, as in NumPy (`max_header_size`)."""
AXES = 64
"""The most axes of a NumPy array."""
DTYPE = re.compile(r"[<>|=]?([biufcSUOVmM?])\d*(\[\w+\])?")
"""The dtypes of arrays without fields."""
ITEM = re.compile(
    r"""\s*(['"])(descr|fortran_order|shape)\1\s*:\s*(?:(['"])([^'"]*)\3|(True|False)|\(([\dL,\s]*)\))\s*(?:,|$)"""
)
"""A header entry: a text, a bool or a tuple of whole numbers, even as Python 2 wrote them (3L)."""
WAYS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The compression methods of `numpy.savez`; others set no bound on what a small file may hold."""
PIECE = 1 << 20


class Header(NamedTuple):
    """The header of an NPY array."""

    dtype: np.dtype[Any]
    columns_first: bool
    shape: tuple[int, ...]
    length: int

    @property
    def bytes(self) -> int:
        """The size of the array's data in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npz(path: Path, wanted: Sequence[str], max_bytes: int) -> tuple[dict[str, Array], list[str]]:
    """Return some arrays of a file by name, where it has them, and the names of all.

    Raises
    ------
    FileError
        If one of them is damaged, packed in a strange way, or too large.
    """
    with opened(path) as file, reading(path, "NPZ", REMEDY), zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [member.filename.removesuffix(".npy") for member in members]
        made: dict[str, Array] = {}
        left = max_bytes
        for name in wanted:
            found = [member for member, known in zip(members, names, strict=True) if known == name]
            if len(found) > 1:
                raise FileError(path, f"has {len(found)} arrays named {name!r}", REMEDY)
            if found:
                made[name] = _member(path, archive, found[0], left)
                left -= made[name].nbytes
        return made, names


def names(path: Path) -> list[str]:
    """Return the names of the arrays in a file."""
    with opened(path) as file, reading(path, "NPZ", REMEDY), zipfile.ZipFile(file) as archive:
        return list(dict.fromkeys(member.filename.removesuffix(".npy") for member in archive.infolist()))


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int) -> Array:
    """Read an array of the archive; its size and checksum must be as stated."""
    if member.compress_type not in WAYS:
        raise FileError(path, f"{member.filename} is packed in a way that NumPy does not use", REMEDY)
    with archive.open(member) as stream:
        header = _header(path, member.filename, stream)
        if header.length + header.bytes != member.file_size:
            reason = f"{member.filename} has {member.file_size:,} bytes, and describes {header.bytes:,}"
            raise FileError(path, reason, REMEDY)
        check_size(path, header.bytes, path.stat().st_size, max_bytes, MOST_COMPRESSED)
        flat = np.empty(math.prod(header.shape), header.dtype)
        if header.dtype.itemsize:
            _fill(path, member.filename, stream, flat.view("u1").data if flat.size else memoryview(b""))
    if header.columns_first:
        return flat.reshape(header.shape[::-1]).T
    return flat.reshape(header.shape)


def _fill(path: Path, name: str, stream: Any, room: memoryview) -> None:
    begin = 0
    while begin < len(room):
        piece = stream.read(min(PIECE, len(room) - begin))
        if not piece:
            raise FileError(path, f"{name} ends after {begin:,} of {len(room):,} bytes", REMEDY)
        room[begin : begin + len(piece)] = piece
        begin += len(piece)
    if stream.read(1):  # the checksum is compared at its end
        raise FileError(path, f"{name} is longer than it says", REMEDY)


def _header(path: Path, name: str, stream: BinaryIO | Any) -> Header:
    """Parse the header of an NPY file; no code is run, and only numeric and text dtypes are accepted."""
    magic = stream.read(8)
    if len(magic) < 8 or magic[:6] != b"\x93NUMPY" or magic[6] not in HEADERS:
        raise FileError(path, f"{name} is no NPY file of version 1 or 2 (it begins with {magic!r})", REMEDY)
    width = HEADERS[magic[6]]
    length = int.from_bytes(stream.read(width), "little")
    if length > LONGEST:
        raise FileError(path, f"the header of {name} has {length:,} bytes", REMEDY)
    text = stream.read(length)
    if len(text) < length:
        raise FileError(path, f"{name} ends in its header", REMEDY)
    return Header(*_described(path, name, text.decode("latin1")), 8 + width + length)


def _described(path: Path, name: str, text: str) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    kind, order, shape = _entries(path, name, text)
    if not DTYPE.fullmatch(kind):
        raise FileError(path, f"{name} is no array of numbers, but of {kind!r}", REMEDY)
    dtype = np.dtype(kind)
    if dtype.hasobject:
        raise FileError(path, f"cannot be read as NPZ: {name} holds pickled objects", REMEDY)
    if len(shape) > AXES or math.prod(filter(None, shape)) >= 2**56:  # even if another is 0
        raise FileError(path, f"{name} has {len(shape)} axes, and the shape {shape}", REMEDY)
    return dtype, order, shape


def _entries(path: Path, name: str, text: str) -> tuple[str, bool, tuple[int, ...]]:
    """Parse dtype, order and shape in a header; each must occur once, and nothing else may."""
    inner = text.strip().removeprefix("{").removesuffix("}").rstrip()
    found: dict[str, Any] = {}
    at = 0
    while (entry := ITEM.match(inner, at)) and entry[2] not in found:
        found[entry[2]] = entry[4] if entry[3] else entry[5] == "True" if entry[5] else entry[6]
        at = entry.end()
    kind, order, shape = (found.get(key) for key in ("descr", "fortran_order", "shape"))
    if at < len(inner) or not (type(kind) is str and type(order) is bool and type(shape) is str):
        raise FileError(path, f"the header of {name} makes no sense: {text[:200]!r}", REMEDY)
    return kind, order, tuple(int(size.strip().rstrip("L")) for size in shape.split(",") if size.strip())
