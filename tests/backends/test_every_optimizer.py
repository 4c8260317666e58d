"""20 steps of every optimizer, schedule, clip, constraint and penalty agree on both backends, to 1e-10."""

import numpy as np
import pytest
from pairs import both, close

from lucidnet import optimizers
from lucidnet.layers import BatchNormalization, Dense, Input
from lucidnet.optimizers import (
    EMA,
    SGD,
    Adam,
    AdamW,
    ClipGlobalNorm,
    ClipNorm,
    ClipValue,
    MaxNorm,
    Muon,
    Nadam,
    NonNegative,
    RMSprop,
    UnitNorm,
    schedules,
)

pytest.importorskip("jax")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 5)), RNG.integers(0, 3, 40)

LEFT_OUT = {"lbfgs": "searches step by step, with all data as one batch; the engine says so (`test_errors`)"}

OPTIMIZERS = [
    *(name for name in optimizers.KNOWN if name not in LEFT_OUT),
    SGD(0.1, momentum=0.9, nesterov=True, decay=0.1, weight_decay=0.01),
    SGD(schedules.Cosine(0.2, 0.0, 20), momentum=schedules.Polynomial(0.9, 0.5, 20)),
    AdamW(schedules.Warmup(5, 0.01), weight_decay=schedules.StepDecay(0.1, 5, 0.5)),
    Adam(beta1=schedules.Polynomial(0.9, 0.5, 20), clip=ClipGlobalNorm(0.1)),
    RMSprop(0.01, rho=0.9, momentum=0.5, clip=ClipValue(0.01)),
    Nadam(schedules.ExponentialDecay(0.01, 0.9)),
    Muon(other=AdamW(schedules.Cosine(0.01, 0.0, 20)), clip=ClipNorm(0.05)),
    EMA(SGD(0.1, momentum=0.5), decay=0.9),
]


def grouped():
    """A network in which arrays are trained in different ways, or not at all."""
    return [
        Input(5),
        Dense(6, "tanh", learning_rate=0.05),
        Dense(5, "tanh", frozen=True),
        Dense(4, "tanh", weight_decay=0.1, learning_rate=schedules.Cosine(0.1, 0.0, 20)),
        Dense(3, "softmax"),
    ]


def test_every_optimizer_is_here():
    assert set(optimizers.KNOWN) - set(OPTIMIZERS) == set(LEFT_OUT)
    assert {type(optimizer) for optimizer in OPTIMIZERS} >= {EMA}  # which wraps another, and has no name


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_optimizers(optimizer):
    plain, fast = both(grouped(), x=X, y=Y, optimizer=optimizer)
    if isinstance(optimizer, EMA):
        for model in (plain, fast):
            model.use_average()
        close(fast.params, plain.params)


SCHEDULES = [
    schedules.Fixed(0.1),
    schedules.StepDecay(0.1, 5, 0.5),
    schedules.ExponentialDecay(0.1, 0.9),
    schedules.TimeDecay(0.1, 0.3),
    schedules.Polynomial(0.1, 0.01, 20, 2.0),
    schedules.Cosine(0.1, 0.0, 20),
    schedules.CosineRestarts(0.1, 0.0, 7, 2),
    schedules.Piecewise(((0, 0.1), (4, 0.05), (9, 0.01))),
    schedules.Warmup(5, 0.1),
    schedules.Cyclic(0.01, 0.1, 4),
    schedules.OneCycle(0.1, 20),
    schedules.Warmup(5, 0.1) * schedules.Cosine(1.0, 0.0, 20),
    schedules.Sequence((schedules.Warmup(5, 0.1), 0.05), (8,)),
    lambda step: 0.1 / (1 + step),
]


def test_schedules():
    """One layer for each: its number reaches the step of its weights, and no other's."""
    kinds = {getattr(schedules, name) for name in schedules.__all__} - {schedules.Schedule}
    assert kinds <= {type(schedule) for schedule in SCHEDULES}
    both(
        [Input(5), *(Dense(3, "tanh", learning_rate=s) for s in SCHEDULES)],
        x=X,
        y=X[:, :3],
        loss="mse",
        optimizer="sgd",
    )


def test_penalties_and_constraints():
    layers = [
        Input(5),
        Dense(6, "tanh", l1=0.01, l2=0.02),
        Dense(5, "tanh", constraint=MaxNorm(0.3)),
        BatchNormalization(),
        Dense(5, "tanh", constraint=UnitNorm()),
        Dense(5, "tanh", constraint=NonNegative(), l2=0.01),
        Dense(5, "tanh", frozen=True, l1=0.01),
        Dense(3, "softmax", learning_rate=0.5),
    ]
    both(layers, x=X, y=Y, optimizer=SGD(0.1, momentum=0.9), use=True)
