"""Examples from files: IDX, CSV, NPZ, HDF5."""

from __future__ import annotations

import csv
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.calls import takes
from ..core.settings import path_like, setting, whole
from ..errors import DataError, FileError, lookup, optional
from .idx import read_idx

Array = npt.NDArray[Any]

# What zipfile, zlib and NumPy raise on damaged files, and on files of another kind.
UNREADABLE = (
    OSError, EOFError, ValueError, TypeError, AttributeError, KeyError, NotImplementedError, RuntimeError,
    SyntaxError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """What a file holds.

    Parameters
    ----------
    x, y : array (n, ...)
        Inputs in float32; targets in int64 (labels) or float32.
    x_test, y_test : array, optional
        A test part, where the file has one.
    classes : tuple of str, optional
        The names of the labels 0, 1, ..., where the file gives text.
    """

    x: Array
    y: Array
    x_test: Array | None = None
    y_test: Array | None = None
    classes: tuple[str, ...] | None = None


def _as_target(given: Any, owner: Any) -> str | int:
    if isinstance(given, str):
        return str(given)
    number: int = whole(None).metadata["check"].convert(given, owner)
    return number


@takes(path=path_like(), target=setting("the name of a column, or its number", _as_target))
def read(path: str | os.PathLike[str], *, target: str | int = -1) -> Table:
    """Read examples from a file; its suffix says how.

    ==================  ==============================================================================
    .csv, .tsv          a row per example; a header line is detected; one column is the target
    .npz                arrays ``x``, ``y`` and optionally ``x_test``, ``y_test``
    .h5, .hdf5          data sets of the same names (needs h5py: ``pip install 'lucidnet[hdf5]'``)
    -images-idx3-ubyte  IDX images, with ``-labels-idx1-ubyte`` beside them; may end in .gz
    ==================  ==============================================================================

    Numbers are taken as they are, not rescaled.

    Parameters
    ----------
    path : path
        The file.
    target : str or int
        For CSV: the name or the index of the column with the target, by default the last.

    Raises
    ------
    FileError
        If the file is missing or damaged, or its kind is not known.
    DataError
        If a cell is not a number; names row and column.
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(f"{path}: there is no such file")
    if "-idx" in path.name:
        return _read_idx_pair(path)
    readers: dict[str, Callable[[Path], Table]] = {
        ".csv": lambda file: _read_csv(file, ",", target),
        ".tsv": lambda file: _read_csv(file, "\t", target),
        ".npz": _read_npz,
        ".h5": _read_hdf5,
        ".hdf5": _read_hdf5,
    }
    return lookup("kind of data file", path.suffix.lower(), readers)(path)


def _read_idx_pair(path: Path) -> Table:
    labels = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    if labels == path:
        raise FileError(
            f"{path}: name the file of the images (...-images-idx3-ubyte), not that of the labels"
        )
    x, y = read_idx(path), read_idx(labels)
    if len(x) != len(y):
        raise FileError(f"{path}: holds {len(x)} images, but {labels.name} holds {len(y)} labels")
    return Table(x.astype(np.float32), y.astype(np.int64))


def _read_npz(path: Path) -> Table:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return _from_arrays({name: arrays[name] for name in arrays.files}, path)
    except DataError:
        raise
    except UNREADABLE as error:
        raise FileError(f"{path}: cannot be read as NPZ ({error}); write it anew with numpy.savez") from error


def _read_hdf5(path: Path) -> Table:
    h5py = optional("h5py", "hdf5")
    try:
        with h5py.File(path, "r") as file:
            names = [name for name in ("x", "y", "x_test", "y_test") if name in file]
            return _from_arrays({name: file[name][()] for name in names}, path)
    except (OSError, TypeError, AttributeError) as error:  # the latter two: not an array
        raise FileError(f"{path}: cannot be read as HDF5 ({error})") from error


def _from_arrays(arrays: Mapping[str, Array], path: Path) -> Table:
    missing = {"x", "y"} - set(arrays)
    if missing:
        found = ", ".join(sorted(arrays)) or "nothing"
        raise FileError(f"{path}: expected arrays x and y (and x_test, y_test), found {found}")
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise FileError(f"{path}: x_test and y_test come together, found only one of them")
    x, y = _plain(arrays["x"], "x"), _plain(arrays["y"], "y")
    _check_lengths(x, y, path, "x", "y")
    if "x_test" not in arrays:
        return Table(x, y)
    x_test, y_test = _plain(arrays["x_test"], "x_test"), _plain(arrays["y_test"], "y_test")
    _check_lengths(x_test, y_test, path, "x_test", "y_test")
    return Table(x, y, x_test, y_test)


def _check_lengths(x: Array, y: Array, path: Path, x_name: str, y_name: str) -> None:
    if len(x) != len(y):
        raise DataError(f"{path}: {x_name} has {len(x)} rows, but {y_name} has {len(y)}")


def _plain(array: Array, name: str) -> Array:
    """Inputs in float32; targets in int64 if they are whole numbers by type."""
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name}: expected numbers, got dtype {array.dtype}")
    if array.ndim == 0:
        raise DataError(f"{name}: expected a row per example, got a single number")
    whole = name.startswith("y") and array.dtype.kind in "biu"
    return array.astype(np.int64 if whole else np.float32, copy=False)


def _read_csv(path: Path, delimiter: str, target: str | int) -> Table:
    header, rows = _csv_rows(path, delimiter)
    names = header or [str(i) for i in range(len(rows[0][1]))]
    if len(names) < 2:
        raise DataError(f"{path}: expected one column for the target and others for the inputs, found one")
    column = _column(target, header, len(names), path)
    x = np.empty((len(rows), len(names) - 1), np.float32)
    for i, (line, row) in enumerate(rows):
        if len(row) != len(names):
            raise DataError(f"{path}: row {line} has {len(row)} cells, expected {len(names)}")
        cells = [(name, cell) for k, (name, cell) in enumerate(zip(names, row, strict=True)) if k != column]
        x[i] = [_number(cell, line, name, path) for name, cell in cells]
    return Table(x, **_targets([row[column] for _, row in rows]))


def _csv_rows(path: Path, delimiter: str) -> tuple[list[str] | None, list[tuple[int, list[str]]]]:
    """Return the header, if the first line has no number in it, and the other lines with their numbers."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, delimiter=delimiter)
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path}: cannot be read as CSV ({error})") from error
    header = rows.pop(0)[1] if rows and not any(_is_number(cell) for cell in rows[0][1]) else None
    if not rows:
        raise FileError(f"{path}: has no rows with numbers")
    return header, rows


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, row: int, column: str, path: Path) -> float:
    if not _is_number(cell):
        raise DataError(f"{path}: row {row}, column {column}: expected a number, got {cell!r}")
    return float(cell)


def _column(target: str | int, header: list[str] | None, width: int, path: Path) -> int:
    if isinstance(target, int):
        if not -width <= target < width:
            raise DataError(f"{path}: there is no column {target}, the file has {width}")
        return target % width
    if header is None:
        raise DataError(f"{path}: has no header line, so the target must be given by index, not {target!r}")
    return lookup("column", target, {name: i for i, name in enumerate(header)})


def _targets(cells: list[str]) -> dict[str, Any]:
    """Whole numbers become labels, other numbers float32, text labels in the order of the names."""
    if all(_is_number(cell) for cell in cells):
        numbers = np.array([float(cell) for cell in cells])
        whole = np.isfinite(numbers).all() and (numbers == np.round(numbers)).all()
        return {"y": numbers.astype(np.int64 if whole else np.float32)}
    classes, y = np.unique(np.array([cell.strip() for cell in cells]), return_inverse=True)
    return {"y": y.astype(np.int64), "classes": tuple(classes.tolist())}
