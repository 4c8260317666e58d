"""A self-test of learning rules: they do what they claim, and are not backpropagation in disguise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from typing import Any

import numpy as np

from ..backend import Array, Stream, Tree, length
from ..backend.layout import Layout
from ..core.calls import takes
from ..core.settings import instance, shown, whole
from ..core.text import Report, plain
from ..core.trees import Path, dotted, leaves, put, tree_map
from ..data.batch import Batch
from ..engine.build import initial, problem_of
from ..engine.numbers import Numbers
from ..engine.objective import Gradient
from ..engine.on_numpy import OnNumpy
from ..engine.problem import Problem
from ..engine.state import State
from ..engine.update import training_run
from ..errors import LucidnetError, SettingError, lookup
from ..inspect.alignment import aligned
from ..layers import GRU, LSTM, Conv2D, Dense, Flatten, Input, Layer, LeakyRNN, Sequential, walk
from ..layers.endings import outputs
from ..losses import Loss
from ..losses import get as get_loss
from ..optimizers import SGD
from ..rules import Rule
from ..rules.credit import ending, places
from ..rules.feedback import branch, merged
from ..rules.locality import report
from ..rules.registry import get
from ..rules.scope import approximate
from ..rules.space.direct import Direct
from ..rules.time.bptt import BPTT
from ..training.step import make_steps
from .make import fitting_target, inputs_of
from .reads import claims

EXAMPLES, TIMES, STEPS = 6, 24, 3
SAME = 1e-9
"""The relative difference up to which two gradients are the same: float64 without its last digits."""
DIFFERENT = 1e-6
"""The relative difference above which two gradients are different."""


class RuleError(LucidnetError, AssertionError):
    """A learning rule does not do what it should; the message is the report."""


@dataclass(frozen=True, repr=False)
class RuleFinding(Report):
    """The result of one test of a rule.

    Parameters
    ----------
    what : str
        What should hold.
    seen : str
        What was seen, with its number.
    passed : bool or None
        Whether it holds; None for mere information.
    """

    what: str
    seen: str
    passed: bool | None

    def __str__(self) -> str:
        mark = {True: "ok    ", False: "FAILED", None: "      "}[self.passed]
        return f"  {mark} {self.what}: {self.seen}"


class Findings(tuple[RuleFinding, ...]):
    """Findings in order, also accessible by their text: ``findings["it is exact"]``.

    A name that ends in ``...`` stands for all findings that begin with it, as one: ``findings["reads ..."]``.
    """

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return tuple.__getitem__(self, key)
        if not key.endswith("..."):
            return lookup("finding", key, {finding.what: finding for finding in self})
        found = [finding for finding in self if finding.what.startswith(key[:-3])]
        if not found:
            lookup("finding", key, {finding.what: finding for finding in self})
        seen = "; ".join(f"{finding.what[len(key) - 3 :]}: {finding.seen}" for finding in found)
        return RuleFinding(key, seen, all(finding.passed is not False for finding in found))


@dataclass(frozen=True, repr=False)
class RuleReport(Report):
    """What a self-test of a learning rule found; true if it passed.

    Parameters
    ----------
    rule : Rule
        The rule.
    findings : Findings
        All that was tried, a tuple of `RuleFinding`; each also by what it says, ``findings["reads pre"]``.
    """

    rule: Rule
    findings: Findings

    @property
    def passed(self) -> bool:
        """Whether no test failed."""
        return all(finding.passed is not False for finding in self.findings)

    def __bool__(self) -> bool:
        return self.passed

    def raise_if_failed(self) -> None:
        """Raise `RuleError` with the report as its message, unless the test passed."""
        if not self.passed:
            raise RuleError(str(self))

    def __str__(self) -> str:
        return plain("\n".join([self._verdict, *map(str, self.findings)]))

    @property
    def _verdict(self) -> str:
        return f"{self.rule!r}: {'passed' if self else 'FAILED'}"

    def _repr_html_(self) -> str:
        from ..core import page

        marks = {True: "ok", False: "FAILED", None: ""}
        rows = [(marks[finding.passed], finding.what, finding.seen) for finding in self.findings]
        table = page.table(("", "what should hold", "what was seen"), rows, {1: "w", 2: "w"})
        return page.fragment(page.heading(self._verdict), table)


@takes("check.rule", net=instance(Layer, "a layer", optional=True), seed=whole(0))
def rule(
    rule: Any, net: Layer | None = None, shape: Any = None, loss: Any = "mse", seed: int = 0
) -> RuleReport:
    """Test a learning rule, built-in or your own.

    The test checks that the rule's gradients are finite, are the same when computed again after another
    batch, and leave its inputs unmodified; that those of a batch are the mean of its examples' (unless the
    rule says ``couples_examples = True`` or draws noise), and that what a mask leaves out does not change
    them; that they differ from the true ones, layer by layer (a rule that is exact says so by ``exact =
    True``); that the rule equals backpropagation with the feedback weights that it says make it so
    (``mirrored``; for feedback alignment B = W); that feedback weights with a phase of their own change in
    it, and do not become the weights; that it reads what it says it reads (``reads``, in the words of
    `rules.report`), and nothing else: each of these is changed by itself, in a small network of dense layers
    or in a recurrent layer, and where possible in the given network; and that each of its settings changes
    what is learned.

    Parameters
    ----------
    rule : str, Rule, SpaceRule or TimeRule
        The rule.
    net : Layer, optional
        A network to try the rule in; three dense layers, or a recurrent one below two, if not given, and then
        convolutions and gated layers as far as they go without a comparison of settings. Settings that need
        another network to show an effect (a seed of feedback weights, where no layer here has any) are
        reported, but are no fault.
    shape : tuple of int, optional
        The shape of one input of that network, if it does not begin with `Input`.
    loss : str or Loss
        Its loss.
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
      ok     feedback weights follow from the seed: yes
      ok     the same step twice gives the same: yes
      ok     what was given is unchanged: yes
      ok     a batch's gradient is the mean of its examples': yes
      ok     it is not backprop in disguise: cosine with the true gradient: dense1 ...
      ok     with B = W it is backprop: largest difference ...
      ok     reads pre: yes
      ok     reads post: yes
      ok     reads errors above: yes
      ok     reads weights above: no
      ok     reads output error: no
      ok     reads targets: no
      ok     reads loss: no
      ok     reads noise: no
      ok     setting initializer changes what is learned: yes
      ok     setting seed changes what is learned: yes
      ok     also in convolutions: yes
      ok     also with gates: yes
    >>> rule("fa").findings["reads weights above"].passed
    True
    """
    own = get(rule)
    if net is None and shape is not None:
        raise SettingError(f"check.rule: shape={shown(shape)} has no effect without net")
    with np.errstate(all="ignore"):  # non-finite values are found
        return _tested(own, net, shape, loss, seed)


def _tested(own: Rule, net: Layer | None, shape: Any, loss: Any, seed: int) -> RuleReport:
    small, small_shape = _network(own)
    if net is None:
        found = tuple(_findings(_Case.of(own, small, small_shape, loss, seed), None))
        more = _also(own, loss, seed) if all(one.passed is not False for one in found) else ()
        return RuleReport(own, Findings((*found, *more)))
    shape = net.takes() if shape is None else shape
    case = _Case.of(own, net, shape, loss, seed)

    @cache
    def spare() -> _Case | None:
        with suppress(LucidnetError):  # a rule for other layers than these
            return _Case.of(own, small, small_shape, "mse", seed)
        return None

    return RuleReport(own, Findings(_findings(case, spare)))


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
        params, names = initial(net, shape, seed, "float64"), outputs(net)
        if not any(array.size for _, array in leaves(params)):
            raise SettingError("check.rule: the network has no weights that a rule could train")
        chosen = get_loss(dict.fromkeys(names, loss) if names and not isinstance(loss, dict) else loss)
        problem = problem_of(net, chosen, SGD(0.1, weight_decay=0.01), rule, params, shape)
        rng = Stream(seed, 0, "float64", ("check",))
        x = inputs_of(net, shape, rng.child("x"), EXAMPLES, TIMES)
        y, _ = net.forward(params, x)
        batch = Batch(x, _target(chosen, y, rng.child("target")))
        return cls(rule, problem, problem.start(params, seed), batch, seed)

    @property
    def rules(self) -> list[Rule]:
        """The rules of all layers."""
        net, rule = self.problem.objective.net, self.problem.rule or Rule()
        return [rule, *(get(layer.rule) for _, layer in walk(net) if layer.rule is not None)]

    @property
    def approximate(self) -> set[Any]:
        """The paths of layers whose gradients the rule only approximates, below recurrent layers."""
        return set(approximate(self.problem.objective.net, self.problem.rule or Rule()))

    def gradient(self, own: bool = True, feedback: Tree = None, batch: Batch | None = None) -> Gradient:
        """Return the gradient by the rule, or the true one."""
        objective, state, batch = self.problem.objective, self.state, batch or self.batch
        objective = objective if own else replace(objective, rule=None)
        B = state.feedback.weights if feedback is None else feedback
        return objective.gradient(state.params, batch, training_run(state, batch, Numbers(self.seed)), B)

    def trained(self, rule: Rule) -> Array:
        """Return the weights after some training steps by a rule."""
        old = self.problem
        given = (old.net, old.loss, old.optimizer, rule, self.state.params, old.input_shape)
        problem = problem_of(*given)
        return self._steps(problem, problem.start(self.state.params, self.seed)).vector

    def learned(self) -> _Case:
        """Return the case after some steps, followed by steps in which the weights stay fixed.

        What the rule learns about the weights is then based on these, and not on those of a step before.
        """
        state = self._steps(self.problem, self.state)
        return replace(self, state=self._steps(self.problem.changed(SGD(0.0)), state))

    def _steps(self, problem: Problem, state: State) -> State:
        return make_steps(OnNumpy(), problem, state, [[self.batch]] * STEPS)[0]

    @property
    def phased(self) -> Iterator[tuple[Path, Rule]]:
        """Yield path and rule of each layer whose feedback weights learn in a phase of their own."""
        for path, _, own in places(self.problem.objective.net, self.problem.rule or Rule()):
            if own.space.phase and path in (self.problem.edges or {}):
                yield path, own


def _target(loss: Loss, y: Any, rng: Stream) -> Any:
    """Return random targets that a loss accepts, for outputs like these."""
    if isinstance(y, dict):
        return {name: _target(own, y[name], rng.child(name)) for name, own in loss.losses}  # type: ignore[attr-defined]
    target = rng.normal(y.shape)
    with suppress(LucidnetError):
        return loss.check_target(target, y.shape[1:], "float64")
    return loss.check_target(fitting_target(loss, y), y.shape[1:], "float64")


def _network(rule: Rule) -> tuple[Layer, Any]:
    """Return a network that exercises a rule; direct rules mirror only a single hidden layer."""
    body = [Dense(3)] if isinstance(rule.space, Direct) else [Dense(5, "tanh"), Dense(3)]
    if isinstance(rule.time, BPTT):
        return Sequential([Input(5), Dense(6, "tanh"), *body]), (5,)
    return Sequential([Input((None, 4)), LeakyRNN(6, tau=8.0, return_sequences=True), *body]), (None, 4)


Spare = Callable[[], "_Case | None"]
"""Makes the small default network, where another was given."""


def _also(rule: Rule, loss: Any, seed: int) -> Iterator[RuleFinding]:
    """Tell for other layers than dense ones whether the rule does there what it should."""
    sequences = [GRU(3, return_sequences=True), LSTM(3), Dense(2)]
    images = [Conv2D(3, 3, activation="tanh"), Conv2D(2, 2), Flatten(), Dense(2)]
    for what, shape, layers in (("in convolutions", (5, 5, 2), images), ("with gates", (4, 3), sequences)):
        try:
            case = _Case.of(rule, Sequential([Input(shape), *layers]), shape, loss, seed)
            found = [*_basic(case), *filter(None, (_exact(case), _mirrored(case)))]
        except LucidnetError:
            continue  # which says so where it is compiled
        except Exception as error:  # the user's own code: this is the finding
            yield RuleFinding(f"also {what}", f"raises {type(error).__name__}: {error}", None)
            continue
        wrong = [f"{one.what}: {one.seen}" for one in found if one.passed is False]
        yield RuleFinding(f"also {what}", "; ".join(wrong) or "yes", not wrong)


def _exact(case: _Case) -> RuleFinding | None:
    """Tell whether a rule that says so is exact."""
    return _disguise(case) if all(rule.space.exact and rule.time.exact for rule in case.rules) else None


def _basic(case: _Case) -> Iterator[RuleFinding]:
    """Yield what must hold of every rule; the last finding is the one that failed, if any did."""
    before = tree_map(np.copy, {"params": case.state.params, "B": case.state.feedback.weights})
    made, _, again = (case.gradient(batch=batch).grads for batch in (None, case.batch.part(BACK), None))
    flat, same = _flat(made), bool(np.array_equal(_flat(made), _flat(again)))
    yield _told("gradients are finite", finite := bool(np.isfinite(flat).all()))
    if not finite:
        return
    if B := case.state.feedback.weights:
        drawn = case.problem.start(case.state.params, case.seed).feedback.weights
        yield _told(
            "feedback weights follow from the seed", seeded := bool(np.array_equal(_flat(B), _flat(drawn)))
        )
        if not seeded:
            return
    yield _told("the same step twice gives the same", same)
    after = {"params": case.state.params, "B": case.state.feedback.weights}
    yield _told("what was given is unchanged", kept := bool(np.array_equal(_flat(before), _flat(after))))
    if not (same and kept):
        return
    yield from filter(None, (_divisible(case), _padded(case)))


def _findings(case: _Case, spare: Spare | None) -> Iterator[RuleFinding]:
    yield from (basic := tuple(_basic(case)))
    if any(one.passed is False and one.what not in (DIVISIBLE, PADDED) for one in basic):
        return  # whatever is changed now, the result would be another one
    if any(case.phased):
        yield (learns := _learns(case))
        if not learns.passed:
            return
    yield _elsewhere(_disguise(case), _disguise, spare)
    if (finding := _mirrored(case)) is not None:
        yield finding
    given = (case.problem.net, case.problem.input_shape) if spare else ()
    several = len(report(case.rule).parts) > 1
    for claim in claims(case.rule, *given):
        what = f"reads {claim.name}{f' {claim.axis}' if several else ''}"
        yield RuleFinding(what, str(claim), claim.passed)
    for axis in ("space", "time"):
        for name in (field.name for field in fields(getattr(case.rule, axis)) if field.init):
            look = partial(_knob, axis=axis, name=name)
            yield _elsewhere(look(case), look, spare)


def _elsewhere(
    finding: RuleFinding, look: Callable[[_Case], RuleFinding], spare: Spare | None
) -> RuleFinding:
    """Turn a failure into a remark if the rule has nothing to do in this network and passes in another."""
    if finding.passed is not False or finding.what == EXACT or spare is None:
        return finding
    other = spare()
    if other is None or not look(other).passed:
        return finding
    return RuleFinding(
        finding.what, f"{finding.seen} here, where the rule has nothing to do; elsewhere yes", None
    )


def _told(what: str, holds: bool) -> RuleFinding:
    return RuleFinding(what, "yes" if holds else "no", holds)


EXACT, DISGUISE = "it is exact", "it is not backprop in disguise"
BACK = slice(None, None, -1)


def _divisible(case: _Case) -> RuleFinding | None:
    """Tell whether a batch's gradient is the mean of its examples', unless the rule says that it is not."""
    axes = [axis for rule in case.rules for axis in (rule.space, rule.time)]
    if any(axis.couples_examples or "noise" in str(axis.reads) for axis in axes):
        return None

    def difference(own: bool) -> float:
        rows = range(EXAMPLES)
        alone = [_flat(case.gradient(own, batch=case.batch.part(slice(i, i + 1))).grads) for i in rows]
        return _difference(np.mean(alone, axis=0), _flat(case.gradient(own).grads))

    if difference(own=False) > SAME:  # layers or the loss look at all examples
        return None
    if (error := difference(own=True)) < SAME:
        return _told(DIVISIBLE, True)
    seen = f"no, by {error:.1e}: other examples, the order or the size of the batch play a part"
    return RuleFinding(DIVISIBLE, f"{seen}; if that is meant, say couples_examples = True", False)


def _padded(case: _Case) -> RuleFinding | None:
    """Tell whether time steps that a mask leaves out change what a rule through time finds."""
    batch, rng = case.batch, Stream(case.seed, 1, "float64", ("padding",))
    if all(isinstance(rule.time, BPTT) for rule in case.rules) or np.ndim(batch.x) != 3:
        return None
    counts = np.tile(np.arange(batch.x.shape[1]) % 3 != 1, (EXAMPLES, 1))
    others = np.where(counts[..., None], batch.x, rng.normal(batch.x.shape))

    def difference(own: bool) -> float:
        one, two = (case.gradient(own, batch=batch._replace(x=x, mask=counts)) for x in (batch.x, others))
        return _difference(_flat(one.grads), _flat(two.grads))

    with suppress(LucidnetError):  # a network that takes no mask
        if difference(own=False) < SAME:
            error = difference(own=True)
            seen = "yes" if error < SAME else f"no, by {error:.1e}: now.counts says which count"
            return RuleFinding(PADDED, seen, error < SAME)
    return None


DIVISIBLE = "a batch's gradient is the mean of its examples'"
PADDED = "time steps that do not count change nothing"


def _learns(case: _Case) -> RuleFinding:
    """Tell whether feedback weights with a phase of their own change in it, layer by layer."""
    what = "feedback weights learn between steps"
    try:
        after = case.learned().state.feedback.weights
    except SettingError as error:
        return RuleFinding(what, str(error), False)
    before = case.state.feedback.weights
    still = [
        dotted(path)
        for path, own in case.phased
        if np.array_equal(_flat(branch(before, path)), _flat(branch(after, path)))
        and not own.space.settings()  # a rate of 0 is intended
    ]
    return RuleFinding(
        what, f"no: phase = True, but those of {', '.join(still)} stay" if still else "yes", not still
    )


def _disguise(case: _Case) -> RuleFinding:
    """Tell whether the gradients differ from the true ones, or equal them where the rule claims so."""
    made, true = case.gradient().grads, case.gradient(own=False).grads
    paths, below = list(dict.fromkeys(path[:-1] for path, _ in leaves(true))), case.approximate
    parts = {path: (_flat(branch(made, path)), _flat(branch(true, path))) for path in paths}
    if all(rule.space.exact and rule.time.exact for rule in case.rules):
        exact = [pair for path, pair in parts.items() if path not in below]
        error = _difference(*(np.concatenate(side) for side in zip(*exact, strict=True))) if exact else 0.0
        text = f"largest difference to the true gradient {error:.1e}"
        if below:
            text += f"; approximate below, by its own account: {_cosines(parts, below)}"
        return RuleFinding(EXACT, text, error < SAME)
    error = _difference(_flat(made), _flat(true))
    text = f"cosine with the true gradient: {_cosines(parts, paths)}"
    limits = [axis.limit for rule in case.rules for axis in (rule.space, rule.time) if axis.limit]
    if error <= DIFFERENT and limits:
        return RuleFinding(DISGUISE, f"the true gradient, as it is {limits[0]}; {text}", None)
    if error > DIFFERENT and _learned_all(case):
        return RuleFinding(DISGUISE, "after a few steps its feedback weights are W, up to a factor", False)
    return RuleFinding(DISGUISE, text, error > DIFFERENT)


def _learned_all(case: _Case) -> bool:
    """Tell whether after some steps each layer's gradient is the true one, up to a factor."""
    if not any(case.phased):
        return False
    after = case.learned()
    made, true = after.gradient().grads, after.gradient(own=False).grads
    paths = list(dict.fromkeys(path[:-1] for path, _ in leaves(true)))
    parts = ((_flat(branch(made, path)), _flat(branch(true, path))) for path in paths)
    return all(_difference(one / length(one), two / length(two)) < DIFFERENT for one, two in parts)


def _cosines(parts: dict[Any, tuple[Array, Array]], paths: Iterable[Any]) -> str:
    """Return the cosines between the rule's gradients and the true ones, layer by layer, as text."""
    found = {path: aligned(*pair).cosine for path, pair in parts.items() if path in paths}
    return ", ".join(f"{dotted(path)} {cosine:.2f}" for path, cosine in found.items())


def _mirrored(case: _Case) -> RuleFinding | None:
    """Tell whether the rule equals backprop when its feedback weights mirror the forward weights."""
    rule, net, B = case.problem.rule, case.problem.objective.net, case.state.feedback.weights
    if rule is None or not B or not all(own.time.exact for own in case.rules) or case.approximate:
        return None
    tree, end = dict[str, Any](), ending(net)
    for path, layer, own in places(net, rule):
        inner = {name: array for name, array in branch(B, path).items() if not isinstance(array, dict)}
        if not inner:
            if path in (case.problem.edges or {}) and not own.space.exact:
                return None
            continue
        given = own.space.mirrored(layer, branch(case.state.params, path), path == end)
        if given is None:
            return None
        tree = put(tree, path, given)
    if not tree:
        return None
    true = _flat(case.gradient(own=False).grads)
    error = _difference(_flat(case.gradient(feedback=merged(B, tree)).grads), true)
    return RuleFinding("with B = W it is backprop", f"largest difference to it {error:.1e}", error < SAME)


def _knob(case: _Case, axis: str, name: str) -> RuleFinding:
    """Tell whether changing a setting changes the learned weights."""
    part = getattr(case.rule, axis)
    what, others = f"setting {name} changes what is learned", list(_changed(part, name))
    if not others:
        return RuleFinding(what, f"not tried, no other value than {getattr(part, name)!r} is known", None)
    if _matters(case, axis, part, others):
        return _told(what, True)
    with suppress(LucidnetError, TypeError):  # a rule without defaults, or one that is not defined here
        usual = type(part)()
        if usual != part and _matters(case, axis, usual, list(_changed(usual, name))):
            return RuleFinding(what, "no, with the other settings as they are; with the defaults yes", None)
    return _told(what, False)


def _matters(case: _Case, axis: str, part: Any, others: list[Any]) -> bool:
    """Tell whether any of several rules, in place of another, leads to other weights."""
    before, *made = (case.trained(replace(case.rule, **{axis: one})) for one in (part, *others))
    return any(not np.array_equal(vector, before) for vector in made)


def _changed(part: Any, name: str) -> Iterator[Any]:
    """Yield a rule with other valid values of a setting."""
    for value in _others(getattr(part, name)):
        with suppress(SettingError):
            if (other := replace(part, **{name: value})) != part:
                yield other


def _others(value: Any) -> Iterator[Any]:
    """Yield other values to try for a setting."""
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
