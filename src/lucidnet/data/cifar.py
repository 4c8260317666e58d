"""CIFAR-10 files in their binary form: a label and a picture, one after the other.

A. Krizhevsky, "Learning multiple layers of features from tiny images" (2009); the files are described
on its page, https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version". That for Python is not read:
it is a pickle, which can run anything.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..core.files import opened, reading
from ..errors import FileError
from .fetch import FOLDER_VARIABLE, Download, locate
from .idx import CHUNK, REMEDY

SHAPE = (3, 32, 32)
"""Channels, rows, columns: the order in the files."""
RECORD = 1 + 3 * 32 * 32
MOST = 10_000
"""The number of pictures in a file."""
ARCHIVE = "cifar-10-binary.tar.gz"
INSIDE = "cifar-10-batches-bin"
"""The folder inside the archive."""
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

SHA256 = {
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
"""The hash of each file in the archive."""


def check_archive(path: str | os.PathLike[str], sha256: str) -> None:
    """Raise unless a file has this SHA-256."""
    digest = hashlib.sha256()
    with opened(Path(path)) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        raise FileError(path, "its content is not what was published (SHA-256 differs)", REMEDY)


CIFAR_10 = Download(
    "cifar-10",
    {ARCHIVE: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
    (
        "https://www.cs.toronto.edu/~kriz/",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
    ),
    check_archive,
)

Records = npt.NDArray[np.uint8]
"""The bytes of a file (n, 3073): a label, then the picture, channel by channel."""
Part = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


def read_cifar(folder: str | os.PathLike[str] | None = None) -> tuple[Part, Part]:
    """Return the training and the test part: pictures (n, 32, 32, 3) from 0 to 1, and their labels (n,).

    The six files, or the archive as it was published, are looked for in the folder ``cifar-10`` of `folder`
    (as it was unpacked, too), then in the cache, then at the mirrors. Each file is checked by its SHA-256.
    """
    given = folder or os.environ.get(FOLDER_VARIABLE)
    if given:
        own = Path(given) / CIFAR_10.name
        for place in (own, own / INSIDE, Path(given) / INSIDE):
            if os.path.exists(place / TRAIN[0]):
                return _joined({name: _from_file(place / name) for name in SHA256})
    archive = locate(CIFAR_10, ARCHIVE, folder)
    check_archive(archive, CIFAR_10.files[ARCHIVE])  # so that the unpacking code gets nothing else
    return _joined(_from_archive(archive))


def _joined(records: dict[str, Records]) -> tuple[Part, Part]:
    train = [records[name] for name in TRAIN]
    return as_part(train), as_part([records[name] for name in TEST])


def as_part(records: list[Records]) -> Part:
    """Return the pictures (n, 32, 32, 3), from 0 to 1, and the labels (n,) of several files."""
    x = np.empty((sum(map(len, records)), *SHAPE[1:], SHAPE[0]), np.float32)
    done = 0
    for one in records:  # one after the other, so that little is in memory twice
        part = x[done : done + len(one)]
        part[:] = one[:, 1:].reshape(-1, *SHAPE).transpose(0, 2, 3, 1)
        part /= np.float32(255)
        done += len(one)
    return x, np.concatenate([one[:, 0] for one in records]).astype(np.int64)


def _from_file(path: Path) -> Records:
    with opened(path) as file, reading(path, "CIFAR-10", REMEDY):
        return read_batch(file, path, path.stat().st_size, SHA256[path.name])


def _from_archive(archive: Path) -> dict[str, Records]:
    """Read the files in an archive into memory, writing nothing to disk."""
    import tarfile

    found: dict[str, Records] = {}
    with (
        opened(archive) as file,
        reading(archive, "tar", REMEDY),
        tarfile.open(fileobj=file, mode="r|gz") as tar,
    ):
        for member in tar:
            name = os.path.basename(member.name)
            if name in SHA256 and member.isreg():
                stream: Any = tar.extractfile(member)
                found[name] = read_batch(stream, archive / member.name, member.size, SHA256[name])
    if missing := sorted(SHA256.keys() - found.keys()):
        raise FileError(archive, f"lacks {', '.join(missing)}", REMEDY)
    return found


def read_batch(stream: BinaryIO, path: Path, size: int, sha256: str | None = None) -> Records:
    """Return the records (n, 3073) of a file.

    Parameters
    ----------
    stream : binary file
        Where it is read from.
    path : Path
        What it is called in errors.
    size : int
        How many bytes it has.
    sha256 : str, optional
        Its SHA-256, if that is known.

    Raises
    ------
    FileError
        If the file has another size or content than such files have.
    """
    if not size or size % RECORD or size > MOST * RECORD:
        reason = f"has {size:,} bytes: expected {RECORD:,} for each picture, and {MOST:,} pictures at most"
        raise FileError(path, reason, REMEDY)
    content = stream.read(size)
    if len(content) != size:
        raise FileError(path, f"ends after {len(content):,} of {size:,} bytes", REMEDY)
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise FileError(path, "its content is not what was published (SHA-256 differs)", REMEDY)
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    if (label := records[:, 0].max()) >= len(CLASSES):
        raise FileError(path, f"has the label {label}: expected 0 to {len(CLASSES) - 1}", REMEDY)
    return records
