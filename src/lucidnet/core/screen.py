"""Where progress bars are drawn: over one line of a terminal, or in one output of a notebook.

A terminal is told to rewrite its line, as all understand it. A notebook (Jupyter, VS Code, Colab and whatever
else runs IPython's kernel) is given one piece of HTML that replaces the one before; that needs no widgets,
and a saved notebook keeps the last one. Where nobody watches, there is no surface.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any, NamedTuple

from .text import wide

PLACES, SHORTEST = 16, 4
"""The width of a bar in characters, and the least: in narrower terminals there is none."""


class Drawn(NamedTuple):
    """What a progress bar shows: a title, the share that is done (0 to 1), and words after the bar."""

    title: str
    share: float
    words: str


class Surface:
    """Where progress bars are drawn; this base class draws nothing."""

    def say(self, text: str) -> None:
        """Print a line that stays."""

    def draw(self, bar: Drawn) -> None:
        """Draw a bar in place of the previous one."""

    def close(self, told: str) -> None:
        """Remove the bar; if a closing line is given it takes the bar's place."""


def surface() -> Surface | None:
    """Return where to draw bars: a notebook or a terminal; None if the output is a file or a pipe."""
    if in_notebook():
        return Notebook()
    return Terminal() if is_terminal(sys.stdout) and os.environ.get("TERM") != "dumb" else None


def is_terminal(stream: Any) -> bool:
    """Tell whether a stream is a terminal; there may be none, or an object of one's own that only writes."""
    asked = getattr(stream, "isatty", None)
    return asked is not None and bool(asked())


def in_notebook() -> bool:
    """Tell whether this code runs in an IPython kernel, whose output appears in a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class Terminal(Surface):
    """The last line of a terminal. What is printed meanwhile comes above it."""

    def __init__(self) -> None:
        self.out: Any = sys.stdout
        self.length, self.ends = 0, True
        self.streams: tuple[Any, ...] = ()
        try:
            "━─".encode(getattr(self.out, "encoding", None) or "ascii")
            self.signs = "━", "─"
        except (UnicodeEncodeError, LookupError):
            self.signs = "#", "-"

    def say(self, text: str) -> None:
        self.clear()
        self.out.write(f"{text}\n")
        self.out.flush()

    def draw(self, bar: Drawn) -> None:
        if not self.ends:  # someone has not finished a line
            return
        from shutil import get_terminal_size

        if not self.streams:
            self.streams = sys.stdout, sys.stderr
            sys.stdout, sys.stderr = (Above(self, stream) for stream in self.streams)
        line = self.line(bar, get_terminal_size().columns - 1)
        width = wide(line)
        self.out.write(f"\r{line}{' ' * (self.length - width)}\r")
        self.out.flush()
        self.length = width

    def line(self, bar: Drawn, room: int) -> str:
        """Return a bar as a line of at most `room` places: what has no room is left out, numbers whole."""
        share = f"{100 * bar.share:>3.0f} %"
        places = min(PLACES, room - wide(f"{bar.title}  {share} {bar.words.partition('  ')[0]}"))
        if places < SHORTEST:
            places = min(PLACES, room - wide(f"{bar.title}  {share}"))
        done = round(bar.share * places)
        stripe = self.signs[0] * done + self.signs[1] * (places - done) if places >= SHORTEST else ""
        line = " ".join(part for part in (bar.title, stripe, share) if part)
        return cut(f"{line} {whole(bar.words, room - wide(line) - 1)}".rstrip(), room)

    def clear(self) -> None:
        """Erase the bar, leaving an empty line."""
        if self.length:
            self.out.write(f"\r{' ' * self.length}\r")
            self.length = 0

    def close(self, told: str) -> None:
        self.clear()
        self.out.flush()
        for name, stream in zip(("stdout", "stderr"), self.streams, strict=False):
            if isinstance(mine := getattr(sys, name), Above) and mine.terminal is self:
                setattr(sys, name, stream)
        self.streams = ()


class Above:
    """A stream that erases the terminal's bar before anything is written."""

    def __init__(self, terminal: Terminal, stream: Any) -> None:
        self.terminal, self.stream = terminal, stream

    def write(self, text: str) -> Any:
        """Erase the bar, then write the text."""
        self.terminal.clear()
        if text:
            self.terminal.ends = text.endswith(("\n", "\r"))
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Notebook(Surface):
    """A notebook output that is updated in place: a bar, and below it the printed lines."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.handle: Any = None

    def say(self, text: str) -> None:
        self.said.append(text)

    def draw(self, bar: Drawn) -> None:
        from . import page

        stripe = f'<span class="bar"><b style="width:{100 * bar.share:.1f}%"></b></span>'
        line = f"{page.escaped(bar.title)} {stripe} {100 * bar.share:.0f} % {page.escaped(bar.words)}"
        said = [page.preformatted("\n".join(self.said))] if self.said else []
        self._show(f"{bar.title} {100 * bar.share:.0f} % {bar.words}", [f"<p>{line}</p>", *said])

    def close(self, told: str) -> None:
        from . import page

        line = page.escaped(told)
        if self.said:
            lines = page.preformatted("\n".join(self.said))
            self._show(
                "\n".join([told, *self.said]), [f"<details><summary>{line}</summary>{lines}</details>"]
            )
        elif told:
            self._show(told, [f"<p>{line}</p>"])

    def _show(self, text: str, parts: list[str]) -> None:
        display: Any = import_module("IPython.display").display

        from . import page

        bundle = {"text/plain": text, "text/html": page.fragment(*parts)}
        if self.handle is None:
            self.handle = display(bundle, raw=True, display_id=True)
        else:
            self.handle.update(bundle, raw=True)


def whole(words: str, places: int) -> str:
    """Cut words to a width of `places` between two quantities, so that no number loses its last digits.

    Examples
    --------
    >>> whole("0:01 left  loss 0.25, accuracy 0.9375", 30)
    '0:01 left  loss 0.25'
    """
    import re

    parts = re.split("(, |  )", words)
    while wide("".join(parts)) > max(0, places):
        del parts[-2:]
    return "".join(parts)


def cut(text: str, places: int) -> str:
    """Cut a text to a width of `places` terminal columns.

    Examples
    --------
    >>> cut("epoch 1/2", 7), cut("損失", 3)
    ('epoch 1', '損')
    """
    while wide(text) > places:
        text = text[: places if text.isascii() else -1]
    return text
