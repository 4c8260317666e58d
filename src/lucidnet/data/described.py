"""Reading a `Table` from its description in a file that anyone may have written."""

from __future__ import annotations

import math
from typing import Any

from ..core.settings import shown, writable
from ..errors import FileError
from .column import FORMAT, TASKS, Column
from .dates import FORMS

KINDS = ("number", "category", "date")
TABLE = {"format", "target", "task", "missing", "center", "scale", "classes", "dropped", "columns"}
COLUMN = {"name", "kind", "categories", "mean", "deviation", "fill", "form", "mark"}


def table(given: Any) -> dict[str, Any]:
    """Return the fields of a table that `Table.to_plain` described; raise `FileError` if they are invalid."""
    own = _dict(given, TABLE)
    if own["format"] != FORMAT or type(own["format"]) is not int:
        raise FileError(f"a table of format {own['format']!r}, which this version does not know")
    columns = tuple(_column(one) for one in _list(own["columns"], least=1))
    target = None if own["target"] is None else _text(own["target"])
    task = _one_of(own["task"], TASKS)
    classes = None if own["classes"] is None else _texts(own["classes"])
    dropped = _texts(own["dropped"])
    missing = None if own["missing"] is None else _one_of(own["missing"], ("drop", "mean"))
    names = [column.name for column in columns]
    if len({*names, *dropped, target}) < len(names) + len(dropped) + 1:
        raise FileError("a table with two columns of one name")
    if (classes is None) != (task == "regression") or (classes is not None and not classes):
        raise FileError(f"a table for {task} with classes {classes!r}")
    if len(set(classes or ())) < len(classes or ()):
        raise FileError("a table with two classes of one name")
    for column in columns:
        if column.fill is not None and missing != "mean":
            raise FileError(f"column {column.name!r} fills what is missing, but the table does not")
    center, scale = _number(own["center"]), _number(own["scale"])
    if scale <= 0 or (classes is not None and (center, scale) != (0, 1)):
        raise FileError(f"a target divided by {scale}")
    return {
        "columns": columns,
        "target": target,
        "task": task,
        "classes": classes,
        "missing": missing,
        "dropped": dropped,
        "center": center,
        "scale": scale,
    }


def _column(given: Any) -> Column:
    own = _dict({"mark": None, **given} if isinstance(given, dict) else given, COLUMN)
    name, kind = _text(own["name"]), _one_of(own["kind"], KINDS)
    categories = _texts(own["categories"])
    mean, deviation = (None if own[key] is None else _number(own[key]) for key in ("mean", "deviation"))
    if (kind == "category") != bool(categories) or len(set(categories)) < len(categories):
        raise FileError(f"column {name!r} of kind {kind} with categories {categories!r}")
    if (mean is None) != (deviation is None) or (deviation is not None and deviation <= 0):
        raise FileError(f"column {name!r} with mean {mean} and deviation {deviation}")
    fill = own["fill"]
    if fill is not None:
        fill = _one_of(fill, categories) if kind == "category" else _number(fill)
    if kind == "category" and mean is not None:
        raise FileError(f"column {name!r} has categories, and a mean")
    form = None if own["form"] is None else _one_of(own["form"], tuple(FORMS))
    if (kind == "date") != (form is not None):
        raise FileError(f"column {name!r} of kind {kind} with dates written as {form!r}")
    mark = None if own["mark"] is None else _text(own["mark"])
    return Column(name, kind, categories, mean, deviation, fill, form, mark)


def _dict(given: Any, keys: set[str]) -> dict[str, Any]:
    if not isinstance(given, dict) or set(given) != keys:
        raise FileError(f"expected a dict of {', '.join(sorted(keys))}, got {shown(given)}")
    return given


def _list(given: Any, least: int = 0) -> list[Any]:
    if not isinstance(given, (list, tuple)) or len(given) < least:
        raise FileError(f"expected a list of {least} or more, got {shown(given)}")
    return list(given)


def _text(given: Any) -> str:
    if not isinstance(given, str) or not writable(given):
        raise FileError(f"expected a text, got {shown(given)}")
    return given


def _texts(given: Any) -> tuple[str, ...]:
    return tuple(_text(one) for one in _list(given))


def _one_of(given: Any, known: tuple[str, ...]) -> str:
    if not isinstance(given, str) or given not in known:
        raise FileError(f"expected one of {', '.join(known[:20])}, got {shown(given)}")
    return given


def _number(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise FileError(f"expected a number, got {shown(given)}")
    number = float(given)
    if not math.isfinite(number):
        raise FileError(f"expected a finite number, got {shown(given)}")
    return number
