"""Arrays printed row by row, for reading."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .trees import Array


def matrix_lines(array: Array, width: int = 100, digits: int = 4) -> Iterator[str]:
    """Yield the lines of an array's numbers: a line a row, each with its number in front.

    For an array of more than two axes the last two are written, for each place on the others. Columns beyond
    a width are left out, and a line says which; all rows are there.

    Parameters
    ----------
    array : array
        The numbers.
    width : int
        The most characters of a line; at least one column is written.
    digits : int
        Significant digits.

    Examples
    --------
    >>> for line in matrix_lines(np.array([[1.0, -0.25, 3e-7], [10.5, 2 / 3, 0.0]]), width=20):
    ...     print(line)
    0      1   -0.25
    1   10.5  0.6667
    column 2 of 3 is left out: the line would be too wide
    """
    array = np.asarray(array)
    if array.ndim > 2:
        for place in np.ndindex(array.shape[:-2]):
            yield f"[{', '.join(map(str, place))}]"
            yield from matrix_lines(array[place], width, digits)
        return
    rows = np.atleast_2d(array)
    cells = [[f"{float(value):.{digits}g}" for value in row] for row in rows]
    label = len(str(max(0, len(rows) - 1)))
    column = max((len(cell) for row in cells for cell in row), default=0) + 2
    count, there = rows.shape[1], max(1, (width - label) // column)
    for number, row in enumerate(cells):
        yield f"{number:>{label}}" + "".join(f"{cell:>{column}}" for cell in row[:there])
    if count > there:
        last = count - 1
        which = (
            f"column {last} of {count} is" if there == last else f"columns {there} to {last} of {count} are"
        )
        yield f"{which} left out: the line would be too wide"
