"""What objects print at a prompt: a line, or a few dozen readable ones."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from types import BuiltinFunctionType, FunctionType
from typing import Any, TypeAlias, TypeVar

from ..errors import some

Rows: TypeAlias = "Sequence[Sequence[str]]"

FUNCTIONS = (FunctionType, BuiltinFunctionType)

K = TypeVar("K", bound=type)
T = TypeVar("T")

MOST_NUMBERS = 200
"""The most numbers of arrays that are shown; of larger ones, only type and shape."""

LINES, WIDTH = 40, 110
"""The most lines of a text, and their width, that are shown unless all of it is asked for."""

# How characters are written where a terminal has only ASCII.
LOWERED, RAISED = "₀₁₂₃₄₅₆₇₈₉", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺"
ASCII = str.maketrans(f"{LOWERED}{RAISED}·∂×Δ−━─", "01234567890123456789()+*dxD-#-") | {
    ord(sign): written for sign, written in (("±", "+-"), ("→", "->"), ("…", "..."))
}


class Text(str):
    r"""A text whose repr reads as it prints; the middle of a long one is left out.

    Examples
    --------
    >>> Text("one\ntwo")
    one
    two
    """

    def __str__(self) -> str:
        return plain(str.__str__(self))

    def __repr__(self) -> str:
        return shortened(self)

    def _repr_html_(self) -> str:
        from .page import fragment, preformatted

        return fragment(preformatted(shortened(str.__str__(self), width=10 * WIDTH)))


class Listing(Text):
    """A table as text, displayed as an HTML table in notebooks.

    Parameters
    ----------
    rows : sequence of sequences of str
        The titles, and the rows; spaces before the first cell of a row indent it.
    notes : sequence of str
        What stands below the table.
    right : sequence of int
        The columns that hold numbers.
    """

    def __new__(cls, rows: Rows, notes: Sequence[str] = (), right: Sequence[int] = ()) -> Listing:
        made = super().__new__(cls, "\n".join([*columns(rows, right), *notes]))
        made.made_of = rows, notes, right
        return made

    made_of: tuple[Rows, Sequence[str], Sequence[int]]
    """The arguments that the object was made of."""

    def __getnewargs__(self) -> Any:
        return self.made_of

    def _repr_html_(self) -> str:
        from . import page

        (titles, *rows), notes, right = self.made_of
        indented = [[row[0].replace("  ", "\u2003"), *row[1:]] for row in rows]
        table = page.table(titles, indented, dict.fromkeys(right, "n"))
        return page.fragment(table, *map(page.paragraph, notes))


class Report:
    """Base class of what prints as text; its repr is that text, without the middle if it is long."""

    def __repr__(self) -> str:
        return shortened(str(self))

    def _repr_html_(self) -> str:
        from .page import fragment, preformatted

        return fragment(preformatted(shortened(str(self), width=10 * WIDTH)))


class Tabled(Report):
    """Base class of what prints as a table."""

    titles: Sequence[str] = ()
    """The titles of the columns."""

    def rows(self) -> Sequence[Sequence[str]]:
        """Return the cells of all rows."""
        raise NotImplementedError(f"{type(self).__name__} must define rows()")

    def __str__(self) -> str:
        return plain("\n".join(columns([self.titles, *self.rows()])))

    def _repr_html_(self) -> str:
        from .page import fragment, table

        return fragment(table(self.titles, self.rows()))


class ByName(dict[str, Any]):
    """A dict whose repr shows large arrays by type and shape, one entry per line if it is long."""

    def __missing__(self, name: Any) -> Any:
        raise KeyError(f"{name!r}: by name there are: {some(self) if self else 'none'}")

    def __repr__(self) -> str:
        sizes = _sizes(self)
        if len(self) <= LINES and (sizes is None or sum(sizes) <= MOST_NUMBERS):
            line = dict.__repr__(self)
            rows = line.split("\n")
            if len(rows) <= LINES and max(map(len, rows)) <= WIDTH:
                return line
        return shortened(call("", [f"{name!r}: {_branch(branch)}" for name, branch in self.items()], "{}"))


class Several(tuple[T, ...]):
    """A tuple whose repr shows one entry per line if it is long."""

    def __repr__(self) -> str:
        return shortened(call("", [repr(entry) for entry in self]))


def _branch(branch: Any) -> str:
    if isinstance(branch, dict):
        return f"{{{', '.join(f'{name!r}: {_branch(inner)}' for name, inner in branch.items())}}}"
    return short(branch)


def legible(kind: K) -> K:
    """Give a named tuple a short repr; see `brief`."""
    setattr(kind, "__repr__", brief)  # noqa: B010 - mypy takes no plain assignment
    return kind


class Brief:
    """Base class with a short repr: the constructor's arguments that differ from their defaults.

    Examples
    --------
    >>> class Clock(Brief):
    ...     def __init__(self, hours=24, name="clock"):
    ...         self.hours, self.name = hours, name
    >>> Clock(12)
    Clock(hours=12)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return brief(self)


def brief(value: Any) -> str:
    """Format an object by its constructor's arguments: in one line if that fits, arrays by their shapes.

    Arguments that equal their defaults, and those that the object keeps under other names, are left out.
    """
    name = type(value).__name__
    if id(value) in _inside:  # something inside it contains it
        return f"{name}(...)"
    _inside.add(id(value))
    try:
        return call(name, [f"{field}={short(kept)}" for field, kept in _fields(value)])
    finally:
        _inside.discard(id(value))


_inside: set[int] = set()
"""What is being written at the moment."""


def call(name: str, given: Sequence[str], brackets: str = "()") -> str:
    """Format a call: in one line if that fits, else one argument per line.

    Examples
    --------
    >>> call("Dense", ["32", "name='out'"])
    "Dense(32, name='out')"
    """
    opening, closing = brackets[0], brackets[1]
    line = f"{name}{opening}{', '.join(given)}{closing}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    inside = "".join(f"    {one},\n" for one in (text.replace("\n", "\n    ") for text in given))
    return f"{name}{opening}\n{inside}{closing}"


def _fields(value: Any) -> Iterable[tuple[str, Any]]:
    """Yield an object's constructor arguments by name, without those at their defaults."""
    from inspect import signature

    own = value._asdict() if hasattr(value, "_fields") else getattr(value, "__dict__", {})
    for name, parameter in signature(type(value)).parameters.items():
        if name in own and not _is_default(own[name], parameter.default):
            yield name, own[name]


def _is_default(kept: Any, default: Any) -> bool:
    try:
        return kept is default or (type(kept) is type(default) and bool(kept == default))
    except Exception:  # it is unknown how a user's own objects compare
        return False


def short(value: Any, width: int = 80) -> str:
    """Format a value within one line: arrays by type and shape, trees of arrays by their size.

    Examples
    --------
    >>> import numpy as np
    >>> short(np.zeros((2, 3))), short({"dense": {"W": np.zeros((2, 3))}}), short(list(range(99)))
    ('float64 (2, 3)', '{1 array, 6 numbers}', 'list of 99')
    """
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        number = not value.shape and hasattr(value, "item") and not type(value).__name__.endswith("Tracer")
        return str(value.item()) if number else array(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, FUNCTIONS):
        return value.__name__
    if isinstance(value, dict) and value and (sizes := _sizes(value)):
        arrays = "1 array" if len(sizes) == 1 else f"{len(sizes):,} arrays"
        return f"{{{arrays}, {sum(sizes):,} numbers}}"
    if isinstance(value, (tuple, list, dict, set, frozenset)) and len(value) > width // 2:
        return f"{type(value).__name__} of {len(value):,}"
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        written = f"({', '.join(short(part) for part in value)}{',' * (len(value) == 1)})"
    else:
        written = _repr(value)
    if " object at 0x" in written:
        return f"<{type(value).__name__}>"
    if len(written) <= width and "\n" not in written:
        return written
    if isinstance(value, (tuple, list, dict, set, frozenset)) and not hasattr(value, "_fields"):
        return f"{type(value).__name__} of {len(value):,}"
    return f"{written[: width - 3]}..." if isinstance(value, str) else f"{type(value).__name__}(...)"


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # a user's own object; its container can be shown nevertheless
        return f"<{type(value).__name__}>"


def array(value: Any) -> str:
    """Write type and shape of an array.

    Examples
    --------
    >>> import numpy as np
    >>> array(np.zeros((2, 3), "float32"))
    'float32 (2, 3)'
    """
    return f"{value.dtype} {tuple(value.shape)}"


def _sizes(tree: Any) -> list[int] | None:
    """Return the sizes of all arrays in a tree; None if it holds anything else."""
    sizes: list[int] = []
    for branch in tree.values():
        inner = _sizes(branch) if isinstance(branch, dict) else None
        if isinstance(branch, dict):
            if inner is None:
                return None
            sizes += inner
        elif hasattr(branch, "dtype") and hasattr(branch, "size"):
            sizes.append(branch.size)
        else:
            return None
    return sizes


def shortened(text: str, lines: int = LINES, width: int = WIDTH) -> str:
    r"""Shorten a text for a prompt: long lines are wrapped, the middle of many lines is left out.

    Examples
    --------
    >>> print(shortened("\n".join("abcdefgh"), lines=4))
    a
    b
    ... 5 lines more: print it to see them ...
    h
    """
    shown: list[str] = []
    rows = text.split("\n")
    for row in rows if len(rows) <= 3 * lines else [*rows[:lines], *rows[-lines:]]:
        shown += [row] if len(row) <= width else _wrapped(row, width)
    left = len(shown) + max(0, len(rows) - 2 * lines) * (len(rows) > 3 * lines) - lines + 1
    if left > 1:
        tail = min(10, (lines - 1) // 2)
        shown[lines - 1 - tail : -tail] = [f"... {left:,} lines more: print it to see them ..."]
    return plain("\n".join(shown))


def _wrapped(row: str, width: int) -> list[str]:
    from textwrap import wrap

    if len(row) > 100 * width:  # no one reads it, and wrapping takes its time
        row = row[: 50 * width] + " ..."
    indent = " " * (len(row) - len(row.lstrip()))
    return wrap(row, width, subsequent_indent=f"{indent}    ", break_on_hyphens=False)


CONTROL = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for low, high in ((0, 9), (11, 32), (127, 160), (0x202A, 0x202F), (0x2066, 0x206A))
    for code in range(low, high)
}
"""Control characters, and those that change text direction, and how they are shown."""


def visible(text: str) -> str:
    r"""Replace a text's control characters, as a name from a file could otherwise steer the terminal.

    Examples
    --------
    >>> print(visible("\x1b[2Jred"))
    \x1b[2Jred
    """
    return text.translate(CONTROL)


def plain(text: str) -> str:
    """Return a text as the terminal can display it: without control characters, in ASCII if need be.

    Examples
    --------
    >>> plain("as it is")
    'as it is'
    """
    text = visible(text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        import re

        text = re.sub(f"([{LOWERED}]+)", r"_\1", re.sub(f"([{RAISED}]+)", r"^\1", text))
        return text.translate(ASCII).encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        pass
    return text


def columns(rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    r"""Return the lines of a table, its columns as wide as their longest cells.

    Parameters
    ----------
    rows : iterable of sequences of str
        The rows, all of one length; often the first has the titles.
    right : sequence of int
        The columns that are aligned on the right, as numbers are.

    Examples
    --------
    >>> print("\n".join(columns([("name", "n"), ("dense1", "12")], right=[1])))
    name     n
    dense1  12
    """
    table = [list(row) for row in rows]
    widths = [max(wide(row[i]) for row in table) for i in range(len(table[0]))] if table else []
    pads = [str.rjust if i in right else str.ljust for i in range(len(widths))]
    return [
        "  ".join(
            pad(cell, width - wide(cell) + len(cell))
            for pad, cell, width in zip(pads, row, widths, strict=True)
        ).rstrip()
        for row in table
    ]


def wide(text: str) -> int:
    """Return how many places a text takes on a terminal: East Asian characters take two.

    Examples
    --------
    >>> wide("loss"), wide("損失")
    (4, 4)
    """
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(sign) else 1 + (east_asian_width(sign) in "WF") for sign in text)


def as_text(renderable: Any, width: int = 110) -> str:
    """Render a rich object as plain text."""
    from rich.console import Console

    console = Console(width=width, color_system=None, force_jupyter=False)  # which would show an empty output
    with console.capture() as capture:
        console.print(renderable)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def shape_words(shape: Any) -> str:
    """Write the shape of an example, or the shapes of several by name.

    Examples
    --------
    >>> shape_words((None, 8)), shape_words({"label": (2,), "size": (1,)})
    ('any x 8', 'label 2, size 1')
    """
    if isinstance(shape, dict):
        return ", ".join(f"{name} {shape_words(inner)}" for name, inner in shape.items())
    return " x ".join("any" if size is None else str(size) for size in shape)
