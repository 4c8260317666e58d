"""What a step of one's own carries on from each step to the next, besides its models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backend import Array, namespace
from ..core.text import short
from ..errors import SettingError

ORDER = "biuf"
"""Kinds of dtype, of which each can be given on as the one after it."""


def split(made: Any) -> tuple[Any, Any]:
    """Return what a step carries on, and what it tells, from what it returned.

    Raises
    ------
    SettingError
        If it did not return a pair.
    """
    if not isinstance(made, (tuple, list)) or len(made) != 2:
        raise SettingError(
            "OwnStep: with carried= the step returns two things, what it carries on and what it tells, "
            f"return carried, loss; got {short(made)}"
        )
    return made[0], made[1]


def settled(made: Any, before: Any, where: str = "") -> Any:
    """Return what a step carries on in the form in which it was given to it, as arrays of the same dtypes.

    Raises
    ------
    SettingError
        If it has another form: other names, shapes, or dtypes that hold less.
    """
    if isinstance(before, dict):
        if not isinstance(made, Mapping) or made.keys() != before.keys():
            raise _other(f"the names {', '.join(before)}", made, where)
        return {name: settled(made[name], part, f"{where}[{name!r}]") for name, part in before.items()}
    if isinstance(before, tuple):
        if not isinstance(made, (tuple, list)) or len(made) != len(before):
            raise _other(f"{len(before)} parts", made, where)
        return tuple(settled(made[k], part, f"{where}[{k}]") for k, part in enumerate(before))
    if before is None or made is None:
        if before is not made:
            raise _other("None" if before is None else "an array", made, where)
        return None
    if not hasattr(made, "dtype"):
        made = np.asarray(made)
    kinds = [getattr(each.dtype, "kind", "") for each in (made, before)]
    fits = (kinds[0] in ORDER and ORDER.find(kinds[0]) <= ORDER.find(kinds[1])) or kinds[0] == kinds[1]
    if tuple(made.shape) != tuple(before.shape) or not fits:
        raise _other(f"an array of shape {tuple(before.shape)} and dtype {before.dtype}", made, where)
    return namespace(before).asarray(made, dtype=before.dtype)


def _other(expected: str, made: Any, where: str) -> SettingError:
    got = f"the names {', '.join(map(str, made))}" if isinstance(made, Mapping) else short(made)
    return SettingError(
        f"OwnStep: carried{where} must be carried on in the form in which it was given, {expected}; the step "
        f"returned {got}"
    )


def lasting(made: Any, before: Any) -> Any:
    """Tell whether all numbers that were finite before the step are so after it, too."""
    good: Any = True
    for _, now, old in _pairs(made, before):
        good = good & _lost(now, old)[1]
    return good


def place_of_loss(made: Any, before: Any) -> str:
    """Return which number is not finite that was so before the step, for errors; "" if there is none."""
    for where, now, old in _pairs(made, before):
        lost = _lost(now, old)[0]
        if lost.any():
            index = tuple(map(int, np.argwhere(lost)[0]))
            return f"carried{where} would be {now[index]:g}{f' at {index}' if index else ''}"
    return ""


def _lost(now: Array, old: Array) -> tuple[Any, Any]:
    xp = namespace(now)
    lost = ~xp.isfinite(now) & xp.isfinite(old)
    return lost, ~lost.any()


def _pairs(made: Any, before: Any, where: str = "") -> Any:
    """Yield the real numbers in two trees of one form, with their places."""
    if isinstance(before, (dict, tuple)):
        for name in before if isinstance(before, dict) else range(len(before)):
            yield from _pairs(made[name], before[name], f"{where}[{name!r}]")
    elif before is not None and before.dtype.kind not in "biu":
        yield where, made, before
