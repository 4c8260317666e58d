"""Training shown in TensorBoard: curves, histograms, images, the network."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from ..backend import Array
from ..core.settings import path_like, taken, whole
from ..core.trees import leaves
from ..data.batch import Batch
from ..engine.state import Measured
from ..interop.tensorboard import as_images, begin, close, graph, histogram
from ..training.history import Result
from ..training.loop import Callback, Loop, alone
from .questions import step_gradient


class TensorBoard(Callback):
    """Writes event files: look at them with ``tensorboard --logdir FOLDER``.

    Scalars (loss at each step, all numbers of each epoch, the learning rate), histograms of weights and
    gradients, the filters of a first convolution, your own images, and the graph of the layers.

    Parameters
    ----------
    folder : path
        Where the files go (needs tensorboardX: ``pip install 'lucidnet[tensorboard]'``).
    histograms_every : int, optional
        The number of steps between histograms of weights and gradients; none if not given. Gradients take one
        more pass.
    images : array (n, height, width, channels), optional
        Images to show at the beginning, values from 0 to 1.
    """

    def __init__(
        self, folder: str | PathLike[str], *, histograms_every: int | None = None, images: Any = None
    ) -> None:
        self.folder = str(taken(self, "folder", folder, path_like()))
        self.every = taken(self, "histograms_every", histograms_every, whole(1, optional=True))
        self.images = None if images is None else as_images(images)
        self.writer: Any = None

    def begin(self, loop: Loop) -> None:
        self.writer = None
        self.writer = begin(self.folder, loop.model.executor.main)
        self.writer.file_writer.add_onnx_graph(graph(loop.model.net))  # it accepts any graph
        if self.images is not None:
            self.writer.add_images("images", self.images, loop.steps, dataformats="NHWC")

    def room(self, step: int) -> int | None:
        return alone(step, self.every) if self.every else None

    def before_step(self, loop: Loop, batches: Sequence[Batch]) -> None:
        step = loop.steps
        if not self.every or step % self.every:
            return
        for path, array in leaves(loop.model.state.params):
            histogram(self.writer, "weights/" + "/".join(path), array, step)
        for path, array in step_gradient(loop.model.problem, loop.model.state, *batches).items():
            histogram(self.writer, "gradients/" + "/".join(path), array, step)

    def step(self, loop: Loop, measured: Sequence[Measured]) -> None:
        step, optimizer = loop.steps, loop.model.optimizer
        self.writer.add_scalar("step/loss", float(np.mean([found.loss for found in measured])), step)
        rate = optimizer.rate(optimizer.learning_rate, step)
        self.writer.add_scalar("step/learning_rate", float(rate), step)

    def epoch(self, loop: Loop, result: Result) -> None:
        for name, value in result.items():
            self.writer.add_scalar(f"epoch/{name}", value, loop.first + loop.epoch)
        filters = first_filters(loop.model.state.params)
        if filters is not None:
            self.writer.add_images("filters", filters, loop.steps, dataformats="NHWC")

    def end(self, loop: Loop) -> None:
        if self.writer is not None:
            close(self.writer, self.folder)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"writer": None}  # it has a thread; the next training makes another


def first_filters(params: Any) -> Array | None:
    """Return the filters of a first convolution as images (filters, height, width, channels)."""
    for path, array in leaves(params):
        if path[-1] == "W" and array.ndim == 4 and array.shape[2] in (1, 3):
            low, high = float(array.min()), float(array.max())
            scaled = (array - low) / max(high - low, 1e-12)
            return np.moveaxis(scaled, -1, 0)
    return None
