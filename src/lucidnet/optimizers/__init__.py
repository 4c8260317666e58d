"""Optimizers: how a gradient changes the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core.lazy import lazy
from ..core.value import get as _get
from .adam import Adam, Adamax, AdamW, Nadam
from .base import ArraySlice, Group, Optimizer
from .clip import Clip, ClipGlobalNorm, ClipNorm, ClipValue
from .sgd import SGD

if TYPE_CHECKING:
    from . import schedules
    from .adaptive import Adadelta, Adagrad, RMSprop
    from .constraints import Constraint, MaxNorm, NonNegative, UnitNorm
    from .ema import EMA
    from .lamb import LAMB
    from .lbfgs import LBFGS
    from .lion import Lion
    from .muon import Muon


__getattr__ = lazy(
    __name__,
    {
        "adaptive": "Adadelta Adagrad RMSprop",
        "constraints": "Constraint MaxNorm NonNegative UnitNorm",
        "ema": "EMA",
        "lamb": "LAMB",
        "lbfgs": "LBFGS",
        "lion": "Lion",
        "muon": "Muon",
        "schedules": "",
    },
)


def _late(name: str) -> Callable[[], Optimizer]:
    def make() -> Optimizer:
        made: Optimizer = __getattr__(name)()
        return made

    return make


KNOWN: dict[str, Callable[[], Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": _late("RMSprop"),
    "adagrad": _late("Adagrad"),
    "adadelta": _late("Adadelta"),
    "adamax": Adamax,
    "nadam": Nadam,
    "lion": _late("Lion"),
    "lamb": _late("LAMB"),
    "muon": _late("Muon"),
    "lbfgs": _late("LBFGS"),
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
    "ArraySlice",
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
