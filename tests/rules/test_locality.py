"""Each rule's report of what it reads is proved: what it claims not to read is changed, and nothing happens."""

from dataclasses import replace

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import rules
from lucidnet.backend import Stream
from lucidnet.layers import Dense, Input, LeakyRNN, Sequential
from lucidnet.rules import UORO, KeRNL, Signals, SnAp, report
from lucidnet.rules.credit import Credit
from lucidnet.rules.locality import SPACE_READS, TIME_READS
from lucidnet.training import Step
from lucidnet.tree import Layout, tree_map
from passes import by_rule

RNG = np.random.default_rng(0)
N, T, U = 4, 6, 5
X, Y = RNG.normal(size=(N, 5)), RNG.normal(size=(N, 3))
SPACE = [name for name in rules.SPACE if not rules.get(name).space.whole]


class Space:
    """The first layer's update in a net of three, by a rule, with parts of the pass replaced."""

    def __init__(self, rule):
        net = Sequential([Input(5), Dense(6, "tanh"), Dense(4, "tanh"), Dense(3)])
        step = Step(net, ln.losses.get("mse"), ln.optimizers.SGD(0.1), rules.get(rule))
        state = step.start((5,), dtype="float64")
        self.step, self.params, self.B = step, state.params, state.feedback.weights
        y, self.cache = net.forward(self.params, X)
        self.dy = y - Y

    def update(self, params=None, cache=None, error=None, target=None):
        signals = Signals(self.dy if error is None else error, Y if target is None else target)
        credit = Credit(rules.get(self.step.rule), self.B, signals, {})
        given = (params or self.params, cache or self.cache, self.dy, False)
        _, grads = credit.send("", self.step.net, *given)
        return Layout.of(grads["dense1"]).ravel(grads["dense1"])

    def changed(self, what):
        other = RNG.normal(size=X.shape)
        if what == "weights above":
            above = {
                name: tree_map(lambda a: RNG.normal(size=a.shape), self.params[name])
                for name in ("dense2", "dense3")
            }
            return self.update(params=self.params | above)
        if what == "output error":
            return self.update(error=RNG.normal(size=self.dy.shape))
        if what == "targets":
            return self.update(target=RNG.normal(size=Y.shape))
        if what == "errors above":  # with other activations there, their slopes are others
            return self.update(cache=self._above(other))
        if what == "pre":
            return self.update(cache=self._first(rows=other))
        if what == "post":
            return self.update(cache=self._first(kept=np.tanh(RNG.normal(size=(N, 6)))))
        return self.update()  # noise and loss: there is nothing of them in this pass

    def _above(self, x):
        _, fresh = self.step.net.forward(self.params, x)
        return self.cache | {name: fresh[name] for name in ("dense2", "dense3")}

    def _first(self, rows=None, kept=None):
        first = self.cache["dense1"]
        made = (first[0] if rows is None else rows, first[1] if kept is None else kept)
        return self.cache | {"dense1": made}


@pytest.mark.parametrize("what", SPACE_READS)
@pytest.mark.parametrize("rule", SPACE)
def test_across_layers(rule, what):
    case = Space(rule)
    before, after = case.update(), case.changed(what)
    reads = report(case.step.rule or rules.Rule()).parts[0].reads
    assert (np.abs(after - before).max() > 1e-6) == (what in reads), (rule, what)


@pytest.mark.parametrize("rule", ["np", "wp"])
def test_perturbation_reads_no_error(rule):
    """The loss has a slope of NaN, and weights that carry an error down would make NaN of it."""

    class Blind(type(ln.losses.get("mse"))):
        def slope(self, *arguments):
            return np.nan * super().slope(*arguments)

    made = []
    for loss in (ln.losses.get("mse"), Blind()):
        net = Sequential([Input(5), Dense(6, "tanh"), Dense(3)])
        step = Step(net, loss, ln.optimizers.SGD(0.1), rules.get(rule))
        state = step.start((5,), dtype="float64")
        made.append(by_rule(step, state, X, Y).grads)
    one, two = (Layout.of(tree).ravel(tree) for tree in made)
    np.testing.assert_array_equal(one, two)
    assert np.abs(one).max() > 0
    assert (
        not {"errors above", "output error", "weights above", "targets"} & report(rule).parts[0].reads.keys()
    )


class Time:
    """The update of the weights into unit 0 of a recurrent layer, with parts of the pass replaced."""

    def __init__(self, rule):
        self.layer = LeakyRNN(U, tau=3.0, return_sequences=True)
        self.params, _ = self.layer.init(Stream(1, dtype="float64"), (T, 2))
        y, self.cache = self.layer.forward(self.params, np.random.default_rng(5).normal(size=(N, T, 2)))
        self.dy = np.random.default_rng(6).normal(size=y.shape)
        self.rule = rule

    def update(self, params=None, cache=None, dy=None):
        B = self.rule.feedback(self.layer, Stream(0, dtype="float64"))
        if "A" in B:
            B["A"] = B["A"] + 0.1 * np.random.default_rng(7).normal(size=(U, U))
        given = (params or self.params, cache or self.cache, self.dy if dy is None else dy)
        _, grads, _ = self.rule.route(self.layer, *given, False, B)
        return np.concatenate([np.ravel(grads[name][..., 0]) for name in ("W", "U", "b")])

    def changed(self, what):
        kept, dy, others = self.cache.kept, self.dy.copy(), slice(1, None)
        if what in ("own recurrent weight", "recurrent weights"):
            W = self.params["U"].copy()
            mask = np.eye(U, dtype=bool) if what.startswith("own") else ~np.eye(U, dtype=bool)
            W[mask] += RNG.normal(size=mask.sum())
            return self.update(params=self.params | {"U": W})
        if what == "error":
            dy[..., 0] += 1.0
            return self.update(dy=dy)
        if what == "other errors":
            dy[..., others] += RNG.normal(size=dy[..., others].shape)
            return self.update(dy=dy)
        if what == "pre":
            return self.update(cache=self.cache._replace(x=RNG.normal(size=self.cache.x.shape)))
        if what in ("post", "other units"):
            part = slice(0, 1) if what == "post" else others
            return self.update(cache=self.cache._replace(kept=[self._other(k, part) for k in kept]))
        return None

    def _other(self, kept, part):
        made = kept.copy()
        made[:, part] = np.tanh(RNG.normal(size=made[:, part].shape))
        return made


TIME = [*(rules.get(name).time for name in rules.TIME), SnAp(2), SnAp(U)]


@pytest.mark.parametrize(
    "what",
    ["pre", "post", "error", "other errors", "other units", "own recurrent weight", "recurrent weights"],
)
@pytest.mark.parametrize("rule", TIME, ids=repr)
def test_through_time(rule, what):
    if isinstance(rule, KeRNL):  # what its copy with noise does is the network's own doing: A is held still
        rule = replace(rule, rate=0.0)
    case = Time(rule)
    before, after = case.update(), case.changed(what)
    reads = report(rules.Rule(time=rule)).parts
    reads = next(part for part in reads if part.axis == "through time").reads
    assert (np.abs(after - before).max() > 1e-6) == (what in reads), (rule, what)


@pytest.mark.parametrize("rule", TIME, ids=repr)
def test_what_is_kept_of_the_past(rule):
    """A rule with traces, or with stored times, sees what was; none but BPTT needs what comes later."""
    parts = report(rules.Rule(time=rule)).parts
    part = next(part for part in parts if part.axis == "through time")
    assert part.online == ("later times" not in part.reads)
    case = Time(rule)
    dy = np.zeros_like(case.dy)
    dy[:, -1] = case.dy[:, -1]
    early = case.cache.x.copy()
    early[:2] += 1.0  # the first two inputs, of which the last error hears by the past only
    before, after = case.update(dy=dy), case.update(dy=dy, cache=case.cache._replace(x=early))
    past = {"trace", "stored times", "later times"} & part.reads.keys()
    assert (np.abs(after - before).max() > 1e-12) == bool(past)
    assert len(past) == 1


def test_noise_is_read_where_it_is_claimed():
    for name in rules.TIME:
        rule = rules.get(name).time
        reads = report(name).parts[0].reads if name != "bptt" else {}
        assert hasattr(rule, "seed") == ("noise" in reads), name
    one, two = (Time(UORO(seed)).update() for seed in (0, 1))
    assert np.abs(one - two).max() > 1e-3


def test_every_rule_says_all(capsys):
    for name in [*rules.SPACE, *rules.TIME]:
        for part in report(name).parts:
            claimed = {word.strip() for word in part.rule.reads.split(",") if word.strip()}
            assert claimed <= {*SPACE_READS, *TIME_READS}, name
            assert part.memory and part.cost, name
            assert str(part).startswith(repr(part.rule))
