"""Drawing users' names literally: a dollar sign starts no mathematics, no name is hidden or lacks a font."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure, FigureBase
    from matplotlib.legend import Legend
    from matplotlib.text import Text


def literal(texts: Iterable[Text]) -> None:
    """Draw texts in fonts that have all signs, and literally: dollar signs start no mathematics."""
    from .fonts import with_substitutes

    for text in texts:
        if "$" in text.get_text():
            text.set_parse_math(False)
        if families := with_substitutes(text.get_text(), text.get_fontfamily()):
            text.set_fontfamily(families)


def texts_of(figure: Figure, places: Iterable[Axes]) -> dict[Text, str]:
    """Return all texts of a figure and of some axes, except tick labels, with their content."""
    from matplotlib.text import Text

    parts = [figure.get_children()]
    for axes in places:
        legend = axes.get_legend()
        parts += [axes.get_children(), [axes.xaxis.label, axes.yaxis.label]]
        parts += [list(legend.get_texts())] if legend is not None else []
    return {part: part.get_text() for some in parts for part in some if isinstance(part, Text)}


def name_ticks(axis: Axis, places: Iterable[float], names: Iterable[str], **how: Any) -> None:
    """Set ticks at some places, with labels that are drawn literally, and in fonts that have them."""
    from matplotlib import rcParams

    from .fonts import with_substitutes

    shown = list(names)
    if families := with_substitutes("".join(shown), rcParams["font.family"]):
        how["fontfamily"] = families
    axis.set_ticks(list(places), shown, parse_math=False, **how)


def named_legend(owner: Axes | Figure, lines: Mapping[str, Any], **how: Any) -> Legend:
    """Draw a legend by name, including names such as "_a" that matplotlib would leave out."""
    made = owner.legend(list(lines.values()), list(map(str, range(len(lines)))), **how)
    for text, name in zip(made.get_texts(), lines, strict=True):
        text.set_text(name)
    literal(made.get_texts())
    return made


def shortened(name: str, longest: int) -> str:
    """Shorten a long name by its middle, as beginning and end tell it from others.

    Examples
    --------
    >>> shortened("a very long name of class 12", 15)
    'a very …lass 12'
    """
    if len(name) <= longest:
        return name
    end = (longest - 1) // 2
    return f"{name[: longest - 1 - end]}…{name[len(name) - end :]}"


LETTER = 0.092
"""The width of a title's letter in inches."""


def entitle(axes: Axes, name: str) -> None:
    """Put a name above a panel, shortened by its middle if the panel is too narrow for it."""
    letters = max(12, int(_room(axes) / LETTER))
    lines = [shortened(line, letters) for line in name.split("\n")]
    axes.set_title("\n".join(lines), loc="left", fontsize=11)


def _room(place: Axes | FigureBase) -> float:
    """Return the inches that a title has: those of a panel's column without the axis, or of a figure."""
    figure: Any = getattr(place, "figure", place)
    wide: float = figure.bbox.width / figure.dpi
    if not hasattr(place, "get_subplotspec"):
        return wide - 0.4
    if (spec := place.get_subplotspec()) is not None:
        wide *= (spec.colspan.stop - spec.colspan.start) / spec.get_gridspec().ncols
    return wide - 0.75


MOST_LINES = 4
"""The most lines of a title; the end of a longer one is shortened."""


def folded(text: str, place: Axes | FigureBase) -> str:
    """Break a title of somebody's own into lines that fit above a panel or a figure."""
    from textwrap import wrap

    letters = max(12, int(_room(place) / LETTER))
    lines = [part for line in text.split("\n") for part in wrap(line, letters) or [""]]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], shortened(" ".join(lines[MOST_LINES - 1 :]), letters)]
    return "\n".join(lines)


def some_of(shown: Any, of: Any, what: str) -> str:
    """Return how many of the arrays along the last axis are shown, as "64 of 100 units" or "1 unit"."""
    few, count = shown.shape[-1], of.shape[-1]
    some = f"{few} of {count}" if few < count else f"{count}"
    return f"{some} {what}" if count == 1 else f"{some} {what}s"


def all_shortened(names: Sequence[str], longest: int) -> list[str]:
    """Shorten long names by their middles, and number them if they would become equal.

    Examples
    --------
    >>> all_shortened(["class number 1 of 9", "class number 2 of 9"], 12)
    ['0: clas…f 9', '1: clas…f 9']
    """
    made = [shortened(name, longest) for name in names]
    if len(set(made)) == len(set(names)):
        return made
    return [f"{number}: {shortened(name, longest - 4)}" for number, name in enumerate(names)]
