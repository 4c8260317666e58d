"""Callbacks that watch numbers, and act on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from typing import Any

from ...core.matrices import matrix_lines
from ...core.packing import alike, number
from ...core.packing import whole as whole_number
from ...core.settings import choice, finite, flag, function, taken, text, texts, whole
from ...core.trees import dotted, leaves
from ...core.value import of_library
from ...engine.state import Measured
from ...errors import NonFiniteError, SettingError, some
from ...metrics.best import Best
from ...optimizers.schedules import Fixed, Product
from ...optimizers.settings import check_rate
from ..history import Result
from ..loop import Callback, Loop


class Patience(Callback):
    """The base of callbacks that act when a number has not improved for some epochs."""

    def __init__(self, monitor: str, patience: int, min_delta: float, mode: str | None) -> None:
        self.monitor = taken(self, "monitor", monitor, text())
        self.patience = taken(self, "patience", patience, whole(0))
        self.min_delta = taken(self, "min_delta", min_delta, finite(0))
        way = taken(self, "mode", mode, choice("min", "max", optional=True))
        self.watched = Best(self.monitor, way, self.min_delta, type(self).__name__)
        self.waited = 0

    @property
    def best(self) -> float | None:
        """The best number of this training so far."""
        return self.watched.value

    def begin(self, loop: Loop) -> None:
        self.watched.begin(loop.model.metrics, loop.validation is not None or not of_library(self))
        self.waited = 0

    def improved(self, loop: Loop, result: Result) -> bool:
        """Record the newest value, and tell whether it is the best so far."""
        found = self.watched.improved(result, loop.model.metrics)
        self.waited = 0 if found else self.waited + 1
        return found

    def state(self) -> Any:
        return self.watched.state() | {"waited": self.waited}

    def restore(self, loop: Loop, state: Any) -> None:
        self.watched.restore(state)
        self.waited = whole_number(state["waited"])


class EarlyStopping(Patience):
    """Ends the training when a number has not improved for some epochs; NaN is never better.

    A training that ended this way is complete: running the same line with ``resume=`` does nothing more, even
    with more `epochs`.

    Parameters
    ----------
    monitor : str
        The number, by its name in the history.
    patience : int
        The number of epochs in a row without improvement that end the training, as in Keras.
    min_delta : float
        The least improvement that counts.
    mode : {"min", "max"}, optional
        Whether small or large is good; by default the metric decides (`Metric.better`), and one that does not
        know, such as a function of your own, needs it. If given, it takes precedence over the metric.
    restore_best : bool
        Whether the weights of the best epoch are restored at the end.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        *,
        min_delta: float = 0.0,
        mode: str | None = None,
        restore_best: bool = True,
    ) -> None:
        super().__init__(monitor, patience, min_delta, mode)
        self.restore_best = taken(self, "restore_best", restore_best, flag())
        self.weights: Any = None
        self.mean: Any = None
        """The running average that belongs to these weights, if `EMA` makes one."""

    def begin(self, loop: Loop) -> None:
        self.weights = self.mean = None  # before anything that may raise: they are another training's
        super().begin(loop)

    def epoch(self, loop: Loop, result: Result) -> None:
        if self.improved(loop, result):
            state = loop.model.state if self.restore_best else None
            self.weights, self.mean = (state.vector, state.memory.get("average")) if state else (None, None)
        elif self.waited >= self.patience:
            loop.stop(f"{self.monitor} has not become better for {self.waited} epochs")

    def end(self, loop: Loop) -> None:
        if self.weights is not None:
            state = loop.model.state
            kept = self.mean is not None and "average" in state.memory  # a callback may have compiled it anew
            memory = state.memory | ({"average": self.mean} if kept else {})
            loop.model.state = state._replace(params=state.params.layout.bind(self.weights), memory=memory)

    def state(self) -> Any:
        return super().state() | {"weights": self.weights, "mean": self.mean}

    def restore(self, loop: Loop, state: Any) -> None:
        super().restore(loop, state)
        weights, mean, now = state["weights"], state.get("mean"), loop.model.state  # older files have no mean
        self.weights = None if weights is None else alike(weights, now.vector, "the best weights")
        self.mean = None if mean is None else alike(mean, now.memory.get("average"), "their average")


class ReduceOnPlateau(Patience):
    """Lowers the learning rate when a number has not improved for some epochs.

    The rate is multiplied by `factor`, also where it is a schedule (the definition of PyTorch's
    ``ReduceLROnPlateau`` with ``threshold_mode="abs"``). Rates of single layers stay; where all that are
    trained have one it is refused. At the end of the training the optimizer has its own rate again.

    Parameters
    ----------
    monitor, min_delta, mode
        As for `EarlyStopping`.
    patience : int
        The number of epochs in a row without improvement that are tolerated; the next lowers the rate.
    factor : float
        The factor on the rate, above 0 and below 1.
    cooldown : int
        The number of epochs after a change in which nothing is counted.
    min_rate : float
        A rate that is a number is not brought below this; one that is below it already stays.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        *,
        cooldown: int = 0,
        min_rate: float = 0.0,
        min_delta: float = 1e-4,
        mode: str | None = None,
    ) -> None:
        super().__init__(monitor, patience, min_delta, mode)
        self.factor = taken(self, "factor", factor, finite(above=0, below=1))
        self.cooldown = taken(self, "cooldown", cooldown, whole(0))
        self.min_rate = taken(self, "min_rate", min_rate, finite(0))
        self.cooling, self.total = 0, 1.0
        self.given: Any = None
        """The rate without the reductions."""
        self.put: Any = None
        """The rate last set by this callback."""
        self.before: Any = None
        """The one set before that; Ctrl-C may come before the last one is in place."""

    def begin(self, loop: Loop) -> None:
        self.cooling, self.total, self.given, self.put, self.before = 0, 1.0, None, None, None
        super().begin(loop)
        check_rate("ReduceOnPlateau", loop.model.problem)

    def epoch(self, loop: Loop, result: Result) -> None:
        if self.improved(loop, result):
            self.cooling = max(0, self.cooling - 1)
            return
        if self.cooling:
            self.cooling, self.waited = self.cooling - 1, 0
        elif self.waited > self.patience:
            rate = loop.model.optimizer.learning_rate
            if self.put is None or rate != self.put:  # the user has set another, or one of our kind has
                same = (one for one in loop.callbacks if isinstance(one, ReduceOnPlateau) and one.put == rate)
                self.given, self.total = next(((one.given, one.total) for one in same), (rate, 1.0))
            self.total, self.waited, self.cooling = self.total * self.factor, 0, self.cooldown
            self._set(loop)

    def _set(self, loop: Loop) -> None:
        """Set the learning rate to the one given, times all reductions so far."""
        self.before, self.put = self.put, self._reduced(self.given)
        loop.model.set(learning_rate=self.put)

    def _reduced(self, rate: Any) -> Any:
        if callable(rate):
            return Fixed(self.total) * rate
        return max(rate * self.total, min(rate, self.min_rate))  # never above what it was

    def end(self, loop: Loop) -> None:
        if self.put is not None and loop.model.optimizer.learning_rate in (self.put, self.before):
            loop.model.set(learning_rate=self.given)
        self.put = self.before = None

    def state(self) -> Any:
        given = "schedule" if callable(self.given) else self.given
        return super().state() | {"cooling": self.cooling, "total": self.total, "given": given}

    def restore(self, loop: Loop, state: Any) -> None:
        super().restore(loop, state)
        self.cooling, self.total = whole_number(state["cooling"]), number(state["total"])
        rate = loop.model.optimizer.learning_rate
        if self.total == 1.0:
            return
        given = state.get("given", rate)
        if given == "schedule":
            given = rate.factors[-1] if isinstance(rate, Product) else None
        elif given is not None and not callable(given):
            given = number(given)
        # An older checkpoint does not hold the rate set; one that the user has set since then stays.
        if "given" not in state or (given is not None and self._reduced(given) == rate):
            self.given = given
            self._set(loop)


class StopOnNaN(Callback):
    """Ends the training quietly, instead of with an error, if the loss or a gradient is not finite."""

    def failed(self, loop: Loop, error: NonFiniteError) -> bool:
        return True


class PrintWeights(Callback):
    """Prints some weights every few steps: mean, deviation, smallest and largest, or all values.

    Parameters
    ----------
    patterns : str or sequence of str
        The weights to print, by names such as ``"dense1.W"`` or ``"*.b"``.
    every : int
        The number of steps between prints.
    matrix : bool
        Whether to print all rows of numbers below; columns that would make lines longer than 100 characters
        are left out, with a note.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(3, initializer="ones")])
    >>> model.compile("mse", ln.optimizers.SGD(0.1))
    >>> shown = PrintWeights(["*.W"], every=1, matrix=True)
    >>> history = model.fit([[1.0, 0.0]], [[1.0, 0.0, 2.5]], verbose=0, callbacks=[shown])
    step 1  dense1.W: mean 1.006, deviation 0.04875, from 0.9333 to 1.1
        0       1  0.9333     1.1
        1       1       1       1
    """

    def __init__(
        self, patterns: str | Sequence[str] = "*", every: int = 100, *, matrix: bool = False
    ) -> None:
        self.patterns = taken(self, "patterns", patterns, texts(least=1, one=True))
        self.every: int = taken(self, "every", every, whole(1))
        self.matrix: bool = taken(self, "matrix", matrix, flag())

    def room(self, step: int) -> int | None:
        return self.every - step % self.every

    def begin(self, loop: Loop) -> None:
        names = [dotted(path) for path, _ in leaves(loop.model.state.params)]
        for pattern in self.patterns:
            if not any(fnmatch(name, pattern) for name in names):
                there = some(names, 12)
                raise SettingError(f"PrintWeights: nothing is called {pattern!r}; there are {there}")

    def step(self, loop: Loop, measured: Sequence[Measured]) -> None:
        number = loop.steps
        if number % self.every:
            return
        for path, array in leaves(loop.model.state.params):
            name = dotted(path)
            if any(fnmatch(name, pattern) for pattern in self.patterns):
                numbers = (array.mean(), array.std(), array.min(), array.max())
                mean, deviation, low, high = (f"{float(value):.4g}" for value in numbers)
                print(f"step {number}  {name}: mean {mean}, deviation {deviation}, from {low} to {high}")
                for line in matrix_lines(array, 96) if self.matrix else ():
                    print(f"    {line}")


class On(Callback):
    """Calls your own functions after epochs and steps.

    Parameters
    ----------
    epoch : callable, optional
        Called as ``epoch(loop, result)`` after each epoch.
    step : callable, optional
        Called as ``step(loop, measured)`` after each step.
    """

    def __init__(
        self,
        *,
        epoch: Callable[[Any, Result], object] | None = None,
        step: Callable[[Any, Sequence[Measured]], object] | None = None,
    ) -> None:
        self._epoch = taken(self, "epoch", epoch, function(takes=2, optional=True))
        self._step = taken(self, "step", step, function(takes=2, optional=True))

    def room(self, step: int) -> int | None:
        return 1 if self._step else None

    def epoch(self, loop: Loop, result: Result) -> None:
        if self._epoch:
            self._epoch(loop, result)

    def step(self, loop: Loop, measured: Sequence[Measured]) -> None:
        if self._step:
            self._step(loop, measured)
