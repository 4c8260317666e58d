"""The explanation of a training step, as text, HTML or LaTeX."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from .expressions import Html, Latex, Notation
from .story import Section

STYLE = (
    "font-family:system-ui,sans-serif;color-scheme:light dark;color:inherit;background:transparent;"
    "overflow-x:auto"
)
TABLE = "border-collapse:collapse;font-family:ui-monospace,monospace;font-size:0.9em;margin:0.2em 0 1em 1em"
CELL = "padding:0.1em 0.5em;border:none;text-align:left;vertical-align:top;background:transparent"


@dataclass(frozen=True)
class Explanation:
    """One training step, operation by operation.

    Parameters
    ----------
    title : str
        What was done.
    sections : tuple of Section
        Forward, loss, backward, update; each with its equations, whose ``value`` is the number.
    digits : int
        Significant digits of the numbers as they are written.
    """

    title: str
    sections: tuple[Section, ...]
    digits: int = 6

    def text(self) -> str:
        """Return it as plain text."""
        return "\n".join([self.title, *(line for s in self.sections for line in self._section(s))])

    def html(self) -> str:
        """Return it as a piece of HTML that needs nothing else, on a light or a dark page."""
        parts = (part for section in self.sections for part in self._rows(section))
        return f'<div style="{STYLE}"><h3>{escape(self.title)}</h3>{"".join(parts)}</div>'

    def latex(self) -> str:
        r"""Return it as an ``align*`` environment for a document with ``\usepackage{amsmath}``."""
        rows = ["\n".join(self._aligned(section)) for section in self.sections]
        body = "\n".join(rows).rstrip().removesuffix(r"\\")
        return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n"

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()

    def _section(self, section: Section) -> Iterator[str]:
        yield ""
        yield section.title
        yield from (f"  {note}" for note in section.notes)
        sides = [equation.write(Notation(self.digits)) for equation in section.equations]
        width = max((len(left) for left, _ in sides), default=0)
        yield from (f"  {left.ljust(width)} = {right}" for left, right in sides)

    def _rows(self, section: Section) -> Iterator[str]:
        yield f"<h4>{escape(section.title)}</h4>"
        yield from (f"<p>{escape(note)}</p>" for note in section.notes)
        if section.equations:
            yield f'<table style="{TABLE}">'
            for equation in section.equations:
                left, right = equation.write(Html(self.digits))
                yield f'<tr><td style="{CELL}">{left}</td><td style="{CELL}">= {right}</td></tr>'
            yield "</table>"

    def _aligned(self, section: Section) -> Iterator[str]:
        said = ": ".join([section.title, *section.notes])
        yield rf"\intertext{{{_plain(said)}}}"
        for equation in section.equations:
            left, right = equation.write(Latex(self.digits))
            yield rf"{left} &= {right} \\"


LITERAL = {
    "\\": r"\textbackslash{}",
    "_": r"\_",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "^": r"\^{}",
    "~": r"\~{}",
    "∂": r"$\partial$",
}


def _plain(text: str) -> str:
    """Return words as LaTeX shows them literally."""
    return "".join(LITERAL.get(letter, letter) for letter in text)
