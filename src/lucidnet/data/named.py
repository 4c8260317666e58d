"""Names in data: frame columns and text classes, and how a model finds them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.numeric import KINDS, numeric
from ..core.settings import shown
from ..core.text import legible
from ..errors import (
    DataError,
    FileError,
    LucidnetError,
    NotReadyError,
    SettingError,
    ShapeError,
    some,
    suggestion,
)

SHOWN = 10
"""The most classes that a message names."""


# --- frames ---------------------------------------------------------------------------------------


def columns_of(x: Any) -> list[str] | None:
    """Return the column names of a frame (pandas, polars, Arrow, ...); None for what has no names.

    A frame whose columns are only numbered has none.

    Examples
    --------
    >>> columns_of([[1.0, 2.0]]) is None
    True
    """
    if _is_own(x):
        return list(x.names)
    if isinstance(x, (np.ndarray, Sequence, Mapping)) or not hasattr(x, "shape"):
        return None
    if not any(hasattr(x, name) for name in ("iloc", "__dataframe__", "__arrow_c_stream__")):
        return None
    names = getattr(x, "column_names", None)
    names = getattr(x, "columns", None) if names is None or callable(names) else names
    if names is None or callable(names):
        return None
    found = list(names)
    return [str(name) for name in found] if any(isinstance(name, str) for name in found) else None


def in_order(x: Any, columns: Sequence[str], title: str) -> Any:
    """Return a frame with its columns in a given order; what has no column names is returned unchanged.

    Raises
    ------
    DataError
        If columns are missing, or there are others; they are named.
    """
    names = columns_of(x)
    if names is None or names == list(columns):
        return x
    said = [
        f"{what} column{'s' * (len(wrong) > 1)} {listed(wrong)}"
        for what, wrong in (
            ("lacks the", [name for name in columns if name not in names]),
            ("has the unknown", [name for name in names if name not in columns]),
            ("has twice the", [name for name in columns if names.count(name) > 1]),
        )
        if wrong
    ]
    if said:
        raise DataError(f"{title} {' and '.join(said)}; known are {listed(columns)}")
    if _is_own(x):
        return type(x)(columns, [x.cells[name] for name in columns], x.source, x.lines, x.form)
    if hasattr(x, "iloc"):
        return x.iloc[:, [names.index(name) for name in columns]]
    return x.select(list(columns)) if hasattr(x, "select") else x[list(columns)]


def _is_own(x: Any) -> bool:
    """Tell whether something is a `data.Frame`, without importing the class."""
    return type(x).__module__ == "lucidnet.data.frames"


def values_of(x: Any) -> Any:
    """Convert a `data.Frame` to an array (n, columns); anything else is returned unchanged."""
    return np.stack([np.asarray(x[name]) for name in x.names], axis=-1) if _is_own(x) else x


def count_of(x: Any) -> int | None:
    """Return the number of examples in a frame or array; None if it does not tell."""
    if _is_own(x):
        return int(x.rows)
    return int(x.shape[0]) if getattr(x, "shape", None) and not isinstance(x, Mapping) else None


def table_of(x: Any) -> Any:
    """Return a `Table` for a numeric frame's columns, or one for each of several; None for arrays."""
    names = columns_of(x)
    if names is None and isinstance(x, dict):
        return {name: table for name, part in x.items() if (table := table_of(part)) is not None} or None
    if names is None:
        return None
    from .column import Column
    from .table import Table

    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"x: two columns are called {twice!r}: columns are found by their names")
    return Table(tuple(Column(name) for name in names), None, "regression")


def as_numbers(x: Any, title: str) -> Any:
    """Convert a frame to an array of numbers; raise if a cell is no number."""
    try:
        return numeric(values_of(x), title)
    except DataError as error:
        raise DataError(
            f"{error}; table = data.Table.fit(frame, target=..., categories='one-hot', missing='mean') makes "
            "numbers of texts and missing cells: set model.table = table, and fit(frame)"
        ) from None


def inputs(model: Any, x: Any) -> Any:
    """Convert a frame to numbers, its columns in the order of training; arrays are returned unchanged.

    Raises
    ------
    DataError
        If columns are missing, or not known; they are named.
    """
    table = model.table
    if table is None:
        return as_numbers(x, "x") if columns_of(x) is not None else x
    if isinstance(table, Mapping):
        if not isinstance(x, Mapping):
            return x
        return {name: _applied(table.get(name), part) for name, part in x.items()}
    return _applied(table, x)


def _applied(table: Any, x: Any) -> Any:
    """Apply a table to a frame; what has no column names is returned unchanged."""
    if table is None or (not isinstance(x, dict) and columns_of(x) is None and not _numbered(table, x)):
        return x
    if _of_numbers(table) and not isinstance(x, dict):
        return as_numbers(in_order(x, table.inputs, "x"), "x")  # in the precision of the frame
    return table.apply(x)[0]


def _numbered(table: Any, x: Any) -> list[str] | None:
    """Return the names of a frame of pandas in which no column is called by a text, if a table knows them."""
    if table is None or isinstance(table, Mapping) or not hasattr(x, "iloc") or not hasattr(x, "columns"):
        return None
    names = [str(name) for name in x.columns]
    return names if {column.name for column in table.columns} <= set(names) else None


def _of_numbers(table: Any) -> bool:
    """Tell whether a table holds only column names, as `table_of` makes it."""
    plain = all(one.kind == "number" and one.mean is None and one.fill is None for one in table.columns)
    return plain and table.target is None and not table.dropped


def named(model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Return a model's inputs and targets by the names in its table; a frame may hold the targets, too."""
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return x, y
    table, names = model.table, columns_of(x) or _numbered(model.table, x)
    if isinstance(y, OneHot):
        if model.classes is not None and model.classes != tuple(map(str, y.classes)):
            raise DataError(
                f"y: its columns stand for {listed(y.classes)}, and the classes of the model are "
                f"{listed(model.classes)}: pass them, one_hot(labels, model.classes)"
            )
        y = y.rows
    if table is None or isinstance(table, Mapping) or table.target is None:
        return inputs(model, x), y
    if names is None and not isinstance(x, dict):
        return x, y
    return table.apply(x, y)  # type: ignore[no-any-return]


# --- classes --------------------------------------------------------------------------------------


@legible
class OneHot(NamedTuple):
    """One-hot rows, and the classes that their columns stand for.

    As targets of `Model.fit` it supplies the class names.
    """

    rows: Any
    classes: tuple[Any, ...]


def texts(y: Any) -> Any:
    """Return text labels as an array; None for anything else.

    A column (n, 1) becomes (n,).

    Raises
    ------
    DataError
        If some are texts and others are not, as where one is missing.
    """
    if not _may_be_texts(y):
        return None
    try:
        made: Any = np.array(y, object) if isinstance(y, (list, tuple)) else np.asarray(y)
    except ValueError:
        return None  # rows of different lengths: code that needs numbers reports it
    if made.dtype.kind == "O":
        kinds = [isinstance(one, (str, bytes)) for one in made.flat]
        if not any(kinds):
            return None
        if not all(kinds):
            place = int(np.argmin(kinds))
            raise DataError(
                f"y: expected the name of a class at index {place}, got {shown(made.flat[place])}: "
                "leave out such rows of x and y, or name that, too"
            )
        made = np.array([_text(one) for one in made.flat], object).reshape(made.shape)
    elif made.dtype.kind in "SUT":
        made = np.array([_text(one) for one in made.flat], object).reshape(made.shape)
    else:
        return None
    return made[:, 0] if made.ndim == 2 and made.shape[1] == 1 else made


def _may_be_texts(y: Any) -> bool:
    """Tell from a quick look whether labels may be texts."""
    if isinstance(y, (list, tuple)):
        first: Any = y
        while isinstance(first, (list, tuple)) and first:
            first = first[0]
        return any(isinstance(one, (str, bytes)) for one in (first, *y))
    if hasattr(y, "detach") or not (hasattr(y, "__array__") or hasattr(y, "__arrow_c_stream__")):
        return False
    return getattr(getattr(y, "dtype", None), "kind", "O") in "OUST"


def _text(label: Any) -> str:
    if not isinstance(label, bytes):
        return str(label)
    try:
        return label.decode()
    except UnicodeDecodeError:
        raise DataError(f"y: expected labels in UTF-8, got {label!r}: decode them first") from None


def classes_of(labels: Any, y: Any, outputs: int) -> tuple[str, ...]:
    """Return the classes among text labels, in alphabetical order.

    If a categorical column lists its categories, those that do not occur are classes, too, provided the
    network has an output for each.
    """
    classes = sorted(set(labels.ravel().tolist()))
    declared = getattr(getattr(y, "cat", None), "categories", None)
    if declared is not None and len(declared) == outputs:
        classes = sorted({*classes, *map(str, declared)})
    if len(classes) < 2:
        raise DataError(f"y has the class {listed(classes)} only: there is nothing to tell apart")
    return tuple(classes)


def as_classes(given: Any) -> tuple[str, ...]:
    """Check class names, and return them as a tuple."""
    names = given.tolist() if isinstance(given, np.ndarray) else given
    right = isinstance(names, (list, tuple)) and all(isinstance(name, str) and name for name in names)
    if not right or len(set(names)) < max(2, len(names)):
        raise SettingError(
            "classes must be the names of two or more classes, none twice, in the order of the outputs, "
            f"got {shown(given)}"
        )
    return tuple(map(str, names))


def check_outputs(classes: tuple[str, ...], shape: Any) -> None:
    """Raise unless a network has one output per class, or a single output for two classes."""
    if isinstance(shape, Mapping):
        raise DataError(
            "y: labels that are texts go with networks of one output; number them for one of several: "
            "np.unique(labels, return_inverse=True)[1]"
        )
    outputs, count = outputs_of(shape), len(classes)
    if count == outputs or (outputs == 1 and count == 2):
        return
    way = f"let it end in Dense({count}, 'softmax')"
    way += ", or say all classes, model.classes = [...]" if count < outputs else ""
    raise DataError(
        f"there are {count} classes ({listed(classes)}), and the network has {outputs} "
        f"output{'s' * (outputs > 1)}: {way}"
    )


def check_table(table: Any, shape: Any) -> None:
    """Raise unless a network takes as many inputs as a table makes; for several inputs, each by name."""
    if isinstance(table, dict):
        known = shape if isinstance(shape, dict) else {}
        for name, one in table.items():
            if name not in known:
                raise DataError(f"table: the network has no input {name!r}: {listed(list(known))}")
            check_table(one, known[name])
        return
    made = (len(table.inputs),)
    if shape not in (made, (None,)):
        raise DataError(f"table: it makes inputs of shape {made}, and the network takes {shape}")


def outputs_of(shape: Any) -> int:
    """Return the number of outputs, given the shape of a network's output."""
    return int(shape[-1]) if isinstance(shape, tuple) and shape else 1


def listed(classes: Sequence[Any]) -> str:
    """Return a text with the first class names."""
    return some(map(shown, classes), SHOWN)


def numbers_of(labels: Any, classes: Sequence[str], title: str = "y") -> Any:
    """Convert text labels to the numbers of their classes.

    Raises
    ------
    DataError
        If one is not known; it is named.
    """
    places = {name: i for i, name in enumerate(classes)}
    numbers = np.array([places.get(label, -1) for label in labels.ravel().tolist()], np.int64)
    if len(unknown := np.flatnonzero(numbers < 0)):
        label = labels.ravel()[unknown[0]]
        raise DataError(
            f"{title}: unknown class {shown(label)} at index {unknown[0]}; known are {listed(classes)}"
        )
    return numbers.reshape(labels.shape)


def numbered(model: Any, y: Any) -> Any:
    """Convert text labels to class numbers, or to one-hot rows, as the model's loss takes them.

    A loss that takes no class numbers gets one-hot rows.
    """
    if (isinstance(y, np.ndarray) and y.dtype.kind in KINDS) or (labels := texts(y)) is None:
        return y
    if model.classes is None:
        raise NotReadyError(
            "y has labels that are texts, and this model does not know its classes yet: `fit` learns them "
            f"from arrays; else say them, model.classes = {sorted(set(labels.ravel().tolist()))[:SHOWN]}"
        )
    shape = model.output_shape
    check_outputs(model.classes, shape)
    if labels.ndim != len(shape):
        form = ", ".join(["n", *map(str, shape[:-1]), *([""] if len(shape) == 1 else [])]).rstrip(" ")
        raise ShapeError(f"y: expected names of classes of shape ({form}), got shape {labels.shape}")
    numbers = numbers_of(labels, model.classes)
    if not shape or shape[-1] == 1:
        return numbers
    try:
        model.loss.check_target(numbers[:1], shape, model.dtype)
    except LucidnetError:
        return np.eye(shape[-1], dtype=np.float32)[numbers]
    return numbers


def weights_by_number(given: Any, classes: Sequence[str] | None) -> Any:
    """Return class weights by class number; they may be given by name."""
    if classes is None or not isinstance(given, Mapping) or not any(isinstance(name, str) for name in given):
        return given
    places = {name: i for i, name in enumerate(classes)}
    for name in given:
        if name not in places:
            raise SettingError(f"class_weight: unknown class {shown(name)}: {suggestion(str(name), places)}")
    return {places[name]: weight for name, weight in given.items()}


def probabilities(model: Any, x: Any) -> Any:
    """Return what `Model.predict` does, as probabilities of classes where the loss takes logits."""
    outputs, partner = model.predict(x), getattr(model.loss, "partner", None)
    if partner is None or not model.loss.from_logits or isinstance(outputs, dict):
        return outputs
    return partner().forward({}, outputs)[0]


def classes_at(outputs: Any, limit: float, classes: Sequence[str] | None) -> Any:
    """Return the class with the largest output; for a single output, whether it is above a limit."""
    if len(wrong := np.argwhere(~np.isfinite(outputs))):
        raise DataError(
            f"predict_classes: the outputs for example {wrong[0][0]} are not finite, so of no class"
        )
    numbers = outputs.argmax(-1) if outputs.shape[-1] > 1 else (outputs[..., 0] > limit).astype(np.int64)
    return numbers if classes is None else np.array(classes)[numbers]


# --- as a model file has them ---------------------------------------------------------------------


def as_table(given: Any) -> Any:
    """Check a model's `table`: a `Table`, or one for each of several inputs."""
    if given is None:
        return None
    from .table import Table

    several = given if isinstance(given, dict) else {"": given}
    if not several or not all(isinstance(table, Table) for table in several.values()):
        raise SettingError(f"table must be a data.Table, or None, got {shown(given)}")
    return dict(given) if isinstance(given, dict) else given


def table_to_plain(table: Any) -> Any:
    """Return a table, or several by name, as plain data."""
    if isinstance(table, dict):
        return {"inputs": {name: one.to_plain() for name, one in table.items()}}
    return None if table is None else table.to_plain()


def table_from(plain: Any) -> Any:
    """Return the table, or tables by name, that `table_to_plain` described.

    Raises
    ------
    FileError
        If it makes no sense.
    """
    if plain is None:
        return None
    if not isinstance(plain, dict):
        raise FileError("", f"table: expected a dict, got {type(plain).__name__}")
    from .table import Table

    if plain.keys() != {"inputs"}:
        return Table.from_plain(plain)
    if not isinstance(plain["inputs"], dict):
        raise FileError("", "table: expected a dict of inputs")
    return {name: Table.from_plain(one) for name, one in plain["inputs"].items()}
