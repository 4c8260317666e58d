"""Who reads something that must not be written meanwhile."""

from __future__ import annotations

from typing import Any
from weakref import ref

FEW = 32
"""After how many readers more it is looked who is gone."""


class Readers:
    """Those who read a state, their `state`, as long as they live."""

    def __init__(self) -> None:
        self.known: list[Any] = []

    def add(self, reader: Any) -> None:
        """Note a reader."""
        self.known.append(ref(reader))
        if len(self.known) % FEW == 0:  # where nobody asks for long
            self.have(None)

    def have(self, state: Any) -> bool:
        """Tell whether somebody reads a state; who is gone is forgotten."""
        found, known, self.known = False, self.known, []
        for each in known:
            if (reader := each()) is not None:
                self.known.append(each)
                found = found or reader.state is state
        return found
