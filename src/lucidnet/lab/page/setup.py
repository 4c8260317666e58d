"""What a page is told to train: data, and one or two networks; as JSON, as models, and as Python."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any

from ... import initializers, losses, optimizers, rules
from ...core.exports import exports
from ...core.settings import between, choice, finite, setting, taken, whole
from ...data import tasks
from ...errors import LucidnetError, SettingError, lookup
from ...layers import Dense, Input, Layer, LeakyRNN, activations
from ...model import Model
from ...optimizers import schedules
from .task import GENERATED, NAMES, SEQUENCES, DataSetup, LabTask

MOST_LAYERS, MOST_UNITS = 8, 256
REGRESSION = ("mse", "mae", "huber", "half_squared_error")


@dataclass(frozen=True)
class NetworkSetup:
    """One network: its hidden layers, and how it learns.

    Parameters
    ----------
    layers : tuple of (int, str)
        Units and activation of each hidden layer.
    rule, optimizer, loss, initializer : str
        By the names that the library knows.
    rate : float
        The learning rate.
    momentum : float, optional
        Of optimizers that have one; their own if not given.
    schedule : str
        The class of a schedule of the rate, or nothing.
    over : int
        Over how many steps the schedule goes.
    """

    layers: tuple[tuple[int, str], ...] = ((16, "tanh"), (16, "tanh"))
    rule: str = "backprop"
    optimizer: str = "sgd"
    rate: float = 0.05
    momentum: float | None = 0.9
    schedule: str = ""
    over: int = 2000
    loss: str = ""
    initializer: str = "fitting"


@dataclass(frozen=True)
class Setup:
    """All that a page trains.

    Parameters
    ----------
    data : DataSetup
        The data.
    networks : tuple of NetworkSetup
        One, or two that are shown the same batches and begin with the same seed.
    seed : int
        The seed of first weights and of the order of the examples.
    batch : int
        Examples per step.
    stop_step, stop_loss : optional
        Where the training stops by itself: at a step, or once the test loss of all is as small.
    """

    data: DataSetup = DataSetup()
    networks: tuple[NetworkSetup, ...] = (NetworkSetup(), NetworkSetup(rule="fa"))
    seed: int = 0
    batch: int = 32
    stop_step: int | None = None
    stop_loss: float | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def _layers(given: Any, owner: Any) -> tuple[tuple[int, str], ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST_LAYERS:
        raise SettingError(f"layers: expected up to {MOST_LAYERS} pairs of units and activation")
    made = []
    for pair in given:
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise SettingError("layers: expected pairs of units and activation")
        units = taken("layers", "units", pair[0], whole(1, MOST_UNITS))
        made.append((units, taken("layers", "activation", pair[1], _one_of(*activations.KNOWN))))
    return tuple(made)


def _extra(given: Any, owner: Any) -> tuple[tuple[float, float, int], ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > 500:
        raise SettingError("extra: expected up to 500 points (x, y, class)")
    made = []
    for point in given:
        if not isinstance(point, Sequence) or isinstance(point, str) or len(point) != 3:
            raise SettingError("extra: expected points (x, y, class)")
        x, y = (taken("extra", "a place", value, between(-1e6, 1e6)) for value in point[:2])
        made.append((x, y, taken("extra", "a class", point[2], whole(0, 99))))
    return tuple(made)


def _one_of(*names: str) -> Any:
    return choice(*names)


@cache
def _declared() -> Mapping[type, Mapping[str, Any]]:
    """Return how each setting is checked."""
    network = {
        "layers": setting("pairs of units and activation", _layers),
        "rule": _one_of(*rules.SPACE, *rules.TIME),
        "optimizer": _one_of(*optimizers.KNOWN),
        "rate": finite(above=0),
        "momentum": between(0, 1, optional=True),
        "schedule": _one_of("", *SCHEDULES),
        "over": whole(1, 10**7),
        "loss": _one_of("", *losses.KNOWN),
        "initializer": _one_of(*initializers.KNOWN),
    }
    data = {
        "name": _one_of(*NAMES, "own"),
        "n": whole(4, 5000),
        "noise": between(0, 10),
        "test": between(0.05, 0.9),
        "seed": whole(0, 2**31),
        "extra": setting("points (x, y, class)", _extra),
    }
    rest = {
        "seed": whole(0, 2**31),
        "batch": whole(1, 5000),
        "stop_step": whole(1, 10**9, optional=True),
        "stop_loss": finite(0, optional=True),
    }
    return {NetworkSetup: network, DataSetup: data, Setup: rest}


def _read(kind: Any, given: Any) -> dict[str, Any]:
    """Return checked settings of a class from what JSON has."""
    if not isinstance(given, Mapping):
        raise SettingError(f"set-up: expected settings by name, got {type(given).__name__}")
    declared, names = _declared()[kind], [f.name for f in fields(kind)]
    for name in given:
        lookup("setting of the page", str(name), dict.fromkeys(names))
    return {
        name: taken("lab", name, value, declared[name]) for name, value in given.items() if name in declared
    }


def parsed(given: Any) -> Setup:
    """Return a set-up from what JSON has; what is left out is as it is by default.

    Raises
    ------
    SettingError, UnknownNameError
        If something is out of range, or not known.
    """
    rest = _read(Setup, given)
    data = DataSetup(**_read(DataSetup, given.get("data", {})))
    networks = given.get("networks", Setup().plain()["networks"])
    if not isinstance(networks, Sequence) or isinstance(networks, str) or not 1 <= len(networks) <= 2:
        raise SettingError("networks: expected one or two")
    return Setup(data, tuple(NetworkSetup(**_read(NetworkSetup, one)) for one in networks), **rest)


# --- schedules: those that a rate and a number of steps are enough for -------------------------------


def _fillings(rate: float, over: int) -> dict[str, Any]:
    return {
        **{"start": rate, "peak": rate, "high": rate, "low": rate / 10, "stop": 0.0, "steps": max(over, 2)},
        **{"every": max(1, over // 4), "up": max(1, over // 2), "factor": 0.5, "decay": 10 / over},
    }


def _needed(name: str) -> list[str]:
    parameters = inspect.signature(getattr(schedules, name)).parameters.values()
    return [p.name for p in parameters if p.default is p.empty]


SCHEDULES = tuple(
    name
    for name in exports(schedules.__name__)
    if name != "Schedule" and _needed(name) and set(_needed(name)) <= set(_fillings(1.0, 10))
)


def _rate(network: NetworkSetup) -> str:
    """Return the rate, or its schedule, as Python."""
    if not network.schedule:
        return repr(network.rate)
    given = _fillings(network.rate, network.over)
    written = ", ".join(f"{name}={given[name]!r}" for name in _needed(network.schedule))
    return f"ln.optimizers.schedules.{network.schedule}({written})"


def rate_of(network: NetworkSetup) -> Any:
    """Return the rate of a network: a number, or a schedule."""
    if not network.schedule:
        return network.rate
    given = _fillings(network.rate, network.over)
    return getattr(schedules, network.schedule)(**{name: given[name] for name in _needed(network.schedule)})


# --- models ------------------------------------------------------------------------------------------


def heads(task: LabTask) -> list[tuple[int, str]]:
    """Return the last layers that a loss may go with, in the order in which they are tried."""
    if not task.is_classes:
        return [(task.outputs, name) for name in ("linear", "exponential", "softplus")]
    one = [(1, "sigmoid"), (1, "tanh"), (1, "linear")] if task.outputs == 2 else []
    return [*one, (task.outputs, "softmax"), (task.outputs, "linear")]


def default_loss(task: LabTask) -> str:
    """Return the loss of a task if a person chooses none."""
    if not task.is_classes:
        return "mse"
    return "binary_crossentropy" if task.outputs == 2 else "categorical_crossentropy"


def targets(task: LabTask, units: int, loss: str, y: Any) -> Any:
    """Return targets as a loss and a last layer take them: one-hot for several outputs of a regression."""
    import numpy as np

    if not task.is_classes or loss not in (*REGRESSION, "cosine", "poisson", "kl_divergence"):
        return y
    return y if units == 1 else np.eye(units, dtype="float32")[y]


def fitting_losses(task: LabTask) -> dict[str, tuple[int, str]]:
    """Return the losses that go with a task, each with units and activation of the last layer."""
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
    """A network of a set-up with its data: makes the model, and the Python that makes it.

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
        """The loss by name."""
        return self.network.loss or default_loss(self.task)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is measured besides the loss."""
        if self.task.is_classes:
            return ("accuracy",)
        return ("mae",) if self.task.is_sequence else ("r2",)

    def optimizer(self) -> Any:
        """Return the optimizer with its rate and schedule."""
        kind: Any = optimizers.KNOWN[self.network.optimizer]
        return kind(learning_rate=rate_of(self.network), **self._momentum(kind))

    def _momentum(self, kind: Any) -> dict[str, float]:
        given = self.network.momentum
        has = "momentum" in {f.name for f in fields(kind)}
        return {"momentum": given} if has and given is not None else {}

    def model(self) -> Model:
        """Return the network with its first weights."""
        named = self.network.initializer
        pairs = self.network.layers
        if self.task.is_sequence:
            hidden: list[Layer] = [
                LeakyRNN(n, True, initializer=named, activation=activation) for n, activation in pairs
            ]
        else:
            hidden = [Dense(n, activation, initializer=named) for n, activation in pairs]
        model = Model([Input(self.task.x.shape[1:]), *hidden, Dense(*self.head)], seed=self.seed)
        model.compile(self.loss, self.optimizer(), self.metrics, rule=self.network.rule)
        model.build()
        return model

    def target(self, y: Any) -> Any:
        """Return targets as the loss takes them."""
        return targets(self.task, self.head[0], self.loss, y)

    def _layer(self, units: int, activation: str) -> str:
        """Return the Python of a hidden layer."""
        named = self.network.initializer
        if self.task.is_sequence:
            how = f"True, activation={activation!r}, initializer={named!r}"
            return f"    ln.layers.LeakyRNN({units}, {how}),"
        how = "" if named == "fitting" else f", initializer={named!r}"
        return f"    ln.layers.Dense({units}, {activation!r}{how}),"

    def python(self, model: str) -> list[str]:
        """Return the lines of Python that make the model."""
        kind: Any = optimizers.KNOWN[self.network.optimizer]
        given = "".join(f", {name}={value!r}" for name, value in self._momentum(kind).items())
        made = f"ln.optimizers.{kind.__name__}({_rate(self.network)}{given})"
        lines = [self._layer(*pair) for pair in self.network.layers]
        shape = ", ".join(map(str, self.task.x.shape[1:]))
        shape = f"({shape})" if self.task.is_sequence else shape
        units, activation = self.head
        metrics = list(self.metrics)
        return [
            f"{model} = ln.Model([",
            f"    ln.layers.Input({shape}),",
            *lines,
            f"    ln.layers.Dense({units}, {activation!r}),",
            f"], seed={self.seed})",
            f"{model}.compile({self.loss!r}, {made}, {metrics}, rule={self.network.rule!r})",
        ]


def plans(setup: Setup, task: LabTask) -> list[Recipe]:
    """Return the plans of all networks of a set-up.

    Raises
    ------
    SettingError
        If a loss does not go with the data.
    """
    made = []
    for network in setup.networks:
        loss = network.loss or default_loss(task)
        if (head := _head(task, loss)) is None:
            raise SettingError(f"loss: {loss!r} does not go with these data: choose {default_loss(task)!r}")
        made.append(Recipe(task, network, setup.seed, head))
    return made


def python(setup: Setup, plan: Recipe, step: int, changes: Sequence[tuple[int, Recipe]]) -> str:
    """Return Python that trains a network as the page has: to the same weights, bit for bit.

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
    """
    lines = ["import numpy as np", "", "import lucidnet as ln", "", *plan.task.code]
    if plan.target(plan.task.y[:1]) is not plan.task.y[:1] and plan.target(plan.task.y[:1]).ndim == 2:
        units = plan.head[0]
        lines += [f"y, y_test = (np.eye({units}, dtype='float32')[labels] for labels in (y, y_test))"]
    lines += ["", *plan.python("model"), "", ""]
    lines += ["class Until(ln.callbacks.Callback):", "    def step(self, loop, measured):"]
    for when, then in changes:
        lines += [f"        if loop.steps == {when}:", *(f"            {line}" for line in _changed(then))]
    lines += [f"        if loop.steps >= {step}:", f"            loop.stop('step {step}')", "", ""]
    epochs = -(-max(step, 1) // -(-len(plan.task.x) // setup.batch))
    how = "" if plan.optimizer().full_batch else f", batch_size={setup.batch}"
    epochs = step if plan.optimizer().full_batch else epochs
    if step:
        lines += [f"model.fit(x, y, epochs={epochs}{how}, callbacks=[Until()], verbose=0)"]
    return "\n".join([*lines, "print(model.evaluate(x_test, y_test))", ""])


def _changed(plan: Recipe) -> list[str]:
    """Return what makes a model go on as another plan says."""
    compile_line = plan.python("loop.model")[-1]
    return [compile_line]


def lists(task: LabTask, own: bool) -> dict[str, Any]:
    """Return what can be chosen, each name with what it is in a sentence."""
    tables: dict[str, Any] = {
        "rule": {**rules.TIME, **rules.SPACE} if task.is_sequence else rules.SPACE,
        "optimizer": optimizers.KNOWN,
        "activation": activations.KNOWN,
        "initializer": initializers.KNOWN,
    }
    made = {name: {key: _sentence(table[key]) for key in table} for name, table in tables.items()}
    made["loss"] = {name: _sentence(losses.KNOWN[name]) for name in fitting_losses(task)}
    made["schedule"] = {name: _sentence(getattr(schedules, name)) for name in SCHEDULES}
    kinds: dict[str, Callable[..., Any]] = {name: _generator(name) for name in GENERATED}
    made["data"] = {name: _sentence(kind) for name, kind in kinds.items()}
    made["data"] |= {name: _sentence(getattr(tasks, name)) for name in SEQUENCES}
    made["data"]["digits"] = "Handwritten digits of 8 by 8 pixels in ten classes."
    if own:
        made["data"]["own"] = "Your own data."
    return made


def _generator(name: str) -> Callable[..., Any]:
    from ...data import generate

    made: Callable[..., Any] = getattr(generate, name)
    return made


def _sentence(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0].replace("``", "").replace("`", "")
