"""The loop around the step: epochs, batches, validation, and what may happen in between."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from functools import cached_property
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, ClassVar, cast

from ..backend.parts import NOTHING_TO_TRAIN
from ..core import owners
from ..core.own import check_callback
from ..core.settings import count
from ..core.signals import Termination, termination
from ..core.text import Brief
from ..core.value import Value, value
from ..data.batch import Batch, form, materialize
from ..data.batches import BatchSource
from ..data.given import check_accumulate
from ..engine.protocol import Ran, Trainee
from ..engine.state import Measured, State
from ..errors import DataError, NonFiniteError, SettingError, Terminated, UnpicklableError
from ..foreign import MOMENTS, Refusing, answering
from .diagnose import settled
from .history import History, Result
from .measure import NO_BATCH, NOTHING, Tally, evaluate
from .progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

KEPT = frozenset({"predictions", "source"})
"""What is kept from a single step."""
LOOKS, NONE = frozenset({"predictions"}), frozenset[str]()
"""What is kept from the steps of an epoch."""


@value
class LoopSettings(Value):
    """How long to train, and how.

    Parameters
    ----------
    epochs : int
        How often to go through the data.
    accumulate : int
        The number of batches in one step.
    validate_every : int, optional
        The number of steps between validations, besides the one at the end of each epoch.
    """

    title: ClassVar[str] = "fit"

    epochs: int = count(1, default=1)
    accumulate: int = count(1, default=1)
    validate_every: int | None = count(1, default=None, optional=True)


COMMON = ("accumulate", "validate_every", "class_weight", "validation_split")
"""Settings that must not change for a training to resume, besides those of the data."""


def alone(step: int, every: int) -> int:
    """Return the steps left before the next multiple of `every`; 1 at a multiple, which is made alone."""
    return every - step % every if step % every else 1


class Callback(Brief, Refusing):
    """Acts at certain moments of a training; subclasses override the methods they need.

    Each method is given the `Loop`: ``loop.model`` with its state, ``loop.epoch`` and ``loop.batch``, which
    count those that are done; ``loop.stop("reason")`` ends the training after this step, in all processes
    that train together. What a callback remembers of a training is reset in `begin`, so that it can serve for
    several.

    Examples
    --------
    >>> import lucidnet as ln
    >>> class Shout(Callback):
    ...     def epoch(self, loop, result):
    ...         print(f"epoch {loop.epoch}!")
    >>> model = ln.Model([ln.layers.Input(1), ln.layers.Dense(1)])
    >>> model.compile("mse", "sgd")
    >>> history = model.fit([[1.0], [2.0]], [[2.0], [4.0]], epochs=2, verbose=0, callbacks=[Shout()])
    epoch 1!
    epoch 2!
    """

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        check_callback(cls, Callback)
        for foreign, ours in MOMENTS.items():
            if foreign in vars(cls):
                raise SettingError(f"{cls.__name__}: nobody would call {foreign}: here it is {ours}")

    @property
    def looks(self) -> bool:
        """Whether `step` uses more than losses; if not, the network's outputs are left out."""
        return type(self).step is not Callback.step

    def room(self, step: int) -> int | None:
        """Return how many steps from this one may be made at once; None for any number.

        A compiled training makes several steps at once, if allowed; `before_step` and `step` are then called
        once for all of them.
        """
        idle = type(self).step is Callback.step and type(self).before_step is Callback.before_step
        return None if idle else 1

    def owned(self) -> Path | None:
        """Return a folder that no other training may write to while this one runs, or None."""
        return None

    def begin(self, loop: Loop) -> None:
        """Called before the first step; forget here what was remembered of an earlier training."""

    def before_step(self, loop: Loop, batches: Sequence[Any]) -> None:
        """Called before each step with its batches, read-only (one, unless gradients are accumulated)."""

    def step(self, loop: Loop, measured: Sequence[Measured]) -> None:
        """Called after each step, or each few, with what was measured in each of them."""

    def epoch(self, loop: Loop, result: Result) -> None:
        """Called after each epoch, with its numbers."""

    def after_all(self, loop: Loop) -> None:
        """Called after all callbacks' `step` or `epoch`, so that what is written holds all decisions."""

    def failed(self, loop: Loop, error: NonFiniteError) -> bool:
        """Called after a step that was not finite; return True to end training without an error."""
        return False

    def terminated(self, loop: Loop) -> str | None:
        """Called before SIGTERM ends the training; save what must not be lost, and say where it is."""
        return None

    def end(self, loop: Loop) -> None:
        """Called at the end of the training, also after an error."""

    def state(self) -> Any:
        """Return the state that a checkpoint saves for `restore`: numbers, texts, lists, dicts."""
        return None

    def restore(self, loop: Loop, state: Any) -> None:
        """Continue from what `state` returned; called after `begin`."""


@answering
class Loop:
    """A training run: what it trains, on which data, and how far it has got.

    Parameters
    ----------
    model : Trainee
        What is trained.
    source : BatchSource
        Where batches come from.
    validation : BatchSource, optional
        Data to measure on after each epoch.
    settings : LoopSettings
        How long to train, and how.
    progress : Progress
        The display of progress.
    callbacks : sequence of Callback
        The callbacks.
    """

    def __init__(
        self,
        model: Trainee,
        source: BatchSource,
        validation: BatchSource | None,
        settings: LoopSettings,
        progress: Progress,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.model, self.source, self.validation = model, source, validation
        self.settings, self.progress, self.callbacks = settings, progress, callbacks
        self.epoch = self.batch = 0
        self.first, self.begun = model.history.epochs, model.changes
        self.stopped: str | None = None
        self.locks: list[Any] = []
        self.thread: Any = None
        self.run_name = f"{time.time():017.6f}-{os.urandom(4).hex()}"  # later ones sort last
        self.asked, self.one_by_one, self.fresh, self.ready = Termination(), False, False, False
        check_accumulate(model.optimizer, settings.accumulate)
        self.tally = Tally(model.metrics, model.problem.loss.named)
        self.compiled = model.executor.compile_seconds

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise UnpicklableError("a training that goes on cannot be copied or pickled: copy loop.model instead")

    @property
    def steps(self) -> int:
        """How many steps the model has made."""
        return int(self.model.live.step)

    def stop(self, reason: str) -> None:
        """End the training after the current step; of several processes all end, if any one calls this.

        If `room` says that a callback acts between the steps, they end after this very step, else within half
        a second, or at the end of the epoch.
        """
        self.asked.wish = reason
        if self.asked.alone:
            self.stopped = reason

    @property
    def over(self) -> bool:
        """Whether the training is finished."""
        return self.epoch >= self.settings.epochs or (self.stopped is not None and not self.batch)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Return the settings and data that a training must share with a checkpoint to resume from it."""
        settings, data = self.source.facts()
        settings |= {name: getattr(self.settings, name, None) for name in COMMON}
        settings["mixed_bfloat16"] = self.model.executor.config.mixed
        validation = None if self.validation is None else self.validation.facts()[1]
        return {"settings": settings, "data": data, "validation_data": validation}

    def run(self, restore: Callable[[], list[Any] | None] | None = None) -> History:
        """Train; the model's state is consistent after each step, whatever happens.

        Parameters
        ----------
        restore : callable, optional
            Sets loop and model to where a training was left, and returns the states of its callbacks; None if
            there is no such training, and this one begins.

        Raises
        ------
        Terminated
            After a SIGTERM: the step is finished, and callbacks such as `Checkpoint` have written it down.
        FileError
            If another training writes to a folder of a callback.
        SettingError
            If another thread trains the model, or another training has begun with a callback meanwhile.
        """
        begun: list[Callback] = []
        if not self.model.problem.layout.groups:
            raise SettingError(NOTHING_TO_TRAIN)
        executor, note = self.model.executor, self.progress.note
        owned = [folder for callback in self.callbacks if (folder := callback.owned()) is not None]
        hold: Any = nullcontext([])
        if several := len(executor.gather(None)) > 1:
            from ..interop.agreement import check_agreement

            check_agreement(self, resume=restore is not None, checkpoints=bool(owned))
        if owned:
            from ..core.lock import locked

            hold = locked(owned, executor.gather, executor.main, note)
        with termination(not several) as self.asked, hold as self.locks, owners.training(self):
            try:
                self.model.history = self.model.history.copied()  # what an earlier fit returned stays
                self.model.history.stopped = None
                kept = restore() if restore else None
                self.fresh = restore is not None and kept is None
                with executor.training():
                    for callback in self.callbacks:
                        begun.append(callback)
                        owners.take(self, callback)
                        callback.begin(self)
                    self._begin(kept or [])
                    self.ready = True
                    while not self.over:
                        self._epoch()
                        if self.asked.ends:
                            self._terminate()
            finally:
                with ExitStack() as ends:  # all of them, whatever one of them raises; the last first
                    ends.callback(self.progress.close)
                    ends.callback(setattr, self.model.history, "stopped", self.stopped)
                    for callback in reversed(begun):
                        if not owners.lost(self, callback):
                            ends.callback(callback.end, self)
        return cast(History, self.model.history)

    def _begin(self, kept: list[Any]) -> None:
        """Let callbacks continue from what they remembered, or write down the start of the training."""
        if not self.asked.alone:
            from ..interop.agreement import differing

            self.one_by_one = differing(self)
            self._agree(now=True)
        if self.fresh:
            self._all_told()
        if kept:
            from ..interop.checkpoints import claimed

            claimed(self, kept)
        if self.over:
            why = f"was ended by a callback: {self.stopped}" if self.stopped else "is complete"
            self.progress.note(f"nothing to do: after {self.epoch} epochs this training {why}")

    def _all_told(self) -> None:
        for callback in self.callbacks:
            callback.after_all(self)

    def _agree(self, now: bool = False) -> None:
        """Let several processes stop, or end, after the same step, before any of them writes that down."""
        if not self.asked.alone:
            from ..interop.agreement import agreed

            self.stopped = agreed(self, now) or self.stopped

    def _terminate(self) -> None:
        """Let callbacks save the training, and raise `Terminated`."""
        told = [callback.terminated(self) for callback in self.callbacks]
        kept = "; ".join(filter(None, told)) or "saved with --resume (fit(..., resume=folder)) only"
        raise Terminated(f"ended by SIGTERM after step {self.steps}; {kept}")

    def validate(self) -> Result:
        """Return the numbers of the validation data."""
        assert self.validation is not None
        return evaluate(self.model, self.validation, prefix="val_")

    def _epoch(self) -> None:
        """Run one epoch, from the first batch that has not been seen."""
        model = self.model
        if not self.batch:
            self.tally = Tally(model.metrics, model.problem.loss.named)
            model.live = model.live.reset()
        if self.stopped is None:  # else it was written down between the stop and the end of the epoch
            self._batches()
        if self.tally.terms:
            self._close_epoch()
        elif self.stopped is None:
            raise DataError(NOTHING if self.batch else NO_BATCH)
        else:
            self._all_told()

    def _batches(self) -> None:
        """Make the steps of an epoch."""
        model = self.model
        self.progress.start(self.source.count)
        shard = model.executor.shard(model.problem)
        batches = self.source.batches(self.first + self.epoch, self.batch, shard)
        with model.executor.prefetch(self._blocks(batches), model.live) as blocks:
            for steps, prepared in blocks:
                self._steps(steps, prepared)
                if self.asked.ends:
                    self._terminate()
                if self.stopped is not None:
                    break

    def _blocks(self, batches: Iterator[Batch]) -> Iterator[list[list[Batch]]]:
        """Yield blocks of one or more steps' batches: as many as may be made at once, of one shape."""
        steps = iter(lambda: list(islice(batches, self.settings.accumulate)), [])
        number, uniform = self.steps, self.model.executor.uniform
        for _, group in groupby(steps, form) if uniform else [(None, steps)]:
            like = iter(group)
            for first in like:
                block = [first, *islice(like, self._room(first, number) - 1)]
                number += len(block)
                yield block

    def _room(self, several: list[Batch], step: int) -> int:
        """Return how many steps from this one may be made at once."""
        if self.one_by_one:
            return 1
        every, model = self.settings.validate_every, self.model
        most = model.executor.steps_per_call(model.problem, several)
        rooms = [even(most, self.source.count, self.settings.accumulate)]
        rooms += [room for callback in self.callbacks if (room := callback.room(step)) is not None]
        return min(rooms if not every else [*rooms, every - step % every])

    def _steps(self, steps: list[list[Batch]], prepared: Any) -> None:
        """Make the steps of a block; completed steps are kept, whatever ends it."""
        model, executor = self.model, self.model.executor
        for callback in self.callbacks:
            if type(callback).before_step is not Callback.before_step:
                callback.before_step(self, [materialize(b).lent() for several in steps for b in several])
        with executor.lock:
            problem = model.problem
            looks = bool(self.tally.metrics) or any(callback.looks for callback in self.callbacks)
            ran = executor.run(problem.update, problem, model.live, prepared, LOOKS if looks else NONE)
            model.live = ran.state
        made = steps[: len(ran.measured)]
        self.batch += sum(map(len, made))
        self.tally.add(ran.measured, made)
        if ran.error is not None:
            return self._failed(ran, steps)
        if (seconds := executor.compile_seconds - self.compiled) > 0.05:
            self.progress.note(f"compiled in {seconds:.1f} s")
        self.compiled = executor.compile_seconds
        every = self.settings.validate_every
        if every and self.validation is not None and self.steps % every == 0:
            model.history.record(self.steps, self.validate())
        for callback in self.callbacks:
            callback.step(self, ran.measured)
        self._agree()
        self._all_told()
        self.progress.batch(self.batch, self.tally.result)

    def _failed(self, ran: Ran[State], steps: list[list[Batch]]) -> None:
        """Raise the error that ended a block early, or stop if a callback accepts a non-finite step."""
        model = self.model
        with model.executor.lock:
            model.live, error = settled(ran, model.problem, model.executor, steps)
        if isinstance(error, NonFiniteError):
            accepted = any([callback.failed(self, error) for callback in self.callbacks])
            if any(model.executor.gather(accepted)):
                self.stopped = str(error)
                return
        raise error

    def _close_epoch(self) -> None:
        result = self.tally.merged(self.model.executor).result()
        if self.validation is not None:
            result |= self.validate()
        self.model.history.append(result)
        self.epoch, self.batch = self.epoch + 1, 0
        owners.check(self)
        for callback in self.callbacks:
            callback.epoch(self, Result(result))
        self._agree(now=True)
        self._all_told()
        self.progress.epoch(self.epoch, Result(result))


def even(most: int, batches: int | None, accumulate: int) -> int:
    """Return a block size of at most `most` that cuts an epoch's steps into nearly equal blocks.

    Examples
    --------
    >>> even(128, 938, 1), even(128, 100, 2), even(128, None, 1)
    (118, 50, 128)
    """
    if batches is None:
        return most
    steps = max(1, -(-batches // accumulate))
    return -(-steps // -(-steps // most))


def train(model: Trainee, batches: Sequence[Batch]) -> Measured:
    """Make one step on one or several batches; a non-finite or interrupted step is not made."""
    executor = model.executor
    with executor.lock:
        problem = model.problem
        ran = executor.run(problem.update, problem, model.live, [batches], KEPT)
        model.live = ran.state
        if ran.error is not None:
            model.live, error = settled(ran, problem, executor, [batches])
            raise error
    return ran.measured[0]
