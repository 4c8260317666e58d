"""The networks of a set-up, as models and as the Python code that makes them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from ... import initializers, layers, losses, optimizers, rules
from ...data import generate, tasks
from ...errors import LucidnetError, SettingError
from ...layers import Dense, Input, activations
from ...model import Model
from ...optimizers import schedules
from ...rules.registry import Rule
from .kinds import KINDS, Piece, fitting, pieces
from .planes import FEATURES, PLANES
from .setup import SCHEDULES, NetworkSetup, Setup, rate_of, written_rate
from .task import GENERATED, SEQUENCES, LabTask

REGRESSION = ("mse", "mae", "huber", "half_squared_error")


def heads(task: LabTask) -> list[tuple[int, str]]:
    """Return the possible last layers (units, activation) for a task, in order of preference."""
    if not task.is_classes:
        return [(task.outputs, name) for name in ("linear", "exponential", "softplus")]
    one = [(1, "sigmoid"), (1, "tanh"), (1, "linear")] if task.outputs == 2 else []
    return [*one, (task.outputs, "softmax"), (task.outputs, "linear")]


def default_loss(task: LabTask) -> str:
    """Return the default loss of a task."""
    if not task.is_classes:
        return "mse"
    return "binary_crossentropy" if task.outputs == 2 else "categorical_crossentropy"


def targets(task: LabTask, units: int, loss: str, y: Any) -> Any:
    """Return targets in the form that loss and last layer need; one-hot for regression losses on classes."""
    if not task.is_classes or loss not in (*REGRESSION, "cosine", "poisson", "kl_divergence"):
        return y
    return y if units == 1 else np.eye(units, dtype="float32")[y]


def fitting_losses(task: LabTask) -> dict[str, tuple[int, str]]:
    """Return the losses that suit a task, each with units and activation of the last layer."""
    return {name: found for name in losses.KNOWN if (found := _head(task, name)) is not None}


def _head(task: LabTask, loss: str) -> tuple[int, str] | None:
    for units, activation in heads(task):
        model = Model([Input(task.x.shape[1:]), Dense(units, activation)])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                model.compile(loss, "sgd")
                model.evaluate(task.x[:2], targets(task, units, loss, task.y[:2]))
                before = model.get_weights()
                model.train_step(task.x, targets(task, units, loss, task.y))
                if (model.get_weights() == before).all():  # as the cosine of single numbers: nothing to learn
                    continue
        except (LucidnetError, UserWarning, ArithmeticError):
            continue
        return units, activation
    return None


@dataclass(frozen=True)
class Recipe:
    """The recipe of one network: builds the model, and writes the Python code that builds it.

    Parameters
    ----------
    task : LabTask
        The data.
    network : NetworkSetup
        The network.
    seed : int
        Its seed.
    head : (int, str)
        Units and activation of the last layer.
    """

    task: LabTask
    network: NetworkSetup
    seed: int
    head: tuple[int, str]

    @property
    def loss(self) -> str:
        """The name of the loss."""
        return self.network.loss or default_loss(self.task)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics besides the loss."""
        if self.task.is_classes:
            return ("accuracy",)
        return ("mae",) if self.task.is_sequence else ("r2",)

    @property
    def rule(self) -> Any:
        """The learning rule, across layers and through time."""
        space, time = self.network.rule, self.network.time
        if not time or time == "bptt":
            return space
        return time if space == "backprop" else Rule(space, time)

    def optimizer(self) -> Any:
        """Return the optimizer with its learning rate or schedule."""
        kind: Any = optimizers.KNOWN[self.network.optimizer]
        return kind(learning_rate=rate_of(self.network), **self._momentum(kind))

    def _momentum(self, kind: Any) -> dict[str, float]:
        given = self.network.momentum
        has = "momentum" in {f.name for f in fields(kind)}
        return {"momentum": given} if has and given is not None else {}

    def pieces(self) -> list[Piece]:
        """Return all layers, not built yet."""
        network, task = self.network, self.task
        penalties = {name: value for name in ("l1", "l2") if (value := getattr(network, name))}
        usual = network.initializer == "fitting" and not task.is_sequence
        common = penalties if usual else {"initializer": network.initializer, **penalties}
        shape = task.x.shape[1:] if task.is_sequence else (int(np.prod(task.x.shape[1:])),)
        first = Piece("Input", (tuple(map(int, shape)) if task.is_sequence else shape[0],))
        hidden = pieces(network.layers, common, task.picture, task.is_sequence)
        return [first, *hidden, Piece("Dense", self.head, tuple(penalties.items()))]

    def model(self) -> Model:
        """Build the network with its initial weights."""
        model = Model([piece.layer() for piece in self.pieces()], seed=self.seed)
        self.compile(model)
        model.build()
        return model

    def compile(self, model: Model) -> None:
        """Compile a model with the loss, optimizer, metrics and rule."""
        model.compile(self.loss, self.optimizer(), self.metrics, rule=self.rule)

    def target(self, y: Any) -> Any:
        """Return targets in the form that the loss needs."""
        return targets(self.task, self.head[0], self.loss, y)

    def compiled(self, model: str) -> str:
        """Return the line of Python that compiles the model."""
        kind: Any = optimizers.KNOWN[self.network.optimizer]
        given = "".join(f", {name}={value!r}" for name, value in self._momentum(kind).items())
        made = f"ln.optimizers.{kind.__name__}({written_rate(self.network)}{given})"
        return f"{model}.compile({self.loss!r}, {made}, {list(self.metrics)}, rule={self.written_rule})"

    @property
    def written_rule(self) -> str:
        """The learning rule as Python code."""
        named = self.rule
        words = f"{self.network.rule!r}, {self.network.time!r}"
        return f"ln.rules.Rule({words})" if isinstance(named, Rule) else repr(named)

    def python(self, model: str) -> list[str]:
        """Return the lines of Python that build the model."""
        lines = [f"    {piece}," for piece in self.pieces()]
        return [f"{model} = ln.Model([", *lines, f"], seed={self.seed})", self.compiled(model)]


def plans(setup: Setup, task: LabTask) -> list[Recipe]:
    """Return the recipes of all networks of a set-up.

    Raises
    ------
    SettingError
        If a loss, or a rule, does not go with the data.
    """
    made = []
    for network in setup.networks:
        loss = network.loss or default_loss(task)
        if (head := _head(task, loss)) is None:
            raise SettingError(f"loss: {loss!r} does not go with these data: choose {default_loss(task)!r}")
        known = fitting(bool(task.picture), task.is_sequence)
        for _, _, kind in network.layers:
            if kind and kind not in known:
                raise SettingError(f"layers: {kind} goes with {KINDS[kind].where}, and these data are none")
        if not task.is_sequence and (network.time or setup.online):
            raise SettingError("time: these data have no time: choose a sequence task")
        made.append(Recipe(task, network, setup.seed, head))
    return made


def python(
    setup: Setup, plan: Recipe, step: int, changes: Sequence[tuple[int, Recipe]], error: str | None = None
) -> str:
    """Return a Python program that trains a network as on the page, to the same weights, bit for bit.

    Parameters
    ----------
    setup : Setup
        What the page trains.
    plan : Recipe
        The network as it began.
    step : int
        How far it is.
    changes : sequence of (int, Recipe)
        What it became after some steps.
    error : str, optional
        Why it made no further step.
    """
    lines = ["import numpy as np", "", "import lucidnet as ln", "", *plan.task.code]
    if plan.target(plan.task.y[:1]) is not plan.task.y[:1] and plan.target(plan.task.y[:1]).ndim == 2:
        units = plan.head[0]
        lines += [f"y, y_test = (np.eye({units}, dtype='float32')[labels] for labels in (y, y_test))"]
    lines += ["", *plan.python("model"), ""]
    lines += _each_time(setup, plan, step, changes) if setup.online else _fit(setup, plan, step, changes)
    end = [] if error is None else [f"# the next step is not finite: {error.partition('. ')[0]}"]
    return "\n".join([*lines, *end, "print(model.evaluate(x_test, y_test))", ""])


def _fit(setup: Setup, plan: Recipe, step: int, changes: Sequence[tuple[int, Recipe]]) -> list[str]:
    """Return the Python code that trains in batches."""
    lines = ["", "class Until(ln.callbacks.Callback):", "    def step(self, loop, measured):"]
    for when, then in changes:
        lines += [f"        if loop.steps == {when}:", f"            {then.compiled('loop.model')}"]
    lines += [f"        if loop.steps >= {step}:", f"            loop.stop('step {step}')", "", ""]
    epochs = -(-max(step, 1) // -(-len(plan.task.x) // setup.batch))
    how = "" if plan.optimizer().full_batch else f", batch_size={setup.batch}"
    epochs = step if plan.optimizer().full_batch else epochs
    if step:
        lines += [f"model.fit(x, y, epochs={epochs}{how}, callbacks=[Until()], verbose=0)"]
    return lines


def _each_time(setup: Setup, plan: Recipe, step: int, changes: Sequence[tuple[int, Recipe]]) -> list[str]:
    """Return the Python code that learns at each time step."""
    times, batch = plan.task.x.shape[1], setup.batch
    lines = [f"online = model.online({plan.written_rule})", f"for step in range({step}):"]
    for when, then in changes:
        lines += [f"    if step == {when}:", f"        {then.compiled('model')}"]
        lines += [f"        online = model.online({then.written_rule})"]
    return [
        *lines,
        f"    some, time = step // {times} * {batch} % len(x), step % {times}",
        "    if time == 0:",
        "        online.reset()",
        f"    online.step(x[some : some + {batch}, time], y[some : some + {batch}, time])",
        "",
    ]


def lists(task: LabTask, own: bool) -> dict[str, Any]:
    """Return the available choices, each with a one-line description."""
    tables: dict[str, Any] = {
        "rule": rules.SPACE,
        "optimizer": optimizers.KNOWN,
        "activation": activations.KNOWN,
        "initializer": initializers.KNOWN,
    }
    if task.is_sequence:
        tables["time"] = rules.TIME
    made = {name: {key: sentence(table[key]) for key in table} for name, table in tables.items()}
    made["loss"] = {name: sentence(losses.KNOWN[name]) for name in fitting_losses(task)}
    made["schedule"] = {name: sentence(getattr(schedules, name)) for name in SCHEDULES}
    made["kind"] = {
        name: sentence(getattr(layers, name)) for name in fitting(bool(task.picture), task.is_sequence)
    }
    made["data"] = {name: sentence(getattr(generate, name)) for name in GENERATED}
    made["data"] |= {name: words for name, (words, *_) in PLANES.items()}
    made["data"] |= {name: sentence(getattr(tasks, name)) for name in SEQUENCES}
    made["data"]["digits"] = "Handwritten digits of 8 by 8 pixels in ten classes."
    if own:
        made["data"]["own"] = "Your own data."
    made["feature"] = {name: name for name in FEATURES} if task.generated_plane else {}
    return {**made, "numbers": {name: asdict(KINDS[name]) for name in made["kind"]}}


def sentence(thing: Any) -> str:
    """Return the first line of an object's docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0].replace("``", "").replace("`", "")
