"""20 steps of every optimizer, schedule, clip, constraint and penalty agree on both backends, to 1e-10."""

import numpy as np
import pytest
from pairs import both, close

from lucidnet import optimizers
from lucidnet.errors import NonFiniteError
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

OPTIMIZERS = [
    *(name for name in optimizers.KNOWN if name != "lbfgs"),  # which takes all data at once: below
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
    assert set(optimizers.KNOWN) - set(OPTIMIZERS) == {"lbfgs"}
    assert {type(optimizer) for optimizer in OPTIMIZERS} >= {EMA}  # which wraps another, and has no name


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_optimizers(optimizer):
    plain, fast = both(grouped(), x=X, y=Y, optimizer=optimizer)
    if isinstance(optimizer, EMA):
        for model in (plain, fast):
            model.use_average()
        close(fast.params, plain.params)


def test_lbfgs():
    """It searches on the host; each look at the loss and its gradient is compiled, once for all steps."""
    from lucidnet.optimizers import LBFGS

    layers = [Input(5), Dense(6, "tanh", l2=0.01), Dense(4, "tanh", frozen=True), Dense(3, "softmax")]
    _, fast = both(layers, x=X, y=Y, optimizer=LBFGS(), batch_size=40, epochs=20, use=True)
    assert fast.executor.programs == 3  # besides the look those of evaluate and predict
    assert fast.history["loss"][-1] < 0.6 * fast.history["loss"][0]
    fast.set_weights(1e200 * fast.get_weights())  # whose squares are the penalty
    with pytest.raises(NonFiniteError, match="the loss is inf"):
        fast.fit(X, Y, verbose=0)


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
