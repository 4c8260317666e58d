"""Callbacks that write files, and how a training resumes from them."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ...core.files import about, make_folder
from ...core.settings import choice, path_like, taken, text, whole
from ...core.value import of_library
from ...data.batches import check_resumable
from ...engine.state import Measured
from ...errors import SettingError
from ...metrics.best import Best
from ..history import History, Result
from ..loop import Callback, Loop


class Checkpoint(Callback):
    """Saves the whole training to a folder, from which ``fit(..., resume=folder)`` continues it.

    It writes after all callbacks had their turn, so their order does not matter, and once more at the end of
    the training, with the reason why it ended. The folder belongs to one training while that runs: another
    one that would write there is refused (see `core.lock` for disks that several machines share). Only
    checkpoints of this very training are ever removed from the folder; those of another one are replaced if
    they are of the same step.

    Parameters
    ----------
    folder : path
        The folder of ``step-00001234.safetensors`` and so on; made if it is not there.
    every_steps : int, optional
        The number of steps between checkpoints.
    every_epochs : int, optional
        The number of epochs between checkpoints. If neither is given, only the best model is written, and not
        the training.
    keep : int
        The number of latest checkpoints that are kept.
    best : str, optional
        A measured number such as ``"val_loss"``: whenever it is best, the model goes to
        ``best.safetensors``. NaN is never the best.
    mode : {"min", "max"}, optional
        Whether small or large is best; by default the metric decides, and a metric that does not know needs
        it.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        *,
        every_steps: int | None = None,
        every_epochs: int | None = 1,
        keep: int = 3,
        best: str | None = None,
        mode: str | None = None,
    ) -> None:
        self.folder = Path(taken(self, "folder", folder, path_like()))
        self.every_steps = taken(self, "every_steps", every_steps, whole(1, optional=True))
        self.every_epochs = taken(self, "every_epochs", every_epochs, whole(1, optional=True))
        self.keep = taken(self, "keep", keep, whole(1))
        best = taken(self, "best", best, text(optional=True))
        way = taken(self, "mode", mode, choice("min", "max", optional=True))
        if best is None and way is not None:
            raise SettingError(f"Checkpoint: mode={way!r} says what is best of a number: name it, best=...")
        self.best = None if best is None else Best(best, way, owner="Checkpoint")
        self.saves = bool(self.every_steps or self.every_epochs)
        if best is None and not self.saves:
            raise SettingError("Checkpoint: nothing would be written: give every_epochs, every_steps or best")
        self.due = self.improved = False

    def owned(self) -> Path | None:
        return self.folder

    def room(self, step: int) -> int | None:
        return self.every_steps - step % self.every_steps if self.every_steps else None

    def begin(self, loop: Loop) -> None:
        from ...interop.checkpoints import later
        from ...interop.model_file import describe

        self.due, self.improved = loop.fresh and self.saves, False
        if self.best is not None:
            self.best.begin(loop.model.metrics, loop.validation is not None or not of_library(self))
        loop.run_name = later(self.folder, loop.run_name)
        describe(loop.model)  # things that cannot be saved are an error now, and not after hours

    def step(self, loop: Loop, measured: Sequence[Measured]) -> None:
        self.due |= self.every_steps is not None and loop.steps % self.every_steps == 0

    def epoch(self, loop: Loop, result: Result) -> None:
        self.due |= self.every_epochs is not None and loop.epoch % self.every_epochs == 0
        self.improved = self.best is not None and self.best.improved(result, loop.model.metrics)

    def after_all(self, loop: Loop) -> None:
        if self.improved and loop.model.executor.main:
            from ...interop.model_file import save

            make_folder(self.folder)
            save(loop.model, self.folder / "best.safetensors")
        if self.due or (loop.over and self.saves):
            self._write(loop)
        self.due = self.improved = False

    def terminated(self, loop: Loop) -> str | None:
        self._write(loop)
        return f"with --resume (fit(..., resume=folder)) it goes on from {self.folder}"

    def _write(self, loop: Loop) -> None:
        from ...interop.checkpoints import place, prune
        from ..checkpoint import write

        for lock in loop.locks:
            lock.hold()
        write(loop, place(self.folder, loop.steps))
        if loop.model.executor.main:
            prune(self.folder, loop.run_name, self.keep, loop.steps)

    def state(self) -> Any:
        return None if self.best is None else self.best.state()

    def restore(self, loop: Loop, state: Any) -> None:
        if self.best is not None and state is not None:
            # Older versions kept the number alone.
            self.best.restore(state if isinstance(state, dict) else {"best": state})


def resumed(loop: Loop, folder: str | PathLike[str]) -> History:
    """Run a training loop, continuing from the newest checkpoint of a folder if there is one."""
    from ...interop.checkpoints import undone
    from ..checkpoint import restore

    where = Path(folder)
    check_resumable(loop.source)
    if not any(isinstance(c, Checkpoint) and c.saves and c.folder == where for c in loop.callbacks):
        loop.callbacks = [*loop.callbacks, Checkpoint(where)]
    with about(where, "use another folder, or remove this one to begin anew"), undone(loop):
        return loop.run(lambda: restore(loop, where))


class CSVLog(Callback):
    """Writes the history to a CSV file after each epoch, replacing the file as a whole.

    So a later training of the same model writes all epochs, that of another model its own in their place.

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
