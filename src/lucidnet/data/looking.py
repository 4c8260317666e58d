"""Looking at a file before anything is learned from it: what its columns are, what is odd, what to type."""

from __future__ import annotations

import os
from typing import Any

from ..core.record import Record, record
from ..core.text import Report
from .table import Table


@record
class Look(Report, Record):
    """What a file holds, and what to do with it."""

    path: str
    columns: tuple[Any, ...]
    odd: tuple[str, ...]
    command: str
    table: Table | None = None


def look(path: str | os.PathLike[str], *, target: Any = None) -> Look:
    """Look at a table in a file."""
    raise NotImplementedError("look")
