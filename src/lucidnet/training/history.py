"""What was measured: in one step or evaluation, and over the epochs."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from ..core.epochs import EpochLists
from ..core.epochs import Result as Result
from ..core.longform import history_csv, step_rows
from ..core.text import ByName
from ..foreign import answering


@answering
class History(EpochLists):
    """A list of numbers, one per epoch, for each measured quantity.

    Examples
    --------
    >>> history = History()
    >>> history.append(Result(loss=0.5, val_loss=0.625))
    >>> history.append(Result(loss=0.25, val_loss=0.5))
    >>> history["loss"]
    [0.5, 0.25]
    >>> print(history)
    epoch    loss  val_loss
        1  0.5000    0.6250
        2  0.2500    0.5000
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.steps: dict[str, list[tuple[int, Any]]] = ByName()
        """What was recorded between epochs: for each quantity, pairs of a step and the value then."""
        self.origin: Any = None
        """The origin of what was recorded: the network, and some of the data; None if nothing was."""
        self.stopped: str | None = None
        """Why a callback ended the last training before its last epoch; None if none did."""

    def record(self, step: int, values: Mapping[str, Any]) -> None:
        """Add the values recorded at one step."""
        for name, value in values.items():
            self.steps.setdefault(name, []).append((step, value))

    def rows(self) -> list[dict[str, float]]:
        """Return one dict per epoch: a table for pandas, CSV writers and people."""
        return [
            {"epoch": epoch + 1} | {name: values[epoch] for name, values in self.items()}
            for epoch in range(self.epochs)
        ]

    def step_rows(self) -> list[dict[str, Any]]:
        """Return what was recorded between epochs in long form: one dict for each number.

        The columns are ``step``, ``quantity`` (``"gradient_alignment"``, ``"weights"``, ``"val_loss"``),
        ``layer`` and ``parameter`` (what it belongs to; empty if to none), ``index`` (the place in an array,
        as ``"2,0"``; empty for a single number) and ``value``. ``pandas.DataFrame(history.step_rows())`` and
        ``polars.DataFrame`` take the list directly.

        Examples
        --------
        >>> history = History()
        >>> history.record(100, {"gradient_alignment/dense1": 0.5})
        >>> list(history.step_rows()[0].values())
        [100, 'gradient_alignment', 'dense1', '', '', 0.5]
        """
        return list(step_rows(self.steps))

    def to_csv(self, path: str | PathLike[str] | None = None, *, steps: bool = False) -> str:
        """Return `rows` (or `step_rows` if `steps`) as CSV; write it to a file if a path is given."""
        return history_csv(self, path, steps)

    def plot(self, path: str | PathLike[str] | None = None, **look: Any) -> Any:
        """Return a figure of all curves (needs matplotlib: ``pip install 'lucidnet[plots]'``).

        ``ax``, ``title``, ``figsize``, ``style`` and ``path`` are those of all pictures: see `plots`.
        """
        from ..plots.curves import training_curves

        return training_curves(self, path=path, **look)
