"""What a page talks to: the lab's own training, or one that runs elsewhere."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from ...backend import Array
from ...core.settings import between, taken, text, whole
from ...core.trees import dotted, leaves
from ...errors import SettingError, lookup
from .formulas import formulas_of
from .frame import ROWS_TESTED, VERSION, plain
from .recipe import lists
from .setup import beginning, parsed
from .task import LabTask, given, sent
from .thumbs import thumbs
from .trainer import Trainer

POINTS, PICTURES = 1000, 40
"""The number of data points, and of pictures, that a page shows."""


class Session(Protocol):
    """What the page shows, and the requests that it can make."""

    def config(self) -> dict[str, Any]:
        """Return what stays the same in all frames, for JSON."""

    def frame(self, since: int, seconds: float, units: bool = False) -> bytes | None:
        """Wait for a frame newer than number `since`; None if none came within some seconds."""

    def control(self, asked: Any) -> dict[str, Any]:
        """Carry out a request of the page, and return its result."""

    def close(self) -> None:
        """End the session, and its training."""


class LabSession:
    """A session of the lab's own training, which the page controls.

    Parameters
    ----------
    data : optional
        The data, as `serve` takes them.
    """

    def __init__(self, data: Any = None) -> None:
        name, own = given(data)
        self.trainer = Trainer(beginning(name), own)
        self.trainer.start()

    def config(self) -> dict[str, Any]:
        """Return the available choices, the data, and the set-up."""
        return dict(self.trainer.ask(self._config))

    def _config(self) -> dict[str, Any]:
        trainer = self.trainer
        kept = vars(self).get("_known")
        if kept is None or kept[0] is not trainer.task:
            kept = trainer.task, lists(trainer.task, trainer.own is not None), shown_data(trainer.task)
            vars(self)["_known"] = kept
        made = {"version": VERSION, "source": "lab", "revision": trainer.revision, "lists": kept[1]}
        made["thumbs"] = thumbs()
        plans = [learner.plan for learner in trainer.learners]
        made["heads"] = [{"loss": p.loss, "units": p.head[0], "activation": p.head[1]} for p in plans]
        made["metric"] = plans[0].metrics[0]
        models = [learner.model for learner in trainer.learners]
        made["formulas"] = [formulas_of(model.net, model.rule) for model in models]
        return made | {"data": kept[2], "setup": trainer.setup.plain()}

    def frame(self, since: int, seconds: float, units: bool = False) -> bytes | None:
        """Wait for a frame newer than number `since`."""
        return self.trainer.frame(since, seconds, units)

    def control(self, asked: Any) -> dict[str, Any]:
        """Carry out a request of the page: ``{"do": "step", ...}``."""
        if not isinstance(asked, dict):
            raise SettingError("expected what to do, as in {'do': 'step'}")
        known = {"play": self._play, "pause": self._pause, "step": self._step, "back": self._back}
        known |= {"restart": self._restart, "speed": self._speed, "setup": self._setup}
        known |= {"csv": self._csv, "code": self._code, "cell": self._cell, "weights": self._weights}
        what = taken("control", "do", asked.get("do"), text())
        work = lookup("request", what, known)
        return dict(self.trainer.ask(lambda: work(asked)))

    def _here(self) -> dict[str, Any]:
        return {"step": self.trainer.step, "revision": self.trainer.revision}

    def _play(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.trainer.notes = []
        self.trainer.play(True)
        return self._here()

    def _pause(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.trainer.play(False)
        return self._here()

    def _step(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.trainer.one_step(taken("step", "count", asked.get("count", 1), whole(1, 1000)))
        return self._here()

    def _back(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.trainer.back(taken("back", "step", asked["step"], whole(0)))
        return self._here()

    def _restart(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.trainer.restart()
        return self._here()

    def _speed(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.trainer.pace(taken("speed", "speed", asked["speed"], between(1, 10_000)))
        return self._here()

    def _setup(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.trainer.change(parsed(asked["setup"]))
        return self._here()

    def _csv(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = taken("csv", "name", asked["name"], text())
        before, self.trainer.own = self.trainer.own, sent(name, taken("csv", "text", asked["text"], text()))
        try:
            setup = self.trainer.setup.plain()
            setup["data"] |= {"name": "own", "extra": ()}
            for network in setup["networks"]:
                network["loss"] = ""
            self.trainer.change(parsed(setup), anew=True)
            self.trainer.notes += self.trainer.own.notes
        except Exception:
            self.trainer.own = before
            raise
        return self._here()

    def _code(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"code": self.trainer.code(self._network(asked)), **self._here()}

    def _weights(self, asked: dict[str, Any]) -> dict[str, Any]:
        params = leaves(self.trainer.learners[self._network(asked)].model.state.params)
        return {"weights": {dotted(path): plain(array.tolist()) for path, array in params}, **self._here()}

    def _network(self, asked: dict[str, Any]) -> int:
        return int(taken("control", "network", asked["network"], whole(0, len(self.trainer.learners) - 1)))

    def _cell(self, asked: dict[str, Any]) -> dict[str, Any]:
        from .cell import told

        learner = self.trainer.learners[self._network(asked)]
        assert learner.look.batch is not None  # of the lab's own training
        place = [taken("cell", name, asked[name], whole(0, 10**6)) for name in ("row", "column")]
        name = taken("cell", "name", asked["name"], text())
        return {"lines": told(learner.model, learner.look.batch, name, *place), **self._here()}

    def close(self) -> None:
        """End the training and its thread."""
        self.trainer.close()


def shown_data(task: LabTask) -> dict[str, Any]:
    """Return the data for the page to draw: points, or labels and pictures of the test part."""
    made: dict[str, Any] = {"title": task.title, "classes": task.is_classes, "outputs": task.outputs}
    made |= {"names": list(task.names) if task.names else None, "plane": task.in_plane}
    made |= {"train": len(task.x), "test": len(task.x_test), "inputs": int(math.prod(task.x.shape[1:]))}
    if task.is_sequence:
        made |= {"series": task.y_test[0, :, 0].tolist(), "inputs": task.x.shape[-1]}
        return dict(plain(made))
    if task.in_plane:
        sides = task.sides
        made["extent"] = [float(side[k]) for side in sides for k in (0, -1)]
        cut = len(task.x)
        made["points"] = _rows(task.points[:cut], task.y) + _rows(task.points[cut:], task.y_test)
        made["features"] = list(task.features)
        made["tested_from"] = min(len(task.x), POINTS)
        if not task.is_classes:
            values = np.concatenate([np.ravel(task.y), np.ravel(task.y_test)])
            made["range"] = [float(values.min()), float(values.max())]
        return dict(plain(made))
    if task.is_classes:
        made["labels"] = task.y_test[:ROWS_TESTED].tolist()
    else:
        made["targets"] = np.asarray(task.y_test).reshape(len(task.y_test), -1)[:ROWS_TESTED, 0].tolist()
    if side := task.picture:
        top = float(task.x_test.max()) or 1.0
        pixels = task.x_test[:PICTURES].reshape(-1, side * side) / top * 255
        made["pictures"] = {"side": side, "pixels": np.clip(pixels, 0, 255).astype(int).tolist()}
    return dict(plain(made))


def _rows(x: Array, y: Array) -> list[list[float]]:
    values = np.asarray(y).reshape(len(y), -1 if len(y) else 1)[:POINTS, 0]
    return [[*map(float, point), float(value)] for point, value in zip(x[:POINTS], values, strict=True)]
