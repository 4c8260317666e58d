"""Data sets: real ones by name, generated ones, and files."""

from typing import TYPE_CHECKING

from ..core.lazy import lazy

if TYPE_CHECKING:
    from . import augment, tasks, text
    from .dataset import Dataset
    from .generate import circles, gaussians, moons, spirals, xor
    from .sets import KNOWN, load
    from .tables import Table, read

__all__ = [
    "KNOWN",
    "Dataset",
    "Table",
    "augment",
    "circles",
    "gaussians",
    "load",
    "moons",
    "read",
    "spirals",
    "tasks",
    "text",
    "xor",
]

__getattr__ = lazy(
    __name__,
    {
        "augment": "",
        "tasks": "",
        "text": "",
        "dataset": "Dataset",
        "generate": "circles gaussians moons spirals xor",
        "sets": "KNOWN load",
        "tables": "Table read",
    },
)
