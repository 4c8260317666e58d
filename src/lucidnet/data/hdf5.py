"""Arrays of HDF5 files, and of nothing else: HDF5 itself follows a file's word to any other file.

An external link names a data set of another file, a data set may keep its bytes in other files (external
storage), and a virtual one is assembled from those of others, with zeros for a missing file. Names are
therefore looked up here link by link, and a data set is inspected before it is read.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.files import MOST_COMPRESSED, check_size, opened, reading
from ..errors import ContentError, FileError, optional

Array = npt.NDArray[Any]

REMEDY = "write it anew with h5py, or get it anew"
TRUST = "if you trust the file, and it shall read those, pass external=True"
DEFLATE, SHUFFLE, FLETCHER, SZIP, NBIT, SCALE, LZF = 1, 2, 3, 4, 5, 6, 32000
FILTERS = (DEFLATE, SHUFFLE, FLETCHER, SZIP, NBIT, SCALE, LZF)
"""The filters built into HDF5 and h5py; for others HDF5 would look for a third-party plugin, and run it."""
LINKS = 16
"""The most links that may be followed in a row."""
UNWRITTEN = 10_000
"""The most chunks of a data set that may be missing; they read as zeros."""
SMALL = 1 << 17
"""The size in bytes of a chunk that may be unpacked before its unpacked size is known."""


@contextmanager
def arrays(path: str | PathLike[str], *, keep_open: bool = False) -> Iterator[Any]:
    """Open an HDF5 file; errors inside the context name it."""
    h5py = optional("h5py", "hdf5")
    with opened(path):  # not a pipe or folder
        pass
    with reading(path, "HDF5", REMEDY):
        file = h5py.File(path, "r")
        try:
            yield file
        except BaseException:
            file.close()
            raise
        if not keep_open:
            file.close()


def read_hdf5(
    path: Path, wanted: Sequence[str], max_bytes: int, external: bool
) -> tuple[dict[str, Array], list[str]]:
    """Read arrays from a file by name, as far as it has them; return them, and all names in the file.

    Raises
    ------
    FileError
        If one of them is damaged, too large, or lies elsewhere.
    """
    with arrays(path) as file:
        there = list(map(str, file))  # h5py returns bytes for names that are not text
        made: dict[str, Array] = {}
        left = max_bytes
        for name in wanted:
            if name.partition("/")[0] in there:
                made[name] = _numbers(dataset(path, file, name, external, left))
                left -= made[name].nbytes
        return made, there


MOST_NAMES, DEEPEST = 10_000, 4
"""The most data sets, and the deepest groups, that are searched for those wanted."""


def names(path: Path) -> list[str]:
    """Return the names of the data sets of a file, also of those in groups (``"train/x"``).

    Groups that a link leads to are not searched.
    """
    h5py = optional("h5py", "hdf5")
    found: list[str] = []

    def look(group: Any, prefix: str, depth: int) -> None:
        for name in map(str, group):
            if len(found) >= MOST_NAMES:
                return
            link = group.get(name, getlink=True) if group.id.links.exists(group._e(name)) else None
            kind = group.get(name, getclass=True) if isinstance(link, h5py.HardLink) else None
            if kind is h5py.Group and depth < DEEPEST and len(group[name]):
                look(group[name], f"{prefix}{name}/", depth + 1)
            else:
                found.append(prefix + name)

    with arrays(path) as file:
        look(file, "", 1)
    return found


def _numbers(found: Any) -> Array:
    made: Array = np.empty(found.shape, found.dtype)
    if made.size:
        found.read_direct(made)
    return made


def dataset(path: str | PathLike[str], file: Any, name: str, external: bool, max_bytes: int | None) -> Any:
    """Return the named data set if it is complete, not too large, and numeric, with its data in this file.

    Parameters
    ----------
    path : path
        The file's name, for messages.
    file : h5py.File
        The file.
    name : str
        The name; ``"group/x"`` is one of a group's.
    external : bool
        Whether it may lie in other files.
    max_bytes : int, optional
        How many bytes it may take.

    Raises
    ------
    FileError
        If it is not.
    ContentError
        If there is none of this name.
    """
    h5py = optional("h5py", "hdf5")
    place = name if external else _place(path, file, name)
    found = file[place]
    if not isinstance(found, h5py.Dataset):
        what = "a group" if isinstance(found, h5py.Group) else "no data set"
        raise ContentError(path, f"cannot be read as HDF5: {name!r} is {what}", "name an array of numbers")
    kind = found.dtype.kind
    if kind not in "biuf":
        raise ContentError(path, f"{name}: expected numbers, got dtype {found.dtype}", "write numbers there")
    _check_own(path, found, name, external)
    _check_whole(path, found, name, external, max_bytes)
    return found


def _place(path: str | PathLike[str], file: Any, name: str) -> str:
    """Resolve the links in an object's name; refuse links that lead to other files."""
    h5py = optional("h5py", "hdf5")
    parts, here = [part for part in name.split("/") if part not in ("", ".")], ""
    followed = 0
    while parts:
        part = parts.pop(0)
        group = file[here or "/"]
        if not isinstance(group, h5py.Group) or not group.id.links.exists(group._e(part)):
            reason = f"holds no array {name!r}; there are {sorted(map(str, file))[:20]}"
            raise ContentError(path, reason, "name one that is there")
        try:
            link = group.get(part, getlink=True)
        except TypeError:  # an unknown kind of link
            link = None
        if isinstance(link, h5py.HardLink):
            here = f"{here}/{part}"
            continue
        if not isinstance(link, h5py.SoftLink):
            where = f" to {link.filename!r}" if isinstance(link, h5py.ExternalLink) else ""
            raise FileError(path, f"{name!r} is a link{where}, another file", TRUST)
        followed += 1
        if followed > LINKS:
            raise FileError(path, f"the links of {name!r} lead in a circle, or through too many", REMEDY)
        aim = [step for step in link.path.split("/") if step not in ("", ".")]
        parts, here = [*aim, *parts], "" if link.path.startswith("/") else here
    return here or "/"


def _check_own(path: str | PathLike[str], found: Any, name: str, external: bool) -> None:
    """Raise if the data lie in other files, unless that is allowed; then those files must exist."""
    if found.is_virtual:
        others = [source.file_name for source in found.virtual_sources()]
    else:
        others = [str(other) for other, *_ in found.external or ()]
    if not others and not found.is_virtual:
        return
    if not external:
        kind = (
            "is put together from other data sets" if found.is_virtual else "has its numbers in other files"
        )
        listed = ", ".join(sorted(set(others))[:5])
        raise FileError(path, f"{name!r} {kind} ({listed})", TRUST)
    folder = Path(found.file.filename).parent
    missing = [other for other in others if other != "." and not (folder / other).is_file()]
    if missing:  # HDF5 would return zeros
        raise FileError(path, f"{name!r} needs {missing[0]!r}, which is not there", "put it beside this file")


def _check_whole(
    path: str | PathLike[str], found: Any, name: str, external: bool, max_bytes: int | None
) -> None:
    """Raise if a data set is larger than the file can hold, or larger than allowed."""
    held = Path(path).stat().st_size
    needed = math.prod(found.shape or (0,)) * found.dtype.itemsize
    if found.shape is None:
        raise ContentError(path, f"{name} is empty: it has no shape", "write numbers there")
    elsewhere = external and (found.is_virtual or bool(found.external))
    check_size(path, needed, max(held, needed) if elsewhere else held, max_bytes, MOST_COMPRESSED)
    if found.chunks is None:
        return
    pipeline = found.id.get_create_plist()
    used = [pipeline.get_filter(i)[0] for i in range(pipeline.get_nfilters())]
    if unknown := [number for number in used if number not in FILTERS]:
        raise FileError(path, f"{name!r} is packed by filter {unknown[0]}, which is not one of HDF5", REMEDY)
    chunk = math.prod(found.chunks) * found.dtype.itemsize
    check_size(path, chunk, held, max_bytes, MOST_COMPRESSED)
    grid = math.prod(-(-size // step) for size, step in zip(found.shape, found.chunks, strict=True))
    if grid > found.id.get_num_chunks() + UNWRITTEN:  # HDF5 needs a kilobyte for each
        raise FileError(path, f"most of the {grid:,} chunks of {name!r} were never written", REMEDY)
    _check_chunks(path, found, name, chunk, used)


def _check_chunks(path: str | PathLike[str], found: Any, name: str, chunk: int, used: list[int]) -> None:
    """Raise if a chunk lies beyond the file, or unpacks to more than it should.

    HDF5 allocates as many bytes as the file claims, and as many as unpacking yields.
    """
    held, large = Path(path).stat().st_size, []

    def look(info: Any) -> None:
        unpacked = DEFLATE in used and not info.filter_mask >> used.index(DEFLATE) & 1
        if info.size > (min(SMALL, held) if unpacked else held):
            large.append(info)

    found.id.chunk_iter(look)
    for info in large:
        if info.size > held:
            raise FileError(path, f"a chunk of {name!r} has {info.size:,} bytes, the file {held:,}", REMEDY)
        if any(number != FLETCHER for number in used[used.index(DEFLATE) + 1 :]):
            raise FileError(path, f"{name!r} is packed twice", REMEDY)
        _, data = found.id.read_direct_chunk(info.chunk_offset)
        if len(zlib.decompressobj().decompress(data, chunk + 1024)) > chunk + 512:
            raise FileError(path, f"a chunk of {name!r} unpacks to more than {chunk:,} bytes", REMEDY)
