"""What a rule reads, found by experiment: by changing one quantity and watching a weight's update."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ..backend import Array, Stream, Tree
from ..backend.layout import Layout
from ..data.batch import Batch
from ..engine.build import initial, problem_of
from ..engine.numbers import Numbers
from ..engine.update import training_run
from ..errors import LucidnetError
from ..layers import Dense, Graph, Input, Layer, LeakyRNN, Sequential, walk
from ..layers.base import INFERENCE
from ..layers.endings import outputs
from ..losses import MeanSquaredError
from ..optimizers import SGD
from ..rules import Rule, SpaceRule, TimeRule
from ..rules.credit import Credit
from ..rules.edge import Signals, carriers
from ..rules.feedback import side_by_side
from ..rules.locality import Locality, report
from .make import inputs_of

EXAMPLES, TIMES, UNITS = 4, 6, 5
CHANGED = 1e-6
"""The relative difference above which an update counts as changed."""

ACROSS = ("pre", "post", "errors above", "weights above", "output error", "targets", "noise")
THROUGH = (
    "pre",
    "post",
    "error",
    "other errors",
    "other units",
    "own recurrent weight",
    "recurrent weights",
)
PAST = ("trace", "stored times", "later times")


class Claim:
    """A rule's claim about what it reads, and what was observed.

    Parameters
    ----------
    name : str
        What may be read, in the words of `rules.locality`.
    claimed : bool or None
        Whether the rule claims to read it; None if its class makes no claims.
    seen : bool or None
        Whether the rule's update changed with it; None if that could not be tried.
    axis : str
        Along which axis.
    """

    def __init__(self, name: str, claimed: bool | None, seen: bool | None, axis: str) -> None:
        self.name, self.claimed, self.seen, self.axis = name, claimed, seen, axis

    @property
    def passed(self) -> bool | None:
        """Whether the claim holds; None if nothing speaks for or against it."""
        if self.seen is None or self.claimed is None or (self.claimed and not self.seen):
            return None
        return self.seen == self.claimed

    def __str__(self) -> str:
        if self.claimed is None:
            seen = "not tried here" if self.seen is None else "yes" if self.seen else "no"
            return f"{seen}; the rule says nothing of what it reads (reads = ...)"
        if self.seen is None:
            return f"not tried here; the rule says {'yes' if self.claimed else 'no'}"
        if self.seen == self.claimed:
            return "yes" if self.seen else "no"
        return "yes, but its reads do not say so" if self.seen else "it says so, but nothing changed here"


def claims(rule: Rule, net: Layer | None = None, shape: Any = None) -> Iterator[Claim]:
    """Yield each claim of a rule about what it reads, with what was observed.

    The claims are tried on a small network of dense layers and a recurrent layer, and on the given network as
    far as any network allows it: by changing weights, the output's error and targets.
    """
    for part in report(rule).parts:
        probes = [Space(part.rule) if isinstance(part.rule, SpaceRule) else Time(part.rule)]
        if (
            net is not None
            and isinstance(part.rule, SpaceRule)
            and isinstance(net, (Sequential, Graph))
            and not outputs(net)
            and all(layer.rule is None for _, layer in walk(net))  # else one would see what they read
            and not any(layer.tied_to for _, layer in walk(net))  # has no weights that can change alone
        ):
            probes.append(Space(rule.space, net, shape))
        for name in _names(part):
            seen = [found for probe in probes if (found := _tried(probe, name)) is not None]
            claimed = name in part.reads if _says(part.rule) else None
            yield Claim(name, claimed, any(seen) if seen else None, part.axis)


def _says(rule: Any) -> bool:
    """Tell whether a rule's class, or a base class of it, declares what it reads."""
    return any("reads" in vars(kind) for kind in type(rule).__mro__ if kind not in (SpaceRule, TimeRule))


def _tried(probe: Any, name: str) -> bool | None:
    try:
        return probe.reads(name)  # type: ignore[no-any-return]
    except LucidnetError:  # a rule that is not defined here
        return None


def _names(part: Locality) -> Iterator[str]:
    """Yield the names of what to change, one at a time; one name stands for all claims about the past."""
    past = [name for name in PAST if name in part.reads] or ["trace"]
    yield from (name for name in part.reads | part.unread if name not in PAST)
    if isinstance(part.rule, TimeRule):
        yield past[0]


def differs(one: Array, two: Array) -> bool:
    """Tell whether two updates differ."""
    return bool(np.abs(one - two).max() > CHANGED * max(np.abs(one).max(), 1e-3))


class Space:
    """The update that a rule across layers makes to a network's first layer, with parts of the pass replaced.

    Parameters
    ----------
    rule : SpaceRule
        The rule.
    net : Layer, optional
        The network; three dense layers if not given.
    shape : shape, optional
        The shape of one input of it.
    """

    def __init__(self, rule: SpaceRule, net: Layer | None = None, shape: Any = None) -> None:
        self.plain = net is None
        net = net or Sequential([Input(5), Dense(6, "tanh"), Dense(4, "tanh"), Dense(3)])
        self.shape = shape = (5,) if shape is None else shape
        self.rng = np.random.default_rng(0)
        params = initial(net, shape, 1, "float64")
        self.problem = problem_of(net, MeanSquaredError(), SGD(0.1), Rule(rule), params, shape)
        self.state, self.net = self.problem.start(params, 1), self.problem.objective.net
        self.rule, self.params = rule, self.state.params
        self.x = inputs_of(net, shape, Stream(2, dtype="float64"), EXAMPLES, TIMES)
        self.y, self.cache = self.net.forward(self.params, self.x)
        self.target = self._other(self.y)
        self.dy = self.y - self.target
        self.first = next(name for name, own in self.params.items() if Layout.of(own).size)

    def _other(self, like: Array) -> Array:
        return self.rng.normal(size=like.shape)

    def reads(self, name: str) -> bool | None:
        """Tell whether the update changes when `name` is changed; None if that cannot be tried here."""
        own = type(self.rule)
        if own.gradient is not SpaceRule.gradient:
            return self._estimated(name) if self.plain else None
        if name not in ACROSS:
            return False if self.plain else None  # a backward pass does not contain them
        if not self.plain and name in ("pre", "post", "errors above"):
            return None  # layers in between may let any error through
        return differs(self._update(), self._update(**self._changed(name)))

    def _update(
        self, params: Tree = None, cache: Any = None, error: Any = None, target: Any = None, seed: int = 1
    ) -> Array:
        signals = Signals(
            side_by_side(self.dy) if error is None else error,
            self.target if target is None else target,
            stream=Stream(seed, dtype="float64"),
        )
        credit = Credit(Rule(self.rule), self.state.feedback.weights, signals, {})
        given = (params or self.params, cache or self.cache, self.dy, False)
        _, grads = credit.send("", self.net, *given)
        return Layout.of(grads[self.first]).ravel(grads[self.first])

    def _changed(self, name: str) -> dict[str, Any]:
        """Return the arrays that replace those of the pass, or the seed that replaces its own."""
        if name == "noise":
            return {"seed": 2}
        if name == "weights above":
            return {
                "params": {
                    name: own if name == self.first else self._reweighed(dict(self.net.children())[name], own)
                    for name, own in self.params.items()
                }
            }
        if name == "output error":
            return {"error": self._other(self.dy)}
        if name == "targets":
            return {"target": self._other(self.target)}
        if name == "errors above":  # other activations there have other slopes
            other = inputs_of(self.net, self.shape, Stream(3, dtype="float64"), EXAMPLES, TIMES)
            _, fresh = self.net.forward(self.params, other)
            return {"cache": fresh | {self.first: self.cache[self.first]}}
        rows, kept = self.cache[self.first]
        first = (self._other(rows), kept) if name == "pre" else (rows, np.tanh(self._other(kept)))
        return {"cache": self.cache | {self.first: first}}

    def _reweighed(self, layer: Layer, params: Tree) -> Tree:
        """Return the parameters with the weights that carry errors across layers replaced."""
        inner = {name: self._reweighed(child, params[name]) for name, child in layer.children()}
        return params | inner | {name: self._other(params[name]) for name in carriers(layer)}

    def _estimated(self, name: str) -> bool | None:
        """As `reads`, for a rule that estimates all gradients at once: its loss or its noise is changed."""
        if name in ("pre", "post"):
            return None
        if name == "loss":
            return differs(self._gradient(), self._gradient(loss=_Squared()))
        if name == "noise":
            return differs(self._gradient(), self._gradient(seed=2))
        with np.errstate(all="ignore"):  # code that reads or passes on an error gets no number
            return not np.array_equal(self._gradient(), self._gradient(loss=_Slopeless()))

    def _gradient(self, loss: Any = None, seed: int = 1) -> Array:
        objective = self.problem.objective
        objective = objective if loss is None else replace(objective, loss=loss)
        run = training_run(self.state, batch := Batch(self.x, self.target), Numbers(seed))
        made = objective.gradient(self.params, batch, run, self.state.feedback.weights)
        return Layout.of(made.grads).ravel(made.grads)


class _Slopeless(MeanSquaredError):  # noqa: N818
    """A squared error whose slope is NaN."""

    def slope(self, error: Any) -> Array:
        """Return NaN for each slope."""
        return np.nan * error


class _Squared(MeanSquaredError):  # noqa: N818
    """The squared error of each example, squared once more."""

    def values(self, prediction: Array, target: Array) -> tuple[Array, Any]:
        """Return the squared errors, squared once more."""
        values, cache = MeanSquaredError.values(self, prediction, target)
        return values * values, cache


class Time:
    """The update that a rule through time makes to one unit's weights in a recurrent layer.

    Parameters
    ----------
    rule : TimeRule
        The rule; its own learning is switched off (`TimeRule.still`).
    """

    def __init__(self, rule: TimeRule) -> None:
        self.rng = np.random.default_rng(0)
        self.moving = rule
        self.rule, self.layer = rule.still(), LeakyRNN(UNITS, tau=3.0, return_sequences=True)
        self.params, _ = self.layer.init(Stream(1, dtype="float64"), (TIMES, 2))
        y, self.cache = self.layer.forward(self.params, self.rng.normal(size=(EXAMPLES, TIMES, 2)), INFERENCE)
        self.dy = self.rng.normal(size=y.shape)
        mixed = self.rng.normal(
            size=(UNITS, UNITS)
        )  # so that it contains what a rule has learned about other units
        B = self.rule.feedback(self.layer, Stream(0, dtype="float64"))
        self.B = {
            name: array + 0.1 * mixed if array.shape == mixed.shape else array for name, array in B.items()
        }

    def reads(self, name: str) -> bool | None:
        """Tell whether the update changes when `name` is changed; None if that cannot be tried here."""
        if name == "noise":
            rule: Any = self.moving
            seeds = [1, 2] if any(field.name == "seed" for field in fields(rule)) else []
            others = [rule, *(replace(rule, seed=seed) for seed in seeds)]
            return any(differs(self._update(rule=rule), self._update(rule=other)) for other in others)
        if name in PAST:
            return self._past()
        return differs(self._update(), self._update(**self._changed(name)))

    def _past(self) -> bool:
        """Tell whether the update from the last error alone depends on earlier inputs."""
        dy, early = np.zeros_like(self.dy), self.cache.x.copy()
        dy[:, -1] = self.dy[:, -1]
        early[:-1] += 1.0
        one, two = self._update(dy=dy), self._update(dy=dy, cache=self.cache._replace(x=early))
        return bool(np.abs(one - two).max() > 1e-12)

    def _update(self, params: Any = None, cache: Any = None, dy: Any = None, rule: Any = None) -> Array:
        given = (params or self.params, cache or self.cache, self.dy if dy is None else dy)
        _, grads, _ = (rule or self.rule).route(self.layer, *given, False, self.B)
        return np.concatenate([np.ravel(grads[name][..., 0]) for name in ("W", "U", "b")])

    def _changed(self, name: str) -> dict[str, Any]:
        """Return the arrays that replace those of the pass."""
        if name in ("own recurrent weight", "recurrent weights"):
            own = np.eye(UNITS, dtype=bool)
            where = own if name.startswith("own") else ~own
            U = np.where(where, self.params["U"] + self.rng.normal(size=own.shape), self.params["U"])
            return {"params": self.params | {"U": U}}
        if name in ("error", "other errors"):
            part = (np.arange(UNITS) == 0) if name == "error" else (np.arange(UNITS) > 0)
            return {"dy": self.dy + part * self.rng.normal(size=self.dy.shape)}
        if name == "pre":
            return {"cache": self.cache._replace(x=self.rng.normal(size=self.cache.x.shape))}
        part = slice(0, 1) if name == "post" else slice(1, None)
        return {"cache": self.cache._replace(kept=[self._elsewhere(kept, part) for kept in self.cache.kept])}

    def _elsewhere(self, kept: Array, part: slice) -> Array:
        made = kept.copy()
        made[:, part] = np.tanh(self.rng.normal(size=made[:, part].shape))
        return made
