"""Figures: how they are made, shown and saved, and the colours in them."""

from __future__ import annotations

import io
import math
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core import files as atomic
from ..errors import FileError, optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

# Okabe & Ito (2008), "Color universal design": told apart with every kind of colour blindness.
BLUE, VERMILLION = "#0072B2", "#D55E00"
PALETTE = (BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DIVERGING = "RdBu_r"  # ColorBrewer, colour-blind safe: blue below zero, white at zero, red above
SEQUENTIAL = "Blues"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches that lays itself out, and that notebooks show."""
    module: Any = optional("matplotlib.figure", "plots")
    figure: Figure = module.Figure(figsize=(width, height), layout="constrained")
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.08, h_pad=0.08)
    figure._repr_png_ = partial(_png, figure)  # type: ignore[attr-defined]  # pyplot would do this globally
    return figure


def panels(
    count: int, most: int, width: float, height: float, margin: float = 0.4
) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many axes, in rows of at most `most`, each of so many inches."""
    columns = min(count, most)
    rows = math.ceil(count / columns)
    figure = new_figure(width * columns + margin, height * rows)
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for empty in axes[count:]:
        empty.remove()
    return figure, axes[:count]


def color_bar(axes: Axes, picture: ScalarMappable, label: str = "") -> None:
    """Put a colour bar beside the axes, as high as the picture is."""
    bar = axes.figure.colorbar(picture, cax=axes.inset_axes((1.03, 0, 0.04, 1)), label=label)
    bar.outline.set_visible(False)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def picture_format(path: str | os.PathLike[str]) -> str:
    """Return the format that a file's suffix stands for.

    Raises
    ------
    FileError
        If matplotlib cannot write it.

    Examples
    --------
    >>> picture_format("curves.png")
    'png'
    """
    known: Any = optional("matplotlib.backend_bases", "plots").FigureCanvasBase.get_supported_filetypes()
    suffix = Path(path).suffix[1:].lower()
    if suffix not in known:
        remedy = f"use .png, .svg or .pdf (all known: {', '.join(sorted(known))})"
        raise FileError(path, f"no picture format has the suffix {Path(path).suffix!r}", remedy)
    return suffix


def save(figure: Figure, path: str | os.PathLike[str], dpi: int = 150) -> Path:
    """Write a figure to a file, in the format of its suffix, and return the path.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
        With a suffix that matplotlib can write, such as .png, .svg or .pdf; a file of that name is replaced.
    dpi : int
        Pixels per inch, for formats made of pixels.

    Raises
    ------
    FileError
        If the suffix is unknown, or the file cannot be written.
    """
    stream = io.BytesIO()
    figure.savefig(stream, format=picture_format(path), dpi=dpi)
    atomic.write(path, [stream.getvalue()])
    return Path(path)
