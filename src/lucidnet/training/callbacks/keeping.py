"""Callbacks that write files, and how a training goes on from them."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.settings import path_like, taken, text, whole
from ...engine.state import Measured
from ..history import History, Result
from .base import Callback
from .watching import better, mode_of, monitored

if TYPE_CHECKING:
    from ..loop import Loop


class Checkpoint(Callback):
    """Writes the whole training to a folder, from which ``fit(..., resume=folder)`` goes on.

    Parameters
    ----------
    folder : path
        Where ``step-00001234.safetensors`` and the like go; made if it is not there.
    every_steps : int, optional
        After how many steps.
    every_epochs : int, optional
        After how many epochs.
    keep : int
        How many of the last are kept.
    best : str, optional
        A measured number such as ``"val_loss"``: whenever it is best, the model goes to
        ``best.safetensors``.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        *,
        every_steps: int | None = None,
        every_epochs: int | None = 1,
        keep: int = 3,
        best: str | None = None,
    ) -> None:
        self.folder = Path(taken(self, "folder", folder, path_like()))
        self.every_steps = taken(self, "every_steps", every_steps, whole(1, optional=True))
        self.every_epochs = taken(self, "every_epochs", every_epochs, whole(1, optional=True))
        self.keep = taken(self, "keep", keep, whole(1))
        self.best = taken(self, "best", best, text(optional=True))
        self.record: float | None = None

    def room(self, step: int) -> int | None:
        return self.every_steps - step % self.every_steps if self.every_steps else None

    def step(self, loop: Loop, measured: Sequence[Measured]) -> None:
        if self.every_steps and loop.steps % self.every_steps == 0:
            self._write(loop)

    def epoch(self, loop: Loop, result: Result) -> None:
        if self.best is not None:
            value = monitored(result, self.best)
            if self.record is None or better(value, self.record, mode_of(self.best)):
                self.record = value
                model: Any = loop.model
                if model.executor.main:
                    from ...interop.model_file import save

                    self.folder.mkdir(parents=True, exist_ok=True)
                    save(model, self.folder / "best.safetensors")
        if self.every_epochs and loop.epoch % self.every_epochs == 0:
            self._write(loop)

    def terminated(self, loop: Loop) -> str | None:
        self._write(loop)
        return f"with --resume (fit(..., resume=folder)) it goes on from {self.folder}"

    def _write(self, loop: Loop) -> None:
        from ..checkpoint import write

        write(loop, self.folder / f"step-{loop.steps:08}.safetensors")
        if loop.model.executor.main:
            for old in sorted(self.folder.glob("step-*.safetensors"))[: -self.keep]:
                old.unlink(missing_ok=True)

    def state(self) -> Any:
        return self.record

    def restore(self, loop: Loop, state: Any) -> None:
        self.record = state


def resumed(loop: Loop, folder: str | PathLike[str]) -> History:
    """Run a loop that goes on from the newest checkpoint of a folder, if there is one."""
    from ..checkpoint import restore

    where = Path(folder)
    if not any(isinstance(c, Checkpoint) and c.folder == where for c in loop.callbacks):
        loop.callbacks = [*loop.callbacks, Checkpoint(where)]
    restore(loop, where)
    return loop.run()


class CSVLog(Callback):
    """Keeps the history in a CSV file, written anew after each epoch: whole or not at all.

    Parameters
    ----------
    path : path
        The file.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = taken(self, "path", path, path_like())

    def epoch(self, loop: Loop, result: Result) -> None:
        if loop.model.executor.main:
            loop.model.history.to_csv(self.path)
