"""One or two networks that train in a thread at the page's command: forwards, backwards, step by step."""

from __future__ import annotations

import copy
import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

from ...data.batches import ArraySource
from ...engine.state import State
from ...errors import LucidnetError, NonFiniteError, SettingError
from ...model import Model
from ...training.loop import train
from ...training.online import OnlineLearner
from ...training.sources import to_train
from .frame import Curves, Viewer, packed
from .recipe import Recipe, plans, python
from .runner import Runner
from .setup import NetworkSetup, Setup
from .task import OwnData, make

SAMPLE = 64
"""The number of training examples on which gradients and activations are examined."""
SNAPSHOTS, APART = 64, 100
"""The most states kept to go back to, and the steps between them at first."""
CLOSER = 8
"""How many states are kept of the steps that are repeated to go back."""
LETTERS = "AB"


@dataclass
class LabNetwork:
    """A network in training: its recipe, model and batches; `online` if it learns at each time step."""

    plan: Recipe
    model: Model
    source: ArraySource
    look: Viewer
    online: OnlineLearner | None = None
    error: str | None = None
    seconds: float = 0.0
    """The time of a step: a running mean that weights recent steps most."""
    loss: float = float("nan")


@dataclass(frozen=True)
class Snapshot:
    """The states of all networks after a step, and the recipes by which they go on."""

    step: int
    states: tuple[State, ...]
    plans: tuple[Recipe, ...]
    errors: tuple[str | None, ...]
    online: tuple[OnlineLearner | None, ...]
    """Copies of the online learners, with their states and traces at that step."""
    branch: bool = False
    """Whether something was changed at this step; such snapshots are kept."""


class Trainer(Runner):
    """Trains the networks of a set-up in a thread, which also makes all changes, between steps.

    Parameters
    ----------
    setup : Setup
        What to train.
    own : OwnData, optional
        A person's own data.
    """

    def __init__(self, setup: Setup, own: OwnData | None = None) -> None:
        super().__init__()
        self.own = own
        self.revision = time.time_ns() // 1_000_000  # other than that of a server before this one
        self._begin(setup)

    # --- training ----------------------------------------------------------------------------------

    def _begin(self, setup: Setup) -> None:
        """Start a set-up from step 0; if that fails, nothing changes."""
        task = make(setup.data, self.own)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            learners = [self._learner(plan, setup) for plan in plans(setup, task)]
        self.setup, self.task, self.learners = setup, task, learners
        self.first = [learner.plan for learner in learners]
        self.notes = [*task.notes, *(str(one.message) for one in told)]
        # an angle takes a pass over whole sequences: not after each of their time steps
        self.step, self.curves = 0, Curves(len(learners), every=10 if setup.online else 1)
        self.snapshots: list[Snapshot] = []
        self.apart = APART
        self._note_row()
        self._keep()
        self.revision += 1
        self.version += 1

    def _learner(self, plan: Recipe, setup: Setup) -> LabNetwork:
        model, task = plan.model(), plan.task
        batch = None if model.problem.optimizer.full_batch else setup.batch
        source, _ = to_train(model, task.x, plan.target(task.y), batch)
        assert isinstance(source, ArraySource)
        sample = source.data.batch(slice(8 if task.is_sequence else SAMPLE))
        look = Viewer(model, sample, task, plan.target(task.y_test))
        online = model.online(plan.rule) if setup.online else None
        return LabNetwork(plan, model, source, look, online)

    def advance(self, looked_at: bool = False) -> None:
        """Make one step with each network that has not failed."""
        for learner in self.learners:
            if learner.error is None:
                self._advance(learner, looked_at)
        self.step += 1
        if self.curves.due(self.step):
            self._note_row()
        if self.step % self.apart == 0:
            self._keep()
        self.version += 1
        self._stop_if_done()

    def _advance(self, learner: LabNetwork, looked_at: bool) -> None:
        epoch, batch = divmod(self.step, learner.source.count)
        if looked_at:
            learner.look.before = learner.model.state
        began = time.perf_counter()
        try:
            if learner.online is not None:
                learner.loss = self._moment(learner.online)
            else:
                measured = train(learner.model, [self._batch(learner, epoch, batch)])
                learner.loss = float(measured.loss)
        except NonFiniteError as error:
            learner.error = str(error)
            return
        took = time.perf_counter() - began
        learner.seconds += (took - learner.seconds) * (0.05 if learner.seconds else 1)
        if looked_at:
            learner.look.moved()

    def _batch(self, learner: LabNetwork, epoch: int, batch: int) -> Any:
        """Return a batch of an epoch: the next of the current iteration, or of a fresh one."""
        known = vars(learner).get("pass_")
        if known is None or known[0] != (epoch, batch):
            if known is not None and batch == 0:
                learner.model.live = learner.model.live.reset()
            known = ((epoch, batch), learner.source.batches(epoch, batch))
        found = next(known[1])
        following = (epoch, batch + 1) if batch + 1 < learner.source.count else None
        vars(learner)["pass_"] = (following, known[1]) if following else None
        return found

    def _moment(self, online: OnlineLearner) -> float:
        """Learn from one time step of some sequences, and return the loss."""
        x, y, size = self.task.x, self.task.y, self.setup.batch
        turn, moment = divmod(self.step, x.shape[1])
        some = turn * size % len(x)
        if moment == 0:
            online.reset()
        online.step(x[some : some + size, moment], y[some : some + size, moment])
        return online.loss

    def _note_row(self) -> None:
        row = [float(self.step)]
        for learner in self.learners:
            row += [learner.loss, *learner.look.row()]
        self.curves.add(row)

    def _stop_if_done(self) -> None:
        reached = _reached(self.setup, self.step, self.curves.rows[-1])
        if self.running and reached:  # not where steps are repeated to go back
            self.running, self.notes = False, [reached]
        if all(learner.error for learner in self.learners):
            self.running = False

    # --- to and fro --------------------------------------------------------------------------------

    def _keep(self, branch: bool = False) -> None:
        """Save a snapshot, thinning the earlier ones."""
        states = tuple(learner.model.state for learner in self.learners)
        now = tuple(learner.plan for learner in self.learners)
        errors = tuple(learner.error for learner in self.learners)
        self.snapshots = [one for one in self.snapshots if one.step < self.step or one.branch]
        online = tuple(_as_it_is(learner) for learner in self.learners)
        self.snapshots.append(Snapshot(self.step, states, now, errors, online, branch))
        for apart in (self.apart, 2 * self.apart):  # first those that `back` has made in between go
            if len(self.snapshots) > SNAPSHOTS:
                self.apart = apart
                self.snapshots = [one for one in self.snapshots if one.branch or one.step % apart == 0]

    def back(self, step: int) -> None:
        """Go back to a step: restore an earlier snapshot, and repeat the steps from there exactly."""
        if not 0 <= step <= self.step:
            raise SettingError(f"back: expected a step from 0 to {self.step}, got {step}")
        self.running, self.notes = False, []
        kept = max((one for one in self.snapshots if one.step <= step), key=lambda one: one.step)
        self.snapshots = [one for one in self.snapshots if one.step <= kept.step]
        for i, learner in enumerate(self.learners):
            if learner.plan != kept.plans[i]:
                self.learners[i] = learner = self._learner(kept.plans[i], self.setup)
            learner.model.state, learner.error = kept.states[i], kept.errors[i]
            learner.online = _as_it_is(learner, kept.online[i])
            vars(learner)["pass_"] = None
        self.setup = replace(self.setup, networks=tuple(plan.network for plan in kept.plans))
        self.curves.back(kept.step)
        self.step = kept.step
        every = max(1, (step - kept.step) // CLOSER)
        while self.step < step:
            self.advance()
            if (step - self.step) % every == 0:  # so that going back further takes an eighth of the time
                self._keep()
        self.running = False
        self.revision += 1
        self.version += 1

    def change(self, setup: Setup, anew: bool = False) -> None:
        """Change the set-up: go on from here if only rates and rules differ, else restart from step 0."""
        if anew:
            self._begin(setup)
        elif self.step and _same_but_method(self.setup, setup) and setup != self.setup:
            self._branch(setup)
        elif replace(setup, stop_step=None, stop_loss=None) == replace(
            self.setup, stop_step=None, stop_loss=None
        ):
            self.setup = setup
            self.revision += 1
            self.version += 1
        else:
            self._begin(setup)

    def _branch(self, setup: Setup) -> None:
        """Go on with other rates or rules, keeping the weights and the optimizer's memory."""
        made = plans(setup, self.task)
        before = [learner.model.state for learner in self.learners]
        old = [learner.plan for learner in self.learners]
        streams = [learner.online for learner in self.learners]
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                for learner, plan in zip(self.learners, made, strict=True):
                    if plan != learner.plan:
                        plan.compile(learner.model)
                        if setup.online:
                            learner.online = learner.model.online(plan.rule)
                        learner.plan, learner.error = plan, None
        except LucidnetError:
            for learner, plan, state, online in zip(self.learners, old, before, streams, strict=True):
                plan.compile(learner.model)
                learner.model.state, learner.plan, learner.online = state, plan, online
            raise
        self.notes = [str(one.message) for one in told]
        self.setup = setup
        self.snapshots = [one for one in self.snapshots if one.step < self.step]
        self._keep(branch=True)
        self.revision += 1
        self.version += 1

    def restart(self) -> None:
        """Restart with the same initial weights."""
        self._begin(self.setup)

    def one_step(self, count: int = 1) -> None:
        """Make some steps, then pause."""
        self.running = False
        for left in range(count, 0, -1):
            self.advance(looked_at=left == 1)
        self.running = False

    def code(self, network: int) -> str:
        """Return the Python code that reproduces one of the networks as it is now.

        Raises
        ------
        SettingError
            If the network stood still for a while, after a step that was not finite.
        """
        learner = self.learners[network]
        step = _steps_made(learner, LETTERS[network], self.step)
        changes: list[tuple[int, Recipe]] = []
        plan = self.first[network]
        for one in self.snapshots:
            if one.branch and one.plans[network] != plan:
                changes.append((one.step, plan := one.plans[network]))
        return python(self.setup, self.first[network], step, changes, learner.error)

    # --- frames ------------------------------------------------------------------------------------

    def make_frame(self) -> None:
        """Render the newest frame, and publish it."""
        arrays, networks, units = {"curves": self.curves.array()}, [], self.units
        row = self.curves.rows[-1]
        for i, learner in enumerate(self.learners):
            header, found = learner.look.seen(LETTERS[i], units)
            arrays |= found
            values = (
                [learner.loss, *learner.look.row()] if row[0] != self.step else row[1 + 4 * i : 5 + 4 * i]
            )
            networks.append(
                header
                | {
                    **dict(zip(("batch_loss", "loss", "metric", "angle"), values, strict=True)),
                    "ms": learner.seconds * 1e3 or None,
                    "error": learner.error,
                }
            )
        state = {"step": self.step, "running": self.running, "speed": self.speed, "notes": self.notes}
        state |= {"number": self.number + 1, "revision": self.revision, "networks": networks}
        state["every"], state["least"] = self.curves.every, self.snapshots[0].step
        self.publish(packed(state, arrays), units)


def _reached(setup: Setup, step: int, last: list[float]) -> str:
    """Return why a training stops by itself at a step, from the last row of the curves; or nothing."""
    losses = last[2 :: Curves.width]
    if setup.stop_loss is not None and last[0] == step and max(losses) <= setup.stop_loss:
        return f"Stopped at step {step:,}: no test loss is above {setup.stop_loss:g}, as set."
    return f"Stopped at step {step:,}, as set; Play goes on." if step == setup.stop_step else ""


def _steps_made(learner: LabNetwork, letter: str, now: int) -> int:
    """Return how many steps a network has made; raise if it stood still for some of them and then went on."""
    made = int(learner.model.state.step)
    if made != now and learner.error is None:
        raise SettingError(
            f"code: a step of network {letter} was not finite, and later it went on with other settings: no "
            "program repeats that; press Restart, and train again"
        )
    return made


def _as_it_is(learner: LabNetwork, online: OnlineLearner | None = None) -> OnlineLearner | None:
    """Copy an online learner, with its states and traces, for the same model."""
    online = online or learner.online
    return online and copy.deepcopy(online, {id(online.model): learner.model})


def _same_but_method(one: Setup, other: Setup) -> bool:
    """Tell whether two set-ups differ only in rates, momenta, schedules and rules."""

    def bare(setup: Setup) -> Setup:
        plain = NetworkSetup()
        free: dict[str, Any] = {"rule": plain.rule, "time": plain.time, "rate": plain.rate, "momentum": None}
        free |= {"schedule": plain.schedule, "over": plain.over}
        networks = tuple(
            replace(network, **free, optimizer=f"{network.optimizer}/{_remembers(network)}")
            for network in setup.networks
        )
        return replace(setup, networks=networks, stop_step=None, stop_loss=None)

    return bare(one) == bare(other)


def _remembers(network: NetworkSetup) -> bool:
    """Tell whether the optimizer has momentum, and so a memory."""
    return bool(network.momentum)
