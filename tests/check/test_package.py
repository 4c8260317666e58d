"""The check of the whole package leaves nothing out, and takes a user's classes too."""

from dataclasses import dataclass

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import check, layers, losses, rules
from lucidnet.check.report import GradientError
from lucidnet.core.value import from_config, to_config
from lucidnet.errors import SettingError
from lucidnet.interop.registry import registry
from lucidnet.layers.base import INFERENCE, Layer
from lucidnet.layers.containers import first_leaf
from lucidnet.losses import Loss
from lucidnet.rules import SpaceRule, TimeRule


def exported(module, base):
    named = (getattr(module, name) for name in module.__all__)
    return {kind for kind in named if isinstance(kind, type) and issubclass(kind, base)}


KINDS = {
    *(exported(layers, Layer) - {Layer, layers.Container, layers.Recurrent}),
    *(exported(losses, Loss) - {Loss}),
    *(exported(rules, SpaceRule) - {SpaceRule}),
    *(exported(rules, TimeRule) - {TimeRule}),
}
LAYERS = [sample for kind in sorted(KINDS, key=str) if issubclass(kind, Layer) for sample in kind.samples()]


def test_nothing_is_left_out():
    report = check.package()
    assert set(report.names) == {kind.__name__ for kind in KINDS}
    assert report and report.passed, str(report)
    assert len(report) == len(list(report)) >= len(KINDS) == len(report.names)
    assert str(report) == f"{len(report)} of {len(report)} passed"
    report.raise_if_failed()


def test_samples_are_of_their_classes():
    for kind in KINDS:
        for sample in kind.samples():
            assert type(sample[0] if issubclass(kind, Layer) else sample) is kind


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda given: str(given).replace("/", " "))
def test_a_sample_runs_and_is_saved(layer, shape):
    assert from_config(to_config(layer), registry()) == layer
    params, out = layer.init(ln.backend.Stream(1), shape)
    x = np.zeros((3, *shape)) if not first_leaf(layer).differentiable else np.ones((3, *shape))
    y, cache = layer.forward(params, x, INFERENCE)
    assert y.shape == (3, *out) == (3, *layer.output_shape(shape))
    dx, grads = layer.backward(params, cache, np.ones_like(y))
    assert dx is None or dx.shape == x.shape
    assert set(grads) <= set(params)


@dataclass(frozen=True, repr=False)
class Scaled(Layer):
    """y = factor x, and its gradient with the wrong sign above 2."""

    factor: float

    def forward(self, params, x, run=INFERENCE):
        return self.factor * x, None

    def backward(self, params, cache, dy, need_dx=True):
        return (dy if self.factor <= 2 else -dy) * self.factor, {}

    @classmethod
    def samples(cls):
        yield cls(1.5), (3,)
        yield cls(3.0), (2, 2)


@dataclass(frozen=True, repr=False)
class Lazy(SpaceRule):
    """Backprop, which says that it is something else."""


@dataclass(frozen=True, repr=False)
class Nothing(Layer):
    """A layer without anything."""


def test_classes_of_ones_own():
    report = check.package(Scaled, layers.Dense)
    assert report.names == ("Scaled", "Dense")
    assert [bool(found) for _, found in report] == [True, False, True, True]
    assert not report
    with pytest.raises(GradientError, match="the sign is wrong"):
        report.raise_if_failed()
    assert not check.package(Lazy)
    assert "in disguise" in str(check.package(Lazy))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Nothing, r"Nothing.samples\(\) gives nothing to check"),
        (layers.Container, r"Container.samples\(\) gives nothing to check"),
        (layers.Dense(3), "expected classes of layers, losses or rules, got Dense"),
        (int, "expected classes of layers, losses or rules, got <class 'int'>"),
    ],
)
def test_what_cannot_be_checked_is_an_error(given, message):
    with pytest.raises(SettingError, match=message):
        check.package(given)
