"""Names of variables in Python, of the names that values have."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from . import formulas


class Names:
    """The names of variables: those of the values, as Python may have them.

    Parameters
    ----------
    others : iterable of str
        Names that mean something else.
    """

    def __init__(self, others: Iterable[str]) -> None:
        self.known: dict[str, str] = {}
        self.taken = {"predict", *others, *vars(formulas), *vars(builtins)}
        self.inner: set[str] = set()
        """Values that are known only here, within a layer or a function, where short names do."""

    @contextmanager
    def within(self, inner: set[str]) -> Iterator[None]:
        """Give short names to some values, which others may have before and after."""
        outside, self.inner = self.inner, inner
        hidden = {self.known[name] for name in outside if name in self.known}
        self.taken -= hidden
        try:
            yield
        finally:
            self.taken -= {self.known[name] for name in inner if name in self.known}
            self.taken |= hidden
            self.inner = outside

    def of(self, name: str) -> str:
        """Return the variable of a value; always the same for one."""
        if name not in self.known:
            wanted = plain = variable(short(name) if name in self.inner else name)
            number = 1
            while wanted in self.taken:
                number += 1
                wanted = f"{plain}_{number}"
            self.taken.add(wanted)
            self.known[name] = wanted
        return self.known[name]


def variable(name: str) -> str:
    """Return a name as Python may have it."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"_{plain}" if plain[:1].isdigit() or keyword.iskeyword(plain) else plain


def short(name: str) -> str:
    """Return a name without that of its layer, and without its number."""
    return name.rpartition(".")[2].rstrip("0123456789")
