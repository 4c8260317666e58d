"""Learning from a stream on JAX is learning from a stream on NumPy: some hundred steps, in float64, to 1e-10."""

import numpy as np
import pytest
from pairs import flat

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.backend import namespace
from lucidnet.backend.queue import exchanged, queue
from lucidnet.engine import on_jax, programs
from lucidnet.errors import NonFiniteError, SettingError, ShapeError
from lucidnet.layers import GRU, LSTM, Dense, Input, LeakyRNN, SimpleRNN
from lucidnet.optimizers import SGD, Adam, AdamW, ClipGlobalNorm, MaxNorm, schedules
from lucidnet.rules import Rule, SnAp, TruncatedBPTT
from lucidnet.rules.time import kernl, rtrl

jnp = pytest.importorskip("jax.numpy")

CELL = LeakyRNN(4, tau=2.0, return_sequences=True)
N, T = 2, 200
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(T, N, 2)), RNG.normal(size=(T, N, 1))
LABELS = RNG.integers(0, 3, (T, N))


def learner(backend, layers=(), rule="rflo", optimizer=None, loss="mse", **settings):
    layers = layers or [CELL, Dense(1)]
    model = ln.Model([Input((None, 2)), *layers], seed=3, dtype="float64", backend=backend)
    model.compile(loss, optimizer or SGD(0.05))
    return model.online(rule, **settings)


def halves(online, y=Y, weights=None):
    """Learn from a stretch and from another of the same length; return outputs and losses."""
    found = []
    for part in (slice(0, T // 2), slice(T // 2, T)):
        found += [online.run(X[part], y[part], None if weights is None else weights[part]), online.losses]
    return found


def both(scenario, **settings):
    """Go through the same on both, and compare all that is left."""
    plain, fast = (learner(backend, **settings) for backend in ("numpy", "jax"))
    for one, two in zip(scenario(fast), scenario(plain), strict=True):
        close(one, two)
    assert (fast.steps, fast.learned) == (plain.steps, plain.learned)
    assert fast.model.state.step == plain.model.state.step
    close(fast.loss, plain.loss)
    close(flat(fast.feedback), flat(plain.feedback))
    for name, slot in plain.model.state.memory.items():
        close(fast.model.state.memory[name], slot)
    close(fast.model.get_weights(), plain.model.get_weights())
    assert np.abs(plain.model.get_weights() - learner("numpy", **settings).model.get_weights()).max() > 1e-3


def close(one, two):
    one, two = np.asarray(one), np.asarray(two)
    assert one.shape == two.shape
    np.testing.assert_array_equal(np.isnan(one), np.isnan(two))
    assert np.nanmax(np.abs(one - two), initial=0) <= 1e-10 * max(np.nanmax(np.abs(two), initial=0), 1)


RULES = [
    ("rtrl", GRU),
    ("snap1", LSTM),
    (SnAp(2), SimpleRNN),
    ("rflo", GRU),
    ("eprop", LSTM),
    (TruncatedBPTT(5), LSTM),
    (TruncatedBPTT(7, 4), LeakyRNN),
    (Rule("fa", "rflo"), LeakyRNN),
    (Rule("drtp", TruncatedBPTT(3)), GRU),
]


@pytest.mark.parametrize(("rule", "kind"), RULES, ids=str)
def test_rules(rule, kind):
    both(halves, layers=[kind(4, return_sequences=True), Dense(1)], rule=rule)


def test_a_stack_of_layers():
    layers = [GRU(3, return_sequences=True, rule="snap1"), Dense(3, "tanh"), CELL, Dense(1)]
    both(halves, layers=layers, rule=Rule("dfa", "rflo"))


@pytest.fixture
def own_programs():
    """Let what is compiled in a test be compiled for it alone: it changes what the programs are made of."""
    programs.PROGRAMS.clear()
    yield
    programs.PROGRAMS.clear()


class Waves:
    """Numbers that stand in for random ones: the same on both backends."""

    def __init__(self, array, seed, step, path):
        self.array, self.step, self.path = array, step, path

    @classmethod
    def like(cls, array, seed, step, path):
        return cls(array, seed, step, path)

    def child(self, name):
        return Waves(self.array, 0, self.step, (*self.path, name))

    def normal(self, shape):
        xp = namespace(self.array)
        places = xp.arange(np.prod(shape), dtype=self.array.dtype).reshape(shape)
        return xp.sin(1e4 * xp.sin(places + 1.7 * self.step + len(self.path[-1])))

    def bernoulli(self, shape, probability):
        return self.normal(shape) > 0


@pytest.mark.parametrize("rule", ["uoro", "kernl"])
def test_rules_with_noise(rule, monkeypatch, own_programs):
    """Each backend draws its own numbers; given the same, they do the same. With its own, JAX repeats itself."""
    settings = {"rule": rule, "optimizer": SGD(0.005)}
    one, two = (learner("jax", **settings) for _ in range(2))
    for online in (one, two):
        halves(online)
    np.testing.assert_array_equal(one.model.get_weights(), two.model.get_weights())
    np.testing.assert_array_equal(flat(one.feedback), flat(two.feedback))
    for module in (rtrl, kernl):
        monkeypatch.setattr(module, "StepStream", Waves)
    programs.PROGRAMS.clear()
    both(halves, **settings)
    other = learner("numpy", **settings)
    halves(other)
    assert np.abs(other.model.get_weights() - one.model.get_weights()).max() > 1e-6


SETTINGS = {
    "delay": {"delay": 3, "rule": TruncatedBPTT(4)},
    "every and delay, Adam, clipped": {
        "every": 4,
        "delay": 2,
        "optimizer": Adam(0.01, clip=ClipGlobalNorm(0.1)),
    },
    "schedules": {
        "every": 2,
        "optimizer": SGD(
            schedules.Cosine(0.1, 0.0, 90), momentum=schedules.Polynomial(0.9, 0.5, 90), nesterov=True
        ),
    },
    "schedule of weight decay": {"optimizer": AdamW(0.01, weight_decay=schedules.StepDecay(0.1, 50, 0.5))},
    "settings of layers": {
        "every": 2,
        "optimizer": SGD(0.05, momentum=0.9, weight_decay=0.001),
        "layers": [
            Dense(3, "tanh", frozen=True),
            LeakyRNN(
                4, return_sequences=True, learning_rate=schedules.Cosine(0.1, 0.0, 90), l1=1e-3, l2=1e-2
            ),
            Dense(3, "tanh", weight_decay=0.1, constraint=MaxNorm(0.3)),
            Dense(1, learning_rate=0.02),
        ],
    },
    "layers side by side, and the last output only": {
        "delay": 2,
        "layers": [L.Concatenate([CELL, Dense(2, "gelu")]), L.LayerNormalization(), GRU(3), Dense(1)],
    },
}


@pytest.mark.filterwarnings("ignore::lucidnet.errors.InexactWarning")
@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name):
    both(halves, **SETTINGS[name])


@pytest.mark.parametrize(
    ("loss", "last", "y"),
    [
        ("categorical_crossentropy", Dense(3, "softmax"), LABELS),
        ("binary_crossentropy", Dense(1, "sigmoid"), (Y > 0).astype(float)),
    ],
)
def test_losses_that_take_the_activation_over_and_weights(loss, last, y):
    weights = RNG.uniform(size=(T, N))
    both(lambda online: halves(online, y, weights), loss=loss, layers=[CELL, last])


@pytest.mark.parametrize("rule", [TruncatedBPTT(4, 2), "kernl"], ids=str)
def test_steps_and_stretches_may_be_mixed(rule, monkeypatch, tmp_path, own_programs):
    """With targets missing at times, the weights looked at, and new sequences begun."""
    for module in (rtrl, kernl):
        monkeypatch.setattr(module, "StepStream", Waves)

    def scenario(online):
        model, found = online.model, []
        for begin in range(0, 80, 40):
            for t in range(begin, begin + 4):
                found.append(online.step(X[t], Y[t] if t % 2 else None))
                found.append(model.get_weights())
            found += [online.run(X[begin + 4 : begin + 20], Y[begin + 4 : begin + 20]), online.losses]
            found += [online.run(X[begin + 20 : begin + 36]), online.losses, model.predict(X[:5])]
            found += [online.step(X[begin + 36], Y[begin + 36])]
            model.save(tmp_path / "saved.safetensors")
            found += [ln.load(tmp_path / "saved.safetensors").get_weights()]
            online.reset()
            assert online.states == {} == online.traces
        return found

    both(scenario, rule=rule, every=2)


def test_a_stretch_is_its_steps():
    one, two = learner("numpy", delay=2), learner("numpy", delay=2)
    outputs = one.run(X[:50], Y[:50])
    steps = [(two.step(X[t], Y[t]), two.losses) for t in range(50)]
    np.testing.assert_array_equal(outputs, [y for y, _ in steps])
    np.testing.assert_array_equal(one.losses, [losses[0] for _, losses in steps])
    assert np.isnan(one.losses[:2]).all() and np.isfinite(one.losses[2:]).all()
    np.testing.assert_array_equal(one.model.get_weights(), two.model.get_weights())


def test_a_long_stretch_is_worked_through_in_parts(monkeypatch):
    monkeypatch.setattr(on_jax.OnJax, "most_times", 30)
    both(lambda online: [online.run(X[:100], Y[:100]), online.losses], delay=4, every=3)


def test_a_program_is_compiled_once_for_each_shape(monkeypatch):
    programs.PROGRAMS.clear()
    online = learner("jax", optimizer=Adam(schedules.Cosine(0.01, 0.0, 100)), every=2)

    def traced():
        for t in range(6):
            online.step(X[t], Y[t])
        online.model.get_weights()
        return online.model.executor.programs

    first = traced()
    online.reset()
    assert traced() == first
    for t in range(6):
        online.step(X[t], None if t % 2 else Y[t])
    second = online.model.executor.programs
    assert second > first
    for t in range(6):
        online.step(X[t], None if t % 3 else Y[t])
    assert online.model.executor.programs == second


@pytest.mark.parametrize("whole", [False, True], ids=["steps", "a stretch"])
def test_a_gradient_that_is_not_finite_is_found(whole):
    """The weights of the last good step are kept, on both the same; and it can go on."""
    found, x = [], X[:60].copy()
    x[25] = 1e200  # the error is finite, its product with the input is not
    for backend in ("numpy", "jax"):
        layers = [SimpleRNN(3, activation="linear", return_sequences=True), Dense(1)]
        online = learner(backend, layers, "rtrl", every=2)
        with pytest.raises(NonFiniteError, match="the weights are kept") as error:
            if whole:
                online.run(x, Y[:60])
            for t in range(60):
                online.step(x[t], Y[t])
        assert online.steps == 25
        assert online.states == {}
        kept = online.model.get_weights()
        online.run(X[:25], Y[:25])
        found.append((str(error.value), kept, online.model.get_weights()))
    assert found[0][0] == found[1][0]
    assert found[0][0].startswith("step 12:")
    for one, two in zip(found[0][1:], found[1][1:], strict=True):
        assert np.isfinite(one).all()
        close(two, one)


def test_an_interruption_loses_no_weights(monkeypatch):
    plain, fast = learner("numpy"), learner("jax")
    for online in (plain, fast):
        online.run(X[:10], Y[:10])
    block = programs.Programs.block

    def interrupted(*given, **named):
        block(*given, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(programs.Programs, "block", interrupted)
        fast.run(X[10:20], Y[10:20])
    assert fast.steps == 10
    close(fast.model.get_weights(), plain.model.get_weights())
    for online in (plain, fast):
        online.run(X[10:20], Y[10:20])
    close(fast.model.get_weights(), plain.model.get_weights())


def test_weights_that_others_change():
    """A second learner, a step on a batch, other weights, another optimizer: each goes on from the last."""

    def scenario(online):
        model = online.model
        other = model.online("rtrl")
        for begin in range(0, 40, 20):
            online.run(X[begin : begin + 10], Y[begin : begin + 10])
            other.run(X[begin : begin + 10], Y[begin : begin + 10])
            model.train_step(X[:8].swapaxes(0, 1), Y[:8].swapaxes(0, 1))
            online.run(X[begin + 10 : begin + 20], Y[begin + 10 : begin + 20])
            model.set_weights(0.9 * model.get_weights())
        with pytest.warns(UserWarning, match="its memory begins anew"):
            model.compile("mse", Adam(0.01))
        return [online.run(X[40:50], Y[40:50])]

    both(scenario, optimizer=SGD(0.05, momentum=0.9))


def test_float32_by_default():
    model = ln.Model([Input((None, 2)), CELL, Dense(1)], backend="jax")
    model.compile("mse", SGD(0.05))
    online = model.online("rflo")
    assert online.step(X[0], Y[0]).dtype == online.run(X[:1], Y[:1]).dtype == np.float32
    assert model.get_weights().dtype == np.float32


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_errors(backend):
    online = learner(backend)
    with pytest.raises(ShapeError, match=r"expected inputs \(n, 2\) of one time.* got shape \(2, 3\)"):
        online.step(np.zeros((2, 3)), Y[0])
    with pytest.raises(ShapeError, match=r"a target for each input, .*\(5, 2\), got \(4, 2, 1\)"):
        online.run(X[:5], Y[:4])
    with pytest.raises(ShapeError, match=r"a weight for each input, \(5, 2\).* got shape \(5,\)"):
        online.run(X[:5], Y[:5], np.ones(5))
    with pytest.raises(ShapeError, match="expected inputs"):
        online.run(X[:0])
    online.step(X[0], Y[0])
    with pytest.raises(ShapeError, match="goes on in the states of 2 sequences, got a batch of 1"):
        online.step(X[0, :1], Y[0, :1])


def test_what_cannot_be_put_aside_says_so():
    a = jnp.ones(2)
    held, old = exchanged(queue((a, {"k": (3, "same")}), 2), jnp.asarray(1), (2 * a, {"k": (3, "same")}))
    assert old[1] == {"k": (3, "same")} and not old[0].any()
    assert exchanged(held, jnp.asarray(1), (a, {"k": (3, "same")}))[1][0].tolist() == [2, 2]
    with pytest.raises(SettingError, match="what a layer keeps as object"):
        queue((a, object()), 2)
