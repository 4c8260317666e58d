"""The self-test of learning rules: it passes what is right, and finds each planted fault."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import check, rules
from lucidnet.errors import SettingError, ShapeError
from lucidnet.layers import GRU, LSTM, Conv2D, Dense, Flatten, Input, Residual, Sequential
from lucidnet.rules import RFLO, Rule, SpaceRule
from lucidnet.rules.space.transported import Transported

MIRRORED = "with B = W it is backprop"
ALL = [*rules.SPACE, *rules.TIME, Rule("fa", "rflo"), Rule("fa", "rtrl"), rules.SnAp()]


def failed(report):
    return [finding.what for finding in report.findings if finding.passed is False]


@pytest.mark.parametrize("rule", ALL, ids=str)
def test_every_rule_passes(rule):
    report = check.rule(rule)
    assert report, str(report)
    report.raise_if_failed()


def test_feedback_rules_become_backprop():
    for name in ("fa", "frsf", "brsf", "kp", "wm", "dfa"):
        assert MIRRORED in [finding.what for finding in check.rule(name).findings], name
    for name in ("usf", "drtp", "shallow", "rflo"):
        assert MIRRORED not in [finding.what for finding in check.rule(name).findings], name


@pytest.mark.parametrize("rule", ["fa", "dfa", "kp"])
def test_in_a_network_of_ones_own(rule):
    images = Sequential(
        [Input((5, 5, 2)), Conv2D(3, 3), Residual(Conv2D(3, 3, padding="same")), Flatten(), Dense(3)]
    )
    assert check.rule(rule, images, (5, 5, 2))
    gates = Sequential([Input((4, 3)), GRU(4, return_sequences=True), LSTM(3), Dense(2)])
    assert check.rule(rule, gates, (4, 3))


@dataclass(frozen=True, repr=False)
class Disguised(SpaceRule):
    """Backprop, which says that it is something else."""


@dataclass(frozen=True, repr=False)
class DeadKnob(Transported):
    """Feedback alignment with a setting that does nothing."""

    strength: float = 0.5


@dataclass(frozen=True, repr=False)
class Boastful(Transported):
    """It says that it is exact."""

    exact = True


@dataclass(frozen=True, repr=False)
class Lopsided(Transported):
    """It carries twice of B, so that with B = W it is no backprop."""

    def carried_by(self, W, B):
        return 2 * B


@dataclass(frozen=True, repr=False)
class Meddling(Transported):
    """It changes the weights that it was given, past the view that cannot be written into."""

    def carried_by(self, W, B):
        W.base[...] += 0.01
        return B


@dataclass(frozen=True, repr=False)
class Divided(Transported):
    """It divides by zero."""

    def carried_by(self, W, B):
        with np.errstate(all="ignore"):
            return B / np.zeros_like(B)


@dataclass(frozen=True, repr=False)
class Moody(Transported):
    """It is another one each time."""

    def carried_by(self, W, B):
        return B * np.random.default_rng().normal(size=B.shape)


NET = Sequential([Input(4), Dense(3, "tanh"), Dense(2)])


class Changed(Transported):
    """Feedback alignment, but for what a function makes of the error at a layer's input."""

    change = staticmethod(lambda dx: dx)

    def cross(self, edge, send):
        dx, grads, B = Transported.cross(self, edge, send)
        return (dx if dx is None or edge.layer.children() else self.change(dx)), grads, B


class Ordered(Changed):
    """Later examples of a batch count more."""

    change = staticmethod(lambda dx: dx * np.linspace(0.5, 1.5, len(dx))[:, None])


class Centred(Changed):
    """Without what is common to the examples of a batch."""

    change = staticmethod(lambda dx: dx - dx.mean(0))


class SaidCentred(Centred):
    """The same, which says so."""

    couples_examples = True


class Smoothed(Changed):
    """With what is left of the batch before: a memory that it does not declare."""

    before: ClassVar[dict] = {}

    @staticmethod
    def change(dx):
        old, Smoothed.before[dx.shape] = Smoothed.before.get(dx.shape, dx), dx
        return 0.9 * dx + 0.1 * old


class Unpadded(RFLO):
    """Its trace goes on where no time step counts."""

    def advance(self, trace, layer, params, now):
        return RFLO.advance(self, trace, layer, params, now._replace(counts=None))


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        (Ordered(), "a batch's gradient is the mean of its examples'"),
        (Centred(), "a batch's gradient is the mean of its examples'"),
        (Smoothed(), "the same step twice gives the same"),
        (Unpadded(), "time steps that do not count change nothing"),
        (Disguised(), "it is not backprop in disguise"),
        (DeadKnob(), "setting strength changes what is learned"),
        (Boastful(), "it is exact"),
        (Lopsided(), MIRRORED),
        (Meddling(), "what was given is unchanged"),
        (Moody(), "the same step twice gives the same"),
    ],
    ids=repr,
)
def test_planted_faults_are_named(rule, what):
    report = check.rule(rule)
    assert what in failed(report)
    assert f"FAILED {what}" in str(report)
    with pytest.raises(check.RuleError, match=what):
        report.raise_if_failed()


def test_a_rule_that_says_that_examples_affect_each_other():
    assert failed(check.rule(SaidCentred())) == [MIRRORED]


class OfDense(Transported):
    """Right in dense layers; in others it does what a function says."""

    other = staticmethod(lambda dx: dx)

    def cross(self, edge, send):
        dx, grads, B = Transported.cross(self, edge, send)
        here = dx is None or edge.layer.children() or isinstance(edge.layer, Dense)
        return (dx if here else self.other(dx)), grads, B


class Turned(OfDense):
    other = staticmethod(lambda dx: -dx)


class Narrow(OfDense):
    other = staticmethod(lambda dx: dx @ np.ones((7, 7)))


def test_a_rule_is_tried_in_other_layers_than_dense_ones():
    assert failed(check.rule(Turned())) == ["also in convolutions", "also with gates"]
    report = check.rule(Narrow())
    assert report
    assert "raises ValueError" in report.findings["also in convolutions"].seen
    assert "also with gates" not in [each.what for each in check.rule(Turned(), NET).findings]


class Unseeded(Transported):
    def feedback(self, layer, params, inputs, outputs, rng):
        return {name: np.random.default_rng().normal(size=params[name].shape) for name in layer.transport}


def test_feedback_weights_that_come_from_elsewhere():
    assert failed(check.rule(Unseeded())) == ["feedback weights follow from the seed"]


def test_what_examples_do_to_each_other_in_layers_is_not_the_rules():
    layers = [Dense(4, "tanh"), ln.layers.BatchNormalization(), ln.layers.Dropout(0.5), Dense(2)]
    assert check.rule("fa", Sequential([Input(3), *layers]))


@dataclass(frozen=True, repr=False)
class Liar(Transported):
    """It says that it reads no weights, and is carried by half of them."""

    reads = "pre, post, errors above"

    def carried_by(self, W, B):
        return W / 2


@dataclass(frozen=True, repr=False)
class OnlyPre(SpaceRule):
    """It says that it reads inputs only."""

    reads = "pre"

    def cross(self, edge, send):
        dx, grads = edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx)
        return 2 * dx if edge.need_dx else dx, grads, None


@dataclass(frozen=True, repr=False)
class Peeking(RFLO):
    """RFLO that also looks at the other units' errors."""

    def gradient(self, trace, error):
        return RFLO.gradient(self, trace, error + error.mean(-1, keepdims=True))


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        (Liar(), ["reads weights above"]),
        (OnlyPre(), ["reads post", "reads errors above", "reads weights above"]),
        (Peeking(), ["reads other errors"]),
    ],
    ids=repr,
)
def test_a_rule_that_reads_what_it_does_not_say(rule, what):
    report = check.rule(rule)
    assert [name for name in failed(report) if name.startswith("reads")] == what
    assert not report.findings["reads ..."].passed
    for name in what:
        assert report.findings[name].passed is False
    assert report.findings["reads pre"].passed


def test_a_rule_that_says_nothing_of_what_it_reads():
    finding = check.rule(Disguised()).findings["reads pre"]
    assert finding.passed is None
    assert "says nothing of what it reads" in finding.seen


@pytest.mark.parametrize("rule", [*ALL[:-1], rules.SnAp(6)], ids=str)
def test_the_rules_of_the_library_read_what_they_say(rule):
    """And nothing that could be tried was claimed and not seen."""
    report = check.rule(rule)
    assert report.findings["reads ..."].passed
    for finding in report.findings:
        if finding.what.startswith("reads") and "not tried" not in finding.seen:
            assert finding.passed, str(finding)


def test_findings_by_name():
    report = check.rule("fa")
    assert report.findings[0] is report.findings["gradients are finite"]
    assert report.findings["setting ..."].passed
    with pytest.raises(ln.errors.UnknownNameError, match="unknown finding 'reads per'"):
        report.findings["reads per"]


def test_what_shows_elsewhere_only_is_no_fault():
    """A single layer has no feedback weights, and no seed of them."""
    report = check.rule("fa", Sequential([Input(4), Dense(2)]))
    assert report
    finding = report.findings["setting seed changes what is learned"]
    assert finding.passed is None
    assert "elsewhere yes" in finding.seen
    assert not check.rule(DeadKnob(), Sequential([Input(4), Dense(3), Dense(2)]))


def test_gradients_that_are_not_finite():
    assert "gradients are finite" in failed(check.rule(Divided()))


def test_a_setting_that_cannot_be_tried_is_told():
    @dataclass(frozen=True, repr=False)
    class Named(RFLO):
        label: str = "x"

    finding = check.rule(Named()).findings["setting label changes what is learned"]
    assert finding.passed is None
    assert "not tried" in finding.seen


def test_a_network_needs_its_shape():
    with pytest.raises(SettingError, match="give shape"):
        check.rule("fa", Sequential([Dense(3), Dense(2)]))
    with pytest.raises(SettingError, match="no recurrent layer"):
        check.rule("rflo", Sequential([Dense(3), Dense(2)]), (4,))
    assert isinstance(check.rule("fa"), ln.check.RuleReport)


class Mirror(Transported):
    """Feedback weights with a phase of their own, in which a function makes them of B and W."""

    phase = True
    made = staticmethod(lambda B, W: W)

    def learn(self, layer, params, inputs, B, rng):
        return {name: self.made(B[name], params[name]) for name in B if self.made(B[name], 0) is not None}


class HalfMirror(Mirror):
    made = staticmethod(lambda B, W: 0.5 * W)


class StillMirror(Mirror):
    made = staticmethod(lambda B, W: B)


class EmptyMirror(Mirror):
    made = staticmethod(lambda B, W: None)


class SlowMirror(Mirror):
    made = staticmethod(lambda B, W: 0.9 * B + 0.1 * W)


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        (Mirror(), ["it is not backprop in disguise"]),
        (HalfMirror(), ["it is not backprop in disguise"]),
        (StillMirror(), ["feedback weights learn between steps"]),
        (EmptyMirror(), ["feedback weights learn between steps"]),
        (SlowMirror(), []),
        (rules.WeightMirror(), []),
        (rules.WeightMirror(rate=0.0, decay=0.0), []),
    ],
    ids=str,
)
def test_feedback_weights_are_looked_at_after_they_have_learned(rule, what):
    assert failed(check.rule(rule)) == what


def test_a_phase_that_returns_nothing_is_no_training():
    model = ln.Model([Input(3), Dense(4, "tanh"), Dense(1)])
    model.compile("mse", "sgd", rule=EmptyMirror())
    with pytest.raises(SettingError, match=r"learn must return each of W, .* got nothing"):
        model.train_step(np.ones((2, 3)), np.ones((2, 1)))


@pytest.mark.parametrize(
    "rule",
    [
        *(rules.FeedbackAlignment(initializer=name) for name in ("zeros", "ones")),
        *(kind(initializer="zeros") for kind in (rules.DirectFeedbackAlignment, rules.UniformSign)),
        Rule("backprop", rules.TruncatedBPTT(window=1)),
    ],
    ids=str,
)
def test_a_setting_that_others_make_idle_is_no_fault(rule):
    assert not failed(check.rule(rule))


def test_layers_with_rules_of_their_own_read_for_themselves():
    own = [Dense(5, "tanh", rule="kp"), Dense(5, "tanh", rule="dfa"), Dense(2)]
    assert not failed(check.rule("fa", Sequential([Input(4), *own])))


def test_a_network_without_weights_has_nothing_to_test():
    with pytest.raises(SettingError, match="no weights that a rule could train"):
        check.rule("fa", Sequential([Input(3), ln.layers.Dropout(0.5)]))


@pytest.mark.parametrize(
    ("carried", "said"),
    [
        (
            lambda self, W, B: B.T,
            r"Own.carried_by must return an array of shape \(5, 3\), got shape \(3, 5\)",
        ),
        (lambda self, W, B: None, "what Own.carried_by returns is of no use"),
        (lambda self, W: W, r"Own.carried_by takes \(self, W\), but is called with W, B"),
    ],
)
def test_what_carries_the_error_is_looked_at(carried, said):
    with pytest.raises((SettingError, ShapeError), match=said):
        check.rule(type("Own", (Transported,), {"carried_by": carried, "__module__": __name__})())
