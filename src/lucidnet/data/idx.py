"""IDX files, the format of MNIST: a header of sizes, then the numbers, big end first.

The header is two zero bytes, a code for the type, the number of axes, and each size in four bytes
(Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section on file formats).
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..core.files import MOST_COMPRESSED, check_size, opened, reading
from ..errors import FileError

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
CHUNK = 1 << 18
"""The number of bytes read at a time."""
REMEDY = "get the file anew"
AXES = 64
"""The most axes of a NumPy array."""


def read_idx(
    path: str | os.PathLike[str],
    *,
    scale: float | None = None,
    sha256: str | None = None,
    max_bytes: int | None = None,
) -> npt.NDArray[np.generic]:
    """Return the array of an IDX file, which may be compressed with gzip.

    The file is read in small pieces straight into the result.

    Parameters
    ----------
    path : path
        The file.
    scale : float, optional
        If given, the result is float32, each number divided by it.
    sha256 : str, optional
        The expected SHA-256 of the uncompressed file, in hexadecimal.
    max_bytes : int, optional
        How many bytes the numbers may take.

    Raises
    ------
    FileError
        If the file is missing, damaged, too short or too long, or has another hash.
    """
    path = Path(path)
    digest = hashlib.sha256()
    with opened(path) as file, reading(path, "IDX", REMEDY):
        packed = path.suffix == ".gz"
        stream: Any = gzip.GzipFile(fileobj=file) if packed else file
        dtype, shape = _header(stream, digest, path)
        size, held = math.prod(shape), path.stat().st_size
        own = held if packed else held - stream.tell()
        _check_fits(path, size, dtype.itemsize, own, packed)
        check_size(path, size * dtype.itemsize, own, max_bytes, MOST_COMPRESSED)
        out = np.empty(size, np.float32 if scale else dtype.newbyteorder("="))
        filled = _fill(out, dtype, scale, _chunks(stream, digest), path)
    if filled != size:
        raise FileError(path, f"ends after {filled} of {size} numbers", REMEDY)
    if sha256 and digest.hexdigest() != sha256:
        raise FileError(path, "its content is not what was published (SHA-256 differs)", REMEDY)
    return out.reshape(shape)


def _check_fits(path: Path, size: int, width: int, held: int, packed: bool) -> None:
    """Raise unless a file can hold so many numbers: before anything of that size is allocated."""
    if size * width > held * MOST_COMPRESSED or (not packed and size * width != held):
        reason = f"its header promises {size} numbers, which its length does not fit"
        raise FileError(path, reason, REMEDY)


def _header(
    stream: BinaryIO, digest: hashlib._Hash, path: Path
) -> tuple[np.dtype[np.generic], tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES or not magic[3]:
        raise FileError(path, f"is not an IDX file (it begins with {magic!r})", REMEDY)
    if magic[3] > AXES:
        raise FileError(path, f"its header promises an array of {magic[3]} axes", REMEDY)
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise FileError(path, "ends in its header", REMEDY)
    digest.update(magic + sizes)
    shape = tuple(np.frombuffer(sizes, ">u4").tolist())
    if math.prod(filter(None, shape)) >= 2**56:  # even if another is 0
        raise FileError(path, f"its header promises an array of shape {shape}", REMEDY)
    return np.dtype(DTYPES[magic[2]]), shape


def _chunks(stream: BinaryIO, digest: hashlib._Hash) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        yield chunk


def _fill(
    out: npt.NDArray[np.generic],
    dtype: np.dtype[np.generic],
    scale: float | None,
    chunks: Iterator[bytes],
    path: Path,
) -> int:
    """Write the numbers into `out` piece by piece; return how many there were."""
    filled = 0
    for chunk in chunks:
        if len(chunk) % dtype.itemsize:
            raise FileError(path, "ends in the middle of a number", REMEDY)
        numbers = np.frombuffer(chunk, dtype)
        if filled + len(numbers) > len(out):
            raise FileError(path, "is longer than its header says", REMEDY)
        part = out[filled : filled + len(numbers)]
        part[:] = numbers
        if scale:
            part /= np.float32(scale)  # type: ignore[misc]
        filled += len(numbers)
    return filled
