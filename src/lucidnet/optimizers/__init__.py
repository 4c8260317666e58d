"""Optimizers: how a gradient changes the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..value import get as _get
from . import schedules
from .adam import Adam, AdamW
from .adaptive import Adadelta, Adagrad, RMSprop
from .base import Group, Optimizer, Place
from .clip import Clip, ClipGlobalNorm, ClipNorm, ClipValue
from .sgd import SGD

KNOWN: dict[str, Callable[[], Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
}

__all__ = [
    "KNOWN",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Clip",
    "ClipGlobalNorm",
    "ClipNorm",
    "ClipValue",
    "Group",
    "Optimizer",
    "Place",
    "RMSprop",
    "get",
    "schedules",
]


def get(given: Any) -> Optimizer:
    """Return the optimizer with a name, with its default settings; an optimizer returns itself.

    Examples
    --------
    >>> get("adam")
    Adam()
    """
    return _get("optimizer", given, KNOWN, Optimizer)
