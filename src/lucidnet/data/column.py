"""A column of a table as a network sees it."""

from __future__ import annotations

from typing import Any

from ..core.record import Record, record
from ..core.settings import setting, whole

FORMAT = 1
"""The version of a table's description in a file."""
TASKS = ("classification", "regression")


def _as_column(given: Any, owner: Any) -> str | int:
    if isinstance(given, str):
        return str(given)
    number: int = whole(None).metadata["check"].convert(given, owner)
    return number


def a_column(**declared: Any) -> Any:
    """Declare an argument that says which column is meant."""
    return setting("the name of a column, or its number", _as_column, **declared)


@record
class Column(Record):
    """An input column, and how it is turned into inputs.

    Parameters
    ----------
    name : str
        Its name.
    kind : str
        ``"number"``; ``"category"``, which becomes a column of 0 and 1 for each category; ``"date"``, which
        becomes the number of days since 1970.
    categories : tuple of str
        The categories, in order.
    mean, deviation : float, optional
        The numbers subtracted and divided by in standardization, if the column is standardized.
    fill : float or str, optional
        The replacement for a missing cell.
    form : str, optional
        The format of its dates: ``"iso"``, ``"dmy"`` (day, month, year) or ``"mdy"``.
    mark : str, optional
        What its numbers were marked with: ``"%"``, ``"$"``, ... or ``""``, or how they were written as
        durations: ``"h:m:s"``, ``"h:m"`` or ``"m:s"``; None if that is not known.
    """

    name: str
    kind: str = "number"
    categories: tuple[str, ...] = ()
    mean: float | None = None
    deviation: float | None = None
    fill: float | str | None = None
    form: str | None = None
    mark: str | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs made of this column."""
        if self.kind != "category":
            return (self.name,)
        return tuple(f"{self.name}={category}" for category in self.categories)
