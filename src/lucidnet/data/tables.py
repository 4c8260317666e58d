"""Examples from files: tables as text, NPZ, HDF5, IDX, folders of pictures."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.calls import takes
from ..core.files import opened
from ..core.settings import choice, count, flag, path_like
from ..core.text import Brief
from ..errors import ContentError, FileError, SettingError, UnknownNameError, lookup
from ..foreign import answering
from .column import TASKS, a_column
from .delimited import KINDS, MOST, checked_path, read_frame, suffixes
from .fitting import Words, fitted
from .frames import EXACT, Cells, Frame
from .idx import read_idx
from .others import other_suffix
from .picture import SUFFIXES, by_class, decoded, picture_size
from .table import Table
from .targets import decided, labels

Array = npt.NDArray[Any]

NAMES = ("x", "y", "x_test", "y_test")
ROOM = 1 << 16
"""Labels of images below this are numbers of classes."""
OTHERS = {
    "x": (
        "x_train",
        "train_x",
        "train_images",
        "train_data",
        "train_features",
        "data",
        "images",
        "features",
        "inputs",
    ),
    "y": (
        *("y_train", "train_y", "train_labels", "train_targets", "target", "targets", "labels", "label"),
        *("classes", "outputs"),
    ),
    "x_test": ("test_x", "test_images", "test_data", "test_features"),
    "y_test": ("test_y", "test_labels", "test_targets"),
}
"""Names used elsewhere for the arrays, in lower case; "_" joins a group and a name."""


@answering
@dataclass(frozen=True, repr=False)
class Examples(Brief):
    """What a file holds.

    Parameters
    ----------
    x, y : array (n, ...)
        Inputs in float32; targets in int64 (numbers of classes) or float32.
    x_test, y_test : array, optional
        A test part, where the file has one.
    classes : tuple of str, optional
        The names of the classes 0, 1, ...
    table : Table, optional
        The columns, if the file is a table; it converts other files in the same way.
    """

    x: Array
    y: Array
    x_test: Array | None = None
    y_test: Array | None = None
    classes: tuple[str, ...] | None = None
    table: Table | None = None

    def __iter__(self) -> Iterator[Any]:
        """Yield x and y; for a file with a test part, (x, y) and (x_test, y_test), as `load` returns them."""
        if self.x_test is None:
            return iter((self.x, self.y))
        return iter(((self.x, self.y), (self.x_test, self.y_test)))


@takes(
    path=path_like(),
    target=a_column(),
    task=choice(*TASKS, optional=True),
    max_bytes=count(1),
    external=flag(),
    size=picture_size(),
)
def read(
    path: str | os.PathLike[str],
    *,
    target: str | int = -1,
    task: str | None = None,
    max_bytes: int = MOST,
    external: bool = False,
    size: Sequence[int] | None = None,
) -> Examples:
    """Read examples from a file; its suffix says how.

    ==========================  ======================================================================
    .csv, .tsv, .txt, .data     a table as `frame` reads it, a row per example; one column is the target;
                                may end in .gz, .bz2, .xz or .zip
    .npz                        arrays ``x``, ``y`` and optionally ``x_test``, ``y_test``, also by other
                                usual names (``x_train``, ``X``, ``data`` and ``target``, ...)
    .h5, .hdf5                  data sets of such names, also in groups (needs h5py: ``pip install
                                'lucidnet[hdf5]'``)
    -images-idx3-ubyte          IDX images, with ``-labels-idx1-ubyte`` beside them; a dot may stand for
                                the dash before "idx"; may end in .gz
    a folder                    a folder of pictures for each class, as `pictures` reads them; or such
                                folders in ``train`` and in ``test``
    ==========================  ======================================================================

    Numbers are not rescaled (those of pictures are from 0 to 1). Targets that are classes (see `Table.fit`)
    become 0, 1, ..., and ``classes`` has their names; so do one-hot rows. Missing cells, dates and texts
    among the inputs are errors: `Table.fit` handles them. Nothing in a file is run, nothing but the file is
    read (for IDX images the labels, too), and the memory it needs is known before any is allocated.

    Parameters
    ----------
    path : path
        The file.
    target : str or int
        Of a table: the name or the index of the column with the target, by default the last.
    task : str, optional
        ``"classification"`` or ``"regression"``, if it is not to be guessed from the targets.
    max_bytes : int
        How many bytes the numbers may take, each as it lies in the file, or the text that they stand in.
    external : bool
        Whether data sets of HDF5 may lie in other files (external links, external storage, virtual data
        sets). Whoever wrote the file says which files those are.
    size : (int, int) or (int, int, int), optional
        Of pictures: the height and width that they are brought to, and the number of channels.

    Raises
    ------
    FileError
        If the file is missing, damaged, too large, or lies elsewhere; with file, reason and remedy.
    ContentError
        If its contents cannot be used, such as a cell that is not a number; names row and column. It is a
        `FileError`, and a `DataError`.
    UnknownNameError
        If the suffix is not that of a known kind of file, or no column has the target's name.
    SettingError
        If `target` or `size` would have no effect.
    """
    path = checked_path(path)
    kind, packed = suffixes(path)
    folder = os.path.isdir(path)
    arrays = folder or bool(re.search("[-.]idx", path.name)) or kind not in KINDS
    if target != -1 and arrays:
        raise SettingError(f"read: target has no effect, as {path.name} is no table: leave it out")
    if folder:
        return _read_pictures(path, task, size, max_bytes)
    with opened(path):
        pass
    if size is not None:
        raise SettingError(f"read: size has no effect, as {path.name} is no folder of pictures: leave it out")
    if re.search("[-.]idx", path.name):
        return _read_idx_pair(path, task, max_bytes)
    if kind in KINDS:
        return _read_table(path, KINDS[kind], target, task, max_bytes)
    if kind in SUFFIXES:
        remedy = "data.pictures(...) reads it; read takes a folder with a folder of pictures for each class"
        raise ContentError(path, "is a picture, without a target", remedy)
    if remark := other_suffix(kind):
        raise UnknownNameError(f"unknown kind of data file {kind!r}{remark}")
    tables = (".csv", ".tsv", ".txt")
    lookup("kind of data file", kind, dict.fromkeys(tables if packed else (*tables, ".npz", ".h5", ".hdf5")))
    return _read_arrays(path, task, max_bytes, external)


def _read_table(path: Path, usual: str, target: str | int, task: str | None, most: int) -> Examples:
    frame = read_frame(path, usual, most)
    made = fitted(frame, target, Words(task), alone=True)
    table = Table(**made)
    x, y = table.apply(frame)
    if y is None:
        raise ContentError(path, "has no target", "name the column")
    if len(y) > 1 and (y == y[0]).all():
        cells = frame.cells[str(table.target)]
        what = f"the target, column {table.target}, is {cells.text(0)[:100]!r} in all {len(y)} rows"
        advice = "there is nothing to learn from it; if another column is meant, give it as target"
        warnings.warn(f"{path}: {what}: {advice}", UserWarning, stacklevel=5)
    return Examples(x, y, classes=table.classes, table=table)


def _read_pictures(folder: Path, task: str | None, size: Any, most: int) -> Examples:
    if task == "regression":
        raise ContentError(folder, "holds pictures of classes, no numbers to predict", "leave task out")
    names, parts = by_class(folder)
    files = [file for part in parts for name in names for file in part.get(name, ())]
    x = decoded(files, size, most, folder)
    counts = [[len(part.get(name, ())) for name in names] for part in parts]
    y = np.concatenate([np.repeat(np.arange(len(names)), count) for count in counts])
    cut = sum(counts[0])
    x_test, y_test = (x[cut:], y[cut:]) if len(parts) > 1 else (None, None)
    return Examples(x[:cut], y[:cut], x_test, y_test, names)


def _read_idx_pair(path: Path, task: str | None, most: int) -> Examples:
    name = path.name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")
    labels = path.with_name(name)
    if labels == path:
        raise FileError(path, "holds the labels", "name the file of the images (...-images-idx3-ubyte)")
    if not labels.exists():  # one of them may be compressed, or written with the other separator
        plain = name.removesuffix(".gz")
        ways = (plain, plain.replace(".idx", "-idx"), plain.replace("-idx", ".idx"))
        others = (path.with_name(way + end) for way in ways for end in ("", ".gz"))
        labels = next((other for other in others if other.exists()), labels)
    x, y = read_idx(path, max_bytes=most), read_idx(labels, max_bytes=most)
    if len(x) != len(y):
        reason = f"holds {len(x)} images, but {labels.name} holds {len(y)} labels"
        raise ContentError(path, reason, "use files that belong together")
    made = _whole(y, path, "the labels")
    classes = None
    if task != "regression" and made.ndim == 1 and len(made) and made.min() >= 0 and made.max() < ROOM:
        kinds = np.unique(made)
        # Labels are class numbers; only if they count from 1 is there none for 0.
        first = int(kinds[0] == 1 and len(kinds) == kinds[-1])
        made, classes = made - first, tuple(map(str, range(first, int(kinds[-1]) + 1)))
    return Examples(_inputs(x, path, "the images"), made, classes=classes)


def _read_arrays(path: Path, task: str | None, most: int, external: bool) -> Examples:
    """Read the arrays of an NPZ or HDF5 file."""
    if path.suffix.lower() == ".npz":
        from .npz import names, read_npz

        chosen = _chosen(names(path), path)
        found, _ = read_npz(path, tuple(chosen.values()), most)
    else:
        from .hdf5 import names, read_hdf5

        chosen = _chosen(names(path), path)
        found, _ = read_hdf5(path, tuple(chosen.values()), most, external)
    arrays = {ours: found[theirs] for ours, theirs in chosen.items()}
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise ContentError(path, "x_test and y_test come together, found only one of them", "write both")
    x, y = _pair(arrays, path, "", chosen)
    parts: tuple[Any, Any] = _pair(arrays, path, "_test", chosen) if "x_test" in arrays else (None, None)
    y, y_test, classes = _as_targets(y, parts[1], path, task)
    return Examples(x, y, parts[0], y_test, classes)


def _chosen(there: Sequence[str], path: Path) -> dict[str, str]:
    """Return the names in a file that stand for inputs and targets."""
    parts = {name: name.lower().split("/") for name in there}
    words = {name: "_".join(part) for name, part in parts.items() if not {"", ".", ".."} & set(part)}
    chosen: dict[str, str] = {}
    for ours in NAMES:
        exact = [name for name in there if name == ours]
        ways = [[name for name in words if words[name] == word] for word in (ours, *OTHERS[ours])]
        inner = [name for name in words if parts[name][-1] in (ours, *OTHERS[ours])]
        for found in (exact, *ways, inner):
            left = [name for name in found if name not in chosen.values()]
            if len(left) > 1 and not exact:
                listed = ", ".join(left[:10])
                raise ContentError(path, f"which array is {ours}? found {listed}", f"call one of them {ours}")
            if left:
                chosen[ours] = left[0]
                break
    if {"x", "y"} - set(chosen):
        found_there = ", ".join(sorted(there)[:20]) or "nothing"
        reason = f"expected arrays x and y (and x_test, y_test), found {found_there}"
        raise ContentError(path, reason, "write them with these names")
    return chosen


def _pair(
    arrays: Mapping[str, Array], path: Path, part: str, called: Mapping[str, str]
) -> tuple[Array, Array]:
    """Inputs in float32; targets in int64 if they are whole numbers by type."""
    for name in (f"x{part}", f"y{part}"):
        array, their = arrays[name], called[name]
        if array.dtype.kind not in "biuf":
            raise ContentError(path, f"{their}: expected numbers, got dtype {array.dtype}", "write numbers")
        if array.ndim == 0:
            raise ContentError(
                path, f"{their}: expected a row per example, got a single number", "write rows"
            )
    x, y = arrays[f"x{part}"], arrays[f"y{part}"]
    if len(x) != len(y):
        reason = f"{called[f'x{part}']} has {len(x)} rows, but {called[f'y{part}']} has {len(y)}"
        raise ContentError(path, reason, "write a row of each for each example")
    if y.ndim == 2 and y.shape[1] == 1 and y.dtype.kind in "biu":
        y = y[:, 0]
    made = _whole(y, path, called[f"y{part}"]) if y.dtype.kind in "biu" else y
    return _inputs(x, path, called[f"x{part}"]), made


def _as_targets(
    y: Array, y_test: Array | None, path: Path, task: str | None
) -> tuple[Array, Array | None, tuple[str, ...] | None]:
    """Return targets as a table would: class numbers (int64) with class names, or numbers.

    Whole numbers for each time step or place are left unchanged: what they stand for is not known.
    """
    parts = [y] if y_test is None else [y, y_test]
    if task != "regression" and all(_one_hot(part) for part in parts):
        width = y.shape[1]
        if any(part.shape[1] != width for part in parts):
            raise ContentError(path, "the parts have different numbers of classes", "write as many columns")
        made = [part.argmax(1).astype(np.int64) for part in parts]
        return made[0], made[1] if y_test is not None else None, tuple(map(str, range(width)))
    if any(part.ndim != 1 or not len(part) for part in parts):
        truths = all(part.dtype.kind in "biu" and part.ndim == 2 and _truths(part) for part in parts)
        made = [
            part if part.dtype.kind in "biu" and not truths else _inputs(part, path, "the targets")
            for part in parts
        ]
        return made[0], made[1] if y_test is not None else None, None
    together = np.concatenate(parts)
    numbers, classes = together.astype(np.float64), None
    large = together.dtype.kind in "iu" and bool(((together > EXACT) | (numbers < -EXACT)).any())
    cells = Cells(numbers, None, {}, exact=(0, str(together.max())) if large else None)
    frame = Frame((), (), str(path))
    if np.isfinite(numbers).all():
        _, classes = decided(cells, frame, "y", task, alone=True)
    if classes is None:
        made = [_inputs(part.astype(np.float64), path, "the targets") for part in parts]
    else:
        split = labels(cells, frame, "y", classes)
        made = [split[: len(y)], split[len(y) :]]
    return made[0], made[1] if y_test is not None else None, classes


def _one_hot(y: Array) -> bool:
    """Tell whether the rows of targets are one-hot."""
    return bool(y.ndim == 2 and y.shape[1] > 1 and len(y) and _truths(y) and (y.sum(1) == 1).all())


def _truths(y: Array) -> bool:
    return bool(((y == 0) | (y == 1)).all())


def _inputs(array: Array, path: Path, name: str) -> Array:
    """Convert numbers to float32; raise if one becomes infinite by that."""
    with np.errstate(over="ignore"):
        made = array.astype(np.float32, copy=False)
    if array.dtype.itemsize > 4 and array.dtype.kind == "f":
        lost = np.isinf(made) & np.isfinite(array)
        if lost.any():
            reason = f"{name}: {array[lost][0]:g} is too large for float32"
            raise ContentError(path, reason, "rescale the numbers")
    return made


def _whole(array: Array, path: Path, name: str) -> Array:
    """Convert whole numbers to int64."""
    if array.dtype.kind not in "biu" or (array.dtype == np.uint64 and (array >= 2**63).any()):
        raise ContentError(path, f"{name}: expected whole numbers below 2**63", "write such numbers")
    return array.astype(np.int64, copy=False)
