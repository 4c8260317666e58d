"""The explanation of a training step, as text, HTML or LaTeX."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from ...core.files import write
from ...core.page import escaped, fragment, heading, paragraph, whole
from ...core.text import Report, plain
from ...errors import SettingError
from .expressions import Html, Latex, Notation
from .story import Section

WAYS = {".html": "page", ".htm": "page", ".txt": "text", ".tex": "latex"}
"""The file formats of an explanation, by suffix."""


@dataclass(frozen=True, repr=False)
class Explanation(Report):
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
        """Return the explanation as plain text."""
        return "\n".join([self.title, *(line for s in self.sections for line in self._section(s))])

    def html(self) -> str:
        """Return the explanation as a piece of HTML for a light or dark page; see `page` for a whole one."""
        parts = (part for section in self.sections for part in self._rows(section))
        return fragment(heading(self.title), *parts)

    def page(self) -> str:
        """Return the explanation as a whole HTML page, light or dark as the reader's system is."""
        return whole(self.title.partition(":")[0], self.html())

    def save(self, path: str | PathLike[str]) -> None:
        """Write the explanation to a file.

        Parameters
        ----------
        path : path
            Where to: a whole page for ``.html``, plain text for ``.txt``, LaTeX for ``.tex``, in UTF-8.

        Raises
        ------
        SettingError
            If the name ends in something else.
        FileError
            If the file cannot be written.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in WAYS:
            raise SettingError(f"save: expected a name that ends in {', '.join(WAYS)}, got {str(path)!r}")
        write(path, [getattr(self, WAYS[suffix])().encode()])

    def latex(self) -> str:
        r"""Return it as an ``align*`` environment for a document with ``\usepackage{amsmath}``."""
        rows = ["\n".join(self._aligned(section)) for section in self.sections]
        body = "\n".join(rows).rstrip().removesuffix(r"\\")
        return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n"

    def __str__(self) -> str:
        return plain(self.text())

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
        yield f"<h4>{escaped(section.title)}</h4>"
        yield from map(paragraph, section.notes)
        if section.equations:
            yield '<table class="m plain">'
            for equation in section.equations:
                left, right = equation.write(Html(self.digits))
                yield f'<tr><td>{left}</td><td class="w">= {right}</td></tr>'
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
    """Escape text for LaTeX."""
    return "".join(LITERAL.get(letter, letter) for letter in text)
