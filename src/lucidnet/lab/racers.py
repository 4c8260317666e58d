"""The participants of a race: learning rules, optimizers, rates, activations, models, by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from inspect import signature
from typing import Any

import numpy as np

from .. import foreign, rules
from ..arguments import FitArguments
from ..core.settings import is_function, shown
from ..errors import SettingError, lookup, suggestion
from ..layers import Layer, activations, walk
from ..layers.activations import ActivationLayer, Linear
from ..layers.rebuild import INNER, rebuilt
from ..losses import Loss
from ..losses.registry import KNOWN as LOSSES
from ..model import Model
from ..optimizers import Optimizer
from ..optimizers import get as optimizer_of
from ..optimizers.registry import KNOWN as OPTIMIZERS
from ..optimizers.schedules import Schedule
from ..optimizers.settings import inner_optimizers

PARTS = ("model", "rule", "optimizer", "activation", "units", "loss")
"""Keys in a dict of settings that concern the model itself."""
FIT = frozenset({f.name for f in fields(FitArguments)} | {"sample_weight", "mask"})
FIT -= {"epochs", "resume", "verbose"}
"""What `fit` takes that a race, or one who takes part in it, can say."""
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class Racer:
    """A racer: its name, and what differs from the model of the race.

    Parameters
    ----------
    name : str
        What it is called in tables.
    parts : dict
        Of `PARTS` those that are other than in the model of the race.
    optimizer_settings : dict
        Settings of the optimizer, such as ``learning_rate``.
    fit_settings : dict
        What `fit` is told of this one alone.
    """

    name: str
    parts: dict[str, Any] = field(default_factory=dict)
    optimizer_settings: dict[str, Any] = field(default_factory=dict)
    fit_settings: dict[str, Any] = field(default_factory=dict)

    def model(self, base: Model, seed: int, online: bool = False) -> Model:
        """Return this racer's untrained model, for a seed."""
        net, chosen, metrics = self._network(base)
        loss, optimizer, rule = chosen or base._compiled
        if "activation" in self.parts:
            net = with_activation(net, self.parts["activation"])
        if "units" in self.parts:
            net = with_units(net, self.parts["units"])
        made = Model(net, seed=seed, dtype=base.dtype, backend=base.config)
        optimizer = self.parts.get("optimizer", optimizer)
        if self.optimizer_settings:
            optimizer = self._changed(optimizer)
        taken = "backprop" if online else self.parts.get("rule", rule) or "backprop"
        made.compile(self.parts.get("loss", loss), optimizer, metrics, rule=taken)
        if net is base.net and "live" in vars(base):
            made.build(base.input_shape)
        elif made.net.takes():
            made.build()
        return made

    def rule(self, base: Model) -> Any:
        """Return the rule by which this racer learns from a stream."""
        return self.parts.get("rule") or base.rule

    def _network(self, base: Model) -> tuple[Layer, Any, Any]:
        """Return the network, what it is compiled with (if it is), and its metrics."""
        given = self.parts.get("model")
        if given is None:
            return base.net, base._compiled, base.metrics
        if is_function(given) and not isinstance(given, (Layer, Model)):
            given = self._made(given)
        if not isinstance(given, Model):
            try:
                given = Model(given)
            except SettingError:
                raise SettingError(
                    f"race: {self.name!r}: expected a model, layers, or a function that returns one of them, "
                    f"got {shown(given)}"
                ) from None
        return given.net, given._chosen, given.metrics if given._chosen else base.metrics

    def _made(self, make: Any) -> Any:
        """Call a function without arguments."""
        try:
            signature(make).bind()
        except ValueError:  # some functions do not say what they take
            pass
        except TypeError:
            raise SettingError(
                f"race: {self.name!r}: a function that makes a model is called without arguments: write "
                "lambda: make(32) in place of make"
            ) from None
        return make()

    def _changed(self, optimizer: Optimizer) -> Optimizer:
        """Return an optimizer with this racer's settings."""
        around = (optimizer, *(inner for _, inner in inner_optimizers(optimizer)))
        known = {f.name for one in around for f in fields(one)}
        for name in self.optimizer_settings:
            if name not in known:
                ours = foreign.keyword(type(optimizer), name) or foreign.keyword("fit", name)
                raise SettingError(
                    f"race: {self.name!r}: there is no setting {name!r} of {type(optimizer).__name__}, of "
                    f"the model or of fit: {suggestion(name, {*known, *FIT, *PARTS}, ours)}"
                )
        return optimizer.changed(**self.optimizer_settings)


def racers(given: Any) -> list[Racer]:
    """Make racers from a dict by name, or from a sequence.

    Raises
    ------
    SettingError
        If something is no rule, optimizer, rate, activation, model or dict of settings, or two have one name.
    """
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
        pairs = [_named(one) for one in given]
    else:
        raise SettingError(
            f"race: rules: expected a sequence of rules, as in ['backprop', 'fa'], or a dict by name, "
            f"got {shown(given)}"
        )
    for name, _ in pairs:
        if not isinstance(name, str) or not name.strip() or "\n" in name:
            raise SettingError(f"race: rules: a name must be a text of one line, got {shown(name)}")
    if double := next((name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i])), None):
        raise SettingError(f"race: two are called {double!r}: give names of your own, {{'name': rule, ...}}")
    return [_racer(name, one) for name, one in pairs]


def _named(given: Any) -> tuple[Any, Any]:
    """Return an item of a sequence, preceded by a name for it."""
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str):
        return given
    if isinstance(given, (Model, Layer, Mapping, list, tuple)) or is_function(given):
        raise SettingError(
            f"race: models and settings need a name: write {{'a name': ..., ...}} in place of {shown(given)}"
        )
    if isinstance(given, (rules.Rule, rules.SpaceRule, rules.TimeRule)):
        return rules.registry.short_name(given), given
    return (given if isinstance(given, str) else repr(given)), given


def _racer(name: str, given: Any) -> Racer:
    if isinstance(given, Mapping):
        return _of_settings(name, given)
    if isinstance(given, (int, float, np.integer, np.floating)) and not isinstance(given, (bool, np.bool_)):
        return Racer(name, optimizer_settings={"learning_rate": given})
    kind = _kind(name, given)
    if kind == "learning_rate":
        return Racer(name, optimizer_settings={kind: given})
    if kind == "rule":
        given = rules.get(given)
    elif kind == "optimizer":
        given = optimizer_of(given)
    return Racer(name, {kind: given})


def _kind(name: str, given: Any) -> str:
    """Return the role of a racer: one of `PARTS`, or the learning rate."""
    if isinstance(given, str):
        table = dict.fromkeys([*rules.SPACE, *rules.TIME], "rule")
        table |= dict.fromkeys(OPTIMIZERS, "optimizer") | dict.fromkeys(activations.KNOWN, "activation")
        return lookup("rule, optimizer, activation or loss", given, dict.fromkeys(LOSSES, "loss") | table)
    kinds: dict[str, Any] = {
        "rule": (rules.Rule, rules.SpaceRule, rules.TimeRule),
        "optimizer": Optimizer,
        "learning_rate": Schedule,
        "loss": Loss,
        "activation": ActivationLayer,
        "model": (Model, Layer, list, tuple),
    }
    for kind, classes in kinds.items():
        if isinstance(given, classes):
            return kind
    if is_function(given):
        return "model"
    raise SettingError(
        f"race: {name!r} must be a rule, an optimizer, a rate, an activation, a loss, a model, a function "
        f"that makes one, or a dict of settings, got {shown(given)}"
    )


def _of_settings(name: str, given: Mapping[str, Any]) -> Racer:
    """Make a racer from a dict of settings."""
    parts = {key: value for key, value in given.items() if key in PARTS}
    if "rule" in parts:
        parts["rule"] = rules.get(parts["rule"])
    if "optimizer" in parts:
        parts["optimizer"] = optimizer_of(parts["optimizer"])
    for key in given:
        if not isinstance(key, str) or key in ("epochs", "resume", "verbose", "seed", "seeds"):
            raise SettingError(
                f"race: {name!r}: {key!r} is the same for all who take part: give it to race itself"
            )
    rest = {key: value for key, value in given.items() if key not in PARTS}
    fit = {key: value for key, value in rest.items() if key in FIT}
    return Racer(name, parts, {key: value for key, value in rest.items() if key not in FIT}, fit)


def with_activation(net: Layer, activation: Any) -> Layer:
    """Replace the activation in all layers of a network but the last.

    Layers without one, such as a `Dense` before a normalization, stay so.

    Examples
    --------
    >>> from lucidnet.layers import Dense, Sequential
    >>> with_activation(Sequential([Dense(4, "tanh"), Dense(1, "sigmoid")]), "relu").layers
    (Dense(4, ReLU(), name='dense0'), Dense(1, Sigmoid(), name='dense1'))
    """
    made: Any = activations.get(activation)
    children = net.children()
    last = children[-1][0] if children else ""
    replaced = 0

    def swap(layer: Layer, same: Layer, path: tuple[str, ...]) -> Layer:
        nonlocal replaced
        if not isinstance(layer, ActivationLayer) or isinstance(layer, Linear) or path[:1] == (last,):
            return same
        replaced += 1
        return made if path[-1] == INNER else replace(made, name=path[-1])  # type: ignore[no-any-return]

    changed = rebuilt(net, swap)
    if not replaced:
        raise SettingError(
            f"race: there is no activation in the hidden layers to put {made!r} in the place of: "
            "race models, {'relu': model, ...}"
        )
    return changed


def with_units(net: Layer, units: Any) -> Layer:
    """Replace the number of units in all hidden layers of a network.

    Examples
    --------
    >>> from lucidnet.layers import Dense, Sequential
    >>> with_units(Sequential([Dense(4, "tanh"), Dense(1, "sigmoid")]), 8).layers
    (Dense(8, Tanh(), name='dense0'), Dense(1, Sigmoid(), name='dense1'))
    """
    having = [path for path, layer in walk(net) if path and hasattr(layer, "units")]
    if len(having) < 2:
        raise SettingError("race: there is no hidden layer whose units could be others: race models")

    def swap(layer: Layer, same: Any, path: tuple[str, ...]) -> Layer:
        return replace(same, units=units) if path in having[:-1] else same  # type: ignore[no-any-return]

    return rebuilt(net, swap)


def written(value: Any) -> str:
    """Return a repr that is the same in other processes, without memory addresses."""
    return ADDRESS.sub("", repr(value))
