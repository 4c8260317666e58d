"""Examples from files: IDX, CSV, NPZ, HDF5."""

from __future__ import annotations

import csv
import gzip
import io
import os
import warnings
from array import array as numbers_array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.calls import takes
from ..core.files import check_size, opened, path_fault, reading
from ..core.settings import count, flag, path_like, setting, whole
from ..core.text import Brief
from ..errors import ContentError, FileError, lookup
from .idx import read_idx
from .table import Table

Array = npt.NDArray[Any]

NAMES = ("x", "y", "x_test", "y_test")
MOST = 1 << 30
"""How many bytes the numbers of a file may take, if nobody says otherwise."""
LONGEST = 1 << 22
"""How many characters a row of a CSV file may have: its cells are texts, which take 50 bytes each."""
EXACT = 1 << 53
"""Up to this float64 has all whole numbers."""


@dataclass(frozen=True, repr=False)
class Examples(Brief):
    """What a file holds.

    Parameters
    ----------
    x, y : array (n, ...)
        Inputs in float32; targets in int64 (labels) or float32.
    x_test, y_test : array, optional
        A test part, where the file has one.
    classes : tuple of str, optional
        The names of the labels 0, 1, ...
    table : Table, optional
        The columns, where the file has such.
    """

    x: Array
    y: Array
    x_test: Array | None = None
    y_test: Array | None = None
    classes: tuple[str, ...] | None = None
    table: Table | None = None


def _as_target(given: Any, owner: Any) -> str | int:
    if isinstance(given, str):
        return str(given)
    number: int = whole(None).metadata["check"].convert(given, owner)
    return number


@takes(
    path=path_like(),
    target=setting("the name of a column, or its number", _as_target),
    max_bytes=count(1),
    external=flag(),
)
def read(
    path: str | os.PathLike[str], *, target: str | int = -1, max_bytes: int = MOST, external: bool = False
) -> Examples:
    """Read examples from a file; its suffix says how.

    ==================  ==============================================================================
    .csv, .tsv          a row per example; a header line is detected; one column is the target;
                        may end in .gz
    .npz                arrays ``x``, ``y`` and optionally ``x_test``, ``y_test``
    .h5, .hdf5          data sets of the same names (needs h5py: ``pip install 'lucidnet[hdf5]'``)
    -images-idx3-ubyte  IDX images, with ``-labels-idx1-ubyte`` beside them; may end in .gz
    ==================  ==============================================================================

    Numbers are taken as they are, not rescaled. Nothing in a file is run, nothing but the file is read (of
    IDX images the labels, too), and how much memory it takes is known before it is taken.

    Parameters
    ----------
    path : path
        The file.
    target : str or int
        For CSV: the name or the index of the column with the target, by default the last.
    max_bytes : int
        How many bytes the numbers may take, each as it lies in the file, or the text that they stand in.
    external : bool
        Whether data sets of HDF5 may lie in other files (external links, external storage, virtual data
        sets). Whoever wrote the file says which files those are.

    Raises
    ------
    FileError
        If the file is missing, damaged, too large, or lies elsewhere; with file, reason and remedy.
    ContentError
        If what is in it cannot be used, as a cell that is not a number; names row and column. It is a
        `FileError`, and a `DataError`.
    UnknownNameError
        If the suffix stands for no kind of file, or no column is named as the target.
    """
    path = Path(path)
    if fault := path_fault(path):
        raise FileError(repr(str(path)), fault, "look for a mistake in it")
    with opened(path):
        pass
    if "-idx" in path.name:
        return _read_idx_pair(path, max_bytes)
    kind = path.with_suffix("").suffix if path.suffix.lower() == ".gz" else path.suffix
    known = {".csv": ",", ".tsv": "\t"}
    if path.suffix.lower() != ".gz":
        known |= {".npz": "", ".h5": "", ".hdf5": ""}
    delimiter = lookup("kind of data file", kind.lower(), known)
    if delimiter:
        return _read_csv(path, delimiter, target, max_bytes)
    return _read_arrays(path, max_bytes, external)


def _read_idx_pair(path: Path, most: int) -> Examples:
    labels = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    if labels == path:
        raise FileError(path, "holds the labels", "name the file of the images (...-images-idx3-ubyte)")
    x, y = read_idx(path, max_bytes=most), read_idx(labels, max_bytes=most)
    if len(x) != len(y):
        reason = f"holds {len(x)} images, but {labels.name} holds {len(y)} labels"
        raise ContentError(path, reason, "use files that belong together")
    return Examples(_inputs(x, path, "the images"), _whole(y, path, "the labels"))


def _read_arrays(path: Path, most: int, external: bool) -> Examples:
    """Return the arrays of an NPZ or HDF5 file."""
    if path.suffix.lower() == ".npz":
        from .npz import read_npz

        arrays, there = read_npz(path, NAMES, most)
    else:
        from .hdf5 import read_hdf5

        arrays, there = read_hdf5(path, NAMES, most, external)
    if {"x", "y"} - set(arrays):
        found = ", ".join(sorted(there)[:20]) or "nothing"
        reason = f"expected arrays x and y (and x_test, y_test), found {found}"
        raise ContentError(path, reason, "write them with these names")
    if ("x_test" in arrays) != ("y_test" in arrays):
        raise ContentError(path, "x_test and y_test come together, found only one of them", "write both")
    x, y = _pair(arrays, path, "")
    return Examples(x, y, *_pair(arrays, path, "_test")) if "x_test" in arrays else Table(x, y)


def _pair(arrays: Mapping[str, Array], path: Path, part: str) -> tuple[Array, Array]:
    """Inputs in float32; targets in int64 if they are whole numbers by type."""
    for name in (f"x{part}", f"y{part}"):
        array = arrays[name]
        if array.dtype.kind not in "biuf":
            raise ContentError(path, f"{name}: expected numbers, got dtype {array.dtype}", "write numbers")
        if array.ndim == 0:
            raise ContentError(path, f"{name}: expected a row per example, got a single number", "write rows")
    x, y = arrays[f"x{part}"], arrays[f"y{part}"]
    if len(x) != len(y):
        reason = f"x{part} has {len(x)} rows, but y{part} has {len(y)}"
        raise ContentError(path, reason, "write a row of each for each example")
    targets = _whole if y.dtype.kind in "biu" else _inputs
    return _inputs(x, path, f"x{part}"), targets(y, path, f"y{part}")


def _inputs(array: Array, path: Path, name: str) -> Array:
    """Return numbers in float32, none of which becomes infinite by that."""
    with np.errstate(over="ignore"):
        made = array.astype(np.float32, copy=False)
    if array.dtype.itemsize > 4 and array.dtype.kind == "f":
        lost = np.isinf(made) & np.isfinite(array)
        if lost.any():
            reason = f"{name}: {array[lost][0]:g} is too large for float32"
            raise ContentError(path, reason, "rescale the numbers")
    return made


def _whole(array: Array, path: Path, name: str) -> Array:
    """Return whole numbers in int64."""
    if array.dtype.kind not in "biu" or (array.dtype == np.uint64 and (array >= 2**63).any()):
        raise ContentError(path, f"{name}: expected whole numbers below 2**63", "write such numbers")
    return array.astype(np.int64, copy=False)


def _read_csv(path: Path, delimiter: str, target: str | int, most: int) -> Examples:
    rows = _csv_rows(path, delimiter, most)
    first = next(rows, None)
    header = first[1] if first and not any(_is_number(cell) for cell in first[1]) else None
    if header is not None:
        first = next(rows, None)
    if first is None:
        raise ContentError(path, "has no rows with numbers", "write a row for each example")
    names = header or [str(i) for i in range(len(first[1]))]
    if len(names) < 2:
        reason = "expected one column for the target and others for the inputs, found one"
        raise ContentError(path, reason, "is another sign between the columns?")
    column = _column(target, header, len(names), path)
    x, targets, lines = numbers_array("f"), [], numbers_array("q")
    same: dict[str, str] = {}
    for line, row in (one for part in ([first], rows) for one in part):
        if len(row) != len(names):
            reason = f"row {line} has {len(row)} cells, expected {len(names)}"
            raise ContentError(path, reason, "write a cell for each column")
        if not row[column].strip():
            raise ContentError(path, *_missing(line, column, names))
        targets.append(same.setdefault(row[column], row[column]))  # labels are few: each is kept once
        lines.append(line)
        del row[column]
        x.extend(_cells(row, line, column, names, path))
        check_size(path, 4 * len(x), 4 * len(x), most)
    made = _targets(targets, path, lines)
    if len(same) == 1 < len(targets):
        what = (
            f"the target, column {names[column]}, is {targets[0].strip()[:100]!r} in all {len(targets)} rows"
        )
        advice = "there is nothing to learn from it; if another column is meant, give it as target"
        warnings.warn(f"{path}: {what}: {advice}", UserWarning, stacklevel=5)
    return Examples(np.frombuffer(x, np.float32).reshape(-1, len(names) - 1), **made)


def _missing(line: int, column: int, names: list[str]) -> tuple[str, str]:
    """Say that a row has no target, and what to do."""
    reason = f"row {line}: the target is missing: column {names[column] or column} is empty"
    remedy = "write it there, or leave out the row"
    if column == len(names) - 1:
        remedy += "; where each line ends in a separator, remove that, or name another target"
    return reason, remedy


def _cells(row: list[str], line: int, target: int, names: list[str], path: Path) -> list[float]:
    """Return the numbers of a row without its target; else say which cell is none."""
    try:
        numbers = [float(cell) for cell in row]
        if max(map(abs, numbers)) < LARGEST:  # not so if one is NaN
            return numbers
    except ValueError:
        numbers = []
    for k, cell in enumerate(row):
        column = names[k + (k >= target)]
        if not _is_number(cell):
            reason = f"row {line}, column {column}: expected a number, got {cell[:100]!r}"
            raise ContentError(path, reason, "write a number there, or leave out the row")
        if _too_large(cell):
            reason = f"row {line}, column {column}: {cell[:100]} is too large for float32"
            raise ContentError(path, reason, "rescale the numbers")
    return numbers


def _too_large(cell: str) -> bool:
    """Tell whether a cell has a number that would become infinite; "inf" is infinite as it stands."""
    return any(map(str.isdigit, cell)) and abs(float(cell)) >= LARGEST


LARGEST = 3.4028236e38
"""From here on a number is infinite in float32."""


def _csv_rows(path: Path, delimiter: str, most: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, with the number of the line that each ends in."""
    remedy = "save it as text in UTF-8, with a line for each row"
    with opened(path) as file, reading(path, "CSV", remedy):
        packed, held = path.suffix.lower() == ".gz", path.stat().st_size
        if not packed:
            check_size(path, held, held, most)
        binary: Any = gzip.GzipFile(fileobj=file) if packed else file
        stream = io.TextIOWrapper(binary, "utf-8-sig", newline="")
        lines = _Lines(stream, path, most)
        reader = csv.reader(lines, delimiter=delimiter)
        for row in reader:
            lines.row = 0
            if row:
                yield reader.line_num, row


class _Lines:
    """The lines of a text, none too long to be taken apart, and not more than a limit in all."""

    def __init__(self, stream: io.TextIOWrapper, path: Path, most: int) -> None:
        self.stream, self.path, self.most = stream, path, most
        self.row = self.all = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.stream.readline(LONGEST)
        if not line:
            raise StopIteration
        self.row += len(line)
        self.all += len(line)
        if self.row >= LONGEST:
            reason = f"has a row of more than {LONGEST:,} characters"
            raise FileError(self.path, reason, "write so many numbers as .npz")
        check_size(self.path, self.all, self.all, self.most)
        return line


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _column(target: str | int, header: list[str] | None, width: int, path: Path) -> int:
    if isinstance(target, int):
        if not -width <= target < width:
            reason = f"there is no column {target}, the file has {width}"
            raise ContentError(path, reason, "give another target")
        return target % width
    if header is None:
        reason = f"has no header line, so the target must be given by index, not {target!r}"
        raise ContentError(path, reason, "target=-1 is the last")
    if header.count(target) > 1:
        reason = f"has {header.count(target)} columns named {target!r}"
        raise ContentError(path, reason, "give the index of the one that is meant")
    return lookup("column", target, {name: i for i, name in enumerate(header)})


MISSING = frozenset(("na", "n/a", "nan", "<na>", "null", "none", "nil", "?", "-", "."))
"""What people, and programs, write in place of a number that they do not have."""


def _targets(cells: list[str], path: Path, lines: Sequence[int]) -> dict[str, Any]:
    """Whole numbers become labels, other numbers float32, text labels in the order of the names."""
    if all(_is_number(cell) for cell in cells):
        if large := [cell for cell in cells if _too_large(cell)]:
            raise ContentError(
                path, f"the target {large[0][:100]} is too large for float32", "rescale the numbers"
            )
        numbers = np.array([float(cell) for cell in cells])
        _check_exact(cells, numbers, path, lines)
        whole = bool((np.abs(numbers) <= EXACT).all() and (numbers == np.round(numbers)).all())
        return {"y": numbers.astype(np.int64) if whole else numbers.astype(np.float32)}
    stripped = [cell.strip() for cell in cells]
    classes = sorted(set(stripped))
    _check_labels(stripped, classes, path, lines)
    places = {name: i for i, name in enumerate(classes)}
    y = np.array([places[cell] for cell in stripped], np.int64)
    return {"y": y, "classes": tuple(classes)}


def _check_exact(cells: list[str], numbers: Array, path: Path, lines: Sequence[int]) -> None:
    """Raise if whole numbers are so large that float64 does not tell one from the next."""
    for k in np.flatnonzero(np.abs(numbers) >= EXACT).tolist():
        if cells[k].strip().lstrip("+-").isdecimal() and abs(int(cells[k])) > EXACT:
            reason = f"row {lines[k]}: the target {cells[k].strip()[:100]} is a whole number above 2**53"
            raise ContentError(path, reason, "number the labels from 0 on, or write numbers as 1.5e17")


def _check_labels(cells: list[str], classes: list[str], path: Path, lines: Sequence[int]) -> None:
    """Raise if what would be names of classes are numbers to predict, but for some cells."""
    numbers = [name for name in classes if _is_number(name) and name.lower() not in MISSING]
    others = set(classes) - set(numbers)
    fractions = [name for name in numbers if not float(name).is_integer()]
    if numbers and (fractions or all(name.lower() in MISSING for name in others)):
        k = next(k for k, cell in enumerate(cells) if cell in others)
        other = (fractions or numbers)[0]
        reason = (
            f"row {lines[k]}: the target is missing: {cells[k][:100]!r} is no number, as {other[:100]} is"
        )
        raise ContentError(path, reason, "write a number there, or leave out the row")
