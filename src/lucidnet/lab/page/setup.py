"""What a page asks to train: data, and one or two networks; read from JSON, within all limits."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import Any

from ... import initializers, losses, optimizers, rules
from ...core.exports import exports
from ...core.settings import between, choice, finite, flag, setting, taken, whole
from ...errors import SettingError, lookup
from ...layers import activations
from ...optimizers import schedules
from .kinds import KINDS
from .planes import FEATURES
from .task import NAMES, DataSetup

MOST_LAYERS = 8


@dataclass(frozen=True)
class NetworkSetup:
    """The settings of one network: its hidden layers, and how it learns.

    Parameters
    ----------
    layers : tuple of (float, str, str)
        Number, activation and kind of each hidden layer; no kind is the usual one of the data.
    rule, optimizer, loss, initializer : str
        By the names that the library knows; the rule is that across layers.
    time : str
        The rule through time, of sequences; nothing is backpropagation through time.
    rate : float
        The learning rate.
    momentum : float, optional
        Of optimizers that have one; their own if not given.
    schedule : str
        The class of a schedule of the rate, or nothing.
    over : int
        Over how many steps the schedule goes.
    l1, l2 : float
        Penalties of the weights of all layers.
    """

    layers: tuple[tuple[float, str, str], ...] = ((16, "tanh", ""), (16, "tanh", ""))
    rule: str = "backprop"
    time: str = ""
    optimizer: str = "sgd"
    rate: float = 0.05
    momentum: float | None = 0.9
    schedule: str = ""
    over: int = 2000
    loss: str = ""
    initializer: str = "fitting"
    l1: float = 0.0
    l2: float = 0.0


@dataclass(frozen=True)
class Setup:
    """The settings of everything that the page trains.

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
    online : bool
        Whether a step is one time step of sequences, after which the weights move, and not whole sequences.
    """

    data: DataSetup = DataSetup()
    networks: tuple[NetworkSetup, ...] = (NetworkSetup(), NetworkSetup(rule="fa"))
    seed: int = 0
    batch: int = 32
    stop_step: int | None = None
    stop_loss: float | None = None
    online: bool = False

    def plain(self) -> dict[str, Any]:
        """Return the settings for JSON."""
        return asdict(self)


def _layers(given: Any, owner: Any) -> tuple[tuple[float, str, str], ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST_LAYERS:
        raise SettingError(f"layers: expected up to {MOST_LAYERS} of number, activation and kind")
    made = []
    for i, entry in enumerate(given, 1):
        if not isinstance(entry, Sequence) or isinstance(entry, str) or len(entry) not in (2, 3):
            raise SettingError("layers: expected number, activation and kind of each")
        number, activation, named = (*entry, "")[:3]
        named = taken(f"layer {i}", "kind", named, _one_of("", *KINDS))
        kind = KINDS[named or "Dense"]
        check = whole(int(kind.low), int(kind.high)) if kind.whole else between(kind.low, kind.high)
        number = taken(f"layer {i}", kind.number or "number", number, check)
        made.append(
            (number, taken(f"layer {i}", "activation", activation, _one_of(*activations.KNOWN)), named)
        )
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


def _features(given: Any, owner: Any) -> tuple[str, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise SettingError("features: expected a list of names")
    chosen = {taken("features", "a feature", name, _one_of(*FEATURES)) for name in given}
    return tuple(name for name in FEATURES if name in chosen)


def _one_of(*names: str) -> Any:
    return choice(*names)


@cache
def _declared() -> Mapping[type, Mapping[str, Any]]:
    """Return the declarations of all settings, by class."""
    network = {
        "layers": setting("pairs of units and activation", _layers),
        "rule": _one_of(*rules.SPACE, *rules.TIME),
        "time": _one_of("", *rules.TIME),
        "optimizer": _one_of(*optimizers.KNOWN),
        "rate": finite(above=0),
        "momentum": between(0, 1, optional=True),
        "schedule": _one_of("", *SCHEDULES),
        "over": whole(1, 10**7),
        "loss": _one_of("", *losses.KNOWN),
        "initializer": _one_of(*initializers.KNOWN),
        "l1": between(0, 1),
        "l2": between(0, 1),
    }
    data = {
        "name": _one_of(*NAMES, "own"),
        "n": whole(4, 5000),
        "noise": between(0, 10),
        "test": between(0.05, 0.9),
        "seed": whole(0, 2**31),
        "extra": setting("points (x, y, class)", _extra),
        "features": setting("names of features", _features),
    }
    rest = {
        "seed": whole(0, 2**31),
        "batch": whole(1, 5000),
        "stop_step": whole(1, 10**9, optional=True),
        "stop_loss": finite(0, optional=True),
        "online": flag(),
    }
    return {NetworkSetup: network, DataSetup: data, Setup: rest}


def _read(kind: Any, given: Any) -> dict[str, Any]:
    """Read the settings of a class from JSON, and check them."""
    if not isinstance(given, Mapping):
        raise SettingError(f"set-up: expected settings by name, got {type(given).__name__}")
    declared, names = _declared()[kind], [f.name for f in fields(kind)]
    for name in given:
        lookup("setting of the page", str(name), dict.fromkeys(names))
    return {
        name: taken("lab", name, value, declared[name]) for name, value in given.items() if name in declared
    }


def parsed(given: Any) -> Setup:
    """Read a set-up from JSON; missing settings get their defaults.

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
    return Setup(data, tuple(_network(one) for one in networks), **rest)


def _network(given: Any) -> NetworkSetup:
    """Read one network from JSON; a rule through time alone becomes its `time`."""
    made = NetworkSetup(**_read(NetworkSetup, given))
    if made.rule in rules.TIME:
        return replace(made, rule="backprop", time=made.time or made.rule)
    return made


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


def written_rate(network: NetworkSetup) -> str:
    """Return the learning rate, or its schedule, as Python code."""
    if not network.schedule:
        return repr(network.rate)
    given = _fillings(network.rate, network.over)
    written = ", ".join(f"{name}={given[name]!r}" for name in _needed(network.schedule))
    return f"ln.optimizers.schedules.{network.schedule}({written})"


def rate_of(network: NetworkSetup) -> Any:
    """Return the learning rate of a network: a number or a schedule."""
    if not network.schedule:
        return network.rate
    given = _fillings(network.rate, network.over)
    return getattr(schedules, network.schedule)(**{name: given[name] for name in _needed(network.schedule)})
