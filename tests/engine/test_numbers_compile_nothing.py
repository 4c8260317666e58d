"""Another number compiles nothing, and is the one that counts: a shared program holds no other model's numbers."""

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from snapshots import N, same, snapshot

import lucidnet as ln
from lucidnet.callbacks import Callback, ReduceOnPlateau
from lucidnet.engine import programs
from lucidnet.engine.programs import PROGRAMS
from lucidnet.layers import BatchNormalization, Dense, Dropout, Input, LeakyRNN, Residual, Sequential
from lucidnet.optimizers import (
    EMA,
    LBFGS,
    SGD,
    Adam,
    AdamW,
    Lion,
    Muon,
    Nadam,
    RMSprop,
    schedules,
)

RNG = np.random.default_rng(7)
X, Y = RNG.normal(size=(6 * N, 3)), RNG.normal(size=(6 * N, 1))
CLOSE = 1e-10


@dataclass(frozen=True)
class Family:
    """Models that differ in numbers only: how they are made of them, and the numbers of the first."""

    name: str
    layers: Any
    optimizer: Any
    numbers: dict[str, Any] = field(default_factory=dict)
    rule: Any = "backprop"

    def __str__(self):
        return self.name

    def model(self, backend, seed=0, **numbers):
        given = self.numbers | numbers
        made = ln.Model(self.layers(given), seed=seed, dtype="float64", backend=backend)
        made.compile("mse", self.optimizer(given), ["mae"], rule=self.rule)
        return made


def used(model):
    """Train it for two epochs, measure it, ask it; return all that came of that."""
    size = len(X) if model.optimizer.full_batch else N
    history = model.fit(X, Y, epochs=2, batch_size=size, verbose=0)
    result = model.evaluate(X, Y)
    return snapshot(model.state) | {
        "losses": np.array(history["loss"]),
        "evaluated": np.array([result.loss, result["mae"]]),
        "predicted": model.predict(X),
    }


def layers(n):
    inner = Dense(4, "tanh", learning_rate=n.get("rate1"), l1=n.get("l1"), weight_decay=n.get("decay1"))
    return [
        Input(3),
        Dense(4, "tanh", l2=n.get("l2"), learning_rate=n.get("rate0")),
        Residual(Sequential([inner])),
        Dropout(n.get("drop", 0.3)),
        Dense(1, learning_rate=n.get("rate2")),
    ]


def settings(n, *names):
    return {name: n[name] for name in names if name in n}


ADAMW = Family(
    "adamw",
    layers,
    lambda n: AdamW(n["rate"], **settings(n, "beta1", "beta2", "weight_decay")),
    dict(
        rate=0.02, beta1=0.9, beta2=0.99, weight_decay=0.1, drop=0.3, l1=0.01, l2=0.02, rate1=0.03, decay1=0.2
    ),
)
SGDM = Family(
    "sgd",
    layers,
    lambda n: SGD(n["rate"], **settings(n, "momentum", "weight_decay", "decay")),
    dict(rate=0.05, momentum=0.9, weight_decay=0.1, decay=0.1, rate0=0.02, rate2=0.02),
)
KP = Family(
    "kp",
    lambda n: [
        Input(3),
        Dense(4, "tanh", learning_rate=n["rate0"]),
        Dense(4, "tanh", weight_decay=n["decay1"]),
        Dense(1, learning_rate=n["rate2"], l2=n["l2"]),
    ],
    lambda n: SGD(n["rate"], n["momentum"], weight_decay=n["weight_decay"]),
    dict(rate=0.05, momentum=0.9, weight_decay=0.1, rate0=0.02, decay1=0.3, rate2=0.02, l2=0.01),
    rule="kp",
)
MEAN = Family(
    "ema",
    lambda n: [Input(3), Dense(4, "tanh", learning_rate=n["rate0"]), BatchNormalization(), Dense(1)],
    lambda n: EMA(Adam(n["rate"], n["beta1"], weight_decay=n["weight_decay"]), n["mean"]),
    dict(rate=0.02, beta1=0.9, weight_decay=0.1, mean=0.9, rate0=0.01),
)
SEARCH = Family(
    "lbfgs", lambda n: [Input(3), Dense(4, "tanh", l2=n["l2"]), Dense(1)], lambda n: LBFGS(), dict(l2=0.02)
)


def falling(step):
    """A schedule of one's own."""
    return 0.05 / (1 + step)


def of_a_half(step):
    return 0.5 + 0.01 * step


CHANGES = [
    (ADAMW, dict(rate=0.07)),
    (ADAMW, dict(rate=falling)),
    (ADAMW, dict(rate=schedules.OneCycle(0.1, 12))),
    (ADAMW, dict(beta1=0.5)),
    (ADAMW, dict(beta2=0.8)),
    (ADAMW, dict(beta1=of_a_half, beta2=of_a_half)),
    (ADAMW, dict(weight_decay=0.4)),
    (ADAMW, dict(weight_decay=falling)),
    (ADAMW, dict(drop=0.6)),
    (ADAMW, dict(drop=falling)),
    (ADAMW, dict(l1=0.2)),
    (ADAMW, dict(l2=0.3)),
    (ADAMW, dict(rate1=0.2)),
    (ADAMW, dict(rate1=falling)),
    (ADAMW, dict(decay1=0.6)),
    (ADAMW, dict(decay1=falling)),
    (ADAMW, dict(seed=5)),
    (ADAMW, dict(seed=6, rate=0.01, drop=0.5, beta2=0.9, rate1=0.1, l1=0.1)),
    (ADAMW, {}),
    (SGDM, dict(momentum=0.5)),
    (SGDM, dict(momentum=of_a_half)),
    (SGDM, dict(rate=0.01, weight_decay=0.5)),
    (SGDM, dict(decay=0.9)),
    (SGDM, dict(rate0=0.07)),  # two equal rates were two numbers,
    (SGDM, dict(rate2=0.07)),
    (SGDM, dict(rate=0.02)),  # and so were three
    (SGDM, dict(rate0=falling, rate2=0.02)),
    (KP, dict(rate0=0.09)),
    (KP, dict(rate2=falling)),
    (KP, dict(decay1=0.5, l2=0.2)),
    (KP, dict(rate=0.01, momentum=0.5, weight_decay=0.5)),
    (KP, dict(seed=3)),
    (MEAN, dict(mean=0.5)),
    (MEAN, dict(mean=of_a_half)),
    (MEAN, dict(rate=0.05, beta1=0.5, weight_decay=0.4)),
    (MEAN, dict(rate=falling, rate0=0.1)),
    (SEARCH, dict(l2=0.4)),
    (SEARCH, dict(seed=4)),
]


def first(family):
    """Compile what the models of a family need."""
    model = family.model("jax")
    return used(model), model.executor.programs


@pytest.fixture(scope="module")
def warm():
    """The programs of all families, once they have been made; a function that makes those of one."""
    done = {}

    def make(family):
        if family.name not in done:
            done[family.name] = first(family)
        return done[family.name]

    return make


@pytest.mark.parametrize(
    ("family", "numbers"),
    CHANGES,
    ids=[f"{f}-{'-'.join(numbers) or 'same'}-{k}" for k, (f, numbers) in enumerate(CHANGES)],
)
def test_another_number(warm, family, numbers):
    found, programs = warm(family)
    assert programs >= 3
    same(found, used(family.model("numpy")), CLOSE)
    model = family.model("jax", **numbers)
    other = used(model)
    assert model.executor.programs == 0
    same(other, used(family.model("numpy", **numbers)), CLOSE)
    if numbers:
        assert not all(np.allclose(other[key], found[key], rtol=1e-6) for key in found)
    # And the first ones count again.
    same(used(family.model("jax")), found)


ZEROS = [(ADAMW, "rate1"), (ADAMW, "decay1"), (ADAMW, "drop"), (SGDM, "decay"), (KP, "rate0")]


def fitted(family, backend, **numbers):
    """Train it for an epoch; return what it has become, and how many programs that took."""
    model = family.model(backend, **numbers)
    model.fit(X, Y, batch_size=N, verbose=0)
    return snapshot(model.state), model.executor.programs


@pytest.mark.parametrize(("family", "name"), ZEROS, ids=str)
def test_zero(family, name):
    """A number of 0 may need a program of its own; it counts, and the way back compiles nothing."""
    zero = {name: 0.0}
    same(fitted(family, "jax", **zero)[0], fitted(family, "numpy", **zero)[0], CLOSE)
    first = fitted(family, "jax")[0]
    assert fitted(family, "jax", **zero)[1] == 0
    other, programs = fitted(family, "jax")
    assert programs == 0
    same(other, first)
    same(other, fitted(family, "numpy")[0], CLOSE)


OPTIMIZERS = [
    (lambda a, b: RMSprop(a, rho=b, momentum=b), 0.8, 0.6),
    (lambda a, b: Nadam(a, beta1=b, beta2=of_a_half), 0.9, 0.8),
    (lambda a, b: Lion(a, beta1=b, weight_decay=b), 0.8, 0.6),
    (lambda a, b: Muon(a, momentum=b), 0.9, 0.6),
]


@pytest.mark.parametrize(
    ("make", "one", "two"), OPTIMIZERS, ids=lambda given: getattr(given, "__name__", str(given))
)
def test_other_optimizers(make, one, two):
    """Without measurements: one program, for any numbers and schedules."""

    def fitted(backend, *numbers):
        model = ln.Model([Input(3), Dense(4, "tanh"), Dense(1)], dtype="float64", backend=backend)
        model.compile("mse", make(*numbers))
        model.fit(X, Y, batch_size=N, verbose=0)
        return snapshot(model.state), model.executor.programs

    given = [(0.02, one), (0.03, two), (falling, of_a_half), (0.02, one)]
    found = [fitted("jax", *numbers) for numbers in given]
    assert [programs for _, programs in found] == [1, 0, 0, 0]
    for numbers, (state, _) in zip(given, found, strict=True):
        same(state, fitted("numpy", *numbers)[0], 1e-9 if "Muon" in repr(make(*numbers)) else CLOSE)


class Programs(Callback):
    """Notes how many programs there are after each epoch, and the rate."""

    def __init__(self):
        self.found, self.rates = [], []

    def epoch(self, loop, result):
        self.found.append(loop.model.executor.programs)
        self.rates.append(loop.model.optimizer.learning_rate)


class TestOneModel:
    """In a model's own life, too."""

    def both(self, work):
        """Do something with a model that has been used, on both engines; it compiles nothing, and is the same."""
        found = []
        for backend in ("numpy", "jax"):
            model = SGDM.model(backend)
            used(model)
            before = model.executor.programs
            work(model)
            assert model.executor.programs == before
            found.append(used(model))
        same(*found, CLOSE)

    def test_reduce_on_plateau(self):
        def work(model):
            watch = Programs()
            plateau = ReduceOnPlateau("loss", 0.5, 0, min_delta=10.0)  # nothing is better by so much
            model.fit(X, Y, epochs=5, batch_size=N, verbose=0, callbacks=[plateau, watch])
            assert len(set(watch.rates)) > 2
            assert len(set(watch.found)) == 1

        self.both(work)

    def test_another_optimizer(self):
        def work(model):
            for rate, momentum in ((0.01, 0.5), (falling, of_a_half), (0.07, 0.8)):
                model.optimizer = model.optimizer.changed(learning_rate=rate, momentum=momentum)
                model.fit(X, Y, batch_size=N, verbose=0)

        self.both(work)

    def test_one_cycle(self):
        def work(model):
            model.fit_one_cycle(X, Y, epochs=2, max_lr=0.1, batch_size=N, verbose=0)
            assert model.optimizer.learning_rate == 0.05

        self.both(work)

    def test_another_rate_in_the_middle_of_an_epoch(self):
        """A block that was prepared before takes the number of now: it is asked for when the block starts."""

        class Slower(Callback):
            def room(self, step):
                return 3

            def step(self, loop, measured):
                if loop.steps % 3 == 0:  # blocks of three on JAX, of one on NumPy
                    rate = loop.model.optimizer.learning_rate
                    loop.model.optimizer = loop.model.optimizer.changed(learning_rate=rate * 0.5)

        found = []
        for backend in ("numpy", "jax"):
            model = SGDM.model(backend)
            model.fit(X, Y, epochs=2, batch_size=N, verbose=0, callbacks=[Slower()])
            assert model.optimizer.learning_rate == 0.05 / 2**4
            found.append(snapshot(model.state))
        same(*found, CLOSE)


class TestCopies:
    def test_of_a_model(self, warm):
        """Made anew from the same layers, or from copies of them, or from a file."""
        found, _ = warm(ADAMW)
        model = ADAMW.model("jax")
        for layers in (model.net.layers, copy.deepcopy(model.net.layers)):
            other = ln.Model(layers, dtype="float64", backend="jax")
            other.compile("mse", copy.deepcopy(model.optimizer), ["mae"])
            same(used(other), found)
            assert other.executor.programs == 0

    def test_from_a_file(self, warm, tmp_path):
        found, _ = warm(ADAMW)
        ADAMW.model("jax").build()
        model = ADAMW.model("jax")
        model.build()
        model.save(tmp_path / "model.safetensors")
        other = ln.load(tmp_path / "model.safetensors")
        assert other.backend == "numpy"
        again = ln.Model(other.net, dtype="float64", backend="jax")
        again.compile(other.loss, other.optimizer, other.metrics)
        same(used(again), found)
        assert again.executor.programs == 0

    def test_a_race_over_seeds(self):
        """The first seed compiles for all; each has its own first weights, order, dropout and feedback."""

        def run(backend, seeds):
            model = ln.Model(
                [Input(3), Dense(5, "tanh"), Dropout(0.2), Dense(1)], dtype="float64", backend=backend
            )
            model.compile("mse", Adam(0.02), ["mae"])
            return ln.race(model, ((X, Y), (X, Y)), ["fa"], seeds=seeds, batch_size=N, verbose=0, epochs=2)

        run("jax", [0])
        compiled = set(PROGRAMS)
        race, plain = run("jax", [1, 2, 7]), run("numpy", [1, 2, 7])
        assert set(PROGRAMS) == compiled
        for one, two in zip(race.runs, plain.runs, strict=True):
            assert (one.rule, one.seed) == (two.rule, two.seed)
            for name, values in one.history.items():
                np.testing.assert_allclose(values, two.history[name], rtol=CLOSE, err_msg=name)
        losses = [run.history["loss"][-1] for run in race.runs]
        assert len(set(losses)) == len(losses)


def test_streams():
    """A stream's programs take their numbers in the same way."""
    times, targets = X.reshape(6, N, 3), Y.reshape(6, N, 1)

    def learned(backend, rate, l2, own, seed=0):
        cell = LeakyRNN(4, l2=l2, learning_rate=own, return_sequences=True)
        model = ln.Model([Input((None, 3)), cell, Dense(1)], dtype="float64", backend=backend, seed=seed)
        model.compile("mse", Adam(rate))
        online = model.online(ln.rules.Rule("fa", "rflo"))
        online.run(times, targets)
        return snapshot(model.state) | {"losses": online.losses}, model.executor.programs

    given = [
        (0.02, 0.1, 0.02),
        (0.05, 0.1, 0.02),
        (0.02, 0.4, 0.02),
        (falling, 0.1, 0.2),
        (0.02, 0.1, 0.02, 5),
    ]
    for k, numbers in enumerate(given):
        found, programs = learned("jax", *numbers)
        assert (programs == 0) == (k > 0)
        same(found, learned("numpy", *numbers)[0], CLOSE)


def test_the_programs_used_longest_ago_go(monkeypatch):
    monkeypatch.setattr(programs, "PROGRAMS", {})
    monkeypatch.setattr(programs, "KEPT", 2)

    def compiled(units):
        model = ln.Model([Input(3), Dense(units), Dense(1)], backend="jax")
        model.compile("mse", "sgd")
        model.train_step(X[:N], Y[:N])
        return model.executor.programs

    assert [compiled(units) for units in (2, 3, 2, 4)] == [1, 1, 0, 1]
    assert compiled(2) == 0  # 3 had to go, as 2 was used after it
    assert compiled(3) == 1
