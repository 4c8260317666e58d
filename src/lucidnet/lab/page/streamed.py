"""An online learner in the page: its last time steps, and everything inside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...backend import Array
from ...core.text import Brief
from ...data.batch import Batch
from ...engine.objective import Objective
from ...errors import SettingError
from ...rules.registry import short_name
from ...training.online import OnlineLearner
from .formulas import formulas_of
from .frame import Viewer
from .watching import LiveSession

TIMES, STREAMS, STRETCH = 60, 8, 50
"""The last times that are shown, the most streams shown, and the steps in a stretch made unasked."""


def checked(online: Any) -> None:
    """Raise `SettingError` if something is no online learner."""
    if not isinstance(online, OnlineLearner):
        raise SettingError(
            f"watch: expected what model.online(...) gives, got {type(online).__name__}; for Model.fit give "
            "callbacks=[Live()]"
        )


class ByStream:
    """A model seen through its online learner: with the learner's rule and feedback weights.

    Parameters
    ----------
    online : OnlineLearner
        The learner.
    """

    def __init__(self, online: OnlineLearner) -> None:
        self.online, self.net = online, online.model.net

    @property
    def problem(self) -> Any:
        """What is trained, by the stream's rule."""
        problem = self.online.model.problem
        return replace(problem, objective=Objective.of(problem.net, problem.loss, self.online.rule))

    @property
    def state(self) -> Any:
        """The weights as they are now."""
        state = self.online.model.state
        return state._replace(feedback=state.feedback._replace(weights=self.online.feedback))

    @property
    def params(self) -> Any:
        """The weights by name."""
        return self.state.params

    @property
    def rule(self) -> Any:
        """The rule by which weights move at each time."""
        return self.online.rule


class StreamSession(LiveSession):
    """The session of an online learner.

    Parameters
    ----------
    online : OnlineLearner
        The learner.
    every, kept
        As for `LiveSession`.
    """

    def __init__(self, online: OnlineLearner, every: int | None, kept: bool) -> None:
        self.online = online
        self.times = online.model.input_shape[0] or TIMES
        self.last: deque[list[Any]] = deque(maxlen=self.times + online.delay)
        title = f"{short_name(online.rule)} at each time"
        data = {"stream": True, "outputs": 1, "classes": False, "plane": False, "names": None}
        facts: dict[str, Any] = {"titles": [title], "metric": None, "data": data}
        facts["formulas"] = [formulas_of(online.model.net, online.rule)]
        super().__init__(facts, every, kept)
        self.look = Viewer(ByStream(online), None)  # type: ignore[arg-type] # it has what a Viewer asks for

    @property
    def step(self) -> int:
        return self.online.steps

    def before(self) -> None:
        """Wait while the page has paused, then record the weights before a step that is looked at."""
        self.hold()
        assert self.look is not None
        self.look.before = self.online.model.state

    def note(self, x: Array, y: Any, output: Array) -> None:
        """Remember a time step for later frames; a delayed target is stored with its own time."""
        few = slice(STREAMS)
        if self.last and self.last[-1][0].shape != x[few].shape:
            self.last.clear()
        self.last.append([x[few], None, output[few]])
        if y is not None and len(self.last) > self.online.delay:
            self.last[-1 - self.online.delay][1] = np.asarray(y)[few]

    def make_frame(self, loss: float) -> None:
        assert self.look is not None
        self.look.batch = self._batch()
        super().make_frame(loss)

    def _batch(self) -> Batch | None:
        """Return the last time steps as sequences; None if they are too few, or a target is missing."""
        known = [one for one in self.last if one[1] is not None]
        model, last = self.online.model, len(self.last) - self.online.delay
        if len(known) != last or not known or len(known) < (model.input_shape[0] or 1):
            return None
        known = known[-self.times :]
        x, target = (np.stack([one[k] for one in known], axis=1) for k in (0, 1))
        timeless = len(model.output_shape) == 1  # such a network gives what the last time has made of it
        return checked_data(model, x, target[:, -1] if timeless else target)

    def more(self) -> dict[str, Any]:
        found = np.full((len(self.last), 2), np.nan, np.float32)
        for i, (_, target, output) in enumerate(self.last):
            found[i, 1] = np.ravel(output[0])[0]
            if target is not None and target.shape == output.shape:
                found[i, 0] = np.ravel(target[0])[0]
        return {"A/target": found[:, 0], "A/outputs": found[:, 1]}


def checked_data(model: Any, x: Array, target: Array) -> Batch:
    """Check sequences, and return them as a batch."""
    batch: Batch = model.checked(x, target).batch(slice(None))
    return batch


def _unwatched(online: OnlineLearner) -> OnlineLearner:
    return online


class WatchedLearner(Brief):
    """An online learner that the page shows; all other attributes are the learner's.

    Parameters
    ----------
    online : OnlineLearner
        The learner.
    finish : callable
        Called at the end.
    every, kept
        As for `LiveSession`.
    """

    def __init__(
        self, online: OnlineLearner, finish: Callable[[], None], every: int | None, kept: bool
    ) -> None:
        self.online, self._finish, self._over = online, finish, False
        self.session = StreamSession(online, every, kept)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "online" not in vars(self):
            raise AttributeError(name)
        return getattr(self.online, name)

    def __reduce__(self) -> Any:
        return _unwatched, (self.online,)  # a copy is a learner that no page shows

    def step(self, x: Any, y: Any = None, weights: Any = None) -> Array:
        """Make a step as `OnlineLearner.step` does; wait while the page has paused."""
        session = self.session
        if session.wants(self.online.steps):
            session.before()
        output = self.online.step(x, y, weights)
        session.note(np.asarray(x, output.dtype), y, output)
        if session.asked:
            session.after(self.online.loss)
        return output

    def run(self, xs: Any, ys: Any = None, weights: Any = None) -> Array:
        """Make the steps of a stretch as `OnlineLearner.run` does; steps that are looked at run singly."""
        outputs, losses = [], []
        begin, end = 0, len(xs)
        while begin < end:
            session = self.session
            asked = session.wants(self.online.steps)
            until = begin + 1 if asked or session.kept else min(end, begin + self._room())
            part = slice(begin, until)
            if asked:
                session.before()
            given = (None if one is None else one[part] for one in (xs, ys, weights))
            made = self.online.run(*given)
            for i in range(max(0, len(made) - session.times), len(made)):
                target = None if ys is None else ys[begin + i]
                session.note(np.asarray(xs[begin + i], made.dtype), target, made[i])
            outputs.append(made)
            losses.append(self.online.losses)
            if asked:
                session.after(self.online.loss)
            begin = until
        self.online.losses = np.concatenate(losses)
        return np.concatenate(outputs)

    def reset(self) -> None:
        """Begin a new sequence, as `OnlineLearner.reset` does."""
        self.session.last.clear()
        self.online.reset()

    def _room(self) -> int:
        """Return how many steps to make before checking whether somebody wants to look."""
        every = self.session.every
        return STRETCH if every is None else min(STRETCH, every - self.online.steps % every)

    def close(self) -> None:
        """End the session, and write the file if one was asked for; the learner can go on."""
        if not self._over:
            self._over = True
            self._finish()

    def __enter__(self) -> WatchedLearner:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
