"""How a network sees a table of examples: named columns, target, classes; kept with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..core.numeric import numeric
from ..core.packing import sensible
from ..core.record import Record, record
from ..core.settings import UnfitError, choice, flag, setting, taken
from ..core.text import Report, columns, plain
from ..errors import DataError, some
from .column import FORMAT, TASKS, Column
from .frames import as_cells, as_frame

Array = npt.NDArray[Any]


@record
class Table(Report, Record):
    """How the rows of a table become inputs and targets, and predictions become names or numbers again.

    It is made by `Table.fit`, and saved in a model's file.

    Parameters
    ----------
    columns : tuple of Column
        The inputs, in order.
    target : str, optional
        The column to learn; None if it comes from elsewhere.
    task : str
        ``"classification"`` or ``"regression"``.
    classes : tuple of str, optional
        The names of the classes 0, 1, ...
    missing : str, optional
        What to do with missing cells: ``"drop"`` leaves their rows out, ``"mean"`` fills them with the mean
        of the column, or its most common category.
    dropped : tuple of str
        Columns that are ignored.
    center, scale : float
        The numbers subtracted from a numeric target, and divided by; `values` undoes it.

    Examples
    --------
    >>> frame = {"size": [1.0, 2.0, 4.0, 5.0], "colour": ["red", "blue", "red", "red"], "kind": list("abab")}
    >>> table = Table.fit(frame, categories="one-hot")
    >>> table.inputs, table.classes
    (('size', 'colour=blue', 'colour=red'), ('a', 'b'))
    >>> x, y = table.apply(frame)
    >>> x[0].tolist(), y.tolist(), table.names(y)[:2].tolist()
    ([1.0, 0.0, 1.0], [0, 1, 0, 1], ['a', 'b'])
    """

    columns: tuple[Column, ...]
    target: str | None
    task: str
    classes: tuple[str, ...] | None = None
    missing: str | None = None
    dropped: tuple[str, ...] = ()
    center: float = 0.0
    scale: float = 1.0

    @classmethod
    def fit(
        cls,
        frame: Any,
        *,
        target: Any = -1,
        task: str | None = None,
        drop: Any = (),
        standardize: bool = False,
        categories: str | None = None,
        missing: str | None = None,
        dates: str | None = None,
    ) -> Table:
        """Look at a table and decide what its columns are; raise where a decision is needed from you.

        Parameters
        ----------
        frame : frame of pandas, polars or Arrow, dict of columns, or Frame
            The table, with its target; `data.frame` makes one from a file.
        target : str, int or column
            The column to learn: its name, its number (-1 is the last), or the values themselves.
        task : str, optional
            ``"classification"`` or ``"regression"``. If not given, texts, booleans, and whole numbers with at
            most 20 distinct values that lie close together are classes; other numbers are predicted.
        drop : str, int, or sequence of them
            Columns to leave out.
        standardize : bool
            Whether numbers are scaled to mean 0 and deviation 1, including a numeric target.
        categories : str, optional
            ``"one-hot"`` turns a column of texts into a 0/1 column for each text.
        missing : str, optional
            ``"drop"`` leaves rows with missing cells out; ``"mean"`` fills them with the mean of the column,
            or its most common text; in a column of ticks, where each cell holds 1 or nothing, with 0, and
            where each holds the same text or nothing, with a second category, an empty text.
        dates : str, optional
            ``"days"`` turns a date into the number of days since 1970.

        Raises
        ------
        DataError
            If the table cannot be used, or something in it needs one of the arguments above; it names the
            column.
        UnknownNameError
            If no column has the name of the target, or of one to drop.
        """
        from .fitting import Words, fitted

        owner = "Table.fit"
        words = Words(
            taken(owner, "task", task, choice(*TASKS, optional=True)),
            taken(owner, "drop", drop, _names()),
            taken(owner, "standardize", standardize, flag()),
            taken(owner, "categories", categories, choice("one-hot", optional=True)),
            taken(owner, "missing", missing, choice("drop", "mean", optional=True)),
            taken(owner, "dates", dates, choice("days", optional=True)),
        )
        return cls(**fitted(as_frame(frame, owner), target, words))

    def apply(self, frame: Any, target: Any = None) -> tuple[Array, Array | None]:
        """Return inputs and targets of a table; columns are found by name, in any order.

        With ``missing="drop"`` rows with missing cells are left out; `kept` says which are left.

        Parameters
        ----------
        frame : frame of pandas, polars or Arrow, dict of columns, or Frame
            The table, with or without a target.
        target : column, optional
            The targets, if they are no column of it.

        Returns
        -------
        x : array (n, inputs)
            The inputs in float32.
        y : array (n,) or None
            Numbers of classes (int64), or numbers (float32); None if there is no target.

        Raises
        ------
        DataError
            If a column is missing or unknown, or a cell cannot be used; it names them.
        """
        from .applying import applied

        return applied(self, as_frame(frame, "Table.apply"), _given(target))

    def kept(self, frame: Any, target: Any = None) -> Array:
        """Return the indices of the rows that `apply` returns."""
        from .applying import kept

        return kept(self, as_frame(frame, "Table.kept"), _given(target))

    def names(self, predictions: Any) -> Array:
        """Return the class names of predictions.

        Parameters
        ----------
        predictions : array (n, classes), (n, 1) or (n,)
            Probabilities of all classes; those of the second of two classes (a sigmoid); or class numbers.

        Raises
        ------
        DataError
            If they are none of these, or the target is a number.
        """
        if self.classes is None:
            raise DataError("names: the target of this table is a number, no class; see values")
        return names_of(predictions, self.classes)

    def values(self, predictions: Any) -> Array:
        """Return predictions of a numeric target in its original unit: standardization is undone.

        Raises
        ------
        DataError
            If the target is a class.
        """
        if self.classes is not None:
            raise DataError("values: the target of this table is a class; see names")
        made: Array = (
            numeric(predictions, "values: predictions").astype(np.float64) * self.scale + self.center
        )
        return made.astype(np.float32) if self.scale == 1 and self.center == 0 else made

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in order; a category's is like ``"colour=red"``."""
        return tuple(name for column in self.columns for name in column.inputs)

    @property
    def outputs(self) -> int:
        """The number of outputs that a network for this table needs."""
        return 1 if self.classes is None else len(self.classes)

    def __str__(self) -> str:
        return plain("\n".join([self._title(), *columns([TITLES, *self._rows()])]))

    def _repr_html_(self) -> str:
        from ..core import page

        return page.fragment(page.paragraph(self._title()), page.table(TITLES, self._rows()))

    def _title(self) -> str:
        of = f" {self.target}" if self.target else ""
        if self.classes is not None:
            return f"classification of{of}: {len(self.classes)} classes ({some(self.classes, 8)})"
        unit = f" (less {self.center:g}, divided by {self.scale:g})" if self.scale != 1 or self.center else ""
        return f"regression of{of}{unit}"

    def _rows(self) -> list[tuple[str, str, str]]:
        return [(column.name, column.kind, _made_of(column)) for column in self.columns]

    def to_plain(self) -> dict[str, Any]:
        """Return the table as dicts, lists, texts and numbers, ready for JSON."""
        made = {name: getattr(self, name) for name in ("target", "task", "missing", "center", "scale")}
        listed = {
            "classes": None if self.classes is None else list(self.classes),
            "dropped": list(self.dropped),
        }
        own = [{**vars(column), "categories": list(column.categories)} for column in self.columns]
        return {"format": FORMAT, **made, **listed, "columns": own}

    @classmethod
    def from_plain(cls, given: Any, file: Any = "") -> Table:
        """Return the table that `to_plain` described.

        Parameters
        ----------
        given : dict
            The description.
        file : path
            Where it comes from, for messages.

        Raises
        ------
        FileError
            If it makes no sense.
        """
        from .described import table

        with sensible("the description of a table", file, "get the file anew"):
            return cls(**table(given))


TITLES = ("column", "kind", "becomes")
EMPTY = "(empty)"
"""How the category of empty cells is shown."""


def names_of(predictions: Any, classes: Sequence[str]) -> Array:
    """Return the class names of predictions; see `Table.names`.

    Examples
    --------
    >>> names_of([[0.2, 0.8], [0.7, 0.3]], ("no", "yes")).tolist(), names_of([1, 0], ("no", "yes")).tolist()
    (['yes', 'no'], ['yes', 'no'])
    """
    given = numeric(predictions, "names: predictions")
    if not np.isfinite(given).all():
        raise DataError("names: a prediction is not finite; look at the model, or its inputs")
    many = len(classes)
    if given.ndim == 2 and given.shape[1] == many and many > 1:
        labels = given.argmax(1)
    elif given.ndim == 2 and given.shape[1] == 1 and many == 2:
        labels = (given[:, 0] > 0.5).astype(int)
    elif given.ndim == 1 and given.dtype.kind == "f" and many == 2:
        labels = (given > 0.5).astype(int)
    elif given.ndim == 1 and (given.dtype.kind in "biu" or (given == np.round(given)).all()):
        labels = given.astype(int)
    else:
        shape = f"(n, {many})" + (", (n, 1)" if many == 2 else "")
        raise DataError(f"names: expected probabilities {shape} or labels (n,), got shape {given.shape}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < many:
        wrong = labels[(labels < 0) | (labels >= many)][0]
        raise DataError(f"names: there is no class {wrong}, only 0 to {many - 1}")
    named: Array = np.array(classes)[labels]
    return named


def _made_of(column: Column) -> str:
    """Describe what is made of a column."""
    if column.kind == "category":
        said = f"{len(column.categories)} inputs: {some([name or EMPTY for name in column.categories], 6)}"
    else:
        said = "days since 1970" if column.kind == "date" else "as it is"
        if column.mean is not None:
            shift = f"less {column.mean:.6g}, divided by {column.deviation:.6g}"
            said = shift if column.kind == "number" else f"{said}, {shift}"
    if column.fill is None:
        return said
    fill = (column.fill or EMPTY) if isinstance(column.fill, str) else f"{column.fill:.6g}"
    return f"{said}; missing ones {fill}"


def _given(target: Any) -> Any:
    """Convert separately given targets to a column."""
    return None if target is None else as_cells(target, "target")


def _names() -> Any:
    """Declare one or several columns, by name or number."""

    def convert(given: Any, owner: Any) -> tuple[str | int, ...]:
        items = (given,) if isinstance(given, (str, int, np.integer)) else given
        if isinstance(items, (bytes, Mapping, set)) or not hasattr(items, "__iter__"):
            raise UnfitError
        made = tuple(items)
        if any(isinstance(one, bool) or not isinstance(one, (str, int, np.integer)) for one in made):
            raise UnfitError
        return tuple(one if isinstance(one, str) else int(one) for one in made)

    return setting("names or numbers of columns", convert)
