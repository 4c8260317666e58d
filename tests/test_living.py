"""A model that has been trained: settings, weights and files change, and training goes on from where it was.

`Literal` is the same network in a few lines of NumPy, with its weights as plain arrays.
"""

import contextlib
import copy
import json
import math
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.callbacks import Callback, Checkpoint, On, ReduceOnPlateau
from lucidnet.core.trees import at, leaves
from lucidnet.errors import (
    DataError,
    FileError,
    NonFiniteError,
    NotReadyError,
    SettingError,
    ShapeError,
    UnknownNameError,
)
from lucidnet.interop import container
from lucidnet.layers import (
    LSTM,
    BatchNormalization,
    Dense,
    Dropout,
    Input,
    LayerNormalization,
    Residual,
    Sequential,
)
from lucidnet.optimizers import EMA, LBFGS, SGD, Adam, AdamW, ClipGlobalNorm, MaxNorm, Muon, RMSprop
from lucidnet.optimizers.schedules import Cosine, ExponentialDecay
from stopping import Interruption, StopAt

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(24, 3)), RNG.normal(size=(24, 1))
BACKENDS = pytest.mark.parametrize("backend", ["numpy", "jax"])
NEAR = {"rtol": 1e-11, "atol": 1e-13}


def model(optimizer=None, backend="numpy", rule="backprop", loss="mse"):
    made = ln.Model([Input(3), Dense(4, "tanh"), Dense(1)], seed=2, dtype="float64", backend=backend)
    made.compile(loss, optimizer or SGD(0.1), rule=rule)
    made.build()
    return made


class Literal:
    """Two dense layers, mean squared error, SGD with momentum: by hand."""

    def __init__(self, weights, rate=0.1, momentum=0.0):
        self.w = [np.array(part) for part in np.split(weights, [12, 16, 20])]
        self.w[0], self.w[2] = self.w[0].reshape(3, 4), self.w[2].reshape(4, 1)
        self.v = [0 * w for w in self.w]
        self.rate, self.momentum, self.frozen = rate, momentum, ()
        self.rates, self.l1, self.l2, self.decay, self.most = [None] * 4, 0.0, 0.0, 0.0, None

    def step(self, x, y):
        W, b, V, c = self.w
        h = np.tanh(x @ W + b)
        error = 2 * (h @ V + c - y) / len(x)
        below = error @ V.T * (1 - h * h)
        gradients = [x.T @ below, below.sum(0), h.T @ error, error.sum(0)]
        gradients[0] = gradients[0] + self.l1 * np.sign(W) + 2 * self.l2 * W
        for k, g in enumerate(gradients):
            if k in self.frozen:
                continue
            g = g + self.decay * self.w[k] * (k < 2)
            self.v[k] = self.momentum * self.v[k] + g
            rate = self.rate if self.rates[k] is None else self.rates[k]
            self.w[k] = self.w[k] - rate * self.v[k]
        if self.most is not None and 0 not in self.frozen:
            sizes = np.sqrt((self.w[0] ** 2).sum(0))
            self.w[0] = self.w[0] * np.minimum(1, self.most / sizes)

    def forget(self):
        self.v = [0 * w for w in self.w]

    @property
    def weights(self):
        return np.concatenate([w.ravel() for w in self.w])


def same(made, literal):
    np.testing.assert_allclose(made.get_weights(), literal.weights, **NEAR)


def steps(made, literal, count=3):
    for _ in range(count):
        made.train_step(X, Y)
        literal.step(X, Y)
    same(made, literal)


@BACKENDS
class TestOptimizer:
    """Settings of the optimizer."""

    def test_rate_and_momentum(self, backend):
        made = model(SGD(0.1), backend)
        literal = Literal(made.get_weights())
        steps(made, literal)
        made.set(learning_rate=0.05)
        literal.rate = 0.05
        steps(made, literal)
        made.set(momentum=0.9)  # what it remembers begins at zero
        literal.momentum = 0.9
        literal.forget()
        steps(made, literal)
        made.set(momentum=0.5, learning_rate=0.02)  # and is kept
        literal.momentum, literal.rate = 0.5, 0.02
        steps(made, literal)
        made.set(momentum=0.0)  # and forgotten
        literal.momentum = 0.0
        steps(made, literal)
        made.set(momentum=0.9)
        literal.momentum = 0.9
        literal.forget()
        steps(made, literal)
        assert made.state.step == 18
        assert made.optimizer == SGD(0.02, 0.9)

    def test_as_pytorch_does_with_its_groups(self, backend):
        torch = pytest.importorskip("torch")
        made = model(SGD(0.1, 0.9), backend)
        theirs = [torch.tensor(a, requires_grad=True) for a in Literal(made.get_weights()).w]
        optimizer = torch.optim.SGD([{"params": theirs[:2]}, {"params": theirs[2:]}], lr=0.1, momentum=0.9)
        x, y = torch.tensor(X), torch.tensor(Y)

        def step(count):
            for _ in range(count):
                made.train_step(X, Y)
                optimizer.zero_grad()
                hidden = torch.tanh(x @ theirs[0] + theirs[1])
                ((hidden @ theirs[2] + theirs[3] - y) ** 2).mean().backward()
                optimizer.step()
            flat = np.concatenate([a.detach().numpy().ravel() for a in theirs])
            np.testing.assert_allclose(made.get_weights(), flat, **NEAR)

        step(3)
        made.set(learning_rate=0.03, momentum=0.8)
        for group in optimizer.param_groups:
            group["lr"], group["momentum"] = 0.03, 0.8
        step(3)
        made.set(layer="dense1", frozen=True)
        for a in theirs[:2]:
            a.requires_grad_(False)
        step(3)
        made.set(layer="dense1", frozen=False)  # with the momentum of before
        for a in theirs[:2]:
            a.requires_grad_(True)
        step(3)
        made.set(layer="dense2", weight_decay=0.1, learning_rate=0.05)
        optimizer.param_groups[1].update(weight_decay=0.1, lr=0.05)
        step(3)

    def test_from_a_callback(self, backend):
        made = model(SGD(0.1, 0.5), backend)
        literal = Literal(made.get_weights(), momentum=0.5)

        def change(loop, result):
            if loop.epoch == 2:
                loop.model.set(learning_rate=0.02)
                loop.model.set(layer="dense1", frozen=True)

        history = made.fit(
            X, Y, epochs=4, batch_size=8, shuffle=False, verbose=0, callbacks=[On(epoch=change)]
        )
        for epoch in range(4):
            if epoch == 2:
                literal.rate, literal.frozen = 0.02, (0, 1)
            for k in range(0, 24, 8):
                literal.step(X[k : k + 8], Y[k : k + 8])
        same(made, literal)
        assert history.epochs == 4
        assert made.changes == {(): {"learning_rate": 0.02}, ("dense1",): {"frozen": True}}

    def test_before_a_step_that_is_running(self, backend):
        """A callback before each step; what was frozen does not jump back to what it was two steps before."""
        made = model(SGD(0.1, 0.5), backend)
        literal = Literal(made.get_weights(), momentum=0.5)

        class Change(Callback):
            def before_step(self, loop, batches):
                loop.model.set(layer="dense1", frozen=loop.steps % 3 == 2)
                loop.model.set(momentum=0.9 if loop.steps > 3 else 0.5)

        made.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0, callbacks=[Change()])
        for number in range(9):
            literal.frozen, literal.momentum = (0, 1) if number % 3 == 2 else (), 0.9 if number > 3 else 0.5
            k = number % 3 * 8
            literal.step(X[k : k + 8], Y[k : k + 8])
        same(made, literal)

    def test_memory_of_the_same_form_stays(self, backend):
        made, other = model(Adam(0.1), backend), model(Adam(0.1), backend)
        for one in (made, other):
            one.fit(X, Y, epochs=2, verbose=0)
        made.set(learning_rate=0.02, beta1=0.8, clip=ClipGlobalNorm(0.5), weight_decay=0.01)
        other.optimizer = Adam(0.02, 0.8, weight_decay=0.01, clip=ClipGlobalNorm(0.5))
        for one in (made, other):
            one.fit(X, Y, epochs=2, verbose=0)
        assert made.get_weights().tobytes() == other.get_weights().tobytes()
        assert made.state.step == 4
        assert made.changes == other.changes

    def test_schedules_go_on_with_the_step(self, backend):
        made = model(SGD(0.1), backend)
        literal = Literal(made.get_weights())
        steps(made, literal, 2)
        made.set(learning_rate=ExponentialDecay(0.1, 0.5, 1))
        for step in range(2, 5):
            literal.rate = 0.1 * 0.5**step
            steps(made, literal, 1)

    def test_inside_a_wrapper(self, backend):
        made = model(EMA(SGD(0.1), 0.5), backend)
        literal, mean = Literal(made.get_weights()), None
        # The weights after a step join the mean at the next, by the decay that is set then.
        for rate, momentum, share in ((0.1, 0.0, 0.5), (0.03, 0.9, 0.8)):
            made.set(learning_rate=rate, momentum=momentum, decay=share)
            before = literal.weights
            literal.rate, literal.momentum = rate, momentum
            literal.forget()
            for _ in range(3):
                if made.state.step:
                    mean = before if mean is None else share * mean + (1 - share) * before
                made.train_step(X, Y)
                literal.step(X, Y)
                before = literal.weights
            same(made, literal)
        assert made.optimizer == EMA(SGD(0.03, 0.9), 0.8)
        mean = 0.8 * mean + 0.2 * before
        made.use_average()
        np.testing.assert_allclose(made.get_weights(), mean, rtol=1e-9)
        made.use_average()  # which is the same
        np.testing.assert_allclose(made.get_weights(), mean, rtol=1e-9)
        assert made.state.step == 6
        np.testing.assert_allclose(
            made.state.memory["velocity"], np.concatenate([v.ravel() for v in literal.v])
        )

    def test_feedback_that_the_optimizer_teaches(self, backend):
        """Kolen-Pollack: W and B differ by (1 - rate decay)^t; a momentum begins at zero for both."""
        made = model(SGD(0.1, weight_decay=0.1), backend, "kp")
        made.fit(X, Y, epochs=3, verbose=0)
        made.set(momentum=0.5)
        made.fit(X, Y, epochs=3, verbose=0)
        fresh = model(SGD(0.1, 0.5, weight_decay=0.1), backend, "kp")
        fresh.fit(X, Y, epochs=3, verbose=0)
        assert made.state.feedback.memory.keys() == fresh.state.feedback.memory.keys() == {"velocity"}
        assert made.optimizer == fresh.optimizer


@BACKENDS
class TestLayers:
    """Settings of layers."""

    def test_frozen_and_thawed(self, backend):
        made = model(SGD(0.1, 0.9), backend)
        literal = Literal(made.get_weights(), momentum=0.9)
        steps(made, literal)
        made.set(layer="dense2", frozen=True)
        literal.frozen = (2, 3)
        steps(made, literal)
        made.set(layer="dense2", frozen=False)
        literal.frozen = ()
        steps(made, literal)
        assert made.changes == {}

    def test_every_setting(self, backend):
        made = model(SGD(0.1, 0.9), backend)
        literal = Literal(made.get_weights(), momentum=0.9)
        steps(made, literal)
        made.set(layer="dense1", learning_rate=0.03)
        literal.rates[:2] = 0.03, 0.03
        steps(made, literal)
        made.set(layer="dense1", l1=0.02, l2=0.01, weight_decay=0.05)
        literal.l1, literal.l2, literal.decay = 0.02, 0.01, 0.05
        steps(made, literal)
        made.set(layer="dense1", constraint=MaxNorm(0.4))
        literal.most = 0.4
        steps(made, literal)
        made.set(layer=["dense1"], constraint=None, l1=None, learning_rate=None)
        literal.most, literal.l1 = None, 0.0
        literal.rates[:2] = None, None
        steps(made, literal)
        assert made.net.layers[1] == Dense(4, "tanh", name="dense1", l2=0.01, weight_decay=0.05)

    def test_another_value_compiles_nothing(self, backend):
        made = model(SGD(0.1, 0.9, weight_decay=0.1), backend)
        made.set(layer="dense*", learning_rate=0.1, l2=0.1)
        made.fit(X, Y, batch_size=8, verbose=0)
        made.evaluate(X, Y)
        count = made.executor.programs
        for value in (0.03, 0.02, 0.01):
            made.set(learning_rate=value, momentum=10 * value, weight_decay=value)
            made.set(layer="dense1", learning_rate=value, l2=value)
            made.fit(X, Y, batch_size=8, verbose=0)
            made.evaluate(X, Y)
        assert made.executor.programs == count


class TestNames:
    """Which layers are meant, and what they may be given."""

    def make(self):
        inner = Sequential([Dense(3, "tanh"), Dropout(0.5), Dense(3)])
        made = ln.Model([Input(3), Residual(inner, name="block"), Dense(3), Dense(1)], dtype="float64")
        made.compile("mse", "sgd")
        made.build()
        return made

    def frozen(self, made):
        return [".".join(path) for path, layer in ln.layers.walk(made.net) if layer.frozen]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("block.body.dense0", ["block.body.dense0"]),
            ("block", ["block"]),
            ("dense*", ["dense2", "dense3"]),
            ("block.*.*", ["block.body.dense0", "block.body.dense2"]),
            ("*", ["block", "dense2", "dense3"]),
            (("dense3", "block.body.dense?"), ["block.body.dense0", "block.body.dense2", "dense3"]),
        ],
    )
    def test_frozen(self, given, expected):
        made = self.make()
        before = made.params
        made.set(layer=given, frozen=True)
        assert self.frozen(made) == expected
        if given == "*":
            with pytest.raises(SettingError, match="no parameters that are not frozen"):
                made.fit(X, Y, verbose=0)
            return
        made.fit(X, Y, verbose=0)
        for path, array in leaves(made.params):
            stays = any(".".join(path).startswith(f"{name}.") for name in expected)
            assert stays == np.array_equal(array, at(before, path)), path

    @pytest.mark.parametrize("built", [True, False])
    def test_a_penalty_of_all_is_that_of_weights(self, built):
        made = ln.Model([Input(3), Dense(2), ln.layers.LayerNormalization(), ln.layers.PReLU()])
        if built:
            made.build()
        made.set(layer="*", l2=0.5)
        assert [layer.l2 for layer in made.net.layers] == [None, 0.5, None, None]
        with pytest.raises(UnknownNameError, match="setting of layer 'prelu3' 'l2'. .*Known: frozen"):
            made.set(layer="prelu3", l2=0.1)

    def test_what_a_layer_is_inside_stays(self):
        made = self.make()
        made.set(layer="block.*.*", rate=0.25)
        made.set(layer="dense3", l2=0.1)
        assert made.net.layers[1].children()[0][1].layers[1].rate == 0.25
        assert made.net.layers[0] is made.base[0].layers[0]

    @pytest.mark.parametrize(
        ("layer", "settings", "error", "text"),
        [
            ("dense9", {"frozen": True}, UnknownNameError, "no layer 'dense9'.* did you mean 'dense"),
            ("conv*", {"frozen": True}, UnknownNameError, r"no layer 'conv\*'"),
            ("dense3", {"forzen": True}, UnknownNameError, "setting of layer 'dense3' 'forzen'.*'frozen'"),
            ("dense3", {"rule": "fa"}, UnknownNameError, "setting of layer 'dense3' 'rule'"),
            ("block.body.dropout1", {"frozen": True}, UnknownNameError, "Known: rate"),
            ("input0", {"l2": 0.1}, UnknownNameError, "setting of layer 'input0'"),
            ("dense*", {"rate": 0.1}, UnknownNameError, r"setting of the layers 'dense\*' 'rate'"),
            (
                "block.*.*",
                {"rate": 0.1, "l2": 0.1},
                UnknownNameError,
                "none of the layers .* has all of rate, l2",
            ),
            ("dense3", {"l2": -1.0}, SettingError, "Dense: l2 must be at least 0, got -1.0"),
            ("dense3", {"constraint": 3}, SettingError, "constraint must be a constraint such as"),
            ("block.body.dropout1", {"rate": 1.5}, SettingError, "rate must be"),
            ("block.body.dense0", {"frozen": False}, SettingError, "'block' around it is frozen"),
            ((), {"frozen": True}, SettingError, "expected the name of a layer"),
            (3, {"frozen": True}, SettingError, "expected the name of a layer, .* got 3"),
            (None, {"learning_rat": 0.1}, UnknownNameError, "of SGD 'learning_rat'.*'learning_rate'"),
            (None, {"beta1": 0.1}, UnknownNameError, "unknown setting of SGD 'beta1'"),
            (None, {"learning_rate": -1.0}, SettingError, "learning_rate must be at least 0, got -1.0"),
            (None, {"momentum": 1.0}, SettingError, "momentum must be at least 0 and below 1"),
            (None, {"nesterov": True}, SettingError, "nesterov=True needs a momentum"),
            (None, {"clip": 1.0}, SettingError, "clip must be a Clip"),
            (None, {}, SettingError, "set: expected settings such as"),
        ],
    )
    def test_what_is_wrong_changes_nothing(self, layer, settings, error, text):
        made = self.make()
        made.set(layer="block", frozen=True)
        made.fit(X, Y, verbose=0)
        before = (made.net, made.optimizer, made.problem, made.live, dict(made.changes))
        with pytest.raises(error, match=text):
            made.set(layer=layer, **settings)
        assert (made.net, made.optimizer, made.problem, made.live, dict(made.changes)) == before

    def test_what_is_not_compiled(self):
        made = ln.Model([Input(3), Dense(4), Dense(1)])
        with pytest.raises(NotReadyError, match="call compile"):
            made.set(learning_rate=0.1)
        made.set(layer="dense1", frozen=True)
        made.compile("mse", "sgd")
        made.set(learning_rate=0.5)
        before = made.params
        made.fit(X, Y, verbose=0)
        np.testing.assert_array_equal(made.params["dense1"]["W"], before["dense1"]["W"])
        assert made.optimizer == SGD(0.5)

    def test_another_kind_of_optimizer_inside(self):
        made = model(Muon(0.01))
        made.set(other=AdamW(0.1))
        assert made.optimizer.other == AdamW(0.1)
        with pytest.raises(SettingError, match="another kind of optimizer"):
            made.set(other=RMSprop())

    def test_one_cycle_leaves_what_was_set(self):
        made = model(SGD(0.1, 0.9))
        made.set(learning_rate=0.05)
        change = On(epoch=lambda loop, result: loop.model.set(layer="dense1", frozen=True))
        made.fit_one_cycle(X, Y, epochs=2, max_lr=0.1, verbose=0, callbacks=[change])
        assert made.optimizer == SGD(0.05, 0.9)
        assert made.changes == {(): {"learning_rate": 0.05}, ("dense1",): {"frozen": True}}

    def test_plateau_leaves_what_was_set(self):
        """A factor counts from what was set last, and only the factor is taken back at the end."""
        seen = []
        made = model(SGD(0.1))

        def change(loop, result):
            seen.append(loop.model.optimizer)
            if loop.epoch == 2:
                loop.model.set(momentum=0.5)
            if loop.epoch == 4:
                loop.model.set(learning_rate=0.08)

        plateau = ReduceOnPlateau("loss", 0.5, 0, min_delta=100.0)
        made.fit(X, Y, epochs=6, verbose=0, callbacks=[plateau, On(epoch=change)])
        assert [optimizer.learning_rate for optimizer in seen] == [0.1, 0.05, 0.025, 0.0125, 0.04, 0.02]
        assert made.optimizer == SGD(0.08, 0.5)


@BACKENDS
class TestCompile:
    """Compiled again."""

    def test_the_same_kind_goes_on(self, backend):
        made = model(SGD(0.1, 0.9), backend)
        literal = Literal(made.get_weights(), momentum=0.9)
        steps(made, literal)
        made.compile("mse", SGD(0.03, 0.8))
        literal.rate, literal.momentum = 0.03, 0.8
        steps(made, literal)
        assert made.state.step == 6
        assert made.changes == {}

    @pytest.mark.parametrize("other", [SGD(0.1), Adam(0.1), EMA(SGD(0.1, 0.9))], ids=repr)
    def test_another_kind_begins_anew_and_says_so(self, backend, other):
        made = model(SGD(0.1, 0.9), backend)
        made.fit(X, Y, epochs=2, verbose=0)
        weights = made.get_weights()
        with pytest.warns(UserWarning, match="memory begins anew, and steps are counted from 0") as told:
            made.compile("mse", other)
        assert told[0].filename == __file__
        assert made.state.step == 0
        fresh = model(other, backend)
        fresh.set_weights(weights)
        for one in (made, fresh):
            one.fit(X, Y, epochs=2, shuffle=False, verbose=0)
        assert made.get_weights().tobytes() == fresh.get_weights().tobytes()

    def test_without_steps_nothing_is_said(self, backend):
        made = model(SGD(0.1, 0.9), backend)
        made.compile("mse", "adam")
        assert made.state.memory.keys() == {"m", "v"}

    def test_another_loss_or_rule_keeps_what_the_optimizer_remembers(self, backend):
        made = model(SGD(0.1, 0.9), backend)
        made.fit(X, Y, epochs=2, verbose=0)
        before = made.state
        for loss, rule in (("mae", "backprop"), ("mae", "fa"), ("mse", "dfa"), ("mse", "backprop")):
            made.compile(loss, SGD(0.1, 0.9), rule=rule)
            assert made.state.memory["velocity"].tobytes() == before.memory["velocity"].tobytes()
            assert made.state.step == before.step
        made.fit(X, Y, verbose=0)

    def test_feedback_of_the_same_kind_is_kept(self, backend):
        made = model(SGD(0.1, weight_decay=0.1), backend, "kp")
        made.fit(X, Y, epochs=2, verbose=0)
        learned = made.feedback["dense2"]["W"]
        made.compile("mae", SGD(0.1, weight_decay=0.1), rule="kp")
        np.testing.assert_array_equal(made.feedback["dense2"]["W"], learned)
        fresh = model(backend=backend, rule="fa")
        made.compile("mse", SGD(0.1), rule="fa")
        np.testing.assert_array_equal(made.feedback["dense2"]["W"], fresh.feedback["dense2"]["W"])


@BACKENDS
class TestWeights:
    """Weights set by hand."""

    @pytest.mark.parametrize("way", ["vector", "tree", "load"])
    def test_training_goes_on_with_them(self, backend, way):
        made = model(SGD(0.1, 0.9), backend)
        literal = Literal(made.get_weights(), momentum=0.9)
        steps(made, literal)
        other = model(backend=backend).get_weights() * 0.5
        if way == "vector":
            made.set_weights(other)
        elif way == "tree":
            made.set_params(made.params.layout.unravel(other))
        else:
            made.load_weights(made.params.layout.unravel(other))
        literal.w = Literal(other).w
        steps(made, literal)
        assert made.state.step == 6
        if way == "vector":
            made.set_weights(other, reset=True)
        elif way == "tree":
            made.set_params(made.params.layout.unravel(other), reset=True)
        else:
            made.load_weights(made.params.layout.unravel(other), reset=True)
        literal.w = Literal(other).w
        literal.forget()
        assert made.state.step == 0
        steps(made, literal)

    @pytest.mark.parametrize("moment", ["step", "before_step", "epoch"])
    def test_in_a_training(self, backend, moment):
        made = model(SGD(0.1, 0.9), backend)
        literal, other = Literal(made.get_weights(), momentum=0.9), 0.5 * made.get_weights()
        saved = []

        def change(self, loop, given):
            if loop.steps == 3:
                loop.model.set_weights(other)
            saved.append(loop.steps)

        kind = type("Change", (Callback,), {moment: change})
        made.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0, callbacks=[kind()])
        for number in range(9):
            if number == 3:
                literal.w = Literal(other).w
            k = number % 3 * 8
            literal.step(X[k : k + 8], Y[k : k + 8])
        same(made, literal)
        assert saved == sorted(set(saved))

    def test_dropout_does_not_repeat(self, backend):
        made = ln.Model([Input(3), Dropout(0.5), Dense(1)], seed=2, backend=backend)
        made.compile("mse", SGD(0.0))
        weights, seen = made.get_weights(), set()
        for _ in range(4):
            seen.add(round(made.train_step(X, Y).loss, 6))
            made.set_weights(weights)
        assert len(seen) == 4


class TestLoading:
    """Weights from a file or a tree."""

    def test_a_file(self, tmp_path):
        made, other = model(), model(Adam())
        other.fit(X, Y, epochs=2, verbose=0)
        other.save(tmp_path / "m.safetensors")
        report = made.load_weights(tmp_path / "m.safetensors")
        assert report
        assert report.loaded == ("dense1.W", "dense1.b", "dense2.W", "dense2.b")
        assert repr(report) == "LoadReport(4 loaded)"
        assert made.get_weights().tobytes() == other.get_weights().tobytes()

    @pytest.mark.parametrize("sign", [".", "/"])
    def test_a_file_of_another_program(self, tmp_path, sign):
        from safetensors.numpy import save_file

        made, other = model(), model()
        other.fit(X, Y, epochs=2, verbose=0)
        named = {sign.join(path): array for path, array in leaves(other.params)}
        save_file(named | {"step": np.zeros(3, "<f4")}, tmp_path / "m.safetensors")
        with pytest.raises(SettingError, match="lacks nothing, and the model lacks step: strict=False"):
            made.load_weights(tmp_path / "m.safetensors")
        report = made.load_weights(tmp_path / "m.safetensors", strict=False)
        assert not report
        assert report.unexpected == ("step",)
        assert made.get_weights().tobytes() == other.get_weights().tobytes()
        with pytest.raises(FileError, match=r"and set with model.load_weights"):
            ln.load(tmp_path / "m.safetensors")

    def test_parts_of_a_tree(self):
        made = model(SGD(0.1, 0.9))
        made.fit(X, Y, verbose=0)
        before, memory = made.params, made.state.memory
        report = made.load_weights({"dense1": {"W": np.ones((3, 4))}, "code": {"W": 1.0}}, strict=False)
        assert report.loaded == ("dense1.W",)
        assert report.missing == ("dense1.b", "dense2.W", "dense2.b")
        assert report.unexpected == ("code.W",)
        expected = "LoadReport(1 loaded, missing: dense1.b, dense2.W, dense2.b, unexpected: code.W)"
        assert repr(report) == expected
        np.testing.assert_array_equal(made.params["dense1"]["W"], 1.0)
        np.testing.assert_array_equal(made.params["dense2"]["W"], before["dense2"]["W"])
        np.testing.assert_array_equal(made.state.memory["velocity"], memory["velocity"])

    @pytest.mark.parametrize(
        ("source", "strict", "error", "text"),
        [
            ({"dense1": {"W": np.ones((4, 3))}}, False, ShapeError, r"dense1.W of shape \(4, 3\)"),
            (
                {"dense1": {"W": np.ones((3, 4))}},
                True,
                SettingError,
                "lacks dense1.b, dense2.W, dense2.b, and",
            ),
            ({"dense1": {"W": [["a"]]}}, False, DataError, "dense1.W is no array of numbers"),
            ({"dense1": {"W": [[1], [1, 2]]}}, False, DataError, "dense1.W is no array of numbers"),
            (
                {"dense1": {"W": np.ones((3, 4))}, "dense1.W": 1.0},
                False,
                SettingError,
                "two arrays named 'dense1.W'",
            ),
            (np.ones(3), True, SettingError, "expected the path of a file, or a tree"),
            ("nowhere.safetensors", True, FileError, "there is no such file"),
        ],
    )
    def test_all_or_nothing(self, source, strict, error, text):
        made = model()
        live = made.live
        with pytest.raises(error, match=text):
            made.load_weights(source, strict=strict)
        assert made.live is live

    def test_a_model_that_does_not_know_its_size(self, tmp_path):
        model().save(tmp_path / "m.safetensors")
        made = ln.Model([Dense(4), Dense(1)], dtype="float64")
        with pytest.raises(ShapeError, match="dense1.W of shape"):
            made.load_weights(tmp_path / "m.safetensors")
        assert "live" not in vars(made)
        made = ln.Model([Dense(4, name="dense1"), Dense(1, name="dense2")], dtype="float64")
        assert made.load_weights(tmp_path / "m.safetensors")
        assert made.get_weights().tobytes() == model().get_weights().tobytes()
        with pytest.raises(NotReadyError, match="input size"):
            ln.Model([Dense(4)]).load_weights({})
        made, fresh = (
            ln.Model([Dense(4, name="dense1"), Dense(2, name="code")], seed=7, dtype="float64")
            for _ in range(2)
        )
        report = made.load_weights(tmp_path / "m.safetensors", strict=False)
        assert (report.missing, report.unexpected) == (("code.W", "code.b"), ("dense2.W", "dense2.b"))
        fresh.build((3,))
        np.testing.assert_array_equal(made.params["code"]["W"], fresh.params["code"]["W"])
        np.testing.assert_array_equal(made.params["dense1"]["W"], model().params["dense1"]["W"])

    @pytest.mark.parametrize("shape", [3, "x", [3.5], ["a"], [10**30], [-1], [], {"a": 3}, [[3]], None])
    def test_a_shape_that_is_none(self, tmp_path, shape):
        model().save(tmp_path / "m.safetensors")
        description, arrays = container.read(tmp_path / "m.safetensors")
        container.write(tmp_path / "m.safetensors", arrays, description | {"input_shape": shape})
        made = ln.Model([Dense(4, name="dense1"), Dense(1, name="dense2")], dtype="float64")
        with pytest.raises(ln.errors.LucidnetError):
            made.load_weights(tmp_path / "m.safetensors")
        assert "live" not in vars(made)

    def test_load_on_an_instance_is_refused(self, tmp_path):
        made = model()
        made.save(tmp_path / "m.safetensors")
        for one in (made, copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
            with pytest.raises(
                SettingError, match=r"model.load_weights\('m.safetensors'\) takes the weights"
            ):
                one.load("m.safetensors")
        assert ln.Model.load(tmp_path / "m.safetensors").get_weights().any()


def layers(kind):
    if kind == "stateful":
        return [Input((5, 3)), LSTM(4, stateful=True), Dense(1)]
    norm = LayerNormalization() if kind == "perturbation" else BatchNormalization()
    return [Input(3), Dense(6, "tanh"), norm, Dropout(0.3), Dense(1)]


FILES = {
    "momentum": (SGD(ExponentialDecay(0.1, 0.9, 1), 0.9), "backprop"),
    "adam": (Adam(Cosine(0.1, 0.001, 20)), "backprop"),
    "average": (EMA(Adam(0.05), 0.9), "backprop"),
    "pairs": (LBFGS(), "backprop"),
    "kolen-pollack": (SGD(0.05, 0.9, weight_decay=0.01), "kp"),
    "mirror": (RMSprop(0.01), "wm"),
    "perturbation": (Adam(0.01), "np"),
    "stateful": (Adam(0.01), "backprop"),
}
SEQUENCES = RNG.normal(size=(24, 5, 3))


def trained(kind, backend):
    optimizer, rule = FILES[kind]
    net = [Input(3), Dense(6, "tanh"), Dense(1)] if kind == "pairs" else layers(kind)
    made = ln.Model(net, seed=3, dtype="float64", backend=backend)
    made.compile("mse", optimizer, ["mae"], rule=rule)
    go_on(made, kind)
    return made


def go_on(made, kind):
    x = SEQUENCES if kind == "stateful" else X
    batches = {} if kind == "pairs" else {"batch_size": 8}  # L-BFGS takes all
    made.fit(x, Y, epochs=2, shuffle=kind != "stateful", verbose=0, **batches)
    if kind != "pairs":
        made.train_step(x[:8], Y[:8])


def kept(made):
    state = made.state
    trees = (state.memory, state.feedback.weights, state.feedback.memory, state.carried)
    return [array for tree in trees for _, array in leaves(tree)]


def read_and_trained(path, kind):
    """Tell whether a file is one; what is in it can then be trained, or its numbers are too large."""
    try:
        made = ln.load(path)
    except FileError:
        return False
    with contextlib.suppress(NonFiniteError):
        go_on(made, kind)
    return True


class TestFiles:
    """A file holds a training, too."""

    @pytest.mark.parametrize(
        ("backend", "kind"),
        [
            *(("numpy", kind) for kind in FILES),
            *(("jax", kind) for kind in ("momentum", "kolen-pollack", "pairs", "stateful")),
        ],
    )
    def test_goes_on_as_the_one_in_memory(self, backend, kind, tmp_path, monkeypatch):
        monkeypatch.setenv("LUCIDNET_BACKEND", backend)
        made = trained(kind, backend)
        made.save(tmp_path / "m.safetensors")
        other = ln.load(tmp_path / "m.safetensors")
        assert other.backend == backend
        assert other.state.step == made.state.step > 0
        for one in (made, other):
            go_on(one, kind)
        assert made.get_weights().tobytes() == other.get_weights().tobytes()
        assert made.history == other.history
        assert made.state.step == other.state.step
        for mine, theirs in zip(kept(made), kept(other), strict=True):
            np.testing.assert_array_equal(mine, theirs)

    def test_what_it_runs_on(self, tmp_path):
        made = ln.Model([Input(3), Dense(4), Dense(1)], dtype="mixed_bfloat16", backend="jax")
        made.compile("mse", "adam")
        made.fit(X, Y, verbose=0)
        made.save(tmp_path / "m.safetensors")
        other, plain = (ln.load(tmp_path / "m.safetensors", backend=name) for name in ("jax", "numpy"))
        assert other.config == made.config
        assert plain.backend == "numpy"
        for one in (made, other, plain):
            one.fit(X, Y, epochs=2, verbose=0)
        assert made.get_weights().tobytes() == other.get_weights().tobytes() != plain.get_weights().tobytes()
        with pytest.raises(SettingError, match="backend must be"):
            ln.load(tmp_path / "m.safetensors", backend="torch")

    def test_what_was_set_is_in_the_file(self, tmp_path):
        made = model(SGD(0.1))
        made.fit(X, Y, verbose=0)
        made.set(momentum=0.9, clip=ClipGlobalNorm(1.0), learning_rate=Cosine(0.1, 0.001, 50))
        made.set(layer="dense1", constraint=MaxNorm(0.5), frozen=True)
        made.set(layer="dense2", l2=0.1)
        made.fit(X, Y, verbose=0)
        made.save(tmp_path / "m.safetensors")
        other = ln.load(tmp_path / "m.safetensors")
        assert (other.net, other.optimizer, other.changes) == (made.net, made.optimizer, made.changes)
        for one in (made, other):
            one.fit(X, Y, epochs=2, verbose=0)
        assert made.get_weights().tobytes() == other.get_weights().tobytes()

    def test_without_the_optimizer(self, tmp_path):
        made = ln.Model([Input(3), Dense(400), Dense(1)])
        made.compile("mse", "adam")
        made.fit(X, Y, epochs=2, verbose=0)
        made.save(tmp_path / "a.safetensors")
        made.save(tmp_path / "b.safetensors", optimizer=False)
        sizes = [(tmp_path / name).stat().st_size for name in ("a.safetensors", "b.safetensors")]
        assert sizes[0] > 2.4 * sizes[1]
        other = ln.load(tmp_path / "b.safetensors")
        assert other.state.step == 2
        assert not other.state.memory["m"].any()
        assert other.get_weights().tobytes() == made.get_weights().tobytes()

    @pytest.mark.parametrize(
        "name", ["m.h5", "m.keras", "m.pt", "m.pkl", "m.onnx", "m", "m.safetensor", "m.npz"]
    )
    def test_other_kinds_of_files_are_refused(self, name, tmp_path):
        with pytest.raises(
            SettingError, match=r"expected a file name that ends in \.safetensors, got .*m"
        ) as told:
            model().save(tmp_path / name)
        assert (": " in str(told.value).partition("got")[2]) == (name not in ("m", "m.safetensor"))
        assert not list(tmp_path.iterdir())

    def test_hostile_descriptions_are_file_errors(self, tmp_path):
        """Something in the state of a file is replaced, and the file has the right hash."""
        path = tmp_path / "m.safetensors"
        seen = 0
        for kind in ("kolen-pollack", "stateful", "pairs"):
            made = trained(kind, "numpy")
            made.set(learning_rate=0.03) if kind != "pairs" else None
            made.save(path)
            description, arrays = container.read(path)
            for part in ("state", "set"):
                text = json.dumps(description[part])
                for mutant in mutants(description[part]):
                    if json.dumps(mutant) == text:
                        continue
                    container.write(path, arrays, description | {part: mutant})
                    seen += not read_and_trained(path, kind)
            for name in [name for name in arrays if name.startswith("@state")]:
                for array in (
                    arrays[name][:-1],
                    arrays[name][None],
                    arrays[name].astype("<i4"),
                    arrays[name] != 0,
                ):
                    container.write(path, arrays | {name: array}, description)
                    seen += not read_and_trained(path, kind)
        assert seen > 100


def test_hostile_checkpoints_are_refused(tmp_path):
    """As above, of a checkpoint; what callbacks have written is theirs."""

    def fit(made, callbacks=()):
        settings = {"epochs": 3, "batch_size": 8, "verbose": 0, "record": ["*.W"]}
        with contextlib.suppress(Interruption, NonFiniteError):
            made.fit(X, Y, resume=tmp_path, callbacks=callbacks, **settings)

    fit(
        model(SGD(0.1, 0.9, weight_decay=0.1), rule="kp"),
        [Checkpoint(tmp_path, every_steps=1, keep=1), StopAt(7)],
    )
    (path,) = tmp_path.iterdir()
    description, arrays = container.read(path)
    del description["training"]["dict"]["callbacks"]["list"][:]
    refused = 0
    for key in ("training", "set", "history", "input_shape"):
        for mutant in list(mutants(description[key]))[::5]:
            for old in tmp_path.iterdir():
                old.unlink()
            container.write(path, arrays, description | {key: mutant})
            try:
                fit(model(SGD(0.1, 0.9, weight_decay=0.1), rule="kp"))
            except (FileError, SettingError, DataError):
                refused += 1
    assert refused > 50


WRONG = (
    None,
    -1,
    1 << 40,
    0.5,
    True,
    "x",
    [],
    {},
    [[]],
    {"array": "@state/step"},
    {"array": "dense1/W"},
    {"dict": {}},
)


def mutants(tree):
    """Yield a description with one of its parts replaced."""
    yield from WRONG
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield {name: inner for name, inner in tree.items() if name != key}
            yield from ({**tree, key: mutant} for mutant in mutants(value))
    if isinstance(tree, list):
        for k, value in enumerate(tree):
            yield from ([*tree[:k], mutant, *tree[k + 1 :]] for mutant in mutants(value))


def changing(loop, result):
    if loop.epoch == 1:
        loop.model.set(learning_rate=0.02, momentum=0.9)
        loop.model.set(layer="dense1", frozen=True)
    if loop.epoch == 3:
        loop.model.set(layer="dense1", frozen=False, l2=0.01)


@BACKENDS
class TestResume:
    """What was set is in checkpoints."""

    def fit(self, made, folder=None, callbacks=(), epochs=4):
        made.fit(X, Y, epochs=epochs, batch_size=8, verbose=0, resume=folder, callbacks=callbacks)
        return made.get_weights().tobytes()

    @pytest.mark.parametrize("stop", [4, 7, 9, 11])
    def test_comes_back(self, backend, stop, tmp_path):
        whole = self.fit(model(SGD(0.1), backend), None, [On(epoch=changing)])
        with pytest.raises(Interruption):
            saved = Checkpoint(tmp_path, every_steps=1)
            self.fit(model(SGD(0.1), backend), tmp_path, [On(epoch=changing), saved, StopAt(stop)])
        again = model(SGD(0.1), backend)
        assert self.fit(again, tmp_path, [On(epoch=changing)]) == whole
        assert again.optimizer == SGD(0.02, 0.9)
        assert again.net.layers[1].l2 == 0.01

    def test_of_two_trainings(self, backend, tmp_path):
        """Set between two calls of fit; then the same script is run again, and again from half-way."""

        def script(made, stop=()):
            made.set(layer="dense1", learning_rate=0.07)
            self.fit(made, tmp_path, epochs=2)
            made.set(learning_rate=0.01)
            return self.fit(made, tmp_path, [*stop], epochs=4)

        whole = model(SGD(0.1), backend)
        whole.set(layer="dense1", learning_rate=0.07)
        self.fit(whole, epochs=2)
        whole.set(learning_rate=0.01)
        expected = self.fit(whole, epochs=2)
        with pytest.raises(Interruption):
            script(model(SGD(0.1), backend), [StopAt(11)])
        assert script(model(SGD(0.1), backend)) == expected
        assert script(model(SGD(0.1), backend)) == expected

    def test_with_a_factor_on_a_plateau(self, backend, tmp_path):
        def callbacks():
            change = On(epoch=lambda loop, result: loop.model.set(momentum=0.5) if loop.epoch == 2 else None)
            return [ReduceOnPlateau("loss", 0.5, 0, min_delta=100.0), change]

        whole = model(SGD(0.1), backend)
        expected = self.fit(whole, None, callbacks(), 5)
        for stop in (5, 8, 11):
            with pytest.raises(Interruption):
                saved = Checkpoint(tmp_path / str(stop), every_steps=1)
                self.fit(
                    model(SGD(0.1), backend), tmp_path / str(stop), [*callbacks(), saved, StopAt(stop)], 5
                )
            again = model(SGD(0.1), backend)
            assert self.fit(again, tmp_path / str(stop), callbacks(), 5) == expected
            assert again.optimizer == whole.optimizer == SGD(0.1, 0.5)

    def test_another_training_is_refused(self, backend, tmp_path):
        self.fit(model(SGD(0.1), backend), tmp_path, [On(epoch=changing)])
        with pytest.raises(SettingError, match="is of another training: optimizer.learning_rate"):
            self.fit(model(SGD(0.02), backend), tmp_path)


def test_killed_between_set_and_resume(tmp_path):
    """A process that ends without a word; another goes on with what it had set."""
    program = (
        "import os, sys, numpy as np, lucidnet as ln\n"
        "from lucidnet.callbacks import On\n"
        "rng = np.random.default_rng(0)\n"
        "x, y = rng.normal(size=(24, 3)), rng.normal(size=(24, 1))\n"
        "model = ln.Model([ln.layers.Input(3), ln.layers.Dense(4), ln.layers.Dense(1)])\n"
        "model.compile('mse', 'sgd')\n"
        "def change(loop, result):\n"
        "    if loop.epoch == 2: loop.model.set(learning_rate=0.1, momentum=0.5)\n"
        "    if loop.epoch == 4 and sys.argv[2] == 'die': os.kill(os.getpid(), 9)\n"
        "model.fit(x, y, epochs=6, verbose=0, resume=sys.argv[1], callbacks=[On(epoch=change)])\n"
        "print(model.get_weights().tobytes().hex(), model.optimizer)\n"
    )

    def run(folder, how):
        command = [sys.executable, "-c", program, str(tmp_path / folder), how]
        return subprocess.run(command, capture_output=True, text=True, timeout=100, env=dict(os.environ))

    assert run("a", "die").returncode == -9
    again, whole = run("a", "live"), run("b", "live")
    assert again.stdout == whole.stdout
    assert again.stdout.endswith("SGD(0.1, 0.5)\n"), again.stderr


def test_copies_have_what_was_set():
    made = model(SGD(0.1))
    made.fit(X, Y, verbose=0)
    made.set(momentum=0.9)
    made.set(layer="dense1", frozen=True)
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other.changes == made.changes
        assert other.base == made.base
        twin = copy.deepcopy(made)
        for one in (twin, other):
            one.set(layer="dense1", frozen=False)
            one.fit(X, Y, verbose=0)
        assert twin.get_weights().tobytes() == other.get_weights().tobytes()
        assert made.net.layers[1].frozen


def test_nothing_else_is_said():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = model(Adam())
        made.fit(X, Y, verbose=0)
        made.compile("mae", Adam(0.1))
        made.set(beta1=0.5)


# --- what people type -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("lr", r"set\(learning_rate=...\)"),
        ("learning_rate", r"set\(learning_rate=...\)"),
        ("frozen", r"set\(layer=..., frozen=...\)"),
        ("trainable", r"set\(layer=..., frozen=...\)"),
        ("layers", "net.layers"),
        ("weights", "params"),
    ],
)
def test_attributes_that_would_change_nothing(attribute, message):
    made = model()
    with pytest.raises(
        AttributeError, match=f"a model's '{attribute}' cannot be set: here it is .*{message}"
    ):
        setattr(made, attribute, 1)
    made.note = "one's own"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": 0.1}, "here it is learning_rate"),
        ({"layer": "dense1", "trainable": False}, "here it is frozen"),
        ({"frozen": True}, r"frozen is a setting of layers: set\(layer='dense1', frozen=...\)"),
    ],
)
def test_settings_by_other_names(settings, message):
    with pytest.raises(ln.errors.LucidnetError, match=message):
        model().set(**settings)


def test_weights_that_were_handed_out_cannot_be_written():
    made = model()
    for tree in (made.params, made.params["dense1"]):
        for write in (
            lambda tree: tree.__setitem__("W", 0),
            lambda tree: tree.update(W=0),
            lambda tree: tree.clear(),
            lambda tree: tree.pop("W", None),
            lambda tree: tree.__ior__({"W": 0}),
            lambda tree: tree.setdefault("W", 0),
        ):
            with pytest.raises(ln.errors.SettingError, match="give a new tree to set_params"):
                write(tree)
    own = copy.deepcopy(made.params)
    own["dense1"]["b"] = np.ones_like(own["dense1"]["b"])
    made.set_params(own)
    assert (made.params["dense1"]["b"] == 1).all()
    assert (made.params | {"x": 1})["x"] == 1


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("seed", 7, r"seed: this model was made with seed=2, .* Model\(..., seed=7\) makes another"),
        ("dtype", "float32", "dtype: this model was made with dtype='float64'"),
        ("loss", "mae", r"a model's loss cannot be set: call compile\(loss=...\)"),
        ("params", {}, r"a model's params cannot be set: call set_params"),
        ("history", None, "history: expected a History, or lists of one length by name, got None"),
        ("history", {"loss": [1.0], "mae": []}, "history: expected a History, or lists of one length"),
        ("metrics", ["nothing"], "'nothing'"),
        ("state", 3, "state: expected a state, as model.state gives it, got 3"),
    ],
)
def test_attributes_that_cannot_be_set_afterwards(attribute, value, message):
    made = model()
    before = made.get_weights()
    with pytest.raises((ln.errors.LucidnetError, AttributeError), match=message):
        setattr(made, attribute, value)
    np.testing.assert_array_equal(made.get_weights(), before)
    made.seed = 2  # as it is


def test_metrics_and_history_that_are_set_are_those_of_compile_and_of_a_history():
    made = model()
    made.metrics, made.history = ["mae"], {"loss": (2.0,)}
    made.fit(X, Y, verbose=0)
    assert made.history.epochs == 2 and math.isnan(made.history["mae"][0])
    assert made.metrics == (ln.metrics.get("mae"),)


@BACKENDS
def test_a_state_of_another_model_is_refused(backend):
    """It was taken, and led to errors steps later, or to a memory that no optimizer moved."""
    made, twin = model(Adam(0.1), backend, "kp"), model(Adam(0.1), backend, "kp")
    made.fit(X, Y, verbose=0)
    twin.state = made.state
    for each in (made, twin):
        each.train_step(X, Y)
    np.testing.assert_array_equal(twin.get_weights(), made.get_weights())
    wide = ln.Model([Input(3), Dense(5, "tanh"), Dense(1)], dtype="float64", backend=backend)
    wide.compile("mse", Adam(0.1), rule="kp")
    single = ln.Model([Input(3), Dense(4, "tanh"), Dense(1)], backend=backend)
    single.compile("mse", Adam(0.1), rule="kp")
    for other, message in (
        (model(SGD(0.1), backend, "kp"), "of what the optimizer remembers, m is there in it, and not there"),
        (wide, r"of its weights, dense1.W is \(3, 4\) in it, and \(3, 5\) here"),
        (single, "of its weights, dtype is float64 in it, and float32 here"),
        (model(Adam(0.1), backend), "of its feedback weights, dense2.W is .* in it, and not there here"),
    ):
        other.build()
        before = other.get_weights()
        with pytest.raises(
            ShapeError, match=f"state: it is of another model, or of other settings: {message}"
        ):
            other.state = made.state
        np.testing.assert_array_equal(other.get_weights(), before)
