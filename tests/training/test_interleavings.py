"""Whatever is done to models, in whatever order, gives what a model of plain arrays gives.

The literal model below is written out for one network (4-3-2, tanh, mean squared error, SGD with momentum): its
weights are arrays that are copied at each step, so nothing that was handed out can change.
"""

import copy
import pickle
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule

import lucidnet as ln
from lucidnet.callbacks import Callback
from lucidnet.errors import SettingError
from lucidnet.layers import Dense, Input
from lucidnet.optimizers import SGD

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 4)), RNG.normal(size=(12, 2))
ROWS = 4
PLACES = (("dense1", "W"), ("dense1", "b"), ("dense2", "W"), ("dense2", "b"))
NUMBERS = st.sampled_from([0.0, 0.03, 0.1, 0.5])


@dataclass(frozen=True)
class Literal:
    """What is expected of a model: all arrays are new at each step."""

    weights: tuple[np.ndarray, ...]
    velocity: tuple[np.ndarray, ...]
    step: int = 0
    rate: float = 0.1
    momentum: float = 0.5
    rates: tuple[float | None, float | None] = (None, None)
    l2: tuple[float, float] = (0.0, 0.0)
    frozen: tuple[bool, bool] = (False, False)
    feedback: np.ndarray | None = None
    """Feedback alignment's weights of the second layer."""

    def output(self, x):
        W1, b1, W2, b2 = self.weights
        return np.tanh(x @ W1 + b1) @ W2 + b2

    def loss(self, x, y):
        penalty = sum(l2 * (W**2).sum() for l2, W in zip(self.l2, self.weights[::2], strict=True))
        return ((self.output(x) - y) ** 2).mean() + penalty

    def stepped(self, x, y):
        W1, b1, W2, b2 = self.weights
        h = np.tanh(x @ W1 + b1)
        dy = 2 * (h @ W2 + b2 - y) / y.size
        back = W2 if self.feedback is None else self.feedback
        dz = (dy @ back.T) * (1 - h * h)
        grads = [x.T @ dz + 2 * self.l2[0] * W1, dz.sum(0), h.T @ dy + 2 * self.l2[1] * W2, dy.sum(0)]
        weights, velocity = list(self.weights), list(self.velocity)
        for i, grad in enumerate(grads):
            if not self.frozen[i // 2]:
                own = self.rates[i // 2]
                moved = self.momentum * velocity[i] + grad
                weights[i] = weights[i] - (self.rate if own is None else own) * moved
                velocity[i] = moved if self.momentum else velocity[i]  # which nobody remembers then
        return replace(self, weights=tuple(weights), velocity=tuple(velocity), step=self.step + 1)


@dataclass
class Pair:
    """A model and what is expected of it, and what it handed out with copies made at once."""

    model: ln.Model
    literal: Literal
    handed: list = field(default_factory=list)

    def compare(self):
        assert self.model.state.step == self.literal.step
        for (layer, name), expected in zip(PLACES, self.literal.weights, strict=True):
            np.testing.assert_allclose(self.model.params[layer][name], expected, rtol=1e-9, atol=1e-12)
        for array, kept in self.handed:
            np.testing.assert_array_equal(array, kept)

    def keep(self):
        for layer, name in PLACES:
            array = self.model.params[layer][name]
            self.handed.append((array, np.array(array)))
        vector = self.model.state.vector
        self.handed.append((vector, np.array(vector)))


def batch(number):
    begin = number % 3 * ROWS
    return X[begin : begin + ROWS], Y[begin : begin + ROWS]


class Sets(Callback):
    """Does something to the model after a step of a fit."""

    def __init__(self, at, action):
        self.at, self.action, self.done = at, action, False

    def room(self, step):
        return 1

    def step(self, loop, measured):
        if loop.batch == self.at and not self.done:
            self.done = True
            self.action(loop.model)


class Machine(RuleBasedStateMachine):
    backend = "numpy"
    pairs = Bundle("pairs")

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.all = []

    def teardown(self):
        for pair in self.all:
            pair.compare()
        self.folder.cleanup()

    def known(self, model, literal):
        pair = Pair(model, literal)
        self.all.append(pair)
        pair.compare()
        return pair

    @initialize(target=pairs, fa=st.booleans())
    def begin(self, fa):
        model = ln.Model([Input(4), Dense(3, "tanh"), Dense(2)], dtype="float64", backend=self.backend)
        model.compile("mse", SGD(0.1, momentum=0.5), rule="fa" if fa else "backprop")
        weights = tuple(np.array(model.params[layer][name]) for layer, name in PLACES)
        feedback = np.array(model.feedback["dense2"]["W"]) if fa else None
        return self.known(
            model, Literal(weights, tuple(np.zeros_like(w) for w in weights), feedback=feedback)
        )

    def refused(self, pair, train):
        """Say whether all layers are frozen; if so, a training is refused."""
        if all(pair.literal.frozen):
            with pytest.raises(SettingError, match="no parameters that are not frozen"):
                train()
        return all(pair.literal.frozen)

    @rule(pair=pairs, number=st.integers(0, 2))
    def train_step(self, pair, number):
        x, y = batch(number)
        if self.refused(pair, lambda: pair.model.train_step(x, y)):
            return
        result = pair.model.train_step(x, y)
        np.testing.assert_allclose(result.loss, pair.literal.loss(x, y), rtol=1e-9)
        pair.literal = pair.literal.stepped(x, y)

    @rule(pair=pairs)
    def fit(self, pair):
        if self.refused(pair, lambda: pair.model.fit(X, Y, verbose=0)):
            return
        pair.model.fit(X, Y, batch_size=ROWS, shuffle=False, verbose=0)
        for number in range(3):
            pair.literal = pair.literal.stepped(*batch(number))

    @rule(target=pairs, pair=pairs, at=st.integers(1, 3), pickled=st.booleans(), rate=NUMBERS)
    def fit_with_callbacks(self, pair, at, pickled, rate):
        """In the middle of a fit the model is copied, and gets another rate."""
        if self.refused(pair, lambda: pair.model.fit(X, Y, verbose=0)):
            return multiple()
        copies = []

        def action(model):
            copies.append(pickle.loads(pickle.dumps(model)) if pickled else copy.deepcopy(model))
            model.set(learning_rate=rate)

        pair.model.fit(X, Y, batch_size=ROWS, shuffle=False, callbacks=[Sets(at, action)], verbose=0)
        middle = pair.literal
        for number in range(3):
            pair.literal = pair.literal.stepped(*batch(number))
            if number + 1 == at:
                middle, pair.literal = pair.literal, replace(pair.literal, rate=rate)
        return self.known(copies[0], middle)

    @rule(target=pairs, pair=pairs, way=st.sampled_from(["deepcopy", "copy", "pickle"]))
    def copied(self, pair, way):
        model = pair.model
        made = pickle.loads(pickle.dumps(model)) if way == "pickle" else getattr(copy, way)(model)
        return self.known(made, pair.literal)

    @rule(target=pairs, pair=pairs, optimizer=st.booleans())
    def saved_and_loaded(self, pair, optimizer):
        path = Path(self.folder.name) / "model.safetensors"
        pair.model.save(path, optimizer=optimizer)
        literal = pair.literal
        if not optimizer:
            literal = replace(literal, velocity=tuple(np.zeros_like(v) for v in literal.velocity))
        loaded = ln.load(path)
        if self.backend != "numpy":
            loaded = self.moved(loaded)
        return self.known(loaded, literal)

    def moved(self, model):
        model.config = ln.Model([Dense(1)], backend=self.backend).config
        return model

    @rule(pair=pairs, momentum=NUMBERS, rate=NUMBERS)
    def set_optimizer(self, pair, momentum, rate):
        pair.model.set(learning_rate=rate, momentum=momentum)
        velocity = pair.literal.velocity
        if not momentum:  # without momentum there is no velocity to remember
            velocity = tuple(np.zeros_like(v) for v in velocity)
        pair.literal = replace(pair.literal, rate=rate, momentum=momentum, velocity=velocity)

    @rule(pair=pairs, which=st.integers(0, 1), frozen=st.booleans(), own=st.none() | NUMBERS, l2=NUMBERS)
    def set_layer(self, pair, which, frozen, own, l2):
        pair.model.set(layer=f"dense{which + 1}", frozen=frozen, learning_rate=own, l2=l2)
        literal = pair.literal
        for name, value in (("frozen", frozen), ("rates", own), ("l2", l2)):
            old = list(getattr(literal, name))
            old[which] = value
            literal = replace(literal, **{name: tuple(old)})
        pair.literal = literal

    @rule(pair=pairs, other=pairs, reset=st.booleans())
    def load_weights_of_another(self, pair, other, reset):
        before = [np.array(w) for w in other.literal.weights]
        pair.model.load_weights(other.model.params, reset=reset)
        pair.literal = replace(pair.literal, weights=tuple(before))
        self.reset(pair, reset)

    @rule(pair=pairs, scale=st.sampled_from([0.5, 1.5]), reset=st.booleans())
    def set_weights(self, pair, scale, reset):
        vector = scale * pair.model.get_weights()
        pair.model.set_weights(vector, reset=reset)
        vector[:] = 7  # the caller's own
        pair.literal = replace(pair.literal, weights=tuple(scale * w for w in pair.literal.weights))
        self.reset(pair, reset)

    def reset(self, pair, reset):
        if reset:
            velocity = tuple(np.zeros_like(v) for v in pair.literal.velocity)
            pair.literal = replace(pair.literal, velocity=velocity, step=0)

    @rule(pair=pairs)
    def looked_at(self, pair):
        pair.keep()
        outputs, expected = pair.model.predict(X), pair.literal.output(X)
        np.testing.assert_allclose(outputs, expected, rtol=1e-9, atol=1e-12)
        pair.handed.append((outputs, outputs.copy()))
        np.testing.assert_allclose(pair.model.evaluate(X, Y).loss, pair.literal.loss(X, Y), rtol=1e-9)

    @rule(pair=pairs)
    def compared(self, pair):
        pair.compare()


class OnJax(Machine):
    backend = "jax"


def settings(examples, steps):
    return hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )


def test_numpy():
    hypothesis.stateful.run_state_machine_as_test(Machine, settings=settings(60, 30))


def test_jax():
    pytest.importorskip("jax")
    hypothesis.stateful.run_state_machine_as_test(OnJax, settings=settings(8, 15))


@pytest.mark.slow
def test_many():
    hypothesis.stateful.run_state_machine_as_test(Machine, settings=settings(2000, 50))


@pytest.mark.slow
def test_many_on_jax():
    pytest.importorskip("jax")
    hypothesis.stateful.run_state_machine_as_test(OnJax, settings=settings(100, 30))
