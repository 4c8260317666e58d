"""What networks in the page learn: generated sets, digits, a user's own table."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ... import data as sets
from ...backend import Array
from ...core.finite import check_finite
from ...core.numeric import numeric
from ...data import generate
from ...errors import DataError, FileError, SettingError, UnknownNameError, lookup, short, suggestion
from .planes import PLANES, featured, numbers, written_features

GENERATED = ("xor", "spirals", "moons", "circles", "gaussians")
"""Generated point sets in a plane, by number of points, noise and seed."""
SEQUENCES = ("periodic_pattern", "delayed_add")
"""Tasks of `data.tasks` with an output at each time step."""
TIMES = 60
"""The number of time steps of their sequences."""
NAMES = (*GENERATED, *PLANES, "digits", *SEQUENCES)
MOST_SEQUENCES = 64
LONGEST = 2_000_000
"""The most characters of a table that a page may send."""
ROWS, COLUMNS = 20_000, 200
"""The most rows and columns of such a table."""
LARGEST = 1e15
"""The largest number of own data: float32 holds the sum of the squares of all rows."""


@dataclass(frozen=True)
class DataSetup:
    """Which data to use, and how much of them to keep for testing.

    Parameters
    ----------
    name : str
        One of `NAMES`, or ``"own"``: what was given to `serve`, or sent by the page.
    n, noise : int, float
        Of generated sets.
    test : float
        Share of the examples that is kept for testing.
    seed : int
        Of generated sets and digits.
    extra : tuple of (float, float, int)
        Points that a person has added to the training part: two inputs, and the class.
    features : tuple of str
        What a network is given of a point in a plane, by the names of `planes.FEATURES`; nothing is the two
        inputs as they are.
    """

    name: str = "spirals"
    n: int = 400
    noise: float = 0.05
    test: float = 0.5
    seed: int = 0
    extra: tuple[tuple[float, float, int], ...] = ()
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class OwnData:
    """A user's own data, and the Python code that loads them.

    Parameters
    ----------
    x, y : array (n, ...)
        Inputs and targets.
    code : str
        Python that makes ``x`` and ``y``.
    classes : tuple of str, optional
        The names of the labels.
    title : str
        What the page calls them.
    notes : tuple of str
        What was odd about the file.
    """

    x: Array
    y: Array
    code: str
    classes: tuple[str, ...] | None = None
    title: str = "own data"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabTask:
    """Data for training and testing; whole-number targets are classes, others numbers to predict.

    If the inputs are features of points in a plane, `places` has the points, with those of the test part
    last.
    """

    x: Array
    y: Array
    x_test: Array
    y_test: Array
    code: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None
    title: str = ""
    features: tuple[str, ...] = ()
    places: Array | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_classes(self) -> bool:
        """Whether the targets are classes."""
        return bool(self.y.dtype.kind in "iu")

    @cached_property
    def outputs(self) -> int:
        """The number of classes, or of predicted numbers."""
        if self.is_classes:
            return max(2, int(max(self.y.max(initial=0), self.y_test.max(initial=0))) + 1)
        return 1 if self.y.ndim == 1 else int(self.y.shape[-1])

    @property
    def is_sequence(self) -> bool:
        """Whether an example is a sequence (time, features) with a target at each time."""
        return bool(self.x.ndim == 3 and self.y.ndim == 3)

    @property
    def in_plane(self) -> bool:
        """Whether an example is a point in a plane."""
        return self.places is not None or bool(self.x.ndim == 2 and self.x.shape[1] == 2)

    @property
    def generated_plane(self) -> bool:
        """Whether the inputs can be features computed from points in a plane."""
        return self.in_plane and self.title in (*GENERATED, *PLANES)

    @cached_property
    def points(self) -> Array:
        """The points in the plane (n, 2), the test part's last."""
        return np.concatenate([self.x, self.x_test]) if self.places is None else self.places

    def inputs(self, points: Array) -> Array:
        """Return the network's inputs for points in the plane."""
        return featured(points, self.features) if self.features else points.astype("float32")

    @cached_property
    def sides(self) -> tuple[Array, Array]:
        """The coordinates, along both axes of the plane, at which the networks are evaluated."""
        from ...plots.boundary import plane_sides

        both = plane_sides(self.points, 100)
        return both[0], both[1]

    @property
    def picture(self) -> int:
        """The side of an example in pixels, if it is a square picture; else 0."""
        width = int(np.prod(self.x.shape[1:]))
        side = round(width**0.5)
        return side if self.is_classes and side * side == width and 5 <= side <= 32 else 0


def make(setup: DataSetup, own: OwnData | None = None) -> LabTask:
    """Return the data of a set-up.

    Raises
    ------
    SettingError
        If there are no own data, or too little is left for training.
    """
    notes: tuple[str, ...] = ()
    if setup.name == "own":
        if own is None:
            raise SettingError("data: there are no own data yet: load a CSV file, or start with serve(data)")
        x, y, code, names = own.x, own.y, [own.code], own.classes
        x, scaled = _scaled(x)
        code += scaled
        if y.dtype.kind == "f" and (abs(y) > 4).any() and (y.std(0) > 0).all():
            mean, std = y.mean(0), y.std(0)
            told = f"mean {_brief(mean)}, deviation {_brief(std)}"
            notes = (f"The target is shown in deviations from its mean: {told}.",)
            y, code = (y - mean) / std, [*code, "y = (y - y.mean(0)) / y.std(0)"]
    elif setup.name in SEQUENCES:
        if (n := setup.n) > MOST_SEQUENCES:
            raise SettingError(
                f"data: at most {MOST_SEQUENCES} sequences, got {n}: they are learned time by time"
            )
        x, y = getattr(sets.tasks, setup.name)(n, TIMES, seed=setup.seed)
        y = y.reshape(*x.shape[:2], 1).astype("float32")
        code = [f"x, y = ln.data.tasks.{setup.name}({n}, {TIMES}, seed={setup.seed})"]
        code, names = [*code, 'y = y.reshape(*x.shape[:2], 1).astype("float32")'], None
    elif setup.name == "digits":
        if setup.extra or setup.features:
            raise SettingError("data: digits take no added points, and no features of them")
        (x, y), (x_test, y_test) = sets.load("digits", test_split=setup.test, seed=setup.seed)
        call = f'ln.data.load("digits", test_split={setup.test!r}, seed={setup.seed})'
        return LabTask(x, y, x_test, y_test, (f"(x, y), (x_test, y_test) = {call}",), None, "digits")
    elif setup.name in PLANES:
        (x, y, code), names = numbers(setup.name, setup.n, setup.noise, setup.seed), None
    else:
        kind = lookup("data set", setup.name, {name: getattr(generate, name) for name in GENERATED})
        word = "spread" if "spread" in signature(kind).parameters else "noise"
        x, y = kind(setup.n, **{word: setup.noise}, seed=setup.seed)
        code = [f"x, y = ln.data.{setup.name}({setup.n}, {word}={setup.noise!r}, seed={setup.seed})"]
        names = None
    title = own.title if own and setup.name == "own" else setup.name
    return replace(_split(x, y, code, names, setup, title), notes=notes)


def _split(x: Array, y: Array, code: list[str], names: Any, setup: DataSetup, title: str) -> LabTask:
    """Keep the last rows for testing, and add the user's own points to the training part."""
    cut = len(x) - round(len(x) * setup.test)
    if not 0 < cut < len(x):
        raise SettingError(f"data: a test share of {setup.test:g} of {len(x)} examples leaves a part empty")
    code.append(f"x, y, x_test, y_test = x[:{cut}], y[:{cut}], x[{cut}:], y[{cut}:]")
    made = LabTask(x[:cut], y[:cut], x[cut:], y[cut:], tuple(code), names, title)
    if setup.extra:
        made = _added(made, setup)
    if setup.features:
        if not made.generated_plane:
            raise SettingError("features: they are made of points in a plane: choose such data")
        both = made.x, made.x_test
        made = replace(made, features=setup.features, places=np.concatenate(both))
        x, x_test = (made.inputs(part) for part in both)
        made = replace(made, x=x, x_test=x_test, code=(*made.code, *written_features(setup.features)))
    return made


def _added(made: LabTask, setup: DataSetup) -> LabTask:
    """Add a user's own points to the training part."""
    code = list(made.code)
    if not (made.in_plane and made.is_classes):
        raise SettingError("data: points can be added where examples are points in a plane with classes")
    if any(label >= made.outputs for *_, label in setup.extra):
        raise SettingError(f"data: the classes are 0 to {made.outputs - 1}")
    points = [list(point[:2]) for point in setup.extra]
    labels = [point[2] for point in setup.extra]
    code.append(f"x = np.concatenate([x, np.array({points}, x.dtype)])")
    code.append(f"y = np.concatenate([y, np.array({labels}, y.dtype)])")
    more, also = np.array(points, made.x.dtype), np.array(labels, made.y.dtype)
    x, y = np.concatenate([made.x, more]), np.concatenate([made.y, also])
    return replace(made, x=x, y=y, code=tuple(code))


def _brief(numbers: Array) -> str:
    return ", ".join(f"{one:.4g}" for one in np.ravel(numbers))


def _scaled(x: Array) -> tuple[Array, list[str]]:
    """Standardize inputs that are far from mean 0 and deviation 1; return the Python code, too."""
    if x.ndim != 2 or (abs(x) <= 4).all():
        return x, []
    mean, std = x.mean(0), x.std(0)
    code = ["mean, std = x.mean(0), x.std(0)", "x = (x - mean) / np.where(std > 0, std, 1)"]
    return (x - mean) / np.where(std > 0, std, 1), code


def given(data: Any) -> tuple[str, OwnData | None]:
    """Return the data given to `serve`: a name that the page knows, and the user's own data if any.

    Parameters
    ----------
    data : optional
        The name of a data set, the path of a file, a `data.Examples`, or arrays (x, y).
    """
    if data is None:
        return "spirals", None
    if isinstance(data, OwnData):
        return "own", data
    if isinstance(data, str) and data in NAMES:
        return data, None
    if isinstance(data, (str, os.PathLike)):
        return "own", _of_file(data)
    if isinstance(data, sets.Examples):
        return "own", _checked(
            data.x, data.y, "x, y = table.x, table.y  # what data.read gave", data.classes, "own table"
        )
    if isinstance(data, (tuple, list)) and len(data) == 2:
        code = "# x and y are the arrays that were given to serve"
        return "own", _checked(numeric(data[0], "x"), numeric(data[1], "y"), code, None, "own arrays")
    raise SettingError(
        f"serve: data must be a name, a file, what data.read gives, or arrays (x, y), got {type(data)}"
    )


def of_table(table: Any, frame: Any, path: str, how: dict[str, Any], encoding: str | None = None) -> OwnData:
    """Make own data from a table that was fitted to a frame.

    Parameters
    ----------
    table, frame : Table, Frame
        The table, and the rows.
    path : str
        The file.
    how : dict
        The arguments with which the table was fitted.
    encoding : str, optional
        The encoding of the file, if it was said.
    """
    x, y = table.apply(frame)
    said = f", encoding={encoding!r}" if encoding else ""
    told = "".join(f", {name}={value!r}" for name, value in how.items())
    lines = [f"frame = ln.data.frame({path!r}{said})", f"table = ln.data.Table.fit(frame{told})"]
    return _checked(x, y, "\n".join([*lines, "x, y = table.apply(frame)"]), table.classes, Path(path).name)


def _of_file(path: str | os.PathLike[str]) -> OwnData:
    """Load own data by name or path; a separate test part is joined to the rest."""
    title = Path(path).name
    if isinstance(path, str) and path in sets.KNOWN:
        (x, y), (x_test, y_test) = sets.load(path)
        code = f"(x, y), (x_test, y_test) = ln.data.load({path!r})"
        code += "\nx, y = np.concatenate([x, x_test]), np.concatenate([y, y_test])"
        return _checked(np.concatenate([x, x_test]), np.concatenate([y, y_test]), code, None, title)
    if isinstance(path, str) and not (os.path.exists(path) or Path(path).suffix):
        known = suggestion(path, {*NAMES, *sets.KNOWN})
        raise UnknownNameError(f"unknown data set {short(path)}, and no such file: {known}")
    table = sets.read(path)
    code = f"table = ln.data.read({str(path)!r})\nx, y = table.x, table.y"
    return _checked(table.x, table.y, code, table.classes, title)


def sent(name: str, text: str) -> OwnData:
    """Make own data from the text of a CSV file uploaded to the page, within limits.

    Raises
    ------
    FileError, SettingError
        If it is no table of numbers, or too large.
    """
    if len(text) > LONGEST:
        raise SettingError(f"data: the file has more than {LONGEST:,} characters: start with serve(path)")
    suffix = ".tsv" if name.lower().endswith(".tsv") else ".csv"
    shown = Path(name.replace("\\", "/")).name[:80] or "own.csv"
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"own{suffix}"
        path.write_text(text, encoding="utf-8")
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                table = sets.read(path, max_bytes=8 * LONGEST)
        except FileError as error:
            way = f"; the page has no options: start with lucidnet lab {shown}, and that"
            raise DataError(str(error).replace(str(path), shown) + way * ("(--" in str(error))) from error
        notes = tuple(str(one.message).replace(str(path), shown) for one in told)
    if len(table.x) > ROWS or table.x.shape[1] > COLUMNS:
        raise SettingError(
            f"data: {len(table.x):,} rows of {table.x.shape[1]} columns are more than the page takes "
            f"({ROWS:,} of {COLUMNS}): start with serve(path)"
        )
    code = f"table = ln.data.read({shown!r})\nx, y = table.x, table.y"
    return replace(_checked(table.x, table.y, code, table.classes, shown), notes=notes)


def _checked(x: Array, y: Array, code: str, classes: Any, title: str) -> OwnData:
    """Check own data, and shuffle them, as the last rows will be used for testing."""
    if len(x) != len(y) or len(x) < 4:
        raise DataError(f"data: {len(x)} inputs and {len(y)} targets: expected as many, and at least 4")
    for name, array in (("x", x), ("y", y)):
        check_finite(array, f"data: {name}")
        if (largest := float(np.abs(array).max(initial=0))) > LARGEST:
            raise DataError(f"data: {name} holds {largest:g}, and the page takes up to {LARGEST:g}: scale it")
    x = np.asarray(x, "float32").reshape(len(x), -1)
    y = y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim > 2:
        raise DataError("data: expected a target for each example, (n,) or (n, outputs)")
    if y.dtype.kind in "iu":
        if y.ndim != 1 or y.min() < 0 or y.max() > 99:
            raise DataError("data: expected labels from 0 to 99, one for each example")
        y = y.astype("int64")
    else:
        y = y.astype("float32")
    order = np.random.Generator(np.random.Philox(0)).permutation(len(x))
    code += "\nx, y = np.asarray(x, 'float32').reshape(len(x), -1), np.asarray(y)"
    code += "\norder = np.random.Generator(np.random.Philox(0)).permutation(len(x))"
    return OwnData(x[order], y[order], f"{code}\nx, y = x[order], y[order]", classes, title)
