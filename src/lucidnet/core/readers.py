"""Objects that read a state, which must not be overwritten meanwhile."""

from __future__ import annotations

from typing import Any
from weakref import ref

FEW = 32
"""After how many new readers those that are gone are removed."""


class Readers:
    """Objects with an attribute `state`, known as long as they live."""

    def __init__(self) -> None:
        self.known: list[Any] = []

    def add(self, reader: Any) -> None:
        """Add a reader, without keeping it alive."""
        self.known.append(ref(reader))
        if len(self.known) % FEW == 0:
            self.have(None)

    def have(self, state: Any) -> bool:
        """Tell whether a living reader has this state; remove those that are gone."""
        found, known, self.known = False, self.known, []
        for each in known:
            if (reader := each()) is not None:
                self.known.append(each)
                found = found or reader.state is state
        return found
