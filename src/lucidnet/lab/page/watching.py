"""A user's own training as the page sees it: it pauses, steps, and sends what is looked at."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import files
from ...core.trees import tree_map
from ...data.batch import Batch
from ...data.batches import sample
from ...errors import LucidnetError, SettingError, lookup, some
from ...layers import walk
from ...plots.boundary import MOST_CLASSES, class_numbers
from .formulas import formulas_of
from .frame import VERSION, Curves, Viewer, packed
from .newest import Newest
from .session import shown_data
from .task import LabTask

if TYPE_CHECKING:
    from ...training.loop import Loop

SAMPLE, FRAMES = 64, 120
"""The number of examples examined, and the most frames that a file holds."""


class LiveSession(Newest):
    """A session of a user's own training: a `FitSession`, or that of an online learner.

    Parameters
    ----------
    facts : dict
        What the page tells of it, as JSON.
    every : int, optional
        The steps to look at, whoever asks.
    kept : bool
        Whether frames are kept, to be written to a file.
    """

    look: Viewer | None = None
    """The viewer of the network, made when a step is first looked at."""

    def __init__(self, facts: dict[str, Any], every: int | None, kept: bool) -> None:
        super().__init__()
        self.facts, self.every, self.kept = facts, every, kept
        self.curves = Curves(1)
        self.steps_left, self.paused, self.over = 0, False, False
        self.frames: list[bytes] = []
        self.apart, self.due, self.asked = every or 1, False, True
        self.error: str | None = None

    # --- what a kind of training says ----------------------------------------------------------------

    @property
    def step(self) -> int:
        """How many steps have been made."""
        raise NotImplementedError

    @property
    def stopped(self) -> bool:
        """Whether the training is about to end."""
        return False

    def tested(self) -> list[float]:
        """Return the last validation's loss and first metric."""
        return [float("nan")] * 2

    def more(self) -> dict[str, Any]:
        """Return further arrays for a frame, by name."""
        return {}

    # --- in the training's thread ----------------------------------------------------------------------

    def wants(self, step: int) -> bool:
        """Tell whether to look at the next step, for a viewer or the file; cheap if nobody watches."""
        self.due = self.kept and step % self.apart == 0
        regular = self.every is not None and step % self.every == 0
        on_demand = self.every is None and self.wanted > self.number
        self.asked = self.due or self.paused or on_demand or (regular and self.wanted > self.number)
        return self.asked

    def hold(self) -> None:
        """Wait while the page has paused, rendering the frames that it asks for."""
        while self.paused and not self.steps_left:
            if self.wanted > self.number:
                self.make_frame(float("nan"))
            with self.awake:
                if self.paused and not self.steps_left and self.wanted <= self.number:
                    self.awake.wait(0.2)
            if self.stopped:
                break
        self.steps_left = max(0, self.steps_left - 1)

    def after(self, loss: float) -> None:
        """Render a frame after a step."""
        if self.look is not None:
            self.look.moved()
            self.make_frame(loss)

    def make_frame(self, loss: float) -> None:
        """Render the newest frame, with the last step's loss; keep it for the file if it is due."""
        look = self.look
        if look is None:
            return
        units, step = self.units or (self.kept and self.due), self.step
        angle, (test, metric) = look.angle(), self.tested()
        if loss == loss and (not self.curves.rows or self.curves.rows[-1][0] < step):
            self.curves.come([float(step), loss, test, metric, angle])
        header, arrays = look.seen("A", units)
        numbers: dict[str, Any] = {"batch_loss": loss, "loss": test, "metric": metric, "angle": angle}
        numbers |= {"ms": None, "error": self.error}
        whole: dict[str, Any] = {"number": self.number + 1, "step": step, "revision": 1}
        whole |= {"running": not (self.paused or self.over), "over": self.over}
        whole["networks"] = [header | numbers]
        message = packed(whole, {"curves": self.curves.array(), **arrays, **self.more()})
        if self.due:
            self.frames.append(zlib.compress(message, 6))
            if len(self.frames) > FRAMES:
                self.apart *= 2
                self.frames = self.frames[::2]
        self.publish(message, units)

    def finish(self) -> None:
        """Render the final state, which later requests will also get."""
        with self.awake:
            self.over, self.due = True, self.kept
            self.make_frame(float("nan"))

    def write(self, path: Path) -> None:
        """Write a page that replays the training."""
        from .files import saved_page

        frames = [base64.b64encode(frame).decode() for frame in self.frames]
        config = {**self.config(), "source": "saved"}
        files.write(path, [saved_page(config, frames, f"lucidnet: {path.stem}").encode()])

    # --- what a page asks ----------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """Return a description of the training."""
        return {"version": VERSION, "source": "live", "revision": 1, "networks": 1, **self.facts}

    def control(self, asked: Any) -> dict[str, Any]:
        """Carry out a request: pause, resume, or make one step."""
        if not isinstance(asked, dict) or not isinstance(asked.get("do"), str):
            raise SettingError("expected what to do, as in {'do': 'pause'}")
        paused = lookup("request", asked["do"], {"play": False, "pause": True, "step": True})
        with self.awake:
            self.paused, self.steps_left = paused, int(asked["do"] == "step")
            self.wanted = self.number + 1
            self.awake.notify_all()
        return {"number": self.number}

    def close(self) -> None:
        """Resume a paused training."""
        with self.awake:
            self.paused = False
            self.awake.notify_all()


class FitSession(LiveSession):
    """A session of a running `fit`.

    Parameters
    ----------
    loop : Loop
        The training.
    every, kept
        As for `LiveSession`.
    """

    def __init__(self, loop: Loop, every: int | None, kept: bool) -> None:
        self.loop, self.task = loop, in_plane(loop)
        super().__init__(facts(loop, self.task), every, kept)

    @property
    def step(self) -> int:
        return self.loop.steps

    @property
    def stopped(self) -> bool:
        return bool(self.loop.asked.requested)

    def before(self, batches: Sequence[Any]) -> None:
        """Wait while the page has paused, then record the state before a step that is looked at."""
        if self.look is None:
            self.look = Viewer(self.loop.model, _first(batches[0]), self.task)
        self.hold()
        self.look.before = self.loop.model.state

    def frame(self, since: int, seconds: float, units: bool = False) -> bytes | None:
        """Return a frame newer than one with a number; after the end it is made for whoever asks first."""
        if self.over:
            with self.awake:
                self._ended(units)
        return super().frame(since, seconds, units)

    def _ended(self, units: bool) -> None:
        """Make a frame of the end, if nobody has looked before, or not at single units."""
        if self.look is None and (some := sample(self.loop.source)) is not None:
            self.look = Viewer(self.loop.model, _first(some), self.task)
        if units:
            self.want_units()
        if self.newest is None or (units and not self.has_units):
            self.make_frame(float("nan"))

    def tested(self) -> list[float]:
        history = self.loop.model.history
        last = {name: values[-1] for name, values in history.items() if name.startswith("val_") and values}
        others = [value for name, value in last.items() if name != "val_loss"]
        return [float(last.get("val_loss", "nan")), float(others[0]) if others else float("nan")]


def _first(batch: Any) -> Any:
    """Return the first examples of a batch."""
    some = slice(SAMPLE)
    return Batch(*(None if part is None else tree_map(lambda array: array[some], part) for part in batch))


def in_plane(loop: Loop) -> LabTask | None:
    """Return a sample of a training's data, if they are points in a plane with classes; else None."""
    training, test = sample(loop.source), sample(loop.validation)
    one_output = not isinstance(loop.model.output_shape, dict) and len(loop.model.output_shape) == 1
    if training is None or isinstance(training.x, dict) or training.x.shape[1:] != (2,) or not one_output:
        return None
    parts = [part for part in (training, test) if part is not None]
    try:
        labels = [class_numbers(np.asarray(part.target), "Live") for part in parts]
    except LucidnetError:
        return None
    whole_numbers = all(_whole(part.target) for part in parts)
    if not whole_numbers or len(np.unique(np.concatenate(labels))) > MOST_CLASSES:
        return None
    x = [np.asarray(part.x) for part in parts]
    nothing = x[0][:0], labels[0][:0]
    x_test, y_test = (x[1], labels[1]) if len(parts) == 2 else nothing
    return LabTask(x[0], labels[0], x_test, y_test, title="")


def _whole(target: Any) -> bool:
    values = np.asarray(target, float)
    return bool((values == values.round()).all())


def facts(loop: Loop, task: LabTask | None) -> dict[str, Any]:
    """Return what the page says about a training, for JSON."""
    from ...rules.registry import short_name

    model = loop.model
    layers = [type(layer).__name__ for path, layer in walk(model.net) if path and not layer.children()]
    title = f"{some(layers, 6)}: {short_name(model.rule)}"
    metric = model.metrics[0].name if model.metrics and loop.validation is not None else None
    made = {"titles": [title], "metric": metric, "data": task and shown_data(task)}
    return made | {"formulas": [formulas_of(model.net, model.rule)]}
