"""Data sets: real ones by name, generated ones, and files."""

from . import augment, tasks, text
from .dataset import Dataset
from .generate import circles, gaussians, moons, spirals, xor
from .load import KNOWN, load
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
