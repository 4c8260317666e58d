"""lucidnet: neural networks that you can see through.

Every layer's forward and backward pass is written by hand, side by side, in plain array code, and
checked. Start with `Model`, `layers` and `data.load`; look inside with `check`, `plots` and `metrics`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import errors, initializers, layers, losses, optimizers, training
from .model import Model

if TYPE_CHECKING:
    from . import check, data, distributed, inspect, lab, metrics, plots, rules
    from .lab import race
    from .som import SelfOrganizingMap
    from .training import callbacks

__version__ = "0.1.0"
__all__ = [
    "Model",
    "SelfOrganizingMap",
    "callbacks",
    "check",
    "data",
    "distributed",
    "errors",
    "initializers",
    "inspect",
    "lab",
    "layers",
    "load",
    "losses",
    "metrics",
    "optimizers",
    "plots",
    "race",
    "rules",
    "training",
]

load = Model.load


def __getattr__(name: str) -> Any:
    # Not needed to build and train a network: imported when first used, so that the import stays light.
    if name in ("callbacks", "check", "data", "distributed", "inspect", "lab", "metrics", "plots", "rules"):
        return import_module(f".{name}", __name__)
    if name == "SelfOrganizingMap":
        return import_module(".som", __name__).SelfOrganizingMap
    if name == "race":
        return import_module(".lab", __name__).race
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
