"""Figures that show themselves in windows and notebooks, and stay silent elsewhere."""

from __future__ import annotations

import sys
import threading
from base64 import b64encode
from functools import partial
from importlib import import_module
from io import BytesIO
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from ..core.screen import in_notebook

SHARP = 2
"""Pixels drawn for each pixel that a notebook shows, for high-resolution screens."""


class LucidFigure(Figure):
    """A matplotlib figure that ``show()`` and ``plt.show()`` display, and a notebook displays once.

    If pyplot has been imported and has somewhere to show figures, this is one of its figures, and
    ``plt.show()`` shows it. Otherwise, in a script that only saves or on a machine without a screen, pyplot
    does not know of it, so nothing has to be closed. As many stay open as pyplot allows without a warning
    (``figure.max_open_warning``); for one more the oldest is closed, and can still be saved.
    """

    def show(self, warn: bool = True) -> None:
        """Show the figure in the notebook or in a window, as ``plt.show()`` does.

        Without a screen (the backends agg, pdf, svg ...) nothing happens.
        """
        if in_notebook():
            display: Any = import_module("IPython.display").display
            display(self)
        elif _shows():
            from matplotlib import pyplot

            manager = self.canvas.manager
            if manager is None or not pyplot.fignum_exists(manager.num):
                _adopt(self)
            pyplot.show()

    def _repr_png_(self) -> bytes:
        return _png(self, 1)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return _as_result(self)


def _png(figure: Figure, sharp: float) -> bytes:
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=figure.dpi * sharp)
    return stream.getvalue()


def _as_result(figure: Figure, include: Any = None, exclude: Any = None) -> Any:
    """Return the figure's display data for a notebook cell, and keep pyplot from showing it again."""
    if "inline" in _backend():
        from matplotlib import pyplot

        pyplot.close(figure)
    width, height = (round(inches * figure.dpi) for inches in figure.get_size_inches())
    data = {"image/png": b64encode(_png(figure, SHARP)).decode(), "text/plain": repr(figure)}
    return data, {"image/png": {"width": width, "height": height}}


def show_once(figure: Any) -> None:
    """Make a notebook show a pyplot figure only once if it is the result of a cell."""
    if in_notebook() and not isinstance(figure, LucidFigure):
        figure._repr_mimebundle_ = partial(_as_result, figure)


def made(width: float, height: float) -> LucidFigure:
    """Return an empty figure of the given inches, with automatic layout."""
    if "matplotlib.pyplot" in sys.modules and _shows():
        from matplotlib import pyplot

        _make_room()
        made_by: Any = pyplot.figure
        figure: LucidFigure = made_by(figsize=(width, height), layout="constrained", FigureClass=LucidFigure)
    else:
        figure = LucidFigure(figsize=(width, height), layout="constrained")
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.08, h_pad=0.08)
    return figure


def _backend() -> str:
    """Return the name of pyplot's backend; "" if pyplot has not been imported."""
    return str(matplotlib.get_backend()).lower() if "matplotlib.pyplot" in sys.modules else ""


def _shows() -> bool:
    """Tell whether pyplot can show figures here: its backend opens windows or belongs to a notebook."""
    from matplotlib.backends.registry import BackendFilter, backend_registry

    builtin: Any = backend_registry.list_builtin
    silent = builtin(BackendFilter.NON_INTERACTIVE)
    here = threading.current_thread() is threading.main_thread()
    return here and str(matplotlib.get_backend()).lower() not in silent


def _make_room() -> None:
    """Close the oldest figures, so that a new one can be opened without pyplot's warning.

    A notebook, which shows all figures of a cell at its end, shows them now.
    """
    from matplotlib import pyplot

    most = matplotlib.rcParams["figure.max_open_warning"]
    for number in pyplot.get_fignums():
        if not 0 < most <= len(pyplot.get_fignums()):
            return
        if isinstance(figure := pyplot.figure(number), LucidFigure):
            if in_notebook() and "inline" in _backend():
                figure.show()
            pyplot.close(figure)


def _adopt(figure: LucidFigure) -> None:
    """Hand a figure over to pyplot, in place of an empty one."""
    from matplotlib import pyplot

    _make_room()
    empty = pyplot.figure(figsize=figure.get_size_inches(), dpi=figure.dpi)
    manager: Any = empty.canvas.manager
    figure.set_canvas(manager.canvas)
    manager.canvas.figure = figure
