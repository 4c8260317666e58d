"""Figures: making, placing, naming and saving them; the arguments all pictures share."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypedDict, TypeVar, cast, get_args

import numpy as np

from .. import foreign
from ..core import files as atomic
from ..core.settings import (
    UnfitError,
    choice,
    finite,
    listed,
    path_like,
    sequence,
    setting,
    taken,
    text,
    whole,
)
from ..errors import FileError, SettingError, optional, suggestion
from .arguments import check_kinds, fitting, make_part, of_model
from .colors import LIGHT, THEMES
from .names import folded, literal, named_legend, texts_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure

BLUE, VERMILLION = LIGHT.classes[:2]
PALETTE = LIGHT.lines

WIDE = 7.2
"""The greatest width of a picture in inches, so that its text is legible on a page 700 pixels wide."""

P = ParamSpec("P")
T = TypeVar("T")
Style = Literal["light", "dark"]
Pair = tuple[float, float]


class PictureFrame(TypedDict, total=False):
    """The arguments of all pictures that say where and how large to draw."""

    ax: Axes | Sequence[Axes] | None
    figsize: tuple[float, float] | None
    style: Style | None
    path: str | os.PathLike[str] | None


class PictureLook(PictureFrame, total=False):
    """The arguments of all pictures: `PictureFrame`, and a title.

    Parameters
    ----------
    ax : Axes or sequence of Axes, optional
        Where to draw; a new figure is made if not given. A picture with several panels takes as many axes, or
        divides the space of one among them.
    title : str, optional
        The title above, in place of the picture's own.
    figsize : (float, float), optional
        Width and height of a new figure in inches.
    style : {"light", "dark"}, optional
        The background of a new figure; by default that of matplotlib's current style
        (``plt.style.use("dark_background")``). The colours of data follow the background in any case.
    path : path, optional
        A file to save the picture to as well, in the format of its suffix, as `save` does.
    """

    title: str | None


def _axes(given: Any, owner: Any) -> Any:
    optional("matplotlib.figure", "plots")
    from matplotlib.axes import Axes

    made = (given,) if isinstance(given, Axes) else listed(getattr(given, "flat", given))
    if not made or not all(isinstance(axes, Axes) for axes in made):
        raise UnfitError
    return made


def _figure(given: Any, owner: Any) -> Any:
    if not hasattr(type(given), "savefig"):
        raise UnfitError
    return given


MOST_DOTS = 10_000
"""The highest resolution in pixels per inch; more than any printer has."""

TAKEN = {
    "ax": setting("Axes of matplotlib, or a sequence of them", _axes, optional=True),
    "title": text(empty=True, optional=True),
    "figsize": sequence("numbers, width and height in inches", finite(above=0), length=2, optional=True),
    "style": choice(*get_args(Style), optional=True),
    "path": path_like(optional=True),
}
"""The arguments of all pictures besides their data; see `PictureLook`."""


def picture(draw: Callable[P, Sequence[Axes]]) -> Callable[P, Figure]:
    """Turn a function that draws panels into one that returns a figure, with the arguments of `PictureLook`.

    The arguments in ``**look`` are checked. Style, title and file are handled here.
    """
    make_part(draw.__module__)
    own, drawing = signature(draw), cast("Callable[..., Sequence[Axes]]", draw)

    @wraps(draw)
    def drawn(*args: P.args, **given: P.kwargs) -> Figure:
        optional("matplotlib.figure", "plots")
        told: Any = of_model(draw.__name__, args, given)
        check_kinds(draw.__name__, own.parameters, *told)
        try:
            bound = own.bind(*told[0], **told[1]).arguments
        except TypeError as error:
            takes = ", ".join(name for name in own.parameters if name != "look")
            raise TypeError(
                f"{draw.__name__}: {error}; it takes ({takes}), and what all pictures take"
            ) from None
        rest = bound.pop("look", {})
        look = _look(draw.__name__, {**bound, **rest}, own)
        own_arguments = {name: value for name, value in bound.items() if name not in TAKEN}
        arguments: Any = fitting(draw.__name__, own_arguments)
        before = texts_of(root(look["ax"][0]), look["ax"]) if "ax" in look else {}
        with picture_style(look.get("style")):
            panels = drawing(**arguments, **look)
            figure = root(panels[0])
            if look.get("title") is not None:
                _entitle(figure, panels, look)
        if "ax" in look:
            from .picture import show_once

            show_once(figure)
        texts = texts_of(figure, panels)
        literal(text for text, said in texts.items() if before.get(text) != said)
        if look.get("path") is not None:
            save(figure, look["path"])
        return figure

    drawn.__signature__ = _shown(own)  # type: ignore[attr-defined]
    return drawn


def _look(name: str, given: Mapping[str, Any], own: Signature) -> dict[str, Any]:
    """Check the arguments of frame and title; raise for unknown arguments."""
    known = {*TAKEN, *own.parameters} - {"look"}
    for key in given:
        if key not in known:
            ours = foreign.keyword("picture", key)
            there = ours is not None and ours.split(",")[0] in known
            hint = f"here it is {ours}" if there else suggestion(key, known)
            raise TypeError(f"{name}() has no argument {key!r}: {hint}")
    look = {key: taken(name, key, given[key], TAKEN[key]) for key in given if key in TAKEN}
    look = {key: value for key, value in look.items() if value is not None}
    if "path" in look:
        picture_format(look["path"])
    if clash := sorted({"figsize", "style"} & look.keys() if "ax" in look else ()):
        raise SettingError(
            f"{name}: {' and '.join(clash)} belong to a new figure, but ax= is part of one that is there: "
            "say it where you make that"
        )
    return look


def _shown(own: Signature) -> Signature:
    """Return a signature that lists the arguments of `PictureLook` by name, for help."""
    parameters = [p for p in own.parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
    parameters += [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in TAKEN if name not in own.parameters
    ]
    return own.replace(parameters=parameters, return_annotation="Figure")


def picture_style(style: str | None) -> Any:
    """Return a context in which matplotlib draws for a light or a dark page."""
    if style is None:
        return nullcontext()
    from matplotlib import rc_context

    colors = THEMES[style]
    settings: Any = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), colors.ink
    )
    settings |= dict.fromkeys(("figure.facecolor", "axes.facecolor"), colors.page)
    return rc_context({**settings, "savefig.facecolor": "auto", "grid.color": colors.muted})


def _entitle(figure: Figure, panels: Sequence[Axes], look: Mapping[str, Any]) -> None:
    if len(panels) == 1:
        panels[0].set_title(folded(look["title"], panels[0]), loc="left", fontsize=11)
    elif "ax" not in look:
        figure.suptitle(folded(look["title"], figure), fontsize=12)
    elif len(look["ax"]) == 1:
        look["ax"][0].set_title(look["title"], loc="left", fontsize=12, y=1.0, pad=-10)
    else:
        raise SettingError("title: several axes were given: give each a title of its own, by set_title")


def root(axes: Axes) -> Figure:
    """Return the outermost figure that contains some axes."""
    figure: Any = axes.figure
    while figure is not figure.figure:
        figure = figure.figure
    return figure  # type: ignore[no-any-return]


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of the given inches, with automatic layout, that displays itself."""
    optional("matplotlib.figure", "plots")
    from .picture import made

    return made(width, height)


def shrunk(axes: Axes, look: Mapping[str, Any], planned: Pair, margins: Pair) -> float:
    """Return the scale of what was planned for axes of some inches: below 1 if there is less room.

    Parameters
    ----------
    axes : Axes
    look : mapping
        The picture's arguments (`PictureLook`).
    planned, margins : (float, float)
        Width and height of the axes as planned, and of what stands beside and above them in a new figure.
    """
    room = planned
    if "ax" in look:
        there, dots = axes.get_window_extent(), root(axes).dpi
        room = there.width / dots, there.height / dots
    elif "figsize" in look:  # the layout is made when all is drawn
        room = look["figsize"][0] - margins[0], look["figsize"][1] - margins[1]
    return float(np.clip(min(room[0] / planned[0], room[1] / planned[1]), 0.1, 1.0))


def panels(
    count: int, most: int, width: float, height: float, look: Mapping[str, Any], margin: float = 0.0
) -> list[Axes]:
    """Return `count` axes: the given ones, or those of a new figure, at most `most` to a row.

    Parameters
    ----------
    count, most : int
        The number of panels, and the most in a row.
    width, height : float
        The inches of each.
    look : mapping
        The picture's arguments (`PictureLook`).
    margin : float
        Inches beside all panels.
    """
    columns = min(count, most)
    rows = math.ceil(count / columns)
    if "ax" in look:
        return _given(look, rows, columns, count)
    size = look.get("figsize") or (min(WIDE, width * columns + margin), height * rows)
    made: Any = new_figure(*size).subplots(rows, columns, squeeze=False).ravel()
    settle(made)
    for empty in made[count:]:
        empty.remove()
    return list(made[:count])


def _given(look: Mapping[str, Any], rows: int, columns: int, count: int) -> list[Axes]:
    """Return the given axes, or split a single given one into as many as needed."""
    given = look["ax"]
    if len(given) == count:
        for axes in given:
            axes.grid(visible=False)
            for bar in [inside for inside in axes.child_axes if inside.get_gid() == BAR]:
                bar.remove()  # of a picture that was drawn here before
        return list(given)
    place = given[0].get_subplotspec()
    if len(given) > 1 or place is None:
        raise SettingError(
            f"ax: this picture has {count} panels: give as many axes, or one made by subplots; "
            f"got {len(given)}"
        )
    given[0].set_axis_off()
    figure, top = given[0].figure, int("title" in look)  # a row for the title
    space = {} if root(given[0]).get_layout_engine() else {"wspace": 0.9, "hspace": 0.6}
    grid = place.subgridspec(rows + top, columns, height_ratios=[0.1] * top + [1.0] * rows, **space)
    made = [figure.add_subplot(grid[k // columns + top, k % columns]) for k in range(count)]
    settle(made)
    return made


def ends(items: Sequence[T], most: int) -> tuple[list[T], int]:
    """Return all items, or the first and last of many, and how many are left out in between.

    Examples
    --------
    >>> ends("abcdefg", 4)
    (['a', 'b', 'f', 'g'], 3)
    """
    if len(items) <= most:
        return list(items), 0
    return [*items[: most // 2], *items[len(items) - (most - most // 2) :]], len(items) - most


def say_left_out(axes: Axes, note: str) -> None:
    """Note above a panel that something was left out before it."""
    axes.set_title(f"… {note} …\n{axes.get_title(loc='left')}", loc="left", fontsize=11)


def settle(made: Iterable[Axes]) -> None:
    """Remove grids, and fix the tick colours, which matplotlib would read later, perhaps in another style."""
    from matplotlib import rcParams

    settings: Any = rcParams
    for axes in made:
        axes.grid(visible=False)
        for axis in ("x", "y"):
            color = settings[f"{axis}tick.color"]
            axes.tick_params(axis=axis, which="both", color=color, labelcolor=color)


def tidy(axes: Axes) -> None:
    """Give axes with curves a faint grid, and remove the frame above and on the right."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def log_axis(axes: Axes, side: Literal["x", "y"] = "y") -> None:
    """Make an axis logarithmic, with labels such as 0.01 and not powers, where those are short."""
    from .ticks import PlainLog

    axes.set(**{f"{side}scale": "log"})
    axis = axes.xaxis if side == "x" else axes.yaxis
    axis.set_major_formatter(PlainLog())
    axis.set_minor_formatter(PlainLog(labelOnlyBase=False))


def whole_steps(axes: Axes, what: str = "step") -> None:
    """Label the horizontal axis as training steps or epochs, which are whole numbers."""
    whole_ticks(axes.xaxis)
    axes.set_xlabel(what)


def whole_ticks(*some: Axis) -> None:
    """Restrict the ticks of some axes to whole numbers."""
    from matplotlib.ticker import MaxNLocator

    for axis in some:
        axis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


BAR = "lucidnet-colour-bar"
"""What axes are marked with that hold a colour bar."""


def color_bar(
    axes: Axes, picture: ScalarMappable, label: str, span: Pair = (0.0, 1.0), **how: Any
) -> Colorbar:
    """Add a colour bar beside the axes, with a label.

    Parameters
    ----------
    axes : Axes
    picture : ScalarMappable
        What has the colours.
    label : str
    span : (float, float)
        Where it begins and how high it is, as shares of the axes' height.
    **how
        Further arguments of matplotlib's `colorbar`.
    """
    place = axes.inset_axes((1.03, span[0], 0.04, span[1]))
    place.set_gid(BAR)
    settle([place])
    bar: Colorbar = axes.figure.colorbar(picture, cax=place, label=label, **how)
    bar.outline.set_visible(False)
    return bar


def percent(share: float, _: int) -> str:
    """Write a share as the label of a tick, in per cent."""
    return f"{100 * share:g} %"


def legend_below(
    places: Sequence[Axes], look: Mapping[str, Any], found: Mapping[str, Any] | None = None
) -> None:
    """Draw one legend for all panels: below a new figure, or in the first given panel.

    Parameters
    ----------
    places : sequence of Axes
    look : mapping
        The picture's arguments (`PictureLook`).
    found : mapping, optional
        Lines and patches, by what they are; those of the first panel that have a label if not given.
    """
    if found is None:
        lines, labels = places[0].get_legend_handles_labels()
        found = dict(zip(labels, lines, strict=True))
    if "ax" in look:
        named_legend(places[0], found, fontsize=8, framealpha=0.8)
        return
    figure: Any = places[0].figure
    longest = max(map(len, found), default=0)
    columns = max(1, min(len(found), int(figure.get_figwidth() / (0.085 * longest + 0.55))))
    rows = math.ceil(len(found) / columns)
    if "figsize" not in look:  # room for what is more than two rows
        figure.set_figheight(figure.get_figheight() + 0.22 * max(0, rows - 2))
    named_legend(figure, found, loc="outside lower center", ncols=columns, frameon=False)


ANGLES = {0: "0°\nas backprop", 90: "90°\nunrelated", 180: "180°\nagainst"}
"""The meaning of the angles between a rule's direction and that of backpropagation."""


def angle_axis(axes: Axes, largest: float) -> None:
    """Set up the vertical axis for angles in degrees, with labelled lines at 0 and 90.

    Parameters
    ----------
    axes : Axes
    largest : float
        The largest angle in the picture.
    """
    from .colors import theme

    top = 180 if largest > 120 else max(96.0, largest + 4)
    axes.set_ylim(-5, top + (5 if top == 180 else 0))
    ticks = [tick for tick in range(0, 181, 30) if tick <= top]
    axes.set_yticks(ticks, [ANGLES.get(tick, f"{tick}°") for tick in ticks])
    for tick in (0, 90):
        axes.axhline(tick, color=theme(axes).muted, linewidth=1, linestyle="--", zorder=1)
    axes.set_ylabel("angle in degrees")


def picture_format(path: str | os.PathLike[str]) -> str:
    """Return the picture format of a file's suffix; raise if it is unknown.

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
        Pixels per inch, for formats made of pixels; at least 10.

    Raises
    ------
    FileError
        If the suffix is unknown, or the file cannot be written.
    """
    figure = taken("save", "figure", figure, setting("a Figure of matplotlib", _figure))
    path = taken("save", "path", path, path_like())
    dpi = taken("save", "dpi", dpi, whole(10, MOST_DOTS))
    stream = io.BytesIO()
    figure.savefig(stream, format=picture_format(path), dpi=dpi)
    atomic.write(path, [stream.getvalue()])
    return Path(path)
