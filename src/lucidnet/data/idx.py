"""IDX files, the format of MNIST: a header of sizes, then the numbers, big end first.

The header is two zero bytes, a code for the type, the number of axes, and each size in four bytes
(Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section on file formats).
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import FileError

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
CHUNK = 1 << 18
"""Bytes read at a time."""
MOST_COMPRESSED = 1032
"""The largest ratio that gzip's deflate can reach (https://zlib.net/zlib_tech.html)."""


def read_idx(
    path: str | os.PathLike[str], *, scale: float | None = None, sha256: str | None = None
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

    Raises
    ------
    FileError
        If the file is missing, damaged, too short or too long, or has another hash.
    """
    path = Path(path)
    digest = hashlib.sha256()
    try:
        with _open(path) as stream:
            dtype, shape = _header(stream, digest, path)
            size = math.prod(shape)
            if not _fits(path, stream.tell() + size * dtype.itemsize):
                raise FileError(f"{path}: its header promises {size} numbers, which its length does not fit")
            out = np.empty(size, np.float32 if scale else dtype.newbyteorder("="))
            filled = _fill(out, dtype, scale, _chunks(stream, digest), path)
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"{path}: cannot be read ({error}); get the file anew") from error
    if filled != size:
        raise FileError(f"{path}: ends after {filled} of {size} numbers; get the file anew")
    if sha256 and digest.hexdigest() != sha256:
        raise FileError(f"{path}: its content is not what was published (SHA-256 differs); get the file anew")
    return out.reshape(shape)


def _open(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _fits(path: Path, length: int) -> bool:
    """Tell whether a file can hold so many bytes: before anything of that size is allocated."""
    if path.suffix == ".gz":
        return length <= path.stat().st_size * MOST_COMPRESSED
    return length == path.stat().st_size


def _header(
    stream: BinaryIO, digest: hashlib._Hash, path: Path
) -> tuple[np.dtype[np.generic], tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES or not magic[3]:
        raise FileError(f"{path}: is not an IDX file (it begins with {magic!r})")
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise FileError(f"{path}: ends in its header; get the file anew")
    digest.update(magic + sizes)
    return np.dtype(DTYPES[magic[2]]), tuple(np.frombuffer(sizes, ">u4").tolist())


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
            raise FileError(f"{path}: ends in the middle of a number; get the file anew")
        numbers = np.frombuffer(chunk, dtype)
        if filled + len(numbers) > len(out):
            raise FileError(f"{path}: is longer than its header says; get the file anew")
        part = out[filled : filled + len(numbers)]
        part[:] = numbers
        if scale:
            part /= np.float32(scale)  # type: ignore[misc]
        filled += len(numbers)
    return filled
