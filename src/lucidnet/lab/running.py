"""One run of a race: a training with its measurements."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..arguments import FitArguments
from ..core.settings import is_function
from ..core.trees import dotted, leaves
from ..core.value import to_config
from ..data.batches import ArraySource
from ..data.dataset import EMPTY
from ..errors import DataError, NonFiniteError, Terminated
from ..living import learning
from ..model import Model
from ..training.history import History, Result
from ..training.loop import Callback, Loop, train
from ..training.sources import to_train
from .outcome import RaceRun
from .racers import written

if TYPE_CHECKING:
    from ..data.batch import Batch

SAMPLE = 256
"""The number of examples on which alignment is measured."""

Tell = Callable[[float, Callable[[], Result]], None]
"""A function told which share of a run is done, and how to get the numbers so far."""


def elsewhere(work: Any, wanted: int, *given: Any) -> RaceRun:
    """Make a run in another process, which ends if its parent is gone: nobody wants the run any more.

    Parameters
    ----------
    work : Training or Streaming
        What to do.
    wanted : int
        The process that wants the run.
    *given
        What `run` is given besides how to tell of it.
    """
    own, parent = os.getpid() == wanted, os.getppid()

    def gone() -> bool:
        return not own and os.getppid() != parent

    def tell(share: float, numbers: Callable[[], Result]) -> None:
        if gone():
            raise Terminated("the process that ran the race has gone")

    try:
        made: RaceRun = work.run(*given, tell)
    except Terminated:
        if gone():
            os._exit(143)
        raise
    return made


@dataclass(frozen=True)
class Training:
    """What all runs of a race share: the data, and the arguments of `fit`.

    Parameters
    ----------
    x, y
        As for `Model.fit`.
    settings : dict
        What `fit` is told besides; callbacks may be a function of name and seed that makes them.
    verbose : int
        What of each epoch is shown, as by `fit`.
    """

    x: Any
    y: Any
    settings: dict[str, Any]
    verbose: int = 0

    def facts(self, model: Model) -> dict[str, Any]:
        """Return settings and data as plain data, to be compared."""
        own = {"validation_data": None, "sample_weight": None, "mask": None} | self.settings
        given: dict[str, Any] = {
            name: own.get(name) for name in ("validation_split", "class_weight", "sample_weight", "mask")
        }
        given["validation_data"], given["shuffle"] = own["validation_data"], own.get("shuffle")
        given["validation_split"] = given["validation_split"] or 0.0
        with learning(model, self.x, self.y, given["class_weight"], keep=False) as learned:
            given["class_weight"] = learned.weight
            source, validation = to_train(model, self.x, self.y, self.batch(model, own), **given)
        kept = {name: plain(value) for name, value in self.settings.items() if name not in ARRAYS}
        measured = None if validation is None else validation.facts()[1]
        return {"settings": kept, "data": source.facts()[1], "validation_data": measured}

    def batch(self, model: Model, settings: dict[str, Any]) -> int | None:
        """Return the batch size; None where it has no effect."""
        if self.y is None or model.problem.optimizer.full_batch:
            return None
        return settings.get("batch_size")

    def check(self, model: Model, own: dict[str, Any]) -> None:
        """Raise before any training if the arguments of `fit` are invalid for a run."""
        settings = {"sample_weight": None, "mask": None, **self.settings, **own}
        weights, mask = settings.pop("sample_weight"), settings.pop("mask")
        if is_function(settings.get("callbacks")):
            del settings["callbacks"]
        settings["batch_size"] = self.batch(model, settings)
        given = FitArguments(**settings)
        data = self.x, self.y, given.batch_size, given.shuffle, given.validation_data, given.validation_split
        with learning(model, self.x, self.y, given.class_weight, keep=False) as learned:
            to_train(model, *data, learned.weight, weights, mask)

    def run(self, name: str, seed: int, model: Model, own: dict[str, Any], facts: Any, tell: Tell) -> RaceRun:
        """Train a model; `own` holds the settings of this run alone."""
        settings = self.settings | own
        settings["batch_size"] = self.batch(model, settings)
        callbacks = settings.pop("callbacks", ())
        if is_function(callbacks):
            callbacks = callbacks(name, seed)
        record = settings.pop("record", ())
        given = FitArguments(callbacks=callbacks, record=record)
        callbacks = [*given.callbacks]
        if record:
            callbacks.append(_recorder(given.record, settings.pop("record_every", 1)))
        watch, failed = _Watch(model, tell), None
        try:
            model.fit(self.x, self.y, **settings, callbacks=[watch, *callbacks], verbose=self.verbose)
        except NonFiniteError as error:
            failed = str(error)
        history = model.history
        history["gradient_alignment"] = watch.alignment
        kept = History(history)
        kept.steps, kept.stopped = history.steps, history.stopped
        return RaceRun(name, seed, kept, watch.seconds, 0 if failed else _memory(model, watch), facts, failed)


def _recorder(patterns: Sequence[str], every: int) -> Callback:
    """Return what records as in `fit`, but passes over alignments of feedback weights that a rule has not."""
    from ..inspect.questions import fits
    from ..inspect.record import Recorder, names

    class Recording(Recorder):
        def begin(self, loop: Loop) -> None:
            known = [*names(loop.model)]
            layers = {f"weight_alignment/{dotted(path[:-1])}" for path, _ in leaves(loop.model.params)}
            self.patterns = tuple(
                pattern
                for pattern in self.patterns
                if any(fits(name, pattern) for name in known)
                or not any(fits(name, pattern) for name in layers)
            )
            super().begin(loop)

    return Recording(patterns, every)


ARRAYS = ("validation_data", "sample_weight", "mask")
"""Settings that hold data, of which a hash is kept."""


def plain(value: Any) -> Any:
    """Convert a setting to plain data that is the same in other processes."""
    return to_config(value, other=_described)


def _described(value: Any) -> Any:
    if is_function(value):  # its behaviour cannot be compared
        return "a function"
    if isinstance(value, Callback):
        return {"callback": type(value).__name__} | {
            name: plain(one)
            for name, one in vars(value).items()
            if isinstance(one, (int, float, str)) and name in type(value).__init__.__code__.co_varnames
        }
    return written(value)


def facts_of(model: Model, own: dict[str, Any]) -> dict[str, Any]:
    """Describe what a run trains, as text."""
    made = {"network": model.net, "loss": model.loss, "optimizer": model.optimizer, "rule": model.rule}
    metrics = [written(metric) for metric in model.metrics]
    return {name: written(value) for name, value in made.items()} | {"metrics": metrics, "fit": plain(own)}


@dataclass
class _Watch(Callback):
    """Measures the alignment after each epoch, and the time of the steps."""

    model: Model
    tell: Tell
    alignment: list[float] = field(default_factory=list)
    seconds: float = 0.0
    began: float = 0.0
    sample: Batch | None = None
    batch: Batch | None = None

    @property
    def looks(self) -> bool:
        return False

    def room(self, step: int) -> int | None:
        return None

    def begin(self, loop: Loop) -> None:
        self.alignment, self.seconds = [], 0.0
        source = loop.source
        if isinstance(source, ArraySource):
            self.sample = source.data.batch(slice(SAMPLE))
            self.batch = source.data.batch(slice(source.batch_size))
        else:
            self.sample = self.batch = next(source.batches(0), None)
            if self.batch is None:
                raise DataError(f"race: data: {EMPTY}")

    def before_step(self, loop: Loop, batches: Sequence[Any]) -> None:
        self.began = time.perf_counter()

    def step(self, loop: Loop, measured: Sequence[Any]) -> None:
        self.seconds += time.perf_counter() - self.began
        share = loop.epoch + (loop.batch / loop.source.count if loop.source.count else 0.0)
        self.tell(share / loop.settings.epochs, loop.tally.result)

    def epoch(self, loop: Loop, result: Result) -> None:
        from ..inspect.alignment import overall_alignment

        assert self.sample is not None
        self.alignment.append(overall_alignment(self.model, self.sample).cosine)


def _memory(model: Model, watch: _Watch) -> int:
    """Return the peak memory that one training step allocates, in bytes."""
    batch = watch.batch
    assert batch is not None
    return peak(lambda: train(model, [batch]))


def peak(work: Callable[[], object]) -> int:
    """Return the peak memory that some work allocates, in bytes."""
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not running:
            tracemalloc.stop()
