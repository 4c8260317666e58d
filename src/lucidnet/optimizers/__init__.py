"""Optimizers: how a gradient changes the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..value import get as _get
from . import schedules
from .adam import Adam, Adamax, AdamW, Nadam
from .adaptive import Adadelta, Adagrad, RMSprop
from .base import Group, Optimizer, Place
from .clip import Clip, ClipGlobalNorm, ClipNorm, ClipValue
from .constraints import Constraint, MaxNorm, NonNegative, UnitNorm
from .ema import EMA
from .lamb import LAMB
from .lbfgs import LBFGS
from .lion import Lion
from .muon import Muon
from .sgd import SGD

KNOWN: dict[str, Callable[[], Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "adamax": Adamax,
    "nadam": Nadam,
    "lion": Lion,
    "lamb": LAMB,
    "muon": Muon,
    "lbfgs": LBFGS,
}

__all__ = [
    "EMA",
    "KNOWN",
    "LAMB",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Clip",
    "ClipGlobalNorm",
    "ClipNorm",
    "ClipValue",
    "Constraint",
    "Group",
    "Lion",
    "MaxNorm",
    "Muon",
    "Nadam",
    "NonNegative",
    "Optimizer",
    "Place",
    "RMSprop",
    "UnitNorm",
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
