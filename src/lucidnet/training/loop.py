"""The loop around the step: epochs, batches, validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from ..core.signals import Termination, termination
from ..data.batch import Batch, alike, whole
from ..engine.step import Measured, State, Step
from ..errors import DataError, NonFiniteError, SettingError, Terminated
from .callbacks.base import Callback
from .history import History, Result
from .measure import Tally, evaluate
from .progress import Progress
from .sources import Source

if TYPE_CHECKING:
    from ..metrics import Metric


class Trainee(Protocol):
    """What the loop trains: it owns the state, and the loop replaces it after each step."""

    state: State
    history: History
    step: Step

    @property
    def metrics(self) -> Sequence[Metric[Any]]:
        """What is measured besides the loss."""


@dataclass(frozen=True)
class Schedule:
    """How long, and how.

    Parameters
    ----------
    epochs : int
        How often to go through the data.
    accumulate : int
        How many batches make one step.
    validate_every : int, optional
        After how many steps to validate, besides the end of each epoch.
    """

    epochs: int = 1
    accumulate: int = 1
    validate_every: int | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "accumulate", "validate_every"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise SettingError(f"{name} must be a whole number of 1 or more, got {value!r}")


class Loop:
    """A training: what it trains, on what, and how far it is.

    Parameters
    ----------
    model : Trainee
        What is trained.
    source : Source
        Where batches come from.
    validation : Source, optional
        Data to measure on after each epoch.
    schedule : Schedule
        How long, and how.
    progress : Progress
        Who shows how far it is.
    callbacks : sequence of Callback
        What happens in between.
    """

    def __init__(
        self,
        model: Trainee,
        source: Source,
        validation: Source | None,
        schedule: Schedule,
        progress: Progress,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.model, self.source, self.validation = model, source, validation
        self.schedule, self.progress, self.callbacks = schedule, progress, callbacks
        self.epoch = self.batch = 0
        self.first = model.history.epochs
        self.optimizer = model.step.optimizer
        self.stopped: str | None = None
        self.asked, self.one_by_one = Termination(), False
        self.tally, self.compiled = Tally(model.metrics), model.step.compiling
        self.wanted = bool(model.metrics) or any(callback.looks for callback in callbacks)

    def stop(self, reason: str) -> None:
        """End the training after this step."""
        self.stopped = reason

    def run(self) -> History:
        """Train; the model's state is whole after each step, whatever happens.

        Raises
        ------
        Terminated
            After a SIGTERM: the step is finished, and callbacks such as `Checkpoint` have written it down.
        """
        with termination() as self.asked:
            try:
                self.model.step.watch()
                for callback in self.callbacks:
                    callback.begin(self)
                self.one_by_one = self._differ()
                while self.epoch < self.schedule.epochs and self.stopped is None:
                    self._epoch()
                    if self._terminating(now=True):
                        self._terminate()
            finally:
                for callback in self.callbacks:
                    callback.end(self)
                self.progress.close()
                self.model.step.release()
        return self.model.history

    def _differ(self) -> bool:
        """Tell whether several processes cut blocks of steps differently; then each step is made alone."""
        first = self.model.state.step
        kinds = [[type(c).__name__, *map(c.room, range(first, first + 3))] for c in self.callbacks]
        return any(other != kinds for other in self.model.step.from_all(kinds))

    def _terminating(self, now: bool = False) -> bool:
        """Tell whether the training is to end here: this process has been asked to, or another of several."""
        return self.asked.agreed(self.model.step.from_all, now)

    def _terminate(self) -> None:
        """Have the training written down, and end it."""
        told = [callback.terminated(self) for callback in self.callbacks]
        kept = (
            "; ".join(where for where in told if where)
            or "saved with --resume (fit(..., resume=folder)) only"
        )
        raise Terminated(f"ended by SIGTERM after step {self.model.state.step}; {kept}")

    def validate(self) -> Result:
        """Return the numbers of the validation data."""
        assert self.validation is not None
        model = self.model
        return evaluate(model.step, model.state, self.validation, model.metrics, prefix="val_")

    def _epoch(self) -> None:
        """Make a step on each batch, from the first that has not been seen."""
        if not self.batch:
            self.tally = Tally(self.model.metrics)
            self.model.state = self.model.state.reset()
        self.progress.start(self.source.count)
        batches = self.source.batches(self.first + self.epoch, self.batch, self.model.step.part)
        with closing(self.model.step.ahead(self._blocks(batches), self.model.state)) as blocks:
            for steps, sent in blocks:
                self._steps(steps, sent)
                if self._terminating():
                    self._terminate()
                if self.stopped is not None:
                    break
        if self.tally.terms:
            self._close_epoch()
        elif self.stopped is None:
            raise DataError("the data gave no batch at all: there is nothing to train on")

    def _blocks(self, batches: Iterator[Batch]) -> Iterator[list[list[Batch]]]:
        """Yield the batches of one or several steps: as many as may be made at once, of one shape."""
        block: list[list[Batch]] = []
        room, number = 0, self.model.state.step
        net = self.model.step.net
        while several := [batch.masked(net) for batch in islice(batches, self.schedule.accumulate)]:
            if block and not alike(several, block[0]):
                yield block
                block = []
            if not block:
                room = self._room(several, number)
            block.append(several)
            number += 1
            if len(block) >= room:
                yield block
                block = []
        if block:
            yield block

    def _room(self, several: list[Batch], step: int) -> int:
        """Return how many steps may be made at once from a step on."""
        if self.one_by_one:
            return 1
        every = self.schedule.validate_every
        rooms = [even(self.model.step.at_once(several), self.source.count, self.schedule.accumulate)]
        rooms += [room for callback in self.callbacks if (room := callback.room(step)) is not None]
        return min(rooms if not every else [*rooms, every - step % every])

    def _steps(self, steps: list[list[Batch]], sent: Any) -> None:
        batches = [batch for several in steps for batch in several]
        for callback in self.callbacks:
            if type(callback).before_step is not Callback.before_step:
                callback.before_step(self, [whole(batch) for batch in batches])
        try:
            measured = train(self.model, steps, sent, self.wanted)
        except NonFiniteError as error:
            if not any([callback.failed(self, error) for callback in self.callbacks]):
                raise
            return self.stop(str(error))
        if (seconds := self.model.step.compiling - self.compiled) > 0.05:
            self.progress.note(f"compiled in {seconds:.1f} s")
        self.compiled = self.model.step.compiling
        self.batch += len(batches)
        for batch, found in zip(batches, measured, strict=True):
            self.tally.add(found, batch)
        every = self.schedule.validate_every
        if every and self.validation is not None and self.model.state.step % every == 0:
            self.model.history.record(self.model.state.step, self.validate())
        for callback in self.callbacks:
            callback.step(self, measured)
        self.progress.batch(self.batch, self.tally.result)

    def _close_epoch(self) -> None:
        result = self.tally.merged(self.model.step).result()
        if self.validation is not None:
            result |= self.validate()
        self.model.history.append(result)
        self.epoch, self.batch = self.epoch + 1, 0
        for callback in self.callbacks:
            callback.epoch(self, Result(result))
        self.progress.epoch(self.epoch, Result(result))


def even(most: int, batches: int | None, accumulate: int) -> int:
    """Return into blocks of how many steps an epoch is best cut, of at most so many: all nearly one size.

    Examples
    --------
    >>> even(128, 938, 1), even(128, 100, 2), even(128, None, 1)
    (118, 50, 128)
    """
    if batches is None:
        return most
    steps = max(1, -(-batches // accumulate))
    return -(-steps // -(-steps // most))


def train(
    model: Trainee, steps: Sequence[Sequence[Batch]], sent: Any = None, wanted: bool = True
) -> list[Measured]:
    """Make steps; if one is not finite, or is interrupted, the weights of the last good step come back."""
    try:
        model.state, measured = model.step.several(model.state, steps, sent, wanted)
    except BaseException as error:
        model.state = model.step.recovered(model.state, error)
        raise
    return measured
