"""The command ``lucidnet train``: a network for a data set or a file, trained and saved."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import optimizers
from ..backend.threads import cores
from ..backend.xla.peers import HERE
from ..callbacks import EarlyStopping
from ..core.starting import INTERRUPTED
from ..data import KNOWN
from ..errors import SettingError, Terminated, lookup, some
from ..initializers import Fitting, VarianceScaling
from ..interop.model_file import check_suffix
from ..layers import Dense, Dropout, Input, Layer, activations
from ..model import Model
from ..training.history import Result
from . import show
from .aside import divided
from .data import Asked, Task, open_task

LEAST_EPOCHS, LEAST_STEPS = 10, 3000
"""Default lengths of a training: at most so many epochs, and more for small data, to make enough steps."""
LEAST_PATIENCE, PATIENCE = 5, 0.1
"""A training of the default length ends after so many epochs without a lower validation loss, at least, and
after this share of its length."""
SMALL = VarianceScaling(0.01, "in", "normal")
"""First weights of the last layer for a table: few rows do not make a network unlearn what it says first."""
PAYS = 1 << 26
"""The batch size times weights from which on two threads have been faster than one."""


@dataclass(frozen=True)
class Network:
    """The network options of a command."""

    hidden: str
    activation: str
    dropout: float = 0.0
    initializer: str | None = None

    def layers(self, task: Task) -> list[Layer]:
        """Return the layers for a task."""
        lookup("activation", self.activation, activations.KNOWN)
        layers: list[Layer] = [Input(task.x.shape[1:])]
        first = Fitting() if self.initializer is None else self.initializer
        for units in self._units():
            layers.append(Dense(units, activation=self.activation, initializer=first))
            if self.dropout:
                layers.append(Dropout(self.dropout))
        last = SMALL if task.table is not None and self.initializer is None else Fitting()
        return [*layers, Dense(task.outputs, activation=task.activation, initializer=last)]

    def _units(self) -> list[int]:
        if not self.hidden.strip():
            return []
        try:
            return [int(units) for units in self.hidden.split(",")]
        except ValueError:
            raise SettingError(
                f"--hidden: expected whole numbers with commas, as in 128,64, got {self.hidden!r}"
            ) from None


@dataclass(frozen=True)
class Team:
    """The options for several devices or processes.

    The address of the first process, the number of processes, and the number of this one.
    """

    devices: str | None = None
    coordinator: str | None = None
    processes: int | None = None
    index: int | None = None

    def mesh(self) -> Any:
        """Join the other processes, if there are any; return the `mesh` argument for the model."""
        from .. import distributed

        if (self.coordinator, self.processes, self.index) != (None, None, None):
            distributed.start(self.coordinator, self.processes, self.index)
            return self._given("all")
        if self.devices is None:
            return None
        if distributed.detected():
            distributed.start()
        return self._given(None)

    def _given(self, otherwise: str | None) -> Any:
        given = otherwise if self.devices is None else self.devices
        return int(given) if given and given.isdigit() else given


@dataclass(frozen=True)
class Way:
    """The further options of a training.

    The learning rule, the steps between measurements of its alignment, the largest rate of a cycle, the
    folder of checkpoints, the devices, the precision; the epochs without a lower validation loss that end it.
    """

    rule: str = "backprop"
    alignment: int | None = None
    one_cycle: float | None = None
    resume: Path | None = None
    backend: str | None = None
    dtype: str = "float32"
    team: Team = Team()
    patience: int | None = None


@dataclass(frozen=True)
class Method:
    """The training options of a command."""

    optimizer: str
    lr: float | None
    momentum: float | None
    epochs: int | None
    batch_size: int
    validation: float
    seed: int
    way: Way = Way()

    def check(self) -> None:
        """Raise early if a number is out of range, with a message that names the option."""
        if not 0 <= self.validation < 1:  # NaN is not, either
            raise SettingError(
                "--validation: expected a share of the data, from 0 to below 1, as in 0.1, got "
                f"{self.validation:g}"
            )
        if self.way.one_cycle is not None and not 0 < self.way.one_cycle < math.inf:
            raise SettingError(
                f"--one-cycle: expected a rate above 0, as in 0.02, got {self.way.one_cycle:g}"
            )
        if self.way.resume is not None:
            show.check_folder("--resume", self.way.resume)

    def lasting(self, examples: int) -> Method:
        """Return these options with a number of epochs: the given one, or one fit for the examples.

        The latter is the most: unless the rate has a cycle, the validation loss ends the training.
        """
        if self.validation and not 0 < round(examples * self.validation) < examples:
            raise SettingError(
                f"--validation {self.validation:g}: of {examples} examples none would be left to train on, "
                "or to validate on; --validation 0 trains on all of them"
            )
        if self.epochs is not None:
            return self
        trained = max(1, round(examples * (1 - self.validation)))
        epochs = math.ceil(LEAST_STEPS / math.ceil(trained / max(1, self.batch_size)))
        epochs = max(LEAST_EPOCHS, epochs)
        if not self.validation or self.way.one_cycle is not None:
            return replace(self, epochs=epochs)
        patience = max(LEAST_PATIENCE, round(PATIENCE * epochs))
        return replace(self, epochs=epochs, way=replace(self.way, patience=patience))

    def make(self) -> optimizers.Optimizer:
        """Return the optimizer that the options ask for."""
        kind: Any = type(lookup("optimizer", self.optimizer, optimizers.KNOWN)())
        given = {"learning_rate": self.lr, "momentum": self.momentum}
        settings = {name: value for name, value in given.items() if value is not None}
        if "momentum" in settings and "momentum" not in kind.__dataclass_fields__:
            raise SettingError(f"--momentum is for sgd, rmsprop and muon, not for {self.optimizer}")
        made: optimizers.Optimizer = kind(**settings)
        return made


def run(
    data: str,
    asked: Asked,
    network: Network,
    method: Method,
    save: Path | None,
    plot: Path | None,
    quiet: bool,
    found: dict[str, Any],
) -> int:
    """Train, show the result, and write what was asked for; return the exit code."""
    if save:
        check_suffix(save)  # before the work begins
    show.check_places(save, picture=plot)
    method.check()
    task = open_task(data, asked)
    method, way = method.lasting(len(task.x)), method.way
    mesh = way.team.mesh()
    model = Model(network.layers(task), seed=method.seed, dtype=way.dtype, backend=way.backend, mesh=mesh)
    model.about, model.table = task.about(), task.table
    if task.names:
        model.classes = task.names
    model.compile(task.loss, method.make(), task.metrics, rule=method.way.rule)
    main = model.executor.main
    quiet = quiet or not main
    if not quiet:
        show.line(f"{task.title()}\n\n{model.summary()}\n")
    elif main and data not in KNOWN:  # a file's task was inferred, so it is shown
        show.line(task.title())
    _tell_of_threads(model, method, quiet)
    began = time.perf_counter()
    try:
        finished = _fit(model, task, method, quiet)
    except Terminated:
        _save(model, save, tell=True)
        raise
    _save(model, save)
    seconds = time.perf_counter() - began
    results = _measured(model, task)
    found |= {"data": task.name, "parameters": len(model.get_weights()), "finished": finished}
    found |= {"seconds": seconds, "epochs": model.history.epochs, **results, "history": dict(model.history)}
    found |= {"task": task.kind(), "saved": save and str(save), "steps": model.history.step_rows()}
    if not main:
        return 0 if finished else INTERRUPTED
    _report(model, task, results, seconds, finished, method)
    if method.way.alignment is not None:
        show.alignment(model, plot)
    show.kept(model, save, plot)
    return 0 if finished else INTERRUPTED


def _save(model: Model, save: Path | None, tell: bool = False) -> None:
    """Save the model as soon as it is trained: a second Ctrl-C, or a picture that fails, would lose it."""
    if save and model.executor.main:
        model.save(save)
        if tell:
            show.kept(model, save, None)


def _tell_of_threads(model: Model, method: Method, quiet: bool) -> None:
    """Suggest two threads where steps are large enough to profit (docs/scaling.md)."""
    if quiet or model.backend != "numpy" or model.config.mesh is not None or cores() < 2:
        return
    if not model.problem.optimizer.full_batch and method.batch_size * len(model.get_weights()) >= PAYS:
        show.line("Two cores would share steps of this size well: --backend numpy --devices 2\n")


def _fit(model: Model, task: Task, method: Method, quiet: bool) -> bool:
    """Train; return False if Ctrl-C ended it early."""
    settings: dict[str, Any] = {
        "epochs": method.epochs,
        "sample_weight": task.weights,
        "batch_size": None if model.problem.optimizer.full_batch else method.batch_size,
        "validation_split": method.validation,
        "verbose": 0 if quiet else 1,
        "resume": method.way.resume,
    }
    x, y = task.x, task.y
    if task.groups is not None and method.validation:
        x, y, apart = _by_groups(task, method.validation)
        settings |= apart | {"validation_split": 0.0}
    if method.way.patience is not None:
        settings["callbacks"] = EarlyStopping("val_loss", method.way.patience)
    if method.way.alignment is not None:
        settings |= {"record": ["*_alignment/*"], "record_every": method.way.alignment}
    try:
        if method.way.one_cycle is None:
            model.fit(x, y, **settings)
        else:
            model.fit_one_cycle(x, y, max_lr=method.way.one_cycle, **settings)
    except KeyboardInterrupt:
        if HERE.count > 1:  # the others may be at another step: nothing can be done together any more
            sys.exit(INTERRUPTED)
        return False
    return True


def _by_groups(task: Task, share: float) -> tuple[Any, Any, dict[str, Any]]:
    """Return the examples to train on, and what `fit` is told of their weights and of the others."""
    train, held = divided(task.y, task.groups, share, task.name)
    weights = (None, None) if task.weights is None else (task.weights[train], task.weights[held])
    validation = {"x": task.x[held], "y": task.y[held]}
    validation |= {} if weights[1] is None else {"sample_weight": weights[1]}
    return task.x[train], task.y[train], {"sample_weight": weights[0], "validation_data": validation}


def measured(model: Model, x: Any, y: Any, weights: Any) -> Result:
    """Measure a model on examples that count as weights say; all alike if there are none."""
    if weights is None:
        return model.evaluate(x, y)
    result = model.evaluate(x, y, sample_weight=weights)
    outputs = model.predict(x)  # metrics are not weighted by `evaluate`
    return Result({**result, **{one.name: one(y, outputs, weights) for one in model.metrics}})


def _measured(model: Model, task: Task) -> dict[str, Result]:
    results = {
        "training": measured(model, task.x, task.y, task.weights),
        "test": measured(model, task.x_test, task.y_test, task.weights_test),
    }
    return {part: show.in_own_unit(result, task.table) for part, result in results.items()}


def _report(
    model: Model, task: Task, results: dict[str, Result], seconds: float, finished: bool, method: Method
) -> None:
    done = model.history.epochs
    show.results(results, model.table)
    if not finished:
        show.line(f"stopped by Ctrl-C after {done} of {method.epochs} epochs; what was learned is kept")
    show.line(f"{done} epoch{'' if done == 1 else 's'} in {seconds:.2f} s")
    losses = model.history.get("val_loss", ())
    if method.way.patience is not None and losses:
        best = _lowest(losses)
        show.line(
            f"validation loss was lowest in epoch {best} ({losses[best - 1]:.4g}): its weights are kept; "
            "--epochs trains for a number of epochs"
        )
    elif method.way.one_cycle is None and (over := overfitted(losses)):
        show.line(over)
    if far := task.far():
        verb = "has" if len(far) == 1 else "have"
        show.line(f"{some(far, 3)} {verb} large numbers: --standardize brings them near 1")


def overfitted(losses: Sequence[float]) -> str:
    """Return a sentence if the validation loss was lowest long before the end, and is clearly higher there.

    Examples
    --------
    >>> overfitted([0.9, 0.5, 0.7, 0.8, 0.9])
    'validation loss was lowest in epoch 2 (0.5), and is 0.9 now: --epochs 2 ends there'
    >>> overfitted([0.9, 0.7, 0.6]), overfitted([0.5, 0.505, 0.51, 0.505, 0.5]), overfitted([-2.0] * 9)
    ('', '', '')
    """
    best = _lowest(losses)
    if best > 0.8 * len(losses) or not losses[-1] - losses[best - 1] > 0.1 * abs(losses[best - 1]):
        return ""
    lowest, now = (f"{losses[k]:.4g}" for k in (best - 1, -1))
    return (
        f"validation loss was lowest in epoch {best} ({lowest}), and is {now} now: --epochs {best} ends there"
    )


def _lowest(losses: Sequence[float]) -> int:
    """Return the epoch, from 1 on, with the lowest loss."""
    return min(range(len(losses)), key=losses.__getitem__, default=0) + 1
