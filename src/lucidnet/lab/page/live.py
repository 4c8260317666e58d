"""A training of one's own in the page: while it runs, or recorded into one file."""

from __future__ import annotations

import base64
import sys
import threading
import time
import zlib
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import files
from ...core.settings import flag, path_like, taken, whole
from ...core.trees import tree_map
from ...data.batch import Batch
from ...data.batches import sample
from ...engine.state import Measured
from ...errors import LucidnetError, SettingError, lookup
from ...layers import walk
from ...plots.boundary import MOST_CLASSES, class_numbers
from ...training.loop import Callback, Loop, alone
from .frame import VERSION, Curves, Viewer, packed
from .session import shown_data
from .task import LabTask

if TYPE_CHECKING:
    from .server import Server

SAMPLE, FRAMES = 64, 120
"""On how many examples is looked, and how many frames a file holds at most."""
SUFFIXES = (".html", ".htm")


class Live(Callback):
    """Shows a training in the page in the browser: curves, weights, gradients, activations, feedback, health.

    The page can pause the training, and make single steps; what is trained, and how, stays as it is. A
    training that nobody looks at takes no longer than without.

    Parameters
    ----------
    every : int, optional
        At which steps it is looked: those whose number this divides. If not given, whenever the page asks
        for a picture; for a file at each step at first, and at fewer the longer it takes.
    save : path, optional
        Writes one page (``.html``) at the end, which replays the training without a server: it has all that
        it needs in it. No server is started then, unless `open` is given.
    open : bool, optional
        Whether to open the page in a browser; if not given, where Python runs in a terminal. In a notebook
        the page shows itself below the cell.
    port : int
        Where the page is served on this machine; 0 for any port that is free.

    Attributes
    ----------
    server : Server or None
        What serves the page, with ``url``, once the training has begun. It stays until `close`, or until the
        next training begins.

    Examples
    --------
    >>> import lucidnet as ln
    >>> x, y = ln.data.moons(100)
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(8, "tanh"), ln.layers.Dense(1, "sigmoid")])
    >>> model.compile("binary_crossentropy", "adam")
    >>> live = ln.lab.Live(open=False)
    >>> history = model.fit(x, y, epochs=2, callbacks=[live], verbose=0)
    >>> live.server.url.startswith("http://127.0.0.1:")
    True
    >>> live.close()
    """

    def __init__(
        self,
        every: int | None = None,
        save: str | PathLike[str] | None = None,
        open: bool | None = None,
        port: int = 0,
    ) -> None:
        self.every: int | None = taken(self, "every", every, whole(1, optional=True))
        self.save: Path | None = taken(self, "save", save, path_like(optional=True))
        if self.save is not None:
            self.save = Path(self.save)
            if self.save.suffix.lower() not in SUFFIXES:
                raise SettingError(f"Live: save must be a name that ends in .html, got {str(self.save)!r}")
        self.open: bool | None = taken(self, "open", open, flag(optional=True))
        self.port: int = taken(self, "port", port, whole(0, 65535))
        self.server: Server | None = None
        self.session: LiveSession | None = None

    @property
    def looks(self) -> bool:
        return False

    def room(self, step: int) -> int | None:
        if self.every is not None:
            return alone(step, self.every)
        if (session := self.session) is None:
            return None
        if session.kept:
            return alone(step, session.apart)
        return 1 if session.wanted or session.paused else None

    def begin(self, loop: Loop) -> None:
        self.close()
        if not loop.model.executor.main:
            return
        self.session = LiveSession(loop, self.every, self.save is not None)
        if self.save is None or self.open is not None:
            from .server import Server

            self.server = Server(self.session, port=self.port)
            _show(self.server, self.open)
        if self.save is not None:
            files.make_folder(self.save.parent)

    def before_step(self, loop: Loop, batches: Sequence[Any]) -> None:
        if (session := self.session) is not None and session.wants(loop.steps):
            session.before(loop, batches)

    def step(self, loop: Loop, measured: Sequence[Measured]) -> None:
        if (session := self.session) is not None and session.asked:
            session.after(loop, measured)

    def end(self, loop: Loop) -> None:
        if self.session is None:
            return
        self.session.finish(loop)
        if self.save is not None:
            self.session.write(self.save)

    def close(self) -> None:
        """End the server, if there is one."""
        if self.server is not None:
            self.server.close()
        self.server = self.session = None


class LiveSession:
    """A training of one's own, as the page sees it.

    Parameters
    ----------
    loop : Loop
        The training.
    every : int, optional
        At which steps it is looked, whoever asks.
    kept : bool
        Whether frames are kept, to be written to a file.
    """

    def __init__(self, loop: Loop, every: int | None, kept: bool) -> None:
        self.every, self.kept = every, kept
        self.curves = Curves(1)
        self.number = self.shown = 0
        self.newest: bytes | None = None
        self.awake = threading.Condition()
        self.wanted, self.steps_left, self.paused, self.over = 0, 0, False, False
        self.look: Viewer | None = None
        self.losses: list[float] = []
        self.frames: list[tuple[int, bytes]] = []
        self.apart, self.due, self.asked = every or 1, False, True
        self.task = in_plane(loop)
        self.facts = facts(loop, self.task)

    def wants(self, step: int) -> bool:
        """Tell whether the next step is looked at: by the page, or for a file; cheap, if nobody does."""
        self.due = self.kept and step % self.apart == 0
        regular = self.every is not None and step % self.every == 0
        on_demand = self.every is None and self.wanted > self.number
        self.asked = self.due or self.paused or on_demand or (regular and self.wanted > self.number)
        return self.asked

    def before(self, loop: Loop, batches: Sequence[Any]) -> None:
        """Note the state before a step that is looked at, and wait while the page has paused."""
        if self.look is None:
            batch = batches[0]
            self.look = Viewer(loop.model, _first(batch), self.task)
        while self.paused and not self.steps_left:
            if self.wanted > self.number:
                self._frame(loop, float("nan"))
            with self.awake:
                if self.paused and not self.steps_left and self.wanted <= self.number:
                    self.awake.wait(0.2)
            if loop.asked.requested:
                break
        self.steps_left = max(0, self.steps_left - 1)
        self.look.before = loop.model.state

    def after(self, loop: Loop, measured: Sequence[Measured]) -> None:
        """Viewer at the training after a step."""
        assert self.look is not None
        self.look.moved()
        self._frame(loop, float(measured[-1].loss))

    def _frame(self, loop: Loop, loss: float) -> None:
        look = self.look
        assert look is not None
        angle = look.angle()
        if loss == loss and (not self.curves.rows or self.curves.rows[-1][0] < loop.steps):
            self.curves.add([float(loop.steps), loss, *self._validated(loop), angle])
        header, arrays = look.seen("A")
        test, metric = self._validated(loop)
        numbers = {
            "batch_loss": loss,
            "loss": test,
            "metric": metric,
            "angle": angle,
            "ms": None,
            "error": None,
        }
        whole_header: dict[str, Any] = {"number": self.number + 1, "step": loop.steps, "revision": 1}
        whole_header |= {"running": not (self.paused or self.over), "networks": [header | numbers]}
        message = packed(whole_header, {"curves": self.curves.array(), **arrays})
        if self.due:
            self.frames.append((loop.steps, zlib.compress(message, 6)))
            if len(self.frames) > FRAMES:
                self.apart *= 2
                self.frames = self.frames[::2]
        with self.awake:
            self.newest = message
            self.number += 1
            self.awake.notify_all()

    def _validated(self, loop: Loop) -> list[float]:
        """Return the loss of the last validation, and its first metric."""
        history = loop.model.history
        last = {name: values[-1] for name, values in history.items() if name.startswith("val_") and values}
        others = [value for name, value in last.items() if name != "val_loss"]
        return [float(last.get("val_loss", "nan")), float(others[0]) if others else float("nan")]

    def finish(self, loop: Loop) -> None:
        """Show how it ended; a page that asks later sees that."""
        self.over, self.due = True, self.kept
        if self.look is not None:
            self._frame(loop, float("nan"))

    def write(self, path: Path) -> None:
        """Write one page that replays it."""
        from .files import saved_page

        frames = [base64.b64encode(frame).decode() for _, frame in self.frames]
        config = {**self.config(), "source": "saved"}
        files.write(path, [saved_page(config, frames, f"lucidnet: {path.stem}").encode()])

    # --- what a page asks ----------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """Return what is trained, in words."""
        return {"version": VERSION, "source": "live", "revision": 1, "networks": 1, **self.facts}

    def frame(self, since: int, seconds: float) -> bytes | None:
        """Return a frame newer than one with a number, once the training makes its next step."""
        until = time.monotonic() + seconds
        with self.awake:
            self.wanted = max(self.wanted, since + 1)
            self.awake.notify_all()
            while self.number <= since or self.newest is None:
                if (left := until - time.monotonic()) <= 0:
                    return None
                self.awake.wait(left)
            return self.newest

    def control(self, asked: Any) -> dict[str, Any]:
        """Pause, go on, or make a step."""
        if not isinstance(asked, dict) or not isinstance(asked.get("do"), str):
            raise SettingError("expected what to do, as in {'do': 'pause'}")
        paused = lookup("request", asked["do"], {"play": False, "pause": True, "step": True})
        with self.awake:
            self.paused, self.steps_left = paused, int(asked["do"] == "step")
            self.wanted = self.number + 1
            self.awake.notify_all()
        return {"number": self.number}

    def close(self) -> None:
        """Let a training that waits go on."""
        with self.awake:
            self.paused = False
            self.awake.notify_all()


def _first(batch: Any) -> Any:
    """Return the first examples of a batch."""
    some = slice(SAMPLE)
    return Batch(*(None if part is None else tree_map(lambda array: array[some], part) for part in batch))


def in_plane(loop: Loop) -> LabTask | None:
    """Return some of the data of a training, if they are points in a plane, with classes."""
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
    """Return what a page tells of a training, as JSON."""
    from ...rules.registry import short_name

    model = loop.model
    layers = [type(layer).__name__ for path, layer in walk(model.net) if path and not layer.children()]
    title = f"{', '.join(layers[:6])}{', ...' if len(layers) > 6 else ''}: {short_name(model.rule)}"
    metric = model.metrics[0].name if model.metrics and loop.validation is not None else None
    return {"titles": [title], "metric": metric, "data": task and shown_data(task)}


def _show(server: Server, wanted: bool | None) -> None:
    """Show the page: below the cell of a notebook, or in a browser."""
    shell = sys.modules.get("IPython")
    shell = shell.get_ipython() if shell is not None else None
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import HTML, display

        from .server import iframe

        show: Any = display
        page: Any = HTML
        show(page(iframe(server)))
    elif wanted or (wanted is None and sys.stdout.isatty()):
        import webbrowser

        webbrowser.open(server.url)
    elif wanted is None:
        print(f"lucidnet lab: {server.url}")
