"""Checks in advance that pickle can write a value, naming the place where it cannot, as pickle does not."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ..errors import UnpicklableError

OTHERS = ("copy", "cloudpickle", "dill")
"""Modules that copy or write more than pickle can, such as functions made at run time."""


def check(parts: Mapping[str, Any]) -> None:
    """Raise if any of these parts cannot be pickled, naming the place inside.

    Nothing is checked for tools that can write more (`copy.deepcopy`, cloudpickle, dill).

    Raises
    ------
    UnpicklableError
        It names where that stands, and what it is.
    """
    if _written(dict(parts)) or _asked_by_others():
        return
    for where, value in parts.items():
        if not _written(value):
            place, inner = next(_culprits(value, where), (where, value))
            raise UnpicklableError(
                f"{place}: {inner!r} cannot be pickled, as only functions and classes at the top of a module "
                "can; define it there, or use copy.deepcopy"
            )


def _written(value: Any) -> bool:
    try:
        pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError, RecursionError):
        return False
    return True


def _culprits(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Yield the innermost parts of a value that cannot be pickled, with their places."""
    inner: dict[str, Any] = {}
    if isinstance(value, Mapping):
        inner = {f"{where}[{key!r}]": item for key, item in value.items()}
    elif isinstance(value, (tuple, list)):
        inner = {f"{where}[{index}]": item for index, item in enumerate(value)}
    elif is_dataclass(value) and not isinstance(value, type) and _written(type(value)):
        inner = {f"{where}.{field.name}": getattr(value, field.name, None) for field in fields(value)}
    for place, item in inner.items():
        if not _written(item):
            yield from _culprits(item, place)
            yield place, item


def _asked_by_others() -> bool:
    frame = sys._getframe(1)
    while frame is not None:
        if any(part in OTHERS for part in frame.f_globals.get("__name__", "").split(".")):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False
