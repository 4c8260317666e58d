"""The meaning of colours in all pictures: one table for light pages, and one for dark ones.

Positive is blue, negative is orange, zero is the page, in every picture; the page in the browser uses the
same tables. Signed maps were chosen with a simulation of colour blindness in CIELAB; the first classes are
those of Okabe & Ito (2008), "Color universal design". Nothing is told by colour alone: classes have markers,
learning rules have markers and dashes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


class Colors(NamedTuple):
    """The colours of a page, by role.

    Parameters
    ----------
    page : str
        The background, and the colour of zero.
    ink, muted : str
        Text; secondary text and lines.
    signed : tuple of str
        From the most negative value over zero (the fifth) to the most positive.
    missing : str
        Values that are not a number.
    lines : tuple of str
        Lines that have no other role: layers; learning rules, of which backprop has the ink.
    classes : tuple of str
        The classes of the data.
    networks : tuple of str
        The networks A and B when two are compared.
    training, validation, mark : str
        Curves on training data and on others; highlights.
    """

    page: str
    ink: str
    muted: str
    signed: tuple[str, ...]
    missing: str
    lines: tuple[str, ...]
    classes: tuple[str, ...]
    networks: tuple[str, ...]
    training: str
    validation: str
    mark: str


LIGHT = Colors(
    page="#f6f6f4",
    ink="#1b1f24",
    muted="#6a6f76",
    signed=(
        *("#6b2f04", "#a3520a", "#d97f1e", "#f5b978"),
        "#f6f6f4",
        *("#9fc6e6", "#4f96cc", "#1d64a3", "#08365f"),
    ),
    missing="#b9b4ae",
    lines=("#0072b2", "#c75300", "#007a5e", "#a8327d", "#8a6a00", "#5aa0d6", "#7a4a2d", "#7c828a"),
    classes=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#000000"),
    networks=("#7a3ea3", "#00745a"),
    training="#0072b2",
    validation="#c75300",
    mark="#c75300",
)
DARK = Colors(
    page="#1b1f24",
    ink="#f0f0ee",
    muted="#a3a9b1",
    signed=(
        *("#ffd39b", "#f59a3c", "#b8641a", "#5a3a1e"),
        "#1b1f24",
        *("#1e3d5c", "#2470ad", "#57a8e8", "#b9ddff"),
    ),
    missing="#666b72",
    lines=("#57a8e8", "#f59a3c", "#49c9a4", "#e58ac0", "#d9bb3f", "#9adcf5", "#c99aee", "#8f959d"),
    classes=("#57a8e8", "#f59a3c", "#49c9a4", "#e58ac0", "#ffd39b", "#9adcf5", "#f0e442", "#f0f0ee"),
    networks=("#c99aee", "#49c9a4"),
    training="#57a8e8",
    validation="#f59a3c",
    mark="#f59a3c",
)
THEMES = {"light": LIGHT, "dark": DARK}

MARKERS = "osD^vPX*"
DASHES = ("-", "--", "-.", ":")

RULES = (
    *("backprop", "fa", "dfa", "kp", "wm", "usf", "brsf", "frsf", "drtp", "np", "wp", "shallow"),
    *("bptt", "truncated", "rtrl", "rflo", "eprop", "uoro", "snap1", "kernl"),
)
"""The learning rules in the order of their colours; new ones go to the end."""


class LineStyle(NamedTuple):
    """The style of a line, as arguments of matplotlib."""

    color: str
    linestyle: str
    marker: str


def theme(axes: Axes) -> Colors:
    """Return the colours for a picture on some axes: those for light or dark backgrounds."""
    from matplotlib.colors import to_hex, to_rgba

    face = to_rgba(axes.get_facecolor())
    if not face[3]:
        face = to_rgba(axes.figure.get_facecolor())
    if not face[3]:
        face = (1.0, 1.0, 1.0, 1.0)
    brightness = 0.299 * face[0] + 0.587 * face[1] + 0.114 * face[2]
    colors = DARK if brightness < 0.5 else LIGHT
    return colors._replace(page=to_hex(face[:3]))


def signed_map(axes: Axes) -> Colormap:
    """Return the colour map of signed numbers: orange over the background colour to blue."""
    colors = theme(axes)
    return _map("signed", (*colors.signed[:4], colors.page, *colors.signed[5:]), colors)


def positive_map(axes: Axes) -> Colormap:
    """Return the colour map of unsigned numbers: from the background colour to deep blue."""
    colors = theme(axes)
    return _map("positive", (colors.page, *colors.signed[5:]), colors)


def negative_map(axes: Axes) -> Colormap:
    """Return the colour map of unwanted quantities: from the background colour to deep orange."""
    colors = theme(axes)
    return _map("negative", (colors.page, *colors.signed[3::-1]), colors)


def _map(name: str, stops: tuple[str, ...], colors: Colors) -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    made = LinearSegmentedColormap.from_list(f"lucidnet_{name}", stops, N=257)
    return made.with_extremes(bad=colors.missing, under="none")


def rule_styles(rules: Iterable[str], axes: Axes) -> dict[str, LineStyle]:
    """Return the line style of each learning rule, the same in every picture.

    Rules of the library have a place of their own in the table. Other names get a style that follows from the
    name alone, and change it only if another name in the same picture has it.
    """
    colors = theme(axes)
    names = list(dict.fromkeys(rules))
    slots = {name: RULES.index(name) for name in names if name in RULES}
    total = (1 + len(colors.lines)) * len(DASHES)
    for name in names:
        if name not in slots:
            slot = crc32(name.encode()) % total
            while slot in slots.values() and len(slots) < total:
                slot = (slot + 1) % total
            slots[name] = slot
    return {name: _style(slots[name], (colors.ink, *colors.lines)) for name in names}


def _style(slot: int, palette: tuple[str, ...]) -> LineStyle:
    count = len(palette)
    return LineStyle(
        palette[slot % count],
        DASHES[slot // count % len(DASHES)],
        MARKERS[(slot + slot // count) % len(MARKERS)],
    )


def line_styles(names: Iterable[str], axes: Axes) -> dict[str, LineStyle]:
    """Return line styles for things that have no fixed one, such as layers."""
    colors = theme(axes)
    return {name: _style(number, colors.lines) for number, name in enumerate(dict.fromkeys(names))}
