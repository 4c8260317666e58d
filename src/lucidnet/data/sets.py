"""Data sets by name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.calls import takes
from ..core.settings import between, flag, path_like, whole
from ..errors import DataError, UnknownNameError, nearest, suggestion
from . import generate
from .fetch import Download, locate
from .idx import read_idx
from .prepare import parted
from .tables import read

Part = tuple[npt.NDArray[Any], npt.NDArray[Any]]
Parts = tuple[Part, Part]

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)

MNIST = Download(
    "mnist",
    dict(
        zip(
            FILES,
            (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
            strict=True,
        )
    ),
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)

FASHION_MNIST = Download(
    "fashion-mnist",
    dict(
        zip(
            FILES,
            (
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
            strict=True,
        )
    ),
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
)


@takes(
    name=path_like(),
    images=flag(),
    folder=path_like(optional=True),
    test_split=between(0, 1, optional=True),
    seed=whole(0, optional=True),
)
def load(
    name: str | os.PathLike[str],
    *,
    images: bool = False,
    folder: str | os.PathLike[str] | None = None,
    test_split: float | None = None,
    seed: int | None = None,
) -> Parts:
    """Return ``(x, y), (x_test, y_test)`` of a data set, by its name or from a file.

    Parameters
    ----------
    name : str or path
        "digits" (ships with the package), "mnist", "fashion-mnist", "cifar-10"; "xor", "spirals", "moons",
        "circles", "gaussians" (generated); or the path of a file that `read` understands.
    images : bool
        Whether examples are images (height, width, channels) in place of flat rows.
    folder : path, optional
        Where folders of data sets lie; by default the environment variable ``LUCIDNET_DATA``.
    test_split : float, optional
        Share of the examples for testing, 0.2 if not given; an error where the data set has a test part of
        its own.
    seed : int, optional
        Seed of that split, and of generated sets, 0 if not given; an error like that of `test_split`.

    Returns
    -------
    (x, y), (x_test, y_test)
        Inputs in float32, one flat row per example, images scaled to [0, 1] (numbers of files are not
        scaled); labels in int64, or whatever targets a file has.

    Raises
    ------
    UnknownNameError
        If there is neither a data set nor a file of this name.
    FileError
        If a file is damaged, or a download fails.
    DataError
        If `folder` or a split would have no effect, or the split would leave an empty part.

    Examples
    --------
    >>> (x, y), (x_test, y_test) = load("digits")
    >>> x.shape, x.dtype, y.shape, x_test.shape
    ((1438, 64), dtype('float32'), (1438,), (359, 64))
    """
    key = str(name)
    split = Split(key, test_split, seed)
    if folder is not None and KNOWN.get(key) not in FETCHED:
        raise DataError(
            f"load: folder has no effect, as {key!r} is no data set of a folder: those are "
            f"{', '.join(name for name, found in KNOWN.items() if found in FETCHED)}"
        )
    if key in KNOWN:
        parts = KNOWN[key](folder=folder, split=split)
    elif os.path.exists(name):
        parts = _from_file(name, split)
    else:
        raise UnknownNameError(f"unknown data set {key!r}, and no such file: {_nearest(Path(key))}")
    return _shaped(parts, images)


class Split(NamedTuple):
    """The split of a data set that was asked for: the share for testing, and the seed; None if not given."""

    name: str
    share: float | None
    seed: int | None

    def of(self, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> Parts:
        """Split examples, stratified by integer labels."""
        train, test = stratified(y, 0.2 if self.share is None else self.share, self.seed or 0)
        return (x[train], y[train]), (x[test], y[test])

    def refuse(self) -> None:
        """Raise if something was asked for, as the data set has a test part of its own."""
        given = [
            argument for argument, one in (("test_split", self.share), ("seed", self.seed)) if one is not None
        ]
        if given:
            raise DataError(
                f"load: {given[0]} has no effect, as {self.name!r} has a test part of its own; for another "
                "split join the two parts, and take lucidnet.data.split(x, y, test=...)"
            )


def _nearest(path: Path) -> str:
    """Return a hint at the data set, or the file of the same folder, that was probably meant."""
    if re.match(r"[A-Za-z][\w+.-]+:/", str(path)):
        return "it is an address: download it first"
    if str(path) == "-":
        return "standard input is read by evaluate and predict: write it into a file"
    if not path.suffix:
        return suggestion(str(path), KNOWN)
    try:
        beside = [one.name for one in path.parent.iterdir() if one.suffix == path.suffix]
    except OSError:
        return f"nor is there a folder {str(path.parent)!r}"
    near = nearest(path.name, beside)
    return f"did you mean {str(path.parent / near)!r}?" if near else "look for a mistake in its name"


def _shaped(parts: Parts, images: bool) -> Parts:
    """Reshape examples to flat rows, or to images with a channel axis."""
    (x, y), (x_test, y_test) = parts
    if images and x.ndim == 2:
        raise DataError("images=True: these data are rows of numbers, not images")

    def shape(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if images:
            return x[..., None] if x.ndim == 3 else x
        return x.reshape(len(x), -1)

    return (shape(x), y), (shape(x_test), y_test)


def _digits(split: Split, **options: Any) -> Parts:
    """Return the digits, which have no test part of their own."""
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as arrays:
        return split.of(arrays["x"].astype(np.float32) / np.float32(16), arrays["y"].astype(np.int64))


def _idx(source: Download, folder: Any, split: Split) -> Parts:
    """Return a data set of four IDX files."""
    split.refuse()

    def get(file: str, scale: float | None = None) -> npt.NDArray[Any]:
        return read_idx(locate(source, file, folder), scale=scale, sha256=source.files[file])

    x, y, x_test, y_test = (get(file, 255.0 if "images" in file else None) for file in FILES)
    return (x, y.astype(np.int64)), (x_test, y_test.astype(np.int64))


def _cifar(folder: Any, split: Split) -> Parts:
    split.refuse()
    from .cifar import read_cifar

    return read_cifar(folder)


def _generated(make: Callable[..., generate.Examples], split: Split, **options: Any) -> Parts:
    return split.of(*make(n=1000, seed=split.seed or 0))


def _from_file(path: str | os.PathLike[str], split: Split) -> Parts:
    table = read(path)
    if table.x_test is not None and table.y_test is not None:
        split.refuse()
        return (table.x, table.y), (table.x_test, table.y_test)
    return split.of(table.x, table.y)


def stratified(
    y: npt.NDArray[Any], fraction: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the shuffled rows for training and testing, stratified by integer labels (n,)."""
    count = round(len(y) * fraction)
    if not 0 < count < len(y):
        raise DataError(f"test_split={fraction:g} of {len(y)} examples leaves an empty part")
    return parted(y if y.ndim == 1 and y.dtype.kind in "iu" else None, len(y), count, seed)


KNOWN: dict[str, Callable[..., Parts]] = {
    "digits": _digits,
    "mnist": partial(_idx, MNIST),
    "fashion-mnist": partial(_idx, FASHION_MNIST),
    "cifar-10": _cifar,
    "xor": partial(_generated, generate.xor),
    "spirals": partial(_generated, generate.spirals),
    "moons": partial(_generated, generate.moons),
    "circles": partial(_generated, generate.circles),
    "gaussians": partial(_generated, generate.gaussians),
}
FETCHED = tuple(KNOWN[name] for name in ("mnist", "fashion-mnist", "cifar-10"))
"""The readers of data sets that lie in folders; each has a test part of its own."""
