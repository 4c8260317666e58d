"""Tables as text."""

from __future__ import annotations

import os

from .frames import Frame, as_frame


def frame(path: str | os.PathLike[str]) -> Frame:
    """Return a table in a file as a frame of columns by name."""
    import csv

    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))

    def number(cell: str) -> object:
        try:
            return float(cell) if cell.strip() else None
        except ValueError:
            return cell

    return as_frame({name: list(map(number, column)) for name, *column in zip(*rows, strict=True)}, "frame")
