"""A self-test of learning rules: what they do is what they say, and it is not backpropagation in disguise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ..backend import Array, Stream, Tree
from ..backend.layout import Layout
from ..core.calls import takes
from ..core.settings import instance, shown, whole
from ..core.trees import dotted, leaves, put, tree_map
from ..data.batch import Batch
from ..engine.build import initial, problem_of
from ..engine.numbers import Numbers
from ..engine.objective import Gradient
from ..engine.on_numpy import OnNumpy
from ..engine.problem import Problem
from ..engine.state import State
from ..engine.update import training_run
from ..errors import LucidnetError, SettingError
from ..inspect.alignment import aligned
from ..layers import Dense, Input, Layer, LeakyRNN, Sequential
from ..losses import get as get_loss
from ..optimizers import SGD
from ..rules import Rule
from ..rules.credit import places
from ..rules.feedback import branch, merged
from ..rules.registry import get
from ..rules.space.direct import Direct
from ..rules.time.bptt import BPTT
from ..training.diagnose import settled

EXAMPLES, TIMES, STEPS = 6, 24, 3
SAME = 1e-9
"""Up to this relative difference two gradients are the same: float64 without its last digits."""
DIFFERENT = 1e-6
"""From this relative difference on they are not."""


class RuleError(LucidnetError, AssertionError):
    """A learning rule does not do what it should; the message is the report."""


@dataclass(frozen=True)
class RuleFinding:
    """One thing that was tried.

    Parameters
    ----------
    what : str
        What should hold.
    seen : str
        What was seen, with its number.
    passed : bool or None
        Whether it holds; None for what is only told.
    """

    what: str
    seen: str
    passed: bool | None

    def __str__(self) -> str:
        mark = {True: "ok    ", False: "FAILED", None: "      "}[self.passed]
        return f"  {mark} {self.what}: {self.seen}"


@dataclass(frozen=True)
class RuleReport:
    """What a self-test of a learning rule found; true if it passed.

    Parameters
    ----------
    rule : Rule
        The rule.
    findings : tuple of RuleFinding
        All that was tried.
    """

    rule: Rule
    findings: tuple[RuleFinding, ...]

    @property
    def passed(self) -> bool:
        """Whether no check of the rule failed."""
        return all(finding.passed is not False for finding in self.findings)

    def __bool__(self) -> bool:
        return self.passed

    def raise_if_failed(self) -> None:
        """Raise `RuleError` with the report as its message, unless the test passed."""
        if not self.passed:
            raise RuleError(str(self))

    def __str__(self) -> str:
        return "\n".join([f"{self.rule!r}: {'passed' if self else 'FAILED'}", *map(str, self.findings)])


@takes("check.rule", net=instance(Layer, "a layer", optional=True), seed=whole(0))
def rule(
    rule: Any, net: Layer | None = None, shape: Any = None, loss: Any = "mse", seed: int = 0
) -> RuleReport:
    """Test a learning rule, also one's own.

    It is looked at whether its gradients are finite, come out the same twice, and leave alone what was
    given; whether they differ from the true ones, layer by layer (a rule that is exact says so by
    ``exact = True``); whether it is backpropagation with the feedback weights that it says make it so
    (``mirrored``; for feedback alignment B = W); and whether each of its settings changes what is learned.

    Parameters
    ----------
    rule : str, Rule, SpaceRule or TimeRule
        The rule.
    net : Layer, optional
        A network to try it in; three dense layers, or a recurrent one below two, if not given.
    shape : tuple of int, optional
        The shape of one input of that network.
    loss : str or Loss
        Its loss, of real numbers.
    seed : int
        The seed of weights and data.

    Returns
    -------
    RuleReport
        Print it; true if nothing failed.

    Raises
    ------
    SettingError
        If the rule is not defined for the network.

    Examples
    --------
    >>> print(rule("fa"))
    Rule(FeedbackAlignment()): passed
      ok     gradients are finite: yes
      ok     the same step twice gives the same: yes
      ok     what was given is unchanged: yes
      ok     it is not backprop in disguise: cosine with the true gradient: dense1 ...
      ok     with B = W it is backprop: largest difference ...
      ok     setting initializer changes what is learned: yes
      ok     setting seed changes what is learned: yes
    """
    own = get(rule)
    if net is None and shape is not None:
        raise SettingError(f"check.rule: shape={shown(shape)} has no effect without net")
    with np.errstate(all="ignore"):  # what is not finite is found
        return _tested(own, net, shape, loss, seed)


def _tested(own: Rule, net: Layer | None, shape: Any, loss: Any, seed: int) -> RuleReport:
    if net is None:
        net, shape = _network(own)
    case = _Case.of(own, net, shape, loss, seed)
    return RuleReport(own, tuple(_findings(case)))


@dataclass(frozen=True)
class _Case:
    """A rule in a network with a batch of data."""

    rule: Rule
    problem: Problem
    state: State
    batch: Batch
    seed: int

    @classmethod
    def of(cls, rule: Rule, net: Layer, shape: Any, loss: Any, seed: int) -> _Case:
        if shape is None:
            raise SettingError("check.rule: give shape=..., the shape of one input, with a network")
        params = initial(net, shape, seed, "float64")
        problem = problem_of(net, get_loss(loss), SGD(0.1, weight_decay=0.01), rule, params, shape)
        rng = Stream(seed, 0, "float64", ("check",))
        x = rng.child("x").normal((EXAMPLES, *(TIMES if size is None else size for size in shape)))
        y, _ = net.forward(params, x)
        batch = Batch(x, rng.child("target").normal(y.shape))
        return cls(rule, problem, problem.start(params, seed), batch, seed)

    def gradient(self, own: bool = True, feedback: Tree = None) -> Gradient:
        """Return the gradient by the rule, or the true one."""
        objective, state = self.problem.objective, self.state
        objective = objective if own else replace(objective, rule=None)
        B = state.feedback.weights if feedback is None else feedback
        run = training_run(state, self.batch, Numbers(self.seed))
        return objective.gradient(state.params, self.batch, run, B)

    def trained(self, rule: Rule) -> Array:
        """Return the weights after some steps by a rule."""
        old = self.problem
        given = (old.net, old.loss, old.optimizer, rule, self.state.params, old.input_shape)
        problem = problem_of(*given)
        state = problem.start(self.state.params, self.seed)
        executor = OnNumpy()
        ran = executor.run(problem.update, problem, state, [[self.batch]] * STEPS)
        if ran.error is not None:
            raise settled(ran, problem, executor, [self.batch])[1]
        return ran.state.vector


def _network(rule: Rule) -> tuple[Layer, Any]:
    """Return a network in which a rule has something to do; direct rules mirror one hidden layer only."""
    body = [Dense(3)] if isinstance(rule.space, Direct) else [Dense(5, "tanh"), Dense(3)]
    if isinstance(rule.time, BPTT):
        return Sequential([Input(5), Dense(6, "tanh"), *body]), (5,)
    return Sequential([Input((None, 4)), LeakyRNN(6, tau=8.0, return_sequences=True), *body]), (None, 4)


def _findings(case: _Case) -> Iterator[RuleFinding]:
    before = tree_map(np.copy, {"params": case.state.params, "B": case.state.feedback.weights})
    made, again = case.gradient().grads, case.gradient().grads
    true = case.gradient(own=False).grads
    flat, same = _flat(made), bool(np.array_equal(_flat(made), _flat(again)))
    yield _told("gradients are finite", finite := bool(np.isfinite(flat).all()))
    if not finite:
        return
    yield _told("the same step twice gives the same", same)
    after = {"params": case.state.params, "B": case.state.feedback.weights}
    yield _told("what was given is unchanged", bool(np.array_equal(_flat(before), _flat(after))))
    yield _disguise(case, made, true)
    if (finding := _mirrored(case, true)) is not None:
        yield finding
    yield from _knobs(case)


def _told(what: str, holds: bool) -> RuleFinding:
    return RuleFinding(what, "yes" if holds else "no", holds)


def _disguise(case: _Case, made: Tree, true: Tree) -> RuleFinding:
    """Tell whether the gradients differ from the true ones, or equal them where the rule says so."""
    rule: Rule = case.problem.rule or Rule()
    error = _difference(_flat(made), _flat(true))
    if rule.space.exact and rule.time.exact:
        return RuleFinding(
            "it is exact", f"largest difference to the true gradient {error:.1e}", error < SAME
        )
    cosines = {
        dotted(path): aligned(_flat(branch(made, path)), _flat(branch(true, path))).cosine
        for path in dict.fromkeys(path[:-1] for path, _ in leaves(true))
    }
    text = ", ".join(f"{name} {cosine:.2f}" for name, cosine in cosines.items())
    return RuleFinding(
        "it is not backprop in disguise", f"cosine with the true gradient: {text}", error > DIFFERENT
    )


def _mirrored(case: _Case, true: Tree) -> RuleFinding | None:
    """Tell whether the rule becomes backprop when its feedback weights are the forward ones."""
    rule, net, B = case.problem.rule, case.problem.objective.net, case.state.feedback.weights
    if rule is None or not B:
        return None
    there, tree = list(places(net, rule)), dict[str, Any]()
    for path, layer, own in there:
        inner = {name: array for name, array in branch(B, path).items() if not isinstance(array, dict)}
        last = path == there[-1][0]
        given = own.space.mirrored(layer, branch(case.state.params, path), last) if inner else None
        if inner and given is None:
            return None
        if inner:
            tree = put(tree, path, given)
    if not tree or not rule.time.exact:
        return None
    error = _difference(_flat(case.gradient(feedback=merged(B, tree)).grads), _flat(true))
    return RuleFinding("with B = W it is backprop", f"largest difference to it {error:.1e}", error < SAME)


def _knobs(case: _Case) -> Iterator[RuleFinding]:
    """Change each setting in turn, and look whether other weights are learned."""
    own = case.rule
    before = case.trained(own)
    for axis in ("space", "time"):
        part = getattr(own, axis)
        for name in (field.name for field in fields(part) if field.init):
            what, others = f"setting {name} changes what is learned", list(_changed(part, name))
            if others:
                made = (case.trained(replace(own, **{axis: other})) for other in others)
                yield _told(what, any(not np.array_equal(vector, before) for vector in made))
            else:
                yield RuleFinding(
                    what, f"not tried, no other value than {getattr(part, name)!r} is known", None
                )


def _changed(part: Any, name: str) -> Iterator[Any]:
    """Yield a rule with other values of a setting, as far as they are in range."""
    for value in _others(getattr(part, name)):
        with suppress(SettingError):
            yield replace(part, **{name: value})


def _others(value: Any) -> Iterator[Any]:
    """Yield other values of a setting."""
    from .. import initializers

    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, 2, 3, 1)
    elif isinstance(value, float):
        yield from (2 * value, value / 2, value + 0.125)
    elif value is None or isinstance(value, initializers.Initializer):
        yield from (7, initializers.Normal(0.3))


def _difference(one: Array, two: Array) -> float:
    return float(np.abs(one - two).max() / max(np.abs(two).max(), 1e-300))


def _flat(tree: Tree) -> Array:
    return Layout.of(tree).ravel(tree) if tree else np.zeros(0)
