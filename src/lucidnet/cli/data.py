"""What the command line makes of a data set: classes to tell apart, or numbers to predict."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import data as sets
from ..errors import SettingError


@dataclass(frozen=True)
class Task:
    """A data set, and what to learn from it.

    Whole-number targets are classes, others are numbers to predict.
    """

    name: str
    x: Any
    y: Any
    x_test: Any
    y_test: Any

    @property
    def classes(self) -> bool:
        """Whether the targets are classes."""
        return bool(self.y.dtype.kind in "iu")

    @property
    def outputs(self) -> int:
        """How many outputs the network needs."""
        if self.classes:
            return int(max(self.y.max(), self.y_test.max())) + 1
        return 1 if self.y.ndim == 1 else int(self.y.shape[1])

    @property
    def activation(self) -> str:
        """The activation of the last layer."""
        return "softmax" if self.classes else "linear"

    @property
    def loss(self) -> str:
        """The loss that fits the task of the data."""
        return "categorical_crossentropy" if self.classes else "mse"

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is measured besides the loss."""
        return ("accuracy",) if self.classes else ("mae", "r2")

    def title(self) -> str:
        """Say what the data are."""
        kind = f"{self.outputs} classes" if self.classes else "numbers"
        width = int(np.prod(self.x.shape[1:]))
        sizes = f"{len(self.x)} training and {len(self.x_test)} test examples"
        return f"{self.name}: {sizes}, {width} inputs, {kind}"

    def about(self) -> dict[str, Any]:
        """What a saved model remembers of its data."""
        return {"data": readable(self.name)}


def readable(name: str) -> str:
    """Return the name of a file as text, also where the system's own encoding lacks some of its signs."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def as_name(text: str) -> str:
    """Return a text as the system names files: what `readable` was given."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def open_task(name: str) -> Task:
    """Load a data set by name, or from a file."""
    if not name.strip():
        raise SettingError(f"DATA: expected the name of a data set, as in digits, or a file, got {name!r}")
    (x, y), (x_test, y_test) = sets.load(name)
    return Task(name, x, y, x_test, y_test)


def open_whole(name: str) -> Task:
    """Load a data set by name; of a file without a test part of its own, all rows are the test part."""
    if name in sets.KNOWN or not name.strip() or not Path(name).exists():
        return open_task(name)
    table = sets.read(name)
    if table.x_test is not None:
        return open_task(name)
    x = table.x.reshape(len(table.x), -1)
    return Task(name, x, table.y, x, table.y)
