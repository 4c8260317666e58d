"""Preparing data for training: splitting, standardizing, one-hot encoding."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.calls import takes
from ..core.finite import check_finite, moments
from ..core.numeric import numeric
from ..core.record import Record, record
from ..core.settings import UnfitError, flag, setting, shown, whole
from ..errors import DataError
from .frames import Cells, Frame, as_cells
from .named import OneHot, columns_of, in_order, listed, texts, values_of

Array = npt.NDArray[Any]


# --- two parts ------------------------------------------------------------------------------------


def _as_share(given: Any, owner: Any) -> int | float:
    """Accept a share between 0 and 1 as a float, or a number of examples as an int."""
    if isinstance(given, (bool, np.bool_)) or not isinstance(given, (int, float, np.integer, np.floating)):
        raise UnfitError
    if isinstance(given, (int, np.integer)):
        if given < 1:
            raise UnfitError
        return int(given)
    if not 0 < given < 1:
        raise UnfitError
    return float(given)


@takes(
    test=setting("a share between 0 and 1, or a number of examples", _as_share),
    stratify=flag(),
    seed=whole(0),
)
def split(
    x: Any, y: Any = None, *, test: float = 0.2, stratify: bool = False, group: Any = None, seed: int = 0
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Shuffle the examples and split them in two parts: ``(x, y), (x_test, y_test)``.

    Each part has the type that was given: arrays, lists, frames (pandas, polars, Arrow), sparse matrices,
    tensors; a dict of those, by name, is split at the same rows throughout.

    Parameters
    ----------
    x, y : array-like, frame, or dict of them (n, ...)
        Inputs and targets; y may be left out, and is None then in both parts.
    test : float or int
        The share of the examples in the second part, rounded up, or their number.
    stratify : bool
        Whether each class has the same share in both parts, up to rounding; y has a label for each example, a
        number or a text, or a row.
    group : array-like (n,), or str, optional
        What each example belongs to, such as a patient, or the column of the frame x that says so. The
        examples of one are in the same part, which then has about the share or number of `test`. With
        `stratify`, those of one must be of one class.
    seed : int
        Decides which examples: the same seed, the same parts.

    Raises
    ------
    DataError
        If lengths differ, a part would be empty, or a class, or its groups, are too few for both parts.

    Examples
    --------
    >>> x, y = np.arange(10).reshape(5, 2), ["a", "b", "a", "b", "a"]
    >>> (x, y), (x_test, y_test) = split(x, y, test=0.4, stratify=True)
    >>> x.shape, sorted(y), sorted(y_test)
    ((3, 2), ['a', 'a', 'b'], ['a', 'b'])
    """
    n = _one_length({"x": x} if y is None else {"x": x, "y": y})
    count = test if isinstance(test, int) else math.ceil(round(test * n, 9))
    if not 0 < count < n:
        raise DataError(f"split: test={shown(test)} of {n} examples leaves too few: each part needs one")
    if group is not None:
        of, labels = group_numbers(group, x, n), _labels_of(y, n) if stratify else None
        train, chosen = parted_by(of, None if labels is None else labels[0], count, seed)
    else:
        train, chosen = parted(_strata(y, n, count) if stratify else None, n, count, seed)
    first, second = ((taken_rows(x, rows), taken_rows(y, rows)) for rows in (train, chosen))
    return first, second


def parted(labels: Array | None, n: int, count: int, seed: int) -> tuple[Array, Array]:
    """Return the shuffled row indices of two parts of n rows, `count` of them in the second.

    Labels (n,) keep their proportions: rows are shuffled, sorted by label, and taken at even distances.

    Examples
    --------
    >>> train, test = parted(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 8, 2, seed=0)
    >>> len(train), sorted(np.array([0, 0, 0, 0, 1, 1, 1, 1])[test].tolist())
    (6, [0, 1])
    """
    rng = np.random.Generator(np.random.Philox(seed))
    order = rng.permutation(n)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    chosen = np.zeros(n, bool)
    chosen[((np.arange(count) + 0.5) * n / count).astype(int)] = True
    return rng.permutation(order[~chosen]), rng.permutation(order[chosen])


def parted_by(groups: Array, labels: Array | None, count: int, seed: int) -> tuple[Array, Array]:
    """Return the shuffled row indices of two parts; the rows of a group are in one part.

    Groups are taken in random order, each if that brings the second part nearer to its number of rows.

    Parameters
    ----------
    groups : array (n,) of int
        The number of each row's group, from 0 on.
    labels : array (n,) of int, optional
        Classes that keep their proportions: of each, groups are taken for themselves.
    count : int
        How many rows the second part should have.
    seed : int
        Decides which groups.

    Examples
    --------
    >>> train, test = parted_by(np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]), None, 4, seed=0)
    >>> len(train), np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])[np.sort(test)].tolist()
    (6, [0, 0, 3, 3])
    """
    rng = np.random.Generator(np.random.Philox(seed))
    n, sizes = len(groups), np.bincount(groups)
    of_class = np.zeros(len(sizes), np.int64)
    if labels is not None:
        of_class[groups] = labels
        if len(wrong := np.flatnonzero(of_class[groups] != labels)):
            raise DataError(
                f"split: the group of example {wrong[0]} has examples of several classes, and stratify=True "
                "needs groups of one class each: leave it out"
            )
    order, chosen = rng.permutation(len(sizes)), np.zeros(len(sizes), bool)
    for one in range(of_class.max() + 1):
        among = order[of_class[order] == one]
        if len(among) < 2:
            first = int(np.argmax(groups == among[0]))
            which, what = (
                ("examples", "group") if labels is None else (f"of the class of example {first}", "stratify")
            )
            raise DataError(
                f"split: all {which} belong to one group, and each part needs one: leave out {what}"
            )
        chosen[_taken(among, sizes, count * int(sizes[among].sum()) / n)] = True
    test = chosen[groups]
    return rng.permutation(np.flatnonzero(~test)), rng.permutation(np.flatnonzero(test))


def _taken(groups: Array, sizes: Array, wanted: float) -> list[int]:
    """Return the groups of which the sizes add up to about a number: not none, and not all of them."""
    taken, held = list[int](), 0
    for one in groups.tolist():
        if abs(held + sizes[one] - wanted) < abs(held - wanted):
            taken.append(one)
            held += int(sizes[one])
    smallest = int(groups[sizes[groups].argmin()])
    if not taken:
        return [smallest]
    return [one for one in taken if one != smallest] if len(taken) == len(groups) else taken


def group_numbers(given: Any, x: Any, n: int) -> Array:
    """Return the number of each example's group, from 0 on.

    Parameters
    ----------
    given : array-like (n,), or str
        A value for each example, the same in a group, or the column of the frame x that has it.
    x : array-like (n, ...)
        The examples.
    n : int
        How many there are.
    """
    if isinstance(given, str):
        names = columns_of(x) or []
        if hasattr(x, "iloc"):  # of pandas, whose columns may have other names than texts
            names, x = [*map(str, x.columns)], {str(name): x.iloc[:, i] for i, name in enumerate(x.columns)}
        if given not in names and not (isinstance(x, Mapping) and given in x):
            known = (
                f"the columns are {listed(names)}"
                if names
                else "x is no frame: give a value for each example"
            )
            raise DataError(f"split: group={given!r}: there is no such column; {known}")
        title, given = f"column {given!r}", x.cells[given] if isinstance(x, Frame) else x[given]
    else:
        title = "group"
    cells = given if isinstance(given, Cells) else as_cells(given, f"split: {title}")
    if len(cells) != n:
        raise DataError(f"split: {title} has {len(cells)} values for {n} examples: give one for each")
    if cells.missing:
        row = min(cells.missing)
        raise DataError(f"split: {title} is missing for example {row}: name what it belongs to")
    values = cells.texts or cells.original or cells.numbers.tolist()  # type: ignore[union-attr]
    if cells.exact is not None and cells.original is None:
        raise DataError(f"split: {title} has numbers above 2**53, as {cells.exact[1]}: give texts")
    places: dict[Any, int] = {}
    return np.array([places.setdefault(value, len(places)) for value in values], np.int64)


def _one_length(given: Mapping[str, Any]) -> int:
    """Return the number of examples; raise if the parts of the data have different numbers."""
    lengths = dict(_lengths(given, ""))
    if len(set(lengths.values())) > 1:
        raise DataError(f"split: the lengths differ: {', '.join(f'{k} has {v}' for k, v in lengths.items())}")
    length: int = next(iter(lengths.values()))
    return length


def _lengths(given: Any, title: str) -> Any:
    if isinstance(given, Mapping) and not isinstance(given, Frame):
        if not given:
            raise DataError(f"split: {title} must be an array, or a dict of arrays by name, got {{}}")
        for name, part in given.items():
            yield from _lengths(part, f"{title}[{name!r}]" if title else name)
        return
    shape = (given.rows,) if isinstance(given, Frame) else getattr(given, "shape", None)
    shape = shape if isinstance(shape, tuple) else None
    if isinstance(given, (str, bytes, set)) or not (shape or hasattr(given, "__len__")):
        hint = (
            ": a data.Dataset has a method of its own, dataset.split(0.2)"
            if hasattr(given, "batches")
            else ""
        )
        raise DataError(
            f"split: {title} must be an array with a row for each example, got {shown(given)}{hint}"
        )
    yield title, int(shape[0] if shape else len(given))


def _strata(y: Any, n: int, count: int) -> Array:
    """Return the class number of each example; raise if a class is too small for two parts."""
    places, sizes, labels = _labels_of(y, n)
    if sizes.min() < 2:
        label = labels[int(np.flatnonzero(places == sizes.argmin())[0])]
        raise DataError(
            f"split: the class {shown(getattr(label, 'tolist', lambda: label)())} has a single example, and "
            "stratify=True needs two of each: leave it out, or join classes"
        )
    if len(sizes) > min(count, n - count):
        raise DataError(
            f"split: {count} test and {n - count} training examples are too few for stratify=True with "
            f"{len(sizes)} classes: each part needs one of each"
        )
    return places


def _labels_of(y: Any, n: int) -> tuple[Array, Array, Array]:
    """Return the class number of each example, how many each has, and the labels."""
    if y is None or isinstance(y, Mapping):
        raise DataError(
            f"split: stratify=True goes by the labels y (n,), got {'none' if y is None else 'a dict'}"
        )
    found = texts(y)
    labels = numeric(y, "split: y") if found is None else found
    rows = labels.reshape(n, -1)
    _, places, sizes = np.unique(
        rows.astype(str) if found is not None else rows, axis=0, return_inverse=True, return_counts=True
    )
    return places.reshape(n), sizes, labels


def taken_rows(data: Any, rows: Array) -> Any:
    """Return some rows of data, in the type in which they were given."""
    if data is None:
        return None
    if isinstance(data, Frame):
        return data.taken(rows)
    if isinstance(data, Mapping):
        return {name: taken_rows(part, rows) for name, part in data.items()}
    if isinstance(data, (list, tuple)):
        return [data[i] for i in rows.tolist()]
    if hasattr(data, "iloc"):
        return data.iloc[rows]
    if hasattr(data, "column_names") or type(data).__module__.partition(".")[0] == "pyarrow":
        return data.take(rows)
    if hasattr(data, "nnz") and hasattr(data, "tocsr"):
        return data.tocsr()[rows]
    if type(data).__module__.partition(".")[0] == "h5py":
        raise DataError(
            "split: arrays in a file are not divided: load them, x[:], or give rows of them to fit"
        )
    return data[rows]


# --- standardized ---------------------------------------------------------------------------------


@record
class Scaling(Record):
    """The scaling that `standardize` applies: subtract the mean, divide by the standard deviation.

    Parameters
    ----------
    mean, deviation : array
        Of each feature, in the shape of one example. A feature that does not vary has the deviation 1.

    Examples
    --------
    >>> scaling = Scaling.of([[1.0, 5.0], [3.0, 5.0]])
    >>> scaling.apply([[2.0, 6.0]]), scaling.undo([[1.0, 0.0]])
    (array([[0., 1.]]), array([[3., 5.]]))
    """

    mean: Array
    deviation: Array
    columns: tuple[str, ...] | None = None

    @classmethod
    def of(cls, x: Any) -> Scaling:
        """Return the scaling that standardizes examples (n, ...), each feature by itself.

        The deviation is that of the examples, with n in the denominator.
        """
        given, names = _floats(x, "x"), columns_of(x)
        n, wide = len(given), given.astype(np.float64)
        mean, deviation = moments(wide)
        # Constant up to rounding: the error of a mean of n numbers (Chan, Golub & LeVeque 1983).
        epsilon = float(np.finfo(np.float64).eps)
        still = deviation * math.sqrt(max(0.0, 1 - n * epsilon)) <= n * np.abs(mean) * epsilon
        deviation = np.where(still, 1.0, deviation)
        return cls(mean, deviation, None if names is None else tuple(names))

    def apply(self, x: Any) -> Array:
        """Standardize examples (n, ...); the columns of a frame are found by their names."""
        given = self._given(x)
        made: Array = ((given - self.mean) / self.deviation).astype(given.dtype)
        return made

    def undo(self, x: Any) -> Array:
        """Invert `apply`: return standardized numbers (n, ...) in their original units."""
        given = self._given(x)
        made: Array = (given * self.deviation + self.mean).astype(given.dtype)
        return made

    def _given(self, x: Any) -> Array:
        if self.columns is not None:
            x = in_order(x, self.columns, "standardize: x")
        given = _floats(x, "x")
        if given.shape[1:] != self.mean.shape:
            raise DataError(
                f"standardize: expected examples of shape {self.mean.shape}, as those it was made of, got "
                f"{given.shape[1:]}"
            )
        return given


def _floats(x: Any, name: str) -> Array:
    """Return examples as floats; raise if one is not finite."""
    given: Array = numeric(values_of(x), f"standardize: {name}")
    if not given.ndim or not len(given):
        raise DataError(f"standardize: {name} must have a row for each example, got shape {given.shape}")
    check_finite(given, f"standardize: {name}")
    return given if given.dtype.kind == "f" else given.astype(np.float64)


def standardize(x: Any, *others: Any) -> Any:
    """Scale each feature to mean 0 and standard deviation 1, and scale other data in the same way.

    Mean and deviation are those of the first data, the training data; later measurements and predictions must
    use the same ones: `Scaling` keeps them, and ``Table.fit(..., standardize=True)`` keeps them with the
    model.

    Parameters
    ----------
    x : array-like or frame (n, ...)
        The data that mean and deviation are taken from, for each feature (of images, each pixel).
    *others : array-like or frame (m, ...)
        Other data to scale by the same numbers, such as a test part. Columns of frames are found by name.

    Returns
    -------
    array, or tuple of them
        One array for each that was given, float32 or float64 as given, float64 for whole numbers. A feature
        that does not vary becomes 0.

    Examples
    --------
    >>> x, x_test = standardize([[1.0, 5.0], [3.0, 5.0]], [[2.0, 6.0]])
    >>> x.tolist(), x_test.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0]])
    """
    scaling = Scaling.of(x)
    made = tuple(scaling.apply(part) for part in (x, *others))
    return made if others else made[0]


# --- classes as rows ------------------------------------------------------------------------------


MOST = 1 << 24
"""The most classes that one-hot rows may have."""


def one_hot(labels: Any, classes: Any = None) -> OneHot:
    """Convert labels to one-hot rows; return them with the classes that the columns stand for.

    Parameters
    ----------
    labels : array-like (n,), or (n, time)
        Texts, whole numbers, or true and false; a column (n, 1) is taken as (n,).
    classes : sequence, or int, optional
        The classes in the order of the columns, or their number k for 0 to k - 1; by default those of the
        labels, in order. For another part of the data pass those of the first.

    Returns
    -------
    OneHot
        ``rows`` in float32 (n, k), or (n, time, k), and ``classes``.

    Raises
    ------
    DataError
        If a label is none of the classes, or is missing.

    Examples
    --------
    >>> rows, classes = one_hot(["red", "blue", "red"])
    >>> rows.tolist(), classes
    ([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], ('blue', 'red'))
    >>> one_hot(["blue"], classes).rows.tolist()
    [[1.0, 0.0]]
    """
    given = _labels(labels)
    found, places = np.unique(given, return_inverse=True)
    found_list = found.tolist()
    known = tuple(found_list) if classes is None else _as_known(classes)
    columns = {name: i for i, name in enumerate(known)}
    at = np.array([columns.get(name, -1) for name in found_list], np.int64)[places.reshape(given.shape)]
    if len(wrong := np.argwhere(at < 0)):
        place = tuple(wrong[0].tolist())
        where = place[0] if len(place) == 1 else place
        label = given[place]
        label = label.item() if isinstance(label, np.generic) else label
        raise DataError(f"one_hot: {shown(label)} at index {where} is none of the classes {listed(known)}")
    return OneHot(np.eye(len(known), dtype=np.float32)[at], known)


def _labels(labels: Any) -> Array:
    """Return labels as an array of texts or whole numbers."""
    if isinstance(labels, Mapping) or len(columns_of(labels) or "1") > 1:
        raise DataError(
            "one_hot: expected the labels of one column, got several columns: "
            "data.Table.fit(frame, categories='one-hot') makes rows of all columns with texts"
        )
    given = texts(labels)
    if given is None:
        given = numeric(labels, "one_hot: labels")
        if given.dtype.kind == "f":
            if not np.isfinite(given).all() or (given != np.round(given)).any():
                wrong = given[~np.isfinite(given) | (given != np.round(given))][0]
                raise DataError(f"one_hot: labels: expected whole numbers or texts, got {wrong:g}")
            if (wrong := given[np.abs(given) >= 2.0**63]).size:
                raise DataError(f"one_hot: labels: expected whole numbers below 2**63, got {wrong[0]:g}")
            given = given.astype(np.int64)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if not given.size or not given.ndim:
        raise DataError(f"one_hot: labels: expected a label for each example, got shape {given.shape}")
    made: Array = given
    return made


def _as_known(classes: Any) -> tuple[Any, ...]:
    """Return the given classes as a tuple, or ``range(k)`` for their number k."""
    if isinstance(classes, (int, np.integer)) and not isinstance(classes, bool) and 0 < classes <= MOST:
        return tuple(range(int(classes)))
    items = classes.tolist() if isinstance(classes, np.ndarray) else classes
    right = isinstance(items, Sequence) and not isinstance(items, (str, bytes)) and len(items)
    if not right or not all(isinstance(one, (str, int, float, np.number)) for one in items):
        raise DataError(
            f"one_hot: classes must be the classes in order, or their number, at most {MOST:,}, "
            f"got {shown(classes)}"
        )
    made = tuple(one.item() if isinstance(one, np.generic) else one for one in items)
    if len(set(made)) < len(made):
        raise DataError(f"one_hot: classes has a class twice: {shown(classes)}")
    return made
